use super::*;
use crate::memory::MemoryDeviceStore;
use axess_clock::MockClock;
use axess_identity::UserId;
use chrono::TimeDelta;
use std::sync::atomic::{AtomicUsize, Ordering};

const OWNER: Owner =
    Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
const LAPTOP: DeviceId = DeviceId::from_parts(0, [3; 10]);

/// Counts the reads that get through.
struct Counted {
    inner: MemoryDeviceStore,
    loads: Arc<AtomicUsize>,
}

impl DeviceStore for Counted {
    async fn load(&self, owner: Owner, device_id: DeviceId) -> Result<Option<Device>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.inner.load(owner, device_id).await
    }

    async fn find_by_fingerprint(
        &self,
        owner: Owner,
        of: FingerprintHash,
    ) -> Result<Option<Device>, StoreError> {
        self.inner.find_by_fingerprint(owner, of).await
    }

    async fn find_for_user(&self, owner: Owner, limit: usize) -> Result<Vec<Device>, StoreError> {
        self.inner.find_for_user(owner, limit).await
    }

    async fn register(&self, device: Device) -> Result<Registered, StoreError> {
        self.inner.register(device).await
    }

    async fn record_sighting(
        &self,
        owner: Owner,
        id: DeviceId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.inner.record_sighting(owner, id, now).await
    }

    async fn rename(
        &self,
        owner: Owner,
        id: DeviceId,
        name: Option<String>,
    ) -> Result<SaveOutcome, StoreError> {
        self.inner.rename(owner, id, name).await
    }

    async fn set_trust_level(
        &self,
        owner: Owner,
        id: DeviceId,
        level: DeviceTrustLevel,
        now: DateTime<Utc>,
    ) -> Result<TrustChange, StoreError> {
        self.inner.set_trust_level(owner, id, level, now).await
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        self.inner.delete_for_user(owner).await
    }

    async fn delete_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        self.inner.delete_for_tenant(tenant_id).await
    }

    async fn sweep(
        &self,
        tenant_id: TenantId,
        retention: DeviceRetention,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Swept>, StoreError> {
        self.inner.sweep(tenant_id, retention, now, limit).await
    }
}

struct Ground {
    clock: MockClock,
    loads: Arc<AtomicUsize>,
    behind: MemoryDeviceStore,
    store: CachedDeviceStore<Counted>,
}

impl Ground {
    async fn new() -> Self {
        let (clock, behind, loads) = (MockClock::default(), MemoryDeviceStore::new(), Arc::default());
        let counted = Counted { inner: behind.clone(), loads: Arc::clone(&loads) };
        let store = CachedDeviceStore::new(counted, Arc::new(clock.clone()));
        assert_eq!(behind.register(laptop()).await.unwrap(), Registered::Created);
        Self { clock, loads, behind, store }
    }

    async fn read(&self) -> Option<Device> {
        self.store.load(OWNER, LAPTOP).await.unwrap()
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

fn laptop() -> Device {
    Device {
        device_id: LAPTOP,
        owner: OWNER,
        trust_level: DeviceTrustLevel::Seen,
        fingerprint_hash: FingerprintHash::from_bytes([4; 32]),
        display_name: None,
        first_seen_at: now(),
        last_seen_at: now(),
        trusted_at: None,
        demoted_at: None,
        revoked_at: None,
    }
}

fn now() -> DateTime<Utc> {
    MockClock::default().now()
}

#[tokio::test]
async fn a_device_is_read_once_in_five_seconds() {
    let ground = Ground::new().await;
    for _ in 0..3 {
        assert_eq!(ground.read().await, Some(laptop()));
    }
    assert_eq!(ground.loads(), 1);
    ground.clock.advance(Duration::from_secs(5));
    assert_eq!(ground.read().await, Some(laptop()));
    assert_eq!(ground.loads(), 2);
}

#[tokio::test]
async fn a_revocation_elsewhere_is_noticed_when_the_time_is_up() {
    let ground = Ground::new().await;
    assert!(ground.read().await.is_some());
    let change = ground.behind.set_trust_level(OWNER, LAPTOP, DeviceTrustLevel::Revoked, now()).await;
    assert!(matches!(change.unwrap(), TrustChange::Changed { .. }));
    assert_eq!(ground.read().await.unwrap().trust_level, DeviceTrustLevel::Seen, "not yet");
    ground.clock.advance(Duration::from_secs(5));
    assert_eq!(ground.read().await.unwrap().trust_level, DeviceTrustLevel::Revoked);
}

#[tokio::test]
async fn every_write_is_seen_at_once() {
    let ground = Ground::new().await;
    let store = &ground.store;
    let later = now() + TimeDelta::hours(1);
    assert!(ground.read().await.is_some());
    store.record_sighting(OWNER, LAPTOP, later).await.unwrap();
    assert_eq!(ground.read().await.unwrap().last_seen_at, later);
    assert_eq!(store.rename(OWNER, LAPTOP, Some("mine".into())).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(ground.read().await.unwrap().display_name.as_deref(), Some("mine"));
    let change = store.set_trust_level(OWNER, LAPTOP, DeviceTrustLevel::Trusted, later).await.unwrap();
    assert!(matches!(change, TrustChange::Changed { .. }));
    assert!(ground.read().await.unwrap().trust_level.is_trusted());
    let idle = later + TimeDelta::days(91);
    let swept = store.sweep(OWNER.tenant_id, DeviceRetention::default(), idle, 10).await.unwrap();
    assert_eq!(swept.len(), 1);
    assert!(!ground.read().await.unwrap().trust_level.is_trusted(), "demoted");
    assert_eq!(store.delete_for_user(OWNER).await.unwrap(), 1);
    assert_eq!(ground.read().await, None);
    assert_eq!(store.register(laptop()).await.unwrap(), Registered::Created);
    assert_eq!(ground.read().await, Some(laptop()), "that there was none is forgotten as well");
    assert_eq!(store.delete_for_tenant(OWNER.tenant_id).await.unwrap(), 1);
    assert_eq!(ground.read().await, None);
}

#[tokio::test]
async fn time_and_room_are_bounded() {
    let ground = Ground::new().await;
    let one = NonZeroUsize::new(1).unwrap();
    let store = ground.store.with_ttl(Duration::from_secs(3_600)).with_capacity(one);
    assert_eq!(store.ttl, MAX_TTL);
    let other = DeviceId::from_parts(0, [9; 10]);
    for id in [LAPTOP, other, LAPTOP] {
        let _ = store.load(OWNER, id).await.unwrap();
    }
    assert_eq!((store.cache.len(), ground.loads.load(Ordering::SeqCst)), (1, 3));
}
