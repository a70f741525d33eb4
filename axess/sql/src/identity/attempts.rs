use super::{
    MAX_PAGE, NIL, SqlBackend,
    counter::{self, CLEAR, Counted},
    json,
};
use crate::db::{Row, Value, args, transaction};
use axess_core::{
    lockout::{Lever, Locked},
    store::{
        AttemptOutcome, AttemptRecord, AttemptRequest, IdentityAuthnLog, LoginSubject, Reservation, Settled,
        StoreError, StoreErrorKind,
    },
};
use axess_identity::{Identifier, LockoutPolicy, TenantId, TenantSlug, TenantStatus, UserId, UserStatus};

/// How often counters that are missing are added before giving up: somebody keeps removing them.
const MAX_ROUNDS: usize = 5;

/// What decides about an attempt besides the counters.
pub(super) const CIRCUMSTANCES: &str = "SELECT t.status AS tenant_status, u.status AS user_status, (
        SELECT s.lockout FROM axess_scope s
        WHERE s.tenant_id IN (?, ?) AND s.user_id IN (?, ?) AND s.lockout IS NOT NULL
        ORDER BY s.user_id DESC, s.tenant_id DESC LIMIT 1
    ) AS lockout
    FROM (SELECT 1 AS one) AS base
    LEFT JOIN axess_tenant t ON t.tenant_id = ?
    LEFT JOIN axess_user u ON u.tenant_id = ? AND u.user_id = ?";

pub(super) const APPEND: &str =
    "INSERT INTO axess_attempt (attempt_id, tenant_id, user_id, factor, outcome, client_ip, happened_at)
    VALUES (?, ?, ?, ?, ?, ?, ?)";

pub(super) const LAST: &str = "SELECT attempt_id, factor, outcome, client_ip, happened_at FROM axess_attempt
    WHERE tenant_id = ? AND user_id = ? ORDER BY happened_at DESC, sequence DESC LIMIT ?";

struct Circumstances {
    active: bool,
    policy: LockoutPolicy,
}

impl IdentityAuthnLog for SqlBackend {
    async fn reserve_attempt(&self, request: AttemptRequest) -> Result<Reservation, StoreError> {
        let Circumstances { active, policy } = self.circumstances(&request).await?;
        self.reserve(&request, &policy, active).await
    }

    async fn reserve_login(
        &self,
        tenant: TenantSlug,
        identifier: Identifier,
        stand_in: AttemptRequest,
    ) -> Result<(LoginSubject, Reservation), StoreError> {
        let found = self.find_subject(tenant, identifier).await?;
        let active = found.subject.active_user().is_some();
        let request = found.subject.attempt(stand_in);
        // An account that may not log in is treated as one that does not exist, its own policy included.
        let own = found.user_policy.filter(|_| active);
        let of_tenant = found.subject.tenant.as_ref().and_then(|tenant| tenant.lockout_policy.clone());
        let policy = own.or(of_tenant).or(found.global_policy);
        let policy = policy.unwrap_or_else(|| request.default_policy.clone());
        let reservation = self.reserve(&request, &policy, active).await?;
        Ok((found.subject, reservation))
    }

    async fn settle_attempt(
        &self,
        request: AttemptRequest,
        outcome: AttemptOutcome,
    ) -> Result<Settled, StoreError> {
        // Read now, so after the session was written, and before the tenant's counter is locked for everybody else.
        let Circumstances { active, policy } = self.circumstances(&request).await?;
        let levers = Lever::of(&request);
        let triggered = transaction!(self.db, tx => {
            let before = counter::lock(tx, &levers).await?;
            let mut after = before.clone();
            let settle = |counted: &mut Counted| {
                counted.lever.settle(&mut counted.counter, outcome, &policy, request.at)
            };
            let triggered: Vec<_> = after.iter_mut().filter_map(settle).collect();
            let changed = after.into_iter().zip(before).filter(|(after, before)| after.counter != before.counter);
            let changed: Vec<_> = changed.map(|(after, _)| after).collect();
            counter::write(tx, &changed, &policy, request.at).await?;
            tx.execute(APPEND, record_columns(&request, outcome)).await?;
            Ok(triggered)
        })?;
        Ok(Settled { active, triggered })
    }

    async fn clear_lockout(&self, tenant_id: TenantId, user_id: UserId) -> Result<(), StoreError> {
        transaction!(self.db, tx => { tx.execute(CLEAR, args![tenant_id, user_id]).await.map(drop) })
    }

    async fn last_attempts(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        limit: usize,
    ) -> Result<Vec<AttemptRecord>, StoreError> {
        let rows = self.db.fetch_all(LAST, args![tenant_id, user_id, limit.min(MAX_PAGE)]).await?;
        rows.iter().map(record).collect()
    }
}

impl SqlBackend {
    async fn circumstances(&self, request: &AttemptRequest) -> Result<Circumstances, StoreError> {
        let (tenant_id, user_id) = (request.tenant_id, request.user_id);
        let args = args![NIL, tenant_id, NIL, user_id, tenant_id, tenant_id, user_id];
        let row = self.db.fetch_optional(CIRCUMSTANCES, args).await?;
        let row = row.ok_or_else(|| StoreError::bare(StoreErrorKind::Backend))?;
        let tenant: Option<TenantStatus> = row.find("tenant_status")?;
        let user: Option<UserStatus> = row.find("user_status")?;
        let policy = json::read(row.find("lockout")?, "lockout")?;
        Ok(Circumstances {
            active: tenant.is_some_and(TenantStatus::admits_logins)
                && user.is_some_and(UserStatus::admits_logins),
            policy: policy.unwrap_or_else(|| request.default_policy.clone()),
        })
    }

    async fn reserve(
        &self,
        request: &AttemptRequest,
        policy: &LockoutPolicy,
        active: bool,
    ) -> Result<Reservation, StoreError> {
        let levers = Lever::of(request);
        for _ in 0..MAX_ROUNDS {
            let decided = transaction!(self.db, tx => {
                let mut counters = counter::lock(tx, &levers).await?;
                if counters.len() < levers.len() {
                    return Ok(None);
                }
                let mut lapsed = Vec::new();
                for counted in &mut counters {
                    let Counted { lever, counter, .. } = counted;
                    match lever.reserve(counter, policy, request.at) {
                        Ok(lock) => lapsed.extend(lock),
                        Err(Locked { until }) => return Ok(Some(Reservation::Locked { until })),
                    }
                }
                counter::write(tx, &counters, policy, request.at).await?;
                Ok(Some(Reservation::Granted { active, lapsed }))
            })?;
            match decided {
                Some(reservation) => return Ok(reservation),
                None => counter::add(&self.db, &levers, policy, request.at).await?,
            }
        }
        Err(StoreError::bare(StoreErrorKind::Unavailable))
    }
}

fn record_columns(request: &AttemptRequest, outcome: AttemptOutcome) -> Vec<Value> {
    args![
        request.attempt_id,
        request.tenant_id,
        request.user_id,
        request.factor.clone(),
        outcome,
        request.client_ip,
        request.at,
    ]
}

fn record(row: &Row) -> Result<AttemptRecord, StoreError> {
    Ok(AttemptRecord {
        attempt_id: row.get("attempt_id")?,
        factor: row.get("factor")?,
        outcome: row.get("outcome")?,
        client_ip: row.find("client_ip")?,
        at: row.get("happened_at")?,
    })
}
