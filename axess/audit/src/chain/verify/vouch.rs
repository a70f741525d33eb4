//! What entries say of other entries of their chain: which were erased, and how many were deleted.

use super::report::{Finding, FindingKind, Findings, Place};
use crate::chain::{
    entry::Entry,
    wire::{decode, encode},
};
use axess_core::store::AuditScope;
use axess_events::trail::{AuditEventsDeleted, AuditSubjectErased, AuditTier};
use std::collections::{BTreeMap, BTreeSet};

const ERASED: &str = "AuditSubjectErased";
const DELETED: &str = "AuditEventsDeleted";

/// The most rewritten entries of one chain that may wait for the event that vouches for them.
const MAX_WAITING: usize = 1_000_000;

/// The rewritten entries of a chain that wait for the event which vouches for them.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By the place of that event.
    entries: BTreeMap<u64, Vec<Rewritten>>,
    count: usize,
    /// Those it vouched for, until a checkpoint attests that event: at the end of a log anybody can write one.
    vouched: BTreeMap<u64, Vec<Rewritten>>,
    /// Entries that an erasure lists and that still hold what they held.
    pub(super) due: u64,
}

#[derive(Debug)]
struct Rewritten {
    seq: u64,
    commitment: [u8; 32],
    at: Place,
}

impl Waiting {
    /// Takes an entry: it may have been rewritten, and it may vouch for others. `first` is the chain's first place.
    pub(super) fn take(&mut self, entry: &Entry<'_>, at: Place, first: u64, findings: &mut Findings) {
        if let Some(voucher) = entry.erased() {
            let rewritten = Rewritten { seq: entry.seq(), commitment: entry.commitment(), at };
            if voucher <= entry.seq() || self.count >= MAX_WAITING {
                not_erased(entry.scope(), &rewritten, voucher, findings);
            } else {
                self.count += 1;
                self.entries.entry(voucher).or_default().push(rewritten);
            }
        }
        let erasure =
            (entry.event_type() == ERASED).then(|| serde_json::from_slice(entry.event()).ok()).flatten();
        let waiting = self.entries.remove(&entry.seq()).unwrap_or_default();
        let vouched = erasure.as_ref().map(listed).unwrap_or_default();
        for rewritten in &waiting {
            if vouched.get(&rewritten.seq) != Some(&rewritten.commitment) {
                not_erased(entry.scope(), rewritten, entry.seq(), findings);
            }
        }
        self.count -= waiting.len();
        let of_chain = first..entry.seq();
        let mut due: BTreeSet<u64> = vouched.into_keys().filter(|seq| of_chain.contains(seq)).collect();
        for rewritten in &waiting {
            due.remove(&rewritten.seq);
        }
        // An entry that was rewritten once more names the later erasure.
        if !due.is_empty() {
            for rewritten in self.entries.values().flatten() {
                due.remove(&rewritten.seq);
            }
        }
        self.due += u64::try_from(due.len()).unwrap_or(u64::MAX);
        if !waiting.is_empty() {
            self.vouched.insert(entry.seq(), waiting);
        }
    }

    /// Believes the events up to this place: a checkpoint attests them.
    pub(super) fn attest(&mut self, seq: u64) {
        if self.vouched.first_key_value().is_some_and(|(voucher, _)| *voucher <= seq) {
            self.vouched = self.vouched.split_off(&seq.saturating_add(1));
        }
    }

    /// Reports those that nothing vouched for.
    pub(super) fn finish(&mut self, scope: AuditScope, findings: &mut Findings) {
        for (voucher, waiting) in std::mem::take(&mut self.entries) {
            for rewritten in &waiting {
                not_erased(scope, rewritten, voucher, findings);
            }
        }
        for (voucher, waiting) in std::mem::take(&mut self.vouched) {
            for Rewritten { seq, at, .. } in waiting {
                let what = format!(
                    "the entry was rewritten; entry {voucher} vouches for it, and no checkpoint for that"
                );
                findings.add(Finding::new(FindingKind::Unattested, what).at(at).of(Some(scope), Some(seq)));
            }
        }
    }
}

fn listed(erasure: &AuditSubjectErased) -> BTreeMap<u64, [u8; 32]> {
    let entry = |entry: &axess_events::trail::ErasedEntry| {
        Some((entry.sequence, decode(entry.commitment.as_str().as_bytes())?))
    };
    erasure.entries.iter().filter_map(entry).collect()
}

fn not_erased(scope: AuditScope, rewritten: &Rewritten, voucher: u64, findings: &mut Findings) {
    let what =
        format!("the entry was rewritten, and entry {voucher} is no erasure that vouches for what it holds");
    let finding = Finding::new(FindingKind::NotErased, what).at(rewritten.at);
    findings.add(finding.of(Some(scope), Some(rewritten.seq)));
}

/// Tells whether an entry says that everything up to `last` was deleted by retention.
pub(super) fn vouches_for_cut(entry: &Entry<'_>, last: u64, hash: &[u8; 32]) -> bool {
    if entry.event_type() != DELETED {
        return false;
    }
    let Ok(deleted) = serde_json::from_slice::<AuditEventsDeleted>(entry.event()) else { return false };
    let (Some(through), Some(head)) = (deleted.last_sequence, deleted.chain_head) else { return false };
    // What was to be deleted further on may still be there: a deletion is resumed after a crash.
    let fits = through > last || (through == last && head.as_str() == encode(hash));
    deleted.tier == AuditTier::Log && through < entry.seq() && fits
}
