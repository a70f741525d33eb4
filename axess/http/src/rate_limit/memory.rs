use super::{Admission, BucketKey, GcraDecision, RateLimitStore, RateQuota, gcra_decide};
use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt, ready};
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
/// A new caller is never refused for lack of room. A full shard forgets its stalest buckets: first those that are full
/// again, which loses nothing, then those nearest to it. Whoever is being throttled hardest is forgotten last.
///
/// ```
/// use axess_http::MemoryBuckets;
/// let buckets = MemoryBuckets::with_capacity(1_000);
/// assert!(buckets.capacity() >= 1_000);
/// assert!(buckets.is_empty());
/// ```
pub struct MemoryBuckets {
    shards: Box<[Mutex<Shard>]>,
    per_shard: usize,
}

/// The theoretical arrival time of each bucket. Ordered, so that a run does not depend on a random hash seed.
type Shard = BTreeMap<BucketKey, DateTime<Utc>>;

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
        let known = shard.get_mut(&key);
        match gcra_decide(known.as_deref().copied(), now, &quota) {
            GcraDecision::Denied { retry_after } => Admission::Refused { retry_after },
            GcraDecision::Allowed { new_tat } => {
                if let Some(tat) = known {
                    *tat = new_tat;
                } else {
                    if shard.len() >= self.per_shard {
                        shed(&mut shard, now, self.per_shard.div_ceil(SHED_FRACTION));
                    }
                    shard.insert(key, new_tat);
                }
                Admission::Admitted
            }
        }
    }
}

impl RateLimitStore for MemoryBuckets {
    fn admit(&self, key: BucketKey, quota: RateQuota, now: DateTime<Utc>) -> BoxFuture<'_, Admission> {
        ready(self.admit_now(key, quota, now)).boxed()
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

/// Removes all buckets that are full again, and more of the stalest until `at_least` are gone.
fn shed(shard: &mut Shard, now: DateTime<Utc>, at_least: usize) {
    let before = shard.len();
    shard.retain(|_, tat| *tat > now);
    let missing = at_least.saturating_sub(before - shard.len());
    if missing == 0 {
        return;
    }
    let mut by_age: Vec<(DateTime<Utc>, BucketKey)> = shard.iter().map(|(key, tat)| (*tat, *key)).collect();
    by_age.sort_unstable();
    for (_, key) in by_age.into_iter().take(missing) {
        shard.remove(&key);
    }
}
