use super::table::{Shared, count, room_for};
use crate::store::{Expected, FederatedLink, FederatedLinkStore, Owner, SaveOutcome, StoreError, Stored};
use axess_identity::TenantId;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

type Key = (TenantId, String, String);

/// Keeps in memory which identities at providers belong to which accounts.
///
/// Clones share them.
///
/// ```
/// use axess_core::memory::MemoryFederatedLinkStore;
/// let store = MemoryFederatedLinkStore::new();
/// # let _ = store;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryFederatedLinkStore {
    links: Shared<BTreeMap<Key, Stored<FederatedLink>>>,
}

impl MemoryFederatedLinkStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn delete_where(&self, goes: impl Fn(&FederatedLink) -> bool) -> u64 {
        let mut links = self.links.lock();
        let before = links.len();
        links.retain(|_, link| !goes(&link.value));
        count(before - links.len())
    }
}

impl FederatedLinkStore for MemoryFederatedLinkStore {
    async fn find_link(
        &self,
        tenant_id: TenantId,
        issuer: String,
        subject: String,
    ) -> Result<Option<Stored<FederatedLink>>, StoreError> {
        Ok(self.links.lock().get(&(tenant_id, issuer, subject)).cloned())
    }

    async fn find_links(&self, owner: Owner) -> Result<Vec<FederatedLink>, StoreError> {
        let links = self.links.lock();
        Ok(links.values().map(|link| &link.value).filter(|link| link.owner == owner).cloned().collect())
    }

    async fn save_link(&self, link: FederatedLink, expected: Expected) -> Result<SaveOutcome, StoreError> {
        let mut links = self.links.lock();
        let key = (link.owner.tenant_id, link.issuer.clone(), link.subject.clone());
        let version = links.get(&key).map(|stored| stored.version);
        if !expected.admits(version) {
            return Ok(SaveOutcome::Conflict);
        }
        room_for(links.len(), 1)?;
        links.insert(key, Stored { value: link, version: version.unwrap_or(0) + 1 });
        Ok(SaveOutcome::Saved)
    }

    async fn touch_link(
        &self,
        owner: Owner,
        issuer: String,
        subject: String,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut links = self.links.lock();
        let link = links.get_mut(&(owner.tenant_id, issuer, subject));
        let link = link.filter(|link| link.value.owner == owner);
        Ok(link.map(|link| link.value.last_used_at = Some(at)).is_some())
    }

    async fn delete_link(&self, owner: Owner, issuer: String, subject: String) -> Result<bool, StoreError> {
        Ok(self.delete_where(|link| link.owner == owner && link.issuer == issuer && link.subject == subject)
            > 0)
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        Ok(self.delete_where(|link| link.owner == owner))
    }

    async fn delete_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        Ok(self.delete_where(|link| link.owner.tenant_id == tenant_id))
    }
}
