use crate::fixtures::{RIGHT, WRONG, code, events, half_way, method, other_than, password, step, with_totp};
use axess_clock::Clock;
use axess_core::{
    authn::{AuthnError, FactorConfig, FactorCredential, FactorOutcome, FactorStep, Fault, Method},
    session::{AuthState, CookieAction},
};
use axess_factors::{HotpConfig, RecoveryCodes};
use axess_identity::{FactorKind, OtpCode, RecoveryCode};
use axess_rng::MockRng;
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};
use std::time::Duration;

#[tokio::test]
async fn a_password_login_over_three_requests() {
    let suite = TestSuite::default();
    let first = suite.session().await;
    let due = suite.service.begin_login(&first, USER, TENANT).await.unwrap();
    assert_eq!(due, step(FactorKind::Password));
    assert!(matches!(first.state(), AuthState::Authenticating { .. }));
    assert!(!first.is_authenticated() && first.user_id().is_none(), "named is not proved");

    let second = suite.reopen(&first).await;
    assert_eq!(second.session_id(), first.session_id(), "nothing was proved, so the id stays");
    let before = second.session_id();
    let outcome = suite.service.verify_factor(&second, password(PASSWORD)).await.unwrap();
    assert_eq!(outcome, RIGHT);
    assert_ne!(second.session_id(), before, "an elevation changes the id");
    assert_eq!(second.authn_time(), Some(suite.clock.now()));
    assert_eq!(second.factors_completed(), [FactorKind::Password]);

    let third = suite.reopen(&second).await;
    assert!(third.is_authenticated());
    assert_eq!(third.owner(), Some(suite.owner().await));
    assert!(suite.session_by_id(before).await.is_guest(), "the old id is dead");
    assert_eq!(events(&suite), ["LoginStarted", "FactorVerified", "LoginCompleted"]);
}

#[tokio::test]
async fn both_ways_to_log_in_end_in_the_same_state() {
    let suite = TestSuite::default();
    let (one, two) = (suite.session().await, suite.session().await);
    assert_eq!(suite.service.login_with_password(&one, USER, TENANT, PASSWORD).await.unwrap(), RIGHT);
    suite.service.begin_login(&two, USER, TENANT).await.unwrap();
    assert_eq!(suite.service.verify_factor(&two, password(PASSWORD)).await.unwrap(), RIGHT);
    assert_eq!(one.state(), two.state());
    let names = events(&suite);
    assert_eq!(names[..3], names[3..]);
}

#[tokio::test]
async fn a_wrong_password_changes_nothing_but_the_count() {
    let suite = TestSuite::default();
    let session = suite.session().await;
    let outcome = suite.service.login_with_password(&session, USER, TENANT, "wrong").await.unwrap();
    assert_eq!(outcome, WRONG);
    let id = session.session_id();
    let session = suite.reopen(&session).await;
    assert_eq!(session.session_id(), id);
    let AuthState::Authenticating { attempt_count, completed, last_attempt, .. } = session.state() else {
        panic!("{session:?}");
    };
    assert_eq!((attempt_count, completed.len(), last_attempt), (1, 0, Some(suite.clock.now())));
    assert_eq!(suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap(), RIGHT);
    assert_eq!(events(&suite), ["LoginStarted", "FactorFailed", "FactorVerified", "LoginCompleted"]);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_step_has_its_own_id() {
    let suite = TestSuite::builder().methods(vec![Method::password_then_totp()]).build();
    let totp = with_totp(&suite).await;
    let session = suite.session().await;
    let outcome = suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
    let second = FactorStep::AnyOf(vec![FactorKind::Totp, FactorKind::RecoveryCode]);
    assert_eq!(outcome, FactorOutcome::FactorRequired(second.clone()));
    assert!(!session.is_authenticated() && session.owner().is_none());
    let session = suite.reopen(&session).await;
    assert_eq!(session.expected_step(), Some(second));
    let partial = session.session_id();

    let code = code(&suite, &totp);
    let wrong =
        suite.service.verify_factor(&session, FactorCredential::totp(other_than(&code))).await.unwrap();
    assert_eq!(wrong, WRONG);
    let outcome = suite.service.verify_factor(&session, FactorCredential::totp(code)).await.unwrap();
    assert_eq!(outcome, RIGHT);
    assert_ne!(session.session_id(), partial);
    let session = suite.reopen(&session).await;
    assert_eq!(session.factors_completed(), [FactorKind::Password, FactorKind::Totp]);
    assert!(suite.session_by_id(partial).await.is_guest());
}

#[tokio::test]
async fn a_totp_code_works_once_even_in_another_session() {
    let suite = TestSuite::builder().methods(vec![Method::password_then_totp()]).build();
    let totp = with_totp(&suite).await;
    let code = code(&suite, &totp);
    let (one, two) = (half_way(&suite).await, half_way(&suite).await);
    let first = suite.service.verify_factor(&one, FactorCredential::totp(code.clone())).await.unwrap();
    let second = suite.service.verify_factor(&two, FactorCredential::totp(code)).await.unwrap();
    assert_eq!((first, second), (RIGHT, WRONG));
    suite.clock.advance(Duration::from_secs(60));
    let fresh = crate::fixtures::code(&suite, &totp);
    assert_eq!(suite.service.verify_factor(&two, FactorCredential::totp(fresh)).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn a_recovery_code_stands_in_once_for_the_authenticator() {
    let suite = TestSuite::builder().methods(vec![Method::password_then_totp()]).build();
    with_totp(&suite).await;
    let (printed, stored) = RecoveryCodes::generate(3, &MockRng::new(5));
    suite.enrol(FactorConfig::RecoveryCodes(stored)).await;
    let session = half_way(&suite).await;
    let wrong = RecoveryCode::from("00000-00000-00000-00000");
    let present = |code: &RecoveryCode| FactorCredential::RecoveryCode(code.clone());
    assert_eq!(suite.service.verify_factor(&session, present(&wrong)).await.unwrap(), WRONG);
    assert_eq!(suite.service.verify_factor(&session, present(&printed[1])).await.unwrap(), RIGHT);
    assert_eq!(session.factors_completed(), [FactorKind::Password, FactorKind::RecoveryCode]);

    let session = half_way(&suite).await;
    assert_eq!(suite.service.verify_factor(&session, present(&printed[1])).await.unwrap(), WRONG, "spent");
    assert_eq!(suite.service.verify_factor(&session, present(&printed[2])).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn an_hotp_token_counts_up_and_never_back() {
    let suite = TestSuite::builder().methods(vec![crate::fixtures::password_then(FactorKind::Hotp)]).build();
    let token = HotpConfig::generate(&MockRng::new(9));
    suite.enrol(FactorConfig::Hotp(token.clone())).await;
    for (counter, expected) in [(2, RIGHT), (2, WRONG), (1, WRONG), (3, RIGHT)] {
        let session = half_way(&suite).await;
        let credential = FactorCredential::hotp(token.code_at(counter));
        let outcome = suite.service.verify_factor(&session, credential).await.unwrap();
        assert_eq!(outcome, expected, "counter {counter}");
    }
}

#[tokio::test]
async fn a_code_must_say_what_it_answers_when_the_step_offers_several() {
    let choice = FactorStep::AnyOf(vec![FactorKind::Totp, FactorKind::EmailOtp]);
    let steps = vec![step(FactorKind::Password), choice];
    let suite = TestSuite::builder().methods(vec![method("choice", steps)]).build();
    let totp = with_totp(&suite).await;
    let session = half_way(&suite).await;
    let runs = suite.kdf.runs();
    let bare = FactorCredential::OtpCode(code(&suite, &totp));
    let error = suite.service.verify_factor(&session, bare.clone()).await.unwrap_err();
    assert!(matches!(error, AuthnError::AmbiguousFactor), "{error:?}");
    assert_eq!(error.fault(), Fault::Misuse);
    assert_eq!(suite.kdf.runs(), runs, "nothing was tried");

    suite.service.prepare_factor(&session, FactorKind::Totp).await.unwrap();
    let session = suite.reopen(&session).await;
    assert_eq!(
        suite.service.verify_factor(&session, bare).await.unwrap(),
        RIGHT,
        "the choice was made before"
    );

    let session = half_way(&suite).await;
    suite.clock.advance(Duration::from_secs(60));
    let named = FactorCredential::OtpCode(code(&suite, &totp).answering(FactorKind::Totp));
    assert_eq!(suite.service.verify_factor(&session, named).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn a_choice_holds_for_one_step_only() {
    let choice = |kinds: [FactorKind; 2]| FactorStep::AnyOf(kinds.to_vec());
    let steps =
        vec![choice([FactorKind::Totp, FactorKind::Hotp]), choice([FactorKind::Hotp, FactorKind::Totp])];
    let suite = TestSuite::builder().methods(vec![method("two codes", steps)]).build();
    let totp = with_totp(&suite).await;
    let token = HotpConfig::generate(&MockRng::new(9));
    suite.enrol(FactorConfig::Hotp(token.clone())).await;
    let session = suite.session().await;
    suite.service.begin_login(&session, USER, TENANT).await.unwrap();
    suite.service.prepare_factor(&session, FactorKind::Totp).await.unwrap();
    let first = FactorCredential::OtpCode(code(&suite, &totp));
    assert!(matches!(
        suite.service.verify_factor(&session, first).await.unwrap(),
        FactorOutcome::FactorRequired(_)
    ));
    let second = FactorCredential::OtpCode(token.code_at(0));
    let error = suite.service.verify_factor(&session, second).await.unwrap_err();
    assert!(matches!(error, AuthnError::AmbiguousFactor), "{error:?}");
}

#[tokio::test]
async fn what_the_step_does_not_offer_costs_nothing() {
    let suite = TestSuite::default();
    let session = suite.session().await;
    suite.service.begin_login(&session, USER, TENANT).await.unwrap();
    for _ in 0..10 {
        let code = FactorCredential::OtpCode(OtpCode::from("123456"));
        assert_eq!(suite.service.verify_factor(&session, code).await.unwrap(), WRONG);
    }
    assert_eq!(suite.kdf.runs(), 0);
    assert_eq!(suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap(), RIGHT, "not locked");
    let error = suite.service.prepare_factor(&session, FactorKind::Totp).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticating), "{error:?}");
}

#[tokio::test]
async fn verbs_in_the_wrong_state_are_misuse_and_change_nothing() {
    let suite = TestSuite::default();
    let session = suite.session().await;
    let error = suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticating), "{error:?}");
    suite.service.begin_login(&session, USER, TENANT).await.unwrap();
    let error = suite.service.prepare_factor(&session, FactorKind::Totp).await.unwrap_err();
    assert!(matches!(error, AuthnError::FactorNotOffered(FactorKind::Totp)), "{error:?}");
    assert_eq!(suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap(), RIGHT);
    let state = session.state();
    let again = suite.service.begin_login(&session, USER, TENANT).await.unwrap_err();
    assert!(matches!(again, AuthnError::AlreadyAuthenticated), "{again:?}");
    let again = suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap_err();
    assert!(matches!(again, AuthnError::AlreadyAuthenticated), "{again:?}");
    let error = suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticating), "nothing is due: {error:?}");
    assert_eq!(session.state(), state);
}

#[tokio::test]
async fn a_login_without_a_verifier_is_a_configuration_error_and_not_counted() {
    let suite = TestSuite::builder().methods(vec![method("passkey", vec![step(FactorKind::Fido2)])]).build();
    let session = suite.session().await;
    suite.service.begin_login(&session, USER, TENANT).await.unwrap();
    for _ in 0..5 {
        let assertion = FactorCredential::Fido2Assertion(Default::default());
        let error = suite.service.verify_factor(&session, assertion).await.unwrap_err();
        assert!(matches!(error, AuthnError::UnsupportedFactor(FactorKind::Fido2)), "{error:?}");
    }
    let error = suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap_err();
    assert!(matches!(error, AuthnError::FactorNotOffered(FactorKind::Password)), "{error:?}");
}

#[tokio::test]
async fn a_login_is_dropped_after_too_many_refusals_whoever_it_is_for() {
    let suite = TestSuite::default();
    let session = suite.session().await;
    suite.service.begin_login(&session, USER, TENANT).await.unwrap();
    for attempt in 1..=20 {
        assert!(session.is_authenticating(), "attempt {attempt}");
        let _ = suite.service.verify_factor(&session, password("wrong")).await.unwrap();
    }
    assert!(session.is_guest());
    assert_eq!(events(&suite).last(), Some(&"LoginFailed"));
    let error = suite.service.verify_factor(&session, password("wrong")).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticating), "{error:?}");
}

#[tokio::test]
async fn an_untouched_guest_costs_no_row_and_no_cookie() {
    let suite = TestSuite::default();
    let session = suite.session().await;
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
    assert!(suite.store.is_empty());
}

#[tokio::test]
async fn names_are_normalised_and_tenants_kept_apart() {
    let suite = TestSuite::builder().user(USER, "acme", None, "another password").build();
    for (name, tenant, text, expected) in [
        (" ALICE ", "Default", PASSWORD, RIGHT),
        (USER, "acme", "another password", RIGHT),
        (USER, "acme", PASSWORD, WRONG),
        (USER, TENANT, "another password", WRONG),
        (USER, "nowhere", PASSWORD, WRONG),
    ] {
        let session = suite.session().await;
        let outcome = suite.service.login_with_password(&session, name, tenant, text).await.unwrap();
        assert_eq!(outcome, expected, "{name} in {tenant}");
    }
}
