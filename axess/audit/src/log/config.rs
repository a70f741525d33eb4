use std::{path::PathBuf, time::Duration};

/// The most entries in one batch.
pub const MAX_BATCH_ENTRIES: usize = 10_000;

/// The most bytes in one batch.
pub const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;

/// The most chains in one log.
///
/// An event of one more is refused with [`LogError::TooManyChains`]; the chains that are there go on.
///
/// [`LogError::TooManyChains`]: super::LogError::TooManyChains
pub const MAX_CHAINS: usize = 100_000;

/// The most entries, and the most bytes, that one [`AuditLog::read`] returns.
///
/// [`AuditLog::read`]: super::AuditLog::read
pub const MAX_READ_ENTRIES: usize = 10_000;

/// How many event ids [`AuditLog::append_once`] looks back.
///
/// [`AuditLog::append_once`]: super::AuditLog::append_once
pub const RECENT_EVENT_IDS: usize = 65_536;

/// When an appended entry is forced to the disk.
///
/// A process that is killed loses nothing under any of them: what is written is in the hands of the operating system.
/// They differ in what a power cut can take.
///
/// ```
/// use axess_audit::log::FsyncPolicy;
/// assert_eq!(FsyncPolicy::default(), FsyncPolicy::Always);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FsyncPolicy {
    /// Before an entry is acknowledged. A power cut takes nothing that was acknowledged.
    #[default]
    Always,
    /// This often, by a thread of the log's own. A power cut takes at most what was written since.
    Every(Duration),
    /// When the operating system likes; before a checkpoint and at the end of a segment all the same.
    Never,
}

/// When checkpoints are signed on their own: when either limit is reached.
///
/// ```
/// use axess_audit::log::CheckpointEvery;
/// assert_eq!(CheckpointEvery::default().entries, 10_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointEvery {
    /// After this many entries, by whichever process.
    pub entries: u64,
    /// When there are new entries and the last checkpoint is this old, by the injected clock.
    pub interval: Duration,
}

impl Default for CheckpointEvery {
    fn default() -> Self {
        Self { entries: 10_000, interval: Duration::from_secs(300) }
    }
}

/// Where a log is kept, and how.
///
/// ```
/// use axess_audit::log::AuditLogConfig;
/// let config = AuditLogConfig { segment_bytes: 64 << 20, ..AuditLogConfig::new("/var/lib/app/audit") };
/// assert_eq!(config.max_batch, 1_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLogConfig {
    /// The log's folder. It is made when it is not there.
    pub path: PathBuf,
    /// A segment is ended before the batch that would make it longer than this.
    pub segment_bytes: u64,
    /// How many waiting entries are written and forced to the disk together, at most [`MAX_BATCH_ENTRIES`].
    pub max_batch: usize,
    /// How many entries may wait; beyond that [`AuditLog::record`] waits for room.
    ///
    /// [`AuditLog::record`]: super::AuditLog::record
    pub max_waiting: usize,
    /// When an entry is forced to the disk.
    pub fsync: FsyncPolicy,
    /// When checkpoints are signed on their own.
    pub checkpoint_every: CheckpointEvery,
}

impl AuditLogConfig {
    /// Creates the configuration of a log in a folder: segments of 16 MiB, batches of 1000, 10 000 waiting.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            segment_bytes: 16 * 1024 * 1024,
            max_batch: 1_000,
            max_waiting: 10_000,
            fsync: FsyncPolicy::default(),
            checkpoint_every: CheckpointEvery::default(),
        }
    }
}
