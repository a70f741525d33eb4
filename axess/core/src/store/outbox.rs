use super::{StoreError, twin::storage_trait};
use axess_identity::{EventId, TenantId};
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// One event on its way to the sinks.
///
/// ```
/// use axess_core::store::OutboxRecord;
/// use axess_identity::EventId;
/// let record = OutboxRecord { event_id: EventId::from_parts(0, [1; 10]), tenant_id: None, at: chrono::DateTime::UNIX_EPOCH, body: vec![1].into() };
/// assert_eq!(record.body.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRecord {
    /// Names the event; a record is kept once per event.
    pub event_id: EventId,
    /// The tenant it is about, if any.
    pub tenant_id: Option<TenantId>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The event as bytes.
    pub body: Bytes,
}

/// A record with its place in the queue.
///
/// ```
/// use axess_core::store::{OutboxEntry, OutboxRecord};
/// # use axess_identity::EventId;
/// # let record = OutboxRecord { event_id: EventId::from_parts(0, [1; 10]), tenant_id: None, at: chrono::DateTime::UNIX_EPOCH, body: vec![1].into() };
/// let entry = OutboxEntry { sequence: 1, record };
/// assert_eq!(entry.sequence, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its place: grows with every record.
    pub sequence: u64,
    /// The record.
    pub record: OutboxRecord,
}

/// How much waits in the outbox.
///
/// ```
/// assert_eq!(axess_core::store::OutboxDepth::default().records, 0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxDepth {
    /// How many records wait.
    pub records: u64,
    /// When the oldest of them happened.
    pub oldest: Option<DateTime<Utc>>,
}

storage_trait! {
    /// Keeps audit events until they are in the log, from which the sinks get them.
    ///
    /// It is read by one worker at a time (see [`LeaderLock`](super::LeaderLock)); several processes may write.
    ///
    /// ```
    /// use axess_core::{memory::MemoryAuditOutbox, store::{AuditOutbox, StoreError}};
    /// # async fn example() -> Result<(), StoreError> {
    /// assert!(MemoryAuditOutbox::new().peek(10).await?.is_empty());
    /// # Ok(()) }
    /// ```
    pub trait AuditOutbox / DynAuditOutbox for [DynAuditOutbox] {
        /// Adds records in one atomic step: all of them, or none. A record whose event is there already is left out.
        async fn append(records: Vec<OutboxRecord>) -> Result<(), StoreError>;
        /// Reads the oldest records, in order, at most `limit`.
        async fn peek(limit: usize) -> Result<Vec<OutboxEntry>, StoreError>;
        /// Removes records that are in the log; unknown ones are fine.
        async fn complete(sequences: Vec<u64>) -> Result<(), StoreError>;
        /// Says how much waits.
        async fn depth() -> Result<OutboxDepth, StoreError>;
    }
}
