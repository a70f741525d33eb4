//! Devices: what a user logs in from, and how far it is trusted.
//!
//! A device is *unknown* when it is first seen, *seen* once its user has logged in with it, *trusted* when its user says
//! so in a fresh session, and *revoked* for good when it is lost: then the refresh tokens bound to it and the sessions on
//! it end with it, and should it come back, it comes back as a new one.
//!
//! The verbs begin with [`resolve_device`](crate::service::AuthnService::resolve_device); where devices live is
//! [`DeviceStore`](crate::store::DeviceStore).

mod cached;
mod devices;
mod record;
mod retention;
mod signals;

pub use cached::CachedDeviceStore;
pub use devices::{Devices, MAX_DEVICES_PER_USER};
pub use record::{Device, DeviceTrustLevel, FingerprintHash, MAX_DEVICE_NAME_CHARS};
pub use retention::{DeviceRetention, RetentionVerdict};
pub use signals::{
    DeviceFeatures, DeviceMatch, DeviceResolver, DeviceSignals, FingerprintResolver, NoopDeviceResolver,
    RedactedResolver,
};
