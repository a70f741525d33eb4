//! Stores and trails that fail half-way: nothing is granted then.

use super::*;
use crate::fixtures::live_sessions;
use axess_core::store::StoreErrorKind;
use axess_testing::{FaultPlan, FaultyAuditSink, Instrumented};

type Broken = AuthnService<Instrumented<InMemoryBackend, FaultPlan>, InMemoryBackend>;

/// The same service over the same tokens, with stores that fail by `plan`.
fn broken(ground: &Wired, plan: &FaultPlan) -> Broken {
    let backend = ground.suite.backend.clone();
    let tokens = Instrumented::new(ground.tokens.clone(), plan.clone());
    let devices = Instrumented::new(ground.devices.clone(), plan.clone());
    ground
        .suite
        .service_over(Instrumented::new(backend.clone(), plan.clone()), backend)
        .with_refresh_tokens(RefreshTokens::new(Arc::new(tokens)))
        .with_devices(Devices::new(Arc::new(devices)))
}

/// Each storage call of a refresh fails in turn, before or after its work. Nobody is logged in then, nobody is taken for a
/// thief, and the client that tries again gets in.
#[tokio::test]
async fn a_refresh_that_fails_can_be_tried_again() {
    for lost_answer in [false, true] {
        let mut call = 1;
        loop {
            let ground = Wired::new();
            let (_, _, issued) = ground.with_device("firefox").await;
            let before = live_sessions(&ground.suite).await;
            let plan = FaultPlan::nth(call, StoreErrorKind::Unavailable);
            let plan = if lost_answer { plan.after() } else { plan };
            let service = broken(&ground, &plan);
            let session = ground.suite.session().await;
            let outcome = service.refresh_session(&session, issued.token.clone()).await;
            if let Ok(outcome) = outcome {
                assert!(outcome.is_refreshed() && plan.fired() == 1, "only the sighting may fail");
                break;
            }
            assert!(matches!(outcome, Err(AuthnError::Store(_))), "call {call}: {outcome:?}");
            assert!(session.is_guest(), "call {call}");
            assert_eq!(live_sessions(&ground.suite).await, before, "call {call}");
            let (_, outcome) = ground.refresh(&issued.token).await;
            assert!(outcome.unwrap().is_refreshed(), "call {call}");
            assert!(ground.alarms().is_empty());
            call += 1;
        }
        assert_eq!(call, 7, "load, user, tenant, device, rotate, look again, sighting");
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_granted() {
    let ground = Wired::new();
    let session = ground.logged_in().await;
    let trail = Arc::new(FaultyAuditSink::on("RefreshTokenIssued"));
    let service = broken(&ground, &FaultPlan::verb("none", StoreErrorKind::Backend)).with_audit_sink(trail);
    assert!(matches!(service.issue_refresh_token(&session).await, Err(AuthnError::Audit(_))));
    assert_eq!(ground.active().await, 0);

    let issued = ground.service.issue_refresh_token(&session).await.unwrap();
    let trail = Arc::new(FaultyAuditSink::on("RefreshTokenRotated"));
    let service = service.with_audit_sink(trail);
    let guest = ground.suite.session().await;
    assert!(matches!(service.refresh_session(&guest, issued.token).await, Err(AuthnError::Audit(_))));
    assert!(guest.is_guest() && ground.suite.reopen(&guest).await.is_guest());
}

#[tokio::test]
async fn a_theft_that_cannot_be_recorded_is_stopped_and_told_all_the_same() {
    let ground = Wired::new();
    let issued = ground.service.issue_refresh_token(&ground.logged_in().await).await.unwrap();
    ground.refreshed(&issued.token).await;
    ground.suite.clock.advance(std::time::Duration::from_secs(60));
    let alarms: Arc<Mutex<Vec<TokenCompromise>>> = Arc::default();
    let heard = Arc::clone(&alarms);
    let tokens = RefreshTokens::new(Arc::new(ground.tokens.clone()))
        .on_token_compromise(move |alarm| heard.lock().unwrap().push(alarm.clone()));
    let service = ground
        .suite
        .service_recording_in(FaultyAuditSink::on("RefreshTokenReuseDetected"))
        .with_refresh_tokens(tokens);
    let guest = ground.suite.session().await;
    assert!(matches!(service.refresh_session(&guest, issued.token).await, Err(AuthnError::Audit(_))));
    assert_eq!(alarms.lock().unwrap().len(), 1);
    assert_eq!(ground.active().await, 0);
}

#[tokio::test]
async fn a_logout_whose_tokens_cannot_be_revoked_is_not_over() {
    let ground = Wired::new();
    let (session, _, issued) = ground.with_device("firefox").await;
    let plan = FaultPlan::verb("revoke_family", StoreErrorKind::Unavailable);
    let service = broken(&ground, &plan);
    assert!(matches!(service.logout(&session).await, Err(AuthnError::Store(_))));
    assert!(ground.suite.reopen(&session).await.is_authenticated(), "so it can be tried again");
    ground.service.logout(&session).await.unwrap();
    ground.refused(&issued.token).await;
}
