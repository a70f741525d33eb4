//! How long the log keeps its own segments.

use crate::fixture::{DAY, Place, day, event, keys, logged, open_log, start, tenant};
use axess_audit::{
    chain::{CheckpointReason, VerifyOptions, verify_folder},
    log::{AuditLog, LogPosition},
    retention::{AuditRetentionLoop, LogRetention},
};
use axess_core::memory::MemoryAuditStore;
use chrono::TimeDelta;
use std::sync::{Arc, Mutex};

type Over = AuditRetentionLoop<MemoryAuditStore, axess_audit::archive::FilesystemAuditArchiver>;

/// A log with segments of the first days, and a retention of ten days that believes `passed`.
fn aged(place: &Place) -> (AuditLog, Arc<Mutex<Option<LogPosition>>>, Over) {
    let log = open_log(&place.folder.path().join("log"), &place.clock);
    for n in 0..60 {
        let at = start() + TimeDelta::hours(i64::try_from(n).unwrap());
        place.clock.set(at);
        logged(&log, &[event(n, tenant(1 + u8::try_from(n % 2).unwrap()), at)]);
    }
    let passed = Arc::new(Mutex::new(None));
    let told = Arc::clone(&passed);
    let log_retention = LogRetention::new(log.clone(), 10 * DAY, Arc::new(move || *told.lock().unwrap()));
    let retention = place.retention().with_log(log_retention);
    (log, passed, retention)
}

fn verify(log: &AuditLog) {
    log.checkpoint(CheckpointReason::Request).unwrap();
    let options = VerifyOptions { keys: vec![keys().signing.public_key()], ..VerifyOptions::default() };
    let report = verify_folder(log.path(), &options).unwrap();
    assert!(report.is_whole(), "{:?}", report.findings);
}

#[tokio::test]
async fn a_segment_goes_when_it_is_old_and_every_sink_has_it() {
    let place = Place::new();
    let (log, passed, retention) = aged(&place);
    let segments = log.segments().unwrap();
    assert!(segments.len() > 6, "{segments:?}");
    place.clock.set(day(100));

    // Nobody knows how far the sinks are.
    assert_eq!(retention.run_once().await.unwrap().retired_segments, 0);
    // One is still reading the third.
    *passed.lock().unwrap() = Some(LogPosition { segment: segments[2].segment, offset: 1 });
    assert_eq!(retention.run_once().await.unwrap().retired_segments, 2);
    verify(&log);
    // All have everything, but the rest is not old enough, but for two segments.
    *passed.lock().unwrap() = log.end().ok();
    place.clock.set(segments[3].until.unwrap() + TimeDelta::days(10) + TimeDelta::seconds(1));
    assert_eq!(retention.run_once().await.unwrap().retired_segments, 2);
    assert_eq!(log.segments().unwrap()[0].segment, segments[4].segment);
    verify(&log);
    assert_eq!(retention.run_once().await.unwrap().retired_segments, 0);
    // The active one never goes.
    place.clock.set(day(1_000));
    let end = log.end().unwrap();
    *passed.lock().unwrap() = Some(end);
    place.heartbeat(1).await;
    // A week of them at a time.
    let mut runs = 0;
    while retention.run_once().await.unwrap().retired_segments > 0 {
        runs += 1;
    }
    assert!(runs > 1);
    let left = log.segments().unwrap();
    assert!(
        left.iter().all(|segment| segment.segment >= end.segment) && left.last().unwrap().active,
        "{left:?}"
    );
    verify(&log);
}

#[tokio::test]
async fn a_clock_years_ahead_costs_a_week_of_the_log() {
    let place = Place::new();
    let log = open_log(&place.folder.path().join("log"), &place.clock);
    for n in 0..40 {
        for m in 0..5 {
            logged(&log, &[event(u64::try_from(n).unwrap() * 5 + m, tenant(1), day(n))]);
        }
    }
    let end = log.end().unwrap();
    let log_retention = LogRetention::new(log.clone(), 10 * DAY, Arc::new(move || Some(end)));
    let retention = place.retention().with_log(log_retention);
    place.clock.set(day(3_650));
    place.heartbeat(1).await;
    assert!(retention.run_once().await.unwrap().retired_segments > 0);
    let oldest = log.segments().unwrap()[0].until.unwrap();
    assert!(oldest > day(6) && oldest <= day(9), "{oldest}");
    verify(&log);
}

#[tokio::test]
async fn an_old_event_at_its_end_does_not_make_a_segment_old() {
    let place = Place::new();
    let log = open_log(&place.folder.path().join("log"), &place.clock);
    let segment = log.end().unwrap().segment;
    logged(&log, &[event(0, tenant(1), day(99))]);
    let mut n = 1;
    while log.end().unwrap().segment == segment {
        logged(&log, &[event(n, tenant(1), start())]);
        n += 1;
    }
    assert!(log.segments().unwrap()[0].until.unwrap() == start());
    let end = log.end().unwrap();
    let log_retention = LogRetention::new(log.clone(), 10 * DAY, Arc::new(move || Some(end)));
    let retention = place.retention().with_log(log_retention);
    place.clock.set(day(100));
    assert_eq!(retention.run_once().await.unwrap().retired_segments, 0);
    place.clock.set(day(110));
    assert_eq!(retention.run_once().await.unwrap().retired_segments, 1);
    verify(&log);
}
