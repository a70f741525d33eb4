use crate::fixtures::{RIGHT, WRONG, code, events, logged_in, other_than, password, step, with_totp};
use axess_clock::Clock;
use axess_core::authn::{AuthnError, FactorCredential, FactorOutcome, MethodError};
use axess_identity::FactorKind;
use axess_testing::{PASSWORD, TestSuite};
use std::time::Duration;

#[tokio::test]
async fn a_step_up_keeps_the_session_and_its_level_until_it_is_proved() {
    let suite = TestSuite::default();
    let totp = with_totp(&suite).await;
    let session = logged_in(&suite).await;
    session.set_custom("basket", &3).unwrap();
    let (login_time, login_id) = (session.authn_time(), session.session_id());
    suite.clock.advance(Duration::from_secs(3_600));
    let due = suite.service.require_step_up(&session, vec![step(FactorKind::Totp)]).await.unwrap();
    assert_eq!(due, step(FactorKind::Totp));

    let session = suite.reopen(&session).await;
    assert!(session.is_authenticated(), "the old level stays");
    assert_eq!(session.session_id(), login_id);
    let code = code(&suite, &totp);
    let wrong = FactorCredential::totp(other_than(&code));
    assert_eq!(suite.service.verify_factor(&session, wrong).await.unwrap(), WRONG);
    assert_eq!((session.authn_time(), session.factors_completed()), (login_time, vec![FactorKind::Password]));
    assert_eq!(session.session_id(), login_id);

    assert_eq!(suite.service.verify_factor(&session, FactorCredential::totp(code)).await.unwrap(), RIGHT);
    assert_ne!(session.session_id(), login_id, "an elevation changes the id");
    let session = suite.reopen(&session).await;
    assert_eq!(session.authn_time(), Some(suite.clock.now()));
    assert_eq!(session.factors_completed(), [FactorKind::Password, FactorKind::Totp]);
    assert_eq!(session.get_custom::<u32>("basket").unwrap(), Some(3));
    assert!(suite.session_by_id(login_id).await.is_guest());
    let names = events(&suite);
    assert_eq!(names[3..], ["StepUpRequired", "FactorFailed", "FactorVerified", "StepUpCompleted"]);
}

#[tokio::test]
async fn a_step_up_of_two_steps_counts_when_both_are_proved() {
    let suite = TestSuite::default();
    let totp = with_totp(&suite).await;
    let session = logged_in(&suite).await;
    let login_time = session.authn_time();
    suite.clock.advance(Duration::from_secs(60));
    let steps = vec![step(FactorKind::Password), step(FactorKind::Totp)];
    suite.service.require_step_up(&session, steps).await.unwrap();
    let outcome = suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap();
    assert_eq!(outcome, FactorOutcome::FactorRequired(step(FactorKind::Totp)));
    assert_eq!(session.authn_time(), login_time);
    let credential = FactorCredential::totp(code(&suite, &totp));
    assert_eq!(suite.service.verify_factor(&session, credential).await.unwrap(), RIGHT);
    assert_eq!(session.authn_time(), Some(suite.clock.now()));
}

#[tokio::test]
async fn a_step_up_survives_a_clock_that_is_set_back() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let login_time = session.authn_time();
    suite.clock.jump(chrono::TimeDelta::hours(-1));
    suite.service.require_step_up(&session, vec![step(FactorKind::Password)]).await.unwrap();
    assert_eq!(suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap(), RIGHT);
    assert_eq!(session.authn_time(), login_time, "a session never looks older than it was");
}

#[tokio::test]
async fn only_an_authenticated_session_steps_up_and_only_for_something() {
    let suite = TestSuite::default();
    let guest = suite.session().await;
    let error = suite.service.require_step_up(&guest, vec![step(FactorKind::Totp)]).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticated), "{error:?}");
    let session = logged_in(&suite).await;
    let error = suite.service.require_step_up(&session, vec![]).await.unwrap_err();
    assert!(matches!(error, AuthnError::Method(MethodError::NoSteps)), "{error:?}");
    assert!(session.is_authenticated() && session.expected_step().is_none());
}
