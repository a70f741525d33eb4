//! What a disk does that no file system in a test can be made to do.

use super::{disk::faults, *};
use axess_clock::MockClock;
use axess_core::store::AuditScope;
use axess_events::{AuthEvent, AuthEventEnvelope, account::PasswordChanged};
use axess_identity::{EventId, UserId};
use axess_rng::MockRng;
use std::{fs, time::Duration};
use tempfile::TempDir;

fn open(folder: &TempDir, fsync: FsyncPolicy) -> AuditLog {
    let config = AuditLogConfig {
        fsync,
        checkpoint_every: CheckpointEvery { entries: u64::MAX, interval: Duration::MAX },
        ..AuditLogConfig::new(folder.path())
    };
    let keys = AuditKeys::generate(&MockRng::new(1));
    AuditLog::open(config, keys, Arc::new(MockClock::default()), Arc::new(MockRng::new(2))).unwrap()
}

fn entry(number: u8) -> NewEntry {
    let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [number; 10]) });
    let id = EventId::from_parts(1, [number; 10]);
    NewEntry::of(&AuthEventEnvelope::new(id, chrono::DateTime::UNIX_EPOCH, event)).unwrap()
}

fn numbers(log: &AuditLog) -> Vec<u8> {
    let read = log.read(LogPosition::default(), 1_000, 1 << 20).unwrap();
    read.iter().map(|entry| entry.record.event_id().as_uuid().as_bytes()[15]).collect()
}

fn segment(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("000000000001.jsonl")
}

#[test]
fn a_write_that_fails_at_any_byte_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, FsyncPolicy::Always);
    log.append(vec![entry(1)]).unwrap();
    let before = fs::read(segment(&folder)).unwrap();
    for bytes in (0..1_500).step_by(13) {
        faults::fail_write_after(bytes);
        let error = log.append(vec![entry(2), entry(3), entry(4)]).unwrap_err();
        assert!(matches!(error, LogError::NoSpace { .. }), "{error}");
        assert_eq!(fs::read(segment(&folder)).unwrap(), before);
        assert_eq!(log.heads().unwrap().head(AuditScope::System).unwrap().seq, 1);
    }
    log.append(vec![entry(5)]).unwrap();
    assert_eq!(numbers(&log), [1, 5]);
}

#[test]
fn a_write_that_cannot_be_taken_back_is_repaired_by_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, FsyncPolicy::Always);
    log.append(vec![entry(1)]).unwrap();
    faults::fail_write_after(100);
    faults::fail_cuts(1);
    log.append(vec![entry(2)]).unwrap_err();
    assert_eq!(numbers(&log), [1], "a reader does not see it");
    log.append(vec![entry(3)]).unwrap();
    let read = log.read(LogPosition::default(), 10, 1 << 20).unwrap();
    let types: Vec<_> = read.iter().map(|entry| entry.record.envelope.payload.event_type.as_str()).collect();
    assert_eq!(types, ["PasswordChanged", "AuditLogRepaired", "PasswordChanged"]);
    assert_eq!(read[1].record.envelope.payload.fields["torn_bytes"], 100);
    assert_eq!(read[1].record.occurred_at(), MockClock::default().now(), "by the injected clock");
}

#[test]
fn what_a_failed_sync_left_in_doubt_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, FsyncPolicy::Always);
    log.append(vec![entry(1)]).unwrap();
    let before = fs::read(segment(&folder)).unwrap();
    faults::fail_syncs(1);
    let error = log.append(vec![entry(2)]).unwrap_err();
    assert!(matches!(error, LogError::Io { doing: "force to disk", .. }) && error.is_transient(), "{error}");
    assert_eq!(fs::read(segment(&folder)).unwrap(), before);
    log.append(vec![entry(3)]).unwrap();
    assert_eq!(numbers(&log), [1, 3]);
}

#[test]
fn under_a_lenient_policy_what_was_acknowledged_stays_and_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, FsyncPolicy::Never);
    log.append(vec![entry(1), entry(2)]).unwrap();
    faults::fail_syncs(3);
    log.sync().unwrap_err();
    // Nothing more is acknowledged until that is safe.
    log.append(vec![entry(3)]).unwrap_err();
    log.sync().unwrap_err();
    assert_eq!(numbers(&log), [1, 2]);
    log.append(vec![entry(4)]).unwrap();
    assert_eq!(numbers(&log), [1, 2, 4]);
}

#[test]
fn a_checkpoint_that_cannot_be_written_keeps_the_numbers_without_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, FsyncPolicy::Always);
    log.append(vec![entry(1)]).unwrap();
    for (write, sync) in [(Some(40), 0), (Some(500), 0), (None, 2)] {
        if let Some(bytes) = write {
            faults::fail_write_after(bytes);
        }
        faults::fail_syncs(sync);
        log.checkpoint(CheckpointReason::Request).unwrap_err();
        faults::fail_syncs(0);
    }
    log.checkpoint(CheckpointReason::Request).unwrap();
    log.append(vec![entry(2)]).unwrap();
    log.checkpoint(CheckpointReason::Request).unwrap();
    let lines = fs::read_to_string(folder.path().join("checkpoints.jsonl")).unwrap();
    let numbers: Vec<_> = lines
        .lines()
        .map(|line| crate::chain::SignedCheckpoint::parse(line.as_bytes()).unwrap().checkpoint.number)
        .collect();
    assert_eq!(numbers, [1, 1, 2, 2]);
}

#[test]
fn a_segment_that_cannot_be_begun_fails_the_batch_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, FsyncPolicy::Always);
    drop(log);
    let config = AuditLogConfig { segment_bytes: 10, ..AuditLogConfig::new(folder.path()) };
    let keys = AuditKeys::generate(&MockRng::new(1));
    let (clock, rng) = (Arc::new(MockClock::default()), Arc::new(MockRng::new(3)));
    let log = AuditLog::open(config, keys, clock, rng).unwrap();
    log.append(vec![entry(1)]).unwrap();
    for syncs in 1..4 {
        faults::fail_syncs(syncs);
        let failed = log.append(vec![entry(2)]);
        faults::fail_syncs(0);
        if failed.is_ok() {
            panic!("a sync of {syncs} was not asked for");
        }
    }
    log.append(vec![entry(3)]).unwrap();
    assert_eq!(numbers(&log), [1, 3]);
}

#[test]
fn a_repair_that_fails_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, FsyncPolicy::Always);
    log.append(vec![entry(1)]).unwrap();
    let torn = [&fs::read(segment(&folder)).unwrap()[..], b"{\"v\":1,\"ch"].concat();
    fs::write(segment(&folder), torn).unwrap();
    faults::fail_write_after(3);
    log.append(vec![entry(2)]).unwrap_err();
    faults::fail_syncs(1);
    log.append(vec![entry(2)]).unwrap_err();
    log.append(vec![entry(2)]).unwrap();
    assert_eq!(numbers(&log).len(), 3);
}

#[test]
fn a_log_with_all_the_chains_it_can_hold_takes_no_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, FsyncPolicy::Always);
    log.append(vec![entry(1)]).unwrap();
    let full = |state: &mut state::State| {
        state.chains = MAX_CHAINS;
        Ok(())
    };
    log.0.core.exclusive(full).unwrap();
    let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [7; 10]) });
    let id = EventId::from_parts(1, [7; 10]);
    let tenant = axess_identity::TenantId::from_parts(0, [7; 10]);
    let envelope = AuthEventEnvelope::new(id, chrono::DateTime::UNIX_EPOCH, event).with_tenant(tenant);
    let of_a_new_tenant = NewEntry::of(&envelope).unwrap();
    let batch = vec![entry(2), of_a_new_tenant.clone()];
    assert!(matches!(log.append(batch), Err(LogError::TooManyChains)));
    // In a group only that one is refused.
    let (outcomes, _) = log.0.core.append_each(&[entry(3), of_a_new_tenant, entry(4)]);
    assert!(matches!(outcomes[..], [Ok(_), Err(LogError::TooManyChains), Ok(_)]), "{outcomes:?}");
    assert_eq!(numbers(&log), [1, 3, 4]);
}
