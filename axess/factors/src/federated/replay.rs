use super::{BoxFuture, FederationError};
use chrono::{DateTime, Utc};

/// Remembers which assertions, tokens and proofs were used, for as long as they could be used again: a port.
///
/// It is shared by all processes that take them.
///
/// ```
/// use axess_factors::federated::{BoxFuture, FederationError, ReplayGuard};
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
    /// Takes what `issuer` calls `id` until `until`, in one atomic step, and tells whether this was the first time.
    ///
    /// Of racing callers exactly one is told so. A claim whose time is over at `now` does not count.
    ///
    /// # Errors
    ///
    /// [`FederationError::Unavailable`] when that cannot be known; then whatever was brought is refused.
    fn claim<'a>(
        &'a self,
        issuer: &'a str,
        id: &'a str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, FederationError>>;
}
