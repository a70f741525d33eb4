use super::{StoreError, twin::storage_trait};
use chrono::{DateTime, TimeDelta, Utc};

/// The right to do something alone for a while.
///
/// ```
/// use axess_core::store::Lease;
/// let lease = Lease { fence: 7, until: chrono::DateTime::UNIX_EPOCH };
/// assert_eq!(lease.fence, 7);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Grows with every new holder: what a resource compares to refuse a holder whose lease is over.
    pub fence: u64,
    /// When it ends unless it is renewed.
    pub until: DateTime<Utc>,
}

storage_trait! {
    /// Elects one of several instances for a job.
    ///
    /// A lease is a promise about time: a holder that was stopped for longer than its lease must not act on it any more. Pass
    /// [`Lease::fence`] along with whatever it writes.
    ///
    /// ```
    /// use axess_core::{memory::MemoryLeaderLock, store::{LeaderLock, StoreError}};
    /// # async fn example(now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
    /// let (lock, ttl) = (MemoryLeaderLock::new(), chrono::TimeDelta::seconds(30));
    /// assert!(lock.acquire("cleanup".into(), "instance-1".into(), ttl, now).await?.is_some());
    /// assert!(lock.acquire("cleanup".into(), "instance-2".into(), ttl, now).await?.is_none());
    /// # Ok(()) }
    /// ```
    pub trait LeaderLock / DynLeaderLock for [DynLeaderLock] {
        /// Takes the lease called `name` for `holder`, unless somebody else holds it at `now`. The holder itself renews it and
        /// keeps its fence; a new holder gets the next fence.
        async fn acquire(name: String, holder: String, ttl: TimeDelta, now: DateTime<Utc>) -> Result<Option<Lease>, StoreError>;
        /// Gives the lease back; tells whether `holder` had it.
        async fn release(name: String, holder: String) -> Result<bool, StoreError>;
    }
}
