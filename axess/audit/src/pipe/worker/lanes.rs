use super::{
    Feed, Run, Worker,
    deliver::{Failure, gave_up},
    describe, monotonic,
};
use crate::{
    AuditRecord,
    pipe::{
        PipeError,
        feed::{Ask, Chain, chain_of},
    },
};

/// After how many failures of a batch its chains are tried apart.
pub(super) const SUSPECT_AFTER: u32 = 2;
/// The most chains that are held back; beyond that everybody waits.
const MAX_LANES: usize = 64;
/// How many chains are tried apart before the sink itself is taken to be down.
const PROBES: usize = 3;

impl<F: Feed> Worker<F> {
    /// Finds out whose events make a batch fail. Nobody is held back while the sink takes nothing at all, but for one
    /// chain on suspicion when there is nobody to compare it with.
    pub(super) async fn tell_apart(&mut self) {
        let chains = chains_of(&self.main.records);
        if let [only] = chains.as_slice() {
            if self.may_suspect && self.progress.lanes.len() < MAX_LANES {
                self.may_suspect = false;
                self.hold(*only);
                self.settle_main(0).await;
            }
            return;
        }
        // Another one first each time, so that some healthy chain is found among many that fail.
        let first = usize::try_from(self.main.attempts).unwrap_or(0) * PROBES % chains.len();
        let (mut was_taken, mut failed) = (false, Vec::new());
        for chain in chains.iter().cycle().skip(first).take(chains.len()) {
            if !was_taken && failed.len() >= PROBES {
                return;
            }
            let mine: Vec<AuditRecord> =
                self.main.records.iter().filter(|record| chain_of(record) == *chain).cloned().collect();
            let (settled, failure) = self.push(&mine).await;
            was_taken |= settled > 0;
            self.take_out(*chain, settled);
            match failure {
                Some(Failure { is_stop: true, .. }) => return,
                Some(_) => failed.push(*chain),
                None => {}
            }
        }
        if !was_taken {
            return;
        }
        for chain in failed {
            if self.progress.lanes.len() < MAX_LANES {
                self.hold(chain);
            }
        }
        if self.main.records.is_empty() {
            self.settle_main(0).await;
            (self.main.attempts, self.main.due) = (0, None);
        }
    }

    /// Takes the first `settled` events of a chain out of the hand.
    fn take_out(&mut self, chain: Chain, settled: usize) {
        let mut left = settled;
        let run = &mut self.main;
        let keep: Vec<bool> = run
            .records
            .iter()
            .map(|record| {
                let is_out = left > 0 && chain_of(record) == chain;
                left -= usize::from(is_out);
                !is_out
            })
            .collect();
        let (mut records, mut places) = (keep.iter(), keep.iter());
        run.records.retain(|_| records.next().copied().unwrap_or(true));
        run.places.retain(|_| places.next().copied().unwrap_or(true));
    }

    /// Gives a chain a lane of its own. What it has in hand is passed over: the lane has it once the common cursor is
    /// past it, and is not let go before.
    fn hold(&mut self, chain: Chain) {
        let run = &mut self.main;
        let hand = run.places.iter().zip(&run.records).filter(|(_, record)| chain_of(record) == chain);
        let mine: Vec<_> = hand.map(|(place, _)| (*place, chain)).collect();
        self.take_out(chain, mine.len());
        self.main.skipped.extend(mine);
        self.progress.hold(chain);
        let mut lane = Run::new(1);
        lane.attempts = self.main.attempts;
        lane.due = Some(monotonic() + self.pause(lane.attempts, None));
        self.lanes.insert(chain, lane);
        tracing::warn!(sink = self.sink.name(), tenant = ?chain, "the events of a tenant are held back");
    }

    /// Delivers what a held-back chain has before the common cursor.
    pub(super) async fn lane_turn(&mut self, chain: Chain) -> Result<bool, PipeError> {
        let Some(mut run) = self.lanes.remove(&chain) else { return Ok(false) };
        if !run.is_due() {
            self.lanes.insert(chain, run);
            return Ok(false);
        }
        let outcome = self.lane_step(chain, &mut run).await;
        if self.progress.lane(chain).is_some() {
            self.lanes.insert(chain, run);
        }
        outcome
    }

    async fn lane_step(&mut self, chain: Chain, run: &mut Run<F::Place>) -> Result<bool, PipeError> {
        let Some(at) = self.progress.lane(chain).map(|lane| lane.at) else { return Ok(false) };
        if run.records.is_empty() {
            if at >= self.progress.at {
                run.due = None;
                return Ok(self.caught_up(chain).await);
            }
            let until = Some(self.progress.at);
            let max = self.context.batch;
            let ask = Ask { after: at, until, only: Some(chain), except: Vec::new(), max };
            let page = match self.feed.read(self.place, ask).await {
                Ok(page) => page,
                Err(error) => {
                    self.lane_broke(run, &error);
                    return Ok(false);
                }
            };
            // Without an end nothing lies before the common cursor.
            let end = page.end.or(until);
            (run.places, run.records, run.end) = (page.places, page.records, end);
        }
        let batch: Vec<AuditRecord> = run.records.iter().take(run.limit).cloned().collect();
        let (settled, failure) = self.push(&batch).await;
        self.settle_lane(chain, run, settled).await;
        let Some(failure) = failure else {
            (run.attempts, run.due) = (0, None);
            run.limit = (run.limit * 2).min(self.context.batch);
            return Ok(true);
        };
        if failure.is_stop {
            return Ok(true);
        }
        run.limit = 1;
        run.attempts = if settled > 0 { 1 } else { run.attempts.saturating_add(1) };
        if self.context.retry.exhausted(run.attempts)
            && batch.len() - settled == 1
            && let Some(first) = run.records.first().cloned()
        {
            // What goes wrong here is the lane's alone: the others go on.
            if let Err(error) = self.bury(&first, &gave_up(run.attempts, &failure.text)).await {
                self.lane_broke(run, &error);
                return Ok(true);
            }
            self.settle_lane(chain, run, 1).await;
            return Ok(true);
        }
        run.due = Some(monotonic() + self.pause(run.attempts, failure.after));
        Ok(true)
    }

    /// Lets a lane rest after something other than its sink failed.
    fn lane_broke(&mut self, run: &mut Run<F::Place>, error: &PipeError) {
        let text = describe(error);
        tracing::error!(sink = self.sink.name(), error = text, "a tenant's events stay where they are");
        self.gauge(|gauge| gauge.failed(&text));
        run.attempts = run.attempts.saturating_add(1);
        run.due = Some(monotonic() + self.pause(run.attempts, None));
    }

    async fn settle_lane(&mut self, chain: Chain, run: &mut Run<F::Place>, settled: usize) {
        let last = run.places.drain(..settled).next_back();
        run.records.drain(..settled);
        let to = if run.records.is_empty() { run.end } else { last };
        if let (Some(to), Some(lane)) = (to, self.progress.lane_mut(chain)) {
            lane.at = lane.at.max(to);
            lane.waiting = lane.waiting.saturating_sub(u64::try_from(settled).unwrap_or(u64::MAX));
            self.save(settled).await;
        }
        if run.records.is_empty() {
            run.drop_hand();
        }
    }

    /// Lets a chain go with the others again, unless events of it were passed over for those in hand: the common
    /// cursor must not move past them without a lane to catch them.
    async fn caught_up(&mut self, chain: Chain) -> bool {
        if self.main.skipped.iter().any(|(_, skipped)| *skipped == chain) {
            return false;
        }
        self.progress.release(chain);
        self.save(0).await;
        true
    }
}

fn chains_of(records: &[AuditRecord]) -> Vec<Chain> {
    let mut chains = Vec::new();
    for chain in records.iter().map(chain_of) {
        if !chains.contains(&chain) {
            chains.push(chain);
        }
    }
    chains
}
