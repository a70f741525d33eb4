use super::table::{Shared, count, room_for};
use crate::{
    refresh::{RefreshToken, Successor, TokenHash},
    store::{IssueOutcome, Owner, RefreshTokenStore, RevokedTokens, RotateOutcome, SaveOutcome, StoreError},
};
use axess_identity::{DeviceId, RefreshTokenId, TenantId, TokenFamilyId};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// Keeps refresh tokens in memory.
///
/// Clones share them.
///
/// ```
/// use axess_core::memory::MemoryRefreshTokenStore;
/// let store = MemoryRefreshTokenStore::new();
/// # let _ = store;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryRefreshTokenStore {
    tokens: Shared<BTreeMap<Owner, BTreeMap<RefreshTokenId, RefreshToken>>>,
}

impl MemoryRefreshTokenStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn revoke(&self, owner: Owner, now: DateTime<Utc>, hit: impl Fn(&RefreshToken) -> bool) -> RevokedTokens {
        let mut table = self.tokens.lock();
        let (mut tokens, mut devices) = (0, BTreeSet::new());
        for token in table.entry(owner).or_default().values_mut().filter(|token| hit(token)) {
            devices.extend(token.device_id);
            if token.is_active(now) {
                token.revoked_at = Some(now);
                tokens += 1;
            }
            token.successor = None;
        }
        RevokedTokens { tokens, devices: devices.into_iter().collect() }
    }
}

impl RefreshTokenStore for MemoryRefreshTokenStore {
    async fn load_token(&self, owner: Owner, id: RefreshTokenId) -> Result<Option<RefreshToken>, StoreError> {
        Ok(self.tokens.lock().get(&owner).and_then(|tokens| tokens.get(&id)).cloned())
    }

    async fn issue_with_eviction(
        &self,
        token: RefreshToken,
        max_per_user: usize,
    ) -> Result<IssueOutcome, StoreError> {
        let mut table = self.tokens.lock();
        room_for(table.values().map(BTreeMap::len).sum(), 1)?;
        let (now, tokens) = (token.issued_at, table.entry(token.owner).or_default());
        if tokens.contains_key(&token.id) {
            return Ok(IssueOutcome::Conflict);
        }
        let mut active: Vec<_> = tokens.values().filter(|known| known.is_active(now)).collect();
        active.sort_by_key(|known| (known.issued_at, known.id));
        let surplus = (active.len() + 1).saturating_sub(max_per_user.max(1));
        let evicted: Vec<_> = active.into_iter().take(surplus).map(|known| known.id).collect();
        for id in &evicted {
            if let Some(known) = tokens.get_mut(id) {
                known.revoked_at = Some(now);
            }
        }
        tokens.insert(token.id, token);
        Ok(IssueOutcome::Issued { evicted })
    }

    async fn rotate_token(
        &self,
        current: RefreshTokenId,
        successor: RefreshToken,
        sealed: Bytes,
    ) -> Result<RotateOutcome, StoreError> {
        let mut table = self.tokens.lock();
        room_for(table.values().map(BTreeMap::len).sum(), 1)?;
        let (now, tokens) = (successor.issued_at, table.entry(successor.owner).or_default());
        if tokens.contains_key(&successor.id) {
            return Ok(RotateOutcome::NotActive);
        }
        let known = tokens.get_mut(&current);
        let Some(known) =
            known.filter(|known| known.is_active(now) && known.family_id == successor.family_id)
        else {
            return Ok(RotateOutcome::NotActive);
        };
        known.rotated_at = Some(now);
        known.successor = Some(Successor { id: successor.id, sealed });
        tokens.insert(successor.id, successor);
        Ok(RotateOutcome::Rotated)
    }

    async fn take_successor(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        now: DateTime<Utc>,
    ) -> Result<Option<Successor>, StoreError> {
        let mut table = self.tokens.lock();
        let tokens = table.entry(owner).or_default();
        let taken = tokens.get_mut(&id).and_then(|token| token.successor.take());
        Ok(taken.filter(|next| tokens.get(&next.id).is_some_and(|token| token.is_active(now))))
    }

    async fn extend_token(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        hash: TokenHash,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        let mut table = self.tokens.lock();
        let token = table.get_mut(&owner).and_then(|tokens| tokens.get_mut(&id));
        let Some(token) = token.filter(|token| token.is_active(now)) else {
            return Ok(SaveOutcome::Conflict);
        };
        token.token_hash = hash;
        token.expires_at = expires_at;
        Ok(SaveOutcome::Saved)
    }

    async fn revoke_token(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        now: DateTime<Utc>,
    ) -> Result<RevokedTokens, StoreError> {
        Ok(self.revoke(owner, now, |token| token.id == id))
    }

    async fn revoke_family(
        &self,
        owner: Owner,
        family_id: TokenFamilyId,
        now: DateTime<Utc>,
    ) -> Result<RevokedTokens, StoreError> {
        Ok(self.revoke(owner, now, |token| token.family_id == family_id))
    }

    async fn revoke_for_device(
        &self,
        owner: Owner,
        device_id: DeviceId,
        now: DateTime<Utc>,
    ) -> Result<RevokedTokens, StoreError> {
        Ok(self.revoke(owner, now, |token| token.device_id == Some(device_id)))
    }

    async fn revoke_for_user(&self, owner: Owner, now: DateTime<Utc>) -> Result<RevokedTokens, StoreError> {
        Ok(self.revoke(owner, now, |_| true))
    }

    async fn revoke_for_tenant(&self, tenant_id: TenantId, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let owners: Vec<_> = self.tokens.lock().keys().copied().collect();
        let owners = owners.into_iter().filter(|owner| owner.tenant_id == tenant_id);
        Ok(owners.map(|owner| self.revoke(owner, now, |_| true).tokens).sum())
    }

    async fn find_tokens_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<RefreshToken>, StoreError> {
        let table = self.tokens.lock();
        let tokens = table.get(&owner).into_iter().flat_map(BTreeMap::values);
        let mut active: Vec<_> = tokens.filter(|token| token.is_active(now)).cloned().collect();
        active.sort_by_key(|token| std::cmp::Reverse((token.issued_at, token.id)));
        active.truncate(limit);
        Ok(active)
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        Ok(self.tokens.lock().remove(&owner).map_or(0, |tokens| count(tokens.len())))
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let mut table = self.tokens.lock();
        let tokens = table.values().flat_map(BTreeMap::values).filter(|token| token.expires_at <= now);
        let expired: Vec<_> = tokens.map(|token| (token.owner, token.id)).take(limit).collect();
        for (owner, id) in &expired {
            if let Some(tokens) = table.get_mut(owner) {
                tokens.remove(id);
            }
        }
        table.retain(|_, tokens| !tokens.is_empty());
        Ok(count(expired.len()))
    }
}
