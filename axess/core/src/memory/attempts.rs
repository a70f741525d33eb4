use crate::{
    lockout::{Locked, LockoutCounter},
    store::{AttemptOutcome, AttemptRecord, AttemptRequest, Lockout},
};
use axess_identity::{FactorKind, LockoutPolicy, TenantId, UserId};
use chrono::{DateTime, Utc};
use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
};

/// How many counters of one lever are kept at most.
const MAX_COUNTERS: usize = 200_000;
/// How many past attempts are kept at most, over all accounts.
const MAX_RECORDS: usize = 100_000;

/// The attempt log: one counter per user's factor, tenant and source, and the newest records.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    users: HashMap<(TenantId, UserId, FactorKind), LockoutCounter>,
    tenants: HashMap<TenantId, LockoutCounter>,
    sources: HashMap<IpAddr, LockoutCounter>,
    records: VecDeque<(TenantId, UserId, AttemptRecord)>,
}

impl Ledger {
    /// Reserves on all three levers, or on none.
    pub(super) fn reserve(&mut self, request: &AttemptRequest, policy: &LockoutPolicy) -> Result<(), Locked> {
        let now = request.at;
        self.make_room(policy, now);
        let (user_key, source_key) = (user_key(request), request.client_ip.map(network));
        let mut user = self.users.get(&user_key).copied().unwrap_or_default();
        let mut tenant = self.tenants.get(&request.tenant_id).copied().unwrap_or_default();
        let mut source = source_key.and_then(|key| self.sources.get(&key)).copied().unwrap_or_default();
        user.reserve(&policy.per_user, policy.max_consecutive_failures.min(100), now)?;
        tenant.reserve(&policy.per_tenant, u32::MAX, now)?;
        if source_key.is_some() {
            source.reserve(&policy.per_ip, u32::MAX, now)?;
        }
        self.users.insert(user_key, user);
        self.tenants.insert(request.tenant_id, tenant);
        if let Some(key) = source_key {
            self.sources.insert(key, source);
        }
        Ok(())
    }

    pub(super) fn settle(
        &mut self,
        request: &AttemptRequest,
        outcome: AttemptOutcome,
        policy: &LockoutPolicy,
    ) -> Vec<Lockout> {
        self.remember(request, outcome);
        let source_key = request.client_ip.map(network);
        let user = self.users.get_mut(&user_key(request));
        let tenant = self.tenants.get_mut(&request.tenant_id);
        let source = source_key.and_then(|key| self.sources.get_mut(&key));
        if matches!(outcome, AttemptOutcome::Success | AttemptOutcome::Abandoned) {
            match (user, outcome) {
                (Some(user), AttemptOutcome::Success) => user.clear(),
                (Some(user), _) => user.release(&policy.per_user),
                (None, _) => {}
            }
            tenant.into_iter().for_each(|counter| counter.release(&policy.per_tenant));
            source.into_iter().for_each(|counter| counter.release(&policy.per_ip));
            return Vec::new();
        }
        if outcome == AttemptOutcome::Locked {
            return Vec::new();
        }
        let lock = |counter: Option<&mut LockoutCounter>, max| {
            counter.and_then(|counter| counter.locked(max, request.at))
        };
        let mut triggered = Vec::new();
        if let Some(Locked { until }) = lock(user, policy.max_consecutive_failures.min(100)) {
            triggered.push(Lockout::User { user_id: request.user_id, until });
        }
        if let Some(Locked { until }) = lock(tenant, u32::MAX) {
            triggered.push(Lockout::Tenant { tenant_id: request.tenant_id, until });
        }
        if let (Some(ip), Some(Locked { until })) = (source_key, lock(source, u32::MAX)) {
            triggered.push(Lockout::Ip { ip, until });
        }
        triggered
    }

    pub(super) fn clear(&mut self, tenant_id: TenantId, user_id: UserId) {
        self.users.retain(|(tenant, user, _), _| (*tenant, *user) != (tenant_id, user_id));
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

    /// Forgets idle counters when a table is full; what is still counting is dropped oldest first only if it must be.
    fn make_room(&mut self, policy: &LockoutPolicy, now: DateTime<Utc>) {
        if self.users.len() >= MAX_COUNTERS {
            self.users.retain(|_, counter| !counter.is_idle(&policy.per_user, now));
            drop_oldest_half(&mut self.users);
        }
        if self.tenants.len() >= MAX_COUNTERS {
            self.tenants.retain(|_, counter| !counter.is_idle(&policy.per_tenant, now));
            drop_oldest_half(&mut self.tenants);
        }
        if self.sources.len() >= MAX_COUNTERS {
            self.sources.retain(|_, counter| !counter.is_idle(&policy.per_ip, now));
            drop_oldest_half(&mut self.sources);
        }
    }
}

fn user_key(request: &AttemptRequest) -> (TenantId, UserId, FactorKind) {
    (request.tenant_id, request.user_id, request.factor.clone())
}

fn drop_oldest_half<K: Clone + Eq + std::hash::Hash>(counters: &mut HashMap<K, LockoutCounter>) {
    if counters.len() < MAX_COUNTERS {
        return;
    }
    let mut by_age: Vec<_> =
        counters.iter().map(|(key, counter)| (counter.window_started, key.clone())).collect();
    by_age.sort_by_key(|(started, _)| *started);
    for (_, key) in by_age.into_iter().take(MAX_COUNTERS / 2) {
        counters.remove(&key);
    }
}

/// Returns the network one source is counted by: the address for IPv4, the /64 for IPv6.
pub(super) fn network(ip: IpAddr) -> IpAddr {
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
    use axess_identity::AttemptId;

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
            at: DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds),
            default_policy: LockoutPolicy::default(),
        }
    }

    #[test]
    fn strangers_cannot_make_any_table_grow_without_bound_or_push_out_a_fresh_lock() {
        let (mut ledger, policy) = (Ledger::default(), LockoutPolicy::default());
        let full = u64::try_from(MAX_COUNTERS).unwrap();
        for n in 0..full - 1 {
            ledger.reserve(&attempt(n), &policy).unwrap();
        }
        for _ in 0..3 {
            ledger.reserve(&attempt(full), &policy).unwrap();
        }
        for n in full + 1..full + 10 {
            ledger.reserve(&attempt(n), &policy).unwrap();
        }
        for size in [ledger.users.len(), ledger.tenants.len(), ledger.sources.len()] {
            assert!(size < MAX_COUNTERS, "{size}");
        }
        assert!(ledger.reserve(&attempt(full), &policy).is_err(), "the lock is still there");
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let source = |text: &str| network(text.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"), "one address in two notations");
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
