use super::table::{Shared, count, room_for};
use crate::store::{
    DelegatedCredentialStore, DelegatedRow, Expected, Owner, SaveOutcome, StoreError, Stored,
};
use std::collections::BTreeMap;

/// Keeps delegated credentials in memory.
///
/// Clones share them.
///
/// ```
/// use axess_core::memory::MemoryDelegatedCredentialStore;
/// let store = MemoryDelegatedCredentialStore::new();
/// # let _ = store;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryDelegatedCredentialStore {
    rows: Shared<BTreeMap<(Owner, String), Stored<DelegatedRow>>>,
}

impl MemoryDelegatedCredentialStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl DelegatedCredentialStore for MemoryDelegatedCredentialStore {
    async fn load_credential(
        &self,
        owner: Owner,
        downstream: String,
    ) -> Result<Option<Stored<DelegatedRow>>, StoreError> {
        Ok(self.rows.lock().get(&(owner, downstream)).cloned())
    }

    async fn save_credential(
        &self,
        owner: Owner,
        row: DelegatedRow,
        expected: Expected,
    ) -> Result<SaveOutcome, StoreError> {
        let mut rows = self.rows.lock();
        let key = (owner, row.downstream.clone());
        let version = rows.get(&key).map(|stored| stored.version);
        if !expected.admits(version) {
            return Ok(SaveOutcome::Conflict);
        }
        room_for(rows.len(), 1)?;
        rows.insert(key, Stored { value: row, version: version.unwrap_or(0) + 1 });
        Ok(SaveOutcome::Saved)
    }

    async fn revoke_credential(&self, owner: Owner, downstream: String) -> Result<bool, StoreError> {
        Ok(self.rows.lock().remove(&(owner, downstream)).is_some())
    }

    async fn find_downstreams(&self, owner: Owner) -> Result<Vec<String>, StoreError> {
        let rows = self.rows.lock();
        Ok(rows.keys().filter(|(of, _)| *of == owner).map(|(_, downstream)| downstream.clone()).collect())
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        let mut rows = self.rows.lock();
        let before = rows.len();
        rows.retain(|(of, _), _| *of != owner);
        Ok(count(before - rows.len()))
    }
}
