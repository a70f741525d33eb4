use crate::{
    ratelimit::{Admission, BucketKey, GcraDecision, RateQuota, gcra_decide},
    store::{RateLimitBuckets, StoreError},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

/// The most buckets a table may be given room for.
pub const MAX_MEMORY_BUCKETS: usize = 16 * 1024 * 1024;

/// The default room: about 10 MB when full.
const DEFAULT_BUCKETS: usize = 128 * 1024;

/// Parts of the table that are locked apart.
const SHARDS: usize = 64;

/// A full shard sheds one in this many of its buckets at once, so that the search for them is paid rarely.
const SHED_FRACTION: usize = 16;

/// A bounded table of buckets in this process.
///
/// A new caller is never refused for lack of room. A full shard forgets some buckets: first those that are full again, which
/// loses nothing, then those that lack the smallest share of their window. Whoever is being throttled hardest is forgotten
/// last, also when limiters of different quotas share the table.
///
/// ```
/// use axess_core::memory::MemoryBuckets;
/// let buckets = MemoryBuckets::with_capacity(1_000);
/// assert!(buckets.capacity() >= 1_000);
/// assert!(buckets.is_empty());
/// ```
pub struct MemoryBuckets {
    shards: Box<[Mutex<Shard>]>,
    per_shard: usize,
}

/// Ordered, so that a run does not depend on a random hash seed.
type Shard = BTreeMap<BucketKey, Bucket>;

struct Bucket {
    tat: DateTime<Utc>,
    /// The window of the limiter it belongs to, which says how far ahead `tat` can be.
    window: TimeDelta,
}

impl MemoryBuckets {
    /// Creates a table with room for at least `buckets`, at most [`MAX_MEMORY_BUCKETS`].
    #[must_use]
    pub fn with_capacity(buckets: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            per_shard: buckets.clamp(1, MAX_MEMORY_BUCKETS).div_ceil(SHARDS),
        }
    }

    /// Returns how many buckets the table holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.per_shard * SHARDS
    }

    /// Returns how many buckets the table holds now.
    #[must_use]
    pub fn len(&self) -> usize {
        let lock = |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.shards.iter().map(lock).sum()
    }

    /// Tells whether the table holds no bucket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts one request against the bucket `key` at `now`.
    #[must_use]
    pub fn admit_now(&self, key: BucketKey, quota: RateQuota, now: DateTime<Utc>) -> Admission {
        let [first, ..] = *key.as_bytes();
        let Some(shard) = self.shards.get(usize::from(first) % SHARDS) else {
            return Admission::Admitted; // the remainder is always below the number of shards
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shard.get(&key).map(|bucket| bucket.tat);
        let (admission, tat) = match gcra_decide(known, now, &quota) {
            GcraDecision::Allowed { new_tat } => (Admission::Admitted, new_tat),
            GcraDecision::Denied { retry_after, new_tat } => (Admission::Refused { retry_after }, new_tat),
        };
        if known.is_none() && shard.len() >= self.per_shard {
            shed(&mut shard, now, self.per_shard.div_ceil(SHED_FRACTION));
        }
        shard.insert(key, Bucket { tat, window: quota.window_delta() });
        admission
    }
}

impl RateLimitBuckets for MemoryBuckets {
    async fn admit(
        &self,
        key: BucketKey,
        quota: RateQuota,
        now: DateTime<Utc>,
    ) -> Result<Admission, StoreError> {
        Ok(self.admit_now(key, quota, now))
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let mut left = limit;
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let full: Vec<_> =
                shard.iter().filter(|(_, bucket)| bucket.tat <= now).map(|(key, _)| *key).collect();
            for key in full.into_iter().take(left) {
                shard.remove(&key);
                left -= 1;
            }
        }
        Ok(u64::try_from(limit - left).unwrap_or(u64::MAX))
    }
}

impl Default for MemoryBuckets {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_BUCKETS)
    }
}

impl fmt::Debug for MemoryBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryBuckets({}/{})", self.len(), self.capacity())
    }
}

impl Bucket {
    /// Returns the share of the window this bucket lacks, from 0 (full) to 2^32 (empty).
    fn lack(&self, now: DateTime<Utc>) -> i128 {
        let nanos = |time: TimeDelta| i128::from(time.num_nanoseconds().unwrap_or(i64::MAX));
        // A clock that was set back leaves states further ahead than an empty bucket's.
        let ahead = (self.tat - now).clamp(TimeDelta::zero(), self.window);
        (nanos(ahead) << 32) / nanos(self.window).max(1)
    }
}

/// Removes all buckets that are full again, and more of those that lack least until `at_least` are gone.
fn shed(shard: &mut Shard, now: DateTime<Utc>, at_least: usize) {
    let before = shard.len();
    shard.retain(|_, bucket| bucket.tat > now);
    let missing = at_least.saturating_sub(before - shard.len());
    if missing == 0 {
        return;
    }
    // Of two that lack the same share, the one that recovers sooner goes first.
    let mut by_lack: Vec<_> =
        shard.iter().map(|(key, bucket)| (bucket.lack(now), bucket.tat, *key)).collect();
    by_lack.sort_unstable();
    for (_, _, key) in by_lack.into_iter().take(missing) {
        shard.remove(&key);
    }
}

#[cfg(test)]
mod tests;
