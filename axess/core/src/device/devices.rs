use super::{
    Device, DeviceFeatures, DeviceMatch, DeviceResolver, DeviceSignals, DeviceTrustLevel, FingerprintResolver,
};
use crate::store::{DynDeviceStore, Owner, Registered, StoreError};
use axess_identity::{DeviceId, Pepper};
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use std::{fmt, sync::Arc};

/// The most devices one user may have; what comes past it is not recorded until the sweep has made room.
pub const MAX_DEVICES_PER_USER: usize = 100;

/// Recognises devices.
///
/// Give it to the service with [`AuthnService::with_devices`](crate::service::AuthnService::with_devices).
///
/// ```
/// use axess_core::{
///     device::{CachedDeviceStore, Devices, RedactedResolver},
///     memory::{InMemoryBackend, MemoryDeviceStore},
///     service::AuthnService,
/// };
/// use axess_clock::SystemClock;
/// use std::sync::Arc;
/// let store = CachedDeviceStore::new(MemoryDeviceStore::new(), Arc::new(SystemClock));
/// let devices = Devices::new(Arc::new(store)).with_resolver(Arc::new(RedactedResolver));
/// let backend = InMemoryBackend::new();
/// let service = AuthnService::new(backend.clone(), backend).with_devices(devices);
/// # let _ = service;
/// ```
#[derive(Clone)]
pub struct Devices {
    store: Arc<dyn DynDeviceStore>,
    resolver: Arc<dyn DeviceResolver>,
}

/// A device that was found or registered.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) found: DeviceMatch,
    pub(crate) trust_level: DeviceTrustLevel,
    /// Whether its cookie came with other features than its own.
    pub(crate) mismatch: bool,
    pub(crate) described: Vec<String>,
}

impl Devices {
    /// Keeps devices in `store` and recognises them with [`FingerprintResolver`].
    #[must_use]
    pub fn new(store: Arc<dyn DynDeviceStore>) -> Self {
        Self { store, resolver: Arc::new(FingerprintResolver) }
    }

    /// Sets what devices are recognised by.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn DeviceResolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn DynDeviceStore> {
        &self.store
    }

    /// Tells whether the owner's device is trusted right now.
    pub(crate) async fn is_trusted(&self, owner: Owner, device_id: DeviceId) -> Result<bool, StoreError> {
        let device = self.store.load(owner, device_id).await?;
        Ok(device.is_some_and(|device| device.owner == owner && device.trust_level.is_trusted()))
    }

    /// Compares a request with the device its session is bound to.
    pub(crate) fn fits(&self, device: &Device, signals: &DeviceSignals, pepper: &Pepper) -> bool {
        let features = self.resolver.recognise(signals, pepper);
        features.is_none_or(|features| features.fingerprint == device.fingerprint_hash)
    }

    /// Finds the device behind a request, or registers it; `None` when there is nothing to recognise it by, or no room.
    pub(crate) async fn resolve(
        &self,
        owner: Owner,
        signals: &DeviceSignals,
        pepper: &Pepper,
        now: DateTime<Utc>,
        rng: &dyn SecureRng,
    ) -> Result<Option<Resolved>, StoreError> {
        let features = self.resolver.recognise(signals, pepper);
        if let Some(device) = self.by_cookie(owner, signals).await? {
            let own = |features: &DeviceFeatures| features.fingerprint == device.fingerprint_hash;
            let mismatch = features.as_ref().is_some_and(|features| !own(features));
            return self.seen(device, mismatch, now).await.map(Some);
        }
        let Some(features) = features else { return Ok(None) };
        if let Some(device) = self.store.find_by_fingerprint(owner, features.fingerprint).await? {
            return self.seen(device, false, now).await.map(Some);
        }
        if self.store.find_for_user(owner, MAX_DEVICES_PER_USER).await?.len() >= MAX_DEVICES_PER_USER {
            tracing::warn!(user = %owner.user_id, "a user has too many devices; another one is not recorded");
            return Ok(None);
        }
        let device = Device {
            device_id: DeviceId::generate(now, rng),
            owner,
            trust_level: DeviceTrustLevel::Unknown,
            fingerprint_hash: features.fingerprint,
            display_name: None,
            first_seen_at: now,
            last_seen_at: now,
            trusted_at: None,
            demoted_at: None,
            revoked_at: None,
        };
        let found = DeviceMatch::NewDevice(device.device_id);
        match self.store.register(device).await? {
            Registered::Existing(device) => self.seen(*device, false, now).await.map(Some),
            Registered::Created => Ok(Some(Resolved {
                found,
                trust_level: DeviceTrustLevel::Unknown,
                mismatch: false,
                described: features.described,
            })),
        }
    }

    async fn by_cookie(&self, owner: Owner, signals: &DeviceSignals) -> Result<Option<Device>, StoreError> {
        let Some(id) = signals.device_cookie else { return Ok(None) };
        let device = self.store.load(owner, id).await?;
        Ok(device.filter(|device| device.owner == owner && device.trust_level != DeviceTrustLevel::Revoked))
    }

    async fn seen(&self, device: Device, mismatch: bool, now: DateTime<Utc>) -> Result<Resolved, StoreError> {
        self.store.record_sighting(device.owner, device.device_id, now).await?;
        let found = DeviceMatch::Existing(device.device_id);
        Ok(Resolved { found, trust_level: device.trust_level, mismatch, described: Vec::new() })
    }
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices").finish_non_exhaustive()
    }
}
