use super::{LogPosition, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_CHAINS};
use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why a log could not be opened, read or written.
///
/// After an error of an append none of its entries is in the log and the next append may be tried. The one exception is
/// a disk that refuses even to take back what was half written: then whole entries of the failed batch may stay.
///
/// ```
/// use axess_audit::log::LogError;
/// assert!(LogError::Closed.to_string().contains("closed"));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// The operating system refused something.
    #[error("the audit log could not {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The disk, the quota or the longest allowed file is full.
    #[error("no room to {doing} {} (make room; appending then goes on)", path.display())]
    NoSpace {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The folder may not be written.
    #[error("not allowed to {doing} {} (the process must own the folder, on a writable disk)", path.display())]
    NotWritable {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The folder was deleted, moved or replaced while the log was open.
    #[error("the audit log's folder {} was deleted or replaced (open the log again)", .0.display())]
    Gone(PathBuf),
    /// The files do not hold what a crash can leave. Nothing was changed.
    #[error(
        "the audit log {} is damaged: {what}; nothing was changed (run `axess-audit verify` on the folder, \
         then move it away as evidence and open a new one)",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// The log was written with a key that this process does not have.
    #[error(
        "the audit log {} was written with the key {key}, which is not among this process's keys \
         (give it the same keys, or add the old key to the previous ones)",
        path.display()
    )]
    ForeignKey {
        /// The folder.
        path: PathBuf,
        /// The key's id.
        key: String,
    },
    /// The entry is not an event that a log can hold.
    #[error("the event {event_id} is refused: {reason}")]
    Refused {
        /// The event's id as the caller gave it.
        event_id: String,
        /// Why.
        reason: String,
    },
    /// There are more entries or bytes than one batch may have.
    #[error(
        "a batch of {entries} entries and {bytes} bytes (at most {MAX_BATCH_ENTRIES} and {MAX_BATCH_BYTES})"
    )]
    BatchTooLarge {
        /// The entries.
        entries: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The log has as many chains as it can hold, and the event is of one more.
    #[error("the log has {MAX_CHAINS} chains and takes no new one (give some tenants a log of their own)")]
    TooManyChains,
    /// What is asked for was deleted by retention; reading may go on at `first`.
    #[error("the entries at this position were deleted by retention (the log now begins at segment {})", first.segment)]
    Retired {
        /// Where the log begins.
        first: LogPosition,
    },
    /// The position lies behind the end of the log.
    #[error("the position {}:{} is not in this log", .0.segment, .0.offset)]
    NoSuchPosition(LogPosition),
    /// The thread that writes the log panicked: what it was writing is in the log or not.
    #[error("the writer of the audit log panicked (open the log again)")]
    WriterPanicked,
    /// The log was closed.
    #[error("the audit log is closed")]
    Closed,
}

impl LogError {
    /// Tells whether the same call may succeed later without anything being done to the log.
    ///
    /// So it is when the disk was full, or the operating system refused something.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::NoSpace { .. } | Self::NotWritable { .. })
    }

    /// Returns a function that wraps what the operating system said.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| {
            let kind = error.kind();
            let source = Arc::new(error);
            match kind {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    Self::NoSpace { doing, path, source }
                }
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    Self::NotWritable { doing, path, source }
                }
                _ => Self::Io { doing, path, source },
            }
        }
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}
