//! What checkpoints promise of one chain.

use super::{Chain, Finding, FindingKind, Findings};
use crate::chain::{checkpoint::Checkpoint, link::Link};
use std::cmp::Ordering;

#[derive(Debug, Clone, Copy)]
pub(super) struct Promise {
    number: u64,
    pub(super) link: Link,
}

impl Chain {
    /// Adds a checkpoint kept elsewhere.
    pub(in super::super) fn keep(&mut self, checkpoint: &Checkpoint) {
        let at = self.kept.partition_point(|promise| promise.link.seq <= checkpoint.seq);
        self.kept.insert(at, Promise::of(checkpoint));
    }

    /// Adds a checkpoint of the log; tells whether it waits for its entry.
    pub(in super::super) fn promise(
        &mut self,
        checkpoint: &Checkpoint,
        line: u64,
        findings: &mut Findings,
    ) -> bool {
        let promise = Promise::of(checkpoint);
        match self.head.map_or(Ordering::Greater, |head| promise.link.seq.cmp(&head.seq)) {
            Ordering::Greater => {
                self.promised.push_back(promise);
                return true;
            }
            Ordering::Equal => self.hold_to(promise, findings),
            Ordering::Less => self.pass_by(promise, line, findings),
        }
        false
    }

    /// Reports a checkpoint whose entry has passed, so that nobody compared the two.
    fn pass_by(&self, Promise { number, link }: Promise, line: u64, findings: &mut Findings) {
        let cut = self.cut.as_ref().map_or(0, |cut| cut.last);
        if link.seq > cut.max(self.attested) {
            let what = format!("entry {} had passed when checkpoint {number} was read", link.seq);
            let finding = Finding::new(FindingKind::Unattested, what).at_checkpoint(line);
            findings.add(finding.of(Some(self.scope), Some(link.seq)));
        }
    }

    /// Keeps the last promise only, unless the chain has begun: the others are of entries that were deleted. Returns how
    /// many went.
    pub(in super::super) fn keep_last_promise(&mut self) -> usize {
        let gone = if self.head.is_some() { 0 } else { self.promised.len().saturating_sub(1) };
        self.promised.drain(..gone);
        gone
    }

    /// Compares the head with what was promised for its place.
    pub(super) fn keep_promises(&mut self, findings: &mut Findings) {
        let Some(head) = self.head else { return };
        for elsewhere in [false, true] {
            let queue = |chain: &mut Self| {
                let queue = if elsewhere { &mut chain.kept } else { &mut chain.promised };
                queue.pop_front_if(|promise| promise.link.seq <= head.seq)
            };
            while let Some(promise) = queue(self) {
                self.hold_to(promise, findings);
            }
        }
    }

    /// Compares a promise that is not ahead of the head. Of one behind it nothing can be said: its entry is missing,
    /// which is a finding, or was cut off with the beginning.
    fn hold_to(&mut self, promise: Promise, findings: &mut Findings) {
        let cut = self.cut.as_ref().map(|cut| Link { seq: cut.last, hash: cut.hash });
        let Some(held) = [self.head, cut].into_iter().flatten().find(|link| link.seq == promise.link.seq)
        else {
            return;
        };
        if held == promise.link {
            self.attested = self.attested.max(held.seq);
            self.waiting.attest(self.attested);
        } else if !self.shaken {
            let (from, to, number) = (self.attested.saturating_add(1), held.seq, promise.number);
            let what =
                format!("entries {from} to {to} are not those that checkpoint {number} was signed for");
            findings.add(self.finding(FindingKind::Rewritten, held.seq, self.at, what));
        } else {
            self.not_compared(promise, findings);
        }
    }

    /// Reports that the entry a checkpoint names cannot be believed, so that it says nothing of those before.
    pub(super) fn not_compared(&self, promise: Promise, findings: &mut Findings) {
        let (from, to, number) = (self.attested.saturating_add(1), promise.link.seq, promise.number);
        let stated = self.head.filter(|head| head.seq == to).map(|head| head.hash);
        // The one entry that cannot be believed is named already.
        if from < to && stated.is_some_and(|hash| hash != promise.link.hash) {
            let what = format!("entries {from} to {to} could not be compared with checkpoint {number}");
            findings.add(self.finding(FindingKind::Unattested, to, self.at, what));
        }
    }

    pub(super) fn finish_promises(&self, findings: &mut Findings) {
        let held = self.head.map_or(0, |head| head.seq);
        let open = self.promised.iter().chain(&self.kept).filter(|promise| promise.link.seq > held);
        let Some(Promise { number, link }) = open.max_by_key(|promise| promise.link.seq) else { return };
        if findings.claim_damaged(self.scope, held + 1, link.seq - held) {
            return;
        }
        let what = match held {
            0 => format!("the whole chain is gone; checkpoint {number} promises {} entries", link.seq),
            _ => format!("the chain ends at {held}; checkpoint {number} promises entries up to {}", link.seq),
        };
        let finding = self.finding(FindingKind::Truncated, held + 1, self.at, what);
        findings.add(if held == 0 { Finding { segment: None, line: None, ..finding } } else { finding });
    }
}

impl Promise {
    fn of(checkpoint: &Checkpoint) -> Self {
        Self { number: checkpoint.number, link: Link { seq: checkpoint.seq, hash: checkpoint.hash } }
    }
}
