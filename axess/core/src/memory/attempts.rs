use crate::{
    lockout::{Lever, Locked, LockoutCounter},
    store::{AttemptOutcome, AttemptRecord, AttemptRequest, Lockout},
};
use axess_identity::{LockoutPolicy, TenantId, UserId};
use chrono::{DateTime, Utc};
use std::collections::{HashMap, VecDeque};

/// How many counters are kept at most.
const MAX_COUNTERS: usize = 300_000;
/// How many past attempts are kept at most, over all accounts.
const MAX_RECORDS: usize = 100_000;

/// The attempt log: one counter per lever, and the newest records.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    counters: HashMap<Lever, LockoutCounter>,
    records: VecDeque<(TenantId, UserId, AttemptRecord)>,
}

impl Ledger {
    /// Reserves on every lever, or on none.
    pub(super) fn reserve(
        &mut self,
        request: &AttemptRequest,
        policy: &LockoutPolicy,
    ) -> Result<Vec<Lockout>, Locked> {
        self.make_room(policy, request.at);
        let (mut reserved, mut lapsed) = (Vec::new(), Vec::new());
        for lever in Lever::of(request) {
            let mut counter = self.counters.get(&lever).copied().unwrap_or_default();
            lapsed.extend(lever.reserve(&mut counter, policy, request.at)?);
            reserved.push((lever, counter));
        }
        self.counters.extend(reserved);
        Ok(lapsed)
    }

    pub(super) fn settle(
        &mut self,
        request: &AttemptRequest,
        outcome: AttemptOutcome,
        policy: &LockoutPolicy,
    ) -> Vec<Lockout> {
        self.remember(request, outcome);
        let settle = |lever: Lever| {
            let counter = self.counters.get_mut(&lever)?;
            lever.settle(counter, outcome, policy, request.at)
        };
        Lever::of(request).into_iter().filter_map(settle).collect()
    }

    pub(super) fn clear(&mut self, tenant_id: TenantId, user_id: UserId) {
        self.counters.retain(|lever, _| {
            !matches!(lever, Lever::User { tenant_id: of, user_id: user, .. } if (*of, *user) == (tenant_id, user_id))
        });
    }

    pub(super) fn last(&self, tenant_id: TenantId, user_id: UserId, limit: usize) -> Vec<AttemptRecord> {
        let own =
            self.records.iter().rev().filter(|(tenant, user, _)| (*tenant, *user) == (tenant_id, user_id));
        own.take(limit).map(|(_, _, record)| record.clone()).collect()
    }

    pub(super) fn purge(&mut self, before: DateTime<Utc>, limit: usize) -> u64 {
        let mut left = limit;
        let count = self.records.len();
        self.records.retain(|(_, _, record)| {
            let doomed = left > 0 && record.at < before;
            left -= usize::from(doomed);
            !doomed
        });
        u64::try_from(count - self.records.len()).unwrap_or(u64::MAX)
    }

    fn remember(&mut self, request: &AttemptRequest, outcome: AttemptOutcome) {
        if self.records.len() >= MAX_RECORDS {
            self.records.pop_front();
        }
        let record = AttemptRecord {
            attempt_id: request.attempt_id,
            factor: request.factor.clone(),
            outcome,
            client_ip: request.client_ip,
            at: request.at,
        };
        self.records.push_back((request.tenant_id, request.user_id, record));
    }

    /// Forgets idle counters when the table is full; what is still counting is dropped oldest first only if it must be.
    fn make_room(&mut self, policy: &LockoutPolicy, now: DateTime<Utc>) {
        if self.counters.len() < MAX_COUNTERS {
            return;
        }
        self.counters.retain(|lever, counter| {
            !counter.is_idle(
                match lever {
                    Lever::User { .. } => &policy.per_user,
                    Lever::Tenant(_) => &policy.per_tenant,
                    Lever::Source(_) => &policy.per_ip,
                },
                now,
            )
        });
        if self.counters.len() < MAX_COUNTERS {
            return;
        }
        let mut by_age: Vec<_> =
            self.counters.iter().map(|(lever, counter)| (counter.window_started, lever.clone())).collect();
        by_age.sort();
        for (_, lever) in by_age.into_iter().take(MAX_COUNTERS / 2) {
            self.counters.remove(&lever);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_identity::{AttemptId, FactorKind};
    use std::net::IpAddr;

    fn parts(n: u64) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        bytes
    }

    /// Attempt `n`: another account in another tenant from another address each time.
    fn attempt(n: u64) -> AttemptRequest {
        let seconds = i64::try_from(n).unwrap();
        AttemptRequest {
            attempt_id: AttemptId::from_parts(0, [0; 10]),
            tenant_id: TenantId::from_parts(0, parts(n)),
            user_id: UserId::from_parts(0, parts(n)),
            factor: FactorKind::Password,
            client_ip: Some(IpAddr::V4(u32::try_from(n).unwrap().into())),
            trusted_device: None,
            at: DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds),
            default_policy: LockoutPolicy::default(),
        }
    }

    #[test]
    fn strangers_cannot_make_any_table_grow_without_bound_or_push_out_a_fresh_lock() {
        let (mut ledger, policy) = (Ledger::default(), LockoutPolicy::default());
        // Each stranger is an account, a tenant and an address of their own.
        let full = u64::try_from(MAX_COUNTERS / 3).unwrap();
        for n in 0..full - 1 {
            ledger.reserve(&attempt(n), &policy).unwrap();
        }
        for _ in 0..3 {
            ledger.reserve(&attempt(full), &policy).unwrap();
        }
        for n in full + 1..full + 10 {
            ledger.reserve(&attempt(n), &policy).unwrap();
        }
        assert!(ledger.counters.len() <= MAX_COUNTERS + 3, "{}", ledger.counters.len());
        assert!(ledger.reserve(&attempt(full), &policy).is_err(), "the lock is still there");
    }
}
