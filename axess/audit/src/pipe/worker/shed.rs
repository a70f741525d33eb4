use super::{Feed, Stop, Worker};
use crate::{
    AuditRecord,
    pipe::{
        BufferFullPolicy, PipeError,
        feed::{Ask, Chain},
    },
};

/// How many events are passed over in one read.
const STRIDE: usize = 1_024;

impl<F: Feed> Worker<F> {
    /// Moves on past the oldest events while more wait than may, where the policy is to drop them. The feed keeps them.
    pub(super) async fn shed(&mut self) -> Result<(), PipeError> {
        let drops = F::SHEDS_BY_CURSOR && self.context.gate.policy() == BufferFullPolicy::DropOldest;
        if !drops || !self.goes_on() {
            return Ok(());
        }
        while let Some(over) =
            self.context.gate.depth(self.place).checked_sub(self.context.gate.max()).filter(|over| *over > 0)
        {
            let max = usize::try_from(over).unwrap_or(STRIDE).min(STRIDE);
            let slowest = self.progress.lanes.iter().min_by_key(|lane| lane.at).map(|lane| lane.chain);
            let went_on = match slowest {
                Some(chain) => self.shed_lane(chain, max).await?,
                None => false,
            };
            if !went_on && !self.shed_main(max).await? {
                // Fewer wait than was counted.
                return self.feed.count(self.place, &self.progress).await;
            }
        }
        Ok(())
    }

    /// Tells whether events may follow. While the pipe drains none do, and everything may still be delivered.
    fn goes_on(&self) -> bool {
        *self.stop.borrow() == Stop::Run
    }

    async fn shed_main(&mut self, max: usize) -> Result<bool, PipeError> {
        self.main.drop_hand();
        let mut page = self.feed.read(self.place, self.ask(self.progress.at, max)).await?;
        let Some(end) = page.end.filter(|_| self.goes_on()) else { return Ok(false) };
        self.progress.advance(end, &mut page.skipped);
        self.dropped(&page.records).await;
        Ok(true)
    }

    async fn shed_lane(&mut self, chain: Chain, max: usize) -> Result<bool, PipeError> {
        let Some(after) = self.progress.lane(chain).map(|lane| lane.at) else { return Ok(false) };
        let until = Some(self.progress.at);
        let ask = Ask { after, until, only: Some(chain), except: Vec::new(), max };
        let page = self.feed.read(self.place, ask).await?;
        let end = page.end.filter(|_| self.goes_on());
        let (Some(end), Some(lane)) = (end, self.progress.lane_mut(chain)) else { return Ok(false) };
        lane.at = end;
        lane.waiting = lane.waiting.saturating_sub(u64::try_from(page.records.len()).unwrap_or(u64::MAX));
        if let Some(run) = self.lanes.get_mut(&chain) {
            run.drop_hand();
        }
        self.dropped(&page.records).await;
        Ok(true)
    }

    async fn dropped(&mut self, records: &[AuditRecord]) {
        // Events that tell of dropped events are not counted: counting would never end.
        let tells = |record: &&AuditRecord| record.envelope.payload.event_type != "AuditEventsDropped";
        let events = u64::try_from(records.iter().filter(tells).count()).unwrap_or(u64::MAX);
        self.gauge(|gauge| {
            gauge.change(|readings| {
                readings.dropped += events;
                readings.unreported += events;
            });
        });
        self.save(records.len()).await;
    }
}
