//! A fresh, empty database for one test.

use audex_core::{
    Credential, Requester, Revocation,
    approval::{Approval, Vote},
    audit::BrokerEvent,
    rate::RateRule,
    session::{Beginning, Change, CredentialRecord, Ending, SessionId, SessionRecord, SessionStatus, Step},
};
use audex_policy::Provider;
use audex_server::{
    handover::HandoverSeal,
    model::{Ask, PendingRequest},
    settings::ServerSettings,
    store::Store,
};
use axess::{
    clock::{Clock, MockClock, SystemClock},
    rng::{SystemRng, random_array},
    store::{AuditOutbox, OutboxEntry},
};
use axess_peers::{Kind, shared, skip};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use tempfile::TempDir;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// A store of the calling test alone.
pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) clock: Arc<MockClock>,
    pub(crate) settings: ServerSettings,
    /// Gone with the last of those that hold it.
    pub(crate) folder: Arc<TempDir>,
}

const RECORD: &str = r#"{"schema_version":1,"session_id":"ID","status":"Active",
"requester":{"kind":"principal","email":"WHO","groups":["team:devops"]},
"entry_point":"server","provider":"local","asked":"orders:Read","grant":{"provider":"local","allow":["orders:Read"],"deny":[]},
"delivery":"response","ttl":"15m","created_at":"2026-01-01T00:00:00Z","deadline":"2026-01-01T00:15:00Z"}"#;

impl Place {
    /// Makes one; `None`, and the test counts as skipped, where there is no server for it.
    pub(crate) async fn new(backend: Backend, test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = ServerSettings::new(folder.path());
        if backend == Backend::Postgres {
            let Some(url) = shared(Kind::Postgres).and_then(|urls| urls.into_iter().next()) else {
                skip(test, "no PostgreSQL: run `cargo xtask test`");
                return None;
            };
            settings.database = Some(new_database(&url).await);
        }
        Some(Self::on(folder, settings).await)
    }

    pub(crate) async fn on(folder: TempDir, settings: ServerSettings) -> Self {
        let clock = Arc::new(MockClock::new(now()));
        let store = open(&settings, clock.clone()).await;
        Self { store, clock, settings, folder: Arc::new(folder) }
    }

    /// Opens the same database once more, as another server does.
    pub(crate) async fn other(&self) -> Store {
        open(&self.settings, self.clock.clone()).await
    }

    /// Returns the events that wait, oldest first, as JSON.
    pub(crate) async fn events(&self) -> Vec<serde_json::Value> {
        let outbox = axess::backends::sqlite::AuditOutbox::new(self.store.db().clone());
        let entries: Vec<OutboxEntry> = AuditOutbox::peek(&outbox, 1_000).await.unwrap();
        entries.iter().map(|entry| serde_json::from_slice(&entry.record.body).unwrap()).collect()
    }

    /// Returns what happened, oldest first.
    pub(crate) async fn types(&self) -> Vec<String> {
        let events = self.events().await;
        events.iter().map(|event| event["event_type"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) async fn open(settings: &ServerSettings, clock: Arc<dyn Clock>) -> Store {
    let seal = HandoverSeal::new([7; 32], Arc::new(SystemRng)).unwrap();
    Store::open(settings, seal, clock, Arc::new(SystemRng)).await.unwrap()
}

/// Opens a database that real time goes by for.
pub(crate) async fn open_now(settings: &ServerSettings) -> Store {
    open(settings, Arc::new(SystemClock)).await
}

/// Makes a database on a server.
pub(crate) async fn new_database(server: &str) -> String {
    let name = format!("t{:016x}", u64::from_le_bytes(random_array(&SystemRng)));
    let pool = sqlx::PgPool::connect(server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    let (head, _) = server.rsplit_once('/').unwrap();
    format!("{head}/{name}")
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

pub(crate) fn new_id() -> SessionId {
    SessionId::generate(&SystemRng)
}

pub(crate) fn who(name: &str) -> Requester {
    Requester::Principal { email: name.to_owned(), groups: vec!["team:devops".to_owned()] }
}

pub(crate) fn operator() -> Requester {
    Requester::LocalUser { uid: 0, name: None }
}

pub(crate) fn administered(action: &str) -> BrokerEvent {
    BrokerEvent::Administered { action: action.to_owned(), subject: "it".to_owned(), detail: None }
}

/// Returns a session of somebody that begins at a time.
pub(crate) fn record(who: &str, at: DateTime<Utc>) -> SessionRecord {
    let text = RECORD.replace("ID", &new_id().to_string()).replace("WHO", who);
    let record: SessionRecord = serde_json::from_str(&text).unwrap();
    SessionRecord { created_at: at, deadline: at + TimeDelta::minutes(15), ..record }
}

pub(crate) fn issued(record: &SessionRecord) -> BrokerEvent {
    BrokerEvent::CredentialsIssued {
        session_id: record.session_id,
        access_key_id: "jti".to_owned(),
        expires_at: record.deadline,
        account: None,
        subject: None,
        refreshed: false,
    }
}

/// Returns the step by which a session gets a credential.
pub(crate) fn minted(record: &SessionRecord, id: &str) -> Step {
    let credential =
        CredentialRecord { id: id.to_owned(), issued_at: now(), expires_at: record.deadline, fate: None };
    Step::Minted { credential, event: issued(record) }
}

/// Returns the step by which a session ends.
pub(crate) fn ended(status: SessionStatus) -> Step {
    let (ending, retired) = (Ending::default(), Revocation::default());
    Step::Ended { status, ending, retired, revoked_by: None, gives_back: false }
}

pub(crate) fn change(step: Step) -> Change<'static> {
    Change { step, now: now(), credential: None }
}

pub(crate) fn credential(at: DateTime<Utc>) -> Credential {
    Credential::new(Provider::Local, "jti", at).with_part("AUDEX_TOKEN", "secret-of-it".into())
}

/// Begins a session that nothing was approved for.
pub(crate) fn beginning<'a>(
    record: &'a SessionRecord,
    rates: &'a [RateRule],
    credential: Option<&'a Credential>,
) -> Beginning<'a> {
    let events = vec![issued(record)];
    Beginning { record, events, rates, approved: None, credential, now: record.created_at }
}

pub(crate) fn rule(identity: &str, max_requests: u32, max_concurrent: Option<u32>) -> RateRule {
    RateRule { identity: identity.to_owned(), max_requests, window: TimeDelta::hours(1), max_concurrent }
}

/// Returns a request of somebody that waits for one vote.
pub(crate) fn pending(who: &str, at: DateTime<Utc>) -> PendingRequest {
    let roles = vec!["security".to_owned()];
    PendingRequest {
        session_id: new_id(),
        requester: self::who(who),
        asked_by: None,
        ask: Ask {
            allow: "orders:Read".to_owned(),
            ttl: Some("15m".to_owned()),
            ..Ask::new(Provider::Local)
        },
        target: None,
        ttl: None,
        rules: vec!["*".to_owned()],
        document: "{}".to_owned(),
        approval: Approval::new([3; 32], who, 1, roles, at + TimeDelta::hours(1)),
        callback: None,
        created_at: at,
    }
}

pub(crate) fn vote(approver: &str, at: DateTime<Utc>) -> Vote {
    Vote {
        approver: approver.to_owned(),
        role: "security".to_owned(),
        approve: true,
        comment: "because".to_owned(),
        at,
        signature: None,
    }
}

/// Runs one test body on each database: `on_both!(name, |place| async move { ... });`.
macro_rules! on_both {
    ($name:ident, $body:expr) => {
        mod $name {
            use super::*;
            use crate::store::place::{Backend, Place};

            async fn on(backend: Backend) {
                let test = concat!(module_path!(), "::", stringify!($name));
                let Some(place) = Place::new(backend, test).await else { return };
                let _folder = std::sync::Arc::clone(&place.folder);
                let body: fn(Place) -> _ = $body;
                body(place).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                on(Backend::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                on(Backend::Postgres).await;
            }
        }
    };
}
pub(crate) use on_both;
