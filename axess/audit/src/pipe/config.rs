use super::{AuditPipeMetrics, NoPipeMetrics, PipeError, RetryPolicy};
use crate::{
    analytics::{AuthnAnalyticsSink, EventEnrichment},
    log::AuditLog,
    sink::EventSink,
};
use axess_core::store::{DynAuditOutbox, DynLeaderLock};
use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

/// The most sinks of one pipe.
pub const MAX_SINKS: usize = 32;
/// The longest name of a sink, in bytes.
pub const MAX_SINK_NAME: usize = 64;
/// The most events in one delivery.
pub const MAX_BATCH: usize = 4_096;

/// How many events may wait when nothing else is said.
const DEFAULT_BUFFER: usize = 65_536;
/// How many events are delivered together when nothing else is said.
const DEFAULT_BATCH: usize = 256;
/// How long a delivery may take when nothing else is said.
const DEFAULT_DELIVERY: Duration = Duration::from_secs(30);
/// How long the enrichment of one event may take when nothing else is said.
const DEFAULT_ENRICHMENT: Duration = Duration::from_millis(250);
/// How long [`BufferFullPolicy::Block`] waits when nothing else is said.
const DEFAULT_BLOCK: Duration = Duration::from_secs(5);
/// How often a process that does not dispatch looks whether it should, when nothing else is said.
const DEFAULT_TAKEOVER: Duration = Duration::from_secs(1);
/// How large the dead letters of one sink may grow when nothing else is said.
const DEFAULT_DEAD_BYTES: u64 = 256 * 1_024 * 1_024;

/// Where events wait for the sinks.
///
/// ```
/// use axess_audit::pipe::BufferStrategy;
/// assert_eq!(format!("{:?}", BufferStrategy::InMemory), "InMemory");
/// ```
#[derive(Clone)]
pub enum BufferStrategy {
    /// In this process. A crash loses what waits; a shutdown that runs out of time writes it to the recovery log.
    InMemory,
    /// In the log: an event is as durable as the log's fsync policy says before its operation is answered.
    ///
    /// Of the pipes on one folder, of this process or of others, one delivers, to its sinks; the others deliver
    /// nothing until it has ended.
    FsBacked {
        /// The log.
        log: AuditLog,
    },
    /// In a database, from where they are moved into the log of a host, in order.
    ///
    /// Of the processes on one host the holder of the log's `dispatch.lock` moves them. Processes on several hosts need
    /// [`AuditPipeConfig::leader_lock`] too: without it every host moves every event into its own log. With it one host
    /// does at a time; when the lease goes to another one, a tenant's order spans the logs of both, and the events of
    /// at most one batch may be in both.
    Database {
        /// The outbox in the database.
        outbox: Arc<dyn DynAuditOutbox>,
        /// The log.
        log: AuditLog,
    },
}

/// What happens to a new event while [`AuditPipeConfig::max_buffer_size`] events wait for the slowest sink.
///
/// ```
/// use axess_audit::pipe::BufferFullPolicy;
/// assert_eq!(BufferFullPolicy::default(), BufferFullPolicy::Block);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BufferFullPolicy {
    /// It is taken, and a sink that is behind misses its oldest ones. A log keeps all of them: only the sink goes
    /// without. Each episode is counted and recorded as an `AuditEventsDropped` event.
    DropOldest,
    /// Its operation waits for room, at most [`AuditPipeConfig::block_for`], and then fails; at once inside a
    /// [`UnitOfWork`](axess_core::store::UnitOfWork), which holds locks of its database.
    #[default]
    Block,
    /// Events that begin something (a login, a sign-up, a password reset, a refresh, a workload's call) are refused
    /// until the buffer has drained to half; what is needed to finish or to end something is taken, up to
    /// [`AuditPipeConfig::hard_cap`].
    ShutdownAuthn,
}

/// How a pipe is built.
///
/// ```
/// use axess_audit::pipe::{AuditPipeConfig, BufferFullPolicy, BufferStrategy};
/// use std::time::Duration;
/// let config = AuditPipeConfig::new(BufferStrategy::InMemory)
///     .with_max_buffer_size(10_000)
///     .with_policy(BufferFullPolicy::ShutdownAuthn)
///     .with_delivery_timeout(Duration::from_secs(10));
/// assert_eq!(config.hard_cap(), 20_000);
/// ```
#[derive(Clone)]
pub struct AuditPipeConfig {
    /// Where events wait.
    pub buffer: BufferStrategy,
    /// How many may wait for the slowest sink.
    pub max_buffer_size: usize,
    /// What happens beyond that.
    pub on_buffer_full: BufferFullPolicy,
    /// The sink of record.
    pub regulatory_sink: Option<Arc<dyn EventSink>>,
    /// The sink that gets enriched events.
    pub analytics_sink: Option<Arc<dyn AuthnAnalyticsSink>>,
    /// What enriches them.
    pub enrichment: Option<Arc<dyn EventEnrichment>>,
    /// How long the enrichment of one event may take; then it goes without.
    pub enrichment_timeout: Duration,
    /// Further sinks.
    pub sinks: Vec<Arc<dyn EventSink>>,
    /// When a sink that failed is tried again.
    pub retry: RetryPolicy,
    /// How many events are delivered together, 1 to [`MAX_BATCH`].
    pub batch: usize,
    /// How long a delivery may take; then it counts as failed.
    pub delivery_timeout: Duration,
    /// How long [`BufferFullPolicy::Block`] lets an operation wait.
    pub block_for: Duration,
    /// How often a process that does not dispatch looks whether it should, and how late it sees what other processes
    /// wrote.
    pub takeover_every: Duration,
    /// Where a pipe in memory keeps what must outlive the process: `recovery.jsonl` and dead letters. One process at a
    /// time. Without it, what a shutdown could not deliver is lost and counted.
    pub recovery_folder: Option<PathBuf>,
    /// How large the dead letters of one sink may grow, in bytes; a sink that refuses more is tried again instead.
    pub max_dead_letter_bytes: u64,
    /// Elects the process that empties the outbox, where processes on several hosts share a database.
    pub leader_lock: Option<Arc<dyn DynLeaderLock>>,
    /// What counts.
    pub metrics: Arc<dyn AuditPipeMetrics>,
}

impl AuditPipeConfig {
    /// Creates a configuration without sinks: 65 536 events may wait, operations block at most 5 s.
    #[must_use]
    pub fn new(buffer: BufferStrategy) -> Self {
        Self {
            buffer,
            max_buffer_size: DEFAULT_BUFFER,
            on_buffer_full: BufferFullPolicy::default(),
            regulatory_sink: None,
            analytics_sink: None,
            enrichment: None,
            enrichment_timeout: DEFAULT_ENRICHMENT,
            sinks: Vec::new(),
            retry: RetryPolicy::default(),
            batch: DEFAULT_BATCH,
            delivery_timeout: DEFAULT_DELIVERY,
            block_for: DEFAULT_BLOCK,
            takeover_every: DEFAULT_TAKEOVER,
            recovery_folder: None,
            max_dead_letter_bytes: DEFAULT_DEAD_BYTES,
            leader_lock: None,
            metrics: Arc::new(NoPipeMetrics),
        }
    }

    /// Sets how many events may wait for the slowest sink.
    #[must_use]
    pub fn with_max_buffer_size(mut self, events: usize) -> Self {
        self.max_buffer_size = events;
        self
    }

    /// Sets what happens when the buffer is full.
    #[must_use]
    pub fn with_policy(mut self, policy: BufferFullPolicy) -> Self {
        self.on_buffer_full = policy;
        self
    }

    /// Sets the sink of record.
    #[must_use]
    pub fn with_regulatory_sink(mut self, sink: Arc<dyn EventSink>) -> Self {
        self.regulatory_sink = Some(sink);
        self
    }

    /// Sets the sink that gets enriched events.
    #[must_use]
    pub fn with_analytics_sink(mut self, sink: Arc<dyn AuthnAnalyticsSink>) -> Self {
        self.analytics_sink = Some(sink);
        self
    }

    /// Sets what enriches events on their way to the analytics sink.
    #[must_use]
    pub fn with_enrichment(mut self, enrichment: Arc<dyn EventEnrichment>) -> Self {
        self.enrichment = Some(enrichment);
        self
    }

    /// Sets how long the enrichment of one event may take.
    #[must_use]
    pub fn with_enrichment_timeout(mut self, limit: Duration) -> Self {
        self.enrichment_timeout = limit;
        self
    }

    /// Adds a sink.
    #[must_use]
    pub fn with_sink(mut self, sink: Arc<dyn EventSink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Sets when a sink that failed is tried again.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Sets how many events are delivered together.
    #[must_use]
    pub fn with_batch(mut self, events: usize) -> Self {
        self.batch = events;
        self
    }

    /// Sets how long a delivery may take.
    #[must_use]
    pub fn with_delivery_timeout(mut self, limit: Duration) -> Self {
        self.delivery_timeout = limit;
        self
    }

    /// Sets how long an operation may wait for room.
    #[must_use]
    pub fn with_block_for(mut self, limit: Duration) -> Self {
        self.block_for = limit;
        self
    }

    /// Sets how often other processes are looked after.
    #[must_use]
    pub fn with_takeover_every(mut self, pause: Duration) -> Self {
        self.takeover_every = pause;
        self
    }

    /// Sets where a pipe in memory keeps what must outlive the process.
    #[must_use]
    pub fn with_recovery_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.recovery_folder = Some(folder.into());
        self
    }

    /// Sets how large the dead letters of one sink may grow.
    #[must_use]
    pub fn with_max_dead_letter_bytes(mut self, bytes: u64) -> Self {
        self.max_dead_letter_bytes = bytes;
        self
    }

    /// Sets what elects the process that empties the outbox.
    #[must_use]
    pub fn with_leader_lock(mut self, lock: Arc<dyn DynLeaderLock>) -> Self {
        self.leader_lock = Some(lock);
        self
    }

    /// Sets what counts.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn AuditPipeMetrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Returns how many events may wait before even [`BufferFullPolicy::ShutdownAuthn`] refuses all: twice the buffer.
    #[must_use]
    pub fn hard_cap(&self) -> usize {
        self.max_buffer_size.saturating_mul(2)
    }

    pub(super) fn check(&self, names: &[String]) -> Result<(), PipeError> {
        let fault = |text: String| Err(PipeError::Config(text));
        if self.max_buffer_size == 0 {
            return fault("max_buffer_size must be at least 1".to_owned());
        }
        if self.batch == 0 || self.batch > MAX_BATCH {
            return fault(format!("batch must be 1 to {MAX_BATCH}"));
        }
        if self.takeover_every.is_zero() || self.delivery_timeout.is_zero() {
            return fault("takeover_every and delivery_timeout must not be zero".to_owned());
        }
        if names.is_empty() && matches!(self.buffer, BufferStrategy::InMemory) {
            return fault("events in memory need at least one sink".to_owned());
        }
        if names.len() > MAX_SINKS {
            return fault(format!("at most {MAX_SINKS} sinks"));
        }
        for (place, name) in names.iter().enumerate() {
            let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if name.is_empty() || name.len() > MAX_SINK_NAME || !plain {
                return fault(format!(
                    "the sink name {name:?} is not 1 to {MAX_SINK_NAME} of a-z, 0-9 and -"
                ));
            }
            if names.iter().take(place).any(|other| other == name) {
                return fault(format!("two sinks are called {name}"));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for BufferStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InMemory => "InMemory",
            Self::FsBacked { .. } => "FsBacked",
            Self::Database { .. } => "Database",
        })
    }
}

impl fmt::Debug for AuditPipeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditPipeConfig")
            .field("buffer", &self.buffer)
            .field("max_buffer_size", &self.max_buffer_size)
            .field("on_buffer_full", &self.on_buffer_full)
            .finish_non_exhaustive()
    }
}
