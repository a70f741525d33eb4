//! Full queues: refused at once, without a trace in the counts, and for everybody alike.

use crate::fixtures::{RIGHT, WRONG};
use axess_core::{
    authn::{AuthnError, Fault},
    store::{AttemptOutcome, IdentityAuthnLog},
};
use axess_factors::KdfPool;
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};
use std::{sync::mpsc, time::Duration};
use tokio::runtime::{Builder, Runtime};

/// A runtime with one blocking thread, and what keeps that thread busy until it is dropped.
fn busy_runtime() -> (Runtime, mpsc::Sender<()>) {
    let runtime = Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
    let (release, held) = mpsc::channel::<()>();
    runtime.spawn_blocking(move || held.recv());
    (runtime, release)
}

#[test]
fn a_full_password_queue_refuses_and_gives_the_attempt_back() {
    let (runtime, release) = busy_runtime();
    let suite = TestSuite::builder().kdf_pool(KdfPool::new(1, 0)).build();
    runtime.block_on(async {
        let first = suite.session().await;
        let waiting = suite.service.login_with_password(&first, USER, TENANT, PASSWORD);
        tokio::pin!(waiting);
        // Takes the only place, and cannot be done while the one thread is busy.
        assert!(futures_pending(&mut waiting).await);

        for name in [USER, "nobody"] {
            for _ in 0..10 {
                let session = suite.session().await;
                let refused =
                    suite.service.login_with_password(&session, name, TENANT, "x").await.unwrap_err();
                let AuthnError::Overloaded { retry_after } = refused else { panic!("{refused:?}") };
                assert!(retry_after >= Duration::from_secs(1));
                assert_eq!(refused.fault(), Fault::Overload);
            }
        }
        let owner = suite.owner().await;
        let attempts = suite.backend.last_attempts(owner.tenant_id, owner.user_id, 100).await.unwrap();
        assert_eq!(attempts.len(), 10);
        assert!(attempts.iter().all(|attempt| attempt.outcome == AttemptOutcome::Abandoned));
        drop(release);
        assert_eq!(waiting.await.unwrap(), RIGHT, "ten refusals lock nobody");
    });
}

async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
    })
    .await
}

#[tokio::test]
async fn a_full_outbox_refuses_known_and_unknown_alike() {
    let suite = TestSuite::default();
    suite.mail.stall();
    let begin = async |name: &str| {
        let session = suite.session().await;
        suite.service.begin_password_reset(&session, name, TENANT).await
    };
    for _ in 0..64 {
        begin(USER).await.unwrap();
    }
    for name in [USER, "nobody"] {
        let refused = begin(name).await.unwrap_err();
        assert!(matches!(refused, AuthnError::Overloaded { .. }), "{name}: {refused:?}");
    }
    let session = suite.session().await;
    let outcome = suite.service.login_with_password(&session, USER, TENANT, "wrong").await.unwrap();
    assert_eq!(outcome, WRONG, "logging in needs no mail");
}
