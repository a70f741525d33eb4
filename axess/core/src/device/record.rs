use crate::store::{Owner, TrustChange};
use axess_identity::DeviceId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    hash::{Hash, Hasher},
};
use subtle::ConstantTimeEq;

/// The most characters of a device's name.
pub const MAX_DEVICE_NAME_CHARS: usize = 128;

/// One device of one user.
///
/// ```
/// use axess_core::{device::{Device, DeviceTrustLevel, FingerprintHash}, store::Owner};
/// use axess_identity::{DeviceId, TenantId, UserId};
/// let device = Device {
///     device_id: DeviceId::from_parts(0, [1; 10]),
///     owner: Owner { tenant_id: TenantId::from_parts(0, [2; 10]), user_id: UserId::from_parts(0, [3; 10]) },
///     trust_level: DeviceTrustLevel::Unknown,
///     fingerprint_hash: FingerprintHash::from_bytes([4; 32]),
///     display_name: Some("My laptop".into()),
///     first_seen_at: chrono::DateTime::UNIX_EPOCH,
///     last_seen_at: chrono::DateTime::UNIX_EPOCH,
///     trusted_at: None,
///     demoted_at: None,
///     revoked_at: None,
/// };
/// assert!(!device.trust_level.is_trusted());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Names the device; what refresh tokens are bound to.
    pub device_id: DeviceId,
    /// Whose it is.
    pub owner: Owner,
    /// How far it is trusted.
    pub trust_level: DeviceTrustLevel,
    /// The keyed hash of its features, under the tenant's pepper.
    pub fingerprint_hash: FingerprintHash,
    /// The name its user gave it.
    pub display_name: Option<String>,
    /// When it was first seen.
    pub first_seen_at: DateTime<Utc>,
    /// When it was last seen.
    pub last_seen_at: DateTime<Utc>,
    /// When it became trusted, while it is.
    pub trusted_at: Option<DateTime<Utc>>,
    /// When the retention sweep took its trust away.
    pub demoted_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// How far a device is trusted: a ladder that is climbed by use and by consent, and left for good by revocation.
///
/// ```
/// use axess_core::device::DeviceTrustLevel::*;
/// assert!(Unknown.may_become(Seen) && Seen.may_become(Trusted) && Trusted.may_become(Revoked));
/// assert!(!Revoked.may_become(Trusted), "a revoked device comes back as a new one");
/// assert!(!Trusted.may_become(Seen), "only the retention sweep takes trust away");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceTrustLevel {
    /// Seen, but nobody has logged in with it yet.
    Unknown,
    /// Somebody has logged in with it.
    Seen,
    /// Its user or an administrator trusts it.
    Trusted,
    /// Lost, removed or compromised: terminal.
    Revoked,
}

/// The HMAC-SHA-256 of a device's features under its tenant's pepper.
///
/// ```
/// use axess_core::device::FingerprintHash;
/// assert_eq!(FingerprintHash::from_bytes([1; 32]), FingerprintHash::from_bytes([1; 32]));
/// ```
#[derive(Clone, Copy, Eq, PartialOrd, Ord)]
pub struct FingerprintHash([u8; 32]);

impl Device {
    /// Moves the device along the ladder and sets the time of it, if the ladder leads there.
    ///
    /// It is what [`DeviceStore::set_trust_level`](crate::store::DeviceStore::set_trust_level) does to a record.
    pub fn move_to(&mut self, level: DeviceTrustLevel, now: DateTime<Utc>) -> TrustChange {
        let from = self.trust_level;
        if from == level {
            return TrustChange::Unchanged;
        }
        if !from.may_become(level) {
            return TrustChange::Refused;
        }
        self.trust_level = level;
        match level {
            DeviceTrustLevel::Trusted => (self.trusted_at, self.demoted_at) = (Some(now), None),
            DeviceTrustLevel::Revoked => (self.trusted_at, self.revoked_at) = (None, Some(now)),
            DeviceTrustLevel::Unknown | DeviceTrustLevel::Seen => {}
        }
        TrustChange::Changed { from }
    }

    /// Takes its trust away, as the retention sweep does.
    pub fn demote(&mut self, now: DateTime<Utc>) {
        self.trust_level = DeviceTrustLevel::Seen;
        (self.trusted_at, self.demoted_at) = (None, Some(now));
    }
}

impl DeviceTrustLevel {
    /// Tells whether the device is trusted.
    #[must_use]
    pub fn is_trusted(self) -> bool {
        self == Self::Trusted
    }

    /// Tells whether a device of this level may be moved to `next` by a caller.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        self != Self::Revoked && self < next
    }

    /// Returns the stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Seen => "seen",
            Self::Trusted => "trusted",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Unknown, Self::Seen, Self::Trusted, Self::Revoked]
            .into_iter()
            .find(|level| level.as_str() == name)
    }
}

impl FingerprintHash {
    /// Wraps the 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for FingerprintHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Hash for FingerprintHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for FingerprintHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintHash(..)")
    }
}
