use axess_core::audit::{AuditError, AuditSink, MemoryAuditSink};
use axess_events::AuthEventEnvelope;

/// Records like [`MemoryAuditSink`], but fails on every event of one kind.
///
/// ```
/// use axess_core::audit::AuditSink;
/// use axess_events::{AuthEvent, AuthEventEnvelope, account::PasswordChanged};
/// use axess_identity::{EventId, UserId};
/// use axess_testing::FaultyAuditSink;
/// let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) });
/// let envelope = AuthEventEnvelope::new(EventId::from_parts(0, [2; 10]), chrono::DateTime::UNIX_EPOCH, event);
/// assert!(FaultyAuditSink::on("PasswordChanged").record(envelope.clone()).is_err());
/// assert!(FaultyAuditSink::on("Logout").record(envelope).is_ok());
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
    fn record(&self, event: AuthEventEnvelope) -> Result<(), AuditError> {
        if event.payload.wire_name() == self.name {
            return Err(AuditError::new("a fault was asked for"));
        }
        self.kept.record(event)
    }
}
