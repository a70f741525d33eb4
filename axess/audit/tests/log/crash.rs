//! What a crash can leave, at every byte.

use crate::fixture::{Place, cents, entry, forget, read_all, repairs};
use axess_audit::{
    chain::CheckpointReason,
    log::{AuditLogConfig, LogError},
};
use std::fs;

/// A log of two segments with a checkpoint, and unattested entries behind it.
fn unfinished() -> Place {
    let place = Place::new();
    let log = place.open_with(AuditLogConfig { segment_bytes: 2_500, ..place.config() });
    for n in 0..6 {
        log.append(vec![entry((n % 2 == 0).then_some(1), n)]).unwrap();
    }
    forget(log);
    assert!(place.segment(2).exists() && !place.segment(3).exists());
    place
}

/// Opens, appends, closes and verifies what a crash left; returns the events and the repairs.
#[track_caller]
fn recover(place: &Place) -> (Vec<u64>, Vec<u64>) {
    let log = place.open();
    log.append(vec![entry(Some(1), 100), entry(None, 101)]).unwrap();
    let all = read_all(&log);
    log.close().unwrap();
    place.assert_whole();
    (cents(&all), repairs(&all))
}

#[test]
fn the_last_segment_may_be_cut_at_every_byte() {
    let original = unfinished();
    let whole = fs::read(original.segment(2)).unwrap();
    let ends: Vec<usize> =
        whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    let before = 6 - (ends.len() - 1);
    for length in 0..whole.len() {
        let place = original.copy();
        fs::write(place.segment(2), &whole[..length]).unwrap();
        let (cents, repairs) = recover(&place);
        let kept = ends.iter().filter(|end| **end <= length).count().saturating_sub(1);
        let expected: Vec<u64> = (0..(before + kept) as u64).chain([100, 101]).collect();
        assert_eq!(cents, expected, "cut at {length}");
        let last = ends.iter().rev().find(|end| **end <= length).copied().unwrap_or(0);
        let torn = (length - last) as u64;
        let is_torn = torn > 0 || length == 0;
        assert_eq!(repairs, if is_torn { vec![torn] } else { vec![] }, "cut at {length}");
    }
}

#[test]
fn zeros_and_garbage_at_the_end_are_cut_off_and_recorded() {
    let original = unfinished();
    let half_a_line = &fs::read(original.segment(1)).unwrap()[200..500];
    let zeros = vec![0; 10_000];
    let long = vec![b'x'; 3_000_000];
    for tail in [&b"\0"[..], &zeros, b"{\"v\":1,", b"garbage\nmore\n\n", half_a_line, &long, b"\n"] {
        let place = original.copy();
        let mut bytes = fs::read(place.segment(2)).unwrap();
        bytes.extend_from_slice(tail);
        fs::write(place.segment(2), bytes).unwrap();
        let (cents, repairs) = recover(&place);
        assert_eq!(cents, [0, 1, 2, 3, 4, 5, 100, 101]);
        assert_eq!(repairs, [tail.len() as u64]);
    }
}

#[test]
fn a_crash_in_the_middle_of_a_repair_is_repaired() {
    let original = unfinished();
    let good = fs::read(original.segment(2)).unwrap();
    let torn = [&good[..], &[b'#'; 5_000]].concat();
    let repaired = {
        let place = original.copy();
        fs::write(place.segment(2), &torn).unwrap();
        forget(place.open());
        fs::read(place.segment(2)).unwrap()
    };
    // The record is written over the torn end, which is longer: at every byte of it the process may die.
    for written in (good.len()..=repaired.len()).step_by(7) {
        let place = original.copy();
        fs::write(place.segment(2), [&repaired[..written], &torn[written..]].concat()).unwrap();
        let (cents, repairs) = recover(&place);
        assert_eq!(cents, [0, 1, 2, 3, 4, 5, 100, 101]);
        assert!(!repairs.is_empty());
    }
}

#[test]
fn a_running_writer_repairs_what_another_left() {
    let place = Place::new();
    let (log, other) = (place.open(), place.open());
    log.append(vec![entry(None, 1)]).unwrap();
    let bytes = [&fs::read(place.segment(1)).unwrap()[..], b"{\"v\":1,\"chain\""].concat();
    fs::write(place.segment(1), bytes).unwrap();
    other.append(vec![entry(None, 2)]).unwrap();
    log.append(vec![entry(None, 3)]).unwrap();
    let all = read_all(&log);
    assert_eq!((cents(&all), repairs(&all)), (vec![1, 2, 3], vec![14]));
    drop(other);
    log.close().unwrap();
    place.assert_whole();
}

#[test]
fn the_checkpoints_may_be_cut_at_every_byte_of_the_last_batch() {
    let original = unfinished();
    let log = original.open();
    let before = fs::read(original.file("checkpoints.jsonl")).unwrap().len();
    // They are kept after the checkpoints are on the disk.
    let heads = fs::read(original.file("heads")).ok();
    log.checkpoint(CheckpointReason::Request).unwrap();
    forget(log);
    match heads {
        Some(heads) => fs::write(original.file("heads"), heads).unwrap(),
        None => fs::remove_file(original.file("heads")).unwrap(),
    }
    let whole = fs::read(original.file("checkpoints.jsonl")).unwrap();
    for length in before..whole.len() {
        let place = original.copy();
        fs::write(place.file("checkpoints.jsonl"), &whole[..length]).unwrap();
        assert_eq!(recover(&place).0, [0, 1, 2, 3, 4, 5, 100, 101], "cut at {length}");
        if length % 16 > 0 {
            continue;
        }
        let garbage = [&whole[..length], &[0; 400]].concat();
        let place = original.copy();
        fs::write(place.file("checkpoints.jsonl"), garbage).unwrap();
        recover(&place);
    }
}

#[test]
fn the_small_files_may_be_cut_at_every_byte() {
    let original = unfinished();
    original.open().checkpoint(CheckpointReason::Request).unwrap();
    for name in ["log.json", "heads", "lock"] {
        let whole = fs::read(original.file(name)).unwrap();
        for length in 0..whole.len() {
            let place = original.copy();
            fs::write(place.file(name), &whole[..length]).unwrap();
            assert_eq!(recover(&place).0, [0, 1, 2, 3, 4, 5, 100, 101], "{name} cut at {length}");
        }
        let place = original.copy();
        fs::remove_file(place.file(name)).unwrap();
        recover(&place);
        let place = original.copy();
        fs::write(place.file(name), vec![0; whole.len()]).unwrap();
        recover(&place);
    }
}

#[test]
fn what_is_left_of_files_being_put_in_place_does_no_harm() {
    let place = unfinished();
    for name in ["log.tmp", "heads.tmp", "000000000003.tmp"] {
        fs::write(place.file(name), "{\"v\":1,\"lo").unwrap();
    }
    fs::write(place.file("mine.tmp"), "of somebody else").unwrap();
    recover(&place);
    let left = fs::read_dir(&place.path).unwrap().map(|file| file.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_str().unwrap().ends_with(".tmp")).collect();
    assert_eq!(left, ["mine.tmp"]);
}

#[test]
fn a_crash_between_a_new_segment_and_its_first_entry_is_survived() {
    let place = unfinished();
    let log = place.open_with(AuditLogConfig { segment_bytes: 1, ..place.config() });
    log.append(vec![entry(None, 6)]).unwrap();
    forget(log);
    let header = fs::read(place.segment(3)).unwrap();
    let header = &header[..=header.iter().position(|byte| *byte == b'\n').unwrap()];
    fs::write(place.segment(3), header).unwrap();
    assert_eq!(recover(&place).0, [0, 1, 2, 3, 4, 5, 100, 101]);
}

#[test]
fn a_log_shorter_than_a_checkpoint_promises_is_refused() {
    let original = unfinished();
    let log = original.open();
    log.checkpoint(CheckpointReason::Request).unwrap();
    forget(log);
    let whole = fs::read(original.segment(2)).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        let place = original.copy();
        fs::write(place.segment(2), &whole[..length]).unwrap();
        let error = place.try_open().unwrap_err();
        assert!(matches!(error, LogError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("promises"), "{error}");
        assert_eq!(fs::read(place.segment(2)).unwrap(), &whole[..length], "nothing was changed");
    }
    let place = original.copy();
    fs::remove_file(place.segment(2)).unwrap();
    assert!(matches!(place.try_open(), Err(LogError::Damaged { .. })));
}
