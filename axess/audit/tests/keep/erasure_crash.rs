//! An erasure that ends between any two steps is finished by the next one.

use crate::{
    erasure::{MINE, Trail, request},
    faults::{Fuse, Fused},
    fixture::{keys, tenant},
};
use axess_audit::erasure::AuditErasure;
use std::sync::Arc;

#[tokio::test]
async fn an_erasure_is_taken_up_wherever_it_ended() {
    let mut crashes = 0;
    for steps in 1.. {
        let trail = Trail::new().await;
        let fuse = Fuse::after(steps);
        let cut = AuditErasure::new(keys(), trail.place.emitter())
            .with_log(trail.log.clone())
            .with_store(Arc::new(Fused(trail.place.store.clone(), fuse.clone())))
            .with_archive(Arc::new(Fused(trail.archive.clone(), fuse.clone())));
        let outcome = cut.erase_subject(tenant(MINE), request()).await;
        assert_eq!(outcome.is_err(), fuse.is_blown());
        let report = trail.verify();
        assert!(report.is_whole(), "after {steps} steps: {:?}", report.findings);
        trail.erasure().erase_subject(tenant(MINE), request()).await.unwrap();
        trail.assert_gone().await;
        // The log, the store and the archive have the same lines, whoever wrote them.
        let mut lines = trail.texts(MINE).await;
        lines.retain(|line| !line.contains("AuditSubjectErased"));
        lines.sort();
        let same = lines.chunks(3).all(|same| same[0] == same[1] && same[1] == same[2]);
        assert!(same, "after {steps} steps");
        if outcome.is_ok() {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 10, "{crashes} crashes");
}
