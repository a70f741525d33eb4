use super::EvidenceError;
use crate::store::{Store, StoreFault};
use audex_core::{Ttl, audit::BrokerEvent};
use axess::{
    UserId,
    audit::{Actor, AuditRecord, AuthEvent, JsonPayload},
    identity::EventId,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{LazyLock, Mutex, PoisonError},
};

/// How many users' addresses are remembered.
const MAX_NAMES: usize = 10_000;

/// What is said of who did it where nobody in particular did.
const SYSTEM: &str = "system";

/// One event, as people and programs read it.
///
/// ```
/// fn line(entry: &audex_server::evidence::AuditEntry) -> String {
///     format!("{} {} {}", entry.timestamp, entry.user, entry.event_type)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    /// When it happened.
    #[serde(serialize_with = "zulu")]
    pub timestamp: DateTime<Utc>,
    /// What happened, as in `credential_requested`.
    pub event_type: String,
    /// Who did it: an address, a workload, or `system`.
    pub user: String,
    /// The actions that it is about, in the language of `--allow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// For how long, as in `15m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// Of which provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Where the request or session stands after it, as in `pending_approval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The session, or the one that would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The event's id.
    pub event_id: String,
    /// Everything else that is known of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub detail: Map<String, Value>,
}

/// Who users are, of whom axess's events have the id.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<UserId, String>>);

impl AuditEntry {
    fn new(record: &AuditRecord) -> Self {
        let envelope = &record.envelope;
        let JsonPayload { event_type, fields } = &envelope.payload;
        let mut detail = fields.clone();
        let mut text = |name: &str| match detail.remove(name) {
            Some(Value::String(text)) => Some(text),
            Some(Value::Null) | None => None,
            Some(other) => Some(other.to_string()),
        };
        let session_id = text("session_id");
        let provider = text("provider");
        let action = text("asked").or_else(|| text("action"));
        let seconds = text("ttl_seconds").and_then(|seconds| seconds.parse().ok());
        let ttl = seconds.and_then(ttl).or_else(|| text("ttl"));
        let status = text("status");
        let (event_type, status) = named(event_type, fields, status);
        for (name, value) in [
            ("client_ip", envelope.client_ip.map(|ip| ip.to_string())),
            ("user_agent", envelope.user_agent.as_ref().map(|text| text.as_str().to_owned())),
            ("request_id", envelope.request_id.as_ref().map(|text| text.as_str().to_owned())),
            ("trace_id", envelope.trace_id.as_ref().map(|text| text.as_str().to_owned())),
        ] {
            if let Some(value) = value {
                detail.insert(name.to_owned(), value.into());
            }
        }
        let user = match &envelope.actor {
            Some(Actor::Operator(name)) => name.as_str().to_owned(),
            Some(Actor::User(id)) => id.to_string(),
            Some(Actor::Workload(id)) => id.to_string(),
            Some(Actor::System) => SYSTEM.to_owned(),
            None => fields.get("user_id").and_then(Value::as_str).unwrap_or(SYSTEM).to_owned(),
        };
        Self {
            timestamp: envelope.occurred_at,
            event_type,
            user,
            action,
            ttl,
            provider,
            status,
            session_id,
            event_id: record.event_id().to_string(),
            detail,
        }
    }
}

impl Names {
    /// Returns events as they are read, with the addresses of the users they name.
    pub(super) async fn entries(
        &self,
        store: &Store,
        records: &[AuditRecord],
    ) -> Result<Vec<AuditEntry>, EvidenceError> {
        let mut entries: Vec<AuditEntry> = records.iter().map(AuditEntry::new).collect();
        for entry in &mut entries {
            let Ok(id) = entry.user.parse::<UserId>() else { continue };
            if let Some(email) = self.find(store, id).await.map_err(EvidenceError::Database)? {
                entry.user = email;
            }
        }
        Ok(entries)
    }

    async fn find(&self, store: &Store, id: UserId) -> Result<Option<String>, StoreFault> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(email) = known().get(&id) {
            return Ok(Some(email.clone()));
        }
        let Some(person) = store.person(id).await? else { return Ok(None) };
        let mut known = known();
        if known.len() >= MAX_NAMES {
            known.clear();
        }
        known.insert(id, person.email.clone());
        Ok(Some(person.email))
    }
}

/// Returns what an event is called, and where what it is about stands.
fn named(event_type: &str, fields: &Map<String, Value>, status: Option<String>) -> (String, Option<String>) {
    let is = |name: &str| fields.get(name).and_then(Value::as_bool).unwrap_or_default();
    let (name, stands) = match event_type {
        "ApprovalRequired" => ("credential_requested", "pending_approval"),
        "SessionCreated" => ("credential_requested", "approved"),
        "CredentialsIssued" => ("credential_issued", "issued"),
        "CredentialsFailed" => ("credential_failed", "failed"),
        "RequestDenied" => ("credential_denied", "denied"),
        "ApprovalVoted" if !is("approve") => ("approval_denied", "denied"),
        "ApprovalVoted" => match fields.get("state").and_then(Value::as_str) {
            Some("approved") => ("approval_granted", "approved"),
            _ => ("approval_granted", "pending_approval"),
        },
        "ApprovalLapsed" => ("approval_lapsed", "expired"),
        "ApprovalReopened" => ("approval_reopened", "pending_approval"),
        "ApprovalWithdrawn" => ("approval_withdrawn", "withdrawn"),
        "SessionRevoked" => ("credential_revoked", "revoked"),
        other => return (snake(other), status.map(|status| snake(&status))),
    };
    (name.to_owned(), Some(stands.to_owned()))
}

/// Returns what events are called: those of the broker, and those of logins.
pub(super) fn event_types() -> &'static BTreeSet<String> {
    static TYPES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let names = BrokerEvent::ALL_NAMES.iter().chain(AuthEvent::ALL_NAMES);
        // A vote is called by what it says.
        let votes = [true, false].map(|approve| Map::from_iter([("approve".to_owned(), approve.into())]));
        names.flat_map(|name| votes.iter().map(|fields| named(name, fields, None).0)).collect()
    });
    &TYPES
}

/// Returns the types under which events of a name are recorded, where they can be told; else all have to be looked at.
pub(super) fn recorded_as(name: &str) -> Option<String> {
    let of_broker = match name {
        "credential_issued" => "CredentialsIssued",
        "credential_failed" => "CredentialsFailed",
        "credential_denied" => "RequestDenied",
        "approval_granted" | "approval_denied" => "ApprovalVoted",
        "approval_lapsed" => "ApprovalLapsed",
        "credential_revoked" => "SessionRevoked",
        "credential_requested" => return None,
        _ => return Some(pascal(name)),
    };
    Some(of_broker.to_owned())
}

fn ttl(seconds: u32) -> Option<String> {
    let ttl: Ttl = format!("{seconds}s").parse().ok()?;
    Some(ttl.to_string())
}

fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (at, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && at > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn pascal(name: &str) -> String {
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.split('_').map(capitalised).collect()
}

fn zulu<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&written(*at))
}

pub(super) fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Returns the id by which an event is told from another one.
pub(super) fn place(record: &AuditRecord) -> (DateTime<Utc>, EventId) {
    (record.occurred_at(), record.event_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_called_something_and_found_by_it() {
        let types = event_types();
        for name in
            ["credential_requested", "approval_granted", "approval_denied", "login_failed", "administered"]
        {
            assert!(types.contains(name), "{name}");
        }
        assert!(!types.contains("approval_voted") && !types.contains("session_created"));
        for name in BrokerEvent::ALL_NAMES.iter().chain(AuthEvent::ALL_NAMES) {
            let (called, _) = named(name, &Map::new(), None);
            let recorded = recorded_as(&called);
            assert!(recorded.is_none_or(|recorded| recorded == *name), "{called}");
        }
    }

    #[test]
    fn names_are_spelled_back() {
        for name in ["LoginSucceeded", "SessionEnded", "BudgetWarning", "Administered"] {
            assert_eq!(recorded_as(&snake(name)).unwrap(), name);
        }
        assert_eq!(snake("BudgetExceeded"), "budget_exceeded");
        assert_eq!(recorded_as("credential_requested"), None);
        assert_eq!(recorded_as(""), Some(String::new()));
    }
}
