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
    pub(in super::super) fn promise(&mut self, checkpoint: &Checkpoint, findings: &mut Findings) -> bool {
        let promise = Promise::of(checkpoint);
        match self.head.map_or(Ordering::Greater, |head| promise.link.seq.cmp(&head.seq)) {
            Ordering::Greater => {
                self.promised.push_back(promise);
                return true;
            }
            Ordering::Equal => self.hold_to(promise, findings),
            // Its entry has passed: later checkpoints attest it.
            Ordering::Less => {}
        }
        false
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
