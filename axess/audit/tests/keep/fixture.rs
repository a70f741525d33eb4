use axess_audit::{
    JsonPayload,
    archive::FilesystemAuditArchiver,
    chain::{AuditKeys, AuditPublicKey, AuditSigningKey, canonical},
    log::{AuditLog, AuditLogConfig, NewEntry},
    retention::{AuditRetentionLoop, AuditRetentionPolicy},
};
use axess_clock::MockClock;
use axess_core::{
    audit::{Emitter, MemoryAuditSink},
    memory::MemoryAuditStore,
    store::{AuditOrder, AuditQuery, AuditRow, AuditScope, AuditStore},
};
use axess_events::{Actor, AuthEventEnvelope};
use axess_identity::{EventId, TenantId, UserId};
use axess_rng::MockRng;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use std::{path::Path, process::Command, sync::Arc, time::Duration};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const CAP: usize = 1_000;

/// The time at which tests begin.
pub(crate) fn start() -> DateTime<Utc> {
    "2026-01-10T12:00:00Z".parse().unwrap()
}

/// The time so many days after the beginning.
pub(crate) fn day(days: i64) -> DateTime<Utc> {
    start() + TimeDelta::days(days)
}

pub(crate) fn tenant(n: u8) -> TenantId {
    TenantId::from_parts(1, [n; 10])
}

pub(crate) fn user(n: u8) -> UserId {
    UserId::from_parts(2, [n; 10])
}

pub(crate) fn event_id(n: u64) -> EventId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    EventId::from_parts(3, random)
}

/// Some event of a tenant's user.
pub(crate) fn event(n: u64, tenant_id: TenantId, at: DateTime<Utc>) -> AuthEventEnvelope<JsonPayload> {
    with_fields(n, tenant_id, at, json!({ "user_id": user(1), "number": n }))
}

pub(crate) fn with_fields(
    n: u64,
    tenant_id: TenantId,
    at: DateTime<Utc>,
    fields: Value,
) -> AuthEventEnvelope<JsonPayload> {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    let payload = JsonPayload { event_type: "LoginFailed".into(), fields: Map::from_iter(fields) };
    AuthEventEnvelope::new(event_id(n), at, payload)
        .with_tenant(tenant_id)
        .with_actor(Actor::User(user(1)))
        .with_client_ip("192.0.2.7".parse().unwrap())
        .with_user_agent("curl/8.5")
}

/// The row of an event, with what the log made of it if it did.
pub(crate) fn row(envelope: &AuthEventEnvelope<JsonPayload>, line: Option<Bytes>) -> AuditRow {
    let user_id = envelope.payload.fields.get("user_id").and_then(|id| id.as_str()?.parse().ok());
    AuditRow {
        event_id: envelope.event_id,
        tenant_id: envelope.tenant_id,
        user_id,
        event_type: envelope.payload.event_type.clone(),
        at: envelope.occurred_at,
        body: line.unwrap_or_else(|| canonical(envelope).unwrap()),
    }
}

pub(crate) fn rows(
    numbers: impl IntoIterator<Item = u64>,
    tenant_id: TenantId,
    at: DateTime<Utc>,
) -> Vec<AuditRow> {
    let at = |n: u64| at + TimeDelta::seconds(i64::try_from(n).unwrap());
    numbers.into_iter().map(|n| row(&event(n, tenant_id, at(n)), None)).collect()
}

pub(crate) fn signing() -> AuditSigningKey {
    AuditSigningKey::from_bytes([7; 32])
}

pub(crate) fn public() -> [AuditPublicKey; 1] {
    [signing().public_key()]
}

pub(crate) fn open(folder: &Path) -> FilesystemAuditArchiver {
    FilesystemAuditArchiver::open(folder, signing(), &[]).unwrap()
}

pub(crate) fn keys() -> AuditKeys {
    AuditKeys::generate(&MockRng::new(5))
}

pub(crate) fn open_log(folder: &Path, clock: &MockClock) -> AuditLog {
    let config = AuditLogConfig { segment_bytes: 4_000, ..AuditLogConfig::new(folder) };
    AuditLog::open(config, keys(), Arc::new(clock.clone()), Arc::new(MockRng::new(9))).unwrap()
}

/// Appends events to a log and returns their rows, with the log's lines.
pub(crate) fn logged(log: &AuditLog, events: &[AuthEventEnvelope<JsonPayload>]) -> Vec<AuditRow> {
    let before = log.end().unwrap();
    log.append(events.iter().map(|event| NewEntry::of(event).unwrap()).collect()).unwrap();
    let entries = log.read(before, 10_000, usize::MAX).unwrap();
    assert_eq!(entries.len(), events.len());
    entries.iter().zip(events).map(|(entry, event)| row(event, entry.record.line.clone())).collect()
}

/// Everything a retention needs, in memory but for the archive.
pub(crate) struct Place {
    pub(crate) clock: MockClock,
    pub(crate) store: MemoryAuditStore,
    pub(crate) trail: MemoryAuditSink,
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            clock: MockClock::new(start()),
            store: MemoryAuditStore::new(),
            trail: MemoryAuditSink::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn archive(&self) -> FilesystemAuditArchiver {
        open(&self.folder.path().join("archive"))
    }

    pub(crate) fn emitter(&self) -> Emitter {
        Emitter::new(Arc::new(self.trail.clone()))
            .with_clock(Arc::new(self.clock.clone()))
            .with_rng(Arc::new(MockRng::new(1)))
    }

    pub(crate) fn retention(&self) -> AuditRetentionLoop<MemoryAuditStore, FilesystemAuditArchiver> {
        let policy = AuditRetentionPolicy::default();
        AuditRetentionLoop::new(self.store.clone(), self.archive(), policy, self.emitter()).unwrap()
    }

    /// An event that just happened: it shows that the clock is right.
    pub(crate) async fn heartbeat(&self, n: u64) {
        use axess_clock::Clock;
        let at = self.clock.now();
        assert_eq!(
            self.store.append(vec![row(&event(1_000_000 + n, tenant(99), at), None)]).await.unwrap(),
            1
        );
    }
}

pub(crate) async fn hot(store: &impl AuditStore, tenant_id: TenantId) -> Vec<AuditRow> {
    let mut rows = Vec::new();
    loop {
        let after = rows.last().map(|row: &AuditRow| (row.at, row.event_id));
        let order = AuditOrder::OldestFirst;
        let query = AuditQuery { order, after, ..AuditQuery::new(AuditScope::Tenant(tenant_id), CAP) };
        let page = store.query(query).await.unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

/// What `zcat` says is in an archived day.
pub(crate) fn zcat(file: &Path) -> String {
    let output = Command::new("zcat").arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every archived line of a tenant.
pub(crate) fn archived(archive: &Path, tenant_id: TenantId) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(archive.join(tenant_id.to_string())) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "gz"));
    files.sort();
    files.iter().flat_map(|file| zcat(file).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
