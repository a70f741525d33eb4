//! Changes to the entries, each with what must be found and where.

use crate::sample::{A, B, S, Sample, Short, assert_whole, short, without_feed};
use axess_audit::chain::{
    AuditKeys, Entry,
    FindingKind::{
        self, Damaged, Edited, File, Inserted, MacStripped, MacWrong, Missing, Reordered, Rewritten,
        Truncated, Unattested,
    },
    seal,
};
use axess_core::store::AuditScope;
use axess_rng::MockRng;

type Change = fn(&mut Sample);

fn found(kind: FindingKind, chain: AuditScope, seq: u64, segment: u64, line: u64) -> Short {
    (kind, Some(chain), Some(seq), Some(segment), Some(line))
}

#[track_caller]
fn check(name: &str, change: Change, expected: &[Short]) {
    let mut sample = Sample::standard();
    change(&mut sample);
    let report = sample.verify();
    let shorts: Vec<Short> = report.findings.iter().map(short).collect();
    assert_eq!(shorts, expected, "{name}: {:#?}", report.findings);
}

/// Replaces the first character of the value that follows `before` in the line of an entry.
fn turn(sample: &mut Sample, scope: AuditScope, seq: u64, before: &str) {
    let line = sample.line(scope, seq);
    let at = line.windows(before.len()).position(|part| part == before.as_bytes()).unwrap() + before.len();
    line[at] = if line[at] == b'B' { b'C' } else { b'B' };
}

fn stranger() -> AuditKeys {
    AuditKeys::generate(&MockRng::new(99))
}

/// Makes an entry behind A5 with the keys of somebody else.
fn forged(sample: &mut Sample, keys: &AuditKeys) -> Vec<u8> {
    let head = Entry::parse(sample.line(A, 5)).unwrap().link();
    let event = sample.event();
    without_feed(seal(sample.heads.log(), A, Some(head), &event, [9; 16], keys).0)
}

#[test]
fn an_untouched_log_is_whole() {
    let sample = Sample::standard();
    let report = sample.verify();
    assert_whole(&report);
    assert_eq!((report.entries, report.attested, report.checkpoints), (30, 30, 12));
    assert_eq!((report.segments, report.chains.len()), (Some((1, 3)), 3));
    let report = sample.verify_with(&sample.with_macs());
    assert_whole(&report);
    assert!(report.macs_checked);
}

#[test]
fn the_places_of_the_sample_are_as_the_tables_say() {
    let sample = Sample::standard();
    assert_eq!((sample.find(A, 5), sample.find(A, 6), sample.find(A, 7)), ((2, 3), (2, 6), (2, 9)));
}

/// Line numbers count from 1, so that index 3 is line 4.
const A5: (u64, u64) = (2, 4);

#[test]
fn an_edited_field_names_its_entry() {
    let (segment, line) = A5;
    let edited = [found(Edited, A, 5, segment, line)];
    check("event", |log| edit(log, "Funds", "Bonds"), &edited);
    check("amount", |log| edit(log, r#""amount":1"#, r#""amount":7"#), &edited);
    check("event id", |log| edit(log, r#""event_id":"0"#, r#""event_id":"1"#), &edited);
    check("salt", |log| turn(log, A, 5, r#""salt":""#), &edited);
    check("prev", |log| turn(log, A, 5, r#""prev":""#), &edited);
    check("key", |log| turn(log, A, 5, r#""key":""#), &edited);
    check("hash", |log| turn(log, A, 5, r#""hash":""#), &edited);
    check("mac", |log| turn(log, A, 5, r#""mac":""#), &edited);
    check("seq", |log| edit(log, r#""seq":5"#, r#""seq":6"#), &edited);
    check("seq far away", |log| edit(log, r#""seq":5"#, r#""seq":5000"#), &edited);
    check(
        "moved to another tenant",
        |log| edit(log, &crate::sample::name(A), &crate::sample::name(B)),
        &edited,
    );
    check(
        "moved to a new tenant",
        |log| edit(log, &crate::sample::name(A), "00000000-0000-7000-8000-00000000000f"),
        &edited,
    );
    check("moved to no tenant", |log| edit(log, &crate::sample::name(A), "system"), &edited);
}

fn edit(sample: &mut Sample, from: &str, to: &str) {
    let text = sample.text(A, 5);
    assert!(text.contains(from), "{from} is not in {text}");
    *sample.line(A, 5) = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn a_line_that_is_no_entry_names_the_entry_that_is_gone() {
    let (segment, line) = A5;
    let damaged = [found(Damaged, A, 5, segment, line)];
    check("white space", |log| edit(log, r#","event":"#, r#", "event":"#), &damaged);
    check("white space in the event", |log| edit(log, r#""amount":"#, r#""amount": "#), &damaged);
    check("duplicate field", |log| edit(log, r#","salt":"#, r#","seq":5,"salt":"#), &damaged);
    check(
        "duplicate field in the event",
        |log| edit(log, r#"{"amount":"#, r#"{"amount":1,"amount":"#),
        &damaged,
    );
    check("escaped letter", |log| edit(log, "Funds", "\\u0046unds"), &damaged);
    check("leading zero", |log| edit(log, r#""seq":5"#, r#""seq":05"#), &damaged);
    check("other version", |log| edit(log, r#"{"v":1"#, r#"{"v":2"#), &damaged);
    check("unknown field", |log| edit(log, r#"{"v":1"#, r#"{"v":1,"w":1"#), &damaged);
    check("carriage return", |log| log.line(A, 5).push(b'\r'), &damaged);
    check("NUL at the end", |log| log.line(A, 5).push(0), &damaged);
    check("NUL in the event", |log| edit(log, "Funds", "F\0nds"), &damaged);
    check(
        "no UTF-8",
        |log| {
            let at = log.line(A, 5).len() - 130;
            log.line(A, 5)[at] = 0xff;
        },
        &damaged,
    );
    check("emptied", |log| log.line(A, 5).clear(), &damaged);
    check("cut short", |log| log.line(A, 5).truncate(200), &damaged);
    check(
        "nested too deep",
        |log| edit(log, r#"{"amount":"#, &format!(r#"{{"a":{},"amount":"#, "[".repeat(9_000))),
        &damaged,
    );
    check("far too long", |log| edit(log, "Funds", &"F".repeat(300_000)), &damaged);
    check(
        "a line feed inside",
        |log| edit(log, "Funds", "Fun\nds"),
        &[found(Damaged, A, 5, segment, line), (Damaged, None, None, Some(segment), Some(line + 1))],
    );
}

#[test]
fn deletions_are_found() {
    check("one", |log| drop(log.remove(A, 5)), &[found(Missing, A, 5, 2, 6)]);
    check("the first of a chain", |log| drop(log.remove(A, 1)), &[found(FindingKind::FrontCut, A, 2, 1, 4)]);
    check(
        "several of a chain",
        |log| (4..=7).for_each(|seq| drop(log.remove(A, seq))),
        &[found(Missing, A, 4, 3, 3)],
    );
    check(
        "neighbours",
        |log| {
            log.remove(A, 5);
            log.remove(B, 5);
        },
        &[found(Missing, A, 5, 2, 5), found(Missing, B, 5, 2, 6)],
    );
    check(
        "a segment",
        |log| drop(log.segments.remove(&2)),
        &[
            (File, None, None, Some(3), Some(1)),
            found(Missing, S, 4, 3, 2),
            found(Missing, A, 5, 3, 3),
            found(Missing, B, 4, 3, 4),
        ],
    );
    check(
        "a whole chain",
        |log| log.segments.values_mut().for_each(|lines| lines.retain(|line| !is_of(line, A))),
        &[(Truncated, Some(A), Some(1), None, None)],
    );
}

fn is_of(line: &[u8], scope: AuditScope) -> bool {
    Entry::place_of(line).is_some_and(|(chain, _)| chain == scope)
}

#[test]
fn a_cut_end_is_found() {
    check(
        "the last entry",
        |log| drop(log.segments.get_mut(&3).unwrap().pop()),
        &[found(Truncated, S, 10, 3, 8)],
    );
    check(
        "the last segment",
        |log| drop(log.segments.remove(&3)),
        &[found(Truncated, S, 7, 2, 9), found(Truncated, A, 8, 2, 10), found(Truncated, B, 8, 2, 11)],
    );
    check(
        "within a line",
        |log| log.segments.get_mut(&3).unwrap().last_mut().unwrap().truncate(100),
        &[found(Damaged, S, 10, 3, 11), found(Unattested, S, 10, 3, 11)],
    );
}

#[test]
fn insertions_are_found() {
    check("a copy behind itself", |log| copy_of_a5_before(log, 6), &[found(Inserted, A, 5, 2, 7)]);
    check("a copy further on", |log| copy_of_a5_before(log, 9), &[found(Inserted, A, 5, 3, 6)]);
    check(
        "a forged entry before the one whose place it takes",
        |log| {
            let line = forged(log, &stranger());
            log.insert_before(A, 6, line);
        },
        &[found(Inserted, A, 6, 2, 7)],
    );
    check(
        "a forged entry behind the one whose place it takes",
        |log| {
            let line = forged(log, &stranger());
            log.insert_before(A, 7, line);
        },
        &[found(Inserted, A, 6, 2, 10)],
    );
    check(
        "a forged entry that follows nothing",
        |log| {
            let line = String::from_utf8(forged(log, &stranger())).unwrap();
            let event = Entry::parse(line.as_bytes()).unwrap().event().to_vec();
            let head = Some(axess_audit::chain::Link { seq: 5, hash: [3; 32] });
            let line = seal(log.heads.log(), A, head, &event, [9; 16], &stranger()).0;
            log.insert_before(A, 6, without_feed(line));
        },
        &[found(Inserted, A, 6, 2, 7)],
    );
    check(
        "garbage",
        |log| log.insert_before(A, 6, b"{}".to_vec()),
        &[(Damaged, None, None, Some(2), Some(7))],
    );
    check(
        "an entry of another log",
        |log| {
            let line = Sample::new(8).first_line_of(A);
            log.insert_before(A, 6, line);
        },
        &[found(Edited, A, 1, 2, 7)],
    );
}

impl Sample {
    fn first_line_of(mut self, scope: AuditScope) -> Vec<u8> {
        self.add(scope);
        self.line(scope, 1).clone()
    }
}

fn copy_of_a5_before(log: &mut Sample, seq: u64) {
    let copy = log.line(A, 5).clone();
    log.insert_before(A, seq, copy);
}

fn swap(log: &mut Sample, first: (AuditScope, u64), second: (AuditScope, u64)) {
    let ((one, at), (two, to)) = (log.find(first.0, first.1), log.find(second.0, second.1));
    let line = log.segments[&one][at].clone();
    let other = std::mem::replace(&mut log.segments.get_mut(&two).unwrap()[to], line);
    log.segments.get_mut(&one).unwrap()[at] = other;
}

#[test]
fn another_order_is_found() {
    check("neighbours of a chain", |log| swap(log, (A, 5), (A, 6)), &[found(Reordered, A, 5, 2, 7)]);
    check("the first two", |log| swap(log, (A, 1), (A, 2)), &[found(Reordered, A, 2, 1, 2)]);
    check("over segments", |log| swap(log, (A, 2), (A, 9)), &[found(Reordered, A, 9, 1, 5)]);
    check("two chains", |log| swap(log, (A, 5), (B, 5)), &[(Reordered, None, None, Some(2), Some(11))]);
    check(
        "two chains at the end",
        |log| swap(log, (B, 10), (S, 10)),
        &[(Reordered, None, None, Some(3), Some(11))],
    );
    check(
        "moved back",
        |log| {
            let line = log.remove(A, 5);
            log.insert_before(A, 9, line);
        },
        &[found(Reordered, A, 5, 3, 6)],
    );
}

#[test]
fn misplaced_segments_are_found() {
    check(
        "exchanged",
        |log| {
            let two = log.segments.remove(&2).unwrap();
            let three = log.segments.insert(3, two).unwrap();
            log.segments.insert(2, three);
        },
        &[
            (File, None, None, Some(2), Some(1)),
            found(Reordered, S, 7, 2, 2),
            found(Reordered, A, 8, 2, 3),
            found(Reordered, B, 8, 2, 4),
            (File, None, None, Some(3), Some(1)),
        ],
    );
    check(
        "renamed",
        |log| {
            let two = log.segments.remove(&2).unwrap();
            log.segments.insert(4, two);
        },
        &[
            (File, None, None, Some(3), Some(1)),
            found(Reordered, S, 7, 3, 2),
            found(Reordered, A, 8, 3, 3),
            found(Reordered, B, 8, 3, 4),
            (File, None, None, Some(4), Some(1)),
        ],
    );
}

#[test]
fn a_segment_that_stands_twice_is_found() {
    let mut sample = Sample::standard();
    let two = sample.segments[&2].clone();
    sample.segments.insert(4, two);
    let kinds: Vec<_> = sample.verify().findings.iter().map(|finding| finding.kind).collect();
    assert_eq!((kinds[0], kinds.len()), (File, 11));
    assert!(kinds[1..].iter().all(|kind| *kind == Inserted));
}

#[test]
fn a_mac_that_is_gone_is_found() {
    let (segment, line) = A5;
    let stripped = [found(MacStripped, A, 5, segment, line)];
    check("taken out", |log| cut_mac(log, "}"), &stripped);
    check("emptied", |log| cut_mac(log, r#","mac":""}"#), &stripped);
    check("null", |log| cut_mac(log, r#","mac":null}"#), &stripped);
    check("zeroed", |log| cut_mac(log, &format!(r#","mac":"{}"}}"#, "A".repeat(43))), &stripped);
    check(
        "replaced",
        |log| cut_mac(log, &format!(r#","mac":"{}"}}"#, "B".repeat(42) + "A")),
        &[found(Edited, A, 5, segment, line)],
    );
    let mut sample = Sample::standard();
    cut_mac(&mut sample, &format!(r#","mac":"{}"}}"#, "B".repeat(42) + "A"));
    let report = sample.verify_with(&sample.with_macs());
    assert_eq!(report.findings.iter().map(short).collect::<Vec<_>>(), [found(MacWrong, A, 5, segment, line)]);
}

fn cut_mac(log: &mut Sample, end: &str) {
    let kept = log.text(A, 5).split_once(r#","mac":""#).unwrap().0.to_owned();
    *log.line(A, 5) = (kept + end).into_bytes();
}

#[test]
fn a_rewritten_chain_is_found_by_its_checkpoints() {
    check("one entry", |log| log.forge_from(A, 5, 5, &stranger()), &[found(Edited, A, 5, 2, 4)]);
    check(
        "all from there on",
        |log| log.forge_from(A, 5, 10, &stranger()),
        &[found(Rewritten, A, 7, 2, 10), found(Rewritten, A, 10, 3, 9)],
    );
    check(
        "with the MAC key of the log",
        |log| {
            let keys = AuditKeys { signing: stranger().signing, ..log.keys.clone() };
            log.forge_from(A, 5, 10, &keys);
        },
        &[found(Rewritten, A, 7, 2, 10), found(Rewritten, A, 10, 3, 9)],
    );
}

#[test]
fn a_mac_key_covers_what_no_checkpoint_attests() {
    let mut sample = Sample::standard();
    sample.add(A);
    sample.add(A);
    assert_whole(&sample.verify_with(&sample.with_macs()));
    assert_eq!(sample.verify().unattested(), 2);

    sample.forge_from(A, 11, 12, &stranger());
    assert_whole(&sample.verify());
    let report = sample.verify_with(&sample.with_macs());
    let found: Vec<Short> = report.findings.iter().map(short).collect();
    assert_eq!(found, [found_at_end(11, 12), found_at_end(12, 13)]);
}

fn found_at_end(seq: u64, line: u64) -> Short {
    found(MacWrong, A, seq, 3, line)
}
