//! Deletes what is over: sessions of logins, logins of programs, old attempts.

use super::Access;
use axess::store::{IdentityAdmin, JtiReplayStore as _, SidStore as _, StoreError};
use chrono::TimeDelta;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::time;

/// How often, and how many rows at a time.
const EVERY: Duration = Duration::from_secs(10 * 60);
const BATCH: usize = 500;
/// How long attempts are kept: the evidence has them for ever.
const ATTEMPTS_KEPT: TimeDelta = TimeDelta::days(30);

/// Sweeps for as long as the front door is there.
pub(super) fn keep_clean(access: &Arc<Access>) {
    tokio::spawn(sweep(Arc::downgrade(access)));
}

async fn sweep(access: Weak<Access>) {
    loop {
        time::sleep(EVERY).await;
        let Some(access) = access.upgrade() else { return };
        if let Err(error) = access.sweep().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "what is over stays for now");
        }
    }
}

impl Access {
    async fn sweep(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        while self.sessions().store().cleanup_expired(now, BATCH).await? > 0 {}
        while self.waiting.cleanup_expired(now, BATCH).await? > 0 {}
        if let Some((sids, replays)) = &self.provider_logouts {
            while sids.cleanup_expired(now, BATCH).await? > 0 {}
            while replays.cleanup_expired(now, BATCH).await? > 0 {}
        }
        while self.service.identity().purge_attempts(now - ATTEMPTS_KEPT, BATCH).await? > 0 {}
        Ok(())
    }
}
