use super::table::{Shared, room_for};
use crate::store::{Store, StoreFuture};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Keeps values by key in memory.
///
/// Clones share them.
///
/// ```
/// use axess_core::memory::MemoryStore;
/// let store: MemoryStore<String, Vec<u8>> = MemoryStore::new();
/// # let _ = store;
/// ```
#[derive(Debug)]
pub struct MemoryStore<K, V> {
    values: Shared<BTreeMap<K, (V, DateTime<Utc>)>>,
}

impl<K: Ord, V> MemoryStore<K, V> {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { values: Shared::default() }
    }
}

impl<K: Ord + Send, V: Clone + Send> Store<K, V> for MemoryStore<K, V> {
    fn get(&self, key: K, now: DateTime<Utc>) -> StoreFuture<'_, Option<V>> {
        Box::pin(async move {
            let values = self.values.lock();
            Ok(values.get(&key).filter(|(_, expires_at)| *expires_at > now).map(|(value, _)| value.clone()))
        })
    }

    fn set(&self, key: K, value: V, expires_at: DateTime<Utc>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut values = self.values.lock();
            room_for(values.len(), usize::from(!values.contains_key(&key)))?;
            values.insert(key, (value, expires_at));
            Ok(())
        })
    }

    fn delete(&self, key: K) -> StoreFuture<'_, bool> {
        Box::pin(async move { Ok(self.values.lock().remove(&key).is_some()) })
    }
}

impl<K, V> Clone for MemoryStore<K, V> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone() }
    }
}

impl<K: Ord, V> Default for MemoryStore<K, V> {
    fn default() -> Self {
        Self::new()
    }
}
