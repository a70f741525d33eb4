use axess_core::store::AuditScope;
use axess_events::{AuditPayload, AuthEventEnvelope};
use axess_identity::EventId;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{borrow::Cow, sync::Arc};

/// Any event, of the catalogue or an application's own, as its fields.
///
/// What a reader uses that must not know every payload: the pipe, the sinks, the exports.
///
/// ```
/// use axess_audit::JsonPayload;
/// use axess_events::{AuditPayload, AuthEventEnvelope};
/// let json = r#"{"event_id":"00000000-0000-7000-8000-000000000001","occurred_at":"2026-01-01T00:00:00Z","event_type":"FundsTransferred","cents":5}"#;
/// let envelope: AuthEventEnvelope<JsonPayload> = serde_json::from_str(json).unwrap();
/// assert_eq!(envelope.payload.event_type(), "FundsTransferred");
/// assert_eq!(envelope.payload.fields["cents"], 5);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonPayload {
    /// The stable name of the event.
    pub event_type: String,
    /// Its fields, without those of the envelope.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl AuditPayload for JsonPayload {
    fn event_type(&self) -> Cow<'static, str> {
        Cow::Owned(self.event_type.clone())
    }
}

/// One event on its way to a sink.
///
/// ```
/// use axess_audit::AuditRecord;
/// use axess_events::{AuthEventEnvelope, account::PasswordChanged, AuthEvent};
/// use axess_identity::{EventId, UserId};
/// let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) });
/// let envelope = AuthEventEnvelope::new(EventId::from_parts(0, [2; 10]), chrono::DateTime::UNIX_EPOCH, event);
/// let body = serde_json::to_vec(&envelope).unwrap();
/// let record = AuditRecord::from_event(body.into()).unwrap();
/// assert_eq!(record.envelope.payload.event_type, "PasswordChanged");
/// assert!(record.line.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The event, read.
    pub envelope: Arc<AuthEventEnvelope<JsonPayload>>,
    /// The event's canonical bytes: one JSON object on one line.
    pub event: Bytes,
    /// The entry of the log that holds it, with its place in the chain, without the line feed; absent when the pipe
    /// keeps no log. A copy of it can be verified like the log itself.
    pub line: Option<Bytes>,
}

impl AuditRecord {
    /// Reads an event from its bytes.
    ///
    /// # Errors
    ///
    /// What serde_json says when the bytes are not an event.
    pub fn from_event(event: Bytes) -> Result<Self, serde_json::Error> {
        Ok(Self { envelope: Arc::new(serde_json::from_slice(&event)?), event, line: None })
    }

    /// Returns the event's id.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        self.envelope.event_id
    }

    /// Returns whose event it is, which is also the chain it belongs to.
    #[must_use]
    pub fn scope(&self) -> AuditScope {
        AuditScope::of(self.envelope.tenant_id)
    }

    /// Returns when it happened.
    #[must_use]
    pub fn occurred_at(&self) -> DateTime<Utc> {
        self.envelope.occurred_at
    }

    /// Returns what a copy keeps: the entry of the log where there is one, else the event.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.line.as_ref().unwrap_or(&self.event)
    }
}
