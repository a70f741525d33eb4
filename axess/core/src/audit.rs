//! Where events go: the sink the service records into before it answers.

use axess_events::AuthEventEnvelope;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// How many events [`MemoryAuditSink`] keeps when nothing else is said.
const DEFAULT_CAPACITY: usize = 10_000;

/// Takes every event before the operation it belongs to is answered.
///
/// `record` must be quick (append to a buffer or a local file) and honest: an operation whose event cannot be recorded
/// grants nothing.
///
/// ```
/// use axess_core::audit::{AuditSink, MemoryAuditSink};
/// let sink = MemoryAuditSink::new(100);
/// assert!(sink.events().is_empty());
/// ```
pub trait AuditSink: Send + Sync + 'static {
    /// Records one event.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when the event is not safely recorded.
    fn record(&self, event: AuthEventEnvelope) -> Result<(), AuditError>;
}

/// Says that an event was not recorded.
///
/// ```
/// use axess_core::audit::AuditError;
/// assert_eq!(AuditError::new("disk full").to_string(), "the event was not recorded");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the event was not recorded")]
pub struct AuditError {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl AuditError {
    /// Wraps the cause.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
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
    fn record(&self, event: AuthEventEnvelope) -> Result<(), AuditError> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() >= self.capacity {
            events.pop_front();
        }
        events.push_back(event);
        Ok(())
    }
}
