//! One event, for a person to read.

use crate::{commands::sessions::time, output::shortened};
use audex_core::{Fate, audit::BrokerEvent};
use axess_audit::{AuditRecord, chain::Entry};
use axess_events::Actor;
use serde_json::Value;

/// Reads the event of a line; none when the line is no entry of a log.
pub(super) fn of_line(line: &[u8]) -> Option<AuditRecord> {
    let entry = Entry::parse(line).ok()?;
    AuditRecord::from_event(entry.event().to_vec().into()).ok()
}

/// Returns what happened, in the broker's own terms; none for an event of the log itself.
pub(super) fn broker_event(record: &AuditRecord) -> Option<BrokerEvent> {
    serde_json::from_slice(&record.event).ok()
}

/// Returns the event as its JSON.
pub(super) fn json(record: &AuditRecord) -> Value {
    serde_json::from_slice(&record.event).unwrap_or(Value::Null)
}

/// Returns the cells of a table: when, what, of which session, by whom, details.
pub(super) fn cells(record: &AuditRecord) -> [String; 5] {
    let event = broker_event(record);
    let session = event.as_ref().and_then(BrokerEvent::session_id).map_or(String::new(), |id| id.short());
    let who = match &record.envelope.actor {
        Some(Actor::Operator(name)) => name.as_str().to_owned(),
        Some(Actor::User(id)) => id.to_string(),
        Some(Actor::Workload(id)) => id.to_string(),
        Some(Actor::System) | None => "-".to_owned(),
    };
    let details = match &event {
        Some(event) => details(event),
        None => Value::Object(record.envelope.payload.fields.clone()).to_string(),
    };
    [time(record.occurred_at()), record.envelope.payload.event_type.clone(), session, who, details]
}

fn details(event: &BrokerEvent) -> String {
    let reason =
        |reason: &Option<String>| reason.as_deref().map_or(String::new(), |reason| format!(": {reason}"));
    match event {
        BrokerEvent::SessionCreated { provider, actions, ttl_seconds, command, .. } => {
            let command =
                if command.is_empty() { String::new() } else { format!(" for {}", command.join(" ")) };
            format!("{provider} {} for {ttl_seconds}s{command}", shortened(&actions.join(","), 60))
        }
        BrokerEvent::CredentialsIssued { access_key_id, expires_at, refreshed, .. } => {
            let what = if *refreshed { "another one, " } else { "" };
            format!("{what}{access_key_id} until {}", time(*expires_at))
        }
        BrokerEvent::CredentialsRequested { lifetime_seconds, .. } => {
            format!("another one for {lifetime_seconds}s")
        }
        BrokerEvent::CredentialsFailed { reason, access_key_id: Some(id), .. } => {
            format!("{id} is not handed over: {reason}")
        }
        BrokerEvent::CredentialsFailed { reason, .. } => reason.clone(),
        BrokerEvent::RequestDenied { provider, asked, reason, .. } => {
            format!("{provider} {}: {reason}", shortened(asked, 60))
        }
        BrokerEvent::ApprovalRequired { provider, asked, rules, required, .. } => {
            format!("{provider} {}: {required} have to agree ({})", shortened(asked, 60), rules.join(", "))
        }
        BrokerEvent::ApprovalVoted { requester, role, approve, comment, .. } => {
            let verdict = if *approve { "agreed to" } else { "refused" };
            format!("{role} {verdict} the request of {requester}: {comment}")
        }
        BrokerEvent::ApprovalLapsed { reason, .. } => reason.clone(),
        BrokerEvent::ApprovalReopened { required, roles, .. } => {
            format!("it waits again: {required} have to agree now ({})", roles.join(", "))
        }
        BrokerEvent::ApprovalWithdrawn { reason, .. } => {
            reason.clone().unwrap_or_else(|| "whoever asked took it back".to_owned())
        }
        BrokerEvent::Administered { action, subject, detail, .. } => {
            let detail = detail.as_deref().map_or(String::new(), |detail| format!(": {detail}"));
            format!("{action} {subject}{detail}")
        }
        BrokerEvent::SessionEnded { status, duration_ms, exit_code, signal, reason: why, .. } => {
            let code = exit_code.map_or(String::new(), |code| format!(" with {code}"));
            let signal = signal.map_or(String::new(), |signal| format!(" by signal {signal}"));
            format!("{status}{code}{signal} after {}s{}", duration_ms / 1_000, reason(why))
        }
        BrokerEvent::SessionRevoked { reason: why, fates, .. } if fates.is_empty() => {
            format!("it is over{}", reason(why))
        }
        BrokerEvent::SessionRevoked { reason: why, fates, .. }
        | BrokerEvent::RevocationAnswered { reason: why, fates, .. } => {
            let alive = fates.iter().filter(|(_, fate)| matches!(fate, Fate::AliveUntil { .. })).count();
            format!("{} credentials, {alive} of them work on{}", fates.len(), reason(why))
        }
        BrokerEvent::BudgetWarning { spent_usd, limit_usd, .. }
        | BrokerEvent::BudgetExceeded { spent_usd, limit_usd, .. } => {
            format!("{spent_usd} of {limit_usd} USD")
        }
    }
}
