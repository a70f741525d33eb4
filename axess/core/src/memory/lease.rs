use super::table::{Shared, room_for};
use crate::store::{LeaderLock, Lease, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// Elects a leader within one process.
///
/// Clones share the leases.
///
/// ```
/// use axess_core::memory::MemoryLeaderLock;
/// let lock = MemoryLeaderLock::new();
/// # let _ = lock;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryLeaderLock {
    /// A lease that was given back stays, without a holder: its fence must not be given out again.
    leases: Shared<BTreeMap<String, (Option<String>, Lease)>>,
}

impl MemoryLeaderLock {
    /// Creates a lock nobody holds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl LeaderLock for MemoryLeaderLock {
    async fn acquire(
        &self,
        name: String,
        holder: String,
        ttl: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<Lease>, StoreError> {
        let mut leases = self.leases.lock();
        room_for(leases.len(), 1)?;
        let known = leases.get(&name);
        let held = known.filter(|(of, lease)| of.is_some() && lease.until > now);
        let mine = held.is_some_and(|(of, _)| of.as_ref() == Some(&holder));
        if held.is_some() && !mine {
            return Ok(None);
        }
        let fence = known.map_or(0, |(_, lease)| lease.fence) + u64::from(!mine);
        let lease = Lease { fence, until: now + ttl };
        leases.insert(name, (Some(holder), lease));
        Ok(Some(lease))
    }

    async fn release(&self, name: String, holder: String) -> Result<bool, StoreError> {
        let mut leases = self.leases.lock();
        let known = leases.get_mut(&name).filter(|(of, _)| of.as_ref() == Some(&holder));
        Ok(known.map(|(of, _)| *of = None).is_some())
    }
}
