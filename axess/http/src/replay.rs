use axess_core::store::{Claim, JtiReplayStore, ReplayKey};
use axess_factors::federated::{BoxFuture, FederationError, ReplayGuard};
use chrono::{DateTime, Utc};

/// Remembers tokens, proofs of possession and assertions that were used, in a [`JtiReplayStore`]: one that instances share, where there are several.
///
/// ```
/// use axess_core::memory::MemoryJtiReplayStore;
/// use axess_http::JtiReplayGuard;
/// use std::sync::Arc;
/// let guard: Arc<dyn axess_factors::federated::ReplayGuard> = Arc::new(JtiReplayGuard(MemoryJtiReplayStore::new()));
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
    ) -> BoxFuture<'a, Result<bool, FederationError>> {
        Box::pin(async move {
            let claimed = self.0.claim(ReplayKey::new(issuer, jti), until, now).await;
            let claimed = claimed.map_err(|error| FederationError::unavailable("the replay store", error))?;
            Ok(claimed == Claim::Fresh)
        })
    }
}
