//! Brings the events of one feed to one sink.
//!
//! 1. Events are read behind the cursor, some at a time, and delivered in order.
//! 2. What was delivered moves the cursor, which is kept before anything else is read.
//! 3. A delivery that fails is tried again after a pause, and nothing of its chain overtakes it. When it fails again,
//!    the chains of the batch are tried apart: one whose events fail while others are taken gets a lane of its own, a
//!    cursor that stays behind, and holds nobody else up.
//! 4. An event that is refused, or given up, is put to the dead letters before the cursor moves.

mod deliver;
mod lanes;
mod redeliver;
mod shed;

use super::{
    PipeError, Redelivered, RetryPolicy,
    dead::DeadLetters,
    drops::Episode,
    feed::{Ask, Chain, Feed, Progress},
    gate::Gate,
    stats::Gauge,
};
use crate::{AuditRecord, sink::EventSink};
use axess_clock::Clock;
use axess_rng::SecureRng;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    time::Instant,
};

/// What the workers of a pipe share.
pub(super) struct Context {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: Arc<dyn SecureRng>,
    pub(super) retry: RetryPolicy,
    pub(super) batch: usize,
    pub(super) delivery_timeout: Duration,
    /// How often to look for what other processes wrote.
    pub(super) poll: Duration,
    pub(super) metrics: Arc<dyn super::AuditPipeMetrics>,
    pub(super) gate: Arc<Gate>,
    pub(super) gauges: Arc<[Gauge]>,
    pub(super) dead_folder: Option<PathBuf>,
    pub(super) max_dead_letter_bytes: u64,
    /// What is known of dropped events, per sink.
    pub(super) episodes: Mutex<Vec<Episode>>,
    /// Whether the pipe itself has nothing more to record.
    pub(super) is_reported: AtomicBool,
}

/// What a pipe tells its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    /// Go on.
    Run,
    /// Deliver what there is, then end.
    Drain,
    /// End.
    Abort,
}

/// What an operator wants of a worker.
pub(super) struct Redeliver {
    pub(super) reply: oneshot::Sender<Result<Redelivered, PipeError>>,
}

/// Delivers to one sink.
pub(super) struct Worker<F: Feed> {
    feed: Arc<F>,
    sink: Arc<dyn EventSink>,
    place: usize,
    context: Arc<Context>,
    stop: watch::Receiver<Stop>,
    news: watch::Receiver<u64>,
    progress: Progress<F::Place>,
    main: Run<F::Place>,
    lanes: BTreeMap<Chain, Run<F::Place>>,
    /// Whether something was delivered since a chain was held back on suspicion alone.
    may_suspect: bool,
    dead: Option<DeadLetters>,
    counted: Instant,
}

/// Events in hand, and how their delivery goes.
#[derive(Debug)]
struct Run<P> {
    places: Vec<P>,
    records: Vec<AuditRecord>,
    skipped: Vec<(P, Chain)>,
    end: Option<P>,
    attempts: u32,
    due: Option<Instant>,
    /// How many are delivered together.
    limit: usize,
}

impl<P> Run<P> {
    fn new(limit: usize) -> Self {
        Self {
            places: Vec::new(),
            records: Vec::new(),
            skipped: Vec::new(),
            end: None,
            attempts: 0,
            due: None,
            limit,
        }
    }

    fn is_due(&self) -> bool {
        self.due.is_none_or(|due| due <= monotonic())
    }

    fn drop_hand(&mut self) {
        self.places.clear();
        self.records.clear();
        self.skipped.clear();
        self.end = None;
    }
}

impl<F: Feed> Worker<F> {
    /// Takes up the delivery to a sink where it was left.
    pub(super) async fn new(
        feed: Arc<F>,
        sink: Arc<dyn EventSink>,
        place: usize,
        context: Arc<Context>,
        stop: watch::Receiver<Stop>,
    ) -> Result<Self, PipeError> {
        let progress = feed.load(place).await?;
        let dead = match context.dead_folder.clone() {
            Some(folder) => {
                let (name, most) = (sink.name().to_owned(), context.max_dead_letter_bytes);
                Some(super::folder::blocking(move || DeadLetters::open(&folder, &name, most)).await?)
            }
            None => None,
        };
        if let Some(gauge) = context.gauges.get(place) {
            gauge.change(|readings| readings.unreported = readings.unreported.max(progress.unreported));
        }
        let news = feed.news();
        let main = Run::new(context.batch);
        let lanes = progress.held().into_iter().map(|chain| (chain, Run::new(1))).collect();
        feed.count(place, &progress).await?;
        let counted = monotonic();
        Ok(Self {
            feed,
            sink,
            place,
            context,
            stop,
            news,
            progress,
            main,
            lanes,
            may_suspect: true,
            dead,
            counted,
        })
    }

    /// Delivers until it is told to end.
    pub(super) async fn run(mut self, orders: &mut mpsc::Receiver<Redeliver>) {
        while *self.stop.borrow() != Stop::Abort {
            // Asked before reading: what is complete now cannot grow while it is read.
            let is_last = *self.stop.borrow() == Stop::Drain
                && self.context.is_reported.load(Ordering::Acquire)
                && self.feed.is_complete();
            while let Ok(order) = orders.try_recv() {
                _ = order.reply.send(self.redeliver().await);
            }
            match self.turn().await {
                Ok(true) => {}
                Ok(false) if is_last && self.is_idle() => break,
                Ok(false) => self.rest(orders).await,
                Err(error) => {
                    self.gauge(|gauge| gauge.failed(&describe(&error)));
                    self.main.attempts = self.main.attempts.saturating_add(1);
                    self.main.due = Some(monotonic() + self.pause(self.main.attempts, None));
                    self.rest(orders).await;
                }
            }
        }
        self.save(0).await;
        if let Err(error) = self.feed.count(self.place, &self.progress).await {
            self.gauge(|gauge| gauge.failed(&describe(&error)));
        }
    }

    fn is_idle(&self) -> bool {
        self.main.records.is_empty() && self.main.due.is_none() && self.progress.lanes.is_empty()
    }

    /// Delivers what can be delivered now; tells whether there was anything.
    async fn turn(&mut self) -> Result<bool, PipeError> {
        if self.counted.elapsed() >= self.context.poll {
            self.feed.count(self.place, &self.progress).await?;
            self.counted = monotonic();
        }
        self.shed().await?;
        let mut did = false;
        for chain in self.progress.held() {
            did |= self.lane_turn(chain).await?;
        }
        if self.main.is_due() {
            did |= self.main_turn().await?;
        }
        self.publish();
        Ok(did)
    }

    async fn main_turn(&mut self) -> Result<bool, PipeError> {
        if self.main.records.is_empty() {
            self.news.borrow_and_update();
            let page = self.feed.read(self.place, self.ask(self.progress.at, self.context.batch)).await?;
            let Some(end) = page.end else {
                (self.main.attempts, self.main.due) = (0, None);
                return Ok(false);
            };
            let run = &mut self.main;
            (run.places, run.records, run.skipped, run.end) =
                (page.places, page.records, page.skipped, Some(end));
            self.publish();
        }
        if self.main.records.is_empty() {
            self.settle_main(0).await;
            return Ok(true);
        }
        let batch: Vec<AuditRecord> = self.main.records.iter().take(self.main.limit).cloned().collect();
        let (settled, failure) = self.push(&batch).await;
        self.settle_main(settled).await;
        match failure {
            None => {
                (self.main.attempts, self.main.due) = (0, None);
                self.main.limit = self.main.limit.saturating_mul(2).min(self.context.batch);
            }
            Some(failure) => self.main_failed(failure, batch.len() - settled, settled > 0).await?,
        }
        Ok(true)
    }

    fn ask(&self, after: F::Place, max: usize) -> Ask<F::Place> {
        Ask { after, until: None, only: None, except: self.progress.held(), max }
    }

    /// Moves the common cursor behind the first `settled` events in hand.
    async fn settle_main(&mut self, settled: usize) {
        let run = &mut self.main;
        let last = run.places.drain(..settled).next_back();
        run.records.drain(..settled);
        let to = if run.records.is_empty() { run.end } else { last };
        if let Some(to) = to {
            self.progress.advance(to, &mut run.skipped);
            self.save(settled).await;
        }
        if self.main.records.is_empty() {
            self.main.drop_hand();
        }
    }

    /// Keeps the cursor. A failure is no reason to stop delivering: it means delivering again after a crash.
    async fn save(&mut self, settled: usize) {
        self.progress.unreported = self.gauge(|gauge| gauge.change(|readings| readings.unreported));
        let settled = u64::try_from(settled).unwrap_or(u64::MAX);
        if let Err(error) = self.feed.save(self.place, &self.progress, settled).await {
            let text = describe(&error);
            tracing::error!(
                sink = self.sink.name(),
                error = text,
                "the cursor of an audit sink was not kept"
            );
            self.gauge(|gauge| gauge.failed(&text));
        }
    }

    /// Waits until there is something to do.
    async fn rest(&mut self, orders: &mut mpsc::Receiver<Redeliver>) {
        let longest = monotonic() + self.context.poll;
        let lanes = self.lanes.values().filter_map(|lane| lane.due);
        let wake = lanes.chain(self.main.due).chain([longest]).min().unwrap_or(longest);
        let waits_for_news = self.main.due.is_none();
        let told = tokio::select! {
            () = tokio::time::sleep_until(wake) => None,
            _ = self.news.changed(), if waits_for_news => None,
            _ = self.stop.changed() => None,
            Some(order) = orders.recv() => Some(order),
        };
        if let Some(order) = told {
            _ = order.reply.send(self.redeliver().await);
        }
    }

    fn publish(&self) {
        let lanes = self.lanes.values().filter_map(|lane| lane.records.first());
        let oldest = lanes.chain(self.main.records.first()).map(AuditRecord::occurred_at).min();
        let held_back = self.progress.lanes.len();
        self.gauge(|gauge| {
            gauge.change(|readings| (readings.oldest, readings.held_back) = (oldest, held_back));
        });
    }

    fn pause(&self, attempts: u32, asked: Option<Duration>) -> Duration {
        self.context.retry.pause(attempts, asked, &*self.context.rng)
    }

    fn gauge<T: Default>(&self, read: impl FnOnce(&Gauge) -> T) -> T {
        self.context.gauges.get(self.place).map(read).unwrap_or_default()
    }
}

/// Returns the runtime's own time, which never goes backwards: pauses are measured by it.
pub(super) fn monotonic() -> Instant {
    tokio::time::sleep(Duration::ZERO).deadline()
}

/// Writes an error with its causes.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
