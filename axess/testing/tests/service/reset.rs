use crate::fixtures::{RIGHT, WRONG, events, live_sessions, logged_in, other_than, password};
use axess_core::{
    authn::{AuthnError, FactorOutcome, PasswordResetOutcome},
    delivery::MailPurpose,
    service::Operator,
    session::{CookieAction, SessionHandle},
    store::{IdentityAdmin, UserChange},
};
use axess_factors::PasswordPolicyError;
use axess_identity::UserStatus;
use axess_testing::{CallLog, CountingBackend, EMAIL, PASSWORD, TENANT, TestSuite, USER};
use std::time::Duration;

const NEW: &str = "a quite different phrase";

async fn code_accepted(suite: &TestSuite) -> SessionHandle {
    let session = suite.session().await;
    suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
    let session = suite.reopen(&session).await;
    let code = suite.mail.next_code().await;
    let outcome = suite.service.verify_password_reset(&session, code).await.unwrap();
    assert_eq!(outcome, PasswordResetOutcome::CodeAccepted);
    suite.reopen(&session).await
}

#[tokio::test]
async fn the_whole_way_from_the_mail_to_the_next_login() {
    let suite = TestSuite::default();
    let elsewhere = logged_in(&suite).await;
    let session = suite.session().await;
    suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
    let session = suite.reopen(&session).await;
    let mail = suite.mail.next().await;
    assert_eq!((mail.to.as_str(), mail.purpose), (EMAIL, MailPurpose::PasswordReset));
    let code = mail.code.unwrap();
    let wrong = suite.service.verify_password_reset(&session, other_than(&code)).await.unwrap();
    assert_eq!(wrong, PasswordResetOutcome::InvalidCode);
    let early = suite.service.complete_password_reset(&session, NEW).await.unwrap_err();
    assert!(matches!(early, AuthnError::NotAuthenticating), "the code comes first: {early:?}");

    let before = session.session_id();
    let outcome = suite.service.verify_password_reset(&session, code).await.unwrap();
    assert_eq!(outcome, PasswordResetOutcome::CodeAccepted);
    assert_ne!(session.session_id(), before);
    let session = suite.reopen(&session).await;
    assert!(!session.is_authenticated(), "a mailed code sets a password, it does not log in");
    let weak = suite.service.complete_password_reset(&session, "short").await.unwrap();
    let why = PasswordPolicyError::TooShort { min: 15 };
    assert_eq!(weak, PasswordResetOutcome::WeakPassword(why));
    let reused = suite.service.complete_password_reset(&session, PASSWORD).await.unwrap();
    assert_eq!(reused, PasswordResetOutcome::Reused);
    let outcome = suite.service.complete_password_reset(&session, NEW).await.unwrap();
    assert_eq!(outcome, PasswordResetOutcome::Completed);
    assert!(session.is_guest());
    assert_eq!(session.finish().await.unwrap(), CookieAction::Remove);
    assert!(suite.session_by_id(elsewhere.session_id()).await.is_guest(), "every session is over");
    assert!(suite.store.is_empty());

    let session = suite.session().await;
    let old = suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
    assert_eq!(old, WRONG);
    assert_eq!(suite.service.verify_factor(&session, password(NEW)).await.unwrap(), RIGHT);
    assert!(events(&suite).contains(&"PasswordResetCompleted"));
}

#[tokio::test]
async fn a_reset_clears_the_lock() {
    let suite = TestSuite::default();
    let session = suite.session().await;
    for _ in 0..3 {
        let _ = suite.service.login_with_password(&session, USER, TENANT, "wrong").await.unwrap();
    }
    let locked = suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap();
    assert!(matches!(locked, FactorOutcome::Locked { until: Some(_) }));
    let reset = code_accepted(&suite).await;
    let outcome = suite.service.complete_password_reset(&reset, NEW).await.unwrap();
    assert_eq!(outcome, PasswordResetOutcome::Completed);
    assert_eq!(suite.service.verify_factor(&session, password(NEW)).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn a_ceremony_sets_one_password() {
    let suite = TestSuite::default();
    let session = code_accepted(&suite).await;
    let copy = suite.session_by_id(session.session_id()).await;
    let outcome = suite.service.complete_password_reset(&session, NEW).await.unwrap();
    assert_eq!(outcome, PasswordResetOutcome::Completed);
    let error = suite.service.complete_password_reset(&copy, "yet another phrase").await.unwrap_err();
    assert!(matches!(error, AuthnError::SessionEnded), "{error:?}");
}

#[tokio::test]
async fn a_code_has_five_tries_and_ten_minutes() {
    let suite = TestSuite::default();
    let session = suite.session().await;
    suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
    let code = suite.mail.next_code().await;
    for _ in 0..5 {
        let outcome = suite.service.verify_password_reset(&session, other_than(&code)).await.unwrap();
        assert_eq!(outcome, PasswordResetOutcome::InvalidCode);
    }
    let outcome = suite.service.verify_password_reset(&session, code).await.unwrap();
    assert_eq!(outcome, PasswordResetOutcome::InvalidCode);

    let session = suite.session().await;
    suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
    let code = suite.mail.next_code().await;
    suite.clock.advance(Duration::from_secs(600));
    let outcome = suite.service.verify_password_reset(&session, code).await.unwrap();
    assert_eq!(outcome, PasswordResetOutcome::InvalidCode);
}

#[tokio::test]
async fn an_accepted_code_must_be_used_within_the_hour() {
    let suite = TestSuite::default();
    let session = suite.session().await;
    suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
    let code = suite.mail.next_code().await;
    assert_eq!(
        suite.service.verify_password_reset(&session, code).await.unwrap(),
        PasswordResetOutcome::CodeAccepted
    );
    suite.clock.advance(Duration::from_secs(3_601));
    let session = suite.reopen(&session).await;
    let error = suite.service.complete_password_reset(&session, NEW).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticating), "{error:?}");
}

#[tokio::test]
async fn a_code_is_worth_nothing_once_its_account_is_suspended() {
    let suite = TestSuite::default();
    let session = suite.session().await;
    suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
    let code = suite.mail.next_code().await;
    let (owner, by) = (suite.owner().await, Operator::new("ops", "left"));
    suite.service.suspend_user(&suite.sessions, owner.tenant_id, owner.user_id, &by).await.unwrap();
    let outcome = suite.service.verify_password_reset(&session, code).await.unwrap();
    assert_eq!(outcome, PasswordResetOutcome::InvalidCode);
}

#[tokio::test]
async fn an_authenticated_session_changes_its_password_instead() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let error = suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap_err();
    assert!(matches!(error, AuthnError::AlreadyAuthenticated), "{error:?}");
    assert!(session.is_authenticated());
    assert_eq!(live_sessions(&suite).await, 1);
}

/// Everything a stranger can see of a reset, and the work it takes, with the mail that goes out.
#[tokio::test]
async fn a_stranger_learns_nothing_from_a_reset() {
    let suite = TestSuite::builder()
        .user("bob", TENANT, None, "x")
        .user("carol", TENANT, Some("carol@example.com"), "x")
        .build();
    let carol = suite.user("carol", TENANT).await;
    let suspended = UserChange { status: Some(UserStatus::Suspended), ..UserChange::default() };
    let _ = suite.backend.update_user(carol.tenant_id, carol.user_id, suspended).await.unwrap();
    let log = CallLog::default();
    let backend = CountingBackend::new(suite.backend.clone(), log.clone());
    let service = suite.service_over(backend.clone(), backend);

    let mut seen = Vec::new();
    for (name, tenant) in
        [(USER, TENANT), ("nobody", TENANT), ("bob", TENANT), ("carol", TENANT), (USER, "void")]
    {
        let (session, runs) = (suite.session().await, suite.kdf.runs());
        let mut outcomes = Vec::new();
        service.begin_password_reset(&session, name, tenant).await.unwrap();
        let mailed = !suite.mail.is_quiet().await;
        assert_eq!(mailed, name == USER && tenant == TENANT, "{name} in {tenant}");
        if mailed {
            suite.mail.next().await;
        }
        for _ in 0..6 {
            outcomes.push(service.verify_password_reset(&session, "00000000").await.unwrap());
        }
        seen.push((outcomes, log.take(), suite.kdf.runs() - runs, session.state().name()));
    }
    for other in &seen[1..] {
        assert_eq!(*other, seen[0]);
    }
}
