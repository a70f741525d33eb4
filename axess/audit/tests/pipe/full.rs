//! What happens to a new event while the buffer is full.

use crate::kit::*;
use axess_audit::{
    AuditRecord,
    pipe::{AuditPipe, AuditPipeConfig, AuditPipeMetrics, BEGINNINGS, BufferFullPolicy, PipeError},
};
use axess_clock::MockClock;
use axess_core::audit::{AuditError, AuditSink};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long a blocked event waits: long enough for a busy machine to make room.
const BLOCKED: Duration = Duration::from_secs(3);

/// A pipe for ten events, a sink that takes nothing until the switch is set, and a good one.
async fn full(
    front: Front,
    folder: &Path,
    policy: BufferFullPolicy,
) -> (AuditPipe, Arc<Taker>, Arc<Taker>, Arc<AtomicBool>) {
    let switch = Arc::new(AtomicBool::new(false));
    let is_on = Arc::clone(&switch);
    let stuck =
        Taker::new("stuck", move |_, _| if is_on.load(Ordering::SeqCst) { Does::Take } else { Does::Fail });
    let good = Taker::good("good");
    let settings: AuditPipeConfig = config(front, folder)
        .with_sink(stuck.clone())
        .with_sink(good.clone())
        .with_max_buffer_size(10)
        .with_batch(4)
        .with_policy(policy)
        .with_block_for(BLOCKED);
    (start(settings).await, stuck, good, switch)
}

fn dropped(records: &[AuditRecord]) -> u64 {
    records.iter().map(|record| record.envelope.payload.fields["dropped"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn drop_oldest_takes_everything_and_says_what_a_sink_misses() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, stuck, good, switch) = full(front, folder.path(), BufferFullPolicy::DropOldest).await;
        for n in 1..=100 {
            emit(&pipe, [n], 1).await;
            // The good sink keeps up; only the stuck one is behind.
            eventually("the good sink keeps up", || good.numbers().len() == n as usize).await;
        }
        eventually("it is recorded", || !good.of_type("AuditEventsDropped").is_empty()).await;
        eventually("the sink is back within its bounds", || stats(&pipe, "stuck").depth <= 14).await;
        switch.store(true, Ordering::SeqCst);
        end(pipe.clone()).await;
        assert_eq!(good.numbers(), (1..=100).collect::<Vec<_>>(), "{front:?}: the other sink misses nothing");
        let (kept, missed) = (stuck.numbers(), stats(&pipe, "stuck").dropped);
        assert!(kept.is_sorted() && kept.last() == Some(&100), "{front:?}: the newest are kept: {kept:?}");
        assert_eq!(kept.len() as u64 + missed, 100, "{front:?}");
        assert!(missed >= 80, "{front:?}: {missed}");
        let reports = good.of_type("AuditEventsDropped");
        assert_eq!(dropped(&reports), missed, "{front:?}: all of them are recorded");
        assert!(
            reports.len() <= 3,
            "{front:?}: once for the episode, and what is left of it: {}",
            reports.len()
        );
        assert!(reports.iter().all(|report| report.envelope.payload.fields["sink"] == "stuck"));
        assert_eq!(stats(&pipe, "good").dropped, 0);
    }
}

#[tokio::test]
async fn recording_a_drop_does_not_make_drops_for_ever() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, _, good, _) = full(front, folder.path(), BufferFullPolicy::DropOldest).await;
        emit(&pipe, 1..=50, 1).await;
        eventually("it is recorded", || !good.of_type("AuditEventsDropped").is_empty()).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let events = good.taken().len();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(good.taken().len(), events, "{front:?}: nothing happens any more");
    }
}

#[tokio::test]
async fn a_sink_that_asked_for_peace_has_it_while_events_are_dropped() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let busy = Taker::always("busy", Does::FailFor(Duration::from_secs(3_000)));
        let settings = config(front, folder.path()).with_sink(busy.clone()).with_max_buffer_size(10);
        let pipe = start(settings.with_policy(BufferFullPolicy::DropOldest)).await;
        for n in 1..=40 {
            emit(&pipe, [n], 1).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        eventually("some are dropped", || stats(&pipe, "busy").dropped > 10).await;
        assert_eq!(busy.calls(), 1, "{front:?}");
    }
}

#[tokio::test]
async fn a_log_keeps_what_a_sink_misses() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, ..) = full(Front::Files, folder.path(), BufferFullPolicy::DropOldest).await;
    emit(&pipe, 1..=100, 1).await;
    eventually("it is behind", || stats(&pipe, "stuck").dropped > 0).await;
    pipe.shutdown(Duration::from_millis(10)).await.unwrap();
    drop(pipe);
    let log = open_log(folder.path());
    let entries = log.read(Default::default(), 1_000, 1 << 20).unwrap();
    let kept = entries.iter().filter(|entry| entry.record.envelope.payload.event_type == "PasswordChanged");
    assert_eq!(kept.count(), 100);
}

#[tokio::test]
async fn block_waits_for_room_and_then_fails() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, stuck, _, switch) = full(front, folder.path(), BufferFullPolicy::Block).await;
        emit(&pipe, 1..=10, 1).await;
        let started = tokio::time::Instant::now();
        assert!(matches!(pipe.emit(event(11, 1)).await, Err(PipeError::Full)), "{front:?}");
        assert!(started.elapsed() >= BLOCKED);
        let (waited, ()) = tokio::join!(pipe.emit(event(12, 1)), async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            switch.store(true, Ordering::SeqCst);
        });
        waited.unwrap();
        end(pipe).await;
        let expected: Vec<u64> = (1..=10).chain([12]).collect();
        assert_eq!(stuck.numbers(), expected, "{front:?}: what was refused is nowhere");
    }
}

#[tokio::test]
async fn block_never_holds_more_than_it_may_however_many_ask() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, ..) = full(front, folder.path(), BufferFullPolicy::Block).await;
        let tasks: Vec<_> = (1..=60)
            .map(|n| {
                let pipe = pipe.clone();
                tokio::spawn(async move { pipe.emit(event(n, 1)).await.is_ok() })
            })
            .collect();
        let mut taken = 0;
        for task in tasks {
            taken += usize::from(task.await.unwrap());
        }
        assert_eq!(taken, 10, "{front:?}");
        assert_eq!(pipe.stats().buffered, 10);
    }
}

#[tokio::test]
async fn shutdown_authn_refuses_beginnings_until_half_has_drained() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, stuck, _, switch) = full(front, folder.path(), BufferFullPolicy::ShutdownAuthn).await;
        emit(&pipe, 1..=10, 1).await;
        eventually("it is closed", || pipe.stats().closed).await;
        let refused = pipe.emit(beginning(11)).await;
        assert!(matches!(refused, Err(PipeError::Closed)), "{front:?}: {refused:?}");
        let seen_by_the_shell: AuditError = pipe.record(beginning(12)).await.unwrap_err();
        assert!(seen_by_the_shell.retry_after().is_some(), "503, not 500");
        emit(&pipe, 13..=22, 1).await;
        assert!(matches!(pipe.emit(event(23, 1)).await, Err(PipeError::Full)), "{front:?}: the hard limit");

        switch.store(true, Ordering::SeqCst);
        eventually("it opens again", || !pipe.stats().closed).await;
        pipe.emit(beginning(24)).await.unwrap();
        end(pipe).await;
        let expected: Vec<u64> = (1..=10).chain(13..=22).chain([24]).collect();
        assert_eq!(stuck.numbers(), expected, "{front:?}");
    }
}

#[derive(Default)]
struct Counts(Mutex<BTreeMap<String, u64>>);

impl Counts {
    fn add(&self, what: &str, events: u64) {
        *self.0.lock().unwrap().entry(what.to_owned()).or_default() += events;
    }

    fn of(&self, what: &str) -> u64 {
        self.0.lock().unwrap().get(what).copied().unwrap_or(0)
    }
}

impl AuditPipeMetrics for Counts {
    fn emitted(&self) {
        self.add("emitted", 1);
    }
    fn refused(&self) {
        self.add("refused", 1);
    }
    fn delivered(&self, sink: &str, events: u64) {
        self.add(&format!("delivered {sink}"), events);
    }
    fn dropped(&self, sink: &str, events: u64) {
        self.add(&format!("dropped {sink}"), events);
    }
    fn retried(&self, sink: &str) {
        self.add(&format!("retried {sink}"), 1);
    }
    fn depth(&self, sink: &str, events: u64) {
        self.0.lock().unwrap().insert(format!("depth {sink}"), events);
    }
    fn oldest(&self, sink: &str, age: Duration) {
        self.0.lock().unwrap().insert(format!("oldest {sink}"), age.as_secs());
    }
}

#[tokio::test]
async fn metrics_say_what_happens() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let counts = Arc::new(Counts::default());
        let clock = MockClock::new(chrono::DateTime::from_timestamp(60, 0).unwrap());
        let settings = config(front, folder.path())
            .with_sink(Taker::always("stuck", Does::Fail))
            .with_max_buffer_size(10)
            .with_batch(4)
            .with_policy(BufferFullPolicy::DropOldest)
            .with_metrics(counts.clone());
        let pipe = start_with(settings, &clock).await;
        emit(&pipe, 1..=30, 1).await;
        eventually("it is counted", || counts.of("dropped stuck") >= 16 && counts.of("depth stuck") >= 10)
            .await;
        eventually("the age too", || counts.of("oldest stuck") == 60).await;
        pipe.shutdown(Duration::from_millis(10)).await.unwrap();
        pipe.emit(event(31, 1)).await.unwrap_err();
        assert_eq!((counts.of("emitted"), counts.of("refused")), (30, 1), "{front:?}");
        assert!(counts.of("retried stuck") > 0 && counts.of("delivered stuck") == 0);
        assert_eq!(counts.of("dropped stuck"), stats(&pipe, "stuck").dropped);
    }
}

#[test]
fn the_beginnings_are_events_of_the_catalogue() {
    for name in BEGINNINGS {
        assert!(axess_events::AuthEvent::ALL_NAMES.contains(&name), "{name}");
    }
}
