mod stored;

use crate::{
    Valkey,
    error::{at_most, corrupt},
    index::Entry,
    moment::{keep_for, micros, to_text},
    script::{Call, Script},
    walk::Walk,
};
use axess_core::{
    refresh::{RefreshToken, Successor, TokenHash},
    store::{
        IssueOutcome, Owner, RefreshTokenStore, RevokedTokens, RotateOutcome, SaveOutcome, StoreError,
        StoreErrorKind,
    },
};
use axess_identity::{DeviceId, RefreshTokenId, TenantId, TokenFamilyId};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::{cmp::Reverse, collections::BTreeSet};
use stored::{Fields, hex, id_from_hex};

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("refresh/token.lua"), include_str!($file)))
    };
}

static ISSUE: Script = script!("refresh/issue.lua");
static ROTATE: Script = script!("refresh/rotate.lua");
static LOAD: Script = script!("refresh/load.lua");
static TAKE: Script = script!("refresh/take.lua");
static EXTEND: Script = script!("refresh/extend.lua");
static REVOKE: Script = script!("refresh/revoke.lua");
static CLEAN: Script = script!("refresh/clean.lua");
static DELETE: Script = script!("refresh/delete.lua");

/// The most tokens kept for one user, inactive ones included.
///
/// Beyond it nothing is issued until some expire.
pub const MAX_TOKENS_PER_USER: usize = 50_000;
/// The most bytes of a sealed successor.
pub const MAX_SEALED_BYTES: usize = 4 * 1024;
/// The most characters of [`RefreshToken::device_info`].
pub const MAX_DEVICE_INFO_CHARS: usize = 256;

/// How many expired tokens a write deletes on its way: more than it adds, so that they do not pile up.
const PRUNE: usize = 32;
/// How many keys one step of a cleanup looks at.
const STEP: usize = 500;

/// Keeps refresh tokens in Valkey or Redis.
///
/// Clones share them.
///
/// All tokens of one user are in one hash slot, so each verb on them is one script. Issuing and rotating take time in
/// proportion to the active tokens of the user, revoking in proportion to all that are kept. Writes delete some of the
/// user's expired tokens; `cleanup_expired`, which walks over every key of the server, deletes the rest sooner.
///
/// More than [`MAX_TOKENS_PER_USER`] tokens are refused as [`StoreErrorKind::Full`]; a device text beyond
/// [`MAX_DEVICE_INFO_CHARS`] and a sealed successor beyond [`MAX_SEALED_BYTES`] as [`StoreErrorKind::Misuse`].
///
/// ```no_run
/// # use axess_core::store::StoreError;
/// use axess_core::store::{Owner, RefreshTokenStore};
/// use axess_valkey::{Valkey, ValkeyRefreshTokenStore};
/// # async fn example(owner: Owner, now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
/// let store = ValkeyRefreshTokenStore::new(&Valkey::connect("redis://127.0.0.1").await?);
/// assert!(store.find_tokens_for_user(owner, now, 10).await?.is_empty());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ValkeyRefreshTokenStore {
    valkey: Valkey,
}

/// The keys of one user, in the order of the scripts.
struct Keys([String; 3]);

impl ValkeyRefreshTokenStore {
    /// Creates a store on this connection.
    #[must_use]
    pub fn new(valkey: &Valkey) -> Self {
        Self { valkey: valkey.clone() }
    }

    fn keys(&self, owner: Owner) -> Keys {
        Keys(["refresh:of", "refresh:active", "refresh:ends"].map(|name| self.valkey.owner_key(name, owner)))
    }

    fn call<'a>(&'a self, script: &'static Script, keys: &'a Keys) -> Call<'a> {
        let [tokens, active, ends] = &keys.0;
        script.on(&self.valkey, tokens).key(active).key(ends)
    }

    /// Adds the owner to the index of their tenant, which has to name every user who has a token.
    async fn list_ahead(
        &self,
        owner: Owner,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (users, user) =
            (self.valkey.tenant_key("refresh:users", owner.tenant_id), owner.user_id.as_uuid());
        let entry = Entry { member: user.as_bytes(), until, past: now, keep: keep_for(until - now) };
        self.valkey.add_entry(&users, &entry).await
    }

    /// Reads some tokens, or all that were active when they were last written.
    async fn read(&self, owner: Owner, ids: &[RefreshTokenId]) -> Result<Vec<RefreshToken>, StoreError> {
        let keys = self.keys(owner);
        let ids: Vec<_> = ids.iter().map(|id| hex(id.as_uuid())).collect();
        let found: Vec<Fields> = self.call(&LOAD, &keys).arg(ids).run().await?;
        found.into_iter().map(|fields| stored::decode(owner, fields)).collect()
    }

    async fn revoke(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        (what, value): (&str, String),
    ) -> Result<RevokedTokens, StoreError> {
        let keys = self.keys(owner);
        let call = self.call(&REVOKE, &keys).arg(what).arg(value).arg(micros(now)).arg(to_text(now));
        let answer: Vec<String> = call.run().await?;
        let (tokens, devices) = answer.split_first().ok_or_else(corrupt)?;
        let devices = devices.iter().map(|device| id_from_hex(device).map(DeviceId::from_uuid));
        let devices: BTreeSet<_> = devices.collect::<Option<_>>().ok_or_else(corrupt)?;
        let tokens = tokens.parse().map_err(|_| corrupt())?;
        Ok(RevokedTokens { tokens, devices: devices.into_iter().collect() })
    }

    /// Begins a call that writes a new token.
    fn write<'a>(
        &'a self,
        script: &'static Script,
        keys: &'a Keys,
        token: &RefreshToken,
    ) -> Result<Call<'a>, StoreError> {
        let info = token.device_info.as_deref().unwrap_or_default();
        at_most(info.chars().count(), MAX_DEVICE_INFO_CHARS)?;
        let call = self.call(script, keys).arg(hex(token.id.as_uuid())).arg(stored::state(token));
        let call =
            call.arg(stored::details(token)?).arg(token.token_hash.as_str()).arg(micros(token.issued_at));
        let call = call.arg(micros(token.expires_at)).arg(keep_for(token.expires_at - token.issued_at));
        Ok(call.arg(MAX_TOKENS_PER_USER))
    }
}

impl RefreshTokenStore for ValkeyRefreshTokenStore {
    async fn load_token(&self, owner: Owner, id: RefreshTokenId) -> Result<Option<RefreshToken>, StoreError> {
        Ok(self.read(owner, &[id]).await?.pop())
    }

    async fn issue_with_eviction(
        &self,
        token: RefreshToken,
        max_per_user: usize,
    ) -> Result<IssueOutcome, StoreError> {
        let (keys, now) = (self.keys(token.owner), token.issued_at);
        let call = self.write(&ISSUE, &keys, &token)?;
        self.list_ahead(token.owner, token.expires_at, now).await?;
        let max_per_user = max_per_user.clamp(1, MAX_TOKENS_PER_USER);
        let answer: Vec<String> = call.arg(max_per_user).arg(to_text(now)).arg(PRUNE).run().await?;
        let (outcome, evicted) = answer.split_first().ok_or_else(corrupt)?;
        match outcome.as_str() {
            "0" => Ok(IssueOutcome::Conflict),
            "-1" => Err(StoreError::bare(StoreErrorKind::Full)),
            _ => {
                let evicted = evicted.iter().map(|id| id_from_hex(id).map(RefreshTokenId::from_uuid));
                Ok(IssueOutcome::Issued { evicted: evicted.collect::<Option<_>>().ok_or_else(corrupt)? })
            }
        }
    }

    async fn rotate_token(
        &self,
        current: RefreshTokenId,
        successor: RefreshToken,
        sealed: Bytes,
    ) -> Result<RotateOutcome, StoreError> {
        at_most(sealed.len(), MAX_SEALED_BYTES)?;
        let (keys, now) = (self.keys(successor.owner), successor.issued_at);
        let call = self.write(&ROTATE, &keys, &successor)?;
        self.list_ahead(successor.owner, successor.expires_at, now).await?;
        let next = [hex(successor.id.as_uuid()).as_bytes(), &sealed].concat();
        let call = call.arg(hex(current.as_uuid())).arg(hex(successor.family_id.as_uuid())).arg(next);
        match call.arg(to_text(now)).arg(PRUNE).run::<i64>().await? {
            0 => Ok(RotateOutcome::NotActive),
            1 => Ok(RotateOutcome::Rotated),
            _ => Err(StoreError::bare(StoreErrorKind::Full)),
        }
    }

    async fn take_successor(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        now: DateTime<Utc>,
    ) -> Result<Option<Successor>, StoreError> {
        let keys = self.keys(owner);
        let call = self.call(&TAKE, &keys).arg(hex(id.as_uuid())).arg(micros(now));
        let next: Option<Bytes> = call.run().await?;
        next.map(stored::successor).transpose()
    }

    async fn extend_token(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        hash: TokenHash,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        self.list_ahead(owner, expires_at, now).await?;
        let keys = self.keys(owner);
        let call =
            self.call(&EXTEND, &keys).arg(hex(id.as_uuid())).arg(hash.as_str()).arg(micros(expires_at));
        let call = call.arg(to_text(expires_at)).arg(micros(now)).arg(keep_for(expires_at - now));
        Ok(if call.run::<bool>().await? { SaveOutcome::Saved } else { SaveOutcome::Conflict })
    }

    async fn revoke_token(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        now: DateTime<Utc>,
    ) -> Result<RevokedTokens, StoreError> {
        self.revoke(owner, now, ("id", hex(id.as_uuid()))).await
    }

    async fn revoke_family(
        &self,
        owner: Owner,
        family_id: TokenFamilyId,
        now: DateTime<Utc>,
    ) -> Result<RevokedTokens, StoreError> {
        self.revoke(owner, now, ("family", hex(family_id.as_uuid()))).await
    }

    async fn revoke_for_device(
        &self,
        owner: Owner,
        device_id: DeviceId,
        now: DateTime<Utc>,
    ) -> Result<RevokedTokens, StoreError> {
        self.revoke(owner, now, ("device", hex(device_id.as_uuid()))).await
    }

    async fn revoke_for_user(&self, owner: Owner, now: DateTime<Utc>) -> Result<RevokedTokens, StoreError> {
        self.revoke(owner, now, ("all", String::new())).await
    }

    async fn revoke_for_tenant(&self, tenant_id: TenantId, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let (key, mut count) = (self.valkey.tenant_key("refresh:users", tenant_id), 0);
        let mut pages = self.valkey.users(&key);
        while let Some(owners) = pages.next_owners(tenant_id).await? {
            for owner in owners {
                count += self.revoke_for_user(owner, now).await?.tokens;
            }
        }
        Ok(count)
    }

    async fn find_tokens_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<RefreshToken>, StoreError> {
        let mut active = self.read(owner, &[]).await?;
        active.retain(|token| token.is_active(now));
        active.sort_by_key(|token| Reverse((token.issued_at, token.id)));
        active.truncate(limit);
        Ok(active)
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        let keys = self.keys(owner);
        self.call(&DELETE, &keys).run().await
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let names = ["refresh:of:", "refresh:active:", "refresh:ends:"];
        let [of, active, ends] = names.map(|name| self.valkey.key(name));
        let (users, all) = (self.valkey.key("refresh:users:"), self.valkey.key("refresh:*"));
        let (mut walk, mut left) = (Walk::default(), limit);
        while left > 0 {
            let Some(found) = walk.next(&self.valkey, &all, STEP).await? else { break };
            for key in found {
                if key.starts_with(&users) {
                    self.valkey.prune_index(&key, now).await?;
                } else if let Some(owner) = key.strip_prefix(&ends) {
                    let keys = Keys([&of, &active, &ends].map(|name| format!("{name}{owner}")));
                    let call = self.call(&CLEAN, &keys).arg(micros(now)).arg(left.min(MAX_TOKENS_PER_USER));
                    left -= call.run::<usize>().await?.min(left);
                }
            }
        }
        Ok(u64::try_from(limit - left).unwrap_or(u64::MAX))
    }
}
