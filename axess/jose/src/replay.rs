use crate::BoxFuture;
use chrono::{DateTime, Utc};

/// Remembers which tokens were used, so that none is used twice: a port.
///
/// ```
/// use axess_jose::{JoseError, ReplayGuard, ReplayGuardError};
/// use chrono::{DateTime, Utc};
///
/// async fn once(guard: &dyn ReplayGuard, jti: &str, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), JoseError> {
///     match guard.claim("https://login.example.com", jti, until, now).await {
///         Ok(true) => Ok(()),
///         // A guard that cannot answer refuses.
///         Ok(false) | Err(ReplayGuardError(_)) => Err(JoseError::Replayed),
///     }
/// }
/// ```
pub trait ReplayGuard: Send + Sync {
    /// Takes the id `jti` of `issuer` until `until`, in one atomic step, and tells whether this was the first time.
    ///
    /// Of racing callers exactly one is told `true`. A claim whose time is over at `now` does not count.
    fn claim<'a>(
        &'a self,
        issuer: &'a str,
        jti: &'a str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, ReplayGuardError>>;
}

/// Says that whether a token was used is unknown.
///
/// ```
/// let error = axess_jose::ReplayGuardError("the database is down".into());
/// assert_eq!(error.to_string(), "whether the token was used before is unknown");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("whether the token was used before is unknown")]
pub struct ReplayGuardError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
