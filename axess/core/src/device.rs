//! Devices: what a user logs in from, and how far it is trusted.
//!
//! Where they live is [`DeviceStore`](crate::store::DeviceStore).

mod record;
mod retention;

pub use record::{Device, DeviceTrustLevel, FingerprintHash, MAX_DEVICE_NAME_CHARS};
pub use retention::{DeviceRetention, RetentionVerdict};
