use super::{
    Enrichment,
    archive::{AsBytes, AsMicros},
};
use crate::AuditRecord;
use axess_events::{Actor, AuditText, AuthEvent, AuthEventEnvelope};
use axess_identity::{EventId, TenantId, UserId};
use chrono::{DateTime, Utc};
use rkyv::{
    Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, rancor::BoxedError,
    util::AlignedVec, with::Map,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The longest record in the binary form, in bytes.
pub const MAX_RICH_BYTES: usize = 512 * 1_024;

/// What a record begins with; the last byte is the version of its layout.
const HEADER: [u8; 4] = *b"axr\x01";

/// One event, flat and enriched, for stores that count and for streams.
///
/// ```
/// use axess_audit::{AuditRecord, analytics::RichAuthnEvent};
/// use axess_events::{AuthEvent, AuthEventEnvelope, account::PasswordChanged};
/// use axess_identity::{EventId, UserId};
/// let user_id = UserId::from_parts(0, [1; 10]);
/// let now = chrono::DateTime::UNIX_EPOCH;
/// let event = AuthEvent::from(PasswordChanged { user_id });
/// let envelope = AuthEventEnvelope::new(EventId::from_parts(0, [2; 10]), now, event);
/// let record = AuditRecord::from_event(serde_json::to_vec(&envelope).unwrap().into()).unwrap();
/// let rich = RichAuthnEvent::of(&record, now);
/// assert_eq!(rich.user_id, Some(user_id));
/// assert_eq!(RichAuthnEvent::from_bytes(&rich.to_bytes().unwrap()).unwrap(), rich);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct RichAuthnEvent {
    /// The event's id: two records with one id are one event.
    #[rkyv(with = AsBytes)]
    pub event_id: EventId,
    /// Its stable name.
    pub event_type: AuditText,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub tenant_id: Option<TenantId>,
    /// The user it is about, or at whose request it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub user_id: Option<UserId>,
    /// At whose request it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// When it happened.
    #[rkyv(with = AsMicros)]
    pub occurred_at: DateTime<Utc>,
    /// When this record was made.
    #[rkyv(with = AsMicros)]
    pub dispatched_at: DateTime<Utc>,
    /// The request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<AuditText>,
    /// The distributed trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<AuditText>,
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<IpAddr>,
    /// What the client said it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<AuditText>,
    /// The event.
    pub payload: RichPayload,
    /// What the deployment knows about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrichment: Option<Enrichment>,
}

/// The event inside a [`RichAuthnEvent`].
///
/// ```
/// use axess_audit::analytics::RichPayload;
/// let payload = RichPayload::Application(r#"{"cents":5}"#.into());
/// assert_eq!(serde_json::to_string(&payload).unwrap(), r#"{"application":"{\"cents\":5}"}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
#[serde(rename_all = "snake_case")]
pub enum RichPayload {
    /// An event of the catalogue.
    Catalogue(#[rkyv(with = rkyv::with::AsBox)] AuthEvent),
    /// An application's own event, or one newer than this reader: its fields as JSON.
    Application(String),
}

/// Says why a record could not be written or read.
///
/// ```
/// use axess_audit::analytics::{RichAuthnEvent, RichError};
/// assert!(matches!(RichAuthnEvent::from_bytes(b"nonsense"), Err(RichError::NotARecord)));
/// assert!(matches!(RichAuthnEvent::from_bytes(b"axr\x09..."), Err(RichError::Version(9))));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum RichError {
    /// The record is longer than [`MAX_RICH_BYTES`].
    #[error("an analytics record is at most {MAX_RICH_BYTES} bytes")]
    TooLong,
    /// The bytes do not begin like a record.
    #[error("these bytes are not an analytics record")]
    NotARecord,
    /// The record has a layout that this reader does not know.
    #[error("the analytics record has version {0}")]
    Version(u8),
    /// The record could not be written.
    #[error("cannot write an analytics record")]
    Write(#[source] BoxedError),
    /// The record is damaged.
    #[error("cannot read an analytics record")]
    Read(#[source] BoxedError),
}

impl RichAuthnEvent {
    /// Makes the record of an event, without enrichment.
    #[must_use]
    pub fn of(record: &AuditRecord, now: DateTime<Utc>) -> Self {
        let envelope = &record.envelope;
        let typed = serde_json::from_slice::<AuthEventEnvelope>(&record.event);
        let payload = match typed {
            Ok(typed) => RichPayload::Catalogue(typed.payload),
            Err(_) => {
                let fields = serde_json::Value::Object(envelope.payload.fields.clone());
                RichPayload::Application(fields.to_string())
            }
        };
        let about = envelope.payload.fields.get("user_id").and_then(|id| id.as_str()?.parse().ok());
        let asked = match envelope.actor {
            Some(Actor::User(user_id)) => Some(user_id),
            _ => None,
        };
        Self {
            event_id: envelope.event_id,
            event_type: envelope.payload.event_type.as_str().into(),
            tenant_id: envelope.tenant_id,
            user_id: about.or(asked),
            actor: envelope.actor.clone(),
            occurred_at: envelope.occurred_at,
            dispatched_at: DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now),
            request_id: envelope.request_id.clone(),
            trace_id: envelope.trace_id.clone(),
            client_ip: envelope.client_ip,
            user_agent: envelope.user_agent.clone(),
            payload,
            enrichment: None,
        }
    }

    /// Writes the record in the binary form: four bytes that name the layout, then rkyv 0.8, little endian.
    ///
    /// The record does not know its length: a stream frames it.
    ///
    /// # Errors
    ///
    /// [`RichError::TooLong`] beyond [`MAX_RICH_BYTES`], [`RichError::Write`] when rkyv refuses.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RichError> {
        let body = rkyv::to_bytes::<BoxedError>(self).map_err(RichError::Write)?;
        if body.len() + HEADER.len() > MAX_RICH_BYTES {
            return Err(RichError::TooLong);
        }
        let mut bytes = Vec::with_capacity(HEADER.len() + body.len());
        bytes.extend_from_slice(&HEADER);
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// Reads a record from the binary form.
    ///
    /// Any bytes are safe to pass.
    ///
    /// # Errors
    ///
    /// [`RichError`] for what is not a whole record of a known version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RichError> {
        if bytes.len() > MAX_RICH_BYTES {
            return Err(RichError::TooLong);
        }
        let (header, body) = bytes.split_first_chunk::<4>().ok_or(RichError::NotARecord)?;
        if *header != HEADER {
            let [a, b, c, version] = *header;
            return Err(if [a, b, c] == *b"axr" {
                RichError::Version(version)
            } else {
                RichError::NotARecord
            });
        }
        // A slice of a message can begin anywhere, and the archive needs its own alignment.
        let mut aligned = AlignedVec::<16>::with_capacity(body.len());
        aligned.extend_from_slice(body);
        rkyv::from_bytes::<Self, BoxedError>(&aligned).map_err(RichError::Read)
    }
}
