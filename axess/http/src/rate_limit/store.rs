use super::{Admission, BucketKey, MemoryBuckets, RateQuota};
use axess_core::store::DynRateLimitBuckets;
use chrono::{DateTime, Utc};
use std::{fmt, sync::Arc};

/// Says where the buckets of a limiter live.
///
/// A shared store that cannot be reached is replaced, for as long as that lasts, by a table in this process: an outage
/// neither lifts the limits nor stops the service.
///
/// ```
/// use axess_http::{BucketStore, MemoryBuckets, RateLimitConfig};
/// // Two limiters in one table:
/// let store = BucketStore::InMemory(MemoryBuckets::with_capacity(10_000).into());
/// let login = RateLimitConfig::builder().name("login").store(store.clone()).build();
/// let reset = RateLimitConfig::builder().name("reset").store(store).build();
/// # let _ = (login, reset);
/// ```
#[derive(Clone)]
pub enum BucketStore {
    /// In this process. Several instances each admit the full quota.
    InMemory(Arc<MemoryBuckets>),
    /// In Valkey or Redis, for all instances together.
    Valkey(Arc<dyn DynRateLimitBuckets>),
    /// In a database, for all instances together.
    Sql(Arc<dyn DynRateLimitBuckets>),
}

impl BucketStore {
    pub(super) fn into_buckets(self) -> Buckets {
        match self {
            Self::InMemory(local) => Buckets { shared: None, local },
            Self::Valkey(shared) | Self::Sql(shared) => {
                Buckets { shared: Some(shared), local: Arc::default() }
            }
        }
    }
}

impl Default for BucketStore {
    fn default() -> Self {
        Self::InMemory(Arc::default())
    }
}

impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InMemory(buckets) => f.debug_tuple("InMemory").field(buckets).finish(),
            Self::Valkey(_) => f.write_str("Valkey"),
            Self::Sql(_) => f.write_str("Sql"),
        }
    }
}

/// The shared buckets, if any, and the local ones that stand in for them.
pub(super) struct Buckets {
    shared: Option<Arc<dyn DynRateLimitBuckets>>,
    local: Arc<MemoryBuckets>,
}

impl Buckets {
    pub(super) async fn admit(&self, key: BucketKey, quota: RateQuota, now: DateTime<Utc>) -> Admission {
        let Some(shared) = &self.shared else {
            return self.local.admit_now(key, quota, now);
        };
        match shared.admit(key, quota, now).await {
            Ok(admission) => admission,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "rate limits are counted in this process: their shared store failed"
                );
                self.local.admit_now(key, quota, now)
            }
        }
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets").field("shared", &self.shared.is_some()).finish_non_exhaustive()
    }
}
