use crate::fixtures::{RIGHT, WRONG, events, half_way, live_sessions, logged_in, other_than, with_totp};
use axess_clock::Clock;
use axess_core::{
    authn::{AuthnError, AuthnScope, EnrolmentOutcome, FactorCredential, Method},
    service::TotpEnrolment,
    store::{FactorStore, IdentityAdmin},
};
use axess_factors::TotpConfig;
use axess_identity::{FactorKind, OtpSeed, RecoveryCode};
use axess_testing::TestSuite;
use std::time::Duration;

/// What the user's app makes of the shown key.
fn app(enrolment: &TotpEnrolment) -> TotpConfig {
    let seed = data_encoding::BASE32_NOPAD.decode(enrolment.uri.expose_key().as_bytes()).unwrap();
    TotpConfig::new(OtpSeed::from(seed)).unwrap()
}

async fn enrolled(suite: &TestSuite) -> bool {
    let owner = suite.owner().await;
    suite.backend.find_factors(owner.tenant_id, owner.user_id).await.unwrap().contains(&FactorKind::Totp)
}

fn codes(outcome: EnrolmentOutcome) -> Vec<RecoveryCode> {
    match outcome {
        EnrolmentOutcome::Enrolled { recovery_codes } => recovery_codes,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_authenticator_is_stored_only_when_its_code_was_seen() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let enrolment = suite.service.begin_totp_enrolment(&session).await.unwrap();
    let app = app(&enrolment);
    let session = suite.reopen(&session).await;
    assert!(!enrolled(&suite).await);
    let code = app.code_at(suite.clock.now()).unwrap();
    let outcome = suite.service.confirm_totp_enrolment(&session, other_than(&code)).await.unwrap();
    assert!(matches!(outcome, EnrolmentOutcome::InvalidCode), "{outcome:?}");
    assert!(!enrolled(&suite).await);

    let session = suite.reopen(&session).await;
    let before = session.session_id();
    let outcome = suite.service.confirm_totp_enrolment(&session, code.clone()).await.unwrap();
    let recovery = codes(outcome);
    assert_eq!(recovery.len(), 10);
    assert!(enrolled(&suite).await);
    assert_ne!(session.session_id(), before);
    assert!(suite.reopen(&session).await.is_authenticated());
    let names = events(&suite);
    assert_eq!(names[3..], ["FactorFailed", "FactorEnrolled", "FactorEnrolled", "SessionRotated"]);

    suite.backend.save_methods(AuthnScope::Global, vec![Method::password_then_totp()]).await.unwrap();
    let login = half_way(&suite).await;
    let outcome = suite.service.verify_factor(&login, FactorCredential::totp(code)).await.unwrap();
    assert_eq!(outcome, WRONG, "the confirming code is spent");
    suite.clock.advance(Duration::from_secs(30));
    let next = app.code_at(suite.clock.now()).unwrap();
    assert_eq!(suite.service.verify_factor(&login, FactorCredential::totp(next)).await.unwrap(), RIGHT);
    let login = half_way(&suite).await;
    let printed = FactorCredential::RecoveryCode(recovery[0].clone());
    assert_eq!(suite.service.verify_factor(&login, printed).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn an_enrolment_that_a_login_waits_for_is_its_second_factor() {
    for counts in [false, true] {
        let suite = TestSuite::default();
        let session = logged_in(&suite).await;
        let app = app(&suite.service.begin_totp_enrolment(&session).await.unwrap());
        suite.clock.advance(Duration::from_secs(60));
        let session = suite.reopen(&session).await;
        let (before, proved_at) = (session.session_id(), session.authn_time());
        let code = app.code_at(suite.clock.now()).unwrap();
        let wrong = suite.service.log_in_with_totp_enrolment(&session, other_than(&code)).await.unwrap();
        assert!(matches!(wrong, EnrolmentOutcome::InvalidCode), "{wrong:?}");
        assert_eq!(session.factors_completed(), [FactorKind::Password]);
        codes(if counts {
            suite.service.log_in_with_totp_enrolment(&session, code.clone()).await.unwrap()
        } else {
            suite.service.confirm_totp_enrolment(&session, code.clone()).await.unwrap()
        });
        assert_ne!(session.session_id(), before);
        let session = suite.reopen(&session).await;
        assert!(session.is_authenticated() && session.expected_step().is_none());
        assert_eq!(session.factors_completed().contains(&FactorKind::Totp), counts);
        assert_eq!(session.authn_time() > proved_at, counts);
        suite.backend.save_methods(AuthnScope::Global, vec![Method::password_then_totp()]).await.unwrap();
        let login = half_way(&suite).await;
        let replayed = suite.service.verify_factor(&login, FactorCredential::totp(code)).await.unwrap();
        assert_eq!(replayed, WRONG, "the confirming code is spent");
    }
}

#[tokio::test]
async fn an_enrolment_takes_five_tries_and_ten_minutes() {
    for (tries, age, stored) in [(4, 0, true), (5, 0, false), (0, 599, true), (0, 600, false)] {
        let suite = TestSuite::default();
        let mut session = logged_in(&suite).await;
        let app = app(&suite.service.begin_totp_enrolment(&session).await.unwrap());
        for _ in 0..tries {
            let code = app.code_at(suite.clock.now()).unwrap();
            let wrong = suite.service.confirm_totp_enrolment(&session, other_than(&code)).await.unwrap();
            assert!(matches!(wrong, EnrolmentOutcome::InvalidCode), "{wrong:?}");
            session = suite.reopen(&session).await;
        }
        suite.clock.advance(Duration::from_secs(age));
        let code = app.code_at(suite.clock.now()).unwrap();
        let outcome = suite.service.confirm_totp_enrolment(&session, code).await.unwrap();
        assert_eq!(matches!(outcome, EnrolmentOutcome::Enrolled { .. }), stored, "{tries} tries, {age} s");
        assert_eq!(enrolled(&suite).await, stored);
    }
}

#[tokio::test]
async fn a_code_confirms_only_the_secret_it_was_made_from() {
    let suite = TestSuite::default();
    let mine = logged_in(&suite).await;
    let shown = app(&suite.service.begin_totp_enrolment(&mine).await.unwrap());
    let mine = suite.reopen(&mine).await;
    // Somebody else at the same session begins another enrolment before the code arrives.
    let other = suite.session_by_id(mine.session_id()).await;
    let swapped = app(&suite.service.begin_totp_enrolment(&other).await.unwrap());
    other.finish().await.unwrap();
    let code = shown.code_at(suite.clock.now()).unwrap();
    let outcome = suite.service.confirm_totp_enrolment(&mine, code).await.unwrap();
    assert!(matches!(outcome, EnrolmentOutcome::InvalidCode), "{outcome:?}");
    assert!(!enrolled(&suite).await);
    let mine = suite.reopen(&mine).await;
    let code = swapped.code_at(suite.clock.now()).unwrap();
    codes(suite.service.confirm_totp_enrolment(&mine, code).await.unwrap());
}

#[tokio::test]
async fn of_two_enrolments_in_two_sessions_the_first_to_confirm_stands() {
    let suite = TestSuite::default();
    let (one, two) = (logged_in(&suite).await, logged_in(&suite).await);
    let first = app(&suite.service.begin_totp_enrolment(&one).await.unwrap());
    let second = app(&suite.service.begin_totp_enrolment(&two).await.unwrap());
    let now = suite.clock.now();
    codes(suite.service.confirm_totp_enrolment(&two, second.code_at(now).unwrap()).await.unwrap());
    let late = suite.service.confirm_totp_enrolment(&one, first.code_at(now).unwrap()).await.unwrap();
    assert!(matches!(late, EnrolmentOutcome::Expired), "{late:?}");
}

#[tokio::test]
async fn enrolling_needs_a_recent_login_with_every_factor_there_is() {
    let suite = TestSuite::default();
    let guest = suite.session().await;
    let error = suite.service.begin_totp_enrolment(&guest).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticated), "{error:?}");

    let session = logged_in(&suite).await;
    let app = app(&suite.service.begin_totp_enrolment(&session).await.unwrap());
    suite.clock.advance(Duration::from_secs(15 * 60 + 1));
    let code = app.code_at(suite.clock.now()).unwrap();
    for error in [
        suite.service.begin_totp_enrolment(&session).await.unwrap_err(),
        suite.service.confirm_totp_enrolment(&session, code).await.unwrap_err(),
        suite.service.remove_factor(&session, FactorKind::Password).await.unwrap_err(),
    ] {
        assert!(matches!(error, AuthnError::StepUpRequired), "{error:?}");
    }

    let totp = with_totp(&suite).await;
    let session = logged_in(&suite).await;
    for error in [
        suite.service.begin_totp_enrolment(&session).await.unwrap_err(),
        suite.service.remove_factor(&session, FactorKind::Totp).await.unwrap_err(),
    ] {
        assert!(matches!(error, AuthnError::StepUpRequired), "a password must not swap the second factor");
    }
    let steps = vec![crate::fixtures::step(FactorKind::Totp)];
    suite.service.require_step_up(&session, steps).await.unwrap();
    let credential = FactorCredential::totp(crate::fixtures::code(&suite, &totp));
    assert_eq!(suite.service.verify_factor(&session, credential).await.unwrap(), RIGHT);
    suite.service.begin_totp_enrolment(&session).await.unwrap();
}

#[tokio::test]
async fn removing_a_factor_ends_the_other_sessions() {
    let suite = TestSuite::default();
    let elsewhere = logged_in(&suite).await;
    let session = logged_in(&suite).await;
    assert!(!suite.service.remove_factor(&session, FactorKind::Totp).await.unwrap(), "there is none");
    assert_eq!(live_sessions(&suite).await, 2);
    let before = session.session_id();
    assert!(suite.service.remove_factor(&session, FactorKind::Password).await.unwrap());
    assert_ne!(session.session_id(), before);
    assert!(suite.reopen(&session).await.is_authenticated());
    assert!(suite.session_by_id(elsewhere.session_id()).await.is_guest());
    let owner = suite.owner().await;
    assert!(suite.backend.find_factors(owner.tenant_id, owner.user_id).await.unwrap().is_empty());
}
