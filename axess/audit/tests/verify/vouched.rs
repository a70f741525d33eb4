//! What erasure and retention may do to a chain, and what only looks like them.

use crate::sample::{A, B, S, Sample, Short, assert_whole, short, without_feed};
use axess_audit::chain::{
    CheckpointReason, Entry,
    FindingKind::{FrontCut, Missing, NotErased, Unattested},
    Link, commitment, pseudonym,
};
use axess_core::store::AuditScope;
use axess_events::trail::{AuditEventsDeleted, AuditSubjectErased, AuditTier, ErasedEntry};
use axess_identity::UserId;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

const SALT: [u8; 16] = [4; 16];

/// What A5 holds when it was erased.
fn erased_event() -> Vec<u8> {
    br#"{"event_id":"00000000-0000-7000-8000-00000000000d","event_type":"FundsTransferred"}"#.to_vec()
}

fn vouch(sample: &mut Sample, scope: AuditScope, sequence: u64, commitment: [u8; 32]) -> u64 {
    let pseudonym = pseudonym(&sample.keys, scope, UserId::from_parts(0, [1; 10]));
    let commitment = URL_SAFE_NO_PAD.encode(commitment).into();
    let (operator_principal, reason) = ("alice@ops".into(), "request 12".into());
    let entries = vec![ErasedEntry { sequence, commitment }];
    let voucher =
        sample.add_typed(scope, AuditSubjectErased { pseudonym, operator_principal, reason, entries }).seq;
    sample.checkpoint(CheckpointReason::Request);
    voucher
}

fn rewrite(sample: &mut Sample, voucher: u64) {
    let line = Entry::parse(sample.line(A, 5)).unwrap().rewritten(&erased_event(), SALT, voucher);
    *sample.line(A, 5) = without_feed(line);
}

fn shorts(sample: &Sample) -> Vec<Short> {
    sample.verify().findings.iter().map(short).collect()
}

const A5: [Short; 1] = [(NotErased, Some(A), Some(5), Some(2), Some(4))];

#[test]
fn an_erasure_that_is_vouched_for_keeps_the_chain() {
    let mut sample = Sample::standard();
    let voucher = vouch(&mut sample, A, 5, commitment(&SALT, &erased_event()));
    assert_eq!(sample.verify().erasures_due, 1);
    rewrite(&mut sample, voucher);
    let report = sample.verify_with(&sample.with_macs());
    assert_whole(&report);
    assert_eq!((report.erasures_due, report.attested), (0, 31));
    let entry = sample.line(A, 5).clone();
    let entry = Entry::parse(&entry).unwrap();
    assert_eq!((entry.erased(), entry.event()), (Some(11), &erased_event()[..]));
    assert!(entry.holds(sample.heads.log()) && entry.mac_holds(sample.heads.log(), &sample.keys.mac));
}

#[test]
fn an_erasure_nobody_vouches_for_is_found() {
    let mut sample = Sample::standard();
    rewrite(&mut sample, 11);
    assert_eq!(shorts(&sample), A5, "there is no entry 11");
    rewrite(&mut sample, 8);
    assert_eq!(shorts(&sample), A5, "entry 8 is another event");
    rewrite(&mut sample, 2);
    assert_eq!(shorts(&sample), A5, "entry 2 came before");
    let voucher = vouch(&mut sample, A, 5, [1; 32]);
    rewrite(&mut sample, voucher);
    assert_eq!(shorts(&sample), A5, "the event vouches for other content");
    let voucher = vouch(&mut sample, A, 6, commitment(&SALT, &erased_event()));
    rewrite(&mut sample, voucher);
    assert_eq!(shorts(&sample), A5, "the event vouches for another entry");
    let voucher = vouch(&mut sample, B, 5, commitment(&SALT, &erased_event()));
    rewrite(&mut sample, voucher);
    assert_eq!(shorts(&sample), A5, "the event vouches for another chain");
}

#[test]
fn an_erased_entry_can_be_erased_again_and_then_not_brought_back() {
    let mut sample = Sample::standard();
    let first = vouch(&mut sample, A, 5, commitment(&SALT, &erased_event()));
    rewrite(&mut sample, first);
    let once = sample.line(A, 5).clone();
    let other = erased_event().to_ascii_lowercase();
    let other = String::from_utf8(other).unwrap().replace("fundstransferred", "X").into_bytes();
    let second = vouch(&mut sample, A, 5, commitment(&[6; 16], &other));
    let line = Entry::parse(&once).unwrap().rewritten(&other, [6; 16], second);
    *sample.line(A, 5) = without_feed(line);
    assert_whole(&sample.verify());
    assert_eq!(sample.verify().erasures_due, 0);

    *sample.line(A, 5) = once;
    let report = sample.verify();
    assert_whole(&report);
    assert_eq!(report.erasures_due, 1, "the second erasure was undone");
}

fn delete(sample: &mut Sample, scope: AuditScope, last: u64) {
    let hash = Entry::parse(sample.line(scope, last)).unwrap().link().hash;
    deletion(sample, scope, AuditTier::Log, Link { seq: last, hash });
    sample.checkpoint(CheckpointReason::Request);
}

fn deletion(sample: &mut Sample, scope: AuditScope, tier: AuditTier, last: Link) {
    let at = chrono::DateTime::UNIX_EPOCH;
    let event = AuditEventsDeleted {
        tier,
        from: at,
        until: at,
        events: last.seq,
        last_sequence: Some(last.seq),
        chain_head: Some(URL_SAFE_NO_PAD.encode(last.hash).into()),
    };
    sample.add_typed(scope, event);
}

#[test]
fn a_cut_that_retention_vouches_for_is_whole() {
    let mut sample = Sample::standard();
    for (scope, last) in [(A, 4), (B, 3), (S, 3)] {
        delete(&mut sample, scope, last);
    }
    assert_whole(&sample.verify());
    sample.segments.remove(&1);
    let report = sample.verify_with(&sample.with_macs());
    assert_whole(&report);
    assert_eq!((report.segments, report.entries, report.attested), (Some((2, 3)), 23, 23));
    assert_eq!(report.chains.iter().map(|chain| chain.first).collect::<Vec<_>>(), [5, 4, 4]);
    sample.checkpoint(CheckpointReason::Request);
    assert_whole(&sample.verify());
    let (segment, at) = sample.find(B, 5);
    sample.segments.get_mut(&segment).unwrap().swap(at, at - 1);
    assert!(!sample.verify().is_whole());
}

#[test]
fn a_cut_that_leaves_many_checkpoints_behind_is_whole() {
    let mut sample = Sample::new(3);
    for n in 0..5_000_usize {
        sample.add([A, B][n % 2]);
        sample.checkpoint(CheckpointReason::Schedule);
    }
    sample.rotate();
    for scope in [A, B] {
        sample.add(scope);
        delete(&mut sample, scope, 2_500);
    }
    assert_whole(&sample.verify());
    sample.segments.remove(&1);
    let report = sample.verify();
    assert_whole(&report);
    assert_eq!((report.entries, report.attested, report.checkpoints), (4, 4, 10_004));
    sample.segments.get_mut(&2).unwrap().swap(2, 3);
    assert!(!sample.verify().is_whole());
}

#[test]
fn a_deletion_that_was_interrupted_is_whole() {
    let mut sample = Sample::standard();
    for (scope, last) in [(A, 7), (B, 7), (S, 6)] {
        delete(&mut sample, scope, last);
    }
    sample.segments.remove(&1);
    assert_whole(&sample.verify());
    sample.segments.remove(&2);
    assert_whole(&sample.verify());
}

#[test]
fn a_cut_nobody_vouches_for_is_found() {
    let cut = |sample: &mut Sample| {
        sample.segments.remove(&1);
        shorts(sample)
    };
    let all = |of_a: Option<Short>| -> Vec<Short> {
        let mut all = vec![
            (FrontCut, Some(B), Some(4), Some(2), Some(2)),
            (FrontCut, Some(S), Some(4), Some(2), Some(3)),
        ];
        all.extend(of_a);
        all
    };
    let of_a = Some((FrontCut, Some(A), Some(5), Some(2), Some(4)));
    assert_eq!(cut(&mut Sample::standard()), all(of_a));

    let mut one_chain = Sample::standard();
    delete(&mut one_chain, A, 4);
    assert_eq!(cut(&mut one_chain), all(None));

    for (tier, last, hash) in
        [(AuditTier::Hot, 4, None), (AuditTier::Log, 3, None), (AuditTier::Log, 4, Some([7; 32]))]
    {
        let mut sample = Sample::standard();
        let link = Entry::parse(sample.line(A, last)).unwrap().link();
        deletion(&mut sample, A, tier, Link { hash: hash.unwrap_or(link.hash), ..link });
        assert_eq!(cut(&mut sample), all(of_a), "{tier:?} {last}");
    }
}

#[test]
fn a_cut_vouches_for_nothing_behind_it() {
    let mut sample = Sample::standard();
    delete(&mut sample, A, 4);
    sample.remove(A, 6);
    assert_eq!(shorts(&sample), [(Missing, Some(A), Some(6), Some(2), Some(9))]);
}

#[test]
fn what_no_checkpoint_attests_vouches_for_nothing() {
    let mut sample = Sample::standard();
    let voucher = vouch(&mut sample, A, 5, commitment(&SALT, &erased_event()));
    rewrite(&mut sample, voucher);
    assert_whole(&sample.verify());
    sample.checkpoints.truncate(12);
    let doubted = [(Unattested, Some(A), Some(5), Some(2), Some(4))];
    assert_eq!(shorts(&sample), doubted, "somebody without a key can add an entry at the end");
    let report = sample.verify_with(&sample.with_macs());
    assert_eq!(
        report.findings.iter().map(short).collect::<Vec<_>>(),
        doubted,
        "nor is it enough to know the MAC key"
    );

    let mut sample = Sample::standard();
    for (scope, last) in [(A, 4), (B, 3), (S, 3)] {
        delete(&mut sample, scope, last);
    }
    sample.checkpoints.truncate(12);
    sample.segments.remove(&1);
    let kinds: Vec<_> = sample.verify().findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [Unattested; 3]);
}
