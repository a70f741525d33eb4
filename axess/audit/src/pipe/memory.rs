use super::{
    BufferFullPolicy, PipeError,
    feed::{Ask, Feed, Page, Progress, chain_of},
    folder,
    gate::Gate,
    recovery::{Recovered, RecoveryLog},
    stats::Gauge,
};
use crate::{AuditRecord, chain};
use axess_events::{AuthEvent, AuthEventEnvelope};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;

/// Keeps events in the memory of the process: a queue per sink, of shared events.
#[derive(Debug)]
pub(super) struct MemoryFeed {
    max: usize,
    gate: Arc<Gate>,
    gauges: Arc<[Gauge]>,
    queues: Mutex<Queues>,
    news: watch::Sender<u64>,
    recovery: Option<Arc<RecoveryLog>>,
}

#[derive(Debug)]
struct Queues {
    last: u64,
    sinks: Vec<VecDeque<Slot>>,
}

#[derive(Debug, Clone)]
struct Slot {
    place: u64,
    record: AuditRecord,
    /// In the hands of the worker: not dropped for want of room.
    in_hand: bool,
    /// Of the pipe itself: not counted when it is dropped, or counting would never end.
    own: bool,
}

impl MemoryFeed {
    pub(super) fn new(
        max: usize,
        gate: Arc<Gate>,
        gauges: Arc<[Gauge]>,
        recovery: Option<Arc<RecoveryLog>>,
        recovered: &Recovered,
    ) -> Result<Self, PipeError> {
        let mut sinks = Vec::new();
        for sink in 0..gauges.len() {
            let progress = recovery.as_ref().map_or(Ok(Progress::new(0)), |log| log.load(sink))?;
            let queue: VecDeque<Slot> = recovered
                .of(sink, &progress)
                .map(|line| Slot::new(line.place, line.record.clone(), false))
                .collect();
            gate.set_depth(sink, count(queue.len()));
            sinks.push(queue);
        }
        let last = recovered.lines.last().map_or(0, |line| line.place);
        let queues = Mutex::new(Queues { last, sinks });
        Ok(Self { max, gate, gauges, queues, news: watch::Sender::new(0), recovery })
    }

    /// Adds an event behind all others; where the oldest are dropped, this makes room.
    pub(super) fn push(&self, record: &AuditRecord, own: bool) {
        {
            let mut queues = self.lock();
            queues.last += 1;
            let place = queues.last;
            for (sink, queue) in queues.sinks.iter_mut().enumerate() {
                if self.gate.policy() == BufferFullPolicy::DropOldest && !own {
                    self.make_room(sink, queue);
                }
                queue.push_back(Slot::new(place, record.clone(), own));
                self.gate.set_depth(sink, count(queue.len()));
            }
        }
        self.news.send_modify(|news| *news += 1);
    }

    /// Returns what no worker has delivered, with the sinks it waits for, in order.
    pub(super) fn left(&self) -> Vec<(AuditRecord, BTreeSet<usize>)> {
        let queues = self.lock();
        let mut all: BTreeMap<u64, (AuditRecord, BTreeSet<usize>)> = BTreeMap::new();
        for (sink, queue) in queues.sinks.iter().enumerate() {
            for slot in queue {
                let entry = all.entry(slot.place).or_insert_with(|| (slot.record.clone(), BTreeSet::new()));
                entry.1.insert(sink);
            }
        }
        all.into_values().collect()
    }

    fn make_room(&self, sink: usize, queue: &mut VecDeque<Slot>) {
        while queue.len() >= self.max {
            let Some(oldest) = queue.iter().position(|slot| !slot.in_hand) else { break };
            let Some(slot) = queue.remove(oldest) else { break };
            if let Some(gauge) = self.gauges.get(sink).filter(|_| !slot.own) {
                gauge.change(|readings| {
                    readings.dropped += 1;
                    readings.unreported += 1;
                });
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn new(place: u64, record: AuditRecord, own: bool) -> Self {
        Self { place, record, in_hand: false, own }
    }
}

impl Feed for MemoryFeed {
    type Place = u64;

    const SHEDS_BY_CURSOR: bool = false;

    async fn load(&self, sink: usize) -> Result<Progress<u64>, PipeError> {
        self.recovery.as_ref().map_or(Ok(Progress::new(0)), |log| log.load(sink))
    }

    async fn read(&self, sink: usize, ask: Ask<u64>) -> Result<Page<u64>, PipeError> {
        let mut queues = self.lock();
        let mut page = Page::default();
        let Some(queue) = queues.sinks.get_mut(sink) else { return Ok(page) };
        let first = queue.partition_point(|slot| slot.place <= ask.after);
        let inside = |slot: &&mut Slot| ask.until.is_none_or(|until| slot.place <= until);
        for slot in queue.iter_mut().skip(first).take_while(inside).take(ask.max) {
            page.end = Some(slot.place);
            let chain = chain_of(&slot.record);
            if ask.wants(chain) {
                slot.in_hand = true;
                page.places.push(slot.place);
                page.records.push(slot.record.clone());
            } else {
                page.skipped.push((slot.place, chain));
            }
        }
        Ok(page)
    }

    async fn save(&self, sink: usize, progress: &Progress<u64>, _: u64) -> Result<(), PipeError> {
        {
            let mut queues = self.lock();
            let Some(queue) = queues.sinks.get_mut(sink) else { return Ok(()) };
            if progress.lanes.is_empty() {
                let done = queue.partition_point(|slot| slot.place <= progress.at);
                queue.drain(..done);
            } else {
                queue.retain(|slot| !progress.has_taken(slot.place, chain_of(&slot.record)));
            }
            self.gate.set_depth(sink, count(queue.len()));
        }
        let Some(log) = self.recovery.clone() else { return Ok(()) };
        if !log.is_behind(sink) {
            return Ok(());
        }
        let progress = progress.clone();
        folder::blocking(move || log.save(sink, &progress)).await
    }

    async fn count(&self, _: usize, _: &Progress<u64>) -> Result<(), PipeError> {
        Ok(())
    }

    async fn note(&self, event: AuthEventEnvelope<AuthEvent>) -> Result<(), PipeError> {
        let bytes = chain::canonical(&event).map_err(PipeError::Event)?;
        let record = AuditRecord::from_event(bytes).map_err(PipeError::NotAnEvent)?;
        self.push(&record, true);
        Ok(())
    }

    fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    fn is_complete(&self) -> bool {
        true
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
