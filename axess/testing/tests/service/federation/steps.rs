use super::{provisioning::Staff, *};
use crate::fixtures::{RIGHT, logged_in, method, password};
use axess_core::{authn::FactorStep, store::IdentityAuthnLog};
use axess_factors::federated::FederationError;
use axess_identity::LockoutPolicy;
use axess_testing::{PASSWORD, USER};
use std::time::Duration;

fn kind() -> FactorKind {
    "federated:custom:okta".parse().unwrap()
}

fn password_then_provider() -> Vec<Method> {
    vec![method("password-then-provider", vec![step(FactorKind::Password), step(kind())])]
}

/// A login whose password was right, and which now waits for the provider.
async fn half_way(world: &Wired) -> SessionHandle {
    let session = world.suite.session().await;
    let outcome = world.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
    assert!(!outcome.is_authenticated());
    world.suite.reopen(&session).await
}

#[tokio::test]
async fn the_provider_may_be_the_second_step_of_the_same_user() {
    let world = Wired::with(password_then_provider());
    world.link("1").await;
    let (session, state) = world.begin(&half_way(&world).await).await;
    let done = world.come_back(&session, &state, world.word("1")).await;
    assert!(done.outcome.is_authenticated());
    let session = world.suite.reopen(&session).await;
    assert_eq!(session.factors_completed(), [FactorKind::Password, kind()]);
    assert!(!world.idp.wanted()[0].force, "a login may rest on one at the provider");
}

#[tokio::test]
async fn somebody_elses_identity_completes_no_step_and_counts() {
    let suite = TestSuite::builder()
        .methods(password_then_provider())
        .lockout(LockoutPolicy::default())
        .user("mallory", TENANT, None, "Gnomes3+ over the hill")
        .build();
    let world = Wired::over(suite, ProviderPolicy::default(), None);
    let mallory = world.suite.user("mallory", TENANT).await;
    world.link("1").await;
    world.link_of(Owner { tenant_id: mallory.tenant_id, user_id: mallory.user_id }, "666").await;
    let mut seen = Vec::new();
    let mut session = half_way(&world).await;
    // Mallory knows the password, and has an account at the provider; an identity of nobody is no better.
    for subject in ["666", "nobody", "666", "1"] {
        let (back, state) = world.begin(&session).await;
        let done = world.come_back(&back, &state, world.word(subject)).await;
        seen.push(called(&done.outcome));
        session = world.suite.reopen(&back).await;
        assert!(!session.is_authenticated());
    }
    assert_eq!(seen, ["not allowed", "not allowed", "locked", "locked"]);
    let owner = world.suite.owner().await;
    let log = world.suite.backend.last_attempts(owner.tenant_id, owner.user_id, 100).await.unwrap();
    assert_eq!(log.iter().filter(|attempt| attempt.factor == kind()).count(), 4);
    assert!(world.names().contains(&"LockoutTriggered"));
}

#[tokio::test]
async fn whom_the_application_does_not_admit_completes_no_step() {
    let suite = TestSuite::builder().methods(password_then_provider()).build();
    let world = Wired::over(suite, ProviderPolicy::default(), Some(Arc::new(Staff::default())));
    world.link("1").await;
    for (group, is_in) in [("blocked", false), ("staff", true)] {
        let (session, state) = world.begin(&half_way(&world).await).await;
        let identity = FederatedIdentity { groups: vec![group.into()], ..world.word("1") };
        let done = world.come_back(&session, &state, identity).await;
        assert_eq!(done.outcome.is_authenticated(), is_in, "{group}: {:?}", done.outcome);
        assert_eq!(world.suite.reopen(&session).await.is_authenticated(), is_in, "{group}");
    }
    assert_eq!(world.refusals(), [FederationRefusalReason::NotAdmitted]);
}

#[tokio::test]
async fn a_locked_factor_refuses_the_right_word_too() {
    let suite = TestSuite::builder()
        .methods(vec![federated(), Method { name: "p".into(), ..password_then_provider().remove(0) }])
        .lockout(LockoutPolicy::default())
        .build();
    let world = Wired::over(suite, ProviderPolicy::default(), None);
    world.link("1").await;
    let session = world.suite.session().await;
    let begun = world.service.begin_login_with_method(&session, USER, TENANT, "p").await.unwrap();
    assert!(begun.admits(&FactorKind::Password));
    assert!(!world.service.verify_factor(&session, password(PASSWORD)).await.unwrap().is_authenticated());
    let mut session = world.suite.reopen(&session).await;
    for _ in 0..3 {
        let (back, state) = world.begin(&session).await;
        let _ = world.come_back(&back, &state, world.word("nobody")).await;
        session = world.suite.reopen(&back).await;
    }
    let (_, done) = world.log_in(world.word("1")).await;
    assert_eq!(called(&done.outcome), "locked");
}

#[tokio::test]
async fn the_provider_may_be_asked_for_a_step_up() {
    let world = Wired::new();
    world.link("1").await;
    let session = logged_in(&world.suite).await;
    let before = session.authn_time().unwrap();
    world.suite.clock.advance(Duration::from_secs(60));
    let step = world.service.require_step_up(&session, vec![FactorStep::Required(kind())]).await.unwrap();
    assert!(step.admits(&kind()));

    let (session, state) = world.begin(&session).await;
    assert!(world.idp.wanted()[0].force, "the user must be there");
    let wrong = world.come_back(&session, &state, world.word("2")).await;
    assert_eq!(called(&wrong.outcome), "not allowed");
    let session = world.suite.reopen(&session).await;
    assert!(session.is_authenticated() && session.authn_time() == Some(before), "the old level stays");

    let (session, state) = world.begin(&session).await;
    let id = session.session_id();
    assert!(world.come_back(&session, &state, world.word("1")).await.outcome.is_authenticated());
    let session = world.suite.reopen(&session).await;
    assert!(session.session_id() != id && session.authn_time() > Some(before));
    assert!(session.factors_completed().contains(&kind()));
    assert_eq!(session.federated_login().map(|login| login.subject).as_deref(), Some("1"));
}

#[tokio::test]
async fn a_step_that_is_due_no_more_takes_no_callback() {
    let world =
        Wired::with(vec![method("either", vec![FactorStep::AnyOf(vec![kind(), FactorKind::Password])])]);
    world.link("1").await;
    let session = world.suite.session().await;
    world.service.begin_login(&session, USER, TENANT).await.unwrap();
    let (session, state) = world.begin(&session).await;
    assert_eq!(world.service.verify_factor(&session, password(PASSWORD)).await.unwrap(), RIGHT);
    let session = world.suite.reopen(&session).await;
    let done = world.come_back(&session, &state, world.word("1")).await;
    assert!(matches!(done.outcome, FederatedOutcome::Refused(FederationError::StateMismatch)));
    let session = world.suite.reopen(&session).await;
    assert_eq!(session.factors_completed(), [FactorKind::Password]);
}
