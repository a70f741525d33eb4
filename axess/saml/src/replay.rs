use axess_factors::federated::{BoxFuture, FederationError};
use chrono::{DateTime, Utc};

/// Remembers which assertions were used, for as long as they could be used again.
///
/// An answer to a request is used once because the request is. One that nobody asked for has nothing else to stop it
/// from coming back: [`crate::SamlConfig::allow_unsolicited`] needs a guard. It is shared by all processes that take
/// logins.
///
/// ```
/// use axess_saml::ReplayGuard;
/// use axess_factors::federated::{BoxFuture, FederationError};
/// use chrono::{DateTime, Utc};
/// use std::{collections::HashSet, sync::Mutex};
///
/// /// For one process that never ends.
/// struct InMemory(Mutex<HashSet<(String, String)>>);
///
/// impl ReplayGuard for InMemory {
///     fn claim<'a>(
///         &'a self,
///         issuer: &'a str,
///         id: &'a str,
///         _until: DateTime<Utc>,
///         _now: DateTime<Utc>,
///     ) -> BoxFuture<'a, Result<bool, FederationError>> {
///         let is_new = self.0.lock().map(|mut used| used.insert((issuer.to_owned(), id.to_owned())));
///         let is_new = is_new.map_err(|_| FederationError::unavailable("the replay store", "poisoned"));
///         Box::pin(std::future::ready(is_new))
///     }
/// }
/// ```
pub trait ReplayGuard: Send + Sync {
    /// Notes that an assertion is used, and tells whether it is for the first time.
    ///
    /// Two calls at the same time must not both be told so. It may be forgotten after `until`.
    ///
    /// # Errors
    ///
    /// [`FederationError::Unavailable`] when that cannot be known; then the login fails.
    fn claim<'a>(
        &'a self,
        issuer: &'a str,
        id: &'a str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, FederationError>>;
}
