use crate::events::{Events, deliver_until_taken, fails, refused_at, tenant, user};
use axess_audit::{
    AuditRecord,
    sink::{EventSink as _, SinkError, StoreSink},
};
use axess_core::store::{AuditQuery, AuditRow, AuditScope, AuditStore as _};
use axess_peers::{Kind, Server, shared, skip};
use axess_sql::{Db, SqlAuditStore};
use serde_json::json;
use std::process::Command;
use tempfile::TempDir;

/// A database of the calling test alone, and the folder it is in.
async fn database(kind: Option<Kind>, test: &str) -> Option<(Db, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let name =
        format!("t{}", folder.path().file_name().unwrap().to_str().unwrap().replace('.', "").to_lowercase());
    let url = match kind {
        None => format!("sqlite:{}", folder.path().join("test.db").display()),
        Some(kind) => {
            let Some(server) = shared(kind).and_then(|urls| urls.into_iter().next()) else {
                skip(&format!("audit store {test}"), &format!("no {}", kind.name()));
                return None;
            };
            create(&server, &name);
            format!("{}/{name}", server.rsplit_once('/').unwrap().0)
        }
    };
    let db = Db::connect(&url).await.unwrap();
    db.migrate().await.unwrap();
    Some((db, folder))
}

/// Makes an empty database with the client that the server's makers wrote.
fn create(server: &str, name: &str) {
    let sql = format!("CREATE DATABASE {name}");
    let mut command;
    if server.starts_with("postgres") {
        command = Command::new("psql");
        command.args(["-X", "-q", "-c", &sql, server]);
    } else {
        let port = server.rsplit_once(':').unwrap().1.split_once('/').unwrap().0;
        command = Command::new("mariadb");
        command.args(["--no-defaults", "-h127.0.0.1", "-uroot", "-prootpass", "-P", port, "-e", &sql]);
    }
    assert!(command.status().unwrap().success(), "{name}");
}

async fn rows(store: &SqlAuditStore, query: AuditQuery) -> Vec<AuditRow> {
    let mut rows = store.query(query).await.unwrap();
    rows.reverse();
    rows
}

async fn all(store: &SqlAuditStore, scope: AuditScope) -> Vec<AuditRow> {
    rows(store, AuditQuery::new(scope, 1_000)).await
}

async fn each_event_is_one_row(db: Db, events: Events) {
    let sink = StoreSink::new("search", SqlAuditStore::new(db)).unwrap();
    let store = sink.store();
    let mut batch = events.entries(300);
    let about = json!({ "user_id": user(2), "actor": { "kind": "user", "id": user(3) } });
    batch.push(events.entry(301, about));
    batch.push(events.entry(302, json!({ "actor": { "kind": "user", "id": user(3) } })));
    batch.push(events.entry(303, json!({ "user_id": 17, "event_type": "Own \u{e9}vent" })));
    batch.push(events.in_tenant(None).event(304, json!({})));
    sink.deliver(&batch[..200]).await.unwrap();
    // Two pipes at once, and again.
    let (one, two) = tokio::join!(sink.deliver(&batch), sink.deliver(&batch));
    one.and(two).unwrap();
    sink.deliver(&batch).await.unwrap();
    let found = all(store, AuditScope::Tenant(tenant(1))).await;
    assert_eq!(found.len(), 303);
    for (row, record) in found.iter().zip(&batch) {
        assert_eq!((row.event_id, &row.body), (record.event_id(), record.body()));
        assert_eq!((row.at, &row.event_type), (record.occurred_at(), &record.envelope.payload.event_type));
    }
    assert_eq!(all(store, AuditScope::System).await[0].body, batch[303].event);
    for (number, index) in [(2, 300), (3, 301)] {
        let of_user =
            AuditQuery { user_id: Some(user(number)), ..AuditQuery::new(AuditScope::Tenant(tenant(1)), 10) };
        let found: Vec<_> = rows(store, of_user).await.into_iter().map(|row| row.event_id).collect();
        assert_eq!(found, [batch[index].event_id()]);
    }
}

async fn an_event_that_no_store_takes_is_found(db: Db, events: Events) {
    let sink = StoreSink::new("search", SqlAuditStore::new(db)).unwrap();
    let mut batch = events.entries(40);
    batch[29] = events.entry(30, json!({ "event_type": "x".repeat(129) }));
    batch[35] = events.entry(36, json!({ "note": "x".repeat(300_000) }));
    let scope = AuditScope::Tenant(tenant(1));
    let mut rest: &[AuditRecord] = &batch;
    let mut poison = Vec::new();
    // As the pipe does: the event is set aside, and the batch goes on behind it.
    while !rest.is_empty() {
        let Err(error) = sink.deliver(rest).await else { break };
        let index = refused_at(&error).unwrap();
        assert!(["128 bytes", "256 KiB"].iter().any(|limit| error.to_string().contains(limit)), "{error}");
        poison.push(rest[index].event_id());
        let before = batch.len() - rest.len() + index;
        let stored = all(sink.store(), scope).await.len();
        assert_eq!(stored, before + 1 - poison.len(), "those before it, and none behind it");
        rest = &rest[index + 1..];
    }
    assert_eq!(poison, [events.id(30), events.id(36)]);
    assert_eq!(all(sink.store(), scope).await.len(), 38);
}

macro_rules! on_every_database {
    ($($name:ident,)*) => {$(
        mod $name {
            use super::*;

            async fn on(kind: Option<Kind>) {
                let test = format!("{} {kind:?}", stringify!($name));
                if let Some((db, _folder)) = database(kind, &test).await {
                    super::$name(db, Events::of(&test)).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                on(None).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                on(Some(Kind::Postgres)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn mariadb() {
                on(Some(Kind::MariaDb)).await;
            }
        }
    )*};
}
on_every_database! { each_event_is_one_row, an_event_that_no_store_takes_is_found, }

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_dies_gets_each_event_once() {
    if let Some(reason) = Kind::Postgres.missing() {
        return skip("audit store::a_database_that_dies_gets_each_event_once", &reason);
    }
    let mut server = Server::start_durable(Kind::Postgres).unwrap();
    let db = Db::connect(&server.url()).await.unwrap();
    db.migrate().await.unwrap();
    let sink = StoreSink::new("search", SqlAuditStore::new(db)).unwrap();
    let batch = Events::of("store dies").entries(900);
    let chunks: Vec<&[AuditRecord]> = batch.chunks(100).collect();
    for (index, chunk) in chunks.iter().enumerate() {
        if index == 4 {
            // In the middle of the transaction, or just before or behind it.
            let (delivered, ()) = tokio::join!(sink.deliver(chunk), async {
                tokio::time::sleep(std::time::Duration::from_millis(index as u64)).await;
                server.kill().unwrap();
            });
            if let Err(error) = delivered {
                assert!(matches!(error, SinkError::Retry { .. }), "{error}");
            }
            let (_, said) = fails(&sink, chunk).await;
            assert!(!said.contains("pgpass"), "{said}");
            server.restart().unwrap();
        }
        deliver_until_taken(&sink, chunk).await;
    }
    let found: Vec<_> =
        all(sink.store(), AuditScope::Tenant(tenant(1))).await.into_iter().map(|row| row.event_id).collect();
    let expected: Vec<_> = batch.iter().map(AuditRecord::event_id).collect();
    assert_eq!(found, expected);
}
