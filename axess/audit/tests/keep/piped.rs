//! What feeds an archive, and what holds the log, when a pipe delivers.

use crate::fixture::{DAY, Place, archived, day, event, open_log, public, start, tenant};
use axess_audit::{
    AuditRecord,
    archive::verify_archive,
    log::AuditLog,
    pipe::{AuditPipe, AuditPipeConfig, BufferStrategy, RetryPolicy},
    retention::LogRetention,
    sink::{ArchiveSink, EventSink, SinkError, SinkFuture},
};
use axess_clock::MockClock;
use axess_rng::MockRng;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A sink that takes everything, fails, or refuses everything.
pub(crate) struct Door {
    name: &'static str,
    pub(crate) fails: AtomicBool,
    pub(crate) refuses: AtomicBool,
    pub(crate) taken: Mutex<Vec<AuditRecord>>,
}

impl Door {
    fn new(name: &'static str, fails: bool, refuses: bool) -> Arc<Self> {
        let (fails, refuses) = (AtomicBool::new(fails), AtomicBool::new(refuses));
        Arc::new(Self { name, fails, refuses, taken: Mutex::default() })
    }

    pub(crate) fn refusing(name: &'static str) -> Arc<Self> {
        Self::new(name, false, true)
    }
}

impl EventSink for Door {
    fn name(&self) -> &str {
        self.name
    }

    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
        Box::pin(async move {
            if self.fails.load(Ordering::Relaxed) {
                return Err(SinkError::retry("closed"));
            }
            if self.refuses.load(Ordering::Relaxed) {
                return Err(SinkError::Refused { index: 0, reason: "not today".into() });
            }
            self.taken.lock().unwrap().extend_from_slice(batch);
            Ok(())
        })
    }
}

pub(crate) async fn pipe_on<S: EventSink>(
    log: &AuditLog,
    clock: &MockClock,
    sinks: impl IntoIterator<Item = Arc<S>>,
) -> AuditPipe {
    let retry =
        RetryPolicy { first: Duration::from_millis(2), cap: Duration::from_millis(20), max_attempts: None };
    let config = AuditPipeConfig::new(BufferStrategy::FsBacked { log: log.clone() })
        .with_retry(retry)
        .with_takeover_every(Duration::from_millis(20));
    let config = sinks.into_iter().fold(config, |config, sink| config.with_sink(sink));
    AuditPipe::start(config, Arc::new(clock.clone()), Arc::new(MockRng::new(3))).await.unwrap()
}

pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never happened");
}

#[tokio::test]
async fn segments_stay_until_the_slowest_sink_has_passed_them() {
    let place = Place::new();
    let log = open_log(&place.folder.path().join("log"), &place.clock);
    let (fast, slow) = (Door::new("fast", false, false), Door::new("slow", true, false));
    let pipe = pipe_on(&log, &place.clock, [fast.clone(), slow.clone()]).await;
    for n in 0..60 {
        pipe.emit(event(n, tenant(1), start())).await.unwrap();
    }
    until(|| fast.taken.lock().unwrap().len() >= 60).await;
    until(|| pipe.stats().sinks.iter().any(|sink| sink.sink == "fast" && sink.depth == 0)).await;
    place.clock.set(day(30));
    let retention = |names: &[&str]| {
        let sinks = names.iter().map(|name| (*name).to_owned());
        place.retention().with_log(LogRetention::for_sinks(log.clone(), 10 * DAY, sinks))
    };
    for names in [&["fast", "slow"][..], &["slow"], &["fast", "unheard-of"], &[]] {
        assert_eq!(retention(names).run_once().await.unwrap().retired_segments, 0, "{names:?}");
    }
    slow.fails.store(false, Ordering::Relaxed);
    until(|| slow.taken.lock().unwrap().len() >= 60).await;
    pipe.shutdown(Duration::from_secs(20)).await.unwrap();
    // A cursor nobody can read tells nothing.
    let cursor = log.path().join("cursors/slow.json");
    let kept = std::fs::read(&cursor).unwrap();
    std::fs::write(&cursor, "{").unwrap();
    assert_eq!(retention(&["fast", "slow"]).run_once().await.unwrap().retired_segments, 0);
    std::fs::write(&cursor, kept).unwrap();
    assert!(retention(&["fast", "slow"]).run_once().await.unwrap().retired_segments > 5);
}

#[tokio::test]
async fn a_pipe_feeds_an_archive_that_verifies() {
    let place = Place::new();
    let folder = place.folder.path().join("archive");
    let log = open_log(&place.folder.path().join("log"), &place.clock);
    let archive = place.archive();
    let sink = ArchiveSink::new("archive", archive, Arc::new(place.clock.clone())).unwrap();
    let sink = Arc::new(sink);
    let pipe = pipe_on(&log, &place.clock, [sink.clone()]).await;
    let events: Vec<_> = (0..60)
        // Of two tenants and four days, and not in the order of time.
        .map(|n| event(n, tenant(1 + u8::try_from(n % 2).unwrap()), day(i64::try_from((n * 7) % 4).unwrap())))
        .collect();
    for event in &events {
        pipe.emit(event.clone()).await.unwrap();
    }
    let report = pipe.shutdown(Duration::from_secs(20)).await.unwrap();
    assert_eq!(report.waiting, 0);
    drop(pipe);
    assert_eq!((archived(&folder, tenant(1)).len(), archived(&folder, tenant(2)).len()), (30, 30));
    let found = verify_archive(&folder, &public()).unwrap();
    assert!(found.is_whole(), "{:?}", found.findings);
    assert_eq!(found.events, 60);

    // What comes again is there already, and one that cannot be kept stops only itself.
    let mut records: Vec<_> = log
        .read(Default::default(), 100, usize::MAX)
        .unwrap()
        .into_iter()
        .map(|entry| entry.record)
        .collect();
    sink.deliver(&records).await.unwrap();
    assert_eq!(verify_archive(&folder, &public()).unwrap().events, 60);
    records[2].line = Some("{".into());
    let refused = sink.deliver(&records).await;
    assert!(matches!(refused, Err(SinkError::Refused { index: 2, .. })), "{refused:?}");
}
