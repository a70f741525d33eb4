//! The policies: read at the start, and again when they change.

use crate::{Fault, chain};
use axess::authz::{AuthzSinkError, AuthzStore, PolicyLoadError, PolicyWatcher, Reload, WatchOutcome};
use axess::{Principal, audit::AuthEvent};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

/// How often the files are looked at. A change is taken up when two looks saw the same.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Reads the policies over the shipped ones, which keep tenants apart. Whatever is wrong with them is told at once.
pub(crate) fn load(folder: &Path) -> Result<Arc<AuthzStore>, PolicyLoadError> {
    let store = AuthzStore::load_dir(folder)?;
    let active = store.current();
    for warning in active.policies.warnings() {
        tracing::warn!(%warning, "a policy is odd");
    }
    tracing::info!(policies = active.policies.policies().count(), "the policies are in force");
    Ok(Arc::new(store.with_sink(Arc::new(record))))
}

/// Where decisions go. This application has a log and nothing else; one that is audited writes them where its other
/// events are, and returns an error when it cannot, which refuses the request.
fn record(principal: &Principal, event: AuthEvent) -> Result<(), AuthzSinkError> {
    let event = serde_json::to_string(&event).map_err(AuthzSinkError::new)?;
    tracing::info!(principal = principal.uid(), event, "decision");
    Ok(())
}

/// Reads the policies again on SIGHUP, and when their files change. Policies that are wrong change nothing.
pub(crate) fn keep_up_to_date(store: Arc<AuthzStore>) -> Result<impl Future<Output = ()>, Fault> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut looks = interval(BETWEEN_LOOKS);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Ok(async move {
        let mut watcher = PolicyWatcher::new(Arc::clone(&store));
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    let store = Arc::clone(&store);
                    match spawn_blocking(move || store.reload()).await {
                        Ok(Ok(Reload::Replaced { generation })) => replaced(generation),
                        Ok(Ok(Reload::Unchanged)) => tracing::info!("the policies are as they were"),
                        Ok(Err(error)) => refused(&error),
                        Err(error) => refused(&error),
                    }
                }
                _ = looks.tick() => {
                    let looked = spawn_blocking(move || {
                        let outcome = watcher.poll();
                        (watcher, outcome)
                    });
                    watcher = match looked.await {
                        Ok((watcher, outcome)) => {
                            match outcome {
                                WatchOutcome::Replaced { generation } => replaced(generation),
                                WatchOutcome::Refused(error) => refused(&error),
                                WatchOutcome::Unchanged | WatchOutcome::Settling => {}
                            }
                            watcher
                        }
                        Err(error) => {
                            refused(&error);
                            PolicyWatcher::new(Arc::clone(&store))
                        }
                    };
                }
            }
        }
    })
}

fn replaced(generation: u64) {
    tracing::info!(generation, "new policies are in force");
}

fn refused(error: &dyn std::error::Error) {
    tracing::error!("the old policies stay in force: {}", chain(error));
}
