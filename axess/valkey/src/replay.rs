use crate::{
    Valkey,
    moment::{keep_for, micros, micros_up},
    script::Script,
    walk,
};
use axess_core::store::{Claim, JtiReplayStore, ReplayKey, StoreError};
use chrono::{DateTime, Utc};

static CLAIM: Script = Script::new(include_str!("replay.lua"));
/// The stored value is the end in microseconds.
static CLEAN: Script = Script::new(
    "local ends = redis.call('GET', KEYS[1]) \
     if ends and tonumber(ends) <= tonumber(ARGV[1]) then return redis.call('DEL', KEYS[1]) end \
     return 0",
);

/// Remembers in Valkey or Redis what was used once.
///
/// Clones share it.
///
/// A claim lasts to the microsecond after its end. `cleanup_expired` walks over every key of the server and is not needed:
/// claims go by themselves.
///
/// ```no_run
/// # use axess_core::store::StoreError;
/// use axess_core::store::{Claim, JtiReplayStore, ReplayKey};
/// use axess_valkey::{Valkey, ValkeyJtiReplayStore};
/// # async fn example(now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
/// let store = ValkeyJtiReplayStore::new(&Valkey::connect("redis://127.0.0.1").await?);
/// let key = ReplayKey::new("https://login.example.com", "f47ac10b");
/// assert_eq!(store.claim(key, now + chrono::TimeDelta::minutes(5), now).await?, Claim::Fresh);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ValkeyJtiReplayStore {
    valkey: Valkey,
}

impl ValkeyJtiReplayStore {
    /// Creates a store on this connection.
    #[must_use]
    pub fn new(valkey: &Valkey) -> Self {
        Self { valkey: valkey.clone() }
    }
}

impl JtiReplayStore for ValkeyJtiReplayStore {
    async fn claim(
        &self,
        key: ReplayKey,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Claim, StoreError> {
        let key = self.valkey.key(format_args!("replay:{}", walk::Hex(key.as_bytes())));
        let call = CLAIM.on(&self.valkey, &key).arg(micros(now)).arg(micros_up(until));
        let is_first = call.arg(keep_for(until - now)).run::<bool>().await?;
        Ok(if is_first { Claim::Fresh } else { Claim::Replayed })
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        self.valkey.clean_each("replay:*", limit, &CLEAN, &[micros(now)]).await
    }
}
