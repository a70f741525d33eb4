//! Tokens that ended early.

use crate::jwk::text;
use axess_core::store::{ReplayKey, Store, StoreError, StoreErrorKind, StoreFuture};
use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// The most tokens that a [`MemoryRevocationStore`] remembers by default.
const MAX_REVOKED: usize = 100_000;

/// Remembers which tokens were revoked, each until it would have ended anyway.
///
/// A store without room fails; it never forgets a token early.
///
/// ```
/// use axess_core::store::ReplayKey;
/// use axess_local_idp::{MemoryRevocationStore, RevocationStore};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (store, now) = (MemoryRevocationStore::new(), chrono::DateTime::UNIX_EPOCH);
/// let token = ReplayKey::new("https://id.example.com", "0198c0de");
/// store.revoke(token, now + chrono::TimeDelta::minutes(5), now).await.unwrap();
/// assert!(store.is_revoked(token, now).await.unwrap());
/// # });
/// ```
pub trait RevocationStore: Send + Sync + 'static {
    /// Revokes a token that ends at `until`.
    fn revoke(&self, token: ReplayKey, until: DateTime<Utc>, now: DateTime<Utc>) -> StoreFuture<'_, ()>;
    /// Tells whether a token was revoked.
    fn is_revoked(&self, token: ReplayKey, now: DateTime<Utc>) -> StoreFuture<'_, bool>;
}

/// Remembers revoked tokens in memory, for a single process.
///
/// Clones share it.
///
/// ```
/// let store = axess_local_idp::MemoryRevocationStore::with_room_for(1_000);
/// # let _ = store;
/// ```
#[derive(Debug, Clone)]
pub struct MemoryRevocationStore {
    revoked: Arc<Mutex<BTreeMap<ReplayKey, DateTime<Utc>>>>,
    most: usize,
}

/// Remembers revoked tokens in any store of values by key, for several processes: one in SQL or Valkey, say.
///
/// ```
/// use axess_core::memory::MemoryStore;
/// use axess_local_idp::SharedRevocationStore;
/// let store = SharedRevocationStore::new(MemoryStore::new());
/// # let _ = store;
/// ```
#[derive(Clone)]
pub struct SharedRevocationStore<S> {
    values: S,
}

impl MemoryRevocationStore {
    /// Creates an empty store with room for 100 000 tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::with_room_for(MAX_REVOKED)
    }

    /// Creates an empty store with room for `most` tokens.
    #[must_use]
    pub fn with_room_for(most: usize) -> Self {
        Self { revoked: Arc::default(), most }
    }
}

impl Default for MemoryRevocationStore {
    fn default() -> Self {
        Self::new()
    }
}

impl RevocationStore for MemoryRevocationStore {
    fn revoke(&self, token: ReplayKey, until: DateTime<Utc>, now: DateTime<Utc>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
            if revoked.len() >= self.most && !revoked.contains_key(&token) {
                revoked.retain(|_, until| *until > now);
                if revoked.len() >= self.most {
                    return Err(StoreError::bare(StoreErrorKind::Full));
                }
            }
            let entry = revoked.entry(token).or_insert(until);
            // Whoever revokes again must not shorten it.
            *entry = until.max(*entry);
            Ok(())
        })
    }

    fn is_revoked(&self, token: ReplayKey, now: DateTime<Utc>) -> StoreFuture<'_, bool> {
        Box::pin(async move {
            let revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(revoked.get(&token).is_some_and(|until| *until > now))
        })
    }
}

impl<S: Store<String, Vec<u8>>> SharedRevocationStore<S> {
    /// Keeps them in `values`, under `local-idp/revoked/` and a digest.
    #[must_use]
    pub fn new(values: S) -> Self {
        Self { values }
    }
}

impl<S: Store<String, Vec<u8>> + 'static> RevocationStore for SharedRevocationStore<S> {
    fn revoke(&self, token: ReplayKey, until: DateTime<Utc>, _now: DateTime<Utc>) -> StoreFuture<'_, ()> {
        self.values.set(name(token), vec![1], until)
    }

    fn is_revoked(&self, token: ReplayKey, now: DateTime<Utc>) -> StoreFuture<'_, bool> {
        Box::pin(async move { Ok(self.values.get(name(token), now).await?.is_some()) })
    }
}

impl<S> fmt::Debug for SharedRevocationStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRevocationStore").finish_non_exhaustive()
    }
}

fn name(token: ReplayKey) -> String {
    format!("local-idp/revoked/{}", text(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_core::memory::MemoryStore;
    use chrono::TimeDelta;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn token(number: usize) -> ReplayKey {
        ReplayKey::new("https://id.example.com", &number.to_string())
    }

    async fn keeps_until_the_end(store: impl RevocationStore) {
        let end = NOW + TimeDelta::minutes(5);
        assert!(!store.is_revoked(token(1), NOW).await.unwrap());
        store.revoke(token(1), end, NOW).await.unwrap();
        store.revoke(token(1), end, NOW).await.unwrap();
        assert!(store.is_revoked(token(1), end - TimeDelta::seconds(1)).await.unwrap());
        assert!(!store.is_revoked(token(1), end).await.unwrap());
        assert!(!store.is_revoked(token(2), NOW).await.unwrap());
    }

    #[tokio::test]
    async fn every_store_keeps_a_token_until_its_end() {
        keeps_until_the_end(MemoryRevocationStore::new()).await;
        keeps_until_the_end(SharedRevocationStore::new(MemoryStore::new())).await;
    }

    #[tokio::test]
    async fn a_full_store_refuses_and_never_forgets() {
        let store = MemoryRevocationStore::with_room_for(2);
        let (soon, late) = (NOW + TimeDelta::minutes(1), NOW + TimeDelta::minutes(5));
        store.revoke(token(1), soon, NOW).await.unwrap();
        store.revoke(token(2), late, NOW).await.unwrap();
        assert_eq!(store.revoke(token(3), late, NOW).await.unwrap_err().kind(), StoreErrorKind::Full);
        store.revoke(token(2), soon, NOW).await.unwrap();
        assert!(store.is_revoked(token(2), soon).await.unwrap(), "revoking again shortened it");
        store.revoke(token(3), late, soon).await.unwrap();
        assert!(
            store.is_revoked(token(2), soon).await.unwrap()
                && store.is_revoked(token(3), soon).await.unwrap()
        );
    }
}
