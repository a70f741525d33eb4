use super::RetentionError;
use chrono::TimeDelta;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long events are kept where.
///
/// Ages count from when an event happened.
///
/// ```
/// use axess_audit::retention::AuditRetentionPolicy;
/// use std::time::Duration;
/// let year = Duration::from_secs(365 * 24 * 60 * 60);
/// let policy = AuditRetentionPolicy { delete_archive_after: Some(7 * year), ..AuditRetentionPolicy::default() };
/// assert_eq!(policy.archive_after.as_secs(), 90 * 24 * 60 * 60);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRetentionPolicy {
    /// At which age an event is copied to the archive.
    pub archive_after: Duration,
    /// How long it is in both before the store loses it.
    pub purge_hot_after_archive: Duration,
    /// At which age the archive loses it; never when absent. A day goes as a whole.
    pub delete_archive_after: Option<Duration>,
}

/// How often, and in which portions, retention works.
///
/// ```
/// use axess_audit::retention::RetentionConfig;
/// assert_eq!(RetentionConfig::default().batch, 500);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    /// The time between two runs. Each is a random tenth of it late, so that instances do not run at once.
    pub interval: Duration,
    /// The time before the first run.
    pub first_delay: Duration,
    /// How many events are moved or deleted at a time, at most 1000.
    pub batch: usize,
    /// For how long nothing may have happened before the clock is doubted.
    pub max_silence: Duration,
    /// How many days of a scope one run deletes from the archive, and how many days of segments from the log.
    pub max_archive_days: usize,
    /// How long another instance waits before it takes over. One batch must take less.
    pub lease: Duration,
}

impl Default for AuditRetentionPolicy {
    /// 90 days in the store, 7 more in both, and in the archive until told otherwise.
    fn default() -> Self {
        Self { archive_after: 90 * DAY, purge_hot_after_archive: 7 * DAY, delete_archive_after: None }
    }
}

impl AuditRetentionPolicy {
    /// Refuses a policy by which the archive would lose what the store still has.
    pub(super) fn check(&self) -> Result<(), RetentionError> {
        let hot =
            self.archive_after.checked_add(self.purge_hot_after_archive).and_then(|hot| hot.checked_add(DAY));
        let Some(hot) = hot else { return Err(RetentionError::Policy("a time is too long")) };
        match self.delete_archive_after {
            Some(age) if age < hot => Err(RetentionError::Policy(
                "the archive would lose events before the store has lost them for a day",
            )),
            _ => Ok(()),
        }
    }
}

impl Default for RetentionConfig {
    /// Daily, the first time after a minute; batches of 500, 30 days of silence, 7 days of the archive, 5 minutes of lease.
    fn default() -> Self {
        Self {
            interval: DAY,
            first_delay: Duration::from_secs(60),
            batch: 500,
            max_silence: 30 * DAY,
            max_archive_days: 7,
            lease: Duration::from_secs(300),
        }
    }
}

/// Returns a duration as chrono has it, at most what chrono can hold.
pub(super) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
