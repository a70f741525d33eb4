//! What retention does when the clock is wrong.

use crate::fixture::{DAY, Place, archived, day, hot, rows, start, tenant};
use axess_audit::retention::{AuditRetentionPolicy, RetentionError};
use axess_core::store::AuditStore;

const MINE: u8 = 1;

#[tokio::test]
async fn a_clock_far_ahead_is_not_believed() {
    let place = Place::new();
    place.store.append(rows(0..5, tenant(MINE), start())).await.unwrap();
    let retention = place.retention();
    place.clock.set(day(31));
    let refused = retention.run_once().await;
    assert!(matches!(refused, Err(RetentionError::ClockAhead { .. })), "{refused:?}");
    place.clock.set(day(3_650));
    assert!(retention.run_once().await.is_err());
    assert!(place.trail.events().is_empty() && hot(&place.store, tenant(MINE)).await.len() == 5);
    // The last 30 days were quiet indeed.
    place.clock.set(day(91));
    let report = retention.run_confirmed().await.unwrap();
    assert_eq!((report.archived, report.deleted_hot), (5, 0));
    // One event of anybody shows what time it is.
    place.clock.set(day(98));
    assert!(retention.run_once().await.is_err());
    place.heartbeat(1).await;
    assert_eq!(retention.run_once().await.unwrap().deleted_hot, 5);
}

#[tokio::test]
async fn a_clock_far_ahead_that_is_believed_loses_a_week_at_most() {
    let place = Place::new();
    for n in 0..40 {
        let first = u64::try_from(n).unwrap() * 10;
        place.store.append(rows(first..first + 2, tenant(MINE), day(n))).await.unwrap();
    }
    let policy =
        AuditRetentionPolicy { delete_archive_after: Some(365 * DAY), ..AuditRetentionPolicy::default() };
    let retention = place.retention().with_tenant_policy(tenant(MINE), policy).unwrap();
    // Somebody logs in while the clock is ten years ahead, so that nothing looks wrong.
    place.clock.set(day(3_650));
    place.heartbeat(1).await;
    let report = retention.run_once().await.unwrap();
    assert_eq!((report.archived, report.deleted_hot, report.deleted_archive), (80, 0, 0));
    let archive = place.folder.path().join("archive");
    assert_eq!(archived(&archive, tenant(MINE)).len(), 80);
    // And still a week later: the store loses what the archive has, the archive its seven oldest days.
    place.clock.set(day(3_657));
    place.heartbeat(2).await;
    let report = retention.run_once().await.unwrap();
    assert_eq!((report.deleted_hot, report.deleted_archive), (80, 14));
    assert_eq!(archived(&archive, tenant(MINE)).len(), 66);
    // The clock is put right: nothing else goes.
    place.clock.set(day(60));
    place.heartbeat(3).await;
    let report = retention.run_once().await.unwrap();
    assert_eq!((report.deleted_hot, report.deleted_archive), (0, 0));
    assert_eq!(archived(&archive, tenant(MINE)).len(), 66);
}

#[tokio::test]
async fn a_clock_that_goes_back_deletes_nothing_early() {
    let place = Place::new();
    place.store.append(rows(0..5, tenant(MINE), start())).await.unwrap();
    let retention = place.retention();
    place.clock.set(day(91));
    place.heartbeat(1).await;
    assert_eq!(retention.run_once().await.unwrap().archived, 5);
    for at in [-3_650, 0, 50, 97] {
        place.clock.set(day(at));
        let report = retention.run_once().await.unwrap();
        assert_eq!((report.archived, report.deleted_hot), (0, 0), "day {at}");
    }
    assert_eq!(hot(&place.store, tenant(MINE)).await.len(), 5);
    place.clock.set(day(98));
    assert_eq!(retention.run_once().await.unwrap().deleted_hot, 5);
}
