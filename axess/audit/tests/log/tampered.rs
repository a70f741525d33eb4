//! Checkpoints and other files that somebody changed who may write to the folder and has no keys.

use crate::fixture::{Place, cents, entry, forget, read_all};
use axess_audit::{
    chain::{AuditSigningKey, Checkpoint, CheckpointReason, SignedCheckpoint, VerifyOptions, verify_folder},
    log::{AuditLogConfig, CheckpointEvery, LogError},
};
use chrono::DateTime;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::symlink,
};

fn lines(place: &Place) -> Vec<String> {
    let text = fs::read_to_string(place.file("checkpoints.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn add_line(place: &Place, line: &str) {
    let mut file = OpenOptions::new().append(true).open(place.file("checkpoints.jsonl")).unwrap();
    writeln!(file, "{}", line.trim_end()).unwrap();
}

fn stranger() -> AuditSigningKey {
    AuditSigningKey::from_bytes([8; 32])
}

/// A checkpoint of the whole log that somebody else signed.
fn of_stranger(log: &axess_audit::log::AuditLog, seq: u64) -> String {
    let heads = log.heads().unwrap();
    let checkpoint = Checkpoint {
        log: log.id(),
        scope: None,
        number: 1,
        at: DateTime::UNIX_EPOCH,
        seq,
        hash: heads.root(),
        order: Some(heads.order()),
        reason: CheckpointReason::Schedule,
    };
    String::from_utf8(checkpoint.sign(&stranger()).to_line()).unwrap()
}

#[track_caller]
fn assert_damaged<T: std::fmt::Debug>(result: Result<T, LogError>) {
    assert!(matches!(result, Err(LogError::Damaged { .. })), "{result:?}");
}

#[test]
fn a_forged_checkpoint_does_not_stop_checkpoints_in_silence() {
    for seq in [u64::MAX, 6] {
        let place = Place::new();
        let every = CheckpointEvery { entries: 3, ..crate::fixture::NEVER };
        let log = place.open_with(AuditLogConfig { checkpoint_every: every, ..place.config() });
        (0..5).for_each(|n| drop(log.append(vec![entry(None, n)]).unwrap()));
        let whole = lines(&place).into_iter().rfind(|line| line.contains(r#""chain":null"#)).unwrap();
        add_line(&place, &whole.replacen(r#""seq":3"#, &format!(r#""seq":{seq}"#), 1));
        // The checkpoint that is due finds it.
        log.append(vec![entry(None, 5)]).unwrap();
        assert_damaged(log.append(vec![entry(None, 6)]));
        assert_damaged(log.close());
        fs::remove_file(place.file("heads")).unwrap();
        assert_damaged(place.try_open());
    }
}

#[test]
fn a_forged_checkpoint_does_not_stop_the_one_at_the_end() {
    let place = Place::new();
    let log = place.open();
    (0..5).for_each(|n| drop(log.append(vec![entry(None, n)]).unwrap()));
    log.checkpoint(CheckpointReason::Request).unwrap();
    log.append(vec![entry(None, 5)]).unwrap();
    let whole = lines(&place).pop().unwrap();
    add_line(
        &place,
        &whole.replacen(r#""seq":5"#, r#""seq":6"#, 1).replacen(r#""number":1"#, r#""number":2"#, 1),
    );
    assert_damaged(log.close());
}

#[test]
fn a_checkpoint_of_another_key_or_an_older_one_is_refused_behind_our_own() {
    let place = Place::new();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    let foreign = of_stranger(&log, 1);
    log.checkpoint(CheckpointReason::Request).unwrap();
    let own = lines(&place)[0].clone();
    forget(log);
    for line in [foreign, own] {
        let place = place.copy();
        add_line(&place, &line);
        assert_damaged(place.try_open());
        fs::remove_file(place.file("heads")).unwrap();
        assert_damaged(place.try_open());
    }
}

#[test]
fn nothing_is_built_on_what_only_another_key_promises() {
    let place = Place::new();
    let log = place.open();
    (0..3).for_each(|n| drop(log.append(vec![entry(None, n)]).unwrap()));
    let (true_one, too_far) = (of_stranger(&log, 3), of_stranger(&log, 4));
    forget(log);
    let copy = place.copy();
    add_line(&copy, &too_far);
    assert_damaged(copy.try_open());
    add_line(&place, &true_one);
    place.open().close().unwrap();
    let own = place.keys.signing.public_key();
    let signed = lines(&place).into_iter().map(|line| SignedCheckpoint::parse(line.as_bytes()).unwrap());
    assert_eq!(signed.filter(|signed| signed.verify(&[own])).count(), 2, "the chain and the whole log");
}

#[test]
fn a_signing_key_can_be_exchanged() {
    let mut place = Place::new();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    log.close().unwrap();
    let old = std::mem::replace(&mut place.keys.signing, stranger());
    for (n, heads) in [(2, true), (3, true), (4, false)] {
        if !heads {
            fs::remove_file(place.file("heads")).unwrap();
        }
        let log = place.open();
        log.append(vec![entry(None, n)]).unwrap();
        log.close().unwrap();
    }
    let keys = vec![old.public_key(), place.keys.signing.public_key()];
    let report = verify_folder(&place.path, &VerifyOptions { keys, ..VerifyOptions::default() }).unwrap();
    assert!(report.is_whole() && report.attested == 4, "{:#?}", report.findings);
}

#[test]
fn checkpoints_that_are_cut_or_deleted_while_the_log_is_open_are_missed() {
    for keep in [Some(4), Some(0), None] {
        let place = Place::new();
        let every = CheckpointEvery { entries: 1, ..crate::fixture::NEVER };
        let log = place.open_with(AuditLogConfig { checkpoint_every: every, ..place.config() });
        (0..6).for_each(|n| drop(log.append(vec![entry(None, n)]).unwrap()));
        let path = place.file("checkpoints.jsonl");
        match keep {
            Some(count) => {
                let text: String = lines(&place)[..count].iter().map(|line| format!("{line}\n")).collect();
                fs::write(&path, text).unwrap();
            }
            None => fs::remove_file(&path).unwrap(),
        }
        assert_damaged(log.checkpoint(CheckpointReason::Request));
        assert_damaged(log.append(vec![entry(None, 7)]));
        assert_damaged(log.close());
        assert_eq!(path.exists(), keep.is_some(), "nothing was changed");
    }
}

#[test]
fn checkpoints_that_were_cut_or_deleted_while_the_log_was_closed_are_missed() {
    let place = Place::new();
    for n in 0..3 {
        let log = place.open();
        log.append(vec![entry(Some(1), n)]).unwrap();
        log.close().unwrap();
    }
    let all = lines(&place);
    for keep in [None, Some(0), Some(2), Some(all.len() - 1)] {
        let place = place.copy();
        let path = place.file("checkpoints.jsonl");
        match keep {
            Some(count) => {
                let text: String = all[..count].iter().map(|line| format!("{line}\n")).collect();
                fs::write(&path, text).unwrap();
            }
            None => fs::remove_file(&path).unwrap(),
        }
        for _ in 0..2 {
            assert_damaged(place.try_open());
        }
        assert_eq!(path.exists(), keep.is_some(), "nothing was changed");
    }
    drop(place.open());
}

#[test]
fn a_log_that_was_killed_before_its_first_checkpoint_opens() {
    let place = Place::new();
    let log = place.open();
    (0..5).for_each(|n| drop(log.append(vec![entry(None, n)]).unwrap()));
    forget(log);
    for is_there in [true, false] {
        let place = place.copy();
        if !is_there {
            fs::remove_file(place.file("checkpoints.jsonl")).unwrap();
        }
        let log = place.open_with(AuditLogConfig::new(&place.path));
        assert_eq!(cents(&read_all(&log)).len(), 5);
        log.close().unwrap();
        place.assert_whole();
    }
}

#[test]
fn a_link_in_the_place_of_a_file_to_come_is_not_followed() {
    let place = Place::new();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, place.file("heads.tmp")).unwrap();
    log.checkpoint(CheckpointReason::Request).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(fs::symlink_metadata(place.file("heads")).unwrap().is_file());
}

#[test]
fn a_handle_that_slept_does_not_read_all_that_others_wrote() {
    let place = Place::new();
    let small = AuditLogConfig { segment_bytes: 4_000, ..place.config() };
    let (awake, asleep) = (place.open_with(small.clone()), place.open_with(small));
    asleep.append(vec![entry(Some(1), 0)]).unwrap();
    (1..60).for_each(|n| drop(awake.append(vec![entry(Some(1), n)]).unwrap()));
    assert!(place.segment(4).exists());
    // A changed byte in between is for the verifier to find.
    let original = fs::read(place.segment(2)).unwrap();
    let mut bytes = original.clone();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(place.segment(2), bytes).unwrap();
    asleep.append(vec![entry(Some(1), 60)]).unwrap();
    fs::write(place.segment(2), original).unwrap();
    awake.append(vec![entry(Some(1), 61)]).unwrap();
    assert_eq!(cents(&read_all(&asleep)), (0..62).collect::<Vec<_>>());
    drop(asleep);
    awake.close().unwrap();
    place.assert_whole();
}
