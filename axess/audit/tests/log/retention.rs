use crate::fixture::{Place, cents, entry, forget, kinds, read_after, read_all, tenant_id};
use axess_audit::{
    chain::{CheckpointReason, Entry, LogId},
    log::{AuditLog, AuditLogConfig, LogError, LogPosition},
};
use axess_core::store::AuditScope;
use std::{fs, thread};

fn filled() -> (Place, AuditLog) {
    let place = Place::new();
    let log = place.open_with(AuditLogConfig { segment_bytes: 4_000, ..place.config() });
    for n in 0..40 {
        let tenant = if n < 10 { Some(9) } else { (n % 2 == 0).then_some(1) };
        log.append(vec![entry(tenant, n)]).unwrap();
    }
    (place, log)
}

#[test]
fn retired_segments_are_vouched_for_and_the_rest_verifies() {
    let (place, log) = filled();
    let middle = read_all(&log)[20].position;
    let before = log.segments().unwrap().len();
    assert_eq!(log.retire(4).unwrap(), 3);
    assert_eq!(log.retire(4).unwrap(), 0);
    assert_eq!(log.segments().unwrap()[0].segment, 4);
    assert!(before > 4);
    let error = log.read(LogPosition { segment: 1, offset: 1 }, 10, 1 << 20).unwrap_err();
    let LogError::Retired { first } = error else { panic!("{error}") };
    assert_eq!(first, LogPosition { segment: 4, offset: 0 });
    assert_eq!(read_after(&log, first), read_all(&log));
    assert!(middle.segment >= 4 || log.read(middle, 1, 1).is_err());
    let deleted = read_all(&log);
    let deleted =
        deleted.iter().filter(|entry| entry.record.envelope.payload.event_type == "AuditEventsDeleted");
    assert!(deleted.count() >= 3);
    log.append(vec![entry(Some(9), 100)]).unwrap();
    log.close().unwrap();
    place.assert_whole();
    // A log whose front is gone is opened without its file of heads, too.
    fs::remove_file(place.file("heads")).unwrap();
    let log = place.open();
    log.append(vec![entry(Some(9), 101)]).unwrap();
    log.close().unwrap();
    place.assert_whole();
}

#[test]
fn the_active_segment_is_never_retired() {
    let (place, log) = filled();
    let active = log.end().unwrap().segment;
    log.retire(u64::MAX).unwrap();
    assert!(log.end().unwrap().segment >= active);
    log.append(vec![entry(Some(1), 100)]).unwrap();
    assert_eq!(cents(&read_all(&log)).last(), Some(&100));
    log.close().unwrap();
    place.assert_whole();
}

#[test]
fn a_crash_between_vouching_and_deleting_leaves_a_log_that_verifies() {
    let (place, log) = filled();
    let gone = fs::read(place.segment(1)).unwrap();
    assert_eq!(log.retire(2).unwrap(), 1);
    forget(log);
    // The file was not deleted yet.
    fs::write(place.segment(1), gone).unwrap();
    let again = place.open();
    again.checkpoint(CheckpointReason::Request).unwrap();
    place.assert_whole();
    assert_eq!(again.retire(3).unwrap(), 2);
    again.close().unwrap();
    place.assert_whole();
}

#[test]
fn a_writer_that_slept_through_rotation_and_retention_goes_on_at_the_end() {
    let (place, log) = filled();
    let sleeper = Place::at(place.path.clone()).open();
    (40..80).for_each(|n| drop(log.append(vec![entry(Some(1), n)]).unwrap()));
    log.retire(log.end().unwrap().segment).unwrap();
    sleeper.append(vec![entry(Some(1), 100)]).unwrap();
    log.append(vec![entry(Some(1), 101)]).unwrap();
    let all = cents(&read_all(&log));
    assert_eq!(all[all.len() - 2..], [100, 101]);
    drop(sleeper);
    log.close().unwrap();
    place.assert_whole();
}

/// Makes the note of every event of a chain longer, as an erasure does, without the event that vouches for it.
fn blacken(log: &AuditLog, scope: AuditScope) -> u64 {
    log.rewrite::<LogError>(|entry| {
        if entry.scope() != scope {
            return Ok(None);
        }
        let text = std::str::from_utf8(entry.event()).unwrap();
        let longer = text.replace("\"note\":\"", "\"note\":\"[a text in place of what was there before] ");
        Ok(Some(entry.rewritten(longer.as_bytes(), [7; 16], 1)))
    })
    .unwrap()
}

#[test]
fn readers_keep_their_place_when_entries_are_rewritten() {
    let (place, log) = filled();
    let scope = AuditScope::Tenant(tenant_id(1));
    let before = read_all(&log);
    let reader = place.open();
    let halves: Vec<_> = before.iter().map(|entry| read_after(&reader, entry.position).len()).collect();
    // Twice, so that the second file may have the inode of the first.
    assert_eq!((blacken(&log, scope), blacken(&log, scope)), (15, 15));
    let after = read_all(&log);
    assert_eq!(after.len(), before.len());
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((old.position, old.record.event_id()), (new.position, new.record.event_id()));
        let is_new = new.record.envelope.payload.fields["note"] != "";
        assert_eq!(is_new, new.record.scope() == scope);
    }
    for (index, old) in before.iter().enumerate() {
        for handle in [&reader, &log] {
            let rest = read_after(handle, old.position);
            assert_eq!(rest.len(), halves[index]);
            assert_eq!(rest, after[index + 1..]);
        }
    }
    assert_eq!(log.depth_after(before[3].position).unwrap().entries, 36);
    for (handle, cents) in [(&reader, 100), (&log, 101)] {
        handle.append(vec![entry(Some(1), cents)]).unwrap();
    }
    log.close().unwrap();
    // Nobody vouched: the verifier names the entries, and nothing else.
    let report = place.verify();
    assert_eq!(kinds(&report.findings).len(), 15, "{:#?}", report.findings);
    let log = place.open();
    assert_eq!(read_all(&log).len(), 42);
}

#[test]
fn a_rewrite_may_not_move_or_change_the_chain() {
    let (_place, log) = filled();
    let mut previous: Option<Vec<u8>> = None;
    let error = log
        .rewrite::<LogError>(|entry| Ok(previous.replace(entry.rewritten(entry.event(), [1; 16], 1))))
        .unwrap_err();
    assert!(matches!(error, LogError::Refused { .. }), "{error}");
    let error = log.rewrite::<LogError>(|_| Ok(Some(b"{}".to_vec()))).unwrap_err();
    assert!(matches!(error, LogError::Refused { .. }), "{error}");
    let error = log.rewrite::<LogError>(|_| Err(LogError::Closed)).unwrap_err();
    assert!(matches!(error, LogError::Closed), "{error}");
    assert_eq!(cents(&read_all(&log)), (0..40).collect::<Vec<_>>());
}

#[test]
fn reading_appending_rotating_retiring_and_rewriting_at_once() {
    let (place, log) = filled();
    let scope = AuditScope::Tenant(tenant_id(1));
    thread::scope(|threads| {
        threads.spawn(|| {
            for n in 100..250 {
                log.append(vec![entry((n % 2 == 0).then_some(1), n)]).unwrap();
            }
        });
        threads.spawn(|| {
            for _ in 0..4 {
                blacken(&log, scope);
            }
        });
        let reader = Place::at(place.path.clone()).open();
        let mut position = LogPosition::default();
        let mut last = 0;
        while last < 249 {
            match reader.read(position, 5, 1 << 20) {
                Ok(read) => {
                    for entry in &read {
                        Entry::parse(entry.record.line.as_ref().unwrap()).unwrap();
                        assert!(entry.position > position);
                        position = entry.position;
                    }
                    let read = cents(&read);
                    assert!(
                        read.iter().all(|cents| { *cents > last || *cents == 0 }),
                        "{read:?} after {last}"
                    );
                    last = read.last().copied().unwrap_or(last);
                }
                Err(LogError::Retired { first }) => position = first,
                Err(error) => panic!("{error}"),
            }
            if last == 120 {
                log.retire(3).unwrap();
            }
        }
    });
    let id: LogId = log.id();
    assert_eq!(log.heads().unwrap().log(), id);
}
