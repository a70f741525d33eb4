//! The process ends between any two steps of a run, and the next one takes it up.

use crate::{
    faults::{Fuse, Fused},
    fixture::{DAY, Place, archived, day, hot, public, rows, start, tenant},
};
use axess_audit::{
    archive::verify_archive,
    retention::{AuditRetentionLoop, AuditRetentionPolicy, RetentionConfig},
};
use axess_core::store::AuditStore;
use axess_events::{AuthEvent, trail::AuditTier};
use std::{collections::BTreeSet, sync::Arc};

const MINE: u8 = 1;
const EVENTS: u64 = 9;

/// One run, of a process that lives for so many steps; tells whether it came to its end.
async fn run(place: &Place, at: i64, steps: u64) -> bool {
    let fuse = Fuse::after(steps);
    place.clock.set(day(at));
    let policy =
        AuditRetentionPolicy { delete_archive_after: Some(200 * DAY), ..AuditRetentionPolicy::default() };
    let (store, archive) = (Fused(place.store.clone(), fuse.clone()), Fused(place.archive(), fuse.clone()));
    let emitter = place.emitter().with_sink(Arc::new(Fused(place.trail.clone(), fuse.clone())));
    let retention = AuditRetentionLoop::new(store, archive, policy, emitter).unwrap();
    let retention = retention.with_config(RetentionConfig { batch: 4, ..RetentionConfig::default() });
    // Its outcome is that of a process nobody waits for.
    let _ = retention.run_confirmed().await;
    !fuse.is_blown()
}

/// What is deleted from a tier, as the trail says it.
fn announced(place: &Place, tier: AuditTier) -> u64 {
    let events = place.trail.events();
    let deleted = events.iter().filter_map(|event| match &event.payload {
        AuthEvent::AuditEventsDeleted(deleted) if deleted.tier == tier => Some(deleted.events),
        _ => None,
    });
    deleted.sum()
}

#[tokio::test]
async fn a_run_is_taken_up_wherever_it_ended() {
    let mut crashes = 0;
    for at in [91, 98, 211] {
        for steps in 1.. {
            let place = Place::new();
            let folder = place.folder.path().join("archive");
            let mine = rows(0..EVENTS, tenant(MINE), start());
            place.store.append(mine.clone()).await.unwrap();
            for before in [91, 98].into_iter().filter(|before| *before < at) {
                assert!(run(&place, before, u64::MAX).await);
            }
            let (hot_before, archive_before) =
                (announced(&place, AuditTier::Hot), announced(&place, AuditTier::Archive));
            let kept = hot(&place.store, tenant(MINE)).await.len();
            let finished = run(&place, at, steps).await;

            // Nothing is gone that is not in the archive, or was not announced.
            let left = hot(&place.store, tenant(MINE)).await;
            let lines = archived(&folder, tenant(MINE));
            let known: BTreeSet<_> = lines.iter().cloned().collect();
            assert_eq!(known.len(), lines.len(), "archived twice at {at}/{steps}");
            let gone = u64::try_from(kept - left.len()).unwrap();
            assert!(announced(&place, AuditTier::Hot) - hot_before >= gone, "at {at}/{steps}");
            if at < 211 {
                for row in &mine {
                    let line = std::str::from_utf8(&row.body).unwrap();
                    assert!(left.contains(row) || known.contains(line), "lost at {at}/{steps}");
                }
            } else if lines.is_empty() {
                assert!(announced(&place, AuditTier::Archive) - archive_before >= EVENTS, "at {at}/{steps}");
            }
            assert!(verify_archive(&folder, &public()).unwrap().is_whole(), "at {at}/{steps}");

            // The next process finishes it, and the one after that finds nothing to do.
            assert!(run(&place, at, u64::MAX).await);
            let trail = place.trail.events().len();
            assert!(run(&place, at, u64::MAX).await);
            assert_eq!(place.trail.events().len(), trail, "at {at}/{steps}");
            let (hot, archive) =
                (hot(&place.store, tenant(MINE)).await.len(), archived(&folder, tenant(MINE)).len());
            let want = match at {
                91 => (9, 9),
                98 => (0, 9),
                _ => (0, 0),
            };
            assert_eq!((hot, archive), want, "at {at}/{steps}");
            if finished {
                break;
            }
            crashes += 1;
        }
    }
    assert!(crashes > 25, "{crashes} crashes");
}
