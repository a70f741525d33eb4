use super::table::{Shared, count, room_for};
use crate::store::{AuditQuery, AuditRow, AuditScope, AuditStore, StoreError};
use axess_identity::EventId;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// The most rows one page returns.
const MAX_PAGE: usize = 1_000;

/// Keeps audit events in memory, for search.
///
/// Clones share them.
///
/// ```
/// use axess_core::memory::MemoryAuditStore;
/// let store = MemoryAuditStore::new();
/// # let _ = store;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryAuditStore {
    rows: Shared<BTreeMap<EventId, AuditRow>>,
}

impl MemoryAuditStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl AuditStore for MemoryAuditStore {
    async fn append(&self, rows: Vec<AuditRow>) -> Result<u64, StoreError> {
        let mut known = self.rows.lock();
        room_for(known.len(), rows.len())?;
        let before = known.len();
        for row in rows {
            known.entry(row.event_id).or_insert(row);
        }
        Ok(count(known.len() - before))
    }

    async fn query(&self, query: AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        let rows = self.rows.lock();
        let mut found: Vec<_> = rows.values().filter(|row| matches(row, &query)).cloned().collect();
        found.sort_by_key(|row| std::cmp::Reverse((row.at, row.event_id)));
        found.truncate(query.limit.min(MAX_PAGE));
        Ok(found)
    }

    async fn delete_before(
        &self,
        scope: AuditScope,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let mut rows = self.rows.lock();
        let old = rows.values().filter(|row| AuditScope::of(row.tenant_id) == scope && row.at < before);
        let mut old: Vec<_> = old.map(|row| (row.at, row.event_id)).collect();
        old.sort_unstable();
        old.truncate(limit);
        old.iter().for_each(|(_, id)| drop(rows.remove(id)));
        Ok(count(old.len()))
    }
}

fn matches(row: &AuditRow, query: &AuditQuery) -> bool {
    AuditScope::of(row.tenant_id) == query.scope
        && query.user_id.is_none_or(|user_id| row.user_id == Some(user_id))
        && query.event_type.as_ref().is_none_or(|event_type| row.event_type == *event_type)
        && query.from.is_none_or(|from| row.at >= from)
        && query.until.is_none_or(|until| row.at < until)
        && query.after.is_none_or(|after| (row.at, row.event_id) < after)
}
