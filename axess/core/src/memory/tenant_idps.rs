use super::table::{Shared, room_for};
use crate::store::{Expected, SaveOutcome, StoreError, Stored, TenantIdp, TenantIdpStore};
use axess_identity::{ProviderName, TenantId};
use std::collections::BTreeMap;

/// Keeps the identity providers of tenants in memory.
///
/// Clones share them.
///
/// ```
/// use axess_core::memory::MemoryTenantIdpStore;
/// let store = MemoryTenantIdpStore::new();
/// # let _ = store;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryTenantIdpStore {
    idps: Shared<BTreeMap<(TenantId, ProviderName), Stored<TenantIdp>>>,
}

impl MemoryTenantIdpStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl TenantIdpStore for MemoryTenantIdpStore {
    async fn get_idp(
        &self,
        tenant_id: TenantId,
        name: ProviderName,
    ) -> Result<Option<Stored<TenantIdp>>, StoreError> {
        Ok(self.idps.lock().get(&(tenant_id, name)).cloned())
    }

    async fn find_idps(&self, tenant_id: TenantId) -> Result<Vec<Stored<TenantIdp>>, StoreError> {
        let idps = self.idps.lock();
        Ok(idps.values().filter(|idp| idp.value.tenant_id == tenant_id).cloned().collect())
    }

    async fn save_idp(&self, idp: TenantIdp, expected: Expected) -> Result<SaveOutcome, StoreError> {
        let mut idps = self.idps.lock();
        let key = (idp.tenant_id, idp.name.clone());
        let version = idps.get(&key).map(|stored| stored.version);
        if !expected.admits(version) {
            return Ok(SaveOutcome::Conflict);
        }
        room_for(idps.len(), 1)?;
        idps.insert(key, Stored { value: idp, version: version.unwrap_or(0) + 1 });
        Ok(SaveOutcome::Saved)
    }

    async fn delete_idp(&self, tenant_id: TenantId, name: ProviderName) -> Result<bool, StoreError> {
        Ok(self.idps.lock().remove(&(tenant_id, name)).is_some())
    }
}
