use super::{Owner, StoreError, twin::storage_trait};
use axess_identity::{SessionId, TenantId};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

/// How long a store remembers which session an id was rotated into, so that a logout with the old id still ends it.
pub const ROTATION_MEMORY: TimeDelta = TimeDelta::minutes(5);

/// One stored session.
///
/// The payload is opaque to the store (encoded, and sealed when encryption at rest is on); everything a store must
/// index is beside it.
///
/// ```
/// use axess_core::store::SessionRow;
/// use axess_identity::SessionId;
/// let row = SessionRow {
///     id: SessionId::from_bytes([1; 16]),
///     lineage: SessionId::from_bytes([1; 16]),
///     version: 1,
///     owner: None,
///     payload: bytes::Bytes::from_static(b"..."),
///     created_at: chrono::DateTime::UNIX_EPOCH,
///     expires_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert!(row.owner.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The primary key.
    pub id: SessionId,
    /// The id of the first session in this chain of rotations: what a logout ends as a whole.
    pub lineage: SessionId,
    /// Counts the writes of this row, from 1. Compare-and-swap is on this number.
    pub version: u64,
    /// Whose session it is, once someone is authenticated.
    pub owner: Option<Owner>,
    /// The encoded session.
    pub payload: Bytes,
    /// When the lineage began.
    pub created_at: DateTime<Utc>,
    /// When the row stops being valid.
    pub expires_at: DateTime<Utc>,
}

/// What a user may see of one of their sessions.
///
/// ```
/// use axess_core::store::SessionSummary;
/// use axess_identity::SessionId;
/// let summary = SessionSummary {
///     id: SessionId::from_bytes([1; 16]),
///     created_at: chrono::DateTime::UNIX_EPOCH,
///     expires_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert_eq!(summary.created_at, summary.expires_at);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSummary {
    /// The session.
    pub id: SessionId,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// Where a scan goes on; only the store that gave it can read it.
///
/// ```
/// use axess_core::store::ScanCursor;
/// assert_eq!(ScanCursor(vec![1]), ScanCursor(vec![1]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanCursor(pub Vec<u8>);

/// One page of a scan.
///
/// ```
/// use axess_core::store::ScanPage;
/// let last = ScanPage { rows: vec![], next: None };
/// assert!(last.next.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct ScanPage {
    /// The rows of this page; a page in the middle may be empty.
    pub rows: Vec<SessionRow>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<ScanCursor>,
}

/// Whether a conditional write happened.
///
/// ```
/// use axess_core::store::SaveOutcome;
/// assert_ne!(SaveOutcome::Saved, SaveOutcome::Conflict);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum SaveOutcome {
    /// It happened.
    Saved,
    /// The row is not (or no longer) in the expected state; nothing was written.
    Conflict,
}

storage_trait! {
    /// Keeps sessions.
    ///
    /// Invariants every implementation holds: an expired row is never returned; a deleted row never comes back (a
    /// late [`save`](SessionStore::save) or [`cycle`](SessionStore::cycle) is a [`SaveOutcome::Conflict`]); for each
    /// user there is an index, so [`find_sessions_for_user`](SessionStore::find_sessions_for_user) does not scan.
    ///
    /// ```
    /// use axess_core::{memory::InMemorySessionStore, store::{SessionStore, StoreError}};
    /// use axess_identity::SessionId;
    /// # async fn example() -> Result<(), StoreError> {
    /// let store = InMemorySessionStore::new();
    /// let nothing = store.load(SessionId::from_bytes([0; 16]), chrono::DateTime::UNIX_EPOCH).await?;
    /// assert!(nothing.is_none());
    /// # Ok(()) }
    /// ```
    pub trait SessionStore / DynSessionStore for [DynSessionStore] {
        /// Reads one row, unless it has expired at `now`.
        async fn load(id: SessionId, now: DateTime<Utc>) -> Result<Option<SessionRow>, StoreError>;
        /// Inserts a new row; [`SaveOutcome::Conflict`] when the id exists.
        async fn insert(row: SessionRow) -> Result<SaveOutcome, StoreError>;
        /// Replaces the row `row.id`, atomically and only if its stored version is `row.version - 1`.
        async fn save(row: SessionRow) -> Result<SaveOutcome, StoreError>;
        /// Replaces the row `old` by `row` under a new id, in one atomic step and only if the stored version of `old`
        /// is `expected`. The store remembers the rotation for [`ROTATION_MEMORY`] after `now`.
        async fn cycle(old: SessionId, expected: u64, row: SessionRow, now: DateTime<Utc>) -> Result<SaveOutcome, StoreError>;
        /// Ends the session `id` and every session it was rotated into, and returns how many rows were deleted.
        ///
        /// It needs no version: ending a session always wins.
        async fn end(id: SessionId, now: DateTime<Utc>) -> Result<u64, StoreError>;
        /// Lists the live sessions of one user, newest first, at most `limit`.
        async fn find_sessions_for_user(owner: Owner, now: DateTime<Utc>, limit: usize) -> Result<Vec<SessionSummary>, StoreError>;
        /// Ends every session of one user except `keep`, and returns how many rows were deleted.
        ///
        /// A rotation under way does not save a session from it.
        async fn end_for_user(owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError>;
        /// Ends every session of one tenant, and returns how many rows were deleted.
        ///
        /// A rotation under way does not save a session from it.
        async fn end_for_tenant(tenant_id: TenantId) -> Result<u64, StoreError>;
        /// Reads rows, about `limit` at a time, in no particular order: for maintenance, such as sealing everything under a new
        /// key. A row that exists throughout the scan is seen at least once.
        async fn scan(after: Option<ScanCursor>, now: DateTime<Utc>, limit: usize) -> Result<ScanPage, StoreError>;
        /// Deletes at most `limit` rows that expired before `now`, and returns how many.
        async fn cleanup_expired(now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
    }
}
