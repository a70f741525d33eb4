use super::{RetentionError, policy::delta};
use crate::{
    log::{AuditLog, LogPosition},
    pipe::cursor_of,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{fmt, sync::Arc, time::Duration};

/// Tells up to where every sink has read the log; `None` while that is not known, and then nothing is deleted.
pub type SinksPassed = Arc<dyn Fn() -> Option<LogPosition> + Send + Sync>;

/// How long the log keeps its own segments.
///
/// A segment goes when every event in it is old enough and every sink has it. The log says so in each chain before it goes,
/// so that it still verifies.
///
/// One run deletes no more than the segments of the oldest [`max_archive_days`](super::RetentionConfig::max_archive_days)
/// days: a clock that is years ahead, and believed, costs a week.
///
/// ```
/// # fn example(log: axess_audit::log::AuditLog) {
/// use axess_audit::retention::LogRetention;
/// use std::time::Duration;
/// let month = Duration::from_secs(30 * 24 * 60 * 60);
/// let retention = LogRetention::for_sinks(log, month, ["siem", "search"]);
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
    /// Keeps segments for `keep` after their newest event, and until these sinks of the log's pipe have passed them.
    ///
    /// Name every sink, that of the analytics too. Nothing is deleted while one of them has no cursor yet, or one that
    /// cannot be read, or when none is named.
    #[must_use]
    pub fn for_sinks(
        log: AuditLog,
        keep: Duration,
        sinks: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let sinks: Vec<String> = sinks.into_iter().map(Into::into).collect();
        let folder = log.path().to_owned();
        let cursor = move |sink: &String| match cursor_of(&folder, sink) {
            Ok(cursor) => cursor,
            Err(error) => {
                tracing::warn!(sink, error = &error as &dyn std::error::Error, "the log is kept whole");
                None
            }
        };
        let passed = move || sinks.iter().map(&cursor).collect::<Option<Vec<_>>>()?.into_iter().min();
        Self::new(log, keep, Arc::new(passed))
    }

    /// Keeps segments for `keep` after their newest event, and until `passed` says that whoever reads the log has them.
    #[must_use]
    pub fn new(log: AuditLog, keep: Duration, passed: SinksPassed) -> Self {
        Self { log, keep, passed }
    }

    /// Deletes the segments whose time has come; returns how many.
    pub(super) async fn retire(&self, now: DateTime<Utc>, days: usize) -> Result<u64, RetentionError> {
        let this = self.clone();
        let span = i64::try_from(days).ok().and_then(TimeDelta::try_days).unwrap_or(TimeDelta::MAX);
        let task = tokio::task::spawn_blocking(move || this.retire_blocking(now, span));
        // The only reason is a runtime that shuts down: the next run takes it up.
        task.await.unwrap_or(Ok(0))
    }

    fn retire_blocking(&self, now: DateTime<Utc>, span: TimeDelta) -> Result<u64, RetentionError> {
        let Some(passed) = (self.passed)() else { return Ok(0) };
        let Some(before) = now.checked_sub_signed(delta(self.keep)) else { return Ok(0) };
        let segments = self.log.segments().map_err(RetentionError::Log)?;
        // The last entry tells cheaply which segments are worth reading whole.
        let is_due = |segment: &&crate::log::SegmentInfo| {
            !segment.active
                && segment.segment < passed.segment
                && segment.until.is_none_or(|until| until < before)
        };
        match segments.iter().take_while(is_due).last() {
            Some(last) => self.log.retire_aged(last.segment + 1, before, span).map_err(RetentionError::Log),
            None => Ok(0),
        }
    }
}

impl fmt::Debug for LogRetention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogRetention").field("keep", &self.keep).finish_non_exhaustive()
    }
}
