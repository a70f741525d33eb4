use super::{
    drops::{self, TICK},
    feed::Feed,
    folder::FolderLock,
    log_feed::LogFeed,
    outbox::{self, COUNT_EVERY, Mover},
    stats::age,
    worker::{Context, Redeliver, Stop, Worker, describe},
};
use crate::sink::EventSink;
use axess_core::store::DynAuditOutbox;
use futures_util::FutureExt;
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinSet,
};

/// The file that one process of a log holds: the one that delivers.
const LOCK: &str = "dispatch.lock";

/// What delivers to all sinks of a pipe.
pub(super) struct Crew<F: Feed> {
    pub(super) feed: Arc<F>,
    pub(super) sinks: Vec<Arc<dyn EventSink>>,
    pub(super) names: Arc<[String]>,
    pub(super) context: Arc<Context>,
    pub(super) stop: watch::Receiver<Stop>,
    /// What operators want, per sink.
    pub(super) orders: Vec<Arc<Mutex<mpsc::Receiver<Redeliver>>>>,
}

impl<F: Feed> Crew<F> {
    /// Delivers until it is told to end. Dropping the future ends it at once.
    pub(super) async fn work(&self) {
        let mut workers = JoinSet::new();
        for ((place, sink), orders) in self.sinks.iter().enumerate().zip(&self.orders) {
            let sink = Arc::clone(sink);
            let (feed, context, stop) =
                (Arc::clone(&self.feed), Arc::clone(&self.context), self.stop.clone());
            workers.spawn(employ(feed, sink, place, context, stop, Arc::clone(orders)));
        }
        let mut dropped = vec![0; self.names.len()];
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ended = workers.join_next() => if ended.is_none() { break },
                _ = tick.tick() => {
                    drops::report(&*self.feed, &self.context, &self.names, false).await;
                    self.measure(&mut dropped);
                }
            }
        }
        drops::report(&*self.feed, &self.context, &self.names, true).await;
        self.measure(&mut dropped);
    }

    /// Tells the metrics what changes without a delivery; `dropped` is what they know of it.
    fn measure(&self, dropped: &mut [u64]) {
        let now = self.context.clock.now();
        let (gauges, metrics) = (self.context.gauges.iter(), &self.context.metrics);
        for (((place, name), gauge), known) in self.names.iter().enumerate().zip(gauges).zip(dropped) {
            let depth = self.context.gate.depth(place);
            metrics.depth(name, depth);
            let (oldest, in_all) = gauge.change(|readings| (readings.oldest, readings.dropped));
            if let Some(at) = oldest.filter(|_| depth > 0) {
                metrics.oldest(name, age(at, now).to_std().unwrap_or_default());
            }
            if in_all > *known {
                metrics.dropped(name, in_all - *known);
                *known = in_all;
            }
        }
    }
}

/// Keeps a worker at work: one that cannot begin, or breaks, is replaced after a pause.
async fn employ<F: Feed>(
    feed: Arc<F>,
    sink: Arc<dyn EventSink>,
    place: usize,
    context: Arc<Context>,
    mut stop: watch::Receiver<Stop>,
    orders: Arc<Mutex<mpsc::Receiver<Redeliver>>>,
) {
    let mut failures = 0;
    loop {
        let life = async {
            let worker =
                Worker::new(Arc::clone(&feed), Arc::clone(&sink), place, Arc::clone(&context), stop.clone());
            worker.await?.run(&mut *orders.lock().await).await;
            Ok::<(), super::PipeError>(())
        };
        let text = match AssertUnwindSafe(life).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => describe(&error),
            Err(_) => "its worker broke".to_owned(),
        };
        tracing::error!(sink = sink.name(), error = text, "an audit sink is not served");
        if let Some(gauge) = context.gauges.get(place) {
            gauge.failed(&text);
        }
        failures += 1;
        let pause = context.retry.pause(failures, None, &*context.rng);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            aborted = stop.wait_for(|stop| *stop == Stop::Abort) => { drop(aborted); return }
        }
    }
}

/// Delivers what is in a log, while no other process does.
pub(super) struct Dispatcher {
    pub(super) crew: Crew<LogFeed>,
    pub(super) mover: Option<Mover>,
    pub(super) leads: Arc<AtomicBool>,
}

impl Dispatcher {
    /// Waits for its turn, then delivers until it is told to end.
    pub(super) async fn run(self) {
        let mut stop = self.crew.stop.clone();
        let path = self.crew.feed.folder().join(LOCK);
        loop {
            let told = *stop.borrow_and_update();
            match FolderLock::try_take(&path) {
                Ok(Some(lock)) => {
                    self.leads.store(true, Ordering::Release);
                    self.lead().await;
                    self.leads.store(false, Ordering::Release);
                    drop(lock);
                    return;
                }
                Ok(None) => {
                    if let Err(error) = self.crew.feed.count_all().await {
                        tracing::warn!(
                            error = describe(&error),
                            "what waits for the audit sinks is not known"
                        );
                    }
                }
                Err(error) => {
                    tracing::error!(error = describe(&error), "cannot ask who delivers audit events")
                }
            }
            if told != Stop::Run {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(self.crew.context.poll) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn lead(&self) {
        match &self.mover {
            Some(mover) => {
                tokio::join!(mover.run(self.crew.stop.clone()), self.crew.work());
            }
            None => self.crew.work().await,
        }
    }
}

/// Keeps the count of what waits in a database.
pub(super) async fn count_upstream(
    outbox: Arc<dyn DynAuditOutbox>,
    context: Arc<Context>,
    mut stop: watch::Receiver<Stop>,
) {
    loop {
        outbox::count(&outbox, &context).await;
        tokio::select! {
            () = tokio::time::sleep(COUNT_EVERY) => {}
            ended = stop.wait_for(|stop| *stop != Stop::Run) => { drop(ended); return }
        }
    }
}
