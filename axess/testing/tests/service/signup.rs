use crate::fixtures::{RIGHT, events, logged_in, other_than};
use axess_core::{
    authn::{AuthnError, AuthnScope, FactorOutcome, Method, SignupOutcome},
    delivery::MailPurpose,
    service::{NewSignup, Operator},
    session::SessionHandle,
    store::{FactorStore, IdentityAdmin, IdentityLookup, Page},
};
use axess_factors::PasswordPolicyError;
use axess_identity::{FactorKind, UserStatus};
use axess_testing::{EMAIL, PASSWORD, TENANT, TestSuite, USER};

const CHOSEN: &str = "blue whales sing at dusk";

fn wish(identifier: &str, email: Option<&str>) -> NewSignup {
    NewSignup {
        identifier: identifier.into(),
        tenant: TENANT.into(),
        email: email.map(Into::into),
        display_name: Some("Bob".into()),
        password: CHOSEN.into(),
    }
}

async fn asked(suite: &TestSuite, wish: NewSignup) -> (SessionHandle, SignupOutcome) {
    let session = suite.session().await;
    let outcome = suite.service.begin_signup(&session, wish).await.unwrap();
    (suite.reopen(&session).await, outcome)
}

async fn accounts(suite: &TestSuite) -> usize {
    let page = Page { after: None, limit: 100 };
    suite.backend.find_users(suite.owner().await.tenant_id, page).await.unwrap().len()
}

#[tokio::test]
async fn without_an_address_the_account_exists_at_once() {
    let suite = TestSuite::default();
    let (session, outcome) = asked(&suite, wish("bob", None)).await;
    let bob = suite.user("bob", TENANT).await;
    assert_eq!(outcome, SignupOutcome::Completed { user_id: bob.user_id });
    assert_eq!((bob.status, bob.email_verified), (UserStatus::Active, false));
    assert!(session.is_guest(), "nothing was proved");
    let outcome = suite.service.login_with_password(&session, "bob", TENANT, CHOSEN).await.unwrap();
    assert_eq!(outcome, RIGHT);
}

#[tokio::test]
async fn with_an_address_the_account_exists_once_it_is_proved() {
    let suite = TestSuite::default();
    let (session, outcome) = asked(&suite, wish("bob", Some("bob@example.com"))).await;
    assert_eq!(outcome, SignupOutcome::CodeSent);
    assert_eq!(accounts(&suite).await, 1, "nothing is created for an address that is never proved");
    let mail = suite.mail.next().await;
    assert_eq!((mail.to.as_str(), mail.purpose), ("bob@example.com", MailPurpose::Signup));
    let code = mail.code.unwrap();

    let outcome = suite.service.complete_signup(&session, other_than(&code)).await.unwrap();
    assert_eq!(outcome, SignupOutcome::InvalidCode);
    assert!(!session.is_authenticated());
    let session = suite.reopen(&session).await;
    let before = session.session_id();
    let outcome = suite.service.complete_signup(&session, code.clone()).await.unwrap();
    let bob = suite.user("bob", TENANT).await;
    assert_eq!(outcome, SignupOutcome::Completed { user_id: bob.user_id });
    assert!(bob.email_verified && bob.status == UserStatus::Active);
    assert_ne!(session.session_id(), before);
    let session = suite.reopen(&session).await;
    assert_eq!(session.user_id(), Some(bob.user_id));
    assert_eq!(session.factors_completed(), [FactorKind::EmailOtp]);
    let again = suite.service.complete_signup(&session, code).await.unwrap_err();
    assert!(matches!(again, AuthnError::NotAuthenticating), "{again:?}");
    let started = ["SignupStarted", "EmailCodeSent", "FactorFailed"];
    assert_eq!(
        events(&suite),
        [&started[..], &["FactorVerified", "SignupCompleted", "LoginCompleted"]].concat()
    );
    let fresh = suite.session().await;
    let outcome = suite.service.login_with_password(&fresh, "bob", TENANT, CHOSEN).await.unwrap();
    assert_eq!(outcome, RIGHT);
}

#[tokio::test]
async fn an_address_with_an_account_gets_a_notice_and_the_stranger_the_same_answer() {
    let suite = TestSuite::default();
    let runs = suite.kdf.runs();
    let (free, free_outcome) = asked(&suite, wish("bob", Some("bob@example.com"))).await;
    let free_runs = suite.kdf.runs() - runs;
    let code = suite.mail.next_code().await;
    let (taken, taken_outcome) = asked(&suite, wish("mallory", Some(EMAIL))).await;
    assert_eq!((&taken_outcome, taken.state().name()), (&free_outcome, free.state().name()));
    assert_eq!(suite.kdf.runs() - runs, 2 * free_runs, "the same work");
    let notice = suite.mail.next().await;
    assert_eq!((notice.to.as_str(), notice.purpose), (EMAIL, MailPurpose::SignupExists));
    assert!(notice.code.is_none(), "a notice carries no code");

    let other = suite.service.complete_signup(&taken, code).await.unwrap();
    assert_eq!(other, SignupOutcome::InvalidCode, "a code for one address proves no other");
    for guess in 0..10 {
        let outcome = suite.service.complete_signup(&taken, format!("{guess:08}")).await.unwrap();
        assert_eq!(outcome, SignupOutcome::InvalidCode);
    }
    assert_eq!(accounts(&suite).await, 1);
}

#[tokio::test]
async fn a_taken_name_is_refused_when_the_account_is_created() {
    let suite = TestSuite::default();
    let (_, outcome) = asked(&suite, wish("Alice", None)).await;
    assert_eq!(outcome, SignupOutcome::IdentifierTaken);

    let (first, _) = asked(&suite, wish("bob", Some("bob@example.com"))).await;
    let first_code = suite.mail.next_code().await;
    let (second, _) = asked(&suite, wish("bob", Some("rob@example.com"))).await;
    let second_code = suite.mail.next_code().await;
    let outcome = suite.service.complete_signup(&second, second_code).await.unwrap();
    assert!(matches!(outcome, SignupOutcome::Completed { .. }));
    let outcome = suite.service.complete_signup(&first, first_code).await.unwrap();
    assert_eq!(outcome, SignupOutcome::IdentifierTaken);
    assert!(!first.is_authenticated());
    let bob = suite.user("bob", TENANT).await;
    assert_eq!(bob.email.map(|email| email.to_string()), Some("rob@example.com".to_owned()));
}

#[tokio::test]
async fn weak_passwords_are_refused_before_anything_is_stored_or_sent() {
    let suite = TestSuite::default();
    let weak =
        |password: &str| NewSignup { password: password.into(), ..wish("robert", Some("r@example.com")) };
    for (password, why) in [
        ("fourteen chars", PasswordPolicyError::TooShort { min: 15 }),
        ("robert and his secret", PasswordPolicyError::ContainsIdentifier),
        ("passwordpassword", PasswordPolicyError::Blocklisted),
        ("axess all areas now", PasswordPolicyError::Blocklisted),
    ] {
        let (session, outcome) = asked(&suite, weak(password)).await;
        assert_eq!(outcome, SignupOutcome::WeakPassword(why), "{password}");
        assert!(session.is_guest());
    }
    assert!(suite.mail.is_quiet().await);
    assert_eq!(suite.kdf.runs(), 0);

    suite.backend.save_methods(AuthnScope::Global, vec![Method::password_then_totp()]).await.unwrap();
    let (_, outcome) = asked(&suite, weak("fourteen chars")).await;
    assert_eq!(outcome, SignupOutcome::CodeSent, "beside a second factor eight characters will do");
}

#[tokio::test]
async fn malformed_wishes_and_closed_tenants_are_the_callers_fault() {
    let suite = TestSuite::default();
    let operator = Operator::new("ops", "closed");
    let tenant = |tenant: &str| NewSignup { tenant: tenant.into(), ..wish("bob", None) };
    let closed = suite.owner().await.tenant_id;
    for wish in [
        wish("root user", None),
        wish("", None),
        wish("system", None),
        wish("bob", Some("not an address")),
        wish("bob", Some("bob@example.com\r\nBcc: eve@example.com")),
        tenant("../etc"),
        tenant("void"),
    ] {
        let session = suite.session().await;
        let error = suite.service.begin_signup(&session, wish.clone()).await.unwrap_err();
        assert!(matches!(error, AuthnError::Signup(_)), "{wish:?}: {error:?}");
    }
    suite.service.suspend_tenant(&suite.sessions, closed, &operator).await.unwrap();
    let error = suite.service.begin_signup(&suite.session().await, wish("bob", None)).await.unwrap_err();
    assert!(matches!(error, AuthnError::Signup(_)), "{error:?}");
}

#[tokio::test]
async fn an_authenticated_user_does_not_sign_up() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let error = suite.service.begin_signup(&session, wish("bob", None)).await.unwrap_err();
    assert!(matches!(error, AuthnError::AlreadyAuthenticated), "{error:?}");
    assert_eq!(session.user_id(), Some(suite.owner().await.user_id));
}

#[tokio::test]
async fn a_failed_sign_up_leaves_no_usable_account() {
    let suite = TestSuite::default();
    let plan = axess_testing::FaultPlan::verb("update_user", axess_core::store::StoreErrorKind::Unavailable);
    let backend = axess_testing::FaultyBackend::new(suite.backend.clone(), plan.clone());
    let service = suite.service_over(backend.clone(), backend);
    let session = suite.session().await;
    let error = service.begin_signup(&session, wish("bob", None)).await.unwrap_err();
    assert!(matches!(error, AuthnError::Store(_)), "{error:?}");
    assert_eq!(plan.fired(), 1);
    assert_eq!(suite.user("bob", TENANT).await.status, UserStatus::Pending);
    let outcome = suite.service.login_with_password(&session, "bob", TENANT, CHOSEN).await.unwrap();
    assert_eq!(outcome, FactorOutcome::InvalidCredential);
    // The name is not lost for it.
    let (_, outcome) = asked(&suite, wish("bob", None)).await;
    let bob = suite.user("bob", TENANT).await;
    assert_eq!(outcome, SignupOutcome::Completed { user_id: bob.user_id });
    let factors = suite.backend.find_factors(bob.tenant_id, bob.user_id).await.unwrap();
    assert_eq!(factors, [FactorKind::Password]);
    let outcome = suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
    assert_eq!(outcome, RIGHT);
}
