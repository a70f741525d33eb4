//! Where events go, and the one place that makes their envelopes.
//!
//! Whoever does something emits its event through an [`Emitter`], which puts it into an envelope and hands it to an
//! [`AuditSink`] before the operation is answered.

mod emitter;

pub use emitter::{Emitter, EventContext};

use axess_events::AuthEventEnvelope;
use std::{
    collections::VecDeque,
    error::Error,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How many events [`MemoryAuditSink`] keeps when nothing else is said.
const DEFAULT_CAPACITY: usize = 10_000;

/// What [`AuditSink::record`] returns.
///
/// ```
/// use axess_core::audit::{AuditError, AuditFuture};
/// let refused: AuditFuture<'static> = Box::pin(async { Err(AuditError::new("disk full")) });
/// # drop(refused);
/// ```
pub type AuditFuture<'a> = Pin<Box<dyn Future<Output = Result<(), AuditError>> + Send + 'a>>;

/// Takes every event before the operation it belongs to is answered.
///
/// The future must resolve soon (append to a buffer or a local file) and honestly: an operation whose event cannot be
/// recorded grants nothing. Dropping the future must not tear anything: the event is recorded whole or not at all.
///
/// ```
/// use axess_core::audit::{AuditFuture, AuditSink};
/// use axess_events::AuthEventEnvelope;
/// struct ToStdout;
/// impl AuditSink for ToStdout {
///     fn record(&self, event: AuthEventEnvelope) -> AuditFuture<'_> {
///         Box::pin(async move {
///             println!("{}", event.payload.wire_name());
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait AuditSink: Send + Sync + 'static {
    /// Records one event.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when the event is not safely recorded.
    fn record(&self, event: AuthEventEnvelope) -> AuditFuture<'_>;

    /// Tells whether recording is a write to a database that can be one step with what the operation writes there.
    ///
    /// Then the service makes them one [`UnitOfWork`](crate::store::UnitOfWork). Default: it is not.
    fn joins_units(&self) -> bool {
        false
    }
}

/// Says that an event was not recorded.
///
/// ```
/// use axess_core::audit::AuditError;
/// use std::time::Duration;
/// let broken = AuditError::new("disk full");
/// assert_eq!((broken.to_string().as_str(), broken.retry_after()), ("the event was not recorded", None));
/// let full = AuditError::full(Duration::from_secs(2));
/// assert_eq!(full.retry_after(), Some(Duration::from_secs(2)));
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the event was not recorded")]
pub struct AuditError {
    source: Box<dyn Error + Send + Sync>,
    retry_after: Option<Duration>,
}

impl AuditError {
    /// Wraps the cause of a failure that nobody knows the end of.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into(), retry_after: None }
    }

    /// Says that too many events wait already, and when trying again makes sense.
    #[must_use]
    pub fn full(retry_after: Duration) -> Self {
        Self { source: "too many events wait to be recorded".into(), retry_after: Some(retry_after) }
    }

    /// Returns when trying again makes sense; `None` when nobody knows.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

/// Keeps the newest events in memory and drops the oldest: for development, tests and dashboards.
///
/// Clones share the events.
///
/// ```
/// use axess_core::audit::MemoryAuditSink;
/// assert_eq!(MemoryAuditSink::default().events().len(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct MemoryAuditSink {
    capacity: usize,
    events: Arc<Mutex<VecDeque<AuthEventEnvelope>>>,
}

impl MemoryAuditSink {
    /// Keeps at most `capacity` events.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), events: Arc::default() }
    }

    /// Returns the kept events, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<AuthEventEnvelope> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Default for MemoryAuditSink {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

impl AuditSink for MemoryAuditSink {
    fn record(&self, event: AuthEventEnvelope) -> AuditFuture<'_> {
        Box::pin(async move {
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            if events.len() >= self.capacity {
                events.pop_front();
            }
            events.push_back(event);
            Ok(())
        })
    }
}
