use axess::{
    backends::sqlite::LeaderLock as SqlLock,
    store::{LeaderLock, Lease, StoreError},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Mutex, PoisonError};

/// A lease that lasts for so long yet is not renewed.
const FRESH: TimeDelta = TimeDelta::seconds(20);

/// Elects the server that moves events, where several share a database; a lease that was just renewed is not again.
pub(super) struct Leases {
    lock: SqlLock,
    held: Mutex<Option<(String, String, Lease)>>,
}

impl Leases {
    pub(super) fn new(lock: SqlLock) -> Self {
        Self { lock, held: Mutex::default() }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<(String, String, Lease)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LeaderLock for Leases {
    async fn acquire(
        &self,
        name: String,
        holder: String,
        ttl: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<Lease>, StoreError> {
        if let Some((held, by, lease)) = &*self.held()
            && (held, by) == (&name, &holder)
            && lease.until - now > FRESH
            && lease.until - now <= ttl
        {
            return Ok(Some(*lease));
        }
        let lease = LeaderLock::acquire(&self.lock, name.clone(), holder.clone(), ttl, now).await?;
        *self.held() = lease.map(|lease| (name, holder, lease));
        Ok(lease)
    }

    async fn release(&self, name: String, holder: String) -> Result<bool, StoreError> {
        *self.held() = None;
        LeaderLock::release(&self.lock, name, holder).await
    }
}
