use axess_audit::{
    chain::{AuditKeys, Finding, VerifyOptions, VerifyReport, verify_folder},
    log::{AuditLog, AuditLogConfig, CheckpointEvery, LogEntry, LogError, LogPosition, NewEntry},
};
use axess_clock::{Clock, MockClock, SystemClock};
use axess_events::{AuditPayload, AuthEventEnvelope};
use axess_identity::{EventId, TenantId};
use axess_rng::{MockRng, SystemRng};
use serde::Serialize;
use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

/// An event of an application's own, of any length.
#[derive(Debug, Serialize)]
pub(crate) struct Paid {
    pub(crate) cents: u64,
    pub(crate) note: String,
}

impl AuditPayload for Paid {
    fn event_type(&self) -> Cow<'static, str> {
        Cow::Borrowed("Paid")
    }
}

#[derive(Serialize)]
struct Typed<'a> {
    event_type: &'static str,
    #[serde(flatten)]
    paid: &'a Paid,
}

impl AuditPayload for Typed<'_> {
    fn event_type(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.event_type)
    }
}

/// A folder that goes with the test, and what is needed to open a log in it.
pub(crate) struct Place {
    _temporary: Option<TempDir>,
    pub(crate) path: PathBuf,
    pub(crate) clock: MockClock,
    pub(crate) keys: AuditKeys,
}

impl Place {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("log");
        Self { _temporary: Some(temporary), ..Self::at(path) }
    }

    pub(crate) fn at(path: PathBuf) -> Self {
        Self { _temporary: None, path, clock: MockClock::default(), keys: keys() }
    }

    pub(crate) fn config(&self) -> AuditLogConfig {
        AuditLogConfig { checkpoint_every: NEVER, ..AuditLogConfig::new(&self.path) }
    }

    pub(crate) fn open(&self) -> AuditLog {
        self.open_with(self.config())
    }

    pub(crate) fn open_with(&self, config: AuditLogConfig) -> AuditLog {
        self.try_open_with(config).unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<AuditLog, LogError> {
        self.try_open_with(self.config())
    }

    pub(crate) fn try_open_with(&self, config: AuditLogConfig) -> Result<AuditLog, LogError> {
        AuditLog::open(config, self.keys.clone(), Arc::new(self.clock.clone()), Arc::new(SystemRng))
    }

    pub(crate) fn verify(&self) -> VerifyReport {
        verify(&self.path, &self.keys)
    }

    /// Fails unless the log is whole; a last checkpoint must have been signed.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        let report = self.verify();
        assert!(report.is_whole(), "{:#?}", report.findings);
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:012}.jsonl"))
    }

    pub(crate) fn last_segment(&self) -> PathBuf {
        let mut names: Vec<_> = fs::read_dir(&self.path).unwrap().map(|file| file.unwrap().path()).collect();
        names.retain(|path| path.file_name().unwrap().len() == 18);
        names.into_iter().max().unwrap()
    }

    /// Copies the files of the log, as a crash would leave them: without closing it.
    ///
    /// The copy is in memory where it can be: the tests that make one at every byte are about bytes, not about disks.
    pub(crate) fn copy(&self) -> Self {
        let memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let copy = Self { clock: self.clock.clone(), ..Self::at(memory.path().join("log")) };
        let copy = Self { _temporary: Some(memory), ..copy };
        fs::create_dir(&copy.path).unwrap();
        for file in fs::read_dir(&self.path).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.file(file.file_name().to_str().unwrap())).unwrap();
        }
        copy
    }
}

/// Checkpoints on request only.
pub(crate) const NEVER: CheckpointEvery =
    CheckpointEvery { entries: u64::MAX, interval: std::time::Duration::MAX };

/// The same keys in every process of a test.
pub(crate) fn keys() -> AuditKeys {
    AuditKeys::generate(&MockRng::new(1))
}

pub(crate) fn verify(path: &Path, keys: &AuditKeys) -> VerifyReport {
    let options = VerifyOptions {
        keys: vec![keys.signing.public_key()],
        macs: vec![keys.mac.clone()],
        ..VerifyOptions::default()
    };
    verify_folder(path, &options).unwrap()
}

/// An event of one of several tenants, or of none.
pub(crate) fn entry(tenant: Option<u8>, cents: u64) -> NewEntry {
    long_entry(tenant, cents, 0)
}

pub(crate) fn long_entry(tenant: Option<u8>, cents: u64, note: usize) -> NewEntry {
    let now = SystemClock.now();
    let paid = Paid { cents, note: "x".repeat(note) };
    let payload = Typed { event_type: "Paid", paid: &paid };
    let mut envelope = AuthEventEnvelope::new(EventId::generate(now, &SystemRng), now, payload);
    envelope.tenant_id = tenant.map(tenant_id);
    NewEntry::of(&envelope).unwrap()
}

pub(crate) fn tenant_id(tenant: u8) -> TenantId {
    TenantId::from_parts(0, [tenant; 10])
}

pub(crate) fn read_all(log: &AuditLog) -> Vec<LogEntry> {
    read_after(log, LogPosition::default())
}

pub(crate) fn read_after(log: &AuditLog, after: LogPosition) -> Vec<LogEntry> {
    let mut all: Vec<LogEntry> = Vec::new();
    loop {
        let position = all.last().map_or(after, |entry| entry.position);
        let more = log.read(position, 1_000, 1 << 20).unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

pub(crate) fn ids(entries: &[LogEntry]) -> Vec<EventId> {
    entries.iter().map(|entry| entry.record.event_id()).collect()
}

pub(crate) fn cents(entries: &[LogEntry]) -> Vec<u64> {
    let paid = entries.iter().filter(|entry| entry.record.envelope.payload.event_type == "Paid");
    paid.map(|entry| entry.record.envelope.payload.fields["cents"].as_u64().unwrap()).collect()
}

pub(crate) fn repairs(entries: &[LogEntry]) -> Vec<u64> {
    let repairs =
        entries.iter().filter(|entry| entry.record.envelope.payload.event_type == "AuditLogRepaired");
    repairs.map(|entry| entry.record.envelope.payload.fields["torn_bytes"].as_u64().unwrap()).collect()
}

pub(crate) fn kinds(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{:?}", finding.kind)).collect()
}

/// Leaves a handle behind as a killed process would: nothing is closed or signed.
pub(crate) fn forget(log: AuditLog) {
    std::mem::forget(log);
}
