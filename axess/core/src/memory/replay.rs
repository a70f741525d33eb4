use super::table::{Shared, count, room_for};
use crate::store::{Claim, JtiReplayStore, ReplayKey, StoreError};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Remembers in memory what was used once.
///
/// Clones share it.
///
/// ```
/// use axess_core::memory::MemoryJtiReplayStore;
/// let store = MemoryJtiReplayStore::new();
/// # let _ = store;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryJtiReplayStore {
    claims: Shared<BTreeMap<ReplayKey, DateTime<Utc>>>,
}

impl MemoryJtiReplayStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl JtiReplayStore for MemoryJtiReplayStore {
    async fn claim(
        &self,
        key: ReplayKey,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Claim, StoreError> {
        let mut claims = self.claims.lock();
        if claims.get(&key).is_some_and(|until| *until > now) {
            return Ok(Claim::Replayed);
        }
        if room_for(claims.len(), 1).is_err() {
            claims.retain(|_, until| *until > now);
            room_for(claims.len(), 1)?;
        }
        claims.insert(key, until);
        Ok(Claim::Fresh)
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let mut claims = self.claims.lock();
        let over = claims.iter().filter(|(_, until)| **until <= now).map(|(key, _)| *key);
        let over: Vec<_> = over.take(limit).collect();
        over.iter().for_each(|key| _ = claims.remove(key));
        Ok(count(over.len()))
    }
}
