use super::{
    page::PageToken,
    source::{LogSource, StoreSource},
};
use crate::{AuditRecord, log::AuditLog};
use axess_core::store::{AuditOrder, AuditQuery, AuditScope, AuditStore};
use axess_events::Actor;
use axess_identity::UserId;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// What is looked for in the trail.
///
/// Every condition that is given must hold.
///
/// ```
/// use axess_audit::export::AuditSearch;
/// use axess_core::store::AuditScope;
/// let search = AuditSearch { event_types: vec!["LoginFailed".into()], ..AuditSearch::new(AuditScope::System) };
/// assert_eq!(search.text, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSearch {
    /// Whose events.
    pub scope: AuditScope,
    /// About this user; where an event is about nobody, at their request.
    pub user_id: Option<UserId>,
    /// Of one of these types; of any when empty.
    pub event_types: Vec<String>,
    /// At this one's request.
    pub actor: Option<Actor>,
    /// From this address.
    pub client_ip: Option<IpAddr>,
    /// At or after this time.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
    /// With this text in one of its values, whatever its case.
    pub text: Option<String>,
    /// Which come first. The log has one order, in which they were recorded, and ignores this.
    pub order: AuditOrder,
}

impl AuditSearch {
    /// Looks for every event of a scope, newest first.
    #[must_use]
    pub fn new(scope: AuditScope) -> Self {
        Self {
            scope,
            user_id: None,
            event_types: Vec::new(),
            actor: None,
            client_ip: None,
            from: None,
            until: None,
            text: None,
            order: AuditOrder::NewestFirst,
        }
    }

    /// Tells whether an event is one that is looked for.
    #[must_use]
    pub fn matches(&self, record: &AuditRecord) -> bool {
        let envelope = &record.envelope;
        record.scope() == self.scope
            && self.user_id.is_none_or(|user_id| found_by(record) == Some(user_id))
            && (self.event_types.is_empty() || self.event_types.contains(&envelope.payload.event_type))
            && self.actor.as_ref().is_none_or(|actor| envelope.actor.as_ref() == Some(actor))
            && self.client_ip.is_none_or(|ip| envelope.client_ip == Some(ip))
            && self.from.is_none_or(|from| envelope.occurred_at >= from)
            && self.until.is_none_or(|until| envelope.occurred_at < until)
            && self.text.as_ref().is_none_or(|text| mentions(record, &text.to_lowercase()))
    }

    /// Reads all of it from a store, page by page.
    #[must_use]
    pub fn over_store<S: AuditStore>(self, store: S) -> StoreSource<S> {
        StoreSource::new(store, self)
    }

    /// Reads all of it from the log, page by page, up to where the log is when the reading begins.
    #[must_use]
    pub fn over_log(self, log: AuditLog) -> LogSource {
        LogSource::new(log, self)
    }

    /// Returns what a store is asked: the conditions it knows.
    pub(super) fn query(&self, after: Option<PageToken>, limit: usize) -> AuditQuery {
        let event_type = match &*self.event_types {
            [one] => Some(one.clone()),
            _ => None,
        };
        AuditQuery {
            user_id: self.user_id,
            event_type,
            from: self.from,
            until: self.until,
            order: self.order,
            after: after.map(|token| token.after),
            ..AuditQuery::new(self.scope, limit)
        }
    }

    /// Returns what tells this search from others: a page token of another one is of no use to it.
    pub(super) fn fingerprint(&self) -> [u8; 8] {
        let digest: [u8; 32] = Sha256::digest(format!("{self:?}")).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        [a, b, c, d, e, f, g, h]
    }
}

/// Returns the user an event is found by, as stores have them: the one it is about, or else the one who asked for it.
fn found_by(record: &AuditRecord) -> Option<UserId> {
    user_of(record).or(match record.envelope.actor {
        Some(Actor::User(user_id)) => Some(user_id),
        _ => None,
    })
}

/// Returns the user an event is about.
pub(super) fn user_of(record: &AuditRecord) -> Option<UserId> {
    record.envelope.payload.fields.get("user_id")?.as_str()?.parse().ok()
}

fn mentions(record: &AuditRecord, text: &str) -> bool {
    fn inside(value: &Value, text: &str) -> bool {
        match value {
            Value::String(found) => found.to_lowercase().contains(text),
            Value::Array(items) => items.iter().any(|item| inside(item, text)),
            Value::Object(fields) => fields.values().any(|field| inside(field, text)),
            Value::Number(number) => number.to_string().contains(text),
            Value::Null | Value::Bool(_) => false,
        }
    }
    serde_json::from_slice(&record.event).is_ok_and(|event: Value| inside(&event, text))
}
