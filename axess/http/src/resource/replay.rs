use axess_core::store::{Claim, JtiReplayStore, ReplayKey};
use axess_jose::{BoxFuture, ReplayGuard, ReplayGuardError};
use chrono::{DateTime, Utc};

/// Remembers proofs of possession in a [`JtiReplayStore`]: one that instances share, where there are several.
///
/// ```
/// use axess_core::memory::MemoryJtiReplayStore;
/// use axess_http::JtiReplayGuard;
/// use std::sync::Arc;
/// let guard: Arc<dyn axess_jose::ReplayGuard> = Arc::new(JtiReplayGuard(MemoryJtiReplayStore::new()));
/// # let _ = guard;
/// ```
#[derive(Debug, Clone)]
pub struct JtiReplayGuard<S>(pub S);

impl<S: JtiReplayStore> ReplayGuard for JtiReplayGuard<S> {
    fn claim<'a>(
        &'a self,
        issuer: &'a str,
        jti: &'a str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, ReplayGuardError>> {
        Box::pin(async move {
            let claimed = self.0.claim(ReplayKey::new(issuer, jti), until, now).await;
            let claimed = claimed.map_err(|error| ReplayGuardError(error.into()))?;
            Ok(claimed == Claim::Fresh)
        })
    }
}
