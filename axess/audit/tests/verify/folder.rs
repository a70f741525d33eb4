//! Files as such: torn, huge, missing, not files at all, and a log that is written to meanwhile.

use crate::sample::{A, B, S, Sample, assert_whole, joined};
use axess_audit::chain::{
    CheckpointReason, FindingKind, VerifyError, VerifyOptions, extract_folder, verify_folder,
};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
};
use tempfile::TempDir;

fn written(sample: &Sample) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    sample.write(folder.path());
    folder
}

fn append(folder: &TempDir, name: &str, bytes: &[u8]) {
    OpenOptions::new().append(true).open(folder.path().join(name)).unwrap().write_all(bytes).unwrap();
}

fn kinds(folder: &TempDir, options: &VerifyOptions) -> Vec<FindingKind> {
    verify_folder(folder.path(), options).unwrap().findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn a_torn_tail_is_no_tampering() {
    let mut sample = Sample::standard();
    let folder = written(&sample);
    sample.add(A);
    let line = sample.line(A, 11).clone();
    append(&folder, "000000000003.jsonl", &line);
    append(&folder, "checkpoints.jsonl", br#"{"checkpoint":{"v":1,"log"#);
    let report = verify_folder(folder.path(), &sample.options()).unwrap();
    assert_whole(&report);
    let torn = report.torn.unwrap();
    assert_eq!((torn.segment, torn.line, torn.bytes), (3, 12, line.len() as u64));

    append(&folder, "000000000003.jsonl", b"\n");
    let report = verify_folder(folder.path(), &sample.options()).unwrap();
    assert_eq!((report.torn, report.unattested()), (None, 1));
}

#[test]
fn a_torn_line_that_is_not_the_last_is_damage() {
    let sample = Sample::standard();
    let folder = written(&sample);
    let mut two = joined(&sample.segments[&2]);
    two.pop();
    fs::write(folder.path().join("000000000002.jsonl"), two).unwrap();
    assert_eq!(kinds(&folder, &sample.options()), [FindingKind::Damaged]);
}

#[test]
fn a_huge_line_takes_no_memory() {
    let sample = Sample::standard();
    let folder = written(&sample);
    let tail = joined(&sample.segments[&3]);
    let file = File::create(folder.path().join("000000000003.jsonl")).unwrap();
    // A hole: a line of a quarter of a gibibyte that takes no room on the disk.
    file.set_len(256 * 1_024 * 1_024).unwrap();
    append(&folder, "000000000003.jsonl", b"\n");
    append(&folder, "000000000003.jsonl", &tail);
    let found = kinds(&folder, &sample.options());
    assert!(found.contains(&FindingKind::File), "the header is not one: {found:?}");
}

#[test]
fn what_holds_no_log_is_an_error() {
    let options = VerifyOptions::default();
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(verify_folder(empty.path(), &options), Err(VerifyError::NoLog { .. })));
    let missing = empty.path().join("missing");
    assert!(matches!(verify_folder(&missing, &options), Err(VerifyError::Io { .. })));

    let sample = Sample::standard();
    let folder = written(&sample);
    fs::remove_file(folder.path().join("000000000002.jsonl")).unwrap();
    fs::create_dir(folder.path().join("000000000002.jsonl")).unwrap();
    assert!(matches!(verify_folder(folder.path(), &sample.options()), Err(VerifyError::Io { .. })));
}

#[test]
fn a_lost_or_foreign_log_file_is_found() {
    let sample = Sample::standard();
    let folder = written(&sample);
    let log = folder.path().join("log.json");
    fs::remove_file(&log).unwrap();
    assert_eq!(kinds(&folder, &sample.options()), [FindingKind::File]);
    fs::write(&log, "{").unwrap();
    assert_eq!(kinds(&folder, &sample.options()), [FindingKind::File]);
    fs::write(&log, r#"{"v":1,"id":"00000000-0000-4000-8000-000000000001"}"#).unwrap();
    let found = kinds(&folder, &sample.options());
    assert!(
        found.contains(&FindingKind::WrongLog) && found.contains(&FindingKind::BadCheckpoint),
        "{found:?}"
    );
}

#[test]
fn files_beside_the_log_are_left_alone() {
    let sample = Sample::standard();
    let folder = written(&sample);
    for name in ["lock", "heads.json", "1.jsonl", "000000000001.jsonl.tmp", "00000000000a.jsonl"] {
        fs::write(folder.path().join(name), "anything").unwrap();
    }
    assert_eq!(kinds(&folder, &sample.options()), []);
}

#[test]
fn a_log_that_grows_raises_no_alarm() {
    let mut sample = Sample::standard();
    let folder = written(&sample);
    let (options, done) = (sample.with_macs(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..300_usize {
                let chain = [A, B, S][round % 3];
                let link = sample.add(chain);
                let mut line = sample.line(chain, link.seq).clone();
                line.push(b'\n');
                let number = *sample.segments.keys().last().unwrap();
                // In two pieces, so that a reader sees half a line.
                let (first, second) = line.split_at(line.len() / 2);
                append(&folder, &format!("{number:012}.jsonl"), first);
                append(&folder, &format!("{number:012}.jsonl"), second);
                if round % 7 == 0 {
                    let from = sample.checkpoints.len();
                    sample.checkpoint(CheckpointReason::Schedule);
                    append(&folder, "checkpoints.jsonl", &joined(&sample.checkpoints[from..]));
                }
                if round % 20 == 0 {
                    sample.rotate();
                    let (number, lines) = sample.segments.last_key_value().unwrap();
                    fs::write(folder.path().join(format!("{number:012}.jsonl")), joined(lines)).unwrap();
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            assert_whole(&verify_folder(folder.path(), &options).unwrap());
        }
    });
    assert_eq!(verify_folder(folder.path(), &options).unwrap().entries, 330);
}

#[test]
fn an_extract_is_verified_on_its_own() {
    let sample = Sample::standard();
    let folder = written(&sample);
    let to = tempfile::tempdir().unwrap();
    let extract = to.path().join("tenant");
    assert_eq!(extract_folder(folder.path(), B, &extract).unwrap(), 10);
    let only = VerifyOptions { only: Some(B), ..sample.with_macs() };
    let report = verify_folder(&extract, &only).unwrap();
    assert_whole(&report);
    assert_eq!((report.entries, report.attested, report.chains.len()), (10, 10, 1));
    // It is not a whole log, and is not taken for one.
    assert!(!verify_folder(&extract, &sample.options()).unwrap().is_whole());
    // The chain can be looked at in the log itself as well.
    assert_whole(&verify_folder(folder.path(), &only).unwrap());

    let text = fs::read_to_string(extract.join("000000000001.jsonl")).unwrap();
    let cut: Vec<&str> = text.lines().filter(|line| !line.contains(r#""seq":4,"#)).collect();
    fs::write(extract.join("000000000001.jsonl"), cut.join("\n") + "\n").unwrap();
    let report = verify_folder(&extract, &only).unwrap();
    assert_eq!((report.findings[0].kind, report.findings[0].seq), (FindingKind::Missing, Some(4)));
    assert!(extract_folder(folder.path(), B, &extract).is_err(), "nothing is overwritten");
}
