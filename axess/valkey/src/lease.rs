use crate::{
    Valkey,
    error::at_most,
    moment::{after, micros, micros_up},
    script::Script,
};
use axess_core::store::{LeaderLock, Lease, StoreError};
use chrono::{DateTime, TimeDelta, Utc};

static ACQUIRE: Script = Script::new(include_str!("lease/acquire.lua"));
static RELEASE: Script = Script::new(
    "if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end \
     return redis.call('HDEL', KEYS[1], 'holder')",
);

/// The most bytes of the name of a lease, and of the name of a holder.
pub const MAX_LEASE_NAME_BYTES: usize = 255;

/// Elects a leader among all instances that use the same server.
///
/// Clones share the leases.
///
/// A lease that ended keeps its key, because its fence must not be given out again: use a fixed set of names. A failover may
/// lose the last fence (replication is asynchronous), so a resource that compares fences has to accept an equal one.
///
/// ```no_run
/// # use axess_core::store::StoreError;
/// use axess_core::store::LeaderLock;
/// use axess_valkey::{Valkey, ValkeyLeaderLock};
/// # async fn example(now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
/// let lock = ValkeyLeaderLock::new(&Valkey::connect("redis://127.0.0.1").await?);
/// let lease = lock.acquire("cleanup".into(), "instance-1".into(), chrono::TimeDelta::seconds(30), now).await?;
/// assert!(lease.is_some());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ValkeyLeaderLock {
    valkey: Valkey,
}

impl ValkeyLeaderLock {
    /// Creates a lock on this connection.
    #[must_use]
    pub fn new(valkey: &Valkey) -> Self {
        Self { valkey: valkey.clone() }
    }
}

impl LeaderLock for ValkeyLeaderLock {
    async fn acquire(
        &self,
        name: String,
        holder: String,
        ttl: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<Lease>, StoreError> {
        at_most(name.len().max(holder.len()), MAX_LEASE_NAME_BYTES)?;
        let (key, until) = (self.valkey.key(format_args!("lease:{name}")), after(now, ttl)?);
        let call = ACQUIRE.on(&self.valkey, &key).arg(holder).arg(micros(now)).arg(micros_up(until));
        let fence: Option<u64> = call.run().await?;
        Ok(fence.map(|fence| Lease { fence, until }))
    }

    async fn release(&self, name: String, holder: String) -> Result<bool, StoreError> {
        at_most(name.len().max(holder.len()), MAX_LEASE_NAME_BYTES)?;
        let key = self.valkey.key(format_args!("lease:{name}"));
        RELEASE.on(&self.valkey, &key).arg(holder).run().await
    }
}
