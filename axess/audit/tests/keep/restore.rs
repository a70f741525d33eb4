//! An archive turned back into a log that its verifier accepts.

use crate::{
    erasure::{MINE, Trail, request},
    fixture::{archived, day, event, hot, keys, logged, open_log, public, start, tenant},
};
use axess_audit::{
    archive::{ArchiveBatch, ArchiveError, AuditArchiver, restore_chain},
    chain::{CheckpointReason, FindingKind, VerifyOptions, VerifyReport, verify_folder},
};
use axess_core::store::AuditScope;
use chrono::TimeDelta;
use std::{fs, path::Path};

const SCOPE: AuditScope = AuditScope::Tenant(axess_identity::TenantId::from_parts(1, [MINE; 10]));

fn verify(folder: &Path) -> VerifyReport {
    let (keys, macs) = (vec![keys().signing.public_key()], vec![keys().mac]);
    verify_folder(folder, &VerifyOptions { keys, macs, only: Some(SCOPE), ..VerifyOptions::default() })
        .unwrap()
}

/// What is left of a log whose segments are gone.
fn papers_of(log: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in ["log.json", "checkpoints.jsonl"] {
        fs::copy(log.join(name), to.join(name)).unwrap();
    }
}

#[tokio::test]
async fn what_was_archived_from_a_log_verifies_like_the_log() {
    let place = crate::fixture::Place::new();
    let root = place.folder.path();
    let log = open_log(&root.join("log"), &place.clock);
    // The times run against the chain, within a day and over several.
    let events: Vec<_> = (0..90)
        .map(|n| event(n, tenant(MINE), start() + TimeDelta::hours((i64::try_from(n).unwrap() * 7) % 100)))
        .collect();
    let others: Vec<_> = (200..220).map(|n| event(n, tenant(2), start())).collect();
    let mut rows = logged(&log, &events[..40]);
    log.checkpoint(CheckpointReason::Request).unwrap();
    logged(&log, &others);
    rows.extend(logged(&log, &events[40..]));
    log.checkpoint(CheckpointReason::Request).unwrap();
    // Too young for the archive: its checkpoint promises more than is there.
    logged(&log, &[event(300, tenant(MINE), day(200))]);
    log.checkpoint(CheckpointReason::Request).unwrap();
    papers_of(log.path(), &root.join("papers"));
    let archive = place.archive();
    rows.sort_by_key(|row| (row.at, row.event_id));
    for chunk in rows.chunks(25) {
        let batch = ArchiveBatch { scope: SCOPE, rows: chunk.to_vec(), at: day(100) };
        archive.archive_batch(batch).await.unwrap();
    }
    let first = archive.day(SCOPE, start().date_naive()).await.unwrap().unwrap();
    assert_eq!(first.head_before.unwrap().seq, 0);
    assert!(first.head_after.unwrap().seq > 1);

    let (archive, papers, out) = (root.join("archive"), root.join("papers"), root.join("out"));
    let report = restore_chain(&archive, SCOPE, &public(), &papers, [], &out).unwrap();
    assert_eq!((report.entries, report.missing, report.without_line, report.checkpoints), (90, None, 0, 2));
    let verified = verify(&out);
    assert!(verified.is_whole(), "{:?}", verified.findings);
    assert_eq!((verified.entries, verified.attested), (90, 90));
    let again = restore_chain(&archive, SCOPE, &public(), &papers, [], &out);
    assert!(matches!(again, Err(ArchiveError::Io { .. })), "a folder with something in it");

    // With the log's own segments, to its end.
    let all = root.join("all");
    let report = restore_chain(&archive, SCOPE, &public(), log.path(), [], &all).unwrap();
    assert_eq!((report.entries, report.checkpoints), (91, 3));
    assert!(verify(&all).is_whole());

    // An edit of the restored lines is found as in any log.
    let file = out.join("000000000001.jsonl");
    let text = fs::read_to_string(&file).unwrap().replacen("curl/8.5", "curl/8.6", 1);
    fs::write(&file, text).unwrap();
    assert!(verify(&out).findings.iter().any(|finding| finding.kind == FindingKind::Edited));
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let place = crate::fixture::Place::new();
    let root = place.folder.path();
    let log = open_log(&root.join("log"), &place.clock);
    let events: Vec<_> = (0..10).map(|n| event(n, tenant(MINE), start())).collect();
    let mut rows = logged(&log, &events);
    log.checkpoint(CheckpointReason::Request).unwrap();
    papers_of(log.path(), &root.join("papers"));
    let gone = rows.remove(5);
    let archive = place.archive();
    archive.archive_batch(ArchiveBatch { scope: SCOPE, rows, at: day(100) }).await.unwrap();
    let (folder, papers) = (root.join("archive"), root.join("papers"));
    let report = restore_chain(&folder, SCOPE, &public(), &papers, [], &root.join("out")).unwrap();
    assert_eq!((report.entries, report.missing, report.behind_missing), (5, Some(6), 4));
    let whole = restore_chain(&folder, SCOPE, &public(), &papers, [gone.body], &root.join("whole")).unwrap();
    assert_eq!((whole.entries, whole.missing), (10, None));
    assert!(verify(&root.join("whole")).is_whole());
}

#[tokio::test]
async fn an_erased_person_is_vouched_for_in_the_restored_log() {
    let trail = Trail::new().await;
    trail.erasure().erase_subject(tenant(MINE), request()).await.unwrap();
    trail.log.checkpoint(CheckpointReason::Request).unwrap();
    let root = trail.place.folder.path();
    let more: Vec<_> = hot(&trail.place.store, tenant(MINE)).await.into_iter().map(|row| row.body).collect();
    let out = root.join("out");
    let report =
        restore_chain(&root.join("archive"), SCOPE, &public(), trail.log.path(), more, &out).unwrap();
    assert_eq!((report.entries, report.missing), (9, None));
    let verified = verify(&out);
    assert!(verified.is_whole() && verified.erasures_due == 0, "{:?}", verified.findings);
    assert_eq!(archived(&root.join("archive"), tenant(MINE)).len(), 8);
}
