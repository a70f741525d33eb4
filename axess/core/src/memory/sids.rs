use super::table::{Shared, count, room_for};
use crate::store::{LogoutKey, SidBinding, SidStore, StoreError};
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
    logouts: Shared<BTreeMap<LogoutKey, Noted>>,
}

/// A logout that is remembered until a time.
#[derive(Debug, Clone, Copy)]
struct Noted {
    at: DateTime<Utc>,
    until: DateTime<Utc>,
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

    async fn note_logout(
        &self,
        key: LogoutKey,
        at: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut logouts = self.logouts.lock();
        room_for(logouts.len(), usize::from(!logouts.contains_key(&key)))?;
        let known = logouts.entry(key).or_insert(Noted { at, until });
        *known = Noted { at: known.at.max(at), until: known.until.max(until) };
        Ok(())
    }

    async fn last_logout(
        &self,
        key: LogoutKey,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let logouts = self.logouts.lock();
        Ok(logouts.get(&key).filter(|noted| noted.until > now).map(|noted| noted.at))
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let deleted = take_expired(&mut self.bindings.lock(), limit, |binding| binding.expires_at <= now);
        let mut logouts = self.logouts.lock();
        let also = take_expired(&mut logouts, limit.saturating_sub(deleted), |noted| noted.until <= now);
        Ok(count(deleted + also))
    }
}

fn take_expired<K: Clone + Ord, V>(
    rows: &mut BTreeMap<K, V>,
    limit: usize,
    is_over: impl Fn(&V) -> bool,
) -> usize {
    let expired: Vec<_> =
        rows.iter().filter(|(_, row)| is_over(row)).map(|(key, _)| key.clone()).take(limit).collect();
    expired.iter().for_each(|key| drop(rows.remove(key)));
    expired.len()
}
