use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When failed attempts lock a user, throttle a tenant, or throttle a source address.
///
/// The three levers apply together: an attempt must pass all of them.
///
/// ```
/// use axess_identity::LockoutPolicy;
/// let policy = LockoutPolicy::default();
/// assert_eq!(policy.per_user.failures_before_lockout, 3);
/// assert_eq!(policy.per_ip.failures_before_lockout, 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockoutPolicy {
    /// Failures against one account. Default: 3 in 15 minutes, then 15 minutes doubling up to 24 hours.
    pub per_user: LockoutScale,
    /// Failures across one tenant. Default: 300 in a minute, then one minute.
    pub per_tenant: LockoutScale,
    /// Failures from one source address (an IPv6 /64 counts as one). Default: 10 in a minute, then one minute.
    pub per_ip: LockoutScale,
    /// Consecutive failures after which an account stays locked until it is cleared (NIST SP 800-63B-4 allows at most
    /// 100, which is the default and the ceiling).
    pub max_consecutive_failures: u32,
}

/// One lever of a [`LockoutPolicy`].
///
/// ```
/// use axess_identity::{BackoffPolicy, LockoutScale};
/// use std::time::Duration;
/// let scale = LockoutScale {
///     failures_before_lockout: 5,
///     window: Duration::from_secs(300),
///     base_lockout: Duration::from_secs(60),
///     backoff: BackoffPolicy::Exponential,
///     max_lockout: Duration::from_secs(3_600),
/// };
/// assert_eq!(scale.lockout_after(3), Duration::from_secs(240));
/// assert_eq!(scale.lockout_after(60), Duration::from_secs(3_600));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockoutScale {
    /// Failures inside one window that trigger a lockout. 0 switches the lever off.
    pub failures_before_lockout: u32,
    /// How long a failure counts.
    pub window: Duration,
    /// How long the first lockout lasts.
    pub base_lockout: Duration,
    /// How later lockouts grow.
    pub backoff: BackoffPolicy,
    /// The longest lockout.
    pub max_lockout: Duration,
}

/// How repeated lockouts grow.
///
/// ```
/// use axess_identity::BackoffPolicy;
/// assert_ne!(BackoffPolicy::Fixed, BackoffPolicy::Exponential);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackoffPolicy {
    /// Every lockout lasts `base_lockout`.
    Fixed,
    /// Each lockout lasts twice as long as the one before.
    Exponential,
}

impl LockoutScale {
    /// Returns how long the `nth` lockout in a row (counted from 1) lasts.
    #[must_use]
    pub fn lockout_after(&self, nth: u32) -> Duration {
        let length = match self.backoff {
            BackoffPolicy::Fixed => self.base_lockout,
            BackoffPolicy::Exponential => {
                self.base_lockout.saturating_mul(1_u32.checked_shl(nth.saturating_sub(1)).unwrap_or(u32::MAX))
            }
        };
        length.min(self.max_lockout)
    }
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        Self {
            per_user: LockoutScale {
                failures_before_lockout: 3,
                window: MINUTE.saturating_mul(15),
                base_lockout: MINUTE.saturating_mul(15),
                backoff: BackoffPolicy::Exponential,
                max_lockout: MINUTE.saturating_mul(24 * 60),
            },
            per_tenant: LockoutScale {
                failures_before_lockout: 300,
                window: MINUTE,
                base_lockout: MINUTE,
                backoff: BackoffPolicy::Fixed,
                max_lockout: MINUTE,
            },
            per_ip: LockoutScale {
                failures_before_lockout: 10,
                window: MINUTE,
                base_lockout: MINUTE,
                backoff: BackoffPolicy::Fixed,
                max_lockout: MINUTE,
            },
            max_consecutive_failures: 100,
        }
    }
}
