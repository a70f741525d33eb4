//! Events, sinks that misbehave on request, and pipes to put between them.

use axess_audit::{
    AuditRecord,
    chain::AuditKeys,
    log::{AuditLog, AuditLogConfig},
    pipe::{AuditPipe, AuditPipeConfig, BufferStrategy, RetryPolicy, SinkStats},
    sink::{EventSink, SinkError, SinkFuture},
};
use axess_clock::MockClock;
use axess_events::{AuthEvent, AuthEventEnvelope, account::PasswordChanged, authentication::LoginStarted};
use axess_identity::{EventId, TenantId, UserId};
use axess_rng::{MockRng, SystemRng};
use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

const PLAIN: [&str; 2] = ["PasswordChanged", "LoginStarted"];
/// The number of events that are not the test's.
pub(crate) const OTHER: u64 = u64::MAX;
/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn event_id(n: u64) -> EventId {
    let mut rest = [0; 10];
    rest[2..].copy_from_slice(&n.to_be_bytes());
    EventId::from_parts(1, rest)
}

pub(crate) fn tenant(n: u8) -> TenantId {
    TenantId::from_parts(0, [n; 10])
}

/// An event that ends something, number `n` of all, in a tenant.
pub(crate) fn event(n: u64, of: u8) -> AuthEventEnvelope {
    let event = PasswordChanged { user_id: UserId::from_parts(0, [7; 10]) };
    AuthEventEnvelope::new(event_id(n), chrono::DateTime::UNIX_EPOCH, event.into()).with_tenant(tenant(of))
}

/// An event that begins something.
pub(crate) fn beginning(n: u64) -> AuthEventEnvelope {
    let event = LoginStarted { user_id: None, method_name: "password".into(), device_id: None };
    AuthEventEnvelope::new(event_id(n), chrono::DateTime::UNIX_EPOCH, AuthEvent::from(event))
        .with_tenant(tenant(1))
}

/// What a sink does with a batch.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    Take,
    TakeAfter(Duration),
    Fail,
    FailFor(Duration),
    Refuse(usize),
    Hang,
    Panic,
    PanicAtOnce,
}

type Script = Box<dyn FnMut(&[AuditRecord], usize) -> Does + Send>;

/// A sink that does what its script says; the script sees the batch and the number of the call, from 1.
pub(crate) struct Taker {
    name: String,
    inner: Mutex<Inner>,
}

struct Inner {
    script: Script,
    calls: usize,
    taken: Vec<AuditRecord>,
}

impl Taker {
    pub(crate) fn new(
        name: &str,
        script: impl FnMut(&[AuditRecord], usize) -> Does + Send + 'static,
    ) -> Arc<Self> {
        let inner = Inner { script: Box::new(script), calls: 0, taken: Vec::new() };
        Arc::new(Self { name: name.to_owned(), inner: Mutex::new(inner) })
    }

    pub(crate) fn good(name: &str) -> Arc<Self> {
        Self::new(name, |_, _| Does::Take)
    }

    pub(crate) fn always(name: &str, does: Does) -> Arc<Self> {
        Self::new(name, move |_, _| does.clone())
    }

    pub(crate) fn becomes(&self, script: impl FnMut(&[AuditRecord], usize) -> Does + Send + 'static) {
        self.inner.lock().unwrap().script = Box::new(script);
    }

    pub(crate) fn calls(&self) -> usize {
        self.inner.lock().unwrap().calls
    }

    /// Everything that was taken, in order, twice if it was.
    pub(crate) fn taken(&self) -> Vec<AuditRecord> {
        self.inner.lock().unwrap().taken.clone()
    }

    /// The numbers of the taken test events, in order.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.taken().iter().map(number).filter(|number| *number != OTHER).collect()
    }

    /// The taken events of one type.
    pub(crate) fn of_type(&self, event_type: &str) -> Vec<AuditRecord> {
        self.taken().into_iter().filter(|r| r.envelope.payload.event_type == event_type).collect()
    }
}

/// Returns the number of a test event; that of all other events is one that no test uses.
pub(crate) fn number(record: &AuditRecord) -> u64 {
    if !PLAIN.contains(&record.envelope.payload.event_type.as_str()) {
        return OTHER;
    }
    let bytes = record.event_id().as_uuid().into_bytes();
    // Six bytes of time, two with version bits, eight of the number, the first two bits of which are the variant.
    let mut number = [0; 8];
    number[2..].copy_from_slice(&bytes[10..]);
    u64::from_be_bytes(number)
}

impl EventSink for Taker {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
        let does = {
            let inner = &mut *self.inner.lock().unwrap();
            inner.calls += 1;
            (inner.script)(batch, inner.calls)
        };
        assert!(!matches!(does, Does::PanicAtOnce), "before there is a future");
        Box::pin(async move {
            let taken = match does {
                Does::Take => batch,
                Does::TakeAfter(pause) => {
                    tokio::time::sleep(pause).await;
                    batch
                }
                Does::Fail => return Err(SinkError::retry("the network is down")),
                Does::FailFor(after) => {
                    return Err(SinkError::Retry { source: "busy".into(), after: Some(after) });
                }
                Does::Refuse(index) => batch.get(..index).unwrap_or_default(),
                Does::Hang => std::future::pending().await,
                Does::Panic | Does::PanicAtOnce => panic!("a bug in the sink"),
            };
            self.inner.lock().unwrap().taken.extend_from_slice(taken);
            match does {
                Does::Refuse(index) => Err(SinkError::Refused { index, reason: "too long".into() }),
                _ => Ok(()),
            }
        })
    }
}

/// Where the events of a test wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Front {
    Memory,
    Files,
}

pub(crate) const FRONTS: [Front; 2] = [Front::Memory, Front::Files];

pub(crate) fn open_log(folder: &Path) -> AuditLog {
    let (clock, rng) = (Arc::new(MockClock::default()), Arc::new(SystemRng));
    let keys = AuditKeys::generate(&MockRng::new(1));
    AuditLog::open(AuditLogConfig::new(folder), keys, clock, rng).unwrap()
}

/// A configuration that is impatient, as tests are.
pub(crate) fn config(front: Front, folder: &Path) -> AuditPipeConfig {
    let buffer = match front {
        Front::Memory => BufferStrategy::InMemory,
        Front::Files => BufferStrategy::FsBacked { log: open_log(folder) },
    };
    impatient(AuditPipeConfig::new(buffer).with_recovery_folder(folder))
}

pub(crate) fn impatient(config: AuditPipeConfig) -> AuditPipeConfig {
    let retry =
        RetryPolicy { first: Duration::from_millis(2), cap: Duration::from_millis(20), max_attempts: None };
    config
        .with_retry(retry)
        .with_takeover_every(Duration::from_millis(20))
        .with_delivery_timeout(Duration::from_millis(200))
}

pub(crate) async fn start(config: AuditPipeConfig) -> AuditPipe {
    start_with(config, &MockClock::default()).await
}

pub(crate) async fn start_with(config: AuditPipeConfig, clock: &MockClock) -> AuditPipe {
    AuditPipe::start(config, Arc::new(clock.clone()), Arc::new(SystemRng)).await.unwrap()
}

pub(crate) async fn emit(pipe: &AuditPipe, numbers: impl IntoIterator<Item = u64>, of: u8) {
    for n in numbers {
        pipe.emit(event(n, of)).await.unwrap();
    }
}

pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) fn stats(pipe: &AuditPipe, sink: &str) -> SinkStats {
    pipe.stats().sinks.into_iter().find(|stats| stats.sink == sink).unwrap()
}

/// Shuts a pipe down and drops it, so that its log can be opened again.
pub(crate) async fn end(pipe: AuditPipe) {
    let report = pipe.shutdown(PATIENCE).await.unwrap();
    assert_eq!(report.waiting, 0, "{:?}", pipe.stats());
}

/// Drops what an idempotent receiver would: an event it has.
pub(crate) fn once(numbers: &[u64]) -> Vec<u64> {
    let mut seen = HashSet::new();
    numbers.iter().copied().filter(|n| seen.insert(*n)).collect()
}
