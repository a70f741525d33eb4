//! The files as such: which segments there are, and in which order the entries stand in them.

use super::{
    MAX_CHAINS, Verifier,
    follow::Chain,
    report::{Finding, FindingKind, Place},
};
use crate::chain::{
    checkpoint::Checkpoint,
    entry::Entry,
    heads::{Heads, SegmentHeader, root},
};

/// The most checkpoints that may wait for their entries.
const MAX_AHEAD: usize = 4 * MAX_CHAINS;
/// How many checkpoints may wait, beside two for each chain, before those of deleted entries are forgotten.
const MANY_WAITING: usize = 4_096;

/// Where the files stand: what headers state and checkpoints of the whole log sign.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) first: u64,
    pub(super) last: u64,
    /// How many entries stood before the first, and their order.
    pub(super) before: u64,
    before_order: [u8; 32],
    pub(super) at: Place,
    /// Absent until the first header that can be read.
    pub(super) state: Option<Heads>,
}

impl Verifier {
    /// Takes the first line of a segment, without its line feed; `segment` is the number in the file's name.
    pub fn feed_header(&mut self, segment: u64, line: &[u8]) {
        let at = Place { segment, line: 1 };
        if segment == 0 {
            let what = "segments are counted from 1".to_owned();
            self.findings.add(Finding::new(FindingKind::File, what).at(at));
        }
        let expected = self.files.last.saturating_add(1);
        if self.files.last > 0 && segment > expected {
            let what = format!("segments {expected} to {} are missing", segment - 1);
            self.findings.add(Finding::new(FindingKind::File, what).at(at));
        }
        self.files.first = if self.files.first == 0 { segment } else { self.files.first };
        self.files.last = segment;
        match SegmentHeader::parse(line) {
            Ok(header) => self.take_header(at, &header, line),
            Err(error) => {
                self.findings
                    .add(Finding::new(FindingKind::File, format!("the header is not one: {error}")).at(at));
            }
        }
    }

    /// Tells whether the next checkpoint should be fed before the next entry: while fewer than `ahead` wait, and until
    /// those that were signed together are all there.
    pub(super) fn wants_checkpoint(&self, ahead: usize) -> bool {
        let waiting = self.promises.ahead;
        let unfinished = self.only.is_none() && !self.promises.order_waits();
        waiting < ahead || (unfinished && waiting < MAX_AHEAD)
    }

    /// Takes a checkpoint of the whole log.
    pub(super) fn take_log_checkpoint(&mut self, checkpoint: &Checkpoint, line: u64) {
        let state = self.files.state.as_ref();
        let (first, passed) = (self.files.before, state.map_or(0, Heads::entries));
        self.promises.promise_log(checkpoint, line, (first, passed), &mut self.findings);
        if let Some(state) = state {
            // The last one of what was deleted may be read behind the first header.
            self.promises.check_order(first, self.files.before_order);
            self.promises.check_order(passed, state.order());
        }
        // Of the entries that were deleted there may be any number of checkpoints.
        if checkpoint.seq < first && self.promises.ahead > MANY_WAITING + 2 * self.chains.len() {
            self.promises.ahead -= self.chains.values_mut().map(Chain::keep_last_promise).sum::<usize>();
        }
    }

    /// Reports that the chains do not lack as many entries as the first header says were deleted: then nothing tells
    /// which checkpoints of the whole log need no longer be met.
    pub(super) fn check_front(&mut self) {
        let gone = self.chains.values().fold(0_u64, |gone, chain| gone.saturating_add(chain.cut_off()));
        if gone != self.files.before && self.findings.entries_clean() {
            let what = format!(
                "the first header says that {} entries stood before it, the chains lack {gone}",
                self.files.before
            );
            let at = Place { segment: self.files.first, line: 1 };
            self.findings.add(Finding::new(FindingKind::File, what).at(at));
        }
    }

    fn take_header(&mut self, at: Place, header: &SegmentHeader, line: &[u8]) {
        if header.segment != at.segment {
            let what = format!("this file holds segment {}", header.segment);
            self.findings.add(Finding::new(FindingKind::File, what).at(at));
        }
        let log = *self.log.get_or_insert(header.log);
        if header.log != log {
            let what = format!("this segment is of the log {}, not {log}", header.log);
            self.findings.add(Finding::new(FindingKind::WrongLog, what).at(at));
        }
        let begins = self.files.state.is_none();
        let state = self.files.state.get_or_insert_with(|| {
            if at.segment == 1 { Heads::new(header.log) } else { Heads::before(header) }
        });
        let fits = (header.entries, header.order) == (state.entries(), state.order());
        let whole = self.files.first == 1;
        let roots = !whole
            || header.chains == root(self.chains.iter().filter_map(|(name, chain)| chain.head_named(name)));
        if !(fits && roots) {
            let fault = if begins {
                Finding::new(FindingKind::File, "the header of the first segment was edited".to_owned())
                    .at(at)
            } else {
                let what =
                    "the entries up to here do not stand as the next header states, or that was edited";
                Finding::new(FindingKind::Reordered, what.to_owned()).at(self.files.at)
            };
            self.promises.order_fault(fault, &self.findings);
        }
        if begins {
            (self.files.before, self.files.before_order) = (state.entries(), state.order());
            self.promises.miss_order(state.entries(), state.entries(), at, &self.findings);
            self.promises.check_order(state.entries(), state.order());
        }
        state.continue_segment(line);
        self.promises.check_order(state.entries(), state.order());
        self.files.at = at;
    }

    /// Follows the order of all entries.
    pub(super) fn advance(&mut self, entry: &Entry<'_>, at: Place) {
        let Some(state) = &mut self.files.state else { return };
        state.step(entry.link().hash);
        let place = std::mem::replace(&mut self.files.at, at);
        self.promises.miss_order(state.entries(), self.files.before, place, &self.findings);
        self.promises.check_order(state.entries(), state.order());
    }
}
