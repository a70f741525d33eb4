use super::table::{Shared, count, room_for};
use crate::store::{SidBinding, SidStore, StoreError};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Keeps the sessions of identity providers in memory.
///
/// Clones share them.
///
/// ```
/// use axess_core::memory::MemorySidStore;
/// let store = MemorySidStore::new();
/// # let _ = store;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemorySidStore {
    bindings: Shared<BTreeMap<(TenantId, String, SessionId), SidBinding>>,
}

impl MemorySidStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn find(&self, now: DateTime<Utc>, wanted: impl Fn(&SidBinding) -> bool) -> Vec<SidBinding> {
        let bindings = self.bindings.lock();
        bindings.values().filter(|binding| binding.expires_at > now && wanted(binding)).cloned().collect()
    }
}

impl SidStore for MemorySidStore {
    async fn bind(&self, binding: SidBinding) -> Result<(), StoreError> {
        let mut bindings = self.bindings.lock();
        room_for(bindings.len(), 1)?;
        let key = (binding.owner.tenant_id, binding.issuer.clone(), binding.lineage);
        bindings.insert(key, binding);
        Ok(())
    }

    async fn find_by_sid(
        &self,
        tenant_id: Option<TenantId>,
        issuer: String,
        sid: String,
        now: DateTime<Utc>,
    ) -> Result<Vec<SidBinding>, StoreError> {
        Ok(self.find(now, |binding| {
            tenant_id.is_none_or(|tenant| binding.owner.tenant_id == tenant)
                && binding.issuer == issuer
                && binding.sid.as_deref() == Some(sid.as_str())
        }))
    }

    async fn find_by_subject(
        &self,
        tenant_id: Option<TenantId>,
        issuer: String,
        subject: String,
        now: DateTime<Utc>,
    ) -> Result<Vec<SidBinding>, StoreError> {
        Ok(self.find(now, |binding| {
            tenant_id.is_none_or(|tenant| binding.owner.tenant_id == tenant)
                && binding.issuer == issuer
                && binding.subject == subject
        }))
    }

    async fn unbind(
        &self,
        tenant_id: TenantId,
        issuer: String,
        lineage: SessionId,
    ) -> Result<(), StoreError> {
        self.bindings.lock().remove(&(tenant_id, issuer, lineage));
        Ok(())
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let mut bindings = self.bindings.lock();
        let expired = bindings.iter().filter(|(_, binding)| binding.expires_at <= now);
        let expired: Vec<_> = expired.map(|(key, _)| key.clone()).take(limit).collect();
        expired.iter().for_each(|key| drop(bindings.remove(key)));
        Ok(count(expired.len()))
    }
}
