//! The chain on disk: segments, many writers in several processes, group commit, repair after a crash.
//!
//! # The folder
//!
//! | File | Holds |
//! |---|---|
//! | `log.json` | the log's id |
//! | `000000000001.jsonl`, ... | the segments: a header, then entries; see [`chain`](crate::chain) |
//! | `checkpoints.jsonl` | the signed checkpoints; it only grows |
//! | `lock` | is locked while the log is changed; says how far readers may read |
//! | `heads` | where the log stood lately, authenticated; only spares reading, and may be deleted |
//!
//! Files have the mode 0600, folders 0700. `*.tmp` is what a crash left of a file that was to be put in place.
//!
//! # Writers
//!
//! Any number of handles, in any number of processes on one machine, append to one folder. Each append takes the lock,
//! reads what others appended since its last look (and nothing else), seals its batch, writes it with one call, forces
//! it to the disk as the [`FsyncPolicy`] says, and lets go. Everything that waits at a handle is one batch. A folder on
//! a network file system is not supported.
//!
//! # Crashes
//!
//! Files other than the active segment and the checkpoints are put in place whole. A torn end of the active segment is
//! replaced, by the next writer, by an `AuditLogRepaired` in the chain of the system; a torn checkpoint is overwritten. A
//! torn end is bytes at the end that are no entries; anything else that does not fit, and a log that is shorter than a
//! checkpoint promises, is [`LogError::Damaged`] and stays as it is. A handle that finds this keeps refusing.
//!
//! # Readers
//!
//! [`AuditLog::read`] takes no lock. It reads up to what is acknowledged, never a part of a line, and never what a
//! failed append takes back. A [`LogPosition`] counts entries, so that an erasure, which replaces a segment's file by
//! one with longer or shorter lines, does not move it; a reader that has the old file open reads that to its end.

mod append;
mod book;
mod cache;
mod config;
mod core;
mod disk;
mod entry;
mod error;
mod folder;
mod hints;
mod lines;
mod queue;
mod read;
mod recent;
mod repair;
mod retire;
mod segment;
mod state;
#[cfg(test)]
mod tests;

pub use config::{
    AuditLogConfig, CheckpointEvery, FsyncPolicy, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_CHAINS,
    MAX_READ_ENTRIES, RECENT_EVENT_IDS,
};
pub use entry::{LogDepth, LogEntry, LogPosition, NewEntry, SegmentInfo};
pub use error::LogError;

use self::core::{Core, lock};
use crate::chain::{AuditKeys, CheckpointReason, Entry, Heads, LogId};
use axess_clock::Clock;
use axess_rng::SecureRng;
use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

/// A handle of a log; clones share it.
///
/// Close it with [`close`](Self::close). When the last clone is dropped, what waits is still written and a last
/// checkpoint is signed, by the log's own thread; the drop waits for that unless it happens on a thread of an
/// asynchronous runtime.
///
/// ```
/// use axess_audit::{chain::AuditKeys, log::{AuditLog, AuditLogConfig, LogPosition, NewEntry}};
/// use axess_clock::MockClock;
/// use axess_events::{AuthEvent, AuthEventEnvelope, account::PasswordChanged};
/// use axess_identity::{EventId, UserId};
/// use axess_rng::MockRng;
/// use std::sync::Arc;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let (clock, rng) = (Arc::new(MockClock::default()), Arc::new(MockRng::new(1)));
/// let keys = AuditKeys::generate(&rng);
/// let log = AuditLog::open(AuditLogConfig::new(folder.path()), keys, clock, rng)?;
///
/// let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) });
/// let envelope = AuthEventEnvelope::new(EventId::from_parts(0, [2; 10]), chrono::DateTime::UNIX_EPOCH, event);
/// log.append(vec![NewEntry::of(&envelope)?])?;
///
/// let read = log.read(LogPosition::default(), 10, 1 << 20)?;
/// assert_eq!(read[0].record.event_id(), envelope.event_id);
/// log.close()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    core: Arc<Core>,
    threads: Mutex<Threads>,
}

#[derive(Debug, Default)]
struct Threads {
    writer: Option<JoinHandle<Result<(), LogError>>>,
    syncer: Option<JoinHandle<()>>,
}

impl AuditLog {
    /// Opens the log in a folder, and makes it when there is none.
    ///
    /// Reads what was appended since the last checkpoint; everything, when the file that says so is missing. Blocks.
    ///
    /// # Errors
    ///
    /// [`LogError::Damaged`], [`LogError::ForeignKey`], or what the operating system refuses.
    pub fn open(
        config: AuditLogConfig,
        keys: AuditKeys,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, LogError> {
        let core = Arc::new(Core::open(config, keys, clock, rng)?);
        let handle = Handle { core: Arc::clone(&core), threads: Mutex::default() };
        let failed = |error: io::Error| LogError::io("start a thread for", &core.config.path)(error);
        let (writing, named) = (Arc::clone(&core), thread::Builder::new().name("axess-audit-log".to_owned()));
        let writer = named.spawn(move || writing.write_queued()).map_err(failed)?;
        lock(&handle.threads).writer = Some(writer);
        if let Some(period) = core.sync_period() {
            let syncing = Arc::clone(&core);
            let named = thread::Builder::new().name("axess-audit-sync".to_owned());
            let syncer = named.spawn(move || syncing.sync_periodically(period)).map_err(failed)?;
            lock(&handle.threads).syncer = Some(syncer);
        }
        Ok(Self(Arc::new(handle)))
    }

    /// Appends entries as one batch: all of them or, with an error, none.
    ///
    /// Returns the place after each. Blocks.
    ///
    /// # Errors
    ///
    /// [`LogError::Refused`], [`LogError::BatchTooLarge`], [`LogError::TooManyChains`], [`LogError::Closed`],
    /// [`LogError::Damaged`], or what the operating system refuses.
    pub fn append(&self, entries: Vec<NewEntry>) -> Result<Vec<LogPosition>, LogError> {
        self.0.core.append(&entries)
    }

    /// Appends those of the entries whose event ids are not among the last [`RECENT_EVENT_IDS`] of the log.
    ///
    /// Returns the place after each that was appended. Blocks. For a source that may hand over an event twice, after a crash of either side.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn append_once(&self, entries: Vec<NewEntry>) -> Result<Vec<Option<LogPosition>>, LogError> {
        self.0.core.append_once(&entries)
    }

    /// Appends an entry together with all that wait, and returns when it is as safe as the [`FsyncPolicy`] asks for.
    ///
    /// Waits while the queue is full. Dropped while it waits for room, the entry is not appended; dropped later, it is,
    /// whole. Needs no runtime of a certain kind and blocks none.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub async fn record(&self, entry: NewEntry) -> Result<LogPosition, LogError> {
        entry.check()?;
        self.0.core.queue.record(entry).await
    }

    /// Returns how many entries wait in this handle's queue.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.core.queue.len()
    }

    /// Reads on after a position, at most this many entries and bytes, but at least one entry if there is one.
    ///
    /// Blocks for as long as the disk takes, and for nobody else.
    ///
    /// # Errors
    ///
    /// [`LogError::Retired`] says where to go on when retention deleted what comes next;
    /// [`LogError::NoSuchPosition`], [`LogError::Damaged`], or what the operating system refuses.
    pub fn read(
        &self,
        after: LogPosition,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Vec<LogEntry>, LogError> {
        self.0.core.read(after, max_entries, max_bytes)
    }

    /// Returns how much lies after a position.
    ///
    /// Blocks.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn depth_after(&self, after: LogPosition) -> Result<LogDepth, LogError> {
        self.0.core.depth_after(after)
    }

    /// Returns the segments, the oldest first.
    ///
    /// Blocks.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn segments(&self) -> Result<Vec<SegmentInfo>, LogError> {
        self.0.core.segments()
    }

    /// Returns the place after the last entry.
    ///
    /// Blocks.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn end(&self) -> Result<LogPosition, LogError> {
        let mark = self.0.core.readable()?;
        Ok(LogPosition { segment: mark.segment, offset: mark.entries })
    }

    /// Returns the heads of the chains.
    ///
    /// Blocks.
    ///
    /// # Errors
    ///
    /// [`LogError::Damaged`], or what the operating system refuses.
    pub fn heads(&self) -> Result<Heads, LogError> {
        self.0.core.exclusive(|state| Ok(state.heads.clone()))
    }

    /// Forces to the disk what a lenient [`FsyncPolicy`] has not yet.
    ///
    /// Blocks.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn sync(&self) -> Result<(), LogError> {
        self.0.core.exclusive(|state| self.0.core.force(state))
    }

    /// Signs checkpoints of what changed since the last ones; returns how many.
    ///
    /// Blocks.
    ///
    /// # Errors
    ///
    /// [`LogError::Damaged`], or what the operating system refuses.
    pub fn checkpoint(&self, reason: CheckpointReason) -> Result<usize, LogError> {
        self.0.core.checkpoint(reason)
    }

    /// Signs checkpoints if [`CheckpointEvery`] says so; returns how many.
    ///
    /// Blocks. The handle does this by itself, with appends and while nobody appends. It also makes readable what a
    /// process left that died before it could say so.
    ///
    /// # Errors
    ///
    /// As [`checkpoint`](Self::checkpoint).
    pub fn tick(&self) -> Result<usize, LogError> {
        self.0.core.tick()
    }

    /// Deletes the segments before `before`, never the active one; returns how many.
    ///
    /// Blocks. Before each goes, an `AuditEventsDeleted` in every chain it has entries of vouches for what is gone, and
    /// a checkpoint attests that.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append). What was deleted before the error stays deleted; the call may be repeated.
    pub fn retire(&self, before: u64) -> Result<u64, LogError> {
        self.0.core.retire(before)
    }

    /// Hands every entry that is there at the call to `change`, and puts the line it returns in the entry's place.
    ///
    /// Returns how many were replaced. Blocks. The line is made with [`Entry::rewritten`], and the events that vouch for
    /// the new lines must be in the log before. `change` must not use the log.
    ///
    /// Ends the active segment first and signs a checkpoint. Each segment is replaced as a whole; an error leaves those
    /// before it rewritten, and the call may be repeated. Others can append between two segments.
    ///
    /// # Errors
    ///
    /// What `change` returns; [`LogError::Refused`] for a line of another entry; as [`append`](Self::append).
    pub fn rewrite<E: From<LogError>>(
        &self,
        change: impl FnMut(&Entry<'_>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<u64, E> {
        self.0.core.rewrite(change)
    }

    /// Returns the log's id.
    #[must_use]
    pub fn id(&self) -> LogId {
        self.0.core.id
    }

    /// Returns the log's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.core.config.path
    }

    /// Takes no more entries, writes what waits, and signs the last checkpoint.
    ///
    /// Blocks until that is done. It closes the log for every clone; closing it again does nothing.
    ///
    /// # Errors
    ///
    /// Why there is no last checkpoint. Entries that waited have been told their own outcome.
    pub fn close(&self) -> Result<(), LogError> {
        self.0.close()
    }
}

impl Handle {
    fn close(&self) -> Result<(), LogError> {
        self.core.begin_close();
        // Held until both have ended, so that a second close does not return before.
        let mut threads = lock(&self.threads);
        let Threads { writer, syncer } = std::mem::take(&mut *threads);
        if let Some(syncer) = syncer {
            // It has nothing to say.
            let _ = syncer.join();
        }
        writer.map_or(Ok(()), |writer| writer.join().unwrap_or(Err(LogError::WriterPanicked)))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.begin_close();
        if tokio::runtime::Handle::try_current().is_err()
            && let Err(error) = self.close()
        {
            tracing::warn!(%error, "the audit log was dropped without a last checkpoint");
        }
    }
}
