//! What is kept for so many days, and goes then.

use super::ledger::*;
use crate::store::place::now;
use audex_server::evidence::{AuditQuery, ExportFormat};
use chrono::TimeDelta;
use futures_util::TryStreamExt;
use std::{fs, path::Path, sync::Arc};

/// Tells whether a text stands in a file of a folder.
fn stands_in(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        path.is_file() && fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// Counts the files below a folder.
fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.map(|entry| entry.unwrap().path()).map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

async fn old_events_go_and_what_is_left_verifies(searched: Searched) {
    let test = "evidence::retired::old_events_go_and_what_is_left_verifies";
    let Some(ledger) = Ledger::kept_for(Some(10), searched, test).await else { return };
    let _folder = Arc::clone(&ledger.place.folder);
    let old = ledger.session("alice@example.com", at(1)).await.session_id.to_string();
    ledger.login(at(2)).await;
    let all = || async { ledger.all(&AuditQuery::default()).await };
    let before = all().await.len();
    let report = ledger.evidence.retire().await.unwrap().unwrap();
    assert!(report.failures.is_empty(), "{report:?}");
    assert_eq!(all().await.len(), before, "nothing is old yet");

    let day = |day| now() + TimeDelta::days(day);
    let new = ledger.session("alice@example.com", day(11)).await.session_id.to_string();
    assert_eq!(all().await.len(), before + 2);
    for _ in 0..2 {
        let report = ledger.evidence.retire().await.unwrap().unwrap();
        assert!(report.failures.is_empty() && report.deleted_archive == 0, "{report:?}");
    }
    ledger.place.clock.set(day(11) + TimeDelta::minutes(1));
    let left = all().await;
    assert!(left.iter().all(|entry| entry.timestamp >= day(1)), "{left:?}");
    assert_eq!(left.iter().filter(|entry| entry.session_id.as_deref() == Some(&*new)).count(), 2);
    let export = ledger.evidence.export(ExportFormat::Json, AuditQuery::default());
    let exported: Vec<_> = export.try_collect().await.unwrap();
    let exported = String::from_utf8(exported.concat()).unwrap();
    assert!(exported.contains(&new) && !exported.contains(&old), "{exported}");
    let log = ledger.place.settings.audit_folder();
    assert!(stands_in(&log, &new) && !stands_in(&log, &old));

    // What left a database is in the archive for two days more.
    let archive = ledger.place.settings.data.join("audit-archive");
    let archived = files(&archive);
    ledger.session("alice@example.com", day(13)).await;
    all().await;
    let report = ledger.evidence.retire().await.unwrap().unwrap();
    assert!(report.failures.is_empty(), "{report:?}");
    match searched {
        Searched::Jsonl => assert_eq!(report.deleted_archive, 0),
        Searched::Sqlite | Searched::Postgres => {
            assert!(report.deleted_archive > 0, "{report:?}");
            assert!(archived > files(&archive), "{archived}");
        }
    }
    verified(ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jsonl() {
    old_events_go_and_what_is_left_verifies(Searched::Jsonl).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    old_events_go_and_what_is_left_verifies(Searched::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    old_events_go_and_what_is_left_verifies(Searched::Postgres).await;
}

#[tokio::test]
async fn without_an_end_everything_is_kept() {
    let ledger = Ledger::new(Searched::Jsonl, "").await.unwrap();
    assert!(ledger.evidence.retire().await.unwrap().is_none());
    verified(ledger).await;
}
