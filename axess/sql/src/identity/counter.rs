//! The lockout counters: one row for each lever.

use crate::db::{Db, Row, Tx, Value, args, in_list, transaction};
use axess_core::{
    lockout::{Lever, LockoutCounter},
    store::StoreError,
};
use axess_identity::{LockoutPolicy, LockoutScale};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long a counter is kept at least, so that who is adding it finds it there.
const KEPT: TimeDelta = TimeDelta::hours(1);
/// How many idle counters are removed by whoever adds some.
const SWEPT: usize = 16;

/// In the order in which they must be locked, which is that of their keys. Fewer than three are named twice.
pub(super) const LOCK: &str =
    "SELECT lever, window_started, failures, consecutive, lockouts, locked_until FROM axess_lockout
    WHERE lever IN (?, ?, ?) ORDER BY lever {lock}";

const INSERT: &str =
    "INSERT INTO axess_lockout (lever, tenant_id, user_id, window_started, failures, consecutive, lockouts,
        locked_until, lasting, idle_at) VALUES ";

const UPDATE: &str = " ON CONFLICT (lever) DO UPDATE SET window_started = excluded.window_started,
        failures = excluded.failures, consecutive = excluded.consecutive, lockouts = excluded.lockouts,
        locked_until = excluded.locked_until, lasting = excluded.lasting, idle_at = excluded.idle_at";

pub(super) const SWEEP: &str =
    "DELETE FROM axess_lockout WHERE lasting = 0 AND idle_at <= ? AND lever IN (SELECT lever FROM (
        SELECT lever FROM axess_lockout WHERE lasting = 0 AND idle_at <= ? ORDER BY idle_at LIMIT ?
    ) AS batch)";

/// What was counted against accounts that do not exist.
pub(super) const FORGET_STRANGERS: &str =
    "DELETE FROM axess_lockout WHERE lasting = 1 AND idle_at < ? AND lever IN (SELECT lever FROM (
        SELECT l.lever FROM axess_lockout l WHERE l.lasting = 1 AND l.idle_at < ? AND NOT EXISTS (
            SELECT 1 FROM axess_user u WHERE u.tenant_id = l.tenant_id AND u.user_id = l.user_id
        ) ORDER BY l.idle_at LIMIT ?
    ) AS batch)";

pub(super) const CLEAR: &str = "DELETE FROM axess_lockout WHERE tenant_id = ? AND user_id = ?";

/// A counter whose row is locked.
#[derive(Clone)]
pub(super) struct Counted {
    pub(super) lever: Lever,
    pub(super) counter: LockoutCounter,
    key: [u8; 32],
}

/// Locks the counters of levers, in the levers' order, and leaves out those that have none.
pub(super) async fn lock(tx: &mut Tx, levers: &[Lever]) -> Result<Vec<Counted>, StoreError> {
    let keys: Vec<_> = levers.iter().map(key).collect();
    let Some(last) = keys.last().copied() else { return Ok(Vec::new()) };
    let mut named = keys.iter().copied().chain(std::iter::repeat(last));
    let args = args![named.next(), named.next(), named.next()];
    let rows = tx.fetch_all(LOCK, args).await?;
    let rows = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let found = |(lever, key): (&Lever, [u8; 32])| {
        let (_, counter) = rows.iter().find(|(known, _)| *known == key)?;
        Some(Counted { lever: lever.clone(), counter: *counter, key })
    };
    Ok(levers.iter().zip(keys).filter_map(found).collect())
}

/// Writes counters whose rows are locked.
pub(super) async fn write(
    tx: &mut Tx,
    counted: &[Counted],
    policy: &LockoutPolicy,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if counted.is_empty() {
        return Ok(());
    }
    let sql = format!("{INSERT}{}{UPDATE}", rows_of(counted.len()));
    tx.execute(sql, counted.iter().flat_map(|counted| columns(counted, policy, now)).collect())
        .await
        .map(drop)
}

/// Adds the counters that levers do not have yet, and removes some that nobody needs.
///
/// It is not done by the transaction that will count: one that has looked for a row in vain and then adds it blocks others
/// that do the same, and would lock in another order than they do.
pub(super) async fn add(
    db: &Db,
    levers: &[Lever],
    policy: &LockoutPolicy,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let fresh =
        |lever: &Lever| Counted { lever: lever.clone(), counter: LockoutCounter::default(), key: key(lever) };
    let counted: Vec<_> = levers.iter().map(fresh).collect();
    transaction!(db, tx => {
        let sql = format!("{INSERT}{} ON CONFLICT DO NOTHING", rows_of(counted.len()));
        let args = counted.iter().flat_map(|counted| columns(counted, policy, now)).collect();
        tx.execute(sql, args).await.map(drop)
    })?;
    if let Err(error) = db.execute(SWEEP, args![now, now, SWEPT]).await {
        // Whoever adds the next one tries again.
        tracing::debug!(error = &error as &dyn std::error::Error, "idle lockout counters were not removed");
    }
    Ok(())
}

fn rows_of(count: usize) -> String {
    vec![in_list(10); count].join(", ")
}

fn columns(counted: &Counted, policy: &LockoutPolicy, now: DateTime<Utc>) -> Vec<Value> {
    let Counted { lever, counter, key } = counted;
    let (tenant_id, user_id) = match lever {
        Lever::User { tenant_id, user_id, .. } => (Some(*tenant_id), Some(*user_id)),
        Lever::Tenant(_) | Lever::Source(_) => (None, None),
    };
    args![
        *key,
        tenant_id,
        user_id,
        counter.window_started,
        counter.failures,
        counter.consecutive,
        counter.lockouts,
        counter.locked_until,
        is_lasting(lever, counter),
        idle_at(lever, counter, policy, now),
    ]
}

fn read(row: &Row) -> Result<([u8; 32], LockoutCounter), StoreError> {
    let counter = LockoutCounter {
        window_started: row.find("window_started")?,
        failures: row.get("failures")?,
        consecutive: row.get("consecutive")?,
        lockouts: row.get("lockouts")?,
        locked_until: row.find("locked_until")?,
    };
    Ok((row.get("lever")?, counter))
}

/// Tells whether the count must outlast its window: failures in a row lock an account for good in the end, however far
/// apart they are. Nothing locks a tenant or an address for good.
fn is_lasting(lever: &Lever, counter: &LockoutCounter) -> bool {
    matches!(lever, Lever::User { .. }) && counter.consecutive > 0
}

/// Returns when window and lock are over, and earlier locks no longer make the next one longer.
fn idle_at(
    lever: &Lever,
    counter: &LockoutCounter,
    policy: &LockoutPolicy,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let LockoutScale { window, max_lockout, .. } = match lever {
        Lever::User { .. } => &policy.per_user,
        Lever::Tenant(_) => &policy.per_tenant,
        Lever::Source(_) => &policy.per_ip,
    };
    let quiet = delta(*window) + delta(*max_lockout);
    let kept = now.checked_add_signed(KEPT).unwrap_or(now);
    let over = match counter.window_started.filter(|_| counter.consecutive > 0) {
        Some(started) => started.checked_add_signed(quiet).unwrap_or(DateTime::<Utc>::MAX_UTC),
        None => kept,
    };
    over.max(kept)
}

fn delta(duration: Duration) -> TimeDelta {
    // A quarter of the range, so that sums stay inside it.
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX).min(TimeDelta::MAX / 4)
}

/// Returns the key of a lever's row: its kind, so that keys sort as levers are locked, and a digest of what it names.
fn key(lever: &Lever) -> [u8; 32] {
    let (kind, digest) = match lever {
        Lever::User { tenant_id, user_id, factor, trusted_device } => {
            let device = trusted_device.map(|device| device.as_uuid().into_bytes());
            let digest = Sha256::new()
                .chain_update(tenant_id.as_uuid().as_bytes())
                .chain_update(user_id.as_uuid().as_bytes())
                .chain_update([u8::from(device.is_some())])
                .chain_update(device.unwrap_or_default())
                .chain_update(factor.wire_name().as_bytes());
            (0, digest)
        }
        Lever::Tenant(tenant_id) => (1, Sha256::new().chain_update(tenant_id.as_uuid().as_bytes())),
        Lever::Source(ip) => (2, Sha256::new().chain_update(ip.to_string())),
    };
    let mut key: [u8; 32] = digest.finalize().into();
    let [first, ..] = &mut key;
    *first = kind;
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_identity::{DeviceId, FactorKind, TenantId, UserId};

    #[test]
    fn keys_sort_as_levers_are_locked_and_tell_them_apart() {
        let user = |tenant: u8, user: u8, factor, device: Option<u8>| Lever::User {
            tenant_id: TenantId::from_parts(0, [tenant; 10]),
            user_id: UserId::from_parts(0, [user; 10]),
            factor,
            trusted_device: device.map(|device| DeviceId::from_parts(0, [device; 10])),
        };
        let mut levers = vec![
            user(1, 2, FactorKind::Password, None),
            user(2, 1, FactorKind::Password, None),
            user(1, 2, FactorKind::Totp, None),
            user(1, 2, FactorKind::Password, Some(0)),
            user(1, 2, FactorKind::Password, Some(1)),
            Lever::Tenant(TenantId::from_parts(0, [1; 10])),
            Lever::Tenant(TenantId::from_parts(0, [2; 10])),
            Lever::Source("192.0.2.1".parse().unwrap()),
            Lever::Source("2001:db8::".parse().unwrap()),
        ];
        let mut keys: Vec<_> = levers.iter().map(key).collect();
        assert!(keys.is_sorted_by_key(|key| key[0]), "users, then tenants, then sources");
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), levers.len());
        levers.sort();
        assert!(levers.iter().map(key).is_sorted_by_key(|key| key[0]));
    }

    #[test]
    fn only_what_the_machine_calls_idle_is_not_needed() {
        let (policy, start) = (LockoutPolicy::default(), DateTime::UNIX_EPOCH);
        let lever = Lever::User {
            tenant_id: TenantId::from_parts(0, [1; 10]),
            user_id: UserId::from_parts(0, [1; 10]),
            factor: FactorKind::Password,
            trusted_device: None,
        };
        let mut counter = LockoutCounter::default();
        for _ in 0..3 {
            lever.reserve(&mut counter, &policy, start).unwrap();
            let idle = idle_at(&lever, &counter, &policy, start);
            assert!(!counter.is_idle(&policy.per_user, idle - TimeDelta::seconds(1)));
            assert!(is_lasting(&lever, &counter), "failures in a row are counted for ever");
        }
        assert!(!is_lasting(&lever, &LockoutCounter::default()), "a success ends them");
        let address = Lever::Source("192.0.2.1".parse().unwrap());
        assert!(!is_lasting(&address, &counter), "nothing locks an address for good");
    }
}
