use axess_core::audit::{AuditError, AuditFuture, AuditSink, MemoryAuditSink};
use axess_events::AuthEventEnvelope;

/// Records like [`MemoryAuditSink`], but fails on every event of one kind.
///
/// ```
/// use axess_core::audit::{Emitter, EventContext};
/// use axess_events::account::PasswordChanged;
/// use axess_identity::UserId;
/// use axess_testing::FaultyAuditSink;
/// use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let event = PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) };
/// let faulty = Emitter::new(Arc::new(FaultyAuditSink::on("PasswordChanged")));
/// assert!(faulty.emit(&EventContext::default(), event.clone()).await.is_err());
/// let other = Emitter::new(Arc::new(FaultyAuditSink::on("Logout")));
/// assert!(other.emit(&EventContext::default(), event).await.is_ok());
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct FaultyAuditSink {
    name: &'static str,
    kept: MemoryAuditSink,
}

impl FaultyAuditSink {
    /// Fails on events with this wire name.
    #[must_use]
    pub fn on(name: &'static str) -> Self {
        Self { name, kept: MemoryAuditSink::default() }
    }

    /// Returns what was recorded.
    #[must_use]
    pub fn kept(&self) -> &MemoryAuditSink {
        &self.kept
    }
}

impl AuditSink for FaultyAuditSink {
    fn record(&self, event: AuthEventEnvelope) -> AuditFuture<'_> {
        if event.payload.wire_name() == self.name {
            return Box::pin(async { Err(AuditError::new("a fault was asked for")) });
        }
        self.kept.record(event)
    }
}
