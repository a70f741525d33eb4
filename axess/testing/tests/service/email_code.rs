use crate::fixtures::{
    RIGHT, WRONG, events, half_way, logged_in, method, other_than, password, password_then, step,
};
use axess_clock::Clock;
use axess_core::{
    authn::{AuthnError, EmailVerificationOutcome, FactorCredential},
    delivery::MailPurpose,
    service::{Operator, PreparedFactor},
    session::{SessionHandle, WorkflowKind},
    store::{IdentityAdmin, UserChange},
};
use axess_factors::EmailOtpConfig;
use axess_identity::FactorKind;
use axess_testing::{EMAIL, PASSWORD, TENANT, TestSuite, USER};
use chrono::TimeDelta;
use std::time::Duration;

fn suite() -> TestSuite {
    TestSuite::builder().methods(vec![password_then(FactorKind::EmailOtp)]).build()
}

async fn asked(suite: &TestSuite, session: &SessionHandle) -> PreparedFactor {
    suite.service.prepare_factor(session, FactorKind::EmailOtp).await.unwrap()
}

#[tokio::test]
async fn a_mailed_code_is_the_second_step() {
    let suite = suite();
    let session = half_way(&suite).await;
    let expires_at = suite.clock.now() + TimeDelta::minutes(10);
    assert_eq!(asked(&suite, &session).await, PreparedFactor::CodeSent { expires_at });
    let mail = suite.mail.next().await;
    assert_eq!((mail.to.as_str(), mail.purpose, mail.expires_at), (EMAIL, MailPurpose::Login, expires_at));
    let code = mail.code.unwrap();
    assert_eq!(code.expose().len(), 8);

    let session = suite.reopen(&session).await;
    let wrong = FactorCredential::email_otp(other_than(&code));
    assert_eq!(suite.service.verify_factor(&session, wrong).await.unwrap(), WRONG);
    let session = suite.reopen(&session).await;
    assert_eq!(
        suite.service.verify_factor(&session, FactorCredential::email_otp(code)).await.unwrap(),
        RIGHT
    );
    assert_eq!(session.factors_completed(), [FactorKind::Password, FactorKind::EmailOtp]);
}

#[tokio::test]
async fn a_code_expires_to_the_second() {
    for (age, expected) in [(599, RIGHT), (600, WRONG)] {
        let suite = suite();
        let session = half_way(&suite).await;
        asked(&suite, &session).await;
        let code = suite.mail.next_code().await;
        suite.clock.advance(Duration::from_secs(age));
        let outcome = suite.service.verify_factor(&session, FactorCredential::email_otp(code)).await.unwrap();
        assert_eq!(outcome, expected, "{age} s");
    }
}

#[tokio::test]
async fn a_code_dies_after_its_tries_over_any_number_of_requests() {
    let suite = TestSuite::builder()
        .methods(vec![password_then(FactorKind::EmailOtp)])
        .lockout(crate::lockout::switched_off())
        .build();
    let mut session = half_way(&suite).await;
    asked(&suite, &session).await;
    let code = suite.mail.next_code().await;
    for _ in 0..5 {
        let wrong = FactorCredential::email_otp(other_than(&code));
        assert_eq!(suite.service.verify_factor(&session, wrong).await.unwrap(), WRONG);
        session = suite.reopen(&session).await;
    }
    let late = FactorCredential::email_otp(code);
    assert_eq!(suite.service.verify_factor(&session, late).await.unwrap(), WRONG, "no try is left");
    asked(&suite, &session).await;
    let next = FactorCredential::email_otp(suite.mail.next_code().await);
    assert_eq!(suite.service.verify_factor(&session, next).await.unwrap(), RIGHT, "a new code has new tries");
}

#[tokio::test]
async fn a_code_is_for_the_session_it_was_asked_in() {
    let suite = suite();
    let (mine, other) = (half_way(&suite).await, half_way(&suite).await);
    asked(&suite, &mine).await;
    let code = suite.mail.next_code().await;
    let present = || FactorCredential::email_otp(code.clone());
    assert_eq!(suite.service.verify_factor(&other, present()).await.unwrap(), WRONG, "asked for no code");
    asked(&suite, &other).await;
    assert_ne!(suite.mail.next_code().await.expose(), code.expose());
    assert_eq!(
        suite.service.verify_factor(&other, present()).await.unwrap(),
        WRONG,
        "asked for another code"
    );
    assert_eq!(suite.service.verify_factor(&mine, present()).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn a_code_works_once_and_not_in_the_next_login() {
    let suite = suite();
    let session = half_way(&suite).await;
    asked(&suite, &session).await;
    let code = suite.mail.next_code().await;
    let present = || FactorCredential::email_otp(code.clone());
    assert_eq!(suite.service.verify_factor(&session, present()).await.unwrap(), RIGHT);
    let steps = vec![step(FactorKind::EmailOtp)];
    suite.service.require_step_up(&session, steps).await.unwrap();
    assert_eq!(suite.service.verify_factor(&session, present()).await.unwrap(), WRONG);
}

#[tokio::test]
async fn a_code_does_not_survive_a_login_begun_anew() {
    let methods = || vec![method("mail", vec![step(FactorKind::EmailOtp)])];
    for next in [USER, "bob"] {
        let builder = TestSuite::builder().methods(methods());
        let suite = builder.user("bob", TENANT, Some("bob@example.com"), "x").build();
        let session = suite.session().await;
        suite.service.begin_login(&session, USER, TENANT).await.unwrap();
        asked(&suite, &session).await;
        let code = suite.mail.next_code().await;
        suite.service.begin_login(&session, next, TENANT).await.unwrap();
        let credential = FactorCredential::email_otp(code);
        assert_eq!(suite.service.verify_factor(&session, credential).await.unwrap(), WRONG, "{next}");
    }
}

#[tokio::test]
async fn a_code_is_worth_nothing_once_its_account_is_suspended() {
    let suite = suite();
    let session = half_way(&suite).await;
    asked(&suite, &session).await;
    let code = suite.mail.next_code().await;
    let (owner, by) = (suite.owner().await, Operator::new("ops", "left"));
    suite.service.suspend_user(&suite.sessions, owner.tenant_id, owner.user_id, &by).await.unwrap();
    let credential = FactorCredential::email_otp(code);
    assert_eq!(suite.service.verify_factor(&session, credential).await.unwrap(), WRONG);
    assert!(!session.is_authenticated());
}

#[tokio::test]
async fn asking_again_soon_sends_no_second_mail() {
    let suite = suite();
    let session = half_way(&suite).await;
    let first = asked(&suite, &session).await;
    let code = suite.mail.next_code().await;
    suite.clock.advance(Duration::from_secs(29));
    assert_eq!(asked(&suite, &session).await, first);
    assert!(suite.mail.is_quiet().await);
    suite.clock.advance(Duration::from_secs(1));
    assert_ne!(asked(&suite, &session).await, first);
    let newer = suite.mail.next_code().await;
    let outcome = suite.service.verify_factor(&session, FactorCredential::email_otp(code)).await.unwrap();
    assert_eq!(outcome, WRONG, "the newer code replaces it");
    let outcome = suite.service.verify_factor(&session, FactorCredential::email_otp(newer)).await.unwrap();
    assert_eq!(outcome, RIGHT);
}

#[tokio::test]
async fn an_account_that_does_not_exist_or_has_no_proved_address_is_answered_alike_and_gets_no_mail() {
    let methods = vec![method("mail", vec![step(FactorKind::EmailOtp)])];
    let suite = TestSuite::builder().methods(methods).user("bob", TENANT, None, "x").build();
    let mut answers = Vec::new();
    for name in [USER, "bob", "nobody"] {
        let (session, runs) = (suite.session().await, suite.kdf.runs());
        suite.service.begin_login(&session, name, TENANT).await.unwrap();
        let prepared = asked(&suite, &session).await;
        let sent = suite.mail.is_quiet().await;
        assert_eq!(sent, name != USER, "{name}");
        if name == USER {
            suite.mail.next().await;
        }
        let guess = FactorCredential::email_otp("00000000");
        let outcome = suite.service.verify_factor(&session, guess).await.unwrap();
        answers.push((prepared, outcome, suite.kdf.runs() - runs));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[0].2, 2, "one hash for the code, one for the guess");
}

#[tokio::test]
async fn the_configured_length_and_life_are_used() {
    let suite = suite();
    let config = EmailOtpConfig { digits: 6, ttl: Duration::from_secs(60), max_tries: 1 };
    let service =
        suite.service_over(suite.backend.clone(), suite.backend.clone()).with_email_otp_config(config);
    let session = half_way(&suite).await;
    service.prepare_factor(&session, FactorKind::EmailOtp).await.unwrap();
    let mail = suite.mail.next().await;
    assert_eq!(mail.expires_at, suite.clock.now() + TimeDelta::seconds(60));
    let code = mail.code.unwrap();
    assert_eq!(code.expose().len(), 6);
    let wrong = FactorCredential::email_otp(other_than(&code));
    assert_eq!(service.verify_factor(&session, wrong).await.unwrap(), WRONG);
    assert_eq!(service.verify_factor(&session, FactorCredential::email_otp(code)).await.unwrap(), WRONG);
}

#[tokio::test]
async fn an_address_is_verified_by_the_code_sent_to_it() {
    let suite = TestSuite::default();
    let owner = suite.owner().await;
    let change = UserChange { email: Some("new@example.com".parse().unwrap()), ..UserChange::default() };
    let _ = suite.backend.update_user(owner.tenant_id, owner.user_id, change).await.unwrap();
    assert!(!suite.user(USER, TENANT).await.email_verified);

    let session = logged_in(&suite).await;
    suite.service.begin_email_verification(&session).await.unwrap();
    assert!(!session.is_authenticated(), "a ceremony is in progress");
    let session = suite.reopen(&session).await;
    let mail = suite.mail.next().await;
    assert_eq!((mail.to.as_str(), mail.purpose), ("new@example.com", MailPurpose::EmailVerification));
    let code = mail.code.unwrap();
    let error = suite.service.complete_workflow(&session).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticating), "no way around the code: {error:?}");
    let outcome = suite.service.complete_email_verification(&session, other_than(&code)).await.unwrap();
    assert_eq!(outcome, EmailVerificationOutcome::InvalidCode);
    assert!(!session.is_authenticated() && !suite.user(USER, TENANT).await.email_verified);
    let before = session.session_id();
    let outcome = suite.service.complete_email_verification(&session, code).await.unwrap();
    assert_eq!(outcome, EmailVerificationOutcome::Verified);
    assert_ne!(session.session_id(), before);
    let session = suite.reopen(&session).await;
    assert!(session.is_authenticated(), "the session is what it was before");
    assert_eq!(session.factors_completed(), [FactorKind::Password]);
    assert!(suite.user(USER, TENANT).await.email_verified);
    assert_eq!(events(&suite).last(), Some(&"EmailVerified"));
}

#[tokio::test]
async fn verification_needs_a_login_and_its_own_ceremony() {
    let suite = TestSuite::builder().user("bob", TENANT, None, PASSWORD).build();
    let guest = suite.session().await;
    let error = suite.service.begin_email_verification(&guest).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticated), "{error:?}");
    suite.service.begin_login(&guest, "bob", TENANT).await.unwrap();
    assert_eq!(suite.service.verify_factor(&guest, password(PASSWORD)).await.unwrap(), RIGHT);
    let error = suite.service.begin_email_verification(&guest).await.unwrap_err();
    assert!(matches!(error, AuthnError::NoSuchRecord), "bob has no address: {error:?}");
    assert!(guest.is_authenticated());
    let owner = guest.owner().unwrap();
    let kind = WorkflowKind::Custom("tour".into());
    guest.set_pending_workflow(owner.tenant_id, owner.user_id, kind, 1).unwrap();
    let error = suite.service.complete_email_verification(&guest, "00000000").await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticating), "{error:?}");
}

#[tokio::test]
async fn without_a_mailer_nothing_is_begun() {
    let suite = suite();
    let session = half_way(&suite).await;
    let bare = axess_core::service::AuthnService::new(suite.backend.clone(), suite.backend.clone());
    let error = bare.prepare_factor(&session, FactorKind::EmailOtp).await.unwrap_err();
    assert!(matches!(error, AuthnError::Delivery(_)), "{error:?}");
    let error = bare.begin_password_reset(&suite.session().await, USER, TENANT).await.unwrap_err();
    assert!(matches!(error, AuthnError::Delivery(_)), "{error:?}");
}
