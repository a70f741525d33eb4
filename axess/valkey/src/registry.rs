use crate::{
    Valkey,
    error::corrupt,
    index::Entry,
    moment::{self, keep_for},
    script::Script,
    walk::Walk,
};
use axess_core::store::{Owner, SessionEntry, SessionRegistry, StoreError};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, Utc};
use std::{cmp::Reverse, collections::HashMap};

static REGISTER: Script = Script::new(include_str!("registry/register.lua"));
static REMOVE: Script = Script::new(include_str!("registry/remove.lua"));
static DROP: Script = Script::new(include_str!("registry/drop.lua"));
static CLEAN: Script = Script::new(include_str!("registry/clean.lua"));

/// How many keys one step of a cleanup looks at.
const STEP: usize = 500;
/// How many sessions of one user a cleanup removes at once.
const MOST_AT_ONCE: usize = 10_000;

/// Tracks valid sessions in Valkey or Redis.
///
/// Clones share the registry.
///
/// The sessions of one user are in two keys of one slot: a sorted set by end, and a hash with their exact times. Users who
/// come back are tidied up as they register; the keys of the others go by themselves, so `cleanup_expired`, which walks over
/// every key of the server, is not needed.
///
/// ```no_run
/// # use axess_core::store::{Owner, StoreError};
/// use axess_core::store::SessionRegistry;
/// use axess_identity::SessionId;
/// use axess_valkey::{Valkey, ValkeySessionRegistry};
/// # async fn example(owner: Owner, now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
/// let registry = ValkeySessionRegistry::new(&Valkey::connect("redis://127.0.0.1").await?);
/// assert!(!registry.is_valid(owner, SessionId::from_bytes([0; 16]), now).await?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ValkeySessionRegistry {
    valkey: Valkey,
}

impl ValkeySessionRegistry {
    /// Creates a registry on this connection.
    #[must_use]
    pub fn new(valkey: &Valkey) -> Self {
        Self { valkey: valkey.clone() }
    }

    /// Names the sessions by end, and the sessions.
    fn keys(&self, owner: Owner) -> (String, String) {
        (self.valkey.owner_key("registry:ends", owner), self.valkey.owner_key("registry:of", owner))
    }

    fn users_key(&self, tenant_id: TenantId) -> String {
        self.valkey.tenant_key("registry:users", tenant_id)
    }
}

impl SessionRegistry for ValkeySessionRegistry {
    async fn register(&self, entry: SessionEntry, replaces: Option<SessionId>) -> Result<(), StoreError> {
        let (users, (ends, sessions)) = (self.users_key(entry.owner.tenant_id), self.keys(entry.owner));
        let keep = keep_for(entry.expires_at - entry.created_at);
        let (user, until, past) = (entry.owner.user_id.as_uuid(), entry.expires_at, entry.created_at);
        self.valkey.add_entry(&users, &Entry { member: user.as_bytes(), until, past, keep }).await?;
        let replaces = replaces.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        let call = REGISTER.on(&self.valkey, &ends).key(&sessions).arg(&entry.id.as_bytes()[..]);
        let call = call.arg(moment::micros_up(entry.expires_at)).arg(encode(&entry)).arg(replaces);
        call.arg(moment::micros(entry.created_at)).arg(keep).run::<i64>().await.map(drop)
    }

    async fn deregister(&self, owner: Owner, id: SessionId) -> Result<(), StoreError> {
        let (ends, sessions) = self.keys(owner);
        let call = DROP.on(&self.valkey, &ends).key(&sessions).arg(&id.as_bytes()[..]);
        call.run::<i64>().await.map(drop)
    }

    async fn is_valid(&self, owner: Owner, id: SessionId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let (_, sessions) = self.keys(owner);
        let mut cmd = redis::cmd("HGET");
        let stored: Option<String> = self.valkey.query(cmd.arg(sessions).arg(id.as_bytes())).await?;
        let Some(stored) = stored else { return Ok(false) };
        Ok(decode(owner, id, &stored)?.expires_at > now)
    }

    async fn find_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SessionEntry>, StoreError> {
        let (_, sessions) = self.keys(owner);
        let stored: HashMap<Vec<u8>, String> = self.valkey.query(redis::cmd("HGETALL").arg(sessions)).await?;
        let entry = |(id, stored): (Vec<u8>, String)| {
            let id = SessionId::from_bytes(id.try_into().map_err(|_| corrupt())?);
            decode(owner, id, &stored)
        };
        let mut found = stored.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        found.retain(|entry| entry.expires_at > now);
        found.sort_unstable_by_key(|entry| (Reverse(entry.created_at), entry.id));
        found.truncate(limit);
        Ok(found)
    }

    async fn invalidate_user(&self, owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError> {
        let (ends, sessions) = self.keys(owner);
        let keep = keep.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        REMOVE.on(&self.valkey, &ends).key(&sessions).arg(keep).run().await
    }

    async fn invalidate_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        let (key, mut count) = (self.users_key(tenant_id), 0);
        let mut pages = self.valkey.users(&key);
        while let Some(owners) = pages.next_owners(tenant_id).await? {
            for owner in owners {
                count += self.invalidate_user(owner, None).await?;
            }
        }
        Ok(count)
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let (ends, of) = (self.valkey.key("registry:ends:"), self.valkey.key("registry:of:"));
        let (users, all) = (self.valkey.key("registry:users:"), self.valkey.key("registry:*"));
        let (mut walk, mut left) = (Walk::default(), limit);
        while left > 0 {
            let Some(keys) = walk.next(&self.valkey, &all, STEP).await? else { break };
            for key in keys {
                if key.starts_with(&users) {
                    self.valkey.prune_index(&key, now).await?;
                } else if let Some(owner) = key.strip_prefix(&ends) {
                    let sessions = format!("{of}{owner}");
                    let call = CLEAN.on(&self.valkey, &key).key(&sessions).arg(moment::micros(now));
                    left -= call.arg(left.min(MOST_AT_ONCE)).run::<usize>().await?.min(left);
                }
            }
        }
        Ok(u64::try_from(limit - left).unwrap_or(u64::MAX))
    }
}

fn encode(entry: &SessionEntry) -> String {
    format!("{} {}", moment::to_text(entry.created_at), moment::to_text(entry.expires_at))
}

fn decode(owner: Owner, id: SessionId, stored: &str) -> Result<SessionEntry, StoreError> {
    let times = stored.split_once(' ');
    let times = times.and_then(|(from, to)| Some((moment::from_text(from)?, moment::from_text(to)?)));
    let (created_at, expires_at) = times.ok_or_else(corrupt)?;
    Ok(SessionEntry { id, owner, created_at, expires_at })
}
