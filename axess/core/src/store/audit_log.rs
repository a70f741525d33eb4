use super::{StoreError, twin::storage_trait};
use axess_identity::{EventId, TenantId, UserId};
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// One event as the audit store keeps it: what is searched for, and the event itself.
///
/// ```
/// use axess_core::store::AuditRow;
/// use axess_identity::EventId;
/// let row = AuditRow {
///     event_id: EventId::from_parts(0, [1; 10]),
///     tenant_id: None,
///     user_id: None,
///     event_type: "TenantCreated".into(),
///     at: chrono::DateTime::UNIX_EPOCH,
///     body: vec![1].into(),
/// };
/// assert_eq!(row.event_type, "TenantCreated");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Names the event; the store keeps it once.
    pub event_id: EventId,
    /// The tenant it is about, if any.
    pub tenant_id: Option<TenantId>,
    /// The user it is about, if any.
    pub user_id: Option<UserId>,
    /// Its wire name; at most 128 bytes.
    pub event_type: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The event as bytes.
    pub body: Bytes,
}

/// Whose events are looked for.
///
/// ```
/// use axess_core::store::AuditScope;
/// assert_eq!(AuditScope::of(None), AuditScope::System);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditScope {
    /// Events of no tenant.
    System,
    /// Events of one tenant.
    Tenant(TenantId),
}

/// In which order events are read: by time, and then by id.
///
/// ```
/// use axess_core::store::AuditOrder;
/// assert_eq!(AuditOrder::default(), AuditOrder::NewestFirst);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditOrder {
    /// As a person searches.
    #[default]
    NewestFirst,
    /// As a copy is made.
    OldestFirst,
}

/// What to look for.
///
/// Every condition that is given must hold.
///
/// ```
/// use axess_core::store::{AuditQuery, AuditScope};
/// let query = AuditQuery { event_type: Some("LoginFailed".into()), ..AuditQuery::new(AuditScope::System, 50) };
/// assert_eq!(query.limit, 50);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// Whose events.
    pub scope: AuditScope,
    /// About this user.
    pub user_id: Option<UserId>,
    /// Of this type.
    pub event_type: Option<String>,
    /// At or after this time.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
    /// Which of them come first.
    pub order: AuditOrder,
    /// Continue, in the same order, after the event of a page's last row.
    pub after: Option<(DateTime<Utc>, EventId)>,
    /// At most this many; a store may cap it at 1000.
    pub limit: usize,
}

impl AuditScope {
    /// Returns the scope of events about this tenant, or about none.
    #[must_use]
    pub fn of(tenant_id: Option<TenantId>) -> Self {
        tenant_id.map_or(Self::System, Self::Tenant)
    }
}

impl AuditQuery {
    /// Looks for every event of a scope, newest first.
    #[must_use]
    pub fn new(scope: AuditScope, limit: usize) -> Self {
        let order = AuditOrder::NewestFirst;
        Self { scope, user_id: None, event_type: None, from: None, until: None, order, after: None, limit }
    }

    /// Tells whether every condition holds for an event.
    #[must_use]
    pub fn matches(&self, row: &AuditRow) -> bool {
        let place = (row.at, row.event_id);
        AuditScope::of(row.tenant_id) == self.scope
            && self.user_id.is_none_or(|user_id| row.user_id == Some(user_id))
            && self.event_type.as_ref().is_none_or(|event_type| row.event_type == *event_type)
            && self.from.is_none_or(|from| row.at >= from)
            && self.until.is_none_or(|until| row.at < until)
            && self.after.is_none_or(|after| match self.order {
                AuditOrder::NewestFirst => place < after,
                AuditOrder::OldestFirst => place > after,
            })
    }
}

storage_trait! {
    /// Keeps audit events for search.
    ///
    /// ```
    /// use axess_core::{memory::MemoryAuditStore, store::{AuditQuery, AuditScope, AuditStore, StoreError}};
    /// # async fn example() -> Result<(), StoreError> {
    /// assert!(MemoryAuditStore::new().query(AuditQuery::new(AuditScope::System, 10)).await?.is_empty());
    /// # Ok(()) }
    /// ```
    pub trait AuditStore / DynAuditStore for [DynAuditStore] {
        /// Adds events in one atomic step, and returns how many were new.
        async fn append(rows: Vec<AuditRow>) -> Result<u64, StoreError>;
        /// Finds events, in the order of the query.
        async fn query(query: AuditQuery) -> Result<Vec<AuditRow>, StoreError>;
        /// Lists whose events there are, in order, from the first one after `after`; a store may cap the limit at 1000.
        async fn scopes(after: Option<AuditScope>, limit: usize) -> Result<Vec<AuditScope>, StoreError>;
        /// Puts the user and the body of `row` in the place of those of the event with its id, when that event is in the same
        /// scope and its body still is `expected`; tells whether it was.
        async fn replace(row: AuditRow, expected: Bytes) -> Result<bool, StoreError>;
        /// Deletes these events of a scope in one atomic step, and returns how many it had.
        async fn delete(scope: AuditScope, events: Vec<EventId>) -> Result<u64, StoreError>;
        /// Deletes at most `limit` events of a scope from before `before`, oldest first, and returns how many.
        async fn delete_before(scope: AuditScope, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
    }
}
