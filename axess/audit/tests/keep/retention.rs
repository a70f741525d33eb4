//! Hot, archive, gone: when, what is recorded, and what holds it back.

use crate::{
    faults::{Fuse, Fused},
    fixture::{DAY, Place, archived, day, event, hot, public, row, rows, start, tenant},
};
use axess_audit::{
    archive::verify_archive,
    retention::{AuditRetentionLoop, AuditRetentionPolicy, RetentionConfig, RetentionError},
};
use axess_clock::Clock;
use axess_core::{
    memory::MemoryLeaderLock,
    store::{AuditRow, AuditStore, LeaderLock},
};
use axess_events::{AuthEvent, trail::AuditTier};
use axess_identity::TenantId;
use chrono::{TimeDelta, Utc};
use std::{sync::Arc, time::Duration};

const MINE: u8 = 1;

/// What the trail says of retention, and in which tenant.
fn trail(place: &Place) -> Vec<(Option<TenantId>, &'static str, u64)> {
    let events = place.trail.events();
    let said = events.iter().map(|event| match &event.payload {
        AuthEvent::AuditEventsArchived(archived) => (event.tenant_id, "archived", archived.events),
        AuthEvent::AuditEventsDeleted(deleted) => match deleted.tier {
            AuditTier::Hot => (event.tenant_id, "deleted hot", deleted.events),
            AuditTier::Archive => (event.tenant_id, "deleted archive", deleted.events),
            AuditTier::Log => (event.tenant_id, "deleted log", deleted.events),
        },
        other => panic!("{other:?}"),
    });
    said.collect()
}

#[tokio::test]
async fn events_go_from_hot_to_archive_and_stay_there() {
    let place = Place::new();
    let mine = rows(0..1_200, tenant(MINE), start());
    for chunk in mine.chunks(500) {
        place.store.append(chunk.to_vec()).await.unwrap();
    }
    let retention = place.retention();
    place.clock.set(day(90));
    place.heartbeat(1).await;
    let report = retention.run_once().await.unwrap();
    assert!(report.finished && report.led && report.failures.is_empty());
    // Not yet 90 days old, but for the first of them, by a hair.
    assert_eq!((report.archived, report.deleted_hot), (0, 0));

    place.clock.set(day(91));
    place.heartbeat(2).await;
    assert_eq!(retention.run_once().await.unwrap().archived, 1_200);
    let me = Some(tenant(MINE));
    assert_eq!(trail(&place), [(me, "archived", 500), (me, "archived", 500), (me, "archived", 200)]);
    assert_eq!(hot(&place.store, tenant(MINE)).await.len(), 1_200);

    for quiet in 92..98 {
        place.clock.set(day(quiet));
        place.heartbeat(10 + u64::try_from(quiet).unwrap()).await;
        let report = retention.run_once().await.unwrap();
        assert_eq!((report.archived, report.deleted_hot), (0, 0), "day {quiet}");
    }
    place.clock.set(day(98));
    place.heartbeat(3).await;
    assert_eq!(retention.run_once().await.unwrap().deleted_hot, 1_200);
    assert_eq!(
        trail(&place)[3..],
        [(me, "deleted hot", 500), (me, "deleted hot", 500), (me, "deleted hot", 200)]
    );
    assert!(hot(&place.store, tenant(MINE)).await.is_empty());
    place.clock.set(day(20_000));
    place.heartbeat(4).await;
    let report = retention.run_once().await.unwrap();
    assert_eq!(report.deleted_archive, 0, "the default keeps the archive");
    let lines = archived(&place.folder.path().join("archive"), tenant(MINE));
    let want: Vec<_> = mine.iter().map(|row| String::from_utf8(row.body.to_vec()).unwrap()).collect();
    assert_eq!(lines, want);
}

#[tokio::test]
async fn the_overlap_counts_from_when_the_copy_was_made() {
    let place = Place::new();
    place.store.append(rows(0..10, tenant(MINE), start())).await.unwrap();
    let retention = place.retention();
    // Retention was off for a year.
    place.clock.set(day(365));
    place.heartbeat(1).await;
    let report = retention.run_once().await.unwrap();
    assert_eq!((report.archived, report.waiting, report.deleted_hot), (10, 10, 0));
    place.clock.set(day(371));
    assert_eq!(retention.run_once().await.unwrap().deleted_hot, 0);
    place.clock.set(day(372));
    assert_eq!(retention.run_once().await.unwrap().deleted_hot, 10);
}

#[tokio::test]
async fn a_late_event_is_archived_before_it_is_deleted() {
    let place = Place::new();
    place.store.append(rows(100..110, tenant(MINE), start())).await.unwrap();
    let retention = place.retention();
    place.clock.set(day(91));
    place.heartbeat(1).await;
    assert_eq!(retention.run_once().await.unwrap().archived, 10);
    // Earlier than what is archived: a dead letter, say, that was delivered at last.
    place.store.append(rows(0..3, tenant(MINE), start())).await.unwrap();
    place.clock.set(day(98));
    place.heartbeat(2).await;
    let report = retention.run_once().await.unwrap();
    assert_eq!((report.archived, report.deleted_hot), (3, 10));
    assert_eq!(hot(&place.store, tenant(MINE)).await.len(), 3);
    place.clock.set(day(105));
    assert_eq!(retention.run_once().await.unwrap().deleted_hot, 3);
    assert_eq!(archived(&place.folder.path().join("archive"), tenant(MINE)).len(), 13);
}

#[tokio::test]
async fn tenants_have_policies_of_their_own() {
    let place = Place::new();
    for n in [1, 2] {
        let first = u64::from(n) * 100;
        place.store.append(rows(first..first + 5, tenant(n), start())).await.unwrap();
    }
    let short = AuditRetentionPolicy {
        archive_after: 10 * DAY,
        purge_hot_after_archive: DAY,
        delete_archive_after: Some(30 * DAY),
    };
    let retention = place.retention().with_tenant_policy(tenant(2), short).unwrap();
    let mut done = Vec::new();
    for at in [11, 12, 31, 32, 33] {
        place.clock.set(day(at));
        place.heartbeat(u64::try_from(at).unwrap()).await;
        let report = retention.run_once().await.unwrap();
        done.push((report.archived, report.deleted_hot, report.deleted_archive));
    }
    // The heartbeats are of another tenant, and too young.
    assert_eq!(done, [(5, 0, 0), (0, 5, 0), (0, 0, 5), (0, 0, 0), (0, 0, 0)]);
    assert_eq!(hot(&place.store, tenant(1)).await.len(), 5);
    let theirs = Some(tenant(2));
    let want = [(theirs, "archived", 5), (theirs, "deleted hot", 5), (theirs, "deleted archive", 5)];
    assert_eq!(trail(&place), want);
    assert!(verify_archive(&place.folder.path().join("archive"), &public()).unwrap().is_whole());
}

#[tokio::test]
async fn a_policy_that_would_lose_events_is_refused() {
    let place = Place::new();
    let policy =
        AuditRetentionPolicy { delete_archive_after: Some(97 * DAY), ..AuditRetentionPolicy::default() };
    let refused = place.retention().with_tenant_policy(tenant(1), policy);
    assert!(matches!(refused, Err(RetentionError::Policy(_))));
    let policy = AuditRetentionPolicy { archive_after: Duration::MAX, ..policy };
    let refused = AuditRetentionLoop::new(place.store.clone(), place.archive(), policy, place.emitter());
    assert!(matches!(refused, Err(RetentionError::Policy(_))));
}

#[tokio::test]
async fn nothing_is_deleted_that_cannot_be_recorded() {
    let place = Place::new();
    place.store.append(rows(0..5, tenant(MINE), start())).await.unwrap();
    place.retention_over(Fuse::new()).run_at(day(91)).await.unwrap();
    let fuse = Fuse::new();
    fuse.break_trail();
    let report = place.retention_over(fuse).run_at(day(98)).await.unwrap();
    assert_eq!(report.deleted_hot, 0);
    assert!(matches!(report.failures[..], [(Some(_), RetentionError::Trail(_))]), "{:?}", report.failures);
    assert_eq!(hot(&place.store, tenant(MINE)).await.len(), 5);
}

#[tokio::test]
async fn one_failing_tenant_does_not_stop_the_others() {
    let place = Place::new();
    for n in [1, 2, 3] {
        let first = u64::from(n) * 100;
        place.store.append(rows(first..first + 5, tenant(n), start())).await.unwrap();
    }
    let fuse = Fuse::new();
    fuse.break_archive_of(tenant(2));
    let report = place.retention_over(fuse).run_at(day(91)).await.unwrap();
    assert!(report.finished);
    assert_eq!((report.archived, report.failures.len()), (10, 1));
    let archive = place.folder.path().join("archive");
    assert_eq!([1, 2, 3].map(|n| archived(&archive, tenant(n)).len()), [5, 0, 5]);
}

#[tokio::test]
async fn what_cannot_be_read_stays_where_it_is() {
    let place = Place::new();
    let mut mine = rows(0..5, tenant(MINE), start());
    mine[2].body = "not an event".into();
    place.store.append(mine.clone()).await.unwrap();
    let retention = place.retention();
    place.clock.set(day(91));
    place.heartbeat(1).await;
    let report = retention.run_once().await.unwrap();
    assert_eq!((report.archived, report.unreadable), (4, 1));
    place.clock.set(day(98));
    assert_eq!(retention.run_once().await.unwrap().deleted_hot, 4);
    assert_eq!(hot(&place.store, tenant(MINE)).await, [mine[2].clone()]);
}

#[tokio::test]
async fn what_differs_from_its_archived_copy_stays() {
    let place = Place::new();
    let mine = rows(0..3, tenant(MINE), start());
    place.store.append(mine.clone()).await.unwrap();
    let retention = place.retention();
    place.clock.set(day(91));
    place.heartbeat(1).await;
    retention.run_once().await.unwrap();
    let mut changed = event(1, tenant(MINE), mine[1].at);
    changed.user_agent = None;
    let changed = row(&changed, None);
    assert!(place.store.replace(changed.clone(), mine[1].body.clone()).await.unwrap());
    place.clock.set(day(98));
    let report = retention.run_once().await.unwrap();
    assert_eq!((report.deleted_hot, report.differing), (2, 1));
    assert_eq!(hot(&place.store, tenant(MINE)).await, [changed]);
}

#[tokio::test]
async fn a_damaged_archive_holds_the_store() {
    for (restarted, gone) in [(false, false), (false, true), (true, false), (true, true)] {
        let place = Place::new();
        place.store.append(rows(0..3, tenant(MINE), start())).await.unwrap();
        let mut retention = place.retention();
        place.clock.set(day(91));
        place.heartbeat(1).await;
        retention.run_once().await.unwrap();
        // What it has read back once is not believed for ever.
        place.clock.set(day(97));
        retention.run_once().await.unwrap();
        let file =
            place.folder.path().join("archive").join(tenant(MINE).to_string()).join("2026-01-10.jsonl.gz");
        if gone {
            std::fs::remove_file(&file).unwrap();
        } else {
            let mut bytes = std::fs::read(&file).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(&file, bytes).unwrap();
        }
        if restarted {
            drop(retention);
            retention = place.retention();
        }
        place.clock.set(day(98));
        let report = retention.run_once().await.unwrap();
        assert_eq!(report.deleted_hot, 0);
        assert!(
            matches!(report.failures[..], [(Some(_), RetentionError::Archive(_))]),
            "{:?}",
            report.failures
        );
        assert_eq!(hot(&place.store, tenant(MINE)).await.len(), 3);
    }
}

#[tokio::test]
async fn one_of_several_instances_works() {
    let place = Place::new();
    place.store.append(rows(0..3, tenant(MINE), start())).await.unwrap();
    let lock = MemoryLeaderLock::new();
    let retention = place.retention().with_leader_lock(Arc::new(lock.clone()), "one");
    place.clock.set(day(91));
    place.heartbeat(1).await;
    let ttl = TimeDelta::minutes(5);
    let name = "axess-audit-retention".to_owned();
    lock.acquire(name.clone(), "two".into(), ttl, place.clock.now()).await.unwrap().unwrap();
    let report = retention.run_once().await.unwrap();
    assert!(!report.led && report.archived == 0);
    place.clock.advance(Duration::from_secs(301));
    let report = retention.run_once().await.unwrap();
    assert!(report.led && report.archived == 3);
    // It was given back.
    assert!(lock.acquire(name, "two".into(), ttl, place.clock.now()).await.unwrap().is_some());
}

#[tokio::test]
async fn it_runs_on_its_own_until_it_is_stopped() {
    let place = Place::new();
    place.store.append(rows(0..3, tenant(MINE), start())).await.unwrap();
    place.clock.set(day(91));
    place.heartbeat(1).await;
    let (interval, first_delay) = (Duration::from_millis(50), Duration::from_secs(2));
    let config = RetentionConfig { interval, first_delay, ..RetentionConfig::default() };
    let handle = place.retention().with_config(config).run();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(place.trail.events().is_empty(), "not before the first delay");
    settle(&place, 1).await;
    place.clock.set(day(99));
    settle(&place, 2).await;
    handle.stop().await;
    assert!(hot(&place.store, tenant(MINE)).await.is_empty());
    place.store.append(rows(10..13, tenant(MINE), start())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(place.trail.events().len(), 2);
}

#[tokio::test]
async fn a_failed_run_is_followed_by_another() {
    let place = Place::new();
    place.store.append(rows(0..3, tenant(MINE), start())).await.unwrap();
    // Nothing shows that the clock is right.
    place.clock.set(day(91));
    let (interval, first_delay) = (Duration::from_millis(20), Duration::ZERO);
    let config = RetentionConfig { interval, first_delay, ..RetentionConfig::default() };
    let handle = place.retention().with_config(config).run();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(place.trail.events().is_empty());
    place.heartbeat(1).await;
    settle(&place, 1).await;
    handle.stop().await;
}

async fn settle(place: &Place, events: usize) {
    for _ in 0..6_000 {
        if place.trail.events().len() >= events {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} events of {events}", place.trail.events().len());
}

impl Place {
    fn retention_over(&self, fuse: Fuse) -> Running {
        let (store, archive) = (Fused(self.store.clone(), fuse.clone()), Fused(self.archive(), fuse.clone()));
        let trail = Arc::new(Fused(self.trail.clone(), fuse));
        let emitter = self.emitter().with_sink(trail);
        let policy = AuditRetentionPolicy::default();
        let retention = AuditRetentionLoop::new(store, archive, policy, emitter).unwrap();
        Running { retention, clock: self.clock.clone() }
    }
}

type OverMemory = AuditRetentionLoop<
    Fused<axess_core::memory::MemoryAuditStore>,
    Fused<axess_audit::archive::FilesystemAuditArchiver>,
>;

struct Running {
    retention: OverMemory,
    clock: axess_clock::MockClock,
}

impl Running {
    async fn run_at(
        &self,
        at: chrono::DateTime<Utc>,
    ) -> Result<axess_audit::retention::RetentionReport, RetentionError> {
        self.clock.set(at);
        self.retention.run_confirmed().await
    }
}

#[tokio::test]
async fn rows_of_no_tenant_have_an_archive_too() {
    let place = Place::new();
    let system = |n| {
        let mut event = event(n, tenant(1), start());
        event.tenant_id = None;
        row(&event, None)
    };
    let system: Vec<AuditRow> = (0..4).map(system).collect();
    place.store.append(system).await.unwrap();
    let retention = place.retention();
    place.clock.set(day(91));
    place.heartbeat(1).await;
    assert_eq!(retention.run_once().await.unwrap().archived, 4);
    assert_eq!(trail(&place), [(None, "archived", 4)]);
    assert!(place.folder.path().join("archive/system/2026-01-10.jsonl.gz").exists());
}
