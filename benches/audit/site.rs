//! What both sides write.

use crate::Fault;
use axess_audit::{
    chain::AuditKeys,
    log::{AuditLog, AuditLogConfig, FsyncPolicy, NewEntry},
};
use axess_clock::SystemClock;
use axess_events::{
    Actor, AuthEvent, AuthEventEnvelope,
    authentication::{FactorFailed, FactorFailureReason},
};
use axess_identity::{EventId, FactorKind, TenantId, UserId};
use axess_rng::SystemRng;
use chrono::{DateTime, Utc};
use std::{path::Path, sync::Arc};

/// How many tenants the events belong to.
const TENANTS: usize = 10;

/// Makes as many events, each of its own.
pub(crate) fn events(count: usize) -> Vec<AuthEventEnvelope> {
    let rng = SystemRng;
    let now: DateTime<Utc> = DateTime::UNIX_EPOCH;
    let user_id = UserId::from_parts(0, [1; 10]);
    let event = |n: usize| {
        let tenant = u8::try_from(n % TENANTS).unwrap_or(0);
        let failed = FactorFailed {
            user_id: Some(user_id),
            factor_kind: FactorKind::Password,
            attempt_index: 1,
            failure_reason: FactorFailureReason::WrongCode,
        };
        AuthEventEnvelope::new(EventId::generate(now, &rng), now, AuthEvent::from(failed))
            .with_tenant(TenantId::from_parts(0, [tenant; 10]))
            .with_actor(Actor::User(user_id))
            .with_request_id("0f8fad5b-d9cb-469f-a165-70867728950e")
            .with_user_agent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    };
    (0..count).map(event).collect()
}

/// Makes entries of events.
pub(crate) fn entries(events: &[AuthEventEnvelope]) -> Result<Vec<NewEntry>, Fault> {
    Ok(events.iter().map(NewEntry::of).collect::<Result<_, _>>()?)
}

/// Opens a log with keys of its own.
pub(crate) fn open(folder: &Path, fsync: FsyncPolicy) -> Result<(AuditLog, AuditKeys), Fault> {
    let keys = AuditKeys::generate(&SystemRng);
    let config = AuditLogConfig { fsync, ..AuditLogConfig::new(folder.join("log")) };
    let log = AuditLog::open(config, keys.clone(), Arc::new(SystemClock), Arc::new(SystemRng))?;
    Ok((log, keys))
}
