use super::{StoreError, twin::storage_trait};
use crate::ratelimit::{Admission, BucketKey, RateQuota};
use chrono::{DateTime, Utc};

storage_trait! {
    /// Keeps the buckets of rate limiters and decides each request in one atomic step.
    ///
    /// Deciding is [`gcra_decide`](crate::ratelimit::gcra_decide) on the stored state, or the same arithmetic where the
    /// state lives; the new state is stored after a refusal too.
    ///
    /// ```
    /// use axess_core::{memory::MemoryBuckets, ratelimit::{Admission, BucketKey, RateQuota}, store::{RateLimitBuckets, StoreError}};
    /// use std::time::Duration;
    /// # async fn example() -> Result<(), StoreError> {
    /// let (key, quota) = (BucketKey::new("login", "alice"), RateQuota::new(1, Duration::from_secs(60)));
    /// let admission = MemoryBuckets::default().admit(key, quota, chrono::DateTime::UNIX_EPOCH).await?;
    /// assert_eq!(admission, Admission::Admitted);
    /// # Ok(()) }
    /// ```
    pub trait RateLimitBuckets / DynRateLimitBuckets for [DynRateLimitBuckets] {
        /// Counts one request against the bucket `key` at `now`.
        async fn admit(key: BucketKey, quota: RateQuota, now: DateTime<Utc>) -> Result<Admission, StoreError>;
        /// Deletes at most `limit` buckets that are full again at `now`, and returns how many.
        async fn cleanup_expired(now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
    }
}
