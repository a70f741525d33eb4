//! The archive: where events go when the store that is searched has kept them long enough.
//!
//! [`AuditArchiver`] is what the retention loop needs of an archive. `FilesystemAuditArchiver` (feature `archive-fs`) is one:
//! compressed files by day, each with a signed manifest.

#[cfg(feature = "archive-fs")]
mod fs;

#[cfg(feature = "archive-fs")]
pub use fs::{
    ArchiveFinding, ArchiveFindingKind, ArchiveReport, FilesystemAuditArchiver, RestoreReport, restore_chain,
    verify_archive,
};

use crate::chain::Link;
use axess_core::store::{AuditRow, AuditScope};
use axess_identity::EventId;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use std::{error::Error, path::PathBuf, pin::Pin, sync::Arc};

/// The answer of an archive, to be awaited.
///
/// ```
/// use axess_audit::archive::ArchiveFuture;
/// let none: ArchiveFuture<'static, u64> = Box::pin(async { Ok(0) });
/// # drop(none);
/// ```
pub type ArchiveFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ArchiveError>> + Send + 'a>>;

/// Decides, line by line, what an archived day holds instead: `None` leaves a line as it is.
pub type Rewrite = Box<dyn FnMut(&Bytes) -> Option<Bytes> + Send>;

/// Keeps events for years, by scope and by day.
///
/// What a call has answered `Ok` to is durable. Every call may be repeated after a crash: an event that is there is not
/// added again, and a day that is gone is not missed.
///
/// The day of an event is the day, in UTC, of [`AuditRow::at`].
///
/// ```
/// use axess_audit::archive::AuditArchiver;
/// use axess_core::store::AuditScope;
/// async fn days_kept(archive: &dyn AuditArchiver) -> usize {
///     archive.days(AuditScope::System).await.map_or(0, |days| days.len())
/// }
/// ```
pub trait AuditArchiver: Send + Sync + 'static {
    /// Adds the events of a batch that are not there yet, and returns how many that were.
    ///
    /// A batch that fails half-way may have added some of its days.
    fn archive_batch(&self, batch: ArchiveBatch) -> ArchiveFuture<'_, u64>;

    /// Reads these events back, and returns those that are there whole.
    fn find(
        &self,
        scope: AuditScope,
        events: Vec<(DateTime<Utc>, EventId)>,
    ) -> ArchiveFuture<'_, Vec<ArchivedEvent>>;

    /// Lists whose events there are, in order.
    fn scopes(&self) -> ArchiveFuture<'_, Vec<AuditScope>>;

    /// Lists the days that have events of a scope, in order.
    fn days(&self, scope: AuditScope) -> ArchiveFuture<'_, Vec<NaiveDate>>;

    /// Describes one day, with the heads of the chain before and after it.
    fn day(&self, scope: AuditScope, day: NaiveDate) -> ArchiveFuture<'_, Option<ArchivedDay>>;

    /// Passes every line of a day to a function and keeps what that returns, all of it or nothing.
    ///
    /// Returns how many lines were changed.
    fn rewrite(&self, scope: AuditScope, day: NaiveDate, rewrite: Rewrite) -> ArchiveFuture<'_, u64>;

    /// Deletes days of a scope, and returns how many events they had.
    fn purge(&self, scope: AuditScope, range: ArchiveRange) -> ArchiveFuture<'_, u64>;
}

/// Events of one scope on their way to an archive.
///
/// ```
/// use axess_audit::archive::ArchiveBatch;
/// use axess_core::store::AuditScope;
/// let batch = ArchiveBatch { scope: AuditScope::System, rows: vec![], at: chrono::DateTime::UNIX_EPOCH };
/// assert!(batch.rows.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveBatch {
    /// Whose events.
    pub scope: AuditScope,
    /// The events.
    pub rows: Vec<AuditRow>,
    /// The time now.
    pub at: DateTime<Utc>,
}

/// An event an archive has.
///
/// ```
/// use axess_audit::archive::ArchivedEvent;
/// use axess_identity::EventId;
/// let at = chrono::DateTime::UNIX_EPOCH;
/// let event = ArchivedEvent { event_id: EventId::from_parts(0, [1; 10]), archived_at: at, digest: [0; 32] };
/// assert_eq!(event.archived_at, at);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchivedEvent {
    /// The event.
    pub event_id: EventId,
    /// When it was archived, to the second.
    pub archived_at: DateTime<Utc>,
    /// The [`body_digest`] of what is archived.
    pub digest: [u8; 32],
}

/// What an archive has of one day.
///
/// ```
/// # fn example(day: axess_audit::archive::ArchivedDay) {
/// println!("{}: {} events", day.day, day.events);
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchivedDay {
    /// The day.
    pub day: NaiveDate,
    /// Its events.
    pub events: u64,
    /// When the oldest of them happened.
    pub first: DateTime<Utc>,
    /// The newest of them: when it happened, and its id.
    pub last: (DateTime<Utc>, EventId),
    /// When the last of them was archived.
    pub archived_at: DateTime<Utc>,
    /// The chain's head before the first entry of the day (place 0 before the chain's first), when its events came from a
    /// log.
    pub head_before: Option<Link>,
    /// The chain's head after the last entry of the day, when its events came from a log.
    pub head_after: Option<Link>,
}

/// Which days of an archive are meant.
///
/// ```
/// use axess_audit::archive::ArchiveRange;
/// use chrono::NaiveDate;
/// let day = |d| NaiveDate::from_ymd_opt(2026, 1, d).unwrap();
/// let range = ArchiveRange { from: None, until: day(3) };
/// assert!(range.contains(day(2)) && !range.contains(day(3)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveRange {
    /// The first day; from the beginning when absent.
    pub from: Option<NaiveDate>,
    /// The day after the last one.
    pub until: NaiveDate,
}

impl ArchiveRange {
    /// Tells whether a day is meant.
    #[must_use]
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| day >= from) && day < self.until
    }
}

/// Says why an archive did not do what it was asked.
///
/// ```
/// use axess_audit::archive::ArchiveError;
/// assert_eq!(ArchiveError::InUse.to_string(), "another process works on the archive");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Another process has it open.
    #[error("another process works on the archive")]
    InUse,
    /// There is no room left. What was archived is not affected; the batch can be archived again when there is room.
    #[error("the archive's disk is full: {}", path.display())]
    Full {
        /// What could not be written.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file could not be read or written.
    #[error("the archive cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file is not what the archive wrote. It is left as it is: verify the archive.
    #[error("the archive's {} is not as it was written: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// What is kept of an event is not that event: it cannot be archived.
    #[error("what is kept of event {event_id} is not that event")]
    NotAnEvent {
        /// The event.
        event_id: EventId,
    },
    /// Anything else an archive of another kind reports.
    #[error("the archive failed")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

/// Returns the SHA-256 of what is kept of an event, without the white space around it.
#[must_use]
pub fn body_digest(body: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(body.trim_ascii()).into()
}

impl<A: AuditArchiver + ?Sized> AuditArchiver for Arc<A> {
    fn archive_batch(&self, batch: ArchiveBatch) -> ArchiveFuture<'_, u64> {
        (**self).archive_batch(batch)
    }

    fn find(
        &self,
        scope: AuditScope,
        events: Vec<(DateTime<Utc>, EventId)>,
    ) -> ArchiveFuture<'_, Vec<ArchivedEvent>> {
        (**self).find(scope, events)
    }

    fn scopes(&self) -> ArchiveFuture<'_, Vec<AuditScope>> {
        (**self).scopes()
    }

    fn days(&self, scope: AuditScope) -> ArchiveFuture<'_, Vec<NaiveDate>> {
        (**self).days(scope)
    }

    fn day(&self, scope: AuditScope, day: NaiveDate) -> ArchiveFuture<'_, Option<ArchivedDay>> {
        (**self).day(scope, day)
    }

    fn rewrite(&self, scope: AuditScope, day: NaiveDate, rewrite: Rewrite) -> ArchiveFuture<'_, u64> {
        (**self).rewrite(scope, day, rewrite)
    }

    fn purge(&self, scope: AuditScope, range: ArchiveRange) -> ArchiveFuture<'_, u64> {
        (**self).purge(scope, range)
    }
}
