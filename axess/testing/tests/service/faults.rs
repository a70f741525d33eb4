//! Deny on doubt: a store or a trail that fails grants nothing, whenever it fails.

use crate::fixtures::{ALL, RIGHT, half_way, logged_in, password, step, with_totp};
use axess_clock::Clock;
use axess_core::{
    authn::{AuthnError, FactorCredential, Fault, Method},
    session::{CookieAction, SessionHandle},
    store::{SessionStore, StoreErrorKind},
};
use axess_identity::FactorKind;
use axess_testing::{
    FaultPlan, FaultyAuditSink, FaultyBackend, FaultyStore, PASSWORD, TENANT, TestSuite, USER,
};

/// No row of the suite's account is stored, under whatever id.
async fn nothing_granted(suite: &TestSuite, session: &SessionHandle) {
    let rows = suite.store.find_sessions_for_user(suite.owner().await, suite.clock.now(), ALL).await.unwrap();
    assert!(rows.is_empty(), "{rows:?}");
    assert!(!session.is_authenticated());
    let cookie = session.finish().await.unwrap();
    if let CookieAction::Issue { id, .. } = cookie {
        assert!(!suite.sessions.is_live(id).await.unwrap());
    }
}

#[tokio::test]
async fn a_login_that_cannot_be_recorded_is_not_granted() {
    for (name, fresh) in [
        ("LoginStarted", true),
        ("FactorVerified", true),
        ("LoginCompleted", true),
        ("LoginStarted", false),
        ("FactorVerified", false),
        ("LoginCompleted", false),
    ] {
        let suite = TestSuite::default();
        let service = suite.service_recording_in(FaultyAuditSink::on(name));
        let mut session = suite.session().await;
        if !fresh {
            session.set_custom("seen", &true).unwrap();
            session = suite.reopen(&session).await;
        }
        let error = service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap_err();
        assert!(matches!(error, AuthnError::Audit(_)), "{name}: {error:?}");
        assert_eq!(error.fault(), Fault::Backend);
        nothing_granted(&suite, &session).await;
    }
}

#[tokio::test]
async fn a_second_step_that_cannot_be_recorded_ends_the_login() {
    let suite = TestSuite::builder().methods(vec![Method::password_then_totp()]).build();
    let totp = with_totp(&suite).await;
    let session = half_way(&suite).await;
    let service = suite.service_recording_in(FaultyAuditSink::on("LoginCompleted"));
    let code = FactorCredential::totp(crate::fixtures::code(&suite, &totp));
    let error = service.verify_factor(&session, code).await.unwrap_err();
    assert!(matches!(error, AuthnError::Audit(_)), "{error:?}");
    assert!(session.is_guest());
    nothing_granted(&suite, &session).await;
}

#[tokio::test]
async fn a_refusal_that_cannot_be_recorded_is_an_error() {
    let suite = TestSuite::default();
    let service = suite.service_recording_in(FaultyAuditSink::on("FactorFailed"));
    let session = suite.session().await;
    let error = service.login_with_password(&session, USER, TENANT, "wrong").await.unwrap_err();
    assert!(matches!(error, AuthnError::Audit(_)), "{error:?}");
}

#[tokio::test]
async fn a_step_up_that_cannot_be_recorded_grants_nothing() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let service = suite.service_recording_in(FaultyAuditSink::on("StepUpCompleted"));
    service.require_step_up(&session, vec![step(FactorKind::Password)]).await.unwrap();
    let error = service.verify_factor(&session, password(PASSWORD)).await.unwrap_err();
    assert!(matches!(error, AuthnError::Audit(_)), "{error:?}");
    nothing_granted(&suite, &session).await;
}

/// Every storage call of a two-factor login fails once, before and after the store has done its work.
#[tokio::test]
async fn whichever_storage_call_fails_the_login_is_an_error_and_grants_nothing() {
    let mut failed = Vec::new();
    for after in [false, true] {
        for n in 1.. {
            let suite = TestSuite::builder().methods(vec![Method::password_then_totp()]).build();
            let totp = with_totp(&suite).await;
            let plan = FaultPlan::nth(n, StoreErrorKind::Timeout);
            let plan = if after { plan.after() } else { plan };
            let (outcome, session) = two_steps(&suite, &totp, plan.clone()).await;
            if plan.fired() == 0 {
                assert_eq!(outcome.unwrap(), RIGHT, "the last round has no fault");
                break;
            }
            failed.push(n);
            let error = outcome.unwrap_err();
            assert!(matches!(error, AuthnError::Store(_) | AuthnError::Session(_)), "call {n}: {error:?}");
            assert!(!session.is_authenticated(), "call {n}");
            let reached = match session.finish().await {
                Ok(CookieAction::Issue { id, .. }) => suite.sessions.is_live(id).await.unwrap(),
                Ok(CookieAction::Keep | CookieAction::Remove) | Err(_) => false,
            };
            assert!(!reached, "call {n}: nobody may get the id of a session that was not granted");
        }
    }
    let calls: Vec<usize> = (1..=10).collect();
    assert_eq!(failed, [calls.clone(), calls].concat());
}

async fn two_steps(
    suite: &TestSuite,
    totp: &axess_factors::TotpConfig,
    plan: FaultPlan,
) -> (Result<axess_core::authn::FactorOutcome, AuthnError>, SessionHandle) {
    let backend = FaultyBackend::new(suite.backend.clone(), plan.clone());
    let service = suite.service_over(backend.clone(), backend);
    let sessions = suite.sessions_over(FaultyStore::new(suite.store.clone(), plan));
    let session = sessions.open(None, Default::default()).await.unwrap();
    let first = service.login_with_password(&session, USER, TENANT, PASSWORD).await;
    if let Err(error) = first {
        return (Err(error), session);
    }
    let code = FactorCredential::totp(crate::fixtures::code(suite, totp));
    (service.verify_factor(&session, code).await, session)
}

#[tokio::test]
async fn a_store_that_fails_at_the_door_admits_nobody() {
    let suite = TestSuite::default();
    let id = logged_in(&suite).await.session_id();
    let plan = FaultPlan::verb("load", StoreErrorKind::Unavailable);
    let sessions = suite.sessions_over(FaultyStore::new(suite.store.clone(), plan));
    assert!(sessions.open(Some(id), Default::default()).await.is_err(), "not even as a guest");
    assert!(sessions.is_live(id).await.is_err());
}

#[tokio::test]
async fn a_logout_that_fails_says_so_and_leaves_the_session_as_it_was() {
    let suite = TestSuite::default();
    let id = logged_in(&suite).await.session_id();
    let plan = FaultPlan::verb("end", StoreErrorKind::Unavailable);
    let sessions = suite.sessions_over(FaultyStore::new(suite.store.clone(), plan));
    let session = sessions.open(Some(id), Default::default()).await.unwrap();
    let error = suite.service.logout(&session).await.unwrap_err();
    assert!(matches!(error, AuthnError::Session(_)), "{error:?}");
    assert!(session.is_authenticated(), "the user must not believe to be logged out");
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
}

/// What was given back must really be given back: faults lock nobody out.
#[tokio::test]
async fn a_fault_while_reading_the_factor_costs_no_attempt() {
    let suite = TestSuite::default();
    let plan = FaultPlan::verb("load_factor", StoreErrorKind::Unavailable);
    let faulty = FaultyBackend::new(suite.backend.clone(), plan);
    let service = suite.service_over(suite.backend.clone(), faulty);
    for _ in 0..10 {
        let session = suite.session().await;
        assert!(service.login_with_password(&session, USER, TENANT, PASSWORD).await.is_err());
    }
    let session = suite.session().await;
    assert_eq!(suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap(), RIGHT);
}
