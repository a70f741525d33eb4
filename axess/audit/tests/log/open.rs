use crate::fixture::{self, Place, cents, entry, ids, read_all};
use axess_audit::{
    chain::{AuditKeys, CheckpointReason},
    log::{AuditLog, AuditLogConfig, CheckpointEvery, FsyncPolicy, LogError, LogPosition},
};
use axess_rng::{MockRng, SystemRng};
use chrono::TimeDelta;
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

#[test]
fn what_was_appended_is_there_after_a_restart_and_the_chain_goes_on() {
    let place = Place::new();
    let log = place.open();
    let first = log.append(vec![entry(Some(1), 1), entry(Some(2), 2), entry(None, 3)]).unwrap();
    assert_eq!(first[2], LogPosition { segment: 1, offset: 3 });
    log.close().unwrap();
    let log = place.open();
    log.append(vec![entry(Some(1), 4)]).unwrap();
    assert_eq!(cents(&read_all(&log)), [1, 2, 3, 4]);
    log.close().unwrap();
    place.assert_whole();
    assert_eq!(place.verify().unattested(), 0);
}

#[test]
fn files_are_for_their_owner_only() {
    let place = Place::new();
    let log = place.open_with(AuditLogConfig { segment_bytes: 1_000, ..place.config() });
    (0..10).for_each(|n| drop(log.append(vec![entry(None, n)]).unwrap()));
    log.close().unwrap();
    assert_eq!(fs::metadata(&place.path).unwrap().permissions().mode() & 0o777, 0o700);
    let mut files = 0;
    for file in fs::read_dir(&place.path).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        files += 1;
    }
    assert!(files > 5, "segments, checkpoints, heads, lock, log.json");
}

#[test]
fn a_closed_log_takes_nothing_and_says_so() {
    let place = Place::new();
    let log = place.open();
    let clone = log.clone();
    log.close().unwrap();
    log.close().unwrap();
    assert!(matches!(clone.append(vec![entry(None, 1)]), Err(LogError::Closed)));
}

#[test]
fn an_entry_that_is_not_what_it_says_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let log = place.open();
    let good = entry(Some(1), 1);
    let mut other_chain = entry(Some(1), 2);
    other_chain.scope = axess_core::store::AuditScope::System;
    let mut other_id = entry(Some(1), 3);
    other_id.event_id = good.event_id;
    let mut two_lines = entry(None, 4);
    two_lines.event = [&two_lines.event[..], b"\n{}"].concat().into();
    for bad in [other_chain, other_id, two_lines] {
        let error = log.append(vec![good.clone(), bad]).unwrap_err();
        assert!(matches!(error, LogError::Refused { .. }), "{error}");
    }
    assert!(read_all(&log).is_empty());
    let many = vec![good; 10_001];
    assert!(matches!(log.append(many), Err(LogError::BatchTooLarge { entries: 10_001, .. })));
}

#[test]
fn a_hundred_tenants_interleaved_have_a_chain_each() {
    let place = Place::new();
    let log = place.open_with(AuditLogConfig { segment_bytes: 40_000, ..place.config() });
    for round in 0..5 {
        log.append((0..100).map(|tenant| entry(Some(tenant), round)).collect()).unwrap();
    }
    assert_eq!(log.heads().unwrap().iter().filter(|(_, link)| link.seq == 5).count(), 100);
    log.close().unwrap();
    place.assert_whole();
    assert_eq!(place.verify().chains.len(), 100);
}

#[test]
fn a_clock_that_goes_backwards_changes_nothing_about_the_order() {
    let place = Place::new();
    let every = CheckpointEvery { entries: u64::MAX, interval: Duration::from_secs(60) };
    let log = place.open_with(AuditLogConfig { checkpoint_every: every, ..place.config() });
    for n in 0..20 {
        place.clock.jump(TimeDelta::seconds(if n % 2 == 0 { -3_600 } else { 100 }));
        log.append(vec![entry(Some(1), n)]).unwrap();
    }
    assert_eq!(cents(&read_all(&log)), (0..20).collect::<Vec<_>>());
    log.close().unwrap();
    place.assert_whole();
}

#[test]
fn checkpoints_come_by_number_by_time_and_at_the_end_of_a_segment() {
    let place = Place::new();
    let lines = || fs::read_to_string(place.file("checkpoints.jsonl")).unwrap_or_default().lines().count();
    let every = CheckpointEvery { entries: 5, interval: Duration::from_secs(60) };
    let log = place.open_with(AuditLogConfig { checkpoint_every: every, ..place.config() });
    (0..4).for_each(|n| drop(log.append(vec![entry(None, n)]).unwrap()));
    assert_eq!((lines(), log.tick().unwrap()), (0, 0));
    log.append(vec![entry(None, 4)]).unwrap();
    assert_eq!(lines(), 2, "the chain and the whole log");
    log.append(vec![entry(Some(1), 5)]).unwrap();
    assert_eq!(log.tick().unwrap(), 0);
    place.clock.advance(Duration::from_secs(60));
    assert_eq!(log.tick().unwrap(), 2, "only the chain that changed, and the whole log");
    place.clock.jump(TimeDelta::seconds(-7_200));
    assert_eq!(log.tick().unwrap(), 0, "nothing changed");
    log.append(vec![entry(None, 6)]).unwrap();
    assert_eq!(lines(), 6, "a clock that was set back makes it due");
    assert_eq!(log.checkpoint(CheckpointReason::Request).unwrap(), 0);
    log.close().unwrap();
    let small = AuditLogConfig { segment_bytes: 100, ..place.config() };
    let log = place.open_with(small);
    log.append(vec![entry(None, 7)]).unwrap();
    log.append(vec![entry(None, 8)]).unwrap();
    assert!(fs::read_to_string(place.file("checkpoints.jsonl")).unwrap().contains(r#""reason":"rotation""#));
    log.close().unwrap();
    place.assert_whole();
}

#[test]
fn every_policy_keeps_what_was_appended() {
    for fsync in [FsyncPolicy::Always, FsyncPolicy::Every(Duration::from_millis(1)), FsyncPolicy::Never] {
        let place = Place::new();
        let config = AuditLogConfig { fsync, segment_bytes: 5_000, ..place.config() };
        let log = place.open_with(config);
        (0..50).for_each(|n| drop(log.append(vec![entry(None, n)]).unwrap()));
        log.sync().unwrap();
        assert_eq!(cents(&read_all(&log)).len(), 50);
        log.close().unwrap();
        place.assert_whole();
    }
}

#[test]
fn other_keys_are_refused_at_opening_and_while_open() {
    let mut place = Place::new();
    let ours = place.open();
    place.keys = AuditKeys::generate(&MockRng::new(2));
    let theirs = place.open();
    theirs.append(vec![entry(None, 1)]).unwrap();
    let error = ours.append(vec![entry(None, 2)]).unwrap_err();
    assert!(matches!(error, LogError::ForeignKey { .. }), "{error}");
    assert!(error.to_string().contains("same keys"), "{error}");
    theirs.close().unwrap();
    place.keys = fixture::keys();
    assert!(matches!(place.try_open(), Err(LogError::ForeignKey { .. })));
    place.keys.previous_macs.push(AuditKeys::generate(&MockRng::new(2)).mac);
    let log = place.open();
    log.append(vec![entry(None, 3)]).unwrap();
    assert_eq!(cents(&read_all(&log)), [1, 3]);
}

#[test]
fn an_event_is_appended_once_even_after_a_restart() {
    let place = Place::new();
    let small = AuditLogConfig { segment_bytes: 2_000, ..place.config() };
    let log = place.open_with(small.clone());
    let batch: Vec<_> = (0..20).map(|n| entry(Some(1), n)).collect();
    log.append_once(batch[..10].to_vec()).unwrap();
    let twice = [&batch[..12], &batch[10..12]].concat();
    let positions = log.append_once(twice).unwrap();
    assert_eq!(
        positions.iter().map(Option::is_some).collect::<Vec<_>>(),
        [[false; 10].as_slice(), &[true; 2], &[false; 2]].concat()
    );
    fixture::forget(log);
    let log = place.open_with(small);
    let positions = log.append_once(batch.clone()).unwrap();
    assert_eq!(positions.iter().flatten().count(), 8);
    assert_eq!(ids(&read_all(&log)), batch.iter().map(|entry| entry.event_id).collect::<Vec<_>>());
}

#[test]
fn opening_reads_only_what_came_after_the_last_checkpoint() {
    let place = Place::new();
    let log = place.open();
    for n in 0..20 {
        log.append((0..1_000).map(|m| entry(Some((m % 100) as u8), n)).collect()).unwrap();
    }
    log.close().unwrap();
    // What lies before the kept heads is not looked at: a changed byte there is for the verifier to find.
    let mut bytes = fs::read(place.segment(1)).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(place.segment(1), bytes).unwrap();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    log.close().unwrap();
    assert!(!place.verify().is_whole());
}

#[test]
fn a_log_can_be_begun_before_its_keys_are_there() {
    let place = Place::new();
    assert!(!AuditLog::is_at(&place.path).unwrap());
    for _ in 0..2 {
        AuditLog::begin(&place.path, &place.clock, &SystemRng).unwrap();
        assert!(AuditLog::is_at(&place.path).unwrap());
    }
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    AuditLog::begin(&place.path, &place.clock, &SystemRng).unwrap();
    log.close().unwrap();
    place.assert_whole();
    // Where it was removed and its checkpoints were not, none is begun over them.
    fs::remove_file(place.segment(1)).unwrap();
    AuditLog::begin(&place.path, &place.clock, &SystemRng).unwrap();
    assert!(!AuditLog::is_at(&place.path).unwrap());
}

#[test]
fn a_folder_that_goes_away_is_noticed() {
    let place = Place::new();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    fs::rename(&place.path, place.path.with_extension("moved")).unwrap();
    assert!(matches!(log.append(vec![entry(None, 2)]), Err(LogError::Gone(_))));
    let other = place.open();
    assert!(matches!(log.append(vec![entry(None, 3)]), Err(LogError::Gone(_))));
    other.append(vec![entry(None, 4)]).unwrap();
    assert_eq!(cents(&read_all(&other)), [4]);
    drop((log, other));
    fs::remove_dir_all(&place.path).unwrap();
    fs::write(&place.path, "a file").unwrap();
    assert!(matches!(place.try_open(), Err(LogError::Io { .. })));
}
