use super::{Device, DeviceRetention, DeviceTrustLevel, FingerprintHash};
use crate::store::{DeviceStore, Owner, Registered, SaveOutcome, StoreError, Swept, TrustChange};
use axess_cache::ClockTtlCache;
use axess_clock::Clock;
use axess_identity::{DeviceId, TenantId};
use chrono::{DateTime, Utc};
use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

/// How long a device is answered from memory when nothing else is said.
const TTL: Duration = Duration::from_secs(5);
/// The longest such time: how late a revocation on another instance may be noticed at most.
const MAX_TTL: Duration = Duration::from_secs(60);
/// How many devices are kept in memory when nothing else is said.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

type Key = (Owner, DeviceId);

/// Answers repeated reads of one device from memory.
///
/// Only [`load`](DeviceStore::load) is cached, for 5 seconds unless told otherwise, and at most 10 000 devices. Every write
/// through this store forgets what it may have changed, also when it fails or is abandoned; a write of another instance is
/// noticed when the time is up.
///
/// ```
/// use axess_clock::SystemClock;
/// use axess_core::{device::CachedDeviceStore, memory::MemoryDeviceStore};
/// use std::{sync::Arc, time::Duration};
/// let store = CachedDeviceStore::new(MemoryDeviceStore::new(), Arc::new(SystemClock));
/// let store = store.with_ttl(Duration::from_secs(1));
/// # let _ = store;
/// ```
pub struct CachedDeviceStore<S> {
    inner: S,
    cache: ClockTtlCache<Key, Option<Arc<Device>>>,
    clock: Arc<dyn Clock>,
    ttl: Duration,
    capacity: NonZeroUsize,
}

impl<S: DeviceStore> CachedDeviceStore<S> {
    /// Wraps `inner`.
    pub fn new(inner: S, clock: Arc<dyn Clock>) -> Self {
        Self::build(inner, clock, TTL, CAPACITY)
    }

    /// Sets how long a device is answered from memory: at most one minute.
    ///
    /// Forgets everything.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self::build(self.inner, self.clock, ttl.min(MAX_TTL), self.capacity)
    }

    /// Sets how many devices are kept in memory.
    ///
    /// Forgets everything.
    #[must_use]
    pub fn with_capacity(self, capacity: NonZeroUsize) -> Self {
        Self::build(self.inner, self.clock, self.ttl, capacity)
    }

    fn build(inner: S, clock: Arc<dyn Clock>, ttl: Duration, capacity: NonZeroUsize) -> Self {
        let cache = ClockTtlCache::new(capacity, ttl, Arc::clone(&clock));
        Self { inner, cache, clock, ttl, capacity }
    }

    fn forget(&self, owner: Owner, device_id: DeviceId) -> Forget<'_, S, impl Fn(&Self)> {
        Forget { store: self, what: move |store: &Self| store.cache.invalidate(&(owner, device_id)) }
    }

    fn forget_where(&self, hit: impl Fn(&Key) -> bool) -> Forget<'_, S, impl Fn(&Self)> {
        Forget { store: self, what: move |store: &Self| store.cache.invalidate_where(&hit) }
    }
}

/// Forgets when it is dropped: after a write, however the write ends.
struct Forget<'a, S, F: Fn(&CachedDeviceStore<S>)> {
    store: &'a CachedDeviceStore<S>,
    what: F,
}

impl<S, F: Fn(&CachedDeviceStore<S>)> Drop for Forget<'_, S, F> {
    fn drop(&mut self) {
        (self.what)(self.store);
    }
}

impl<S: DeviceStore> DeviceStore for CachedDeviceStore<S> {
    async fn load(&self, owner: Owner, device_id: DeviceId) -> Result<Option<Device>, StoreError> {
        let load = || async { Ok(self.inner.load(owner, device_id).await?.map(Arc::new)) };
        let found = self.cache.get_or_try_load((owner, device_id), load).await?;
        Ok(found.map(Arc::unwrap_or_clone))
    }

    async fn find_by_fingerprint(
        &self,
        owner: Owner,
        fingerprint: FingerprintHash,
    ) -> Result<Option<Device>, StoreError> {
        self.inner.find_by_fingerprint(owner, fingerprint).await
    }

    async fn find_for_user(&self, owner: Owner, limit: usize) -> Result<Vec<Device>, StoreError> {
        self.inner.find_for_user(owner, limit).await
    }

    async fn register(&self, device: Device) -> Result<Registered, StoreError> {
        let _after = self.forget(device.owner, device.device_id);
        self.inner.register(device).await
    }

    async fn record_sighting(
        &self,
        owner: Owner,
        device_id: DeviceId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let _after = self.forget(owner, device_id);
        self.inner.record_sighting(owner, device_id, now).await
    }

    async fn rename(
        &self,
        owner: Owner,
        device_id: DeviceId,
        name: Option<String>,
    ) -> Result<SaveOutcome, StoreError> {
        let _after = self.forget(owner, device_id);
        self.inner.rename(owner, device_id, name).await
    }

    async fn set_trust_level(
        &self,
        owner: Owner,
        device_id: DeviceId,
        level: DeviceTrustLevel,
        now: DateTime<Utc>,
    ) -> Result<TrustChange, StoreError> {
        let _after = self.forget(owner, device_id);
        self.inner.set_trust_level(owner, device_id, level, now).await
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        let _after = self.forget_where(move |(of, _)| *of == owner);
        self.inner.delete_for_user(owner).await
    }

    async fn delete_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        let _after = self.forget_where(move |(of, _)| of.tenant_id == tenant_id);
        self.inner.delete_for_tenant(tenant_id).await
    }

    async fn sweep(
        &self,
        tenant_id: TenantId,
        retention: DeviceRetention,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Swept>, StoreError> {
        let _after = self.forget_where(move |(of, _)| of.tenant_id == tenant_id);
        self.inner.sweep(tenant_id, retention, now, limit).await
    }
}

impl<S: fmt::Debug> fmt::Debug for CachedDeviceStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedDeviceStore")
            .field("inner", &self.inner)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
