use super::StoreError;
use chrono::{DateTime, Utc};
use std::{pin::Pin, sync::Arc};

/// The answer of a [`Store`] on its way.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Values by key, each with an end: the least that every backend can do.
///
/// It is for code that must not care where things are: caches, operators' tools, copying from one backend to another. What
/// has rules of its own (sessions that rotate, tokens that are spent) has a trait of its own, and so has no business here.
///
/// ```
/// use axess_core::{memory::MemoryStore, store::Store};
/// use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let now = chrono::DateTime::UNIX_EPOCH;
/// let store: Arc<dyn Store<String, Vec<u8>>> = Arc::new(MemoryStore::new());
/// store.set("greeting".into(), b"hello".to_vec(), now + chrono::TimeDelta::minutes(1)).await.unwrap();
/// assert_eq!(store.get("greeting".into(), now).await.unwrap().as_deref(), Some(&b"hello"[..]));
/// # });
/// ```
pub trait Store<K, V>: Send + Sync {
    /// Reads a value, unless it has ended at `now`.
    fn get(&self, key: K, now: DateTime<Utc>) -> StoreFuture<'_, Option<V>>;
    /// Writes a value that ends at `expires_at`.
    fn set(&self, key: K, value: V, expires_at: DateTime<Utc>) -> StoreFuture<'_, ()>;
    /// Removes a value; tells whether there was one.
    fn delete(&self, key: K) -> StoreFuture<'_, bool>;
}

impl<K, V, S: Store<K, V> + ?Sized> Store<K, V> for Arc<S> {
    fn get(&self, key: K, now: DateTime<Utc>) -> StoreFuture<'_, Option<V>> {
        (**self).get(key, now)
    }

    fn set(&self, key: K, value: V, expires_at: DateTime<Utc>) -> StoreFuture<'_, ()> {
        (**self).set(key, value, expires_at)
    }

    fn delete(&self, key: K) -> StoreFuture<'_, bool> {
        (**self).delete(key)
    }
}
