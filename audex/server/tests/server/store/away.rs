//! The database goes away, and comes back.

#![expect(clippy::disallowed_methods, reason = "how long it really takes is what is looked at")]

use super::place::*;
use audex_core::session::{SessionRecord, SessionStore};
use audex_server::{
    settings::ServerSettings,
    store::{Store, StoreFault},
};
use axess_peers::{Kind, Server, skip};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How long a call may take.
const BOUND: Duration = Duration::from_secs(30);

async fn begin_until_it_fails(store: Store, done: Arc<Mutex<Vec<SessionRecord>>>) -> Duration {
    loop {
        let record = record("alice@example.com", now());
        let asked = Instant::now();
        match store.begin(beginning(&record, &[], None)).await {
            Ok(_) => done.lock().unwrap().push(record),
            Err(error) => {
                let audex_core::IssueError::Store(source) = &error else { panic!("{error:?}") };
                let fault = source.downcast_ref::<StoreFault>();
                assert!(matches!(fault, Some(StoreFault::Unavailable(_))), "{error:?}");
                return asked.elapsed();
            }
        }
    }
}

async fn is_back(store: &Store) {
    let back = async {
        while store.probe().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), back).await.expect("it works again by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_is_killed_and_started_again_loses_nothing_that_was_said_to_be_done() {
    if let Some(reason) = Kind::Postgres.missing() {
        return skip("store::away: killed PostgreSQL", &reason);
    }
    let mut server = Server::start_durable(Kind::Postgres).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut settings = ServerSettings::new(folder.path());
    settings.database = Some(server.url());
    let place = Place::on(folder, settings).await;
    let done = Arc::new(Mutex::new(Vec::new()));
    for round in 1..=2 {
        let began = |_| tokio::spawn(begin_until_it_fails(place.store.clone(), Arc::clone(&done)));
        let running: Vec<_> = (0..8).map(began).collect();
        let begun = async {
            while done.lock().unwrap().len() <= 10 * round {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(BOUND, begun).await.expect("sessions are begun");
        server.kill().unwrap();
        for one in running {
            assert!(one.await.unwrap() < BOUND);
        }
        // Longer than a write counts that succeeded.
        place.clock.advance(Duration::from_secs(2));
        assert!(matches!(place.store.probe().await, Err(StoreFault::Unavailable(_))));
        server.restart().unwrap();
        is_back(&place.store).await;
        place.store.begin(beginning(&record("alice@example.com", now()), &[], None)).await.unwrap();
    }
    let done = std::mem::take(&mut *done.lock().unwrap());
    assert!(done.len() > 20, "{}", done.len());
    for record in &done {
        assert_eq!(place.store.session(record.session_id).await.unwrap().as_ref(), Some(record));
    }
    // As many events as sessions: none is without the other.
    let pool = sqlx::PgPool::connect(&server.url()).await.unwrap();
    let counts = "SELECT (SELECT COUNT(*) FROM audex_sessions), (SELECT COUNT(*) FROM axess_audit_outbox)";
    let (sessions, events): (i64, i64) = sqlx::query_as(counts).fetch_one(&pool).await.unwrap();
    assert_eq!(sessions, events);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_does_not_answer_is_given_up_in_time() {
    if let Some(reason) = Kind::Postgres.missing() {
        return skip("store::away: stopped PostgreSQL", &reason);
    }
    let mut server = Server::start_durable(Kind::Postgres).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut settings = ServerSettings::new(folder.path());
    settings.database = Some(server.url());
    let place = Place::on(folder, settings).await;
    server.pause();
    let done = Arc::new(Mutex::new(Vec::new()));
    let running: Vec<_> =
        (0..4).map(|_| tokio::spawn(begin_until_it_fails(place.store.clone(), Arc::clone(&done)))).collect();
    let asked = Instant::now();
    assert!(matches!(place.store.probe().await, Err(StoreFault::Unavailable(_))));
    assert!(asked.elapsed() < BOUND);
    for one in running {
        assert!(one.await.unwrap() < BOUND);
    }
    assert!(done.lock().unwrap().is_empty());
    server.resume();
    is_back(&place.store).await;
    place.store.begin(beginning(&record("alice@example.com", now()), &[], None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_write_into_a_sqlite_file_is_told_in_time_and_goes_on_later() {
    let place = Place::new(Backend::Sqlite, "").await.unwrap();
    let url = place.settings.database_url();
    let other = sqlx::SqlitePool::connect(&url).await.unwrap();
    let mut held = other.acquire().await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *held).await.unwrap();
    let took = begin_until_it_fails(place.store.clone(), Arc::default()).await;
    assert!(took < BOUND, "{took:?}");
    // Reading goes on meanwhile.
    assert_eq!(place.store.active_sessions(now()).await.unwrap(), 0);
    sqlx::raw_sql("ROLLBACK").execute(&mut *held).await.unwrap();
    place.store.begin(beginning(&record("alice@example.com", now()), &[], None)).await.unwrap();
    assert_eq!(place.types().await.len(), 1);
}
