//! Takes an event before its operation is answered, and brings it to every sink.
//!
//! An event that [`AuditPipe::emit`] took is as safe as the [`BufferStrategy`] says. From there every sink has a worker
//! and a cursor of its own: a sink that is slow, broken or gone holds up no other one and no operation. Deliveries are
//! in order per tenant, tried again with backoff, and at least once; sinks are idempotent by event id where they can be.
//! What a sink refuses for good is kept in `dead/<sink>.jsonl` and recorded as an event.
//!
//! Of the processes that share a log one delivers, the holder of `dispatch.lock`; when it ends, another one goes on.

mod config;
mod dead;
mod dispatch;
mod drops;
mod error;
mod feed;
mod folder;
mod gate;
mod log_feed;
mod memory;
mod outbox;
mod recovery;
mod retry;
mod start;
mod stats;
mod stop;
mod tenants;
mod worker;

pub use config::{AuditPipeConfig, BufferFullPolicy, BufferStrategy, MAX_BATCH, MAX_SINK_NAME, MAX_SINKS};
pub use dead::{DeadLetter, Redelivered};
pub use error::{PipeError, RETRY_WHEN_FULL};
pub use gate::BEGINNINGS;
pub use log_feed::cursor_of;
pub use outbox::outbox_record;
pub use retry::{MAX_RETRY_AFTER, RetryPolicy};
pub use stats::{AuditPipeMetrics, AuditPipeStats, NoPipeMetrics, SinkStats};
pub use stop::ShutdownReport;
pub use tenants::{MAX_TENANT_PIPES, TenantPipes};

use crate::{AuditRecord, chain, log::NewEntry};
use axess_core::{
    audit::{AuditFuture, AuditSink},
    store::{AuditScope, DynAuditOutbox, OutboxRecord},
};
use axess_events::{AuditPayload, AuthEventEnvelope};
use axess_identity::{EventId, TenantId};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use log_feed::LogFeed;
use memory::MemoryFeed;
use recovery::RecoveryLog;
use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::{Mutex, Notify, mpsc, oneshot, watch},
    task::JoinHandle,
};
use worker::{Context, Redeliver, Stop};

/// Brings events to every sink.
///
/// Clones share one pipe.
///
/// ```
/// use axess_audit::{AuditRecord, pipe::{AuditPipe, AuditPipeConfig, BufferStrategy}, sink::{EventSink, SinkFuture}};
/// use axess_clock::SystemClock;
/// use axess_core::audit::AuditSink;
/// use axess_events::{AuthEvent, AuthEventEnvelope, account::PasswordChanged};
/// use axess_identity::{EventId, UserId};
/// use axess_rng::SystemRng;
/// use std::{sync::Arc, time::Duration};
/// struct Screen;
/// impl EventSink for Screen {
///     fn name(&self) -> &str {
///         "screen"
///     }
///     fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
///         Box::pin(async move {
///             batch.iter().for_each(|record| println!("{}", record.envelope.payload.event_type));
///             Ok(())
///         })
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = AuditPipeConfig::new(BufferStrategy::InMemory).with_regulatory_sink(Arc::new(Screen));
/// let pipe = AuditPipe::start(config, Arc::new(SystemClock), Arc::new(SystemRng)).await?;
/// let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) });
/// pipe.record(AuthEventEnvelope::new(EventId::from_parts(0, [2; 10]), chrono::DateTime::UNIX_EPOCH, event)).await?;
/// let report = pipe.shutdown(Duration::from_secs(5)).await?;
/// assert_eq!((report.waiting, pipe.stats().sinks[0].delivered), (0, 1));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AuditPipe {
    inner: Arc<Inner>,
}

struct Inner {
    context: Arc<Context>,
    names: Arc<[String]>,
    front: Front,
    stop: watch::Sender<Stop>,
    task: Mutex<Option<JoinHandle<()>>>,
    orders: Vec<mpsc::Sender<Redeliver>>,
    leads: Arc<AtomicBool>,
    /// What is still in hand was written down, or handed to the log.
    is_finished: AtomicBool,
}

/// Where events go when they are taken.
enum Front {
    Memory { feed: Arc<MemoryFeed>, recovery: Option<Arc<RecoveryLog>> },
    Log { feed: Arc<LogFeed> },
    Database { feed: Arc<LogFeed>, outbox: Arc<dyn DynAuditOutbox>, arrived: Arc<Notify> },
}

/// An event as bytes, and what is needed to place it.
#[derive(Clone)]
struct Sealed {
    event_id: EventId,
    tenant_id: Option<TenantId>,
    at: DateTime<Utc>,
    event_type: Cow<'static, str>,
    event: Bytes,
}

impl AuditPipe {
    /// Takes an event, of axess or of the application.
    ///
    /// `Ok` means that it is as durable as the buffer promises. Dropping the future takes the event whole or not at all.
    ///
    /// # Errors
    ///
    /// [`PipeError`] when the event was not taken: its operation must grant nothing.
    pub fn emit<P: AuditPayload>(
        &self,
        envelope: AuthEventEnvelope<P>,
    ) -> impl Future<Output = Result<(), PipeError>> + Send + use<'_, P> {
        let sealed = Sealed::new(&envelope);
        async move { self.put(sealed?).await }
    }

    async fn put(&self, sealed: Sealed) -> Result<(), PipeError> {
        let outcome = self.inner.take(sealed).await;
        match outcome {
            Ok(()) => self.inner.context.metrics.emitted(),
            Err(_) => self.inner.context.metrics.refused(),
        }
        outcome
    }

    /// Returns what the pipe is doing.
    #[must_use]
    pub fn stats(&self) -> AuditPipeStats {
        let context = &self.inner.context;
        let (buffered, closed, shut) = context.gate.look();
        let now = context.clock.now();
        let read = |(place, name): (usize, &String)| {
            let gauge = context.gauges.get(place);
            gauge.map(|gauge| gauge.read(name, context.gate.depth(place), now)).unwrap_or_default()
        };
        let sinks = self.inner.names.iter().enumerate().map(read).collect();
        AuditPipeStats {
            buffered,
            closed,
            shut,
            dispatching: self.inner.leads.load(Ordering::Acquire),
            sinks,
        }
    }

    /// Offers the dead letters of a sink to it once more, oldest first, and keeps those it does not take.
    ///
    /// # Errors
    ///
    /// [`PipeError::UnknownSink`]; [`PipeError::NotDispatching`] in a process that does not deliver, or no longer;
    /// [`PipeError::File`].
    pub async fn redeliver_dead(&self, sink: &str) -> Result<Redelivered, PipeError> {
        let place = self.inner.names.iter().position(|name| name == sink);
        let orders = place.and_then(|place| self.inner.orders.get(place));
        let orders = orders.ok_or_else(|| PipeError::UnknownSink(sink.to_owned()))?;
        if !self.inner.leads.load(Ordering::Acquire) {
            return Err(PipeError::NotDispatching);
        }
        let (reply, answer) = oneshot::channel();
        orders.send(Redeliver { reply }).await.map_err(|_| PipeError::NotDispatching)?;
        answer.await.unwrap_or(Err(PipeError::NotDispatching))
    }
}

impl AuditSink for AuditPipe {
    fn record(&self, event: AuthEventEnvelope) -> AuditFuture<'_> {
        let taken = self.emit(event);
        Box::pin(async move { taken.await.map_err(Into::into) })
    }

    fn joins_units(&self) -> bool {
        matches!(self.inner.front, Front::Database { .. })
    }
}

impl fmt::Debug for AuditPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditPipe").field("sinks", &self.inner.names).finish_non_exhaustive()
    }
}

impl Sealed {
    fn new<P: AuditPayload>(envelope: &AuthEventEnvelope<P>) -> Result<Self, PipeError> {
        Ok(Self {
            event_id: envelope.event_id,
            tenant_id: envelope.tenant_id,
            at: envelope.occurred_at,
            event_type: envelope.payload.event_type(),
            event: chain::canonical(envelope).map_err(PipeError::Event)?,
        })
    }
}

impl Inner {
    async fn take(&self, sealed: Sealed) -> Result<(), PipeError> {
        match &self.front {
            Front::Memory { feed, .. } => {
                let record = AuditRecord::from_event(sealed.event).map_err(PipeError::NotAnEvent)?;
                let entering = self.context.gate.enter(&sealed.event_type).await?;
                feed.push(&record, false);
                entering.counted();
            }
            Front::Log { feed } => {
                let entering = self.context.gate.enter(&sealed.event_type).await?;
                let Sealed { event_id, tenant_id, event, .. } = sealed;
                let entry = NewEntry { event_id, scope: AuditScope::of(tenant_id), event };
                feed.log().record(entry).await.map_err(PipeError::Log)?;
                entering.into_buffer();
                feed.announce();
            }
            Front::Database { outbox, arrived, .. } => {
                let entering = self.context.gate.enter(&sealed.event_type).await?;
                let Sealed { event_id, tenant_id, at, event, .. } = sealed;
                let record = OutboxRecord { event_id, tenant_id, at, body: event };
                outbox.append(vec![record]).await.map_err(PipeError::Outbox)?;
                entering.into_database();
                arrived.notify_one();
            }
        }
        Ok(())
    }
}
