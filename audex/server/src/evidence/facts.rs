//! What happened, counted for a report of a period.

use super::{AuditEntry, AuditQuery, Evidence, EvidenceError, blocking, scan::Forward, search::Reader};
use crate::{settings::WorkloadIssuer, store::StoreFault};
use audex_core::budget::Dollars;
use audex_report::{Chain, Decision, Fact, Head, Period, Tally, What};
use axess::{
    audit::{AuditRecord, chain::Entry},
    store::AuditScope,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many people's teams are remembered.
const MAX_PEOPLE: usize = 10_000;

/// The most chains whose heads are noted: one is the server's, one that of its people.
const MAX_CHAINS: usize = 100;

/// Whose turn it is to make a report.
pub(super) struct Turns(Arc<Semaphore>);

/// What is counted, and what for: it goes to where nothing is blocked, and comes back.
struct Count {
    tally: Tally,
    heads: BTreeMap<String, (u64, [u8; 32])>,
    teams: HashMap<String, Vec<String>>,
}

impl Evidence {
    /// Takes the turn to make a report: one is made at a time.
    pub fn report_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.reports.0).try_acquire_owned().ok()
    }

    /// Counts what happened in a period; a page of the log is held at a time.
    ///
    /// Returns also where the log stood: the head of each chain, as far as it was read.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`].
    pub async fn tally(
        &self,
        period: Period,
        issuers: &[WorkloadIssuer],
    ) -> Result<(Tally, Head), EvidenceError> {
        let reader = &self.reader;
        reader.settle().await;
        let now = reader.clock.now();
        let query =
            AuditQuery { since: Some(period.from), until: Some(period.to.min(now)), ..AuditQuery::default() };
        let mut source = match reader.copy.clone() {
            Some(copy) => Forward::Copy { copy, after: None },
            None => Forward::over_log(reader.log.clone(), query.since).await?,
        };
        let teams = HashMap::new();
        let mut count = Count { tally: Tally::new(period), heads: BTreeMap::new(), teams };
        while let Some(records) = source.next(&query).await? {
            let entries = reader.names.entries(&reader.store, &records).await?;
            count.learn_teams(reader, &entries, issuers).await.map_err(EvidenceError::Database)?;
            count = blocking(move || {
                count.add(&records, &entries);
                Ok(count)
            })
            .await?;
        }
        // The copy may be of several logs, one after the other.
        let log = reader.copy.is_none().then(|| reader.log.id().to_string());
        let chains = count.heads.into_iter().map(|(chain, (sequence, hash))| Chain {
            chain,
            sequence,
            hash: URL_SAFE_NO_PAD.encode(hash),
        });
        let head = Head { log, chains: chains.collect() };
        Ok((count.tally, head))
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Count {
    /// Finds out in which teams those are who did something, unless that is known.
    async fn learn_teams(
        &mut self,
        reader: &Reader,
        entries: &[AuditEntry],
        issuers: &[WorkloadIssuer],
    ) -> Result<(), StoreFault> {
        if self.teams.len() >= MAX_PEOPLE {
            self.teams.clear();
        }
        for entry in entries {
            if self.teams.contains_key(&entry.user) {
                continue;
            }
            let teams = match entry.user.split_once('#') {
                Some((issuer, _)) => of_issuer(issuers, issuer),
                None if entry.user.contains('@') => {
                    let person = reader.store.person_by_email(&entry.user).await?;
                    person.map(|person| person.groups).unwrap_or_default()
                }
                None => Vec::new(),
            };
            self.teams.insert(entry.user.clone(), teams);
        }
        Ok(())
    }

    fn add(&mut self, records: &[AuditRecord], entries: &[AuditEntry]) {
        for (record, entry) in records.iter().zip(entries) {
            let line = record.line.as_ref().and_then(|line| Entry::parse(line).ok());
            if let Some(line) = line.filter(|_| self.heads.len() < MAX_CHAINS) {
                let (name, link) = (name_of(line.scope()), line.link());
                let head = self.heads.entry(name).or_default();
                if link.seq >= head.0 {
                    *head = (link.seq, link.hash);
                }
            }
            let teams = self.teams.get(&entry.user).map(Vec::as_slice).unwrap_or_default();
            self.tally.add(&fact(record, entry, teams));
        }
    }
}

/// Returns the groups of an issuer's workloads, unless several entries of the settings disagree about them.
fn of_issuer(issuers: &[WorkloadIssuer], name: &str) -> Vec<String> {
    let mut groups = issuers.iter().filter(|issuer| issuer.issuer == name).map(|issuer| &issuer.groups);
    match (groups.next(), groups.next()) {
        (Some(groups), None) => groups.clone(),
        _ => Vec::new(),
    }
}

/// Returns the name of a chain, as the log writes it.
fn name_of(scope: AuditScope) -> String {
    match scope {
        AuditScope::System => "system".to_owned(),
        AuditScope::Tenant(id) => id.to_string(),
    }
}

/// Reads what a report is about in an event.
fn fact<'a>(record: &'a AuditRecord, entry: &'a AuditEntry, teams: &'a [String]) -> Fact<'a> {
    let payload = &record.envelope.payload;
    let session = entry.session_id.as_ref().and_then(|id| id.parse::<uuid::Uuid>().ok());
    Fact {
        at: entry.timestamp,
        who: &entry.user,
        teams,
        session: session.map(|id| id.as_u128()),
        what: what(&payload.event_type, &payload.fields, &entry.user),
    }
}

/// Counts the credentials that a revocation did not end.
fn still_work(fates: &[Value]) -> u32 {
    let works_on = |fate: &&Value| fate.pointer("/1/fate").and_then(Value::as_str) == Some("alive_until");
    u32::try_from(fates.iter().filter(works_on).count()).unwrap_or(u32::MAX)
}

fn what<'a>(event_type: &str, fields: &'a Map<String, Value>, who: &str) -> What<'a> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let number = |name: &str| fields.get(name).and_then(Value::as_u64).unwrap_or_default();
    let small = |name: &str| u32::try_from(number(name)).unwrap_or(u32::MAX);
    let is = |name: &str| fields.get(name).and_then(Value::as_bool).unwrap_or_default();
    let cents = |name: &str| text(name).and_then(|text| text.parse::<Dollars>().ok()).map(Dollars::cents);
    let list = |name: &str| fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let provider = text("provider").unwrap_or_default();
    match event_type {
        "ApprovalRequired" => What::ApprovalAsked { provider, required: small("required") },
        "ApprovalVoted" => What::Voted {
            approve: is("approve"),
            role: text("role").unwrap_or_default(),
            is_signed: text("signature").is_some(),
            decision: match text("state") {
                Some("approved") => Decision::Granted,
                Some("denied") => Decision::Denied,
                _ => Decision::Open,
            },
        },
        "ApprovalWithdrawn" => What::Withdrawn,
        "ApprovalLapsed" => What::Lapsed,
        "SessionCreated" => What::Begun {
            provider,
            role: text("role_arn"),
            ttl_seconds: small("ttl_seconds"),
            budget_cents: cents("budget_usd"),
            approvers: u32::try_from(list("approvers").len()).unwrap_or(u32::MAX),
            is_own: list("approvers").iter().any(|approver| approver.as_str() == Some(who)),
        },
        "CredentialsIssued" => What::Issued { is_refresh: is("refreshed") },
        "CredentialsFailed" => What::IssueFailed,
        "RequestDenied" => What::Denied { provider, reason: text("reason").unwrap_or_default() },
        "SessionEnded" => {
            What::Ended { status: text("status").unwrap_or_default(), seconds: number("duration_ms") / 1_000 }
        }
        "SessionRevoked" => What::Revoked { still_work: still_work(list("fates")) },
        "RevocationAnswered" => What::RevocationAnswered { still_work: still_work(list("fates")) },
        "BudgetWarning" => What::BudgetWarned,
        "BudgetExceeded" => What::BudgetExceeded {
            spent_cents: cents("spent_usd").unwrap_or_default(),
            limit_cents: cents("limit_usd").unwrap_or_default(),
        },
        "LoginCompleted" => What::LoggedIn,
        "LoginFailed" => What::LoginFailed { reason: text("failure_reason").unwrap_or_default() },
        "Administered" => What::Administered { action: text("action").unwrap_or_default() },
        _ => What::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use audex_core::{
        Fate,
        approval::ApprovalState,
        audit::BrokerEvent,
        session::{Delivery, EntryPoint, SessionId, SessionStatus},
    };
    use axess::rng::MockRng;
    use chrono::DateTime;

    fn read(event: &BrokerEvent, check: impl FnOnce(What<'_>) -> bool) {
        let Value::Object(mut fields) = serde_json::to_value(event).unwrap() else { panic!("an object") };
        let event_type = fields.remove("event_type").unwrap();
        let what = what(event_type.as_str().unwrap(), &fields, "alice@example.com");
        assert!(check(what), "{what:?}");
    }

    const PROVIDER: audex_policy::Provider = audex_policy::Provider::Aws;

    #[test]
    fn sessions_are_read_as_they_are_written() {
        let session_id = SessionId::generate(&MockRng::new(1));
        let created = BrokerEvent::SessionCreated {
            session_id,
            entry_point: EntryPoint::Server,
            provider: PROVIDER,
            role_arn: Some("arn:aws:iam::1:role/r".to_owned()),
            ttl_seconds: 900,
            asked: String::new(),
            actions: vec![],
            denied: vec![],
            command: vec![],
            delivery: Delivery::Response,
            deadline: DateTime::UNIX_EPOCH,
            policy: String::new(),
            budget_usd: Some(Dollars::from_cents(1_250)),
            approvers: vec!["bob@example.com".to_owned(), "alice@example.com".to_owned()],
        };
        read(&created, |what| {
            matches!(
                what,
                What::Begun {
                    provider: "aws",
                    role: Some("arn:aws:iam::1:role/r"),
                    ttl_seconds: 900,
                    budget_cents: Some(1_250),
                    approvers: 2,
                    is_own: true,
                }
            )
        });
        let fates = vec![
            ("a".to_owned(), Fate::Dead),
            ("b".to_owned(), Fate::AliveUntil { until: DateTime::UNIX_EPOCH, why: String::new() }),
        ];
        let revoked = BrokerEvent::SessionRevoked { session_id, reason: None, fates: fates.clone() };
        read(&revoked, |what| matches!(what, What::Revoked { still_work: 1 }));
        let answered = BrokerEvent::RevocationAnswered { session_id, reason: None, fates };
        read(&answered, |what| matches!(what, What::RevocationAnswered { still_work: 1 }));
        let ended = BrokerEvent::SessionEnded {
            session_id,
            status: SessionStatus::Expired,
            duration_ms: 900_999,
            exit_code: None,
            signal: None,
            reason: None,
        };
        read(&ended, |what| matches!(what, What::Ended { status: "Expired", seconds: 900 }));
    }

    #[test]
    fn decisions_are_read_as_they_are_written() {
        let session_id = SessionId::generate(&MockRng::new(1));
        let voted = |approve, state, signature| BrokerEvent::ApprovalVoted {
            session_id,
            requester: String::new(),
            role: "security".to_owned(),
            approve,
            comment: String::new(),
            digest: String::new(),
            signature,
            state,
        };
        let signed = voted(true, ApprovalState::Approved, Some("jws".to_owned()));
        read(&signed, |what| {
            matches!(what, What::Voted { approve: true, is_signed: true, decision: Decision::Granted, .. })
        });
        read(&voted(true, ApprovalState::Pending, None), |what| {
            matches!(what, What::Voted { is_signed: false, decision: Decision::Open, role: "security", .. })
        });
        read(&voted(false, ApprovalState::Denied, None), |what| {
            matches!(what, What::Voted { approve: false, decision: Decision::Denied, .. })
        });
        let (spent_usd, limit_usd) = (Dollars::from_cents(600), Dollars::from_cents(500));
        let exceeded = BrokerEvent::BudgetExceeded { session_id, spent_usd, limit_usd };
        read(&exceeded, |what| matches!(what, What::BudgetExceeded { spent_cents: 600, limit_cents: 500 }));
        let denied = BrokerEvent::RequestDenied {
            session_id,
            entry_point: EntryPoint::Server,
            provider: PROVIDER,
            asked: String::new(),
            reason: "denied".to_owned(),
        };
        read(&denied, |what| matches!(what, What::Denied { provider: "aws", reason: "denied" }));
        read(&BrokerEvent::ApprovalWithdrawn { session_id, reason: None }, |what| {
            matches!(what, What::Withdrawn)
        });
    }
}
