use super::PipeError;
use crate::AuditRecord;
use axess_core::store::AuditScope;
use axess_events::{AuthEvent, AuthEventEnvelope};
use axess_identity::TenantId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, fmt};
use tokio::sync::watch;

/// Whose events, in a form that sorts: the tenant, or nobody.
pub(super) type Chain = Option<TenantId>;

/// Returns whose event a record is.
pub(super) fn chain_of(record: &AuditRecord) -> Chain {
    match record.scope() {
        AuditScope::Tenant(id) => Some(id),
        AuditScope::System => None,
    }
}

/// What workers take events from: the memory of this process, or the log.
pub(super) trait Feed: Send + Sync + 'static {
    /// A place between two events.
    type Place: Copy + Ord + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Whether the worker makes room by moving its cursor; the other feeds make room themselves.
    const SHEDS_BY_CURSOR: bool;

    /// Returns what a sink has taken already.
    fn load(&self, sink: usize) -> impl Future<Output = Result<Progress<Self::Place>, PipeError>> + Send;

    /// Reads events in their order.
    fn read(
        &self,
        sink: usize,
        ask: Ask<Self::Place>,
    ) -> impl Future<Output = Result<Page<Self::Place>, PipeError>> + Send;

    /// Keeps what a sink has taken, `settled` events more than before, so that they need not be delivered again.
    fn save(
        &self,
        sink: usize,
        progress: &Progress<Self::Place>,
        settled: u64,
    ) -> impl Future<Output = Result<(), PipeError>> + Send;

    /// Counts what waits for a sink anew.
    fn count(
        &self,
        sink: usize,
        progress: &Progress<Self::Place>,
    ) -> impl Future<Output = Result<(), PipeError>> + Send;

    /// Records an event of the pipe itself: in a log once, however often it is called; in memory every time.
    fn note(&self, event: AuthEventEnvelope<AuthEvent>)
    -> impl Future<Output = Result<(), PipeError>> + Send;

    /// Returns what changes when there are new events.
    fn news(&self) -> watch::Receiver<u64>;

    /// Tells whether no event will follow, once the pipe drains.
    fn is_complete(&self) -> bool;
}

/// What a worker wants to read.
#[derive(Debug, Clone)]
pub(super) struct Ask<P> {
    /// What lies after this place.
    pub(super) after: P,
    /// And not after this one.
    pub(super) until: Option<P>,
    /// Of this chain only.
    pub(super) only: Option<Chain>,
    /// Not of these chains.
    pub(super) except: Vec<Chain>,
    /// At most so many events, wanted or not.
    pub(super) max: usize,
}

impl<P> Ask<P> {
    pub(super) fn wants(&self, chain: Chain) -> bool {
        self.only.map_or_else(|| !self.except.contains(&chain), |only| only == chain)
    }
}

/// Some events, and how far they reach.
#[derive(Debug)]
pub(super) struct Page<P> {
    pub(super) places: Vec<P>,
    pub(super) records: Vec<AuditRecord>,
    /// Events that were passed over, with their chains.
    pub(super) skipped: Vec<(P, Chain)>,
    /// Where the last event that was looked at ends; `None` when there was none.
    pub(super) end: Option<P>,
}

impl<P> Default for Page<P> {
    fn default() -> Self {
        Self { places: Vec::new(), records: Vec::new(), skipped: Vec::new(), end: None }
    }
}

/// What a sink has taken: everything up to a place, but for the chains that are held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "P: DeserializeOwned"))]
pub(super) struct Progress<P> {
    pub(super) v: u32,
    pub(super) at: P,
    /// Chains whose next event fails while others go on.
    #[serde(default)]
    pub(super) lanes: Vec<Lane<P>>,
    /// Events it goes without that no event tells of yet.
    #[serde(default)]
    pub(super) unreported: u64,
}

/// How far a chain is that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lane<P> {
    pub(super) chain: Chain,
    pub(super) at: P,
    /// How many of its events wait before the common place.
    pub(super) waiting: u64,
}

impl<P: Copy + Ord> Progress<P> {
    pub(super) fn new(at: P) -> Self {
        Self { v: 1, at, lanes: Vec::new(), unreported: 0 }
    }

    /// Moves on; the skipped events that are passed now wait in their lanes.
    pub(super) fn advance(&mut self, to: P, skipped: &mut Vec<(P, Chain)>) {
        let mut passed: BTreeMap<Chain, u64> = BTreeMap::new();
        skipped.retain(|(place, chain)| {
            let is_passed = *place <= to;
            if is_passed {
                *passed.entry(*chain).or_default() += 1;
            }
            !is_passed
        });
        for (chain, events) in passed {
            if let Some(lane) = self.lane_mut(chain) {
                lane.waiting = lane.waiting.saturating_add(events);
            }
        }
        self.at = self.at.max(to);
    }

    /// Holds a chain back at the common place; what it has after that is passed over, and counted when it is passed.
    pub(super) fn hold(&mut self, chain: Chain) {
        self.lanes.push(Lane { chain, at: self.at, waiting: 0 });
    }

    pub(super) fn lane(&self, chain: Chain) -> Option<&Lane<P>> {
        self.lanes.iter().find(|lane| lane.chain == chain)
    }

    pub(super) fn lane_mut(&mut self, chain: Chain) -> Option<&mut Lane<P>> {
        self.lanes.iter_mut().find(|lane| lane.chain == chain)
    }

    pub(super) fn release(&mut self, chain: Chain) {
        self.lanes.retain(|lane| lane.chain != chain);
    }

    pub(super) fn held(&self) -> Vec<Chain> {
        self.lanes.iter().map(|lane| lane.chain).collect()
    }

    /// Tells whether the sink has taken an event.
    pub(super) fn has_taken(&self, place: P, chain: Chain) -> bool {
        place <= self.lane(chain).map_or(self.at, |lane| lane.at)
    }

    /// How many events wait in lanes.
    pub(super) fn in_lanes(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.waiting).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(n: u8) -> Chain {
        Some(TenantId::from_parts(0, [n; 10]))
    }

    #[test]
    fn a_chain_that_is_held_back_stays_where_it_is_while_others_go_on() {
        let mut progress = Progress::new(10_u64);
        progress.hold(tenant(1));
        let mut skipped = vec![(12, tenant(1)), (14, tenant(1)), (20, tenant(1))];
        progress.advance(15, &mut skipped);
        assert_eq!(skipped, [(20, tenant(1))], "not passed yet");
        assert_eq!(progress.lane(tenant(1)).unwrap(), &Lane { chain: tenant(1), at: 10, waiting: 2 });
        assert!(progress.has_taken(15, tenant(2)) && !progress.has_taken(16, tenant(2)));
        assert!(!progress.has_taken(12, tenant(1)) && progress.has_taken(10, tenant(1)));
        progress.release(tenant(1));
        assert!(progress.has_taken(12, tenant(1)));
    }

    #[test]
    fn a_cursor_reads_back_and_an_older_one_too() {
        let mut progress = Progress::new(7_u64);
        progress.hold(None);
        progress.unreported = 3;
        let text = serde_json::to_string(&progress).unwrap();
        assert_eq!(serde_json::from_str::<Progress<u64>>(&text).unwrap(), progress);
        assert_eq!(serde_json::from_str::<Progress<u64>>(r#"{"v":1,"at":7}"#).unwrap(), Progress::new(7));
    }
}
