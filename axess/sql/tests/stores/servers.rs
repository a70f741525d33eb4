//! What happens to the stores when something happens to their database: it is killed, stopped, full, read-only or away.
//! Each test has a server of its own.

use axess_core::store::{Owner, SaveOutcome, SessionRow, SessionStore, StoreError, StoreErrorKind};
use axess_identity::{SessionId, TenantId, UserId};
use axess_peers::{Kind, Server, skip};
use axess_sql::{Db, DbConfig, SqlSessionStore};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The time limit of every call here.
const TIMEOUT: Duration = Duration::from_millis(800);
/// How long a database may take to come back.
const PATIENCE: Duration = Duration::from_secs(60);

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

/// Session `n` of writer `writer`, in its `step`th rotation.
fn id(writer: u64, n: u64, step: u64) -> SessionId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(writer << 8 | step).to_be_bytes());
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    SessionId::from_bytes(bytes)
}

fn row(id: SessionId, lineage: SessionId, version: u64) -> SessionRow {
    let owner =
        Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
    SessionRow {
        id,
        lineage,
        version,
        owner: Some(owner),
        payload: vec![7; 600].into(),
        created_at: now(),
        expires_at: now() + TimeDelta::days(1),
    }
}

fn start(kind: Kind, test: &str) -> Option<Server> {
    if let Some(reason) = kind.missing() {
        skip(test, &reason);
        return None;
    }
    Some(Server::start_durable(kind).unwrap())
}

async fn connect(url: &str) -> Db {
    let config = DbConfig { max_connections: 6, timeout: TIMEOUT };
    let db = Db::connect_with(url, config).await.unwrap();
    // Making tables is not what is timed.
    db.clone().with_timeout(PATIENCE).migrate().await.unwrap();
    db
}

/// Waits until the database answers again, through the same pool.
async fn recovered(db: &Db) {
    tokio::time::timeout(PATIENCE, async {
        while db.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the pool recovers without a restart");
}

/// What a writer was told.
#[derive(Default)]
struct Told {
    /// Sessions that were inserted and then rotated: the old id must be gone, the new one there.
    rotated: Vec<(SessionId, SessionId)>,
    /// Sessions that were inserted; a rotation of them may or may not have happened.
    inserted: Vec<(SessionId, SessionId)>,
    kinds: HashSet<String>,
}

async fn write_until_it_breaks(store: SqlSessionStore, writer: u64, told: Arc<Mutex<Told>>) {
    for n in 0.. {
        let (first, second) = (id(writer, n, 1), id(writer, n, 2));
        let fault = match store.insert(row(first, first, 1)).await {
            Ok(outcome) => {
                assert_eq!(outcome, SaveOutcome::Saved);
                match store.cycle(first, 1, row(second, first, 2), now()).await {
                    Ok(outcome) => {
                        assert_eq!(outcome, SaveOutcome::Saved);
                        told.lock().unwrap().rotated.push((first, second));
                        None
                    }
                    Err(error) => {
                        told.lock().unwrap().inserted.push((first, second));
                        Some(error)
                    }
                }
            }
            Err(error) => Some(error),
        };
        if let Some(error) = fault {
            told.lock().unwrap().kinds.insert(format!("{:?}", error.kind()));
            return;
        }
    }
}

async fn killed_in_mid_write(kind: Kind, test: &str) {
    let Some(mut server) = start(kind, test) else { return };
    let db = connect(&server.url()).await;
    let store = SqlSessionStore::new(db.clone());
    let told = Arc::new(Mutex::new(Told::default()));
    for round in 0..3 {
        let writers: Vec<_> = (0..8)
            .map(|n| tokio::spawn(write_until_it_breaks(store.clone(), round * 8 + n, Arc::clone(&told))))
            .collect();
        let enough = (round as usize + 1) * 10;
        let written = async {
            while told.lock().unwrap().rotated.len() <= enough {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, written).await.expect("something is written");
        server.kill().unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        let error = store.load(id(0, 0, 1), now()).await.unwrap_err();
        assert!(error.kind().is_transient(), "{error:?}");
        server.restart().unwrap();
        recovered(&db).await;
    }
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert!(told.rotated.len() > 20, "{} writes were told to have happened", told.rotated.len());
    // What is there is looked at without haste.
    let store = SqlSessionStore::new(db.with_timeout(PATIENCE));
    for kind in &told.kinds {
        assert!(["Unavailable", "Timeout"].contains(&kind.as_str()), "{kind}");
    }
    for (old, new) in &told.rotated {
        assert!(store.load(*old, now()).await.unwrap().is_none(), "a rotation was undone");
        assert_eq!(store.load(*new, now()).await.unwrap().expect("a write was lost").version, 2);
    }
    for (old, new) in &told.inserted {
        let before = store.load(*old, now()).await.unwrap();
        let after = store.load(*new, now()).await.unwrap();
        assert!(before.is_some() != after.is_some(), "a rotation was half applied: {before:?} {after:?}");
    }
}

async fn too_slow(kind: Kind, test: &str) {
    let Some(mut server) = start(kind, test) else { return };
    let db = connect(&server.url()).await;
    let store = SqlSessionStore::new(db.clone());
    let patient = SqlSessionStore::new(db.clone().with_timeout(PATIENCE));
    assert_eq!(patient.insert(row(id(0, 0, 1), id(0, 0, 1), 1)).await.unwrap(), SaveOutcome::Saved);
    server.pause();
    let errors = futures_all((0..4).map(|n| {
        let store = store.clone();
        async move { store.insert(row(id(1, n, 1), id(1, n, 1), 1)).await.unwrap_err().kind() }
    }));
    let errors = tokio::time::timeout(TIMEOUT * 25, errors).await.expect("every call has a time limit");
    for kind in errors {
        assert!(matches!(kind, StoreErrorKind::Timeout | StoreErrorKind::Unavailable), "{kind:?}");
    }
    server.resume();
    recovered(&db).await;
    assert!(patient.load(id(0, 0, 1), now()).await.unwrap().is_some());
    assert_eq!(patient.insert(row(id(2, 0, 1), id(2, 0, 1), 1)).await.unwrap(), SaveOutcome::Saved);
}

async fn futures_all<T: Send + 'static>(
    calls: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let running: Vec<_> = calls.map(tokio::spawn).collect();
    let mut done = Vec::new();
    for call in running {
        done.push(call.await.unwrap());
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_postgresql_killed_in_mid_write_loses_nothing_and_comes_back() {
    killed_in_mid_write(Kind::Postgres, "sql: killed PostgreSQL").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_mariadb_killed_in_mid_write_loses_nothing_and_comes_back() {
    killed_in_mid_write(Kind::MariaDb, "sql: killed MariaDB").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_postgresql_that_does_not_answer_is_given_up_in_time() {
    too_slow(Kind::Postgres, "sql: slow PostgreSQL").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_mariadb_that_does_not_answer_is_given_up_in_time() {
    too_slow(Kind::MariaDb, "sql: slow MariaDB").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgresql_full_pools_cut_connections_and_read_only_databases_are_typed_errors() {
    let Some(server) = start(Kind::Postgres, "sql: PostgreSQL faults") else { return };
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    let pool = options.connect(&server.url()).await.unwrap();
    let db = Db::from(pool.clone()).with_timeout(PATIENCE);
    db.migrate().await.unwrap();
    let (quick, store) = (SqlSessionStore::new(db.clone().with_timeout(TIMEOUT)), SqlSessionStore::new(db));

    let held = pool.acquire().await.unwrap();
    assert_unavailable(quick.load(id(0, 0, 1), now()).await);
    drop(held);
    assert!(store.load(id(0, 0, 1), now()).await.unwrap().is_none());

    let other = sqlx::PgPool::connect(&server.url()).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
    sqlx::query(cut).execute(&other).await.unwrap();
    assert_eq!(store.insert(row(id(0, 0, 1), id(0, 0, 1), 1)).await.unwrap(), SaveOutcome::Saved);

    sqlx::query("ALTER DATABASE postgres SET default_transaction_read_only = on")
        .execute(&other)
        .await
        .unwrap();
    sqlx::query(cut).execute(&other).await.unwrap();
    assert_unavailable(store.insert(row(id(1, 0, 1), id(1, 0, 1), 1)).await);
    assert_unavailable(store.cycle(id(0, 0, 1), 1, row(id(0, 0, 2), id(0, 0, 1), 2), now()).await);
    assert!(store.load(id(0, 0, 1), now()).await.unwrap().is_some(), "reading goes on");

    let other = sqlx::PgPool::connect_with(
        server
            .url()
            .parse::<sqlx::postgres::PgConnectOptions>()
            .unwrap()
            .options([("default_transaction_read_only", "off")]),
    );
    let writable = "ALTER DATABASE postgres SET default_transaction_read_only = off";
    let other = other.await.unwrap();
    sqlx::query(writable).execute(&other).await.unwrap();
    sqlx::query(cut).execute(&other).await.unwrap();
    let moved = store.cycle(id(0, 0, 1), 1, row(id(0, 0, 2), id(0, 0, 1), 2), now()).await.unwrap();
    assert_eq!(moved, SaveOutcome::Saved, "nothing of the refused rotation is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn mariadb_full_pools_cut_connections_and_read_only_databases_are_typed_errors() {
    let Some(server) = start(Kind::MariaDb, "sql: MariaDB faults") else { return };
    let root = sqlx::MySqlPool::connect(&server.url()).await.unwrap();
    // Read-only does not hold for an administrator.
    for sql in
        ["CREATE USER 'app'@'127.0.0.1' IDENTIFIED BY 'apppass'", "GRANT ALL ON axess.* TO 'app'@'127.0.0.1'"]
    {
        sqlx::query(sql).execute(&root).await.unwrap();
    }
    let url = format!("mysql://app:apppass@127.0.0.1:{}/axess", server.port());
    let options = sqlx::mysql::MySqlPoolOptions::new().max_connections(1);
    let pool = options.connect(&url).await.unwrap();
    let db = Db::from(pool.clone()).with_timeout(PATIENCE);
    db.migrate().await.unwrap();
    let (quick, store) = (SqlSessionStore::new(db.clone().with_timeout(TIMEOUT)), SqlSessionStore::new(db));

    let held = pool.acquire().await.unwrap();
    assert_unavailable(quick.load(id(0, 0, 1), now()).await);
    drop(held);
    assert!(store.load(id(0, 0, 1), now()).await.unwrap().is_none());

    sqlx::query("KILL USER app").execute(&root).await.unwrap();
    assert_eq!(store.insert(row(id(0, 0, 1), id(0, 0, 1), 1)).await.unwrap(), SaveOutcome::Saved);

    sqlx::query("SET GLOBAL read_only = 1").execute(&root).await.unwrap();
    assert_unavailable(store.insert(row(id(1, 0, 1), id(1, 0, 1), 1)).await);
    assert_unavailable(store.cycle(id(0, 0, 1), 1, row(id(0, 0, 2), id(0, 0, 1), 2), now()).await);
    assert!(store.load(id(0, 0, 1), now()).await.unwrap().is_some(), "reading goes on");
    sqlx::query("SET GLOBAL read_only = 0").execute(&root).await.unwrap();
    let moved = store.cycle(id(0, 0, 1), 1, row(id(0, 0, 2), id(0, 0, 1), 2), now()).await.unwrap();
    assert_eq!(moved, SaveOutcome::Saved, "nothing of the refused rotation is left");
}

fn assert_unavailable<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::Unavailable);
}
