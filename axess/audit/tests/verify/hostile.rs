//! Logs made by somebody who knows how the verifier reads them.

use crate::sample::{A, B, S, Sample, assert_whole, short, without_feed};
use axess_audit::chain::{
    AuditKeys, Checkpoint, CheckpointReason, Entry,
    FindingKind::{self, BadCheckpoint, Edited, File, Rewritten, Unattested},
    Heads, Link, SegmentHeader, SignedCheckpoint, VerifyError, VerifyOptions, VerifyReport, extract_folder,
    seal, verify_folder,
};
use axess_core::store::AuditScope;
use axess_identity::TenantId;
use axess_rng::MockRng;

fn stranger() -> AuditKeys {
    AuditKeys::generate(&MockRng::new(99))
}

fn kinds(report: &VerifyReport) -> Vec<FindingKind> {
    report.findings.iter().map(|finding| finding.kind).collect()
}

fn tenant(number: u64) -> AuditScope {
    AuditScope::Tenant(TenantId::from_parts(number, [3; 10]))
}

fn add(sample: &mut Sample, scope: AuditScope) {
    sample.add(scope);
}

#[test]
fn checkpoints_of_more_chains_than_are_read_ahead_are_compared() {
    const OTHERS: u64 = 4_200;
    let (mut sample, last) = (Sample::new(5), tenant(OTHERS));
    (0..=OTHERS).for_each(|number| add(&mut sample, tenant(number)));
    sample.checkpoint(CheckpointReason::Schedule);
    (0..=OTHERS).for_each(|number| add(&mut sample, tenant(number)));
    sample.checkpoint(CheckpointReason::Schedule);
    assert_whole(&sample.verify());

    // The last chain is forged, stands first, and is longer than the whole log was.
    let keys = stranger();
    let mut head: Option<Link> = None;
    let mut forged = Vec::new();
    for _ in 0..2 * OTHERS + 5 {
        let event = sample.event();
        let (line, link) = seal(sample.heads.log(), last, head, &event, [9; 16], &keys);
        forged.push(without_feed(line));
        head = Some(link);
    }
    let lines = sample.segments.get_mut(&1).unwrap();
    lines.retain(|line| Entry::place_of(line).is_none_or(|(scope, _)| scope != last));
    lines.splice(1..1, forged);
    let report = sample.verify();
    assert!(kinds(&report).contains(&Rewritten), "{:#?}", report.findings);
}

#[test]
fn a_checkpoint_that_is_fed_behind_its_entries_is_reported() {
    let sample = Sample::standard();
    let mut verifier = axess_audit::chain::Verifier::new(vec![sample.keys.signing.public_key()]);
    for (segment, lines) in &sample.segments {
        verifier.feed_header(*segment, &lines[0]);
        for (line, number) in lines[1..].iter().zip(2..) {
            verifier.feed_line(*segment, number, line);
        }
    }
    for (line, number) in sample.checkpoints.iter().zip(1..) {
        verifier.feed_checkpoint_line(number, line);
    }
    let report = verifier.finish();
    assert_eq!(kinds(&report), [Unattested; 8], "those of the end are compared: {:#?}", report.findings);
}

/// Renames the segments as if the first were gone, and makes the headers fit each other.
fn renumber(sample: &mut Sample, entries: u64) {
    let mut heads: Option<Heads> = None;
    for (number, mut lines) in std::mem::take(&mut sample.segments) {
        let mut header = SegmentHeader::parse(&lines[0]).unwrap();
        header.segment = number + 1;
        (header.entries, header.order, header.chains) = match &heads {
            None => (entries, header.order, header.chains),
            Some(heads) => (heads.entries(), heads.order(), heads.root()),
        };
        lines[0] = without_feed(header.to_line());
        let heads = heads.get_or_insert_with(|| Heads::before(&header));
        heads.continue_segment(&lines[0]);
        for line in &lines[1..] {
            let entry = Entry::parse(line).unwrap();
            heads.advance(entry.scope(), entry.link());
        }
        sample.segments.insert(number + 1, lines);
    }
}

#[test]
fn a_header_cannot_put_all_entries_behind_what_was_signed() {
    for entries in [1, 30, 1_000_000_000_000_000, u64::MAX] {
        let mut sample = Sample::standard();
        let (segment, at) = sample.find(A, 5);
        sample.segments.get_mut(&segment).unwrap().swap(at, at + 1);
        renumber(&mut sample, entries);
        let report = sample.verify();
        let first = report.findings.first().map(short);
        assert_eq!(first, Some((File, None, None, Some(2), Some(1))), "{entries}: {:#?}", report.findings);
    }
}

#[test]
fn there_is_no_segment_zero() {
    let mut sample = Sample::standard();
    let first = sample.segments.remove(&1).unwrap();
    sample.segments.insert(0, first);
    assert!(kinds(&sample.verify()).contains(&File));
}

#[test]
fn a_chain_that_is_not_there_is_not_whole() {
    let mut sample = Sample::standard();
    let only = |scope| VerifyOptions { only: Some(scope), ..Sample::standard().options() };
    assert_whole(&sample.verify_with(&only(A)));
    assert_eq!(kinds(&sample.verify_with(&only(tenant(7)))), [Unattested]);

    let of_a = |line: &Vec<u8>| String::from_utf8_lossy(line).contains(&crate::sample::name(A));
    sample.segments.values_mut().for_each(|lines| lines.retain(|line| !of_a(line)));
    sample.checkpoints.retain(|line| !of_a(line));
    assert_eq!(kinds(&sample.verify_with(&only(A))), [Unattested]);

    let folder = tempfile::tempdir().unwrap();
    sample.write(folder.path());
    let to = folder.path().join("extract");
    let error = extract_folder(folder.path(), A, &to).unwrap_err();
    assert!(matches!(error, VerifyError::NoChain { .. }), "{error}");
    assert!(!to.exists(), "nothing is left of it");
    assert_eq!(extract_folder(folder.path(), B, &to).unwrap(), 10);
    assert_whole(&verify_folder(&to, &only(B)).unwrap());
}

#[test]
fn kept_checkpoints_that_contradict_each_other_are_found() {
    let sample = Sample::standard();
    let genuine = SignedCheckpoint::parse(&sample.checkpoints[11]).unwrap();
    let other = Checkpoint { hash: [7; 32], ..genuine.checkpoint }.sign(&sample.keys.signing);
    for known in [vec![genuine.clone(), other.clone()], vec![other, genuine.clone()]] {
        let report = sample.verify_with(&VerifyOptions { known, ..sample.options() });
        assert!(kinds(&report).contains(&BadCheckpoint), "{:#?}", report.findings);
    }
    let twice = vec![genuine.clone(), genuine];
    assert_whole(&sample.verify_with(&VerifyOptions { known: twice, ..sample.options() }));
}

#[test]
fn entries_before_one_that_cannot_be_compared_are_named() {
    let mut sample = Sample::new(6);
    (0..10).for_each(|_| add(&mut sample, A));
    sample.add(S);
    sample.checkpoint(CheckpointReason::Schedule);
    sample.forge_from(A, 5, 10, &stranger());
    let text = sample.text(A, 10);
    *sample.line(A, 10) = text.replacen("Funds", "Bonds", 1).into_bytes();
    let report = sample.verify();
    assert_eq!(kinds(&report), [Edited, Unattested]);
    assert!(report.findings[1].what.contains("entries 1 to 10"), "{}", report.findings[1]);
}
