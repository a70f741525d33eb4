//! Deletes what has expired, a batch at a time: many short transactions instead of one that everybody waits for.

use crate::{counters::Counters, logs::chain, serve::Stop};
use axess::{
    Sessions,
    backends::sqlite::Backend,
    store::{IdentityAdmin, StoreError},
};
use std::{sync::Arc, time::Duration};
use tokio::time::MissedTickBehavior;

/// The most rows one transaction deletes.
const BATCH: usize = 500;
/// How long login attempts are kept.
const ATTEMPTS_KEPT: Duration = Duration::from_secs(90 * 86_400);

/// Sweeps the stores that do not forget by themselves.
pub(crate) struct Sweeper {
    pub(crate) sessions: Sessions,
    pub(crate) backend: Backend,
    pub(crate) counters: Arc<Counters>,
}

/// What there is to sweep.
#[derive(Clone, Copy)]
enum Swept {
    Sessions,
    Attempts,
}

impl Sweeper {
    /// Sweeps at once and then every so often, until it is told to stop: between two batches, never within one.
    pub(crate) async fn run(self, every: Duration, stop: Stop) {
        let mut turns = tokio::time::interval(every);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.clone().stopped() => return,
                _ = turns.tick() => {}
            }
            for what in [Swept::Sessions, Swept::Attempts] {
                self.sweep(what, &stop).await;
            }
        }
    }

    async fn sweep(&self, what: Swept, stop: &Stop) {
        while !stop.is_stopped() {
            match self.batch(what).await {
                Ok(0) => return,
                Ok(rows) => {
                    self.counters.swept(what.name(), rows);
                    tracing::info!(what = what.name(), rows, "deleted what had expired");
                }
                Err(error) => {
                    tracing::error!(what = what.name(), error = chain(&error), "a sweep failed");
                    return;
                }
            }
        }
    }

    async fn batch(&self, what: Swept) -> Result<u64, StoreError> {
        let now = self.sessions.clock().now();
        match what {
            Swept::Sessions => self.sessions.store().cleanup_expired(now, BATCH).await,
            Swept::Attempts => self.backend.purge_attempts(now - ATTEMPTS_KEPT, BATCH).await,
        }
    }
}

impl Swept {
    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Attempts => "attempts",
        }
    }
}
