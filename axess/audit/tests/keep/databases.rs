//! Retention, erasure and export over real databases.

use crate::fixture::{Place, archived, day, hot, keys, rows, start, tenant, user};
use axess_audit::{
    erasure::{AuditErasure, SubjectRequest},
    export::{AuditSearch, export_ndjson},
    retention::{AuditRetentionLoop, AuditRetentionPolicy},
};
use axess_core::store::{AuditOrder, AuditScope, AuditStore};
use axess_peers::{Kind, shared, skip};
use axess_sql::{Db, SqlAuditStore};
use futures_util::TryStreamExt;
use std::{path::Path, process::Command, sync::Arc};

async fn whole_life(url: &str) {
    let db = Db::connect(url).await.unwrap();
    db.migrate().await.unwrap();
    let store = SqlAuditStore::new(db);
    let place = Place::new();
    let me = tenant(1);
    let events = rows(0..1_100, me, start());
    for chunk in events.chunks(400) {
        store.append(chunk.to_vec()).await.unwrap();
    }
    let erasure = AuditErasure::new(keys(), place.emitter()).with_store(Arc::new(store.clone()));
    let request = SubjectRequest::new(user(1), "carol@ops", "request 12");
    let report = erasure.erase_subject(me, request.clone()).await.unwrap();
    assert_eq!((report.stores, report.conflicts), (1_100, 0));
    assert_eq!(erasure.erase_subject(me, request).await.unwrap().stores, 0);

    let pseudonym = report.pseudonyms[&user(1)];
    let search = AuditSearch {
        user_id: Some(pseudonym),
        order: AuditOrder::OldestFirst,
        ..AuditSearch::new(AuditScope::Tenant(me))
    };
    let ndjson: Vec<_> = export_ndjson(search.over_store(store.clone())).try_collect().await.unwrap();
    let ndjson = String::from_utf8(ndjson.concat()).unwrap();
    assert!(ndjson.ends_with("{\"export\":{\"complete\":true,\"events\":1100}}\n"));
    assert!(!ndjson.contains(&user(1).to_string()));

    let (policy, archive) = (AuditRetentionPolicy::default(), place.archive());
    let retention = AuditRetentionLoop::new(store.clone(), archive, policy, place.emitter()).unwrap();
    place.clock.set(day(91));
    assert_eq!(retention.run_confirmed().await.unwrap().archived, 1_100);
    place.clock.set(day(98));
    assert_eq!(retention.run_confirmed().await.unwrap().deleted_hot, 1_100);
    assert!(hot(&store, me).await.is_empty());
    let lines = archived(&place.folder.path().join("archive"), me);
    assert_eq!(lines, ndjson.lines().take(1_100).collect::<Vec<_>>());
}

/// Makes a database that nothing else is in, with the client that the server's makers wrote.
fn fresh(kind: Kind, test: &str, folder: &Path) -> Option<String> {
    let Some(server) = shared(kind).and_then(|urls| urls.into_iter().next()) else {
        skip(test, &format!("no {}: run `cargo xtask test`", kind.name()));
        return None;
    };
    let name = folder.file_name().unwrap().to_str().unwrap().replace('.', "").to_lowercase();
    let sql = format!("CREATE DATABASE keep{name}");
    let mut command;
    if server.starts_with("postgres") {
        command = Command::new("psql");
        command.args(["-X", "-q", "-c", &sql, &server]);
    } else {
        let port = server.rsplit_once(':').unwrap().1.split_once('/').unwrap().0;
        command = Command::new("mariadb");
        command.args(["--no-defaults", "-h127.0.0.1", "-uroot", "-prootpass", "-P", port, "-e", &sql]);
    }
    assert!(command.status().unwrap().success());
    Some(format!("{}/keep{name}", server.rsplit_once('/').unwrap().0))
}

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    whole_life(&format!("sqlite:{}", folder.path().join("test.db").display())).await;
}

#[tokio::test]
async fn on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    if let Some(url) = fresh(Kind::Postgres, "keep::on_postgres", folder.path()) {
        whole_life(&url).await;
    }
}

#[tokio::test]
async fn on_mariadb() {
    let folder = tempfile::tempdir().unwrap();
    if let Some(url) = fresh(Kind::MariaDb, "keep::on_mariadb", folder.path()) {
        whole_life(&url).await;
    }
}
