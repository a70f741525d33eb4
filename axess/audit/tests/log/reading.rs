use crate::fixture::{Place, cents, entry, read_after, read_all};
use axess_audit::log::{AuditLogConfig, LogDepth, LogError, LogPosition};
use std::fs;

#[test]
fn reading_goes_on_anywhere_and_counts_what_is_left() {
    let place = Place::new();
    let log = place.open_with(AuditLogConfig { segment_bytes: 2_500, ..place.config() });
    (0..30).for_each(|n| drop(log.append(vec![entry(Some((n % 3) as u8), n)]).unwrap()));
    let all = read_all(&log);
    assert_eq!(all.len(), 30);
    assert_eq!(log.end().unwrap(), all[29].position);
    for handle in [&log, &place.open()] {
        for (index, from) in all.iter().enumerate().rev() {
            let rest = read_after(handle, from.position);
            assert_eq!(rest, all[index + 1..], "after {:?}", from.position);
            let depth = handle.depth_after(from.position).unwrap();
            assert_eq!(depth.entries as usize, 29 - index);
            assert_eq!(depth.bytes > 0, index < 29);
        }
        assert_eq!(handle.depth_after(LogPosition::default()).unwrap().entries, 30);
        assert_eq!(handle.depth_after(all[29].position).unwrap(), LogDepth::default());
    }
    let segments = log.segments().unwrap();
    assert_eq!(segments.iter().map(|segment| segment.entries).sum::<u64>(), 30);
    let files = segments.iter().map(|segment| fs::metadata(place.segment(segment.segment)).unwrap().len());
    assert!(segments.iter().zip(files).all(|(segment, length)| segment.bytes == length));
    assert!(segments.iter().all(|segment| segment.until.is_some()));
    assert_eq!(segments.iter().filter(|segment| segment.active).count(), 1);
}

#[test]
fn reading_keeps_to_its_limits_but_always_goes_on() {
    let place = Place::new();
    let log = place.open();
    log.append((0..10).map(|n| entry(None, n)).collect()).unwrap();
    assert_eq!(log.read(LogPosition::default(), 4, 1 << 20).unwrap().len(), 4);
    assert_eq!(log.read(LogPosition::default(), 10, 1).unwrap().len(), 1);
    assert_eq!(log.read(LogPosition::default(), 0, 1 << 20).unwrap().len(), 0);
    let two_lines = 2 * log.read(LogPosition::default(), 1, 0).unwrap()[0].record.body().len();
    assert_eq!(log.read(LogPosition::default(), 10, two_lines).unwrap().len(), 2);
}

#[test]
fn positions_that_are_not_in_the_log_are_refused() {
    let place = Place::new();
    let log = place.open_with(AuditLogConfig { segment_bytes: 1_500, ..place.config() });
    (0..6).for_each(|n| drop(log.append(vec![entry(None, n)]).unwrap()));
    for position in [LogPosition { segment: 1, offset: 99 }, LogPosition { segment: 99, offset: 0 }] {
        assert!(matches!(log.read(position, 10, 1 << 20), Err(LogError::NoSuchPosition(_))));
    }
    let end = log.end().unwrap();
    let behind = LogPosition { offset: end.offset + 1, ..end };
    assert!(matches!(log.read(behind, 10, 1 << 20), Err(LogError::NoSuchPosition(_))));
}

#[test]
fn what_is_read_is_the_line_and_the_event_in_it() {
    let place = Place::new();
    let log = place.open();
    let new = entry(Some(3), 7);
    log.append(vec![new.clone()]).unwrap();
    let read = read_all(&log).remove(0).record;
    assert_eq!((&read.event, read.scope(), read.event_id()), (&new.event, new.scope, new.event_id));
    let file = fs::read_to_string(place.segment(1)).unwrap();
    assert_eq!(file.lines().nth(1).unwrap().as_bytes(), read.line.unwrap());
}

#[test]
fn a_reader_never_sees_more_than_was_acknowledged() {
    let place = Place::new();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    // A writer that is in the middle of its batch: a whole line and a half one, not acknowledged.
    let bytes = fs::read(place.segment(1)).unwrap();
    let ahead = place.copy();
    ahead.open().append(vec![entry(None, 8), entry(None, 9)]).unwrap();
    let more = fs::read(ahead.segment(1)).unwrap();
    fs::write(place.segment(1), &more[..more.len() - 100]).unwrap();
    assert_eq!(cents(&read_all(&log)), [1]);
    fs::write(place.segment(1), bytes).unwrap();
    log.append(vec![entry(None, 2)]).unwrap();
    assert_eq!(cents(&read_all(&log)), [1, 2]);
}

#[test]
fn a_reader_in_another_handle_sees_what_was_acknowledged_at_once() {
    let place = Place::new();
    let (writer, reader) = (place.open(), place.open());
    let mut position = LogPosition::default();
    for n in 0..20 {
        writer.append(vec![entry(None, n)]).unwrap();
        let read = reader.read(position, 10, 1 << 20).unwrap();
        assert_eq!(cents(&read), [n]);
        position = read[0].position;
    }
}

#[test]
fn a_reader_that_cannot_tell_how_far_it_may_read_asks_the_log() {
    let place = Place::new();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    for garbage in [&b""[..], b"x", &[b'9'; 200], &[0; 126]] {
        fs::write(place.file("lock"), garbage).unwrap();
        assert_eq!(cents(&read_all(&log)), [1]);
        assert_eq!(log.depth_after(LogPosition::default()).unwrap().entries, 1);
    }
}
