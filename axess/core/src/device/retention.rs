use super::{Device, DeviceTrustLevel};
use chrono::{DateTime, TimeDelta, Utc};

/// How long devices are kept without being seen.
///
/// A trusted device that has been idle for `trusted` loses its trust; any other that has been idle for `seen` is deleted; a
/// revoked one is deleted after `revoked`. A record is therefore gone `trusted + seen` after the last sighting at the latest.
///
/// ```
/// use axess_core::device::DeviceRetention;
/// use chrono::TimeDelta;
/// let retention = DeviceRetention::default();
/// assert_eq!((retention.trusted, retention.seen, retention.revoked), (TimeDelta::days(90), TimeDelta::days(30), TimeDelta::days(7)));
/// assert_eq!(DeviceRetention::for_tenant(14).seen, TimeDelta::days(14));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRetention {
    /// How long an idle device stays trusted.
    pub trusted: TimeDelta,
    /// How long an idle device that is not trusted is kept.
    pub seen: TimeDelta,
    /// How long a revoked device is kept.
    pub revoked: TimeDelta,
}

/// What the sweep does with one device.
///
/// ```
/// use axess_core::device::RetentionVerdict;
/// assert_ne!(RetentionVerdict::Keep, RetentionVerdict::Purge);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionVerdict {
    /// Nothing.
    Keep,
    /// Takes its trust away: it becomes [`DeviceTrustLevel::Seen`].
    Demote,
    /// Deletes it.
    Purge,
}

impl DeviceRetention {
    /// Returns the retention of a tenant that keeps idle devices for `days`.
    #[must_use]
    pub fn for_tenant(days: u32) -> Self {
        let trusted = TimeDelta::days(i64::from(days));
        let default = Self::default();
        Self { trusted, seen: default.seen.min(trusted), revoked: default.revoked.min(trusted) }
    }

    /// Decides about one device at `now`.
    ///
    /// A demoted device gets the whole of `seen` before it is deleted.
    #[must_use]
    pub fn verdict(&self, device: &Device, now: DateTime<Utc>) -> RetentionVerdict {
        let idle_since = device.demoted_at.map_or(device.last_seen_at, |at| at.max(device.last_seen_at));
        let older = |since: DateTime<Utc>, age: TimeDelta| now - since >= age;
        match device.trust_level {
            DeviceTrustLevel::Revoked if older(device.revoked_at.unwrap_or(idle_since), self.revoked) => {
                RetentionVerdict::Purge
            }
            DeviceTrustLevel::Trusted if older(device.last_seen_at, self.trusted) => RetentionVerdict::Demote,
            DeviceTrustLevel::Unknown | DeviceTrustLevel::Seen if older(idle_since, self.seen) => {
                RetentionVerdict::Purge
            }
            _ => RetentionVerdict::Keep,
        }
    }
}

impl Default for DeviceRetention {
    fn default() -> Self {
        Self { trusted: TimeDelta::days(90), seen: TimeDelta::days(30), revoked: TimeDelta::days(7) }
    }
}
