use super::{AuditRetentionLoop, RetentionReport};
use crate::archive::AuditArchiver;
use axess_core::store::AuditStore;
use axess_rng::random_below;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

/// A retention that runs on its own until it is stopped.
///
/// Dropped, it tells the run to stop and does not wait.
///
/// ```
/// # async fn example(handle: axess_audit::retention::RetentionHandle) {
/// // At shutdown: what is under way is brought to the end of its batch.
/// handle.stop().await;
/// # }
/// ```
#[derive(Debug)]
pub struct RetentionHandle {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl<S: AuditStore, A: AuditArchiver> AuditRetentionLoop<S, A> {
    /// Runs now and then, as the configuration says, on a task of the current runtime.
    ///
    /// A run that fails is logged; the next one comes in time.
    #[must_use]
    pub fn run(self) -> RetentionHandle {
        let (stop, mut stopped) = watch::channel(false);
        let this = Arc::new(self);
        let task = tokio::spawn(async move {
            let mut wait = this.config.first_delay.saturating_add(this.jitter());
            loop {
                tokio::select! {
                    () = told(&mut stopped) => return,
                    () = sleep(wait) => {}
                }
                let running = Arc::clone(&this);
                let run = async move { log(running.run_once().await) };
                tokio::pin!(run);
                tokio::select! {
                    () = &mut run => {}
                    () = told(&mut stopped) => {
                        this.stop.store(true, Ordering::Relaxed);
                        run.await;
                        return;
                    }
                }
                wait = this.config.interval.saturating_add(this.jitter());
            }
        });
        RetentionHandle { stop, task: Some(task) }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Returns up to a tenth of the interval.
    fn jitter(&self) -> Duration {
        let tenth = u64::try_from(self.config.interval.as_millis() / 10).unwrap_or(u64::MAX);
        Duration::from_millis(random_below(&**self.emitter.rng(), tenth.max(1)))
    }
}

/// Waits until it is told to stop, or until nobody is left to tell it.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn log(outcome: Result<RetentionReport, super::RetentionError>) {
    match outcome {
        Ok(report) if report.led => tracing::info!(
            scopes = report.scopes,
            archived = report.archived,
            deleted_hot = report.deleted_hot,
            deleted_archive = report.deleted_archive,
            retired_segments = report.retired_segments,
            waiting = report.waiting,
            differing = report.differing,
            unreadable = report.unreadable,
            failures = report.failures.len(),
            "retention ran"
        ),
        Ok(_) => tracing::debug!("another instance has the retention"),
        Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "retention could not run"),
    }
}

impl RetentionHandle {
    /// Stops after the batch that is under way, and waits for that.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            // A run that panicked has nothing left to wait for.
            let _ = task.await;
        }
    }
}

impl Drop for RetentionHandle {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
