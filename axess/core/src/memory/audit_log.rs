use super::table::{Shared, count, room_for};
use crate::store::{AuditOrder, AuditQuery, AuditRow, AuditScope, AuditStore, StoreError};
use axess_identity::EventId;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

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
        let mut found: Vec<_> = rows.values().filter(|row| query.matches(row)).cloned().collect();
        found.sort_by_key(|row| (row.at, row.event_id));
        if query.order == AuditOrder::NewestFirst {
            found.reverse();
        }
        found.truncate(query.limit.min(MAX_PAGE));
        Ok(found)
    }

    async fn scopes(&self, after: Option<AuditScope>, limit: usize) -> Result<Vec<AuditScope>, StoreError> {
        let rows = self.rows.lock();
        let scopes = rows.values().map(|row| AuditScope::of(row.tenant_id));
        let scopes: BTreeSet<_> = scopes.filter(|scope| after.is_none_or(|after| *scope > after)).collect();
        Ok(scopes.into_iter().take(limit.min(MAX_PAGE)).collect())
    }

    async fn replace(&self, row: AuditRow, expected: Bytes) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock();
        let known = rows.get_mut(&row.event_id);
        let known = known.filter(|known| known.tenant_id == row.tenant_id && known.body == expected);
        let found = known.is_some();
        if let Some(known) = known {
            (known.user_id, known.body) = (row.user_id, row.body);
        }
        Ok(found)
    }

    async fn delete(&self, scope: AuditScope, events: Vec<EventId>) -> Result<u64, StoreError> {
        let mut rows = self.rows.lock();
        let before = rows.len();
        for event_id in events {
            if rows.get(&event_id).is_some_and(|row| AuditScope::of(row.tenant_id) == scope) {
                rows.remove(&event_id);
            }
        }
        Ok(count(before - rows.len()))
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
