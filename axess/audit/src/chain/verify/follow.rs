//! One chain, entry by entry.

mod promised;

use super::{
    report::{ChainReport, Finding, FindingKind, Findings, Place},
    vouch::{Waiting, vouches_for_cut},
};
use crate::chain::{
    entry::Entry,
    link::{Link, LogId, genesis},
};
use axess_core::store::AuditScope;
use promised::Promise;
use std::collections::VecDeque;

/// How many holes of a chain are remembered, to tell a moved entry from a forged one.
const MAX_GAPS: usize = 64;

const CONTESTED: &str = "two entries claim this place; this one is a copy or forged";

#[derive(Debug)]
pub(super) struct Chain {
    scope: AuditScope,
    head: Option<Link>,
    at: Place,
    /// Something is wrong with the head, so that what follows need not fit it; the finding says what.
    shaken: bool,
    doubt: Option<usize>,
    /// The hash of the entry before the head, and the finding that the head does not follow it.
    before: [u8; 32],
    broken: Option<usize>,
    /// Another entry that claims the head's place.
    rival: Option<Rival>,
    /// What is gone before the first entry.
    cut: Option<Cut>,
    gaps: Vec<Gap>,
    /// What the checkpoints beside the log promise, and those kept elsewhere; each by place.
    promised: VecDeque<Promise>,
    kept: VecDeque<Promise>,
    attested: u64,
    entries: u64,
    waiting: Waiting,
}

#[derive(Debug)]
struct Rival {
    hash: [u8; 32],
    finding: Option<usize>,
}

/// Everything up to `last`, whose hash is `hash`, is gone.
#[derive(Debug)]
struct Cut {
    last: u64,
    hash: [u8; 32],
    at: Place,
    /// The place of the event that vouches for it.
    vouched: Option<u64>,
}

/// The entries `from` to `to` did not stand where they belong; `finding` says so.
#[derive(Debug)]
struct Gap {
    from: u64,
    to: u64,
    finding: Option<usize>,
    /// Some of them stood further on.
    moved: bool,
}

impl Chain {
    pub(super) fn new(scope: AuditScope) -> Self {
        Self {
            scope,
            head: None,
            at: Place::default(),
            shaken: false,
            doubt: None,
            before: [0; 32],
            broken: None,
            rival: None,
            cut: None,
            gaps: Vec::new(),
            promised: VecDeque::new(),
            kept: VecDeque::new(),
            attested: 0,
            entries: 0,
            waiting: Waiting::default(),
        }
    }

    pub(super) fn scope(&self) -> AuditScope {
        self.scope
    }

    pub(super) fn erasures_due(&self) -> u64 {
        self.waiting.due
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.head.map_or(1, |head| head.seq.saturating_add(1))
    }

    /// Returns the head under the chain's name, once there is one.
    pub(super) fn head_named<'n>(&self, name: &'n str) -> Option<(&'n str, Link)> {
        self.head.map(|head| (name, head))
    }

    /// Tells whether an entry with this `prev` comes next.
    pub(super) fn ends_with(&self, prev: &[u8; 32]) -> bool {
        self.head.is_some_and(|head| head.hash == *prev)
    }

    /// Takes the place of an entry that cannot be believed, as `finding` says; returns how many checkpoints stopped
    /// waiting.
    pub(super) fn take_broken(
        &mut self,
        link: Link,
        at: Place,
        finding: Option<usize>,
        findings: &mut Findings,
    ) -> usize {
        self.entries += 1;
        self.move_on(link, at, true, finding);
        let waiting = self.promised.len();
        while let Some(promise) = self.promised.pop_front_if(|promise| promise.link.seq <= link.seq) {
            self.not_compared(promise, findings);
        }
        while let Some(promise) = self.kept.pop_front_if(|promise| promise.link.seq <= link.seq) {
            self.not_compared(promise, findings);
        }
        waiting - self.promised.len()
    }

    fn move_on(&mut self, link: Link, at: Place, shaken: bool, doubt: Option<usize>) {
        self.before = self.head.map_or([0; 32], |head| head.hash);
        (self.head, self.at, self.shaken, self.doubt) = (Some(link), at, shaken, doubt);
        (self.rival, self.broken) = (None, None);
    }

    /// Takes an entry whose hash fits its fields; returns how many checkpoints stopped waiting.
    pub(super) fn take(
        &mut self,
        entry: &Entry<'_>,
        log: LogId,
        at: Place,
        suspect: Option<Option<usize>>,
        findings: &mut Findings,
    ) -> usize {
        let (seq, waiting, shaken) = (entry.seq(), self.promised.len(), suspect.is_some());
        self.entries += 1;
        let mut broken = None;
        match self.head {
            None => self.begin(entry, log, at, shaken, findings),
            Some(head) if seq <= head.seq => {
                self.take_late(entry, head, at, shaken, findings);
                return 0;
            }
            Some(head) if seq - 1 == head.seq => broken = self.follow(entry, head, shaken, findings),
            Some(head) => self.leave_gap(head.seq + 1, seq - 1, at, findings),
        }
        self.move_on(entry.link(), at, shaken, suspect.flatten());
        self.broken = broken;
        let first = self.cut.as_ref().map_or(1, |cut| cut.last + 1);
        self.waiting.take(entry, at, first, findings);
        if let Some(cut) = self.cut.as_mut().filter(|cut| cut.vouched.is_none()) {
            cut.vouched = vouches_for_cut(entry, cut.last, &cut.hash).then_some(seq);
        }
        self.keep_promises(findings);
        waiting - self.promised.len()
    }

    fn begin(&mut self, entry: &Entry<'_>, log: LogId, at: Place, suspect: bool, findings: &mut Findings) {
        let last = entry.seq() - 1;
        if last > 0 {
            if !findings.claim_damaged(self.scope, 1, last) {
                self.cut = Some(Cut { last, hash: entry.prev(), at, vouched: None });
            }
        } else if entry.prev() != genesis(log, self.scope) && !suspect {
            let what = "the entry does not begin the chain of this log".to_owned();
            findings.add(self.finding(FindingKind::Edited, 1, at, what));
        }
    }

    /// Checks the next entry; returns the finding that it does not follow the head.
    fn follow(
        &mut self,
        entry: &Entry<'_>,
        head: Link,
        suspect: bool,
        findings: &mut Findings,
    ) -> Option<usize> {
        let rival = self.rival.take();
        if entry.prev() == head.hash || self.shaken || suspect {
            return None;
        }
        if let Some(rival) = rival.filter(|rival| rival.hash == entry.prev()) {
            // The chain goes on behind the second of the two, so that the first one is forged.
            if let Some(finding) = findings.get_mut(rival.finding) {
                (finding.segment, finding.line) = (Some(self.at.segment), Some(self.at.line));
            }
            return None;
        }
        let what = format!("entry {} does not follow it: one of the two was rewritten", entry.seq());
        findings.add(self.finding(FindingKind::Edited, head.seq, self.at, what))
    }

    fn leave_gap(&mut self, from: u64, to: u64, at: Place, findings: &mut Findings) {
        if findings.claim_damaged(self.scope, from, to - from + 1) {
            return;
        }
        let what = missing(from, to);
        let finding = findings.add(self.finding(FindingKind::Missing, from, at, what));
        if self.gaps.len() < MAX_GAPS {
            self.gaps.push(Gap { from, to, finding, moved: false });
        }
    }

    /// Takes an entry whose place was passed already.
    fn take_late(
        &mut self,
        entry: &Entry<'_>,
        head: Link,
        at: Place,
        suspect: bool,
        findings: &mut Findings,
    ) {
        let seq = entry.seq();
        if let Some(cut) = self.cut.as_mut().filter(|cut| seq <= cut.last) {
            let (last, at_cut) = (cut.last, cut.at);
            (cut.last, cut.hash) = (seq - 1, entry.prev());
            if cut.last == 0 {
                self.cut = None;
            }
            let what = format!("entry {} stands before entry {seq}", last + 1);
            let finding = findings.add(self.finding(FindingKind::Reordered, last + 1, at_cut, what));
            self.reopen(seq + 1, last, finding);
            return;
        }
        if let Some(index) = self.gaps.iter().position(|gap| (gap.from..=gap.to).contains(&seq)) {
            self.fill(index, seq, at, findings);
            return;
        }
        if seq == head.seq && entry.link() != head && !suspect && self.replace_head(entry, at, findings) {
            return;
        }
        let what = if seq < head.seq {
            format!("the entry stands behind entry {}: it is a copy or forged", head.seq)
        } else if entry.link() == head {
            "the entry stands twice".to_owned()
        } else {
            CONTESTED.to_owned()
        };
        let finding = findings.add(self.finding(FindingKind::Inserted, seq, at, what));
        if seq == head.seq && entry.link() != head {
            self.rival = Some(Rival { hash: entry.link().hash, finding });
        }
    }

    /// Takes an entry for the head's place when the head was in doubt already; tells whether it did.
    fn replace_head(&mut self, entry: &Entry<'_>, at: Place, findings: &mut Findings) -> bool {
        let doubt = match self.broken {
            Some(_) if self.before == entry.prev() => self.broken,
            _ if self.shaken => self.doubt,
            _ => return false,
        };
        let edited =
            |finding: &&mut Finding| matches!(finding.kind, FindingKind::Edited | FindingKind::Damaged);
        if let Some(finding) = findings.get_mut(doubt).filter(edited) {
            *finding = Finding::new(FindingKind::Inserted, CONTESTED.to_owned())
                .at(self.at)
                .of(Some(self.scope), Some(entry.seq()));
        }
        let before = self.before;
        self.move_on(entry.link(), at, false, None);
        self.before = before;
        true
    }

    /// Finds an entry that was missed: it was moved.
    fn fill(&mut self, index: usize, seq: u64, at: Place, findings: &mut Findings) {
        let gap = self.gaps.swap_remove(index);
        if let Some(finding) = findings.get_mut(gap.finding).filter(|_| !gap.moved) {
            finding.kind = FindingKind::Reordered;
            if gap.from == gap.to {
                (finding.segment, finding.line) = (Some(at.segment), Some(at.line));
                finding.what = format!("entry {seq} stands behind entry {}", gap.to + 1);
            } else {
                finding.seq = Some(gap.to + 1);
                finding.what = format!("entry {} stands before entry {seq}", gap.to + 1);
            }
        }
        self.reopen(gap.from, seq - 1, gap.finding);
        self.reopen(seq + 1, gap.to, gap.finding);
    }

    fn reopen(&mut self, from: u64, to: u64, finding: Option<usize>) {
        if from <= to {
            self.gaps.push(Gap { from, to, finding, moved: true });
        }
    }

    /// Reports what the end of the log leaves open.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        self.waiting.finish(self.scope, findings);
        if let Some(cut) =
            self.cut.as_ref().filter(|cut| cut.vouched.is_none_or(|voucher| voucher > self.attested))
        {
            let (kind, why) = match cut.vouched {
                None => (FindingKind::FrontCut, "no deletion vouches for that".to_owned()),
                Some(voucher) => (
                    FindingKind::Unattested,
                    format!("entry {voucher} vouches for that, and no checkpoint for it"),
                ),
            };
            let what = format!("entries 1 to {} are gone, and {why}", cut.last);
            findings.add(self.finding(kind, cut.last + 1, cut.at, what));
        }
        for gap in self.gaps.iter().filter(|gap| gap.moved) {
            findings.add(self.finding(FindingKind::Missing, gap.from, self.at, missing(gap.from, gap.to)));
        }
        self.finish_promises(findings);
    }

    /// Returns how many entries are gone before the first one.
    pub(super) fn cut_off(&self) -> u64 {
        self.cut.as_ref().map_or(0, |cut| cut.last)
    }

    pub(super) fn report(&self) -> Option<ChainReport> {
        let head = self.head?;
        let first = self.cut.as_ref().map_or(1, |cut| cut.last + 1);
        let attested = self.attested.saturating_sub(first - 1).min(self.entries);
        Some(ChainReport::new(self.scope, first, head, self.entries, attested))
    }

    fn finding(&self, kind: FindingKind, seq: u64, at: Place, what: String) -> Finding {
        Finding::new(kind, what).at(at).of(Some(self.scope), Some(seq))
    }
}

fn missing(from: u64, to: u64) -> String {
    if from == to {
        format!("entry {from} is missing")
    } else {
        format!("entries {from} to {to} are missing")
    }
}
