//! A store with its evidence.

use crate::store::place::{
    Backend, Place, administered, beginning, issued, new_database, now, operator, record,
};
use audex_core::{
    Requester,
    audit::BrokerEvent,
    session::{Beginning, Delivery, EntryPoint, SessionRecord, SessionStatus, SessionStore},
};
use audex_policy::Provider;
use audex_server::{
    evidence::{AuditEntry, AuditQuery, Evidence},
    model::{Person, PersonKind},
    settings::AuditBackend,
};
use axess::{
    UserId,
    audit::{
        AuthEvent, AuthEventEnvelope,
        account::PasswordChanged,
        chain::{AuditKeys, VerifyOptions, verify_folder},
    },
    identity::{EventId, TenantId},
    rng::{MockRng, SystemRng},
};
use axess_peers::{Kind, shared, skip};
use chrono::{DateTime, TimeDelta, Utc};
use std::{sync::Arc, time::Duration};

/// Where events are searched in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Searched {
    Jsonl,
    Sqlite,
    Postgres,
}

pub(crate) struct Ledger {
    pub(crate) place: Place,
    pub(crate) evidence: Evidence,
    pub(crate) alice: Person,
}

pub(crate) fn keys() -> AuditKeys {
    AuditKeys::generate(&MockRng::new(7))
}

impl Ledger {
    pub(crate) async fn new(searched: Searched, test: &str) -> Option<Self> {
        Self::kept_for(None, searched, test).await
    }

    /// Makes one whose events are kept for so many days.
    pub(crate) async fn kept_for(days: Option<u32>, searched: Searched, test: &str) -> Option<Self> {
        let mut place = Place::new(Backend::Sqlite, test).await.unwrap();
        place.settings.audit.backend = match searched {
            Searched::Jsonl => AuditBackend::Jsonl,
            Searched::Sqlite => AuditBackend::Sqlite { path: place.folder.path().join("deep/audit.db") },
            Searched::Postgres => {
                let Some(url) = shared(Kind::Postgres).and_then(|urls| urls.into_iter().next()) else {
                    skip(test, "no PostgreSQL: run `cargo xtask test`");
                    return None;
                };
                AuditBackend::Postgres { connection_string: new_database(&url).await }
            }
        };
        place.settings.audit.retention_days = days;
        Some(Self::on(place).await)
    }

    pub(crate) async fn on(place: Place) -> Self {
        let evidence = open(&place).await;
        let alice = Person {
            user_id: UserId::generate(now(), &SystemRng),
            email: "alice@example.com".to_owned(),
            display_name: "Alice".to_owned(),
            kind: PersonKind::Human,
            groups: vec![],
            provider_groups: Vec::new(),
            roles: vec![],
            is_disabled: false,
            created_at: now(),
        };
        place.store.insert_person(&operator(), &alice, administered("person.invited")).await.unwrap();
        Self { place, evidence, alice }
    }

    /// Has a login's event recorded, as axess does.
    pub(crate) async fn login(&self, at: DateTime<Utc>) {
        let event = AuthEvent::from(PasswordChanged { user_id: self.alice.user_id });
        let mut envelope = AuthEventEnvelope::new(EventId::generate(at, &SystemRng), at, event);
        envelope.tenant_id = Some(TenantId::from_parts(1, [1; 10]));
        self.evidence.sink().record(envelope).await.unwrap();
    }

    /// Has a session begun with everything that is recorded of one.
    pub(crate) async fn session(&self, who: &str, at: DateTime<Utc>) -> SessionRecord {
        let record = record(who, at);
        let events = vec![created(&record), issued(&record)];
        let begin = Beginning { events, ..beginning(&record, &[], None) };
        self.place.clock.set(at);
        self.place.store.begin(begin).await.unwrap();
        record
    }

    pub(crate) async fn note(&self, who: &Requester, at: DateTime<Utc>, event: BrokerEvent) {
        self.place.clock.set(at);
        self.place.store.note(who, event).await.unwrap();
    }

    /// Finds everything that is looked for, page by page.
    pub(crate) async fn all(&self, query: &AuditQuery) -> Vec<AuditEntry> {
        let (mut found, mut query) = (Vec::new(), query.clone());
        loop {
            let page = self.evidence.search(&query).await.unwrap();
            found.extend(page.items);
            query.after = page.next;
            if query.after.is_none() {
                return found;
            }
        }
    }
}

pub(crate) async fn open(place: &Place) -> Evidence {
    let (clock, rng) = (place.clock.clone(), Arc::new(SystemRng));
    Evidence::open(&place.settings, &place.store, keys(), clock, rng).await.unwrap()
}

/// Checks the log as `tryaudex audit verify` does.
pub(crate) async fn verified(ledger: Ledger) -> Place {
    let Ledger { place, evidence, .. } = ledger;
    evidence.close(Duration::from_secs(20)).await.unwrap();
    let folder = place.settings.audit_folder();
    let keys = keys();
    let options = VerifyOptions {
        keys: vec![keys.signing.public_key()],
        macs: vec![keys.mac],
        ..VerifyOptions::default()
    };
    let report = verify_folder(&folder, &options).unwrap();
    assert!(report.is_whole() && report.unattested() == 0 && report.entries > 0, "{report:?}");
    place
}

pub(crate) fn created(record: &SessionRecord) -> BrokerEvent {
    BrokerEvent::SessionCreated {
        session_id: record.session_id,
        entry_point: EntryPoint::Server,
        provider: Provider::Local,
        role_arn: None,
        ttl_seconds: 900,
        asked: "orders:Read".to_owned(),
        actions: vec!["orders:Read".to_owned()],
        denied: vec![],
        command: vec![],
        delivery: Delivery::Response,
        deadline: record.deadline,
        policy: "{}".to_owned(),
        budget_usd: None,
        approvers: vec![],
    }
}

pub(crate) fn ended(record: &SessionRecord) -> BrokerEvent {
    BrokerEvent::SessionEnded {
        session_id: record.session_id,
        status: SessionStatus::BudgetExceeded,
        duration_ms: 1,
        exit_code: None,
        signal: None,
        reason: None,
    }
}

pub(crate) fn at(minute: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(minute)
}

/// Runs one test body on each backend.
macro_rules! on_each {
    ($name:ident, $body:expr) => {
        mod $name {
            use super::*;
            use crate::evidence::ledger::{Ledger, Searched};

            async fn on(searched: Searched) {
                let test = concat!(module_path!(), "::", stringify!($name));
                let Some(ledger) = Ledger::new(searched, test).await else { return };
                let _folder = std::sync::Arc::clone(&ledger.place.folder);
                let body: fn(Ledger) -> _ = $body;
                body(ledger).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn jsonl() {
                on(Searched::Jsonl).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                on(Searched::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                on(Searched::Postgres).await;
            }
        }
    };
}
pub(crate) use on_each;
