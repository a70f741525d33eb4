use crate::store::{Owner, SessionEntry, SessionRegistry, StoreError};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, Utc};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Tracks valid sessions in memory.
///
/// Clones share the registry.
///
/// ```
/// use axess_core::memory::MemorySessionRegistry;
/// let registry = MemorySessionRegistry::new();
/// # let _ = registry;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemorySessionRegistry {
    entries: Arc<Mutex<HashMap<SessionId, SessionEntry>>>,
}

impl MemorySessionRegistry {
    /// Creates an empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, SessionEntry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn invalidate(&self, doomed: impl Fn(&SessionEntry) -> bool) -> u64 {
        let mut entries = self.lock();
        let before = entries.len();
        entries.retain(|_, entry| !doomed(entry));
        u64::try_from(before - entries.len()).unwrap_or(u64::MAX)
    }
}

impl SessionRegistry for MemorySessionRegistry {
    async fn register(&self, entry: SessionEntry, replaces: Option<SessionId>) -> Result<(), StoreError> {
        let mut entries = self.lock();
        if let Some(old) = replaces
            && entries.get(&old).is_some_and(|known| known.owner == entry.owner)
        {
            entries.remove(&old);
        }
        // Writing is rare next to reading: the moment to forget what has expired.
        entries.retain(|_, known| known.expires_at > entry.created_at);
        entries.insert(entry.id, entry);
        Ok(())
    }

    async fn deregister(&self, owner: Owner, id: SessionId) -> Result<(), StoreError> {
        self.invalidate(|entry| entry.owner == owner && entry.id == id);
        Ok(())
    }

    async fn is_valid(&self, owner: Owner, id: SessionId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        Ok(self.lock().get(&id).is_some_and(|entry| entry.owner == owner && entry.expires_at > now))
    }

    async fn find_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SessionEntry>, StoreError> {
        let entries = self.lock();
        let mut found: Vec<_> = entries
            .values()
            .filter(|entry| entry.owner == owner && entry.expires_at > now)
            .copied()
            .collect();
        found.sort_by_key(|entry| (std::cmp::Reverse(entry.created_at), entry.id));
        found.truncate(limit);
        Ok(found)
    }

    async fn invalidate_user(&self, owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError> {
        Ok(self.invalidate(|entry| entry.owner == owner && Some(entry.id) != keep))
    }

    async fn invalidate_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        Ok(self.invalidate(|entry| entry.owner.tenant_id == tenant_id))
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let mut entries = self.lock();
        let expired = entries.values().filter(|entry| entry.expires_at <= now).map(|entry| entry.id);
        let expired: Vec<_> = expired.take(limit).collect();
        expired.iter().for_each(|id| _ = entries.remove(id));
        Ok(u64::try_from(expired.len()).unwrap_or(u64::MAX))
    }
}
