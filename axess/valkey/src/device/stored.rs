//! The stored form of a device.
//!
//! The devices of a user are one hash with four fields for a device: `id` (all but the last sighting), `id` + `s` and `t`
//! (the last sighting in microseconds and as exact text) and `id` + `f` (its fingerprint).

use crate::{error::corrupt, moment::from_text};
use axess_core::{
    device::{Device, DeviceTrustLevel, FingerprintHash},
    store::{Owner, StoreError, StoreErrorKind},
};
use axess_identity::DeviceId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The length of an id as a field.
pub(super) const HEX: usize = 32;

/// A device, with what it was read from.
pub(super) struct Stored {
    pub(super) device: Device,
    pub(super) bytes: Vec<u8>,
    pub(super) seen: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    trust_level: DeviceTrustLevel,
    fingerprint: [u8; 32],
    display_name: Option<String>,
    first_seen_at: DateTime<Utc>,
    trusted_at: Option<DateTime<Utc>>,
    demoted_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

pub(super) fn hex(id: DeviceId) -> String {
    id.as_uuid().simple().to_string()
}

pub(super) fn encode(device: &Device) -> Result<Vec<u8>, StoreError> {
    let record = Record {
        trust_level: device.trust_level,
        fingerprint: *device.fingerprint_hash.as_bytes(),
        display_name: device.display_name.clone(),
        first_seen_at: device.first_seen_at,
        trusted_at: device.trusted_at,
        demoted_at: device.demoted_at,
        revoked_at: device.revoked_at,
    };
    rmp_serde::to_vec_named(&record).map_err(|error| StoreError::new(StoreErrorKind::Backend, error))
}

impl Stored {
    pub(super) fn decode(
        owner: Owner,
        id: &str,
        bytes: Vec<u8>,
        seen: Option<String>,
    ) -> Result<Self, StoreError> {
        let record: Record =
            rmp_serde::from_slice(&bytes).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))?;
        let (seen, id) = (seen.ok_or_else(corrupt)?, uuid::Uuid::try_parse(id).map_err(|_| corrupt())?);
        let device = Device {
            device_id: DeviceId::from_uuid(id),
            owner,
            trust_level: record.trust_level,
            fingerprint_hash: FingerprintHash::from_bytes(record.fingerprint),
            display_name: record.display_name,
            first_seen_at: record.first_seen_at,
            last_seen_at: from_text(&seen).ok_or_else(corrupt)?,
            trusted_at: record.trusted_at,
            demoted_at: record.demoted_at,
            revoked_at: record.revoked_at,
        };
        Ok(Self { device, bytes, seen })
    }
}
