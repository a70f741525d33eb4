use crate::{
    AuditText, AuthEvent,
    archive::{AsBytes, AsMicros, AsText},
    json::{self, to_micros},
};
use axess_identity::{EventId, TenantId, UserId, WorkloadId};
use chrono::{DateTime, Utc};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize, with::Map};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, net::IpAddr};

/// Something that can travel in an [`AuthEventEnvelope`]: an [`AuthEvent`] or an application's own event.
///
/// A payload serialises as a map that has `event_type`, equal to what the method returns, and none of the envelope's
/// own fields: the two become one flat object. On a struct, `#[serde(tag = "event_type")]` adds that field.
///
/// ```
/// use axess_events::{AuditPayload, AuthEventEnvelope};
/// use axess_identity::EventId;
///
/// #[derive(serde::Serialize)]
/// #[serde(tag = "event_type")]
/// struct FundsTransferred {
///     amount_cents: u64,
/// }
///
/// impl AuditPayload for FundsTransferred {
///     fn event_type(&self) -> std::borrow::Cow<'static, str> {
///         "FundsTransferred".into()
///     }
/// }
///
/// let id = EventId::from_parts(0, [1; 10]);
/// let envelope = AuthEventEnvelope::new(id, chrono::DateTime::UNIX_EPOCH, FundsTransferred { amount_cents: 500 });
/// let json = serde_json::to_value(&envelope).unwrap();
/// assert_eq!(json["event_type"], "FundsTransferred");
/// assert_eq!(json["amount_cents"], 500);
/// ```
pub trait AuditPayload: Serialize {
    /// Returns the stable name that readers tell events apart by.
    fn event_type(&self) -> Cow<'static, str>;
}

/// At whose request something happened.
///
/// ```
/// use axess_events::Actor;
/// let actor = serde_json::to_value(Actor::Operator("alice@ops".into())).unwrap();
/// assert_eq!(actor, serde_json::json!({ "kind": "operator", "id": "alice@ops" }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Actor {
    /// Nobody's: a sweep, a schedule, a retention rule.
    System,
    /// A user's.
    User(#[rkyv(with = AsBytes)] UserId),
    /// A program's.
    Workload(#[rkyv(with = AsText)] WorkloadId),
    /// An operator's, by the name the deployment knows them under.
    Operator(AuditText),
}

/// An event with what is common to all events.
///
/// In JSON the fields of the payload stand beside those of the envelope; a field without a value is left out. Times
/// have the resolution of a microsecond in every format.
///
/// ```
/// use axess_events::{Actor, AuthEventEnvelope, account::EmailVerified};
/// use axess_identity::{EventId, TenantId, UserId};
///
/// let user_id = UserId::from_parts(0, [1; 10]);
/// let now = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap();
/// let envelope = AuthEventEnvelope::new(EventId::from_parts(0, [2; 10]), now, EmailVerified { user_id }.into())
///     .with_tenant(TenantId::from_parts(0, [3; 10]))
///     .with_actor(Actor::User(user_id))
///     .with_client_ip("192.0.2.7".parse().unwrap())
///     .with_user_agent("curl/8.5");
/// let bytes = envelope.to_bytes().unwrap();
/// assert_eq!(AuthEventEnvelope::from_bytes(&bytes).unwrap(), envelope);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct AuthEventEnvelope<P = AuthEvent> {
    /// The event's id: two deliveries with one id are one event.
    #[rkyv(with = AsBytes)]
    pub event_id: EventId,
    /// The tenant it happened in; absent when that is not known or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[rkyv(with = Map<AsBytes>)]
    pub tenant_id: Option<TenantId>,
    /// At whose request it happened; absent while nobody has been authenticated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// When it happened.
    #[serde(with = "json::micros")]
    #[rkyv(with = AsMicros)]
    pub occurred_at: DateTime<Utc>,
    /// The request it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<AuditText>,
    /// The distributed trace of that request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<AuditText>,
    /// Where that request came from, as far as the trusted proxies tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<IpAddr>,
    /// What the client said it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<AuditText>,
    /// The event.
    #[serde(flatten)]
    pub payload: P,
}

impl<P> AuthEventEnvelope<P> {
    /// Wraps an event, with everything optional absent.
    ///
    /// What is finer than a microsecond in `occurred_at` is dropped.
    #[must_use]
    pub fn new(event_id: EventId, occurred_at: DateTime<Utc>, payload: P) -> Self {
        Self {
            event_id,
            tenant_id: None,
            actor: None,
            occurred_at: to_micros(occurred_at),
            request_id: None,
            trace_id: None,
            client_ip: None,
            user_agent: None,
            payload,
        }
    }

    /// Sets the tenant.
    #[must_use]
    pub fn with_tenant(mut self, tenant_id: TenantId) -> Self {
        self.tenant_id = Some(tenant_id);
        self
    }

    /// Sets at whose request it happened.
    #[must_use]
    pub fn with_actor(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Sets the request's id.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<AuditText>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// Sets the trace's id.
    #[must_use]
    pub fn with_trace_id(mut self, trace_id: impl Into<AuditText>) -> Self {
        self.trace_id = Some(trace_id.into());
        self
    }

    /// Sets where the request came from.
    #[must_use]
    pub fn with_client_ip(mut self, client_ip: IpAddr) -> Self {
        self.client_ip = Some(client_ip);
        self
    }

    /// Sets what the client said it is.
    #[must_use]
    pub fn with_user_agent(mut self, user_agent: impl Into<AuditText>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }
}
