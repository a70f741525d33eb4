use super::{Locked, LockoutCounter};
use crate::store::{AttemptOutcome, AttemptRequest, Lockout};
use axess_identity::{DeviceId, FactorKind, LockoutPolicy, TenantId, UserId};
use chrono::{DateTime, Utc};
use std::net::{IpAddr, Ipv6Addr};

/// The most failures in a row one account may have, whatever a policy says (NIST SP 800-63B-4 §3.2.2).
const MAX_CONSECUTIVE: u32 = 100;

/// What one counter counts: a store keeps a [`LockoutCounter`] for each.
///
/// ```
/// use axess_core::lockout::Lever;
/// use axess_identity::TenantId;
/// let lever = Lever::Tenant(TenantId::from_parts(0, [0; 10]));
/// assert!(lever < Lever::Source("192.0.2.1".parse().unwrap()), "the order in which stores lock");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lever {
    /// One factor of one account; a trusted device counts by itself.
    User {
        /// The tenant.
        tenant_id: TenantId,
        /// The account.
        user_id: UserId,
        /// The factor.
        factor: FactorKind,
        /// The trusted device, if the attempt comes from one.
        trusted_device: Option<DeviceId>,
    },
    /// A whole tenant.
    Tenant(TenantId),
    /// A source: the address for IPv4, the /64 for IPv6.
    Source(IpAddr),
}

impl Lever {
    /// Returns what an attempt is counted by, in the order in which a store must lock them.
    ///
    /// An attempt from a trusted device is counted on its own lever alone.
    #[must_use]
    pub fn of(request: &AttemptRequest) -> Vec<Self> {
        let user = Self::User {
            tenant_id: request.tenant_id,
            user_id: request.user_id,
            factor: request.factor.clone(),
            trusted_device: request.trusted_device,
        };
        if request.trusted_device.is_some() {
            return vec![user];
        }
        let source = request.client_ip.map(|ip| Self::Source(network(ip)));
        [user, Self::Tenant(request.tenant_id)].into_iter().chain(source).collect()
    }

    /// Counts an attempt as failed, unless the lever is locked.
    ///
    /// Returns the lock that has run out since the last attempt, for
    /// [`Reservation::Granted`](crate::store::Reservation::Granted).
    ///
    /// An attempt is reserved when every lever admits it; what a lever has counted before another refused must not be
    /// stored.
    ///
    /// # Errors
    ///
    /// [`Locked`] while the lock lasts; the counter is unchanged then.
    pub fn reserve(
        &self,
        counter: &mut LockoutCounter,
        policy: &LockoutPolicy,
        now: DateTime<Utc>,
    ) -> Result<Option<Lockout>, Locked> {
        let lapsed = match self {
            Self::User { .. } => counter.reserve(&policy.per_user, max_consecutive(policy), now),
            Self::Tenant(_) => counter.reserve(&policy.per_tenant, u32::MAX, now),
            Self::Source(_) => counter.reserve(&policy.per_ip, u32::MAX, now),
        };
        Ok(lapsed?.map(|until| self.lock(Some(until))))
    }

    /// Settles a reserved attempt, and returns the lock this failure brought about.
    pub fn settle(
        &self,
        counter: &mut LockoutCounter,
        outcome: AttemptOutcome,
        policy: &LockoutPolicy,
        now: DateTime<Utc>,
    ) -> Option<Lockout> {
        match (outcome, self) {
            (AttemptOutcome::Locked, _) => None,
            (AttemptOutcome::Success, Self::User { .. }) => {
                counter.clear();
                None
            }
            (AttemptOutcome::Success | AttemptOutcome::Abandoned, lever) => {
                counter.release(match lever {
                    Self::User { .. } => &policy.per_user,
                    Self::Tenant(_) => &policy.per_tenant,
                    Self::Source(_) => &policy.per_ip,
                });
                None
            }
            (AttemptOutcome::Failure, lever) => {
                let limit = match lever {
                    Self::User { .. } => max_consecutive(policy),
                    Self::Tenant(_) | Self::Source(_) => u32::MAX,
                };
                let Locked { until } = counter.locked(limit, now)?;
                Some(lever.lock(until))
            }
        }
    }

    fn lock(&self, until: Option<DateTime<Utc>>) -> Lockout {
        match self {
            Self::User { user_id, .. } => Lockout::User { user_id: *user_id, until },
            Self::Tenant(tenant_id) => Lockout::Tenant { tenant_id: *tenant_id, until },
            Self::Source(ip) => Lockout::Ip { ip: *ip, until },
        }
    }
}

fn max_consecutive(policy: &LockoutPolicy) -> u32 {
    policy.max_consecutive_failures.min(MAX_CONSECUTIVE)
}

/// Returns the network one source is counted by.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_source() {
        let source = |text: &str| network(text.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"), "one address in two notations");
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
