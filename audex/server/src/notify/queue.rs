//! What is sent when: as soon as it is written down, then again after a failure that may pass, by one server at a time.

use super::{draft::NoticeSeal, post::Failure, sink::Sinks};
use crate::store::{HeldNotice, Store, StoreFault};
use axess::clock::Clock;
use chrono::TimeDelta;
use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::{JoinHandle, JoinSet},
};
use uuid::Uuid;

/// The waits before another attempt, after a failure that may pass.
const WAITS: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(3), Duration::from_secs(20), Duration::from_secs(120)];

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(30);

/// How long a notice is held: longer than an attempt takes. After that, its holder is taken to be gone.
const HELD: TimeDelta = TimeDelta::seconds(60);

/// How many attempts are under way at once, and how many of them for one destination.
const MOST: usize = 256;
const MOST_FOR_ONE: usize = 16;

/// How often it is looked for what another server left behind, and how soon at the earliest.
const LOOK: Duration = Duration::from_secs(5);
const AT_ONCE: Duration = Duration::from_millis(10);

/// Sends what is written down, in the background, until the last clone is gone.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    wake: Arc<Notify>,
    stop: Arc<watch::Sender<bool>>,
    task: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
}

/// What sending needs.
pub(super) struct Courier {
    pub(super) sinks: Arc<Sinks>,
    pub(super) seal: NoticeSeal,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
}

/// How many attempts are under way, by their destination.
#[derive(Debug, Clone)]
struct UnderWay {
    counts: Arc<Mutex<HashMap<String, usize>>>,
    wake: Arc<Notify>,
}

/// Counts as an attempt until it is dropped.
struct Place {
    under_way: UnderWay,
    destination: String,
}

impl Queue {
    pub(super) fn start(courier: Courier) -> Self {
        let (wake, (stop, stopped)) = (Arc::new(Notify::new()), watch::channel(false));
        let under_way = UnderWay { counts: Arc::default(), wake: Arc::clone(&wake) };
        let task = tokio::spawn(run(Arc::new(courier), under_way, stopped));
        Self { wake, stop: Arc::new(stop), task: Arc::new(tokio::sync::Mutex::new(Some(task))) }
    }

    /// Says that there is something new.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Sends what is due, and returns when nothing is under way, or after as long as this; nothing is sent any more then.
    pub(super) async fn close(&self, within: Duration) {
        self.stop.send_replace(true);
        let Some(mut task) = self.task.lock().await.take() else { return };
        if tokio::time::timeout(within, &mut task).await.is_err() {
            task.abort();
            tracing::warn!("notifications are still under way: they are sent after the next start");
        }
    }
}

async fn run(courier: Arc<Courier>, under_way: UnderWay, mut stopped: watch::Receiver<bool>) {
    let mut attempts = JoinSet::new();
    loop {
        let wait = courier.look(&under_way, &mut attempts).await;
        while attempts.try_join_next().is_some() {}
        tokio::select! {
            () = under_way.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
            // It is told to, or nobody is left to tell it.
            _ = stopped.changed() => break,
        }
    }
    courier.look(&under_way, &mut attempts).await;
    while attempts.join_next().await.is_some() {}
}

impl Courier {
    /// Begins to send what is due, and returns for how long there is nothing to do.
    async fn look(self: &Arc<Self>, under_way: &UnderWay, attempts: &mut JoinSet<()>) -> Duration {
        match self.send_due(under_way, attempts).await {
            Ok(wait) => wait,
            Err(fault) => {
                tracing::debug!(error = &fault as &dyn Error, "it is not known which notifications are due");
                LOOK
            }
        }
    }

    async fn send_due(
        self: &Arc<Self>,
        under_way: &UnderWay,
        attempts: &mut JoinSet<()>,
    ) -> Result<Duration, StoreFault> {
        let now = self.clock.now();
        let mut wait = LOOK;
        for (destination, next_at) in self.store.notices_due(now).await? {
            // One that is no setting any more, or one of another server's: its notices are swept in time.
            if !self.sinks.knows(&destination) {
                continue;
            }
            if next_at > now {
                wait = wait.min((next_at - now).to_std().unwrap_or(LOOK));
                continue;
            }
            let free = under_way.free(&destination);
            if free == 0 {
                // Whichever ends first wakes us.
                continue;
            }
            wait = Duration::ZERO;
            let most = u32::try_from(free).unwrap_or(1);
            for held in self.store.hold_notices(&destination, now, now + HELD, most).await? {
                let (place, courier) = (under_way.begin(&destination), Arc::clone(self));
                attempts.spawn(async move { courier.send(held, place).await });
            }
        }
        Ok(wait.max(AT_ONCE))
    }

    /// Tries once; what comes of it is written down.
    async fn send(&self, held: HeldNotice, place: Place) {
        let (id, destination) = (held.id, place.destination.as_str());
        let sink = destination.split('-').next().unwrap_or_default();
        let Some(draft) = self.seal.open(id, destination, &held.sealed) else {
            tracing::warn!(sink, %id, "a notification cannot be read: it was written with another key, or by a later build");
            return;
        };
        let sent = match self.sinks.find(destination, &draft) {
            Some(sink) => {
                let attempt = sink.attempt(id, &draft, self.clock.now());
                tokio::time::timeout(ATTEMPT, attempt).await.unwrap_or_else(|_| Err(Failure::slow()))
            }
            None => Err(Failure::permanent("the destination is not allowed any more")),
        };
        let kept = match sent {
            Ok(()) => self.store.end_notice(id).await,
            Err(failure) => self.failed(sink, &held, &failure).await,
        };
        if let Err(fault) = kept {
            tracing::warn!(
                sink, %id, error = &fault as &dyn Error,
                "what became of a notification was not written down: it is sent again"
            );
        }
        drop(place);
    }

    async fn failed(&self, sink: &str, held: &HeldNotice, failure: &Failure) -> Result<(), StoreFault> {
        let (id, what): (Uuid, _) = (held.id, failure.what.as_str());
        match WAITS.get(held.attempts).filter(|_| failure.may_pass) {
            Some(&wait) => {
                tracing::debug!(sink, %id, what, "a notification is tried again");
                let wait = TimeDelta::from_std(failure.wait.unwrap_or(wait)).unwrap_or(HELD);
                self.store.retry_notice(held, self.clock.now() + wait).await
            }
            None => {
                tracing::warn!(sink, %id, what, "a notification was given up");
                self.store.end_notice(id).await
            }
        }
    }
}

impl UnderWay {
    fn counts(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free(&self, destination: &str) -> usize {
        let counts = self.counts();
        let (all, one) = (counts.values().sum(), counts.get(destination).copied().unwrap_or_default());
        MOST_FOR_ONE.saturating_sub(one).min(MOST.saturating_sub(all))
    }

    fn begin(&self, destination: &str) -> Place {
        *self.counts().entry(destination.to_owned()).or_default() += 1;
        Place { under_way: self.clone(), destination: destination.to_owned() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.under_way.counts();
        if let Some(count) = counts.get_mut(&self.destination) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.destination);
            }
        }
        self.under_way.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_and_no_more() {
        let under_way = UnderWay { counts: Arc::default(), wake: Arc::default() };
        let places: Vec<Place> = (0..MOST_FOR_ONE).map(|_| under_way.begin("slack-a")).collect();
        assert_eq!((under_way.free("slack-a"), under_way.free("slack-b")), (0, MOST_FOR_ONE));
        let others: Vec<Place> =
            (MOST_FOR_ONE..MOST - 1).map(|number| under_way.begin(&format!("callback-{number}"))).collect();
        assert_eq!(under_way.free("slack-b"), 1, "all together");
        drop((places, others));
        assert_eq!(under_way.free("slack-a"), MOST_FOR_ONE);
        assert!(under_way.counts().is_empty());
    }
}
