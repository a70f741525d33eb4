use crate::store::{
    Owner, ROTATION_MEMORY, SaveOutcome, ScanCursor, ScanPage, SessionRow, SessionStore, SessionSummary,
    StoreError, StoreErrorKind,
};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, Utc};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// How many sessions are kept when nothing else is said.
const DEFAULT_CAPACITY: usize = 1_000_000;
/// How many rotations are remembered at most, however young they are.
const MAX_ROTATIONS: usize = 100_000;

/// Keeps sessions in memory.
///
/// Clones share them.
///
/// A full store first forgets what has expired and then refuses new sessions ([`StoreErrorKind::Full`]): it never drops
/// somebody's live session for a stranger's.
///
/// ```
/// use axess_core::memory::InMemorySessionStore;
/// let store = InMemorySessionStore::new();
/// assert_eq!(store.len(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct InMemorySessionStore {
    capacity: usize,
    table: Arc<RwLock<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    rows: HashMap<SessionId, SessionRow>,
    by_owner: HashMap<Owner, HashSet<SessionId>>,
    by_lineage: HashMap<SessionId, SessionId>,
    rotated: HashMap<SessionId, (SessionId, DateTime<Utc>)>,
    rotations: VecDeque<(DateTime<Utc>, SessionId)>,
}

impl InMemorySessionStore {
    /// Creates an empty store for up to a million sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// Creates an empty store for up to `capacity` sessions.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity, table: Arc::default() }
    }

    /// Returns how many sessions are kept, expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().rows.len()
    }

    /// Tells whether no session is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for InMemorySessionStore {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionStore for InMemorySessionStore {
    async fn load(&self, id: SessionId, now: DateTime<Utc>) -> Result<Option<SessionRow>, StoreError> {
        Ok(self.read().rows.get(&id).filter(|row| row.expires_at > now).cloned())
    }

    async fn insert(&self, row: SessionRow) -> Result<SaveOutcome, StoreError> {
        let mut table = self.write();
        if table.rows.contains_key(&row.id) {
            return Ok(SaveOutcome::Conflict);
        }
        if table.rows.len() >= self.capacity {
            table.cleanup(row.created_at, usize::MAX);
        }
        if table.rows.len() >= self.capacity {
            return Err(StoreError::bare(StoreErrorKind::Full));
        }
        table.put(row);
        Ok(SaveOutcome::Saved)
    }

    async fn save(&self, row: SessionRow) -> Result<SaveOutcome, StoreError> {
        let mut table = self.write();
        if table.rows.get(&row.id).is_none_or(|stored| stored.version.checked_add(1) != Some(row.version)) {
            return Ok(SaveOutcome::Conflict);
        }
        table.take(row.id);
        table.put(row);
        Ok(SaveOutcome::Saved)
    }

    async fn cycle(
        &self,
        old: SessionId,
        expected: u64,
        row: SessionRow,
        now: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        let mut table = self.write();
        let stands = table.rows.get(&old).is_some_and(|stored| stored.version == expected);
        if !stands || table.rows.contains_key(&row.id) {
            return Ok(SaveOutcome::Conflict);
        }
        table.take(old);
        table.remember_rotation(old, row.lineage, now);
        table.put(row);
        Ok(SaveOutcome::Saved)
    }

    async fn end(&self, id: SessionId, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut table = self.write();
        let lineage = match table.rows.get(&id) {
            Some(row) => Some(row.lineage),
            None => table.rotated.get(&id).filter(|(_, until)| now < *until).map(|(lineage, _)| *lineage),
        };
        let current = lineage.and_then(|lineage| table.by_lineage.get(&lineage).copied());
        Ok(u64::from(current.and_then(|current| table.take(current)).is_some()))
    }

    async fn find_sessions_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SessionSummary>, StoreError> {
        let table = self.read();
        let ids = table.by_owner.get(&owner).into_iter().flatten();
        let live = ids.filter_map(|id| table.rows.get(id)).filter(|row| row.expires_at > now);
        let mut found: Vec<_> = live
            .map(|row| SessionSummary { id: row.id, created_at: row.created_at, expires_at: row.expires_at })
            .collect();
        found.sort_by_key(|summary| (std::cmp::Reverse(summary.created_at), summary.id));
        found.truncate(limit);
        Ok(found)
    }

    async fn end_for_user(&self, owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError> {
        let mut table = self.write();
        let ids: Vec<_> = table.by_owner.get(&owner).into_iter().flatten().copied().collect();
        Ok(table.take_all(ids.into_iter().filter(|id| Some(*id) != keep)))
    }

    async fn end_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        let mut table = self.write();
        let owners = table.by_owner.iter().filter(|(owner, _)| owner.tenant_id == tenant_id);
        let ids: Vec<_> = owners.flat_map(|(_, ids)| ids.iter().copied()).collect();
        Ok(table.take_all(ids))
    }

    async fn scan(
        &self,
        after: Option<ScanCursor>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let after = after.and_then(|cursor| <[u8; 16]>::try_from(cursor.0).ok()).map(SessionId::from_bytes);
        let table = self.read();
        let mut ids: Vec<_> = table.rows.keys().filter(|id| after.is_none_or(|after| **id > after)).collect();
        ids.sort_unstable();
        let next = ids.get(limit.max(1)..).filter(|rest| !rest.is_empty());
        let next = next.and_then(|_| ids.get(limit.max(1) - 1)).map(|id| ScanCursor(id.as_bytes().to_vec()));
        let rows = ids.into_iter().take(limit.max(1)).filter_map(|id| table.rows.get(id));
        Ok(ScanPage { rows: rows.filter(|row| row.expires_at > now).cloned().collect(), next })
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        Ok(self.write().cleanup(now, limit))
    }
}

impl Table {
    fn put(&mut self, row: SessionRow) {
        if let Some(owner) = row.owner {
            self.by_owner.entry(owner).or_default().insert(row.id);
        }
        self.by_lineage.insert(row.lineage, row.id);
        self.rows.insert(row.id, row);
    }

    fn take(&mut self, id: SessionId) -> Option<SessionRow> {
        let row = self.rows.remove(&id)?;
        if self.by_lineage.get(&row.lineage) == Some(&id) {
            self.by_lineage.remove(&row.lineage);
        }
        if let Some(owner) = row.owner
            && let Some(ids) = self.by_owner.get_mut(&owner)
        {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
        Some(row)
    }

    fn take_all(&mut self, ids: impl IntoIterator<Item = SessionId>) -> u64 {
        ids.into_iter().map(|id| u64::from(self.take(id).is_some())).sum()
    }

    fn remember_rotation(&mut self, old: SessionId, lineage: SessionId, now: DateTime<Utc>) {
        let until = now + ROTATION_MEMORY;
        self.rotated.insert(old, (lineage, until));
        self.rotations.push_back((until, old));
        while self.rotations.front().is_some_and(|(until, _)| *until <= now)
            || self.rotations.len() > MAX_ROTATIONS
        {
            if let Some((_, forgotten)) = self.rotations.pop_front() {
                self.rotated.remove(&forgotten);
            }
        }
    }

    fn cleanup(&mut self, now: DateTime<Utc>, limit: usize) -> u64 {
        let expired: Vec<_> =
            self.rows.values().filter(|row| row.expires_at <= now).map(|row| row.id).take(limit).collect();
        self.take_all(expired)
    }
}

#[cfg(test)]
mod tests;
