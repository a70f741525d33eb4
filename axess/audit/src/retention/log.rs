use super::{RetentionError, policy::delta};
use crate::log::{AuditLog, LogPosition};
use chrono::{DateTime, Utc};
use std::{fmt, sync::Arc, time::Duration};

/// Tells up to where every sink has read the log; `None` while that is not known, and then nothing is deleted.
pub type SinksPassed = Arc<dyn Fn() -> Option<LogPosition> + Send + Sync>;

/// How long the log keeps its own segments.
///
/// A segment goes when its last entry is old enough and every sink has it. The log says so in each chain before it goes, so
/// that it still verifies.
///
/// ```
/// # fn example(log: axess_audit::log::AuditLog) {
/// use axess_audit::retention::LogRetention;
/// use std::{sync::Arc, time::Duration};
/// let month = Duration::from_secs(30 * 24 * 60 * 60);
/// let end = log.clone();
/// // Without sinks, everything may go that is old enough.
/// let retention = LogRetention::new(log, month, Arc::new(move || end.end().ok()));
/// # drop(retention);
/// # }
/// ```
#[derive(Clone)]
pub struct LogRetention {
    log: AuditLog,
    keep: Duration,
    passed: SinksPassed,
}

impl LogRetention {
    /// Keeps segments for `keep` after their last entry, and for as long as a sink has not passed them.
    #[must_use]
    pub fn new(log: AuditLog, keep: Duration, passed: SinksPassed) -> Self {
        Self { log, keep, passed }
    }

    /// Deletes the segments whose time has come; returns how many.
    pub(super) async fn retire(&self, now: DateTime<Utc>) -> Result<u64, RetentionError> {
        let this = self.clone();
        let task = tokio::task::spawn_blocking(move || this.retire_blocking(now));
        // The only reason is a runtime that shuts down: the next run takes it up.
        task.await.unwrap_or(Ok(0))
    }

    fn retire_blocking(&self, now: DateTime<Utc>) -> Result<u64, RetentionError> {
        let Some(passed) = (self.passed)() else { return Ok(0) };
        let Some(before) = now.checked_sub_signed(delta(self.keep)) else { return Ok(0) };
        let segments = self.log.segments().map_err(RetentionError::Log)?;
        let is_due = |segment: &&crate::log::SegmentInfo| {
            !segment.active
                && segment.segment < passed.segment
                && segment.until.is_none_or(|until| until < before)
        };
        match segments.iter().take_while(is_due).last() {
            Some(last) => self.log.retire(last.segment + 1).map_err(RetentionError::Log),
            None => Ok(0),
        }
    }
}

impl fmt::Debug for LogRetention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogRetention").field("keep", &self.keep).finish_non_exhaustive()
    }
}
