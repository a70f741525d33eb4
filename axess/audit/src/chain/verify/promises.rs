//! The checkpoints: whether they are genuine, whether any is missing, and what those of the whole log promise.

use super::report::{Finding, FindingKind, Findings, Place};
use crate::chain::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    heads::root,
    keys::AuditPublicKey,
    link::{Link, LogId},
    wire::chain_name,
};
use axess_core::store::AuditScope;
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug)]
pub(super) struct Promises {
    keys: Vec<AuditPublicKey>,
    /// How many valid ones there were.
    pub(super) valid: u64,
    /// How many wait for their entries.
    pub(super) ahead: usize,
    /// The log that checkpoints kept elsewhere are of.
    pub(super) known_log: Option<LogId>,
    /// The last one of each chain.
    last: BTreeMap<String, Last>,
    /// The last one of the whole log.
    last_of_log: Last,
    /// The orders that are promised, by the number of entries.
    orders: VecDeque<(u64, [u8; 32], u64)>,
    /// Those of the whole log that were kept elsewhere, by number.
    kept: BTreeMap<u64, Checkpoint>,
    /// The first sign that the entries stand in another order; what is wrong with a single entry explains it better.
    disorder: Option<Finding>,
    /// A checkpoint was refused, so that those of the log need not fit those of the chains.
    spoilt: bool,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    number: u64,
    link: Link,
}

impl Promises {
    pub(super) fn new(keys: Vec<AuditPublicKey>) -> Self {
        Self {
            keys,
            valid: 0,
            ahead: 0,
            known_log: None,
            last: BTreeMap::new(),
            last_of_log: Last::default(),
            orders: VecDeque::new(),
            kept: BTreeMap::new(),
            disorder: None,
            spoilt: false,
        }
    }

    pub(super) fn trusts(&self, signed: &SignedCheckpoint) -> bool {
        signed.verify(&self.keys)
    }

    /// Holds the log to a checkpoint of the whole log that was kept elsewhere.
    pub(super) fn keep(&mut self, checkpoint: Checkpoint, findings: &mut Findings) {
        let claim = |of: &Checkpoint| (of.log, of.seq, of.hash, of.order);
        let other = self.kept.insert(checkpoint.number, checkpoint);
        if other.is_some_and(|other| claim(&other) != claim(&checkpoint)) {
            let what = format!(
                "two checkpoints of the whole log that were kept elsewhere have the number {} and contradict each other",
                checkpoint.number
            );
            findings.add(Finding::new(FindingKind::BadCheckpoint, what));
        }
    }

    /// Tells whether a checkpoint of the whole log waits for its entries: those of the chains before it were read.
    pub(super) fn order_waits(&self) -> bool {
        !self.orders.is_empty()
    }

    /// Returns the number of the last checkpoint of the whole log.
    pub(super) fn log_number(&self) -> u64 {
        self.last_of_log.number
    }

    /// Reads a line; returns the checkpoint when it is genuine and the next of its chain.
    pub(super) fn read(
        &mut self,
        line: u64,
        bytes: &[u8],
        log: Option<LogId>,
        only: Option<AuditScope>,
        findings: &mut Findings,
    ) -> Option<Checkpoint> {
        let signed = match SignedCheckpoint::parse(bytes) {
            Ok(signed) => signed,
            Err(error) => {
                self.refuse(line, None, &format!("the line is not a checkpoint: {error}"), findings);
                return None;
            }
        };
        let checkpoint = signed.checkpoint;
        if only.is_some() && checkpoint.scope != only {
            return None;
        }
        if let Some(what) = self.doubt(&signed, log) {
            self.refuse(line, Some(&checkpoint), &what, findings);
            let last = self.last_mut(checkpoint.scope);
            last.number += u64::from(checkpoint.number == last.number.saturating_add(1));
            return None;
        }
        self.take_turn(checkpoint, line, findings)
    }

    /// Says why a checkpoint is not genuine, if it is not.
    fn doubt(&self, signed: &SignedCheckpoint, log: Option<LogId>) -> Option<String> {
        let of = signed.checkpoint.log;
        if !self.keys.iter().any(|key| key.id() == signed.key) {
            Some(format!("the checkpoint is signed with the key {}, which is not trusted", signed.key))
        } else if !self.trusts(signed) {
            Some("the signature is not that of the checkpoint".to_owned())
        } else if log.or(self.known_log).is_some_and(|log| log != of) {
            Some(format!("the checkpoint is of the log {of}"))
        } else {
            None
        }
    }

    /// Takes a genuine checkpoint when it is the next of its chain, or at least a later one.
    fn take_turn(
        &mut self,
        checkpoint: Checkpoint,
        line: u64,
        findings: &mut Findings,
    ) -> Option<Checkpoint> {
        let last = *self.last_mut(checkpoint.scope);
        let next = last.number.saturating_add(1);
        let link = Link { seq: checkpoint.seq, hash: checkpoint.hash };
        let what = if checkpoint.number < next {
            format!("checkpoint {} stands behind checkpoint {}", checkpoint.number, last.number)
        } else if link.seq < last.link.seq
            || (link.seq == last.link.seq && link != last.link && last.number > 0)
        {
            format!("checkpoint {} contradicts the one before it", checkpoint.number)
        } else {
            if checkpoint.number > next {
                let what = format!("checkpoints {next} to {} are missing", checkpoint.number - 1);
                let finding = Finding::new(FindingKind::MissingCheckpoint, what).at_checkpoint(line);
                findings.add(finding.of(checkpoint.scope, None));
            }
            self.valid += 1;
            *self.last_mut(checkpoint.scope) = Last { number: checkpoint.number, link };
            return Some(checkpoint);
        };
        self.refuse(line, Some(&checkpoint), &what, findings);
        None
    }

    fn refuse(&mut self, line: u64, whose: Option<&Checkpoint>, what: &str, findings: &mut Findings) {
        self.spoilt = true;
        let (scope, seq) = whose.map_or((None, None), |checkpoint| (checkpoint.scope, Some(checkpoint.seq)));
        let finding = Finding::new(FindingKind::BadCheckpoint, what.to_owned()).at_checkpoint(line);
        findings.add(finding.of(scope, seq));
    }

    fn last_mut(&mut self, scope: Option<AuditScope>) -> &mut Last {
        match scope {
            None => &mut self.last_of_log,
            Some(scope) => self.last.entry(chain_name(scope)).or_default(),
        }
    }

    /// Takes a checkpoint of the whole log: it promises the heads that those of the chains before it do. `first` is how
    /// many entries were cut off with the beginning, `passed` how many there were up to here.
    pub(super) fn promise_log(
        &mut self,
        checkpoint: &Checkpoint,
        line: u64,
        (first, passed): (u64, u64),
        findings: &mut Findings,
    ) {
        let heads = || self.last.iter().filter(|(_, last)| last.link.seq > 0);
        let total = heads().fold(0_u64, |total, (_, last)| total.saturating_add(last.link.seq));
        let fits = total == checkpoint.seq
            && root(heads().map(|(name, last)| (name.as_str(), last.link))) == checkpoint.hash;
        if !fits && !self.spoilt {
            let what = format!(
                "checkpoint {} of the whole log does not fit those of its chains before it: one is missing",
                checkpoint.number
            );
            findings.add(Finding::new(FindingKind::MissingCheckpoint, what).at_checkpoint(line));
        }
        if let Some(kept) = self.kept.remove(&checkpoint.number)
            && (kept.seq, kept.hash, kept.order) != (checkpoint.seq, checkpoint.hash, checkpoint.order)
        {
            let what =
                format!("checkpoint {} of the whole log is not the one kept elsewhere", checkpoint.number);
            findings.add(Finding::new(FindingKind::BadCheckpoint, what).at_checkpoint(line));
        }
        if let Some(order) = checkpoint.order.filter(|_| checkpoint.seq >= passed) {
            self.orders.push_back((checkpoint.seq, order, checkpoint.number));
            self.ahead += 1;
        } else if checkpoint.seq >= first {
            let what = format!(
                "the entries of the log had passed when its checkpoint {} was read",
                checkpoint.number
            );
            findings.add(Finding::new(FindingKind::Unattested, what).at_checkpoint(line));
        }
    }

    /// Compares the order of the entries so far with what was signed for this many.
    ///
    /// A checkpoint may have been made before or after the header that stands behind them.
    pub(super) fn check_order(&mut self, entries: u64, order: [u8; 32]) {
        while self.orders.pop_front_if(|(due, signed, _)| (*due, *signed) == (entries, order)).is_some() {
            self.ahead -= 1;
        }
    }

    /// Reports orders that were signed for fewer than this many entries and were not met; `first` is how many entries
    /// were cut off with the beginning.
    pub(super) fn miss_order(&mut self, entries: u64, first: u64, at: Place, findings: &Findings) {
        while let Some((due, _, number)) = self.orders.pop_front_if(|(due, ..)| *due < entries) {
            self.ahead -= 1;
            if due >= first {
                let what = format!(
                    "the entries up to here do not stand in the order that checkpoint {number} of the log was signed for"
                );
                self.order_fault(Finding::new(FindingKind::Reordered, what).at(at), findings);
            }
        }
    }

    /// Notes that the entries do not stand in the order they were written in, unless some are wrong already.
    pub(super) fn order_fault(&mut self, fault: Finding, findings: &Findings) {
        if findings.entries_clean() && self.disorder.is_none() {
            self.disorder = Some(fault);
        }
    }

    /// Reports another order, and what checkpoints kept elsewhere promise beyond the log's end.
    pub(super) fn finish(&mut self, entries: u64, findings: &mut Findings) {
        if let Some(fault) = self.disorder.take().filter(|_| findings.entries_clean()) {
            findings.add(fault);
        }
        let Some((number, kept)) = self.kept.pop_last() else { return };
        let finding = if kept.seq > entries {
            let what = format!(
                "checkpoint {number} of the whole log, kept elsewhere, promises {} entries; there were {entries}",
                kept.seq
            );
            Finding::new(FindingKind::Truncated, what)
        } else {
            let what =
                format!("checkpoint {number} of the whole log, kept elsewhere, is not in checkpoints.jsonl");
            Finding::new(FindingKind::MissingCheckpoint, what)
        };
        findings.add(finding);
    }
}

impl Default for Last {
    fn default() -> Self {
        Self { number: 0, link: Link { seq: 0, hash: [0; 32] } }
    }
}
