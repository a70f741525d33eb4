//! Changes to the checkpoints, and what those kept elsewhere find.

use crate::sample::{A, S, Sample, Short, assert_whole, short};
use axess_audit::chain::{
    AuditSigningKey, CheckpointReason,
    FindingKind::{self, BadCheckpoint, MissingCheckpoint, Rewritten, Truncated, Unattested, WrongLog},
    SignedCheckpoint, VerifyOptions, VerifyReport,
};

/// The checkpoints of the sample are four lines at a time: A, B, S and the log.
const A_SECOND: usize = 4;
const LOG_SECOND: usize = 7;

fn of(report: &VerifyReport) -> Vec<(FindingKind, Option<u64>)> {
    report.findings.iter().map(|finding| (finding.kind, finding.line)).collect()
}

fn found(change: fn(&mut Sample)) -> Vec<(FindingKind, Option<u64>)> {
    let mut sample = Sample::standard();
    change(&mut sample);
    of(&sample.verify())
}

fn edit(sample: &mut Sample, at: usize, from: &str, to: &str) {
    let text = String::from_utf8(sample.checkpoints[at].clone()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    sample.checkpoints[at] = text.replacen(from, to, 1).into_bytes();
}

fn kept(sample: &Sample, lines: std::ops::Range<usize>) -> VerifyOptions {
    let known = sample.checkpoints[lines].iter().map(|line| SignedCheckpoint::parse(line).unwrap()).collect();
    VerifyOptions { known, ..sample.options() }
}

#[test]
fn an_edited_checkpoint_is_found() {
    let fifth = [(BadCheckpoint, Some(5))];
    assert_eq!(found(|log| edit(log, A_SECOND, r#""seq":7"#, r#""seq":6"#)), fifth);
    assert_eq!(found(|log| edit(log, A_SECOND, "1970-", "1971-")), fifth);
    assert_eq!(found(|log| edit(log, A_SECOND, "schedule", "shutdown")), fifth);
    assert_eq!(found(|log| edit(log, A_SECOND, r#""hash":""#, r#""hash":"A"#)).first(), Some(&fifth[0]));
    // Of a line that is no checkpoint nobody can tell which one it was, until the next one of its chain.
    let none = [(BadCheckpoint, Some(5)), (MissingCheckpoint, Some(9))];
    assert_eq!(found(|log| edit(log, A_SECOND, r#""v":1,"#, r#""v":1, "#)), none);
    assert_eq!(found(|log| log.checkpoints[A_SECOND].push(b'\r')), none);
    assert_eq!(found(|log| log.checkpoints[A_SECOND] = vec![0; 5_000]), none);
    assert_eq!(
        found(|log| edit(log, LOG_SECOND, r#""number":2"#, r#""number":3"#)).first(),
        Some(&(BadCheckpoint, Some(8)))
    );
}

#[test]
fn a_missing_checkpoint_is_found() {
    let of_a_chain = found(|log| drop(log.checkpoints.remove(A_SECOND)));
    assert_eq!(of_a_chain, [(MissingCheckpoint, Some(7)), (MissingCheckpoint, Some(8))]);
    assert_eq!(found(|log| drop(log.checkpoints.remove(LOG_SECOND))), [(MissingCheckpoint, Some(11))]);
    assert_eq!(found(|log| drop(log.checkpoints.drain(4..8))).first(), Some(&(MissingCheckpoint, Some(5))));
    assert_eq!(
        found(|log| log.checkpoints.swap(A_SECOND, 8)).first().map(|found| found.0),
        Some(MissingCheckpoint)
    );
    assert_eq!(
        found(|log| log.checkpoints.insert(5, log.checkpoints[4].clone())),
        [(BadCheckpoint, Some(6))]
    );
}

#[test]
fn a_chain_cannot_vanish_with_its_checkpoints() {
    let report = found(|log| {
        for lines in log.segments.values_mut() {
            lines.retain(|line| !line.starts_with(br#"{"v":1,"chain":"system""#));
        }
        log.checkpoints.retain(|line| !String::from_utf8_lossy(line).contains(r#""chain":"system""#));
    });
    assert_eq!(report.iter().filter(|(kind, _)| *kind == MissingCheckpoint).count(), 3);

    let without_those_of_the_log = found(|log| {
        for lines in log.segments.values_mut() {
            lines.retain(|line| !line.starts_with(br#"{"v":1,"chain":"system""#));
        }
        let of_others = |line: &[u8]| {
            let text = String::from_utf8_lossy(line).into_owned();
            !text.contains(r#""chain":"system""#) && !text.contains(r#""chain":null"#)
        };
        log.checkpoints.retain(|line| of_others(line));
    });
    assert!(without_those_of_the_log.iter().any(|(kind, _)| *kind == Unattested));
}

#[test]
fn a_log_without_checkpoints_is_unattested_not_tampered_with() {
    let mut sample = Sample::standard();
    sample.checkpoints.clear();
    let report = sample.verify();
    assert_eq!(of(&report), [(Unattested, None)]);
    assert!(!report.findings[0].kind.is_tampering());
    assert_whole(&Sample::new(1).verify());
}

#[test]
fn checkpoints_of_another_key_are_refused() {
    let mut sample = Sample::standard();
    let stranger = AuditSigningKey::from_bytes([8; 32]);
    let own = std::mem::replace(&mut sample.keys.signing, stranger.clone());
    sample.add(A);
    sample.checkpoint(CheckpointReason::Request);
    sample.keys.signing = own;
    assert_eq!(of(&sample.verify()), [(BadCheckpoint, Some(13)), (BadCheckpoint, Some(14))]);

    let both = VerifyOptions {
        keys: vec![sample.keys.signing.public_key(), stranger.public_key()],
        ..sample.options()
    };
    assert_whole(&sample.verify_with(&both));
}

#[test]
fn a_claimed_key_id_does_not_make_a_signature() {
    let mut sample = Sample::standard();
    let id = sample.keys.signing.public_key().id().to_string();
    let other = AuditSigningKey::from_bytes([8; 32]);
    let own = std::mem::replace(&mut sample.keys.signing, other.clone());
    sample.add(A);
    sample.checkpoint(CheckpointReason::Request);
    sample.keys.signing = own;
    for at in [12, 13] {
        edit(&mut sample, at, &other.public_key().id().to_string(), &id);
    }
    assert_eq!(of(&sample.verify()), [(BadCheckpoint, Some(13)), (BadCheckpoint, Some(14))]);
}

#[test]
fn checkpoints_kept_elsewhere_find_a_cut_end() {
    let mut sample = Sample::standard();
    let all = kept(&sample, 0..12);
    assert_whole(&sample.verify_with(&all));
    let (of_a_chain, of_the_log) = (kept(&sample, 8..9), kept(&sample, 11..12));

    sample.checkpoints.truncate(8);
    let found: Vec<_> = sample.verify_with(&of_the_log).findings.iter().map(short).collect();
    assert_eq!(
        found,
        [(MissingCheckpoint, None, None, None, None)],
        "the entries are there, their checkpoint is not"
    );

    sample.segments.remove(&3);
    assert_whole(&sample.verify());
    let found: Vec<Short> = sample.verify_with(&of_a_chain).findings.iter().map(short).collect();
    assert_eq!(found, [(Truncated, Some(A), Some(8), Some(2), Some(10))]);
    let found: Vec<Short> = sample.verify_with(&of_the_log).findings.iter().map(short).collect();
    assert_eq!(found, [(Truncated, None, None, None, None)]);
}

#[test]
fn checkpoints_kept_elsewhere_find_a_log_that_was_made_anew() {
    let sample = Sample::standard();
    let mut anew = Sample::standard();
    anew.forge_from(S, 1, 10, &sample.keys);
    let mut other = Sample::new(7);
    other.add(S);
    other.checkpoint(CheckpointReason::Request);
    let found: Vec<_> =
        other.verify_with(&kept(&sample, 2..4)).findings.iter().map(|finding| finding.kind).collect();
    assert!(found.contains(&Truncated) && found.contains(&BadCheckpoint), "{found:?}");

    anew.checkpoints.clear();
    let found: Vec<_> =
        anew.verify_with(&kept(&sample, 2..3)).findings.iter().map(|finding| finding.kind).collect();
    assert!(found.contains(&Rewritten), "{found:?}");
}

#[test]
fn checkpoints_of_another_log_are_refused() {
    let mut other = Sample::new(9);
    other.add(A);
    other.checkpoint(CheckpointReason::Request);
    let mut sample = Sample::new(10);
    sample.keys = other.keys.clone();
    sample.add(A);
    sample.checkpoint(CheckpointReason::Request);
    assert_whole(&sample.verify());

    let known = kept(&other, 0..2);
    let found: Vec<_> = sample.verify_with(&known).findings.iter().map(|finding| finding.kind).collect();
    assert!(found.contains(&WrongLog), "{found:?}");
    sample.checkpoints = other.checkpoints;
    assert_eq!(
        of(&sample.verify()),
        [(BadCheckpoint, Some(1)), (BadCheckpoint, Some(2)), (Unattested, None)]
    );
}

#[test]
fn a_checkpoint_behind_the_next_header_fits_too() {
    let mut sample = Sample::new(3);
    sample.add(A);
    sample.checkpoint(CheckpointReason::Rotation);
    sample.rotate();
    sample.checkpoint(CheckpointReason::Shutdown);
    sample.add(A);
    sample.checkpoint(CheckpointReason::Shutdown);
    assert_whole(&sample.verify());
}
