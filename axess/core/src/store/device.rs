use super::{Owner, SaveOutcome, StoreError, twin::storage_trait};
use crate::device::{Device, DeviceRetention, DeviceTrustLevel, FingerprintHash, RetentionVerdict};
use axess_identity::{DeviceId, TenantId};
use chrono::{DateTime, Utc};

/// What registering a device found.
///
/// ```
/// use axess_core::store::Registered;
/// assert!(matches!(Registered::Created, Registered::Created));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// The device is new and was written.
    Created,
    /// The owner has a device with this fingerprint that is not revoked; nothing was written.
    Existing(Box<Device>),
}

/// What a change of trust did.
///
/// ```
/// use axess_core::{device::DeviceTrustLevel, store::TrustChange};
/// assert_ne!(TrustChange::Changed { from: DeviceTrustLevel::Seen }, TrustChange::Refused);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum TrustChange {
    /// The level changed.
    Changed {
        /// The level before.
        from: DeviceTrustLevel,
    },
    /// It has that level already.
    Unchanged,
    /// There is no such device, or the ladder does not lead there ([`DeviceTrustLevel::may_become`]).
    Refused,
}

/// One device the sweep did something about.
///
/// ```
/// use axess_core::{device::RetentionVerdict, store::{Owner, Swept}};
/// # use axess_identity::{DeviceId, TenantId, UserId};
/// # let owner = Owner { tenant_id: TenantId::from_parts(0, [2; 10]), user_id: UserId::from_parts(0, [3; 10]) };
/// let swept = Swept { owner, device_id: DeviceId::from_parts(0, [1; 10]), verdict: RetentionVerdict::Purge, idle_days: 31 };
/// assert_eq!(swept.verdict, RetentionVerdict::Purge);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Whose device it is.
    pub owner: Owner,
    /// The device.
    pub device_id: DeviceId,
    /// What was done: demoted or purged.
    pub verdict: RetentionVerdict,
    /// For how many whole days it had not been seen.
    pub idle_days: u32,
}

storage_trait! {
    /// Keeps devices.
    ///
    /// An owner has at most one device per fingerprint that is not revoked.
    ///
    /// ```
    /// use axess_core::{device::FingerprintHash, memory::MemoryDeviceStore, store::{DeviceStore, Owner, StoreError}};
    /// # async fn example(owner: Owner) -> Result<(), StoreError> {
    /// let found = MemoryDeviceStore::new().find_by_fingerprint(owner, FingerprintHash::from_bytes([0; 32])).await?;
    /// assert!(found.is_none());
    /// # Ok(()) }
    /// ```
    pub trait DeviceStore / DynDeviceStore for [DynDeviceStore] {
        /// Reads one device, revoked or not.
        async fn load(owner: Owner, device_id: DeviceId) -> Result<Option<Device>, StoreError>;
        /// Finds the owner's device with this fingerprint, unless it is revoked.
        async fn find_by_fingerprint(owner: Owner, fingerprint: FingerprintHash) -> Result<Option<Device>, StoreError>;
        /// Lists the devices of one user, last seen first, at most `limit`.
        async fn find_for_user(owner: Owner, limit: usize) -> Result<Vec<Device>, StoreError>;
        /// Writes a new device, unless the owner has one with its fingerprint, in one atomic step.
        async fn register(device: Device) -> Result<Registered, StoreError>;
        /// Moves the device's last sighting forward to `now` in one write; an earlier time and an unknown device change nothing.
        async fn record_sighting(owner: Owner, device_id: DeviceId, now: DateTime<Utc>) -> Result<(), StoreError>;
        /// Gives the device another name; `None` removes it.
        async fn rename(owner: Owner, device_id: DeviceId, name: Option<String>) -> Result<SaveOutcome, StoreError>;
        /// Moves the device along the ladder, in one atomic step, and sets the time of it.
        async fn set_trust_level(owner: Owner, device_id: DeviceId, level: DeviceTrustLevel, now: DateTime<Utc>) -> Result<TrustChange, StoreError>;
        /// Deletes every device of one user, and returns how many.
        async fn delete_for_user(owner: Owner) -> Result<u64, StoreError>;
        /// Deletes every device of one tenant, and returns how many: after the tenant's pepper was replaced.
        async fn delete_for_tenant(tenant_id: TenantId) -> Result<u64, StoreError>;
        /// Demotes and deletes devices of one tenant as [`DeviceRetention::verdict`] says, at most `limit` of them, and
        /// returns which.
        ///
        /// Fewer than `limit` means that nothing is left to do.
        async fn sweep(tenant_id: TenantId, retention: DeviceRetention, now: DateTime<Utc>, limit: usize) -> Result<Vec<Swept>, StoreError>;
    }
}
