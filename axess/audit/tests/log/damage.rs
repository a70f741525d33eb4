//! What no crash leaves: it is refused, and nothing is changed.

use crate::fixture::{Place, cents, entry, forget, read_all, tenant_id};
use axess_audit::{
    chain::{AuditKeys, seal},
    log::{AuditLogConfig, LogError},
};
use axess_core::store::AuditScope;
use axess_rng::MockRng;
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

fn some_segments() -> Place {
    let place = Place::new();
    let log = place.open_with(AuditLogConfig { segment_bytes: 2_000, ..place.config() });
    (0..10).for_each(|n| drop(log.append(vec![entry(Some(1), n)]).unwrap()));
    forget(log);
    fs::remove_file(place.file("heads")).unwrap();
    assert!(place.segment(3).exists());
    place
}

fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files
        .filter(|file| file.file_name() != "lock")
        .map(|file| (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).unwrap()))
        .collect()
}

#[track_caller]
fn assert_refused(place: &Place) {
    let before = content(&place.path);
    let error = place.try_open().unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("axess-audit verify") && text.contains("move it away"), "{text}");
    assert_eq!(content(&place.path), before);
}

fn replace_line(path: &Path, index: usize, change: impl FnOnce(&str) -> Vec<String>) {
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let new = change(&lines[index]);
    lines.splice(index..=index, new);
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn damage_in_the_middle_is_refused() {
    for number in 1..=3 {
        let garbage = some_segments();
        replace_line(&garbage.segment(number), 1, |_| vec!["garbage".into()]);
        assert_refused(&garbage);
        let zeros = some_segments();
        replace_line(&zeros.segment(number), 1, |line| vec!["\0".repeat(line.len())]);
        assert_refused(&zeros);
        let missing = some_segments();
        replace_line(&missing.segment(number), 1, |_| vec![]);
        assert_refused(&missing);
        let twice = some_segments();
        replace_line(&twice.segment(number), 1, |line| vec![line.into(), line.into()]);
        assert_refused(&twice);
        let header = some_segments();
        replace_line(&header.segment(number), 0, |_| vec!["{}".into()]);
        assert_refused(&header);
    }
}

#[test]
fn a_segment_that_is_not_the_last_must_be_whole() {
    for number in 1..=2 {
        let place = some_segments();
        let bytes = fs::read(place.segment(number)).unwrap();
        fs::write(place.segment(number), &bytes[..bytes.len() - 10]).unwrap();
        assert_refused(&place);
        let place = some_segments();
        fs::write(place.segment(number), "").unwrap();
        assert_refused(&place);
    }
    let place = some_segments();
    fs::remove_file(place.segment(2)).unwrap();
    assert_refused(&place);
}

#[test]
fn segments_of_another_log_or_in_another_order_are_refused() {
    let (place, other) = (some_segments(), some_segments());
    fs::copy(other.segment(3), place.segment(3)).unwrap();
    assert_refused(&place);
    let place = some_segments();
    fs::rename(place.segment(2), place.segment(9)).unwrap();
    fs::rename(place.segment(3), place.segment(2)).unwrap();
    fs::rename(place.segment(9), place.segment(3)).unwrap();
    assert_refused(&place);
    let place = some_segments();
    fs::copy(other.file("log.json"), place.file("log.json")).unwrap();
    assert_refused(&place);
}

#[test]
fn damaged_checkpoints_are_refused_unless_they_are_the_last() {
    let place = some_segments();
    replace_line(&place.file("checkpoints.jsonl"), 0, |_| vec!["garbage".into()]);
    assert_refused(&place);
}

#[test]
fn a_log_that_is_cut_while_it_is_open_is_refused_until_it_is_opened_again() {
    let place = Place::new();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    let bytes = fs::read(place.segment(1)).unwrap();
    log.append(vec![entry(None, 2)]).unwrap();
    fs::write(place.segment(1), bytes).unwrap();
    for _ in 0..2 {
        let error = log.append(vec![entry(None, 3)]).unwrap_err();
        assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    }
}

#[test]
fn segments_that_are_deleted_are_missed() {
    let place = Place::new();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    fs::remove_file(place.segment(1)).unwrap();
    for _ in 0..2 {
        let error = log.append(vec![entry(None, 2)]).unwrap_err();
        assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    }
    assert!(!place.segment(1).exists(), "nothing was changed");
    let place = some_segments();
    let mut number = 1;
    while fs::remove_file(place.segment(number)).is_ok() {
        number += 1;
    }
    assert_refused(&place);
}

#[test]
fn an_entry_that_was_changed_or_forged_is_not_built_upon() {
    let place = some_segments();
    let last = place.last_segment();
    let text = fs::read_to_string(&last).unwrap();
    fs::write(&last, text.replacen("\"cents\":9", "\"cents\":8", 1)).unwrap();
    assert_refused(&place);

    // A line that fits in every way, but made without the key; while the log is open, too.
    let place = some_segments();
    let log = place.open();
    let scope = AuditScope::Tenant(tenant_id(1));
    let thief = AuditKeys::generate(&MockRng::new(2));
    let head = log.heads().unwrap().head(scope);
    let (line, _) = seal(log.id(), scope, head, &entry(Some(1), 10).event, [7; 16], &thief);
    let line = String::from_utf8(line).unwrap();
    let line = line.replace(&thief.mac.id().to_string(), &place.keys.mac.id().to_string());
    let mut file = OpenOptions::new().append(true).open(place.last_segment()).unwrap();
    file.write_all(line.as_bytes()).unwrap();
    let error = log.append(vec![entry(Some(1), 11)]).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    forget(log);
    assert_refused(&place);
}

#[test]
fn a_lying_cache_is_ignored() {
    let original = Place::new();
    let fill = |numbers: std::ops::Range<u64>, last: u64| {
        let log = original.open();
        numbers.for_each(|n| drop(log.append(vec![entry(Some(1), n)]).unwrap()));
        log.append(vec![entry(Some(2), last)]).unwrap();
        log.close().unwrap();
        fs::read_to_string(original.file("heads")).unwrap()
    };
    let honest = fill(0..5, 5);
    let later = fill(6..9, 9);
    let (mac, body) = (honest.lines().nth(1).unwrap(), later.lines().next().unwrap());
    // The last line is where it says; the head of the other chain is an older one.
    let behind = later.replacen("\"seq\":8", "\"seq\":7", 1);
    // An old one is true of an old log; one with another's MAC, a changed one and another log's are not.
    let of_another_log = {
        let other = Place::new();
        let log = other.open();
        (0..9).for_each(|n| drop(log.append(vec![entry(Some(1), n)]).unwrap()));
        log.close().unwrap();
        fs::read_to_string(other.file("heads")).unwrap()
    };
    assert_ne!(behind, later);
    for heads in [honest.clone(), format!("{body}\n{mac}\n"), behind, of_another_log, "{}\nx\n".into()] {
        let place = original.copy();
        fs::write(place.file("heads"), heads).unwrap();
        let log = place.open();
        log.append(vec![entry(Some(1), 10)]).unwrap();
        assert_eq!(cents(&read_all(&log)), (0..11).collect::<Vec<_>>());
        log.close().unwrap();
        place.assert_whole();
    }
}
