use crate::{Valkey, moment::keep_for, script::Script, walk};
use axess_core::{
    ratelimit::{Admission, BucketKey, RateQuota},
    store::{RateLimitBuckets, StoreError},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

static ADMIT: Script = Script::new(include_str!("bucket.lua"));
/// The stored value is the time at which the bucket is full again, as `seconds.nanoseconds`.
static CLEAN: Script = Script::new(
    "local s, n = string.match(redis.call('GET', KEYS[1]) or '', '^(%-?%d+)%.(%d+)$') \
     if not s then return 0 end \
     local late = tonumber(ARGV[1]) - tonumber(s) \
     if late > 0 or (late == 0 and tonumber(ARGV[2]) >= tonumber(n)) then return redis.call('DEL', KEYS[1]) end \
     return 0",
);

/// Keeps the buckets of rate limiters in Valkey or Redis, for all instances of an application together.
///
/// Clones share them.
///
/// The decision is made on the server by the same integer arithmetic as
/// [`gcra_decide`](axess_core::ratelimit::gcra_decide), to the nanosecond. A bucket takes about 100 bytes and goes by
/// itself once it is full again; `cleanup_expired` walks over every key of the server and is not needed.
///
/// ```no_run
/// # use axess_core::store::StoreError;
/// use axess_core::{ratelimit::{Admission, BucketKey, RateQuota}, store::RateLimitBuckets};
/// use axess_valkey::{Valkey, ValkeyBuckets};
/// # async fn example(now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
/// let buckets = ValkeyBuckets::new(&Valkey::connect("redis://127.0.0.1").await?);
/// let (key, quota) = (BucketKey::new("login", "alice"), RateQuota::new(5, std::time::Duration::from_secs(60)));
/// assert_eq!(buckets.admit(key, quota, now).await?, Admission::Admitted);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ValkeyBuckets {
    valkey: Valkey,
}

impl ValkeyBuckets {
    /// Creates a table on this connection.
    #[must_use]
    pub fn new(valkey: &Valkey) -> Self {
        Self { valkey: valkey.clone() }
    }
}

impl RateLimitBuckets for ValkeyBuckets {
    async fn admit(
        &self,
        key: BucketKey,
        quota: RateQuota,
        now: DateTime<Utc>,
    ) -> Result<Admission, StoreError> {
        let key = self.valkey.key(format_args!("bucket:{}", walk::Hex(key.as_bytes())));
        let (window, interval) = (quota.window(), quota.window() / quota.max_requests());
        let tolerance = interval * (quota.max_requests() - 1);
        // A request may take the state one interval further ahead than a window.
        let keep = keep_for(TimeDelta::from_std(window + interval).unwrap_or(TimeDelta::MAX));
        let call = ADMIT.on(&self.valkey, &key).arg(now.timestamp()).arg(now.timestamp_subsec_nanos());
        let call = call.arg(nanos(window)).arg(nanos(tolerance)).arg(nanos(interval)).arg(keep);
        Ok(match call.run::<u64>().await? {
            0 => Admission::Admitted,
            wait => Admission::Refused { retry_after: Duration::from_nanos(wait) },
        })
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let now = [now.timestamp(), i64::from(now.timestamp_subsec_nanos())];
        self.valkey.clean_each("bucket:*", limit, &CLEAN, &now).await
    }
}

/// Returns a span of a quota in nanoseconds; 30 days are far below what 64 bits hold.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
