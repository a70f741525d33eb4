//! The same for SQLite, where the database is the process: killed in mid-write, out of space, read-only, busy.

use axess_core::store::{SaveOutcome, SessionRow, SessionStore, StoreErrorKind};
use axess_identity::SessionId;
use axess_sql::{Db, DbConfig, SqlSessionStore};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Set for the child process, to the database it writes until it is killed.
const CHILD: &str = "AXESS_SQLITE_WRITER";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

fn id(n: u64, step: u8) -> SessionId {
    let mut bytes = [step; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    SessionId::from_bytes(bytes)
}

fn row(id: SessionId, lineage: SessionId, version: u64) -> SessionRow {
    let expires_at = now() + TimeDelta::days(1);
    SessionRow {
        id,
        lineage,
        version,
        owner: None,
        payload: vec![7; 600].into(),
        created_at: now(),
        expires_at,
    }
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

async fn store(path: &Path) -> SqlSessionStore {
    let store = SqlSessionStore::new(Db::connect(&url(path)).await.unwrap());
    store.init_schema().await.unwrap();
    store
}

/// Not a test of its own unless it is the child: inserts and rotates sessions, and says which it was told are stored.
#[tokio::test]
async fn writer() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = store(Path::new(&path)).await;
    for n in 0.. {
        let (first, second) = (id(n, 1), id(n, 2));
        assert_eq!(store.insert(row(first, first, 1)).await.unwrap(), SaveOutcome::Saved);
        let moved = store.cycle(first, 1, row(second, first, 2), now()).await.unwrap();
        assert_eq!(moved, SaveOutcome::Saved);
        let mut out = std::io::stderr();
        writeln!(out, "stored {n}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_in_mid_write_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    for round in 1..=3 {
        _ = std::fs::remove_file(&path);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite_faults::writer", "--nocapture", "--test-threads=1"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let stored =
            lines.map_while(Result::ok).filter(|line| line.starts_with("stored ")).take(20 * round).count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(stored, 20 * round);
        let store = store(&path).await;
        for n in 0..stored as u64 {
            assert!(store.load(id(n, 1), now()).await.unwrap().is_none(), "a rotation was undone");
            assert!(store.load(id(n, 2), now()).await.unwrap().is_some(), "a write was lost");
        }
        // What was under way happened or did not.
        let n = stored as u64;
        let (before, after) = (store.load(id(n, 1), now()).await, store.load(id(n, 2), now()).await);
        assert!(!(before.unwrap().is_some() && after.unwrap().is_some()), "a rotation was half applied");
        for ending in ["-wal", "-shm"] {
            _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
    }
}

#[tokio::test]
async fn a_full_database_says_so_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    store(&path).await;
    let options: SqliteConnectOptions = url(&path).parse().unwrap();
    let pool =
        SqlitePoolOptions::new().max_connections(1).connect_with(options.pragma("max_page_count", "120"));
    let store = SqlSessionStore::new(pool.await.unwrap());
    let mut written = 0;
    let error = loop {
        match store.insert(row(id(written, 1), id(written, 1), 1)).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "never full");
    };
    assert_eq!(error.kind(), StoreErrorKind::Full);
    for n in 0..written {
        assert_eq!(store.end(id(n, 1), now()).await.unwrap(), 1, "what was stored is there");
    }
    assert_eq!(store.insert(row(id(0, 2), id(0, 2), 1)).await.unwrap(), SaveOutcome::Saved);
}

#[tokio::test]
async fn a_read_only_database_reads_and_says_that_it_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let writable = store(&path).await;
    assert_eq!(writable.insert(row(id(0, 1), id(0, 1), 1)).await.unwrap(), SaveOutcome::Saved);
    let options: SqliteConnectOptions = url(&path).parse().unwrap();
    let store =
        SqlSessionStore::new(SqlitePoolOptions::new().connect_with(options.read_only(true)).await.unwrap());
    assert!(store.load(id(0, 1), now()).await.unwrap().is_some());
    let refused = store.insert(row(id(1, 1), id(1, 1), 1)).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{refused:?}");
}

#[tokio::test]
async fn a_writer_of_another_process_is_waited_for_but_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    store(&path).await;
    let config = DbConfig { max_connections: 2, timeout: Duration::from_millis(300) };
    let ours = SqlSessionStore::new(Db::connect_with(&url(&path), config).await.unwrap());
    let other = SqlitePoolOptions::new().connect(&url(&path)).await.unwrap();

    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = ours.insert(row(id(0, 1), id(0, 1), 1)).await.unwrap_err();
    assert!(error.kind().is_transient(), "{error:?}");
    assert!(ours.load(id(0, 1), now()).await.unwrap().is_none(), "readers do not wait for writers");
    held.rollback().await.unwrap();

    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let waiting = tokio::spawn(async move { ours.insert(row(id(1, 1), id(1, 1), 1)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    held.rollback().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), SaveOutcome::Saved);
}
