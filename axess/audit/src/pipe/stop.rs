use super::{
    AuditPipe, Front, Inner, PipeError, drops, folder, outbox,
    worker::{Stop, monotonic},
};
use crate::chain::CheckpointReason;
use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{timeout, timeout_at};

/// How long tasks that were told to end at once may take.
const GRACE: Duration = Duration::from_secs(1);

/// What a shutdown left.
///
/// ```
/// let report = axess_audit::pipe::ShutdownReport::default();
/// assert!(report.waiting == 0 && report.lost == 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShutdownReport {
    /// How many events wait for the next start or for another process, by the sink that is furthest behind.
    pub waiting: u64,
    /// How many of them are in the memory of this process only, and lost with it.
    pub lost: u64,
    /// The recovery log that holds them, for a pipe in memory.
    pub recovery: Option<PathBuf>,
}

impl AuditPipe {
    /// Takes no more events, delivers what waits, and ends with a checkpoint of the log.
    ///
    /// What is not delivered within `deadline` stays where it is, in the log or the database; a pipe in memory writes it
    /// to its recovery log. Calling it again returns what is left.
    ///
    /// # Errors
    ///
    /// [`PipeError::File`] when the recovery log cannot be written, [`PipeError::Log`] when the last checkpoint cannot.
    pub async fn shutdown(&self, deadline: Duration) -> Result<ShutdownReport, PipeError> {
        let until = monotonic() + deadline;
        let inner = &self.inner;
        inner.context.gate.shut();
        // Events that are being taken belong to operations that are being answered.
        _ = timeout_at(until, inner.context.gate.emptied()).await;
        inner.tell(Stop::Drain);
        // Nothing is dropped from here on, so that this is the last of it.
        _ = timeout_at(until, inner.report_drops()).await;
        inner.context.is_reported.store(true, Ordering::Release);
        inner.stop.send_modify(|_| {});
        let mut task = inner.task.lock().await;
        if let Some(running) = task.as_mut() {
            if timeout_at(until, &mut *running).await.is_err() {
                inner.tell(Stop::Abort);
                if timeout(GRACE, &mut *running).await.is_err() {
                    running.abort();
                }
            }
            *task = None;
        }
        inner.leads.store(false, Ordering::Release);
        inner.finish().await
    }
}

impl Inner {
    /// Tells the tasks to end, never less urgently than before.
    fn tell(&self, stop: Stop) {
        self.stop.send_if_modified(|told| {
            let is_more = stop > *told;
            if is_more {
                *told = stop;
            }
            is_more
        });
    }

    async fn report_drops(&self) {
        match &self.front {
            Front::Memory { feed, .. } => {
                drops::report(&**feed, &self.context, &self.names, true).await;
            }
            Front::Log { feed } | Front::Database { feed, .. } if self.leads.load(Ordering::Acquire) => {
                drops::report(&**feed, &self.context, &self.names, true).await;
            }
            Front::Log { .. } | Front::Database { .. } => {}
        }
    }

    async fn finish(&self) -> Result<ShutdownReport, PipeError> {
        if let Front::Database { outbox, .. } = &self.front {
            // A database that does not answer leaves the last count.
            _ = timeout(GRACE, outbox::count(outbox, &self.context)).await;
        }
        let (waiting, ..) = self.context.gate.look();
        let mut report = ShutdownReport { waiting, ..ShutdownReport::default() };
        match &self.front {
            Front::Memory { feed, recovery: Some(recovery) } => {
                if !self.is_finished.load(Ordering::Acquire) {
                    let (feed, log) = (Arc::clone(feed), Arc::clone(recovery));
                    folder::blocking(move || log.write(&feed.left())).await?;
                    recovery.release();
                }
                report.recovery = (waiting > 0).then(|| recovery.path());
            }
            Front::Memory { recovery: None, .. } => {
                report.lost = waiting;
                if waiting > 0 {
                    tracing::error!(events = waiting, "audit events are lost: the pipe has no recovery log");
                }
            }
            Front::Log { feed } | Front::Database { feed, .. } => {
                let log = feed.log().clone();
                let attest = move || log.checkpoint(CheckpointReason::Shutdown).map_err(PipeError::Log);
                folder::blocking(attest).await?;
            }
        }
        self.is_finished.store(true, Ordering::Release);
        Ok(report)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tell(Stop::Abort);
        if self.is_finished.load(Ordering::Acquire) {
            return;
        }
        if let Front::Memory { feed, recovery: Some(recovery) } = &self.front
            && let Err(error) = recovery.write(&feed.left())
        {
            tracing::error!(error = super::worker::describe(&error), "audit events are lost");
        }
    }
}
