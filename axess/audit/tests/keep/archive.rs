//! The archive in a folder: what is in it, what it refuses, and what its verification finds.

use crate::fixture::{
    archived, copy_folder, day, event, open, public, row, rows, signing, start, tenant, zcat,
};
use axess_audit::{
    archive::{
        ArchiveBatch, ArchiveError, ArchiveFindingKind, ArchiveRange, AuditArchiver, FilesystemAuditArchiver,
        body_digest, verify_archive,
    },
    chain::AuditSigningKey,
};
use axess_core::store::{AuditRow, AuditScope};
use chrono::TimeDelta;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const MINE: u8 = 1;

async fn add(archive: &FilesystemAuditArchiver, rows: Vec<AuditRow>) -> Result<u64, ArchiveError> {
    let scope = AuditScope::of(rows[0].tenant_id);
    archive.archive_batch(ArchiveBatch { scope, rows, at: day(100) }).await
}

/// Three days of one tenant, and one of another.
async fn filled(folder: &Path) -> FilesystemAuditArchiver {
    let archive = open(folder);
    for (n, at) in [(0, day(0)), (100, day(1)), (200, day(3))] {
        assert_eq!(add(&archive, rows(n..n + 20, tenant(MINE), at)).await.unwrap(), 20);
    }
    assert_eq!(add(&archive, rows(300..305, tenant(2), day(0))).await.unwrap(), 5);
    archive
}

fn kinds(folder: &Path) -> Vec<ArchiveFindingKind> {
    verify_archive(folder, &public()).unwrap().findings.iter().map(|finding| finding.kind).collect()
}

#[tokio::test]
async fn days_are_files_that_common_tools_read() {
    let folder = tempfile::tempdir().unwrap();
    let archive = filled(folder.path()).await;
    let mine = folder.path().join(tenant(MINE).to_string());
    let file = mine.join("2026-01-11.jsonl.gz");
    let want: Vec<_> = rows(100..120, tenant(MINE), day(1)).iter().map(|row| row.body.clone()).collect();
    let got: Vec<_> = zcat(&file).lines().map(|line| line.to_owned().into_bytes()).collect();
    assert_eq!(got, want);
    let script = format!("zcat {} | jq -e -s 'length == 20 and .[3].number == 103'", file.display());
    assert!(Command::new("sh").arg("-c").arg(script).status().unwrap().success());

    let known = archive.day(AuditScope::Tenant(tenant(MINE)), day(1).date_naive()).await.unwrap().unwrap();
    assert_eq!((known.events, known.archived_at, known.head_after), (20, day(100), None));
    assert_eq!(known.last.0, day(1) + TimeDelta::seconds(119));
    let days = archive.days(AuditScope::Tenant(tenant(MINE))).await.unwrap();
    assert_eq!(days, [0, 1, 3].map(|n| day(n).date_naive()));
    let scopes = archive.scopes().await.unwrap();
    assert_eq!(scopes, [AuditScope::Tenant(tenant(1)), AuditScope::Tenant(tenant(2))]);
    let report = verify_archive(folder.path(), &public()).unwrap();
    assert!(report.is_whole(), "{:?}", report.findings);
    assert_eq!((report.scopes, report.days, report.events), (2, 4, 65));
}

#[tokio::test]
async fn an_event_is_archived_once_however_often_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let archive = filled(folder.path()).await;
    let again = rows(100..130, tenant(MINE), day(1));
    assert_eq!(add(&archive, again.clone()).await.unwrap(), 10);
    assert_eq!(add(&archive, [again.clone(), again.clone()].concat()).await.unwrap(), 0);
    drop(archive);
    let archive = open(folder.path());
    assert_eq!(add(&archive, again.clone()).await.unwrap(), 0);
    assert_eq!(archived(folder.path(), tenant(MINE)).len(), 70);
    assert!(kinds(folder.path()).is_empty());

    let scope = AuditScope::Tenant(tenant(MINE));
    let mut places: Vec<_> = again.iter().map(|row| (row.at, row.event_id)).collect();
    places.push((day(1), crate::fixture::event_id(9_999)));
    let found = archive.find(scope, places.clone()).await.unwrap();
    assert_eq!(found.len(), 30);
    assert!(found.iter().zip(&again).all(|(found, row)| found.event_id == row.event_id
        && found.archived_at == day(100)
        && found.digest == body_digest(&row.body)));
    assert!(archive.find(AuditScope::System, places).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_late_event_joins_its_old_day() {
    let folder = tempfile::tempdir().unwrap();
    let archive = filled(folder.path()).await;
    let late = rows([50], tenant(MINE), day(0));
    let batch = ArchiveBatch { scope: AuditScope::Tenant(tenant(MINE)), rows: late.clone(), at: day(200) };
    assert_eq!(archive.archive_batch(batch).await.unwrap(), 1);
    let found =
        archive.find(AuditScope::Tenant(tenant(MINE)), vec![(late[0].at, late[0].event_id)]).await.unwrap();
    assert_eq!(found[0].archived_at, day(200));
    assert_eq!(
        zcat(&folder.path().join(tenant(MINE).to_string()).join("2026-01-10.jsonl.gz")).lines().count(),
        21
    );
    assert!(kinds(folder.path()).is_empty());
}

#[tokio::test]
async fn what_is_not_the_event_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let archive = open(folder.path());
    let good = row(&event(1, tenant(MINE), start()), None);
    let other = row(&event(2, tenant(2), start()), None);
    for bad in [
        AuditRow { body: "{}".into(), ..good.clone() },
        AuditRow { body: vec![0xff].into(), ..good.clone() },
        AuditRow { body: other.body.clone(), ..good.clone() },
        AuditRow { event_id: other.event_id, ..good.clone() },
        AuditRow { at: day(5), ..good.clone() },
    ] {
        let refused = add(&archive, vec![good.clone(), bad]).await;
        assert!(matches!(refused, Err(ArchiveError::NotAnEvent { .. })), "{refused:?}");
    }
    assert!(archive.scopes().await.unwrap().is_empty());
    // A body with white space around it, or over several lines, is one line.
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_slice::<serde_json::Value>(&good.body).unwrap());
    let pretty = AuditRow { body: format!("\n{}\n", pretty.unwrap()).into(), ..good };
    assert_eq!(add(&archive, vec![pretty]).await.unwrap(), 1);
    assert_eq!(archived(folder.path(), tenant(MINE)).len(), 1);
}

#[tokio::test]
async fn one_process_has_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let second = FilesystemAuditArchiver::open(folder.path(), signing(), &[]);
    assert!(matches!(second, Err(ArchiveError::InUse)));
    drop(first);
    open(folder.path());
}

type Attack = (&'static str, ArchiveFindingKind, Box<dyn Fn(&Path)>);

/// A file of the tenant's, below the archive's folder.
fn mine(name: &str) -> PathBuf {
    Path::new(&tenant(MINE).to_string()).join(name)
}

fn swap(root: &Path, a: &Path, b: &Path) {
    let (a, b, c) = (root.join(a), root.join(b), root.join("swap"));
    fs::rename(&a, &c).unwrap();
    fs::rename(&b, &a).unwrap();
    fs::rename(&c, &b).unwrap();
}

fn edit(root: &Path, change: impl Fn(&mut Vec<u8>)) {
    let file = root.join(mine("2026-01-11.jsonl.gz"));
    let mut bytes = fs::read(&file).unwrap();
    change(&mut bytes);
    fs::write(file, bytes).unwrap();
}

/// Adds a line as a gzip member.
fn gzip(root: &Path, file: &str) {
    let script = format!("echo '{{}}' | gzip >> {}", root.join(mine(file)).display());
    assert!(Command::new("sh").arg("-c").arg(script).status().unwrap().success());
}

fn remove(root: &Path, file: &str) {
    fs::remove_file(root.join(mine(file))).unwrap();
}

fn attacks_on_a_day() -> Vec<Attack> {
    use ArchiveFindingKind::*;
    let (lines, paper) = ("2026-01-11.jsonl.gz", "2026-01-11.json");
    let (other_lines, other_paper) = (mine("2026-01-10.jsonl.gz"), mine("2026-01-10.json"));
    let [swapped_lines, swapped_paper] = [other_lines.clone(), other_paper.clone()];
    vec![
        ("a byte of the lines", Edited, Box::new(|root| edit(root, |bytes| bytes[40] ^= 1))),
        ("the lines cut", Truncated, Box::new(|root| edit(root, |bytes| bytes.truncate(100)))),
        ("the lines emptied", Truncated, Box::new(|root| edit(root, Vec::clear))),
        ("a line added", Unattested, Box::new(move |root| gzip(root, lines))),
        ("the lines gone", Missing, Box::new(move |root| remove(root, lines))),
        ("the manifest gone", Missing, Box::new(move |root| remove(root, paper))),
        (
            "the day gone",
            Missing,
            Box::new(move |root| [lines, paper].iter().for_each(|file| remove(root, file))),
        ),
        ("two days' lines swapped", Swapped, Box::new(move |root| swap(root, &mine(lines), &other_lines))),
        (
            "two days' manifests swapped",
            Swapped,
            Box::new(move |root| swap(root, &mine(paper), &other_paper)),
        ),
        (
            "two days swapped",
            Swapped,
            Box::new(move |root| {
                swap(root, &mine(lines), &swapped_lines);
                swap(root, &mine(paper), &swapped_paper);
            }),
        ),
        (
            "a count in a manifest",
            BadSignature,
            Box::new(move |root| {
                let file = root.join(mine(paper));
                let text = fs::read_to_string(&file).unwrap();
                fs::write(file, text.replace("\"events\":20", "\"events\":19")).unwrap();
            }),
        ),
    ]
}

fn attacks_on_the_archive() -> Vec<Attack> {
    use ArchiveFindingKind::*;
    let theirs = tenant(2).to_string();
    vec![
        (
            "a tenant in another's folder",
            Swapped,
            Box::new(move |root| swap(root, &mine(""), Path::new(&theirs))),
        ),
        ("the index gone", Missing, Box::new(|root| remove(root, "index.json"))),
        ("a tenant gone", Missing, Box::new(|root| fs::remove_dir_all(root.join(mine(""))).unwrap())),
        ("the list gone", Missing, Box::new(|root| fs::remove_file(root.join("scopes.json")).unwrap())),
        ("a stranger", Unknown, Box::new(|root| fs::write(root.join(mine("x.sh")), "").unwrap())),
        ("a day nobody signed", Missing, Box::new(|root| gzip(root, "2026-01-12.jsonl.gz"))),
    ]
}

#[tokio::test]
async fn every_change_is_found() {
    let place = tempfile::tempdir().unwrap();
    let original = place.path().join("original");
    drop(filled(&original).await);
    let attacks = attacks_on_a_day().into_iter().chain(attacks_on_the_archive());
    for (index, (what, kind, attack)) in attacks.enumerate() {
        let root = place.path().join(index.to_string());
        copy_folder(&original, &root);
        assert!(kinds(&root).is_empty());
        attack(&root);
        let found = kinds(&root);
        assert!(found.contains(&kind), "{what}: {found:?}");
    }
    // Signed, but by somebody else.
    let other = AuditSigningKey::from_bytes([8; 32]).public_key();
    let report = verify_archive(&original, &[other]).unwrap();
    let is_signature =
        |finding: &axess_audit::archive::ArchiveFinding| finding.kind == ArchiveFindingKind::BadSignature;
    assert!(report.findings.iter().all(is_signature) && !report.is_whole());
}

#[tokio::test]
async fn an_earlier_state_of_a_day_is_found() {
    let place = tempfile::tempdir().unwrap();
    let (now, before) = (place.path().join("now"), place.path().join("before"));
    let archive = filled(&now).await;
    copy_folder(&now, &before);
    add(&archive, rows(150..160, tenant(MINE), day(1))).await.unwrap();
    for end in ["json", "jsonl.gz"] {
        let file = Path::new(&tenant(MINE).to_string()).join(format!("2026-01-11.{end}"));
        fs::copy(before.join(&file), now.join(&file)).unwrap();
    }
    assert_eq!(kinds(&now), [ArchiveFindingKind::RolledBack]);
    // It is not built upon either.
    drop(archive);
    let refused = add(&open(&now), rows(160..170, tenant(MINE), day(1))).await;
    assert!(matches!(refused, Err(ArchiveError::Damaged { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_was_changed_is_neither_found_nor_signed_again() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()).await);
    let file = folder.path().join(tenant(MINE).to_string()).join("2026-01-11.jsonl.gz");
    let lines = zcat(&file).replace("curl/8.5", "curl/8.6");
    let script = format!("gzip -c > {}", file.display());
    let mut child =
        Command::new("sh").arg("-c").arg(script).stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), lines.as_bytes()).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());

    let archive = open(folder.path());
    let known = rows(100..120, tenant(MINE), day(1));
    let places = known.iter().map(|row| (row.at, row.event_id)).collect();
    let found = archive.find(AuditScope::Tenant(tenant(MINE)), places).await;
    assert!(matches!(found, Err(ArchiveError::Damaged { .. })), "{found:?}");
    let added = add(&archive, rows(120..121, tenant(MINE), day(1))).await;
    assert!(matches!(added, Err(ArchiveError::Damaged { .. })), "{added:?}");
    // Other days are not affected.
    assert_eq!(add(&archive, rows(20..21, tenant(MINE), day(0))).await.unwrap(), 1);
}

#[tokio::test]
async fn purged_days_are_gone_and_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let archive = filled(folder.path()).await;
    let scope = AuditScope::Tenant(tenant(MINE));
    let range = ArchiveRange { from: None, until: day(2).date_naive() };
    assert_eq!(archive.purge(scope, range).await.unwrap(), 40);
    assert_eq!(archive.purge(scope, range).await.unwrap(), 0);
    assert_eq!(archive.days(scope).await.unwrap(), [day(3).date_naive()]);
    assert_eq!(archived(folder.path(), tenant(MINE)).len(), 20);
    assert_eq!(archived(folder.path(), tenant(2)).len(), 5);
    assert!(kinds(folder.path()).is_empty());
    let middle = ArchiveRange { from: Some(day(3).date_naive()), until: day(4).date_naive() };
    assert_eq!(archive.purge(scope, middle).await.unwrap(), 20);
    assert!(kinds(folder.path()).is_empty());
    // Events can come again.
    assert_eq!(add(&archive, rows(0..2, tenant(MINE), day(0))).await.unwrap(), 2);
    assert!(kinds(folder.path()).is_empty());
}

#[tokio::test]
async fn a_rotated_key_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()).await);
    let new = AuditSigningKey::from_bytes([8; 32]);
    let unknown = FilesystemAuditArchiver::open(folder.path(), new.clone(), &[]).unwrap();
    let refused = add(&unknown, rows(120..121, tenant(MINE), day(1))).await;
    assert!(matches!(refused, Err(ArchiveError::Damaged { .. })), "{refused:?}");
    drop(unknown);
    let archive = FilesystemAuditArchiver::open(folder.path(), new.clone(), &public()).unwrap();
    assert_eq!(add(&archive, rows(120..121, tenant(MINE), day(1))).await.unwrap(), 1);
    let keys = [public()[0], new.public_key()];
    assert!(verify_archive(folder.path(), &keys).unwrap().is_whole());
    assert!(!verify_archive(folder.path(), &public()).unwrap().is_whole());
}
