use super::table::{Shared, count, room_for};
use crate::{
    device::{Device, DeviceRetention, DeviceTrustLevel, FingerprintHash, RetentionVerdict},
    store::{DeviceStore, Owner, Registered, SaveOutcome, StoreError, Swept, TrustChange},
};
use axess_identity::{DeviceId, TenantId};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Keeps devices in memory.
///
/// Clones share them.
///
/// ```
/// use axess_core::memory::MemoryDeviceStore;
/// let store = MemoryDeviceStore::new();
/// # let _ = store;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryDeviceStore {
    devices: Shared<BTreeMap<(Owner, DeviceId), Device>>,
}

impl MemoryDeviceStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn delete(&self, doomed: impl Fn(Owner) -> bool) -> u64 {
        let mut devices = self.devices.lock();
        let before = devices.len();
        devices.retain(|(owner, _), _| !doomed(*owner));
        count(before - devices.len())
    }
}

impl DeviceStore for MemoryDeviceStore {
    async fn load(&self, owner: Owner, device_id: DeviceId) -> Result<Option<Device>, StoreError> {
        Ok(self.devices.lock().get(&(owner, device_id)).cloned())
    }

    async fn find_by_fingerprint(
        &self,
        owner: Owner,
        fingerprint: FingerprintHash,
    ) -> Result<Option<Device>, StoreError> {
        Ok(live_with(&self.devices.lock(), owner, fingerprint).cloned())
    }

    async fn find_for_user(&self, owner: Owner, limit: usize) -> Result<Vec<Device>, StoreError> {
        let devices = self.devices.lock();
        let mut found: Vec<_> = devices.values().filter(|device| device.owner == owner).cloned().collect();
        found.sort_by_key(|device| (std::cmp::Reverse(device.last_seen_at), device.device_id));
        found.truncate(limit);
        Ok(found)
    }

    async fn register(&self, device: Device) -> Result<Registered, StoreError> {
        let mut devices = self.devices.lock();
        if let Some(known) = live_with(&devices, device.owner, device.fingerprint_hash) {
            return Ok(Registered::Existing(Box::new(known.clone())));
        }
        room_for(devices.len(), 1)?;
        devices.insert((device.owner, device.device_id), device);
        Ok(Registered::Created)
    }

    async fn record_sighting(
        &self,
        owner: Owner,
        device_id: DeviceId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if let Some(device) = self.devices.lock().get_mut(&(owner, device_id)) {
            device.last_seen_at = device.last_seen_at.max(now);
        }
        Ok(())
    }

    async fn rename(
        &self,
        owner: Owner,
        device_id: DeviceId,
        name: Option<String>,
    ) -> Result<SaveOutcome, StoreError> {
        let mut devices = self.devices.lock();
        let Some(device) = devices.get_mut(&(owner, device_id)) else { return Ok(SaveOutcome::Conflict) };
        device.display_name = name;
        Ok(SaveOutcome::Saved)
    }

    async fn set_trust_level(
        &self,
        owner: Owner,
        device_id: DeviceId,
        level: DeviceTrustLevel,
        now: DateTime<Utc>,
    ) -> Result<TrustChange, StoreError> {
        let mut devices = self.devices.lock();
        let Some(device) = devices.get_mut(&(owner, device_id)) else { return Ok(TrustChange::Refused) };
        Ok(device.move_to(level, now))
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        Ok(self.delete(|other| other == owner))
    }

    async fn delete_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        Ok(self.delete(|owner| owner.tenant_id == tenant_id))
    }

    async fn sweep(
        &self,
        tenant_id: TenantId,
        retention: DeviceRetention,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Swept>, StoreError> {
        let mut devices = self.devices.lock();
        let due = devices.values().filter(|device| device.owner.tenant_id == tenant_id).map(|device| Swept {
            owner: device.owner,
            device_id: device.device_id,
            verdict: retention.verdict(device, now),
            idle_days: u32::try_from((now - device.last_seen_at).num_days()).unwrap_or(0),
        });
        let due = due.filter(|swept| swept.verdict != RetentionVerdict::Keep);
        let due: Vec<_> = due.take(limit).collect();
        for swept in &due {
            let key = (swept.owner, swept.device_id);
            match swept.verdict {
                RetentionVerdict::Keep => {}
                RetentionVerdict::Purge => drop(devices.remove(&key)),
                RetentionVerdict::Demote => {
                    if let Some(device) = devices.get_mut(&key) {
                        device.demote(now);
                    }
                }
            }
        }
        Ok(due)
    }
}

fn live_with(
    devices: &BTreeMap<(Owner, DeviceId), Device>,
    owner: Owner,
    fingerprint: FingerprintHash,
) -> Option<&Device> {
    devices.values().find(|device| {
        device.owner == owner
            && device.trust_level != DeviceTrustLevel::Revoked
            && device.fingerprint_hash == fingerprint
    })
}
