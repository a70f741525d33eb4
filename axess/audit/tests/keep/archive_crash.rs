//! An archive whose process ends at any byte, is killed, or finds its disk full.

use crate::fixture::{CAP, archived, copy_folder, day, open, public, rows, start, tenant};
use axess_audit::archive::{
    ArchiveBatch, ArchiveError, AuditArchiver, FilesystemAuditArchiver, verify_archive,
};
use axess_core::store::{AuditRow, AuditScope};
use axess_identity::TenantId;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

const MINE: u8 = 1;
const CHILD: &str = "AXESS_KEEP_CHILD";

async fn add(archive: &FilesystemAuditArchiver, rows: Vec<AuditRow>) -> Result<u64, ArchiveError> {
    let scope = AuditScope::Tenant(tenant(MINE));
    archive.archive_batch(ArchiveBatch { scope, rows, at: day(100) }).await
}

fn whole(folder: &Path) -> bool {
    verify_archive(folder, &public()).unwrap().is_whole()
}

#[tokio::test]
async fn a_batch_that_was_cut_off_at_any_byte_is_cut_away() {
    let place = tempfile::tempdir().unwrap();
    let [one, two, cut] = ["one", "two", "cut"].map(|name| place.path().join(name));
    drop({
        let archive = open(&one);
        add(&archive, rows(0..5, tenant(MINE), start())).await.unwrap();
        archive
    });
    copy_folder(&one, &two);
    add(&open(&two), rows(5..9, tenant(MINE), start())).await.unwrap();
    let file = Path::new(&tenant(MINE).to_string()).join("2026-01-10.jsonl.gz");
    let (before, after) = (fs::read(one.join(&file)).unwrap(), fs::read(two.join(&file)).unwrap());
    assert!(after.starts_with(&before));
    for length in before.len()..=after.len() {
        copy_folder(&one, &cut);
        fs::write(cut.join(&file), &after[..length]).unwrap();
        // What is there already is readable before anybody repairs it.
        assert_eq!(whole(&cut), length == before.len(), "{length} bytes");
        drop(open(&cut));
        assert!(whole(&cut), "{length} bytes");
        assert_eq!(fs::read(cut.join(&file)).unwrap(), before);
        if length % 16 == 0 {
            assert_eq!(add(&open(&cut), rows(0..9, tenant(MINE), start())).await.unwrap(), 4);
            assert_eq!(archived(&cut, tenant(MINE)).len(), 9);
            assert!(whole(&cut));
        }
        fs::remove_dir_all(&cut).unwrap();
    }
}

#[tokio::test]
async fn a_batch_whose_manifest_or_index_was_not_written_is_taken_up() {
    let place = tempfile::tempdir().unwrap();
    let mine = tenant(MINE).to_string();
    let files = |folder: &Path| {
        [format!("{mine}/2026-01-10.json"), format!("{mine}/index.json")].map(|file| folder.join(file))
    };
    for batches in [1, 2] {
        for written in 0..=2 {
            let [one, two] =
                ["one", "two"].map(|name| place.path().join(format!("{name}{batches}{written}")));
            let archive = open(&one);
            // Another day, so that the tenant is known.
            add(&archive, rows(20..22, tenant(MINE), day(5))).await.unwrap();
            if batches == 2 {
                add(&archive, rows(0..5, tenant(MINE), start())).await.unwrap();
            }
            drop(archive);
            copy_folder(&one, &two);
            add(&open(&two), rows(5..9, tenant(MINE), start())).await.unwrap();
            // The files that come after the point at which it ended are the old ones.
            for (old, new) in files(&one).iter().zip(files(&two)).skip(written) {
                match fs::read(old) {
                    Ok(bytes) => fs::write(new, bytes).unwrap(),
                    Err(_) => fs::remove_file(new).unwrap(),
                }
            }
            let archive = open(&two);
            let all = if batches == 2 {
                rows(0..9, tenant(MINE), start())
            } else {
                rows(5..9, tenant(MINE), start())
            };
            let want = if batches == 2 { 11 } else { 6 };
            add(&archive, all).await.unwrap();
            assert_eq!(archived(&two, tenant(MINE)).len(), want, "{batches}/{written}");
            assert!(
                whole(&two),
                "{batches}/{written}: {:?}",
                verify_archive(&two, &public()).unwrap().findings
            );
        }
    }
}

/// What the killed child does: archives without end and says what is safe.
#[tokio::test]
async fn child_that_archives_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let archive = open(Path::new(&folder));
    let scope = AuditScope::Tenant(tenant(MINE));
    let mut next = u64::try_from(archived(Path::new(&folder), tenant(MINE)).len()).unwrap();
    loop {
        let day = day(i64::try_from(next / 300 % 3).unwrap());
        let rows = rows(next..next + 30, tenant(MINE), day);
        archive.archive_batch(ArchiveBatch { scope, rows, at: day }).await.unwrap();
        next += 30;
        println!("SAFE {next}");
    }
}

#[test]
fn nothing_that_was_safe_is_lost_when_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let mut safe = 0;
    for round in 0..8_u64 {
        let mut child = Command::new(&program)
            .args(["--exact", "archive_crash::child_that_archives_until_it_is_killed", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines
            .map_while(Result::ok)
            .filter_map(|line| line.split_once("SAFE ")?.1.trim().parse::<u64>().ok());
        let wanted = safe + 60 + round * 37;
        for number in said {
            safe = number;
            if number >= wanted {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(open(folder.path()));
        let lines = archived(folder.path(), tenant(MINE));
        assert!(u64::try_from(lines.len()).unwrap() >= safe, "{} of {safe}", lines.len());
        let once: std::collections::BTreeSet<_> = lines.iter().collect();
        assert_eq!(once.len(), lines.len());
        let report = verify_archive(folder.path(), &public()).unwrap();
        assert!(report.is_whole(), "{:?}", report.findings);
        safe = report.events;
    }
    assert!(safe > 500, "{safe}");
}

/// A file system in memory, which goes with the test.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(kib: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={kib}k,mode=700");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).status();
        assert!(
            mount.is_ok_and(|status| status.success()),
            "this test mounts a small tmpfs: run it as root (a container's root with CAP_SYS_ADMIN will do)"
        );
        Self(folder)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg("-l").arg(self.0.path()).status().unwrap().success());
    }
}

fn noisy(first: u64, tenant_id: TenantId) -> Vec<AuditRow> {
    // What cannot be compressed.
    let noise = |n: u64| {
        let mut state = n + 1;
        let draw = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + u8::try_from(state >> 58).unwrap())
        };
        (0..2_000).map(draw).collect::<String>()
    };
    (first..first + 20)
        .map(|n| {
            let fields = serde_json::json!({ "noise": noise(n) });
            crate::fixture::row(&crate::fixture::with_fields(n, tenant_id, start(), fields), None)
        })
        .collect()
}

#[tokio::test]
async fn a_full_disk_is_said_and_loses_nothing() {
    let small = Small::mount(400);
    let folder = small.0.path().join("archive");
    let archive = open(&folder);
    let mut archived_rows = 0;
    let ballast = small.0.path().join("ballast");
    fs::write(&ballast, vec![0; 100_000]).unwrap();
    let refused = loop {
        match add(&archive, noisy(archived_rows, tenant(MINE))).await {
            Ok(added) => archived_rows += added,
            Err(error) => break error,
        }
        assert!(archived_rows < u64::try_from(CAP).unwrap());
    };
    assert!(matches!(refused, ArchiveError::Full { .. }), "{refused:?}");
    assert!(refused.to_string().contains("full") && archived_rows > 0);
    assert!(whole(&folder), "{:?}", verify_archive(&folder, &public()).unwrap().findings);
    let lines = archived(&folder, tenant(MINE)).len();
    assert_eq!(u64::try_from(lines).unwrap(), archived_rows);
    fs::remove_file(ballast).unwrap();
    assert_eq!(add(&archive, noisy(archived_rows, tenant(MINE))).await.unwrap(), 20);
    assert!(whole(&folder));
}
