use super::{BucketKey, MemoryBuckets, RateQuota};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use std::{fmt, sync::Arc, time::Duration};

/// Keeps the buckets of rate limiters and decides each request atomically.
///
/// The answer is never an error: a store that depends on something remote answers from a [`MemoryBuckets`] of its own
/// while that is away, so an outage neither lifts the limits nor stops the service. Deciding is
/// [`gcra_decide`](super::gcra_decide) on the stored state, or the same arithmetic where the state lives; the new state is
/// stored after a refusal too.
///
/// ```
/// use axess_http::{Admission, BucketKey, MemoryBuckets, RateLimitStore, RateQuota};
/// use std::{sync::Arc, time::Duration};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let store: Arc<dyn RateLimitStore> = Arc::new(MemoryBuckets::default());
/// let (key, quota) = (BucketKey::new("login", "alice"), RateQuota::new(1, Duration::from_secs(60)));
/// let now = chrono::DateTime::UNIX_EPOCH;
/// assert_eq!(store.admit(key, quota, now).await, Admission::Admitted);
/// assert!(matches!(store.admit(key, quota, now).await, Admission::Refused { .. }));
/// # }
/// ```
pub trait RateLimitStore: Send + Sync + fmt::Debug {
    /// Counts one request against the bucket `key` at `now`.
    fn admit(&self, key: BucketKey, quota: RateQuota, now: DateTime<Utc>) -> BoxFuture<'_, Admission>;
}

/// Says whether a request may go on.
///
/// ```
/// use axess_http::Admission;
/// use std::time::Duration;
/// let refused = Admission::Refused { retry_after: Duration::from_millis(1_500) };
/// assert_ne!(refused, Admission::Admitted);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It was counted and may go on.
    Admitted,
    /// It was not counted and may not go on.
    Refused {
        /// The time until a request would be admitted; never zero.
        retry_after: Duration,
    },
}

/// Says where the buckets of a limiter live.
///
/// ```
/// use axess_http::{BucketStore, MemoryBuckets, RateLimitConfig};
/// // Two limiters in one table:
/// let store = BucketStore::InMemory(MemoryBuckets::with_capacity(10_000).into());
/// let login = RateLimitConfig::builder().name("login").store(store.clone()).build();
/// let reset = RateLimitConfig::builder().name("reset").store(store).build();
/// # let _ = (login, reset);
/// ```
#[derive(Debug, Clone)]
pub enum BucketStore {
    /// In this process. Several instances each admit the full quota.
    InMemory(Arc<MemoryBuckets>),
}

impl BucketStore {
    pub(super) fn into_dyn(self) -> Arc<dyn RateLimitStore> {
        match self {
            Self::InMemory(buckets) => buckets,
        }
    }
}

impl Default for BucketStore {
    fn default() -> Self {
        Self::InMemory(Arc::default())
    }
}
