use super::{
    provisioning::{Staff, provisioning},
    *,
};
use crate::fixtures::{RIGHT, password};
use axess_core::{
    authn::AuthnError,
    service::Operator,
    store::{AttemptOutcome, IdentityAuthnLog},
};
use axess_events::federation::FederationRefusalReason as Reason;
use axess_factors::federated::{CallbackMethod, CallbackResponse, FederationError};
use axess_identity::LockoutPolicy;
use axess_testing::{PASSWORD, USER};
use std::time::Duration;

fn refused(done: &FederatedCompletion) -> &FederationError {
    match &done.outcome {
        FederatedOutcome::Refused(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_callback_works_once() {
    let world = Wired::new();
    world.link("1").await;
    let (session, state) = world.begin(&world.suite.session().await).await;
    let response = world.idp.answer(&state, world.word("1"));
    let done = world.service.complete_federated_login(&session, "okta", response.clone()).await.unwrap();
    assert!(done.outcome.is_authenticated());
    world.service.logout(&session).await.unwrap();

    let session = world.suite.reopen(&session).await;
    let again = world.service.complete_federated_login(&session, "okta", response).await.unwrap();
    assert!(matches!(refused(&again), FederationError::StateMismatch));
    assert_eq!(world.idp.asked().len(), 1, "nothing was sent to the provider");
    assert_eq!(world.refusals(), [Reason::StateMismatch]);
}

#[tokio::test]
async fn a_failed_callback_uses_the_login_up() {
    let world = Wired::new();
    world.link("1").await;
    let (session, state) = world.begin(&world.suite.session().await).await;
    let wrong = world.come_back(&session, "another", world.word("1")).await;
    assert!(matches!(refused(&wrong), FederationError::StateMismatch));
    let session = world.suite.reopen(&session).await;
    let right = world.come_back(&session, &state, world.word("1")).await;
    assert!(matches!(refused(&right), FederationError::StateMismatch));
    assert!(!world.suite.reopen(&session).await.is_authenticated());
}

#[tokio::test]
async fn a_session_that_began_nothing_takes_no_callback() {
    let world = Wired::new();
    world.link("1").await;
    let (_, state) = world.begin(&world.suite.session().await).await;
    // A login begun in the attacker's browser, whose callback a victim is made to follow.
    let victim = world.suite.session().await;
    let done = world.come_back(&victim, &state, world.word("1")).await;
    assert!(matches!(refused(&done), FederationError::StateMismatch));
    assert!(!victim.is_authenticated());
}

#[tokio::test]
async fn beginning_again_replaces_what_was_begun() {
    let world = Wired::new();
    world.link("1").await;
    let (session, first) = world.begin(&world.suite.session().await).await;
    let (session, second) = world.begin(&session).await;
    let old = world.come_back(&session, &first, world.word("1")).await;
    assert!(matches!(refused(&old), FederationError::StateMismatch));
    let (session, third) = world.begin(&session).await;
    assert_ne!(second, third);
    assert!(world.come_back(&session, &third, world.word("1")).await.outcome.is_authenticated());
}

#[tokio::test]
async fn a_callback_of_another_provider_is_a_mix_up() {
    let suite = TestSuite::builder().methods(vec![federated()]).build();
    let (okta_idp, evil) =
        (Scripted::new("https://acme.okta.example"), Scripted::new("https://evil.example"));
    let providers = FederationProviders::new()
        .with(okta(), Arc::new(okta_idp.clone()), ProviderPolicy::default())
        .with("evil".parse().unwrap(), Arc::new(evil.clone()), ProviderPolicy::default());
    let world = Wired::from(suite, okta_idp, providers, None);
    world.link("1").await;
    let (session, state) = world.begin(&world.suite.session().await).await;
    let response = evil.answer(&state, world.word("1"));
    let done = world.service.complete_federated_login(&session, "evil", response).await.unwrap();
    assert!(matches!(refused(&done), FederationError::MixUp));
    assert_eq!((evil.asked().len(), world.refusals()), (0, vec![Reason::MixUp]));

    // The provider that was asked vouches in another's name.
    let (session, state) = world.begin(&world.suite.session().await).await;
    let done = world.come_back(&session, &state, evil.word("1")).await;
    assert!(matches!(refused(&done), FederationError::IssuerMismatch));
}

#[tokio::test]
async fn a_login_that_takes_too_long_has_expired() {
    let world = Wired::new();
    world.link("1").await;
    let (session, state) = world.begin(&world.suite.session().await).await;
    world.suite.clock.advance(Duration::from_secs(10 * 60));
    let session = world.suite.reopen(&session).await;
    let done = world.come_back(&session, &state, world.word("1")).await;
    assert!(matches!(refused(&done), FederationError::Expired));
    assert_eq!(world.idp.asked().len(), 0);
}

#[tokio::test]
async fn what_the_provider_denies_is_recorded_with_its_code() {
    let world = Wired::new();
    let (session, state) = world.begin(&world.suite.session().await).await;
    let given = [("error", "access_denied"), ("state", state.as_str())];
    let response = CallbackResponse::new(CallbackMethod::Get, given).unwrap();
    let done = world.service.complete_federated_login(&session, "okta", response).await.unwrap();
    assert!(matches!(refused(&done), FederationError::Denied { .. }));
    let event = serde_json::to_value(world.suite.audit.events().pop().unwrap()).unwrap();
    assert_eq!((event["reason"].as_str(), event["detail"].as_str()), (Some("denied"), Some("access_denied")));
}

#[tokio::test]
async fn a_provider_that_is_down_costs_nobody_an_attempt() {
    let suite = TestSuite::builder().methods(vec![federated()]).lockout(LockoutPolicy::default()).build();
    let world = Wired::over(suite, ProviderPolicy::default(), None);
    world.link("1").await;
    let owner = world.suite.owner().await;
    for _ in 0..20 {
        let (session, state) = world.begin(&world.suite.session().await).await;
        world.idp.set_down(true);
        let response = world.idp.answer(&state, world.word("1"));
        let down = world.service.complete_federated_login(&session, "okta", response).await;
        assert!(matches!(down, Err(AuthnError::Federation(FederationError::Unavailable { .. }))));
        world.idp.set_down(false);
    }
    assert_eq!(world.refusals(), [Reason::Unavailable; 20]);
    let attempts = world.suite.backend.last_attempts(owner.tenant_id, owner.user_id, 100).await.unwrap();
    assert!(attempts.is_empty(), "{attempts:?}");
    world.logged_in(world.word("1")).await;

    world.idp.set_down(true);
    let begun = world
        .service
        .begin_federated_login(&world.suite.session().await, TENANT, "okta", Default::default())
        .await;
    assert!(matches!(begun, Err(AuthnError::Federation(FederationError::Unavailable { .. }))));
}

#[tokio::test]
async fn an_identity_of_nobody_is_not_linked() {
    let world = Wired::new();
    world.link("1").await;
    for subject in ["2", "1 ", "1\u{301}"] {
        let (session, done) = world.log_in(world.word(subject)).await;
        assert!(matches!(done.outcome, FederatedOutcome::NotLinked), "{subject:?}");
        assert!(done.identity.is_some() && !session.is_authenticated());
    }
    assert_eq!(world.refusals(), [Reason::NotLinked; 3]);
}

#[tokio::test]
async fn an_account_whose_methods_do_not_begin_with_the_provider_may_not() {
    let mut late = Method::password();
    late.steps.push(step("federated:custom:okta".parse().unwrap()));
    for methods in [vec![Method::password()], vec![late], vec![Method::federated(&"other".parse().unwrap())]]
    {
        let world = Wired::with(methods);
        world.link("1").await;
        let (session, done) = world.log_in(world.word("1")).await;
        assert_eq!(called(&done.outcome), "not allowed");
        assert!(!session.is_authenticated());
        assert_eq!(world.refusals(), [Reason::NoMethod]);
    }
}

#[tokio::test]
async fn a_suspended_account_may_not_and_its_attempts_lock_nobody() {
    let world = Wired::new();
    world.link("1").await;
    let (owner, by) = (world.suite.owner().await, Operator::new("ops", "left"));
    let (session, state) = world.begin(&world.suite.session().await).await;
    world.service.suspend_user(&world.suite.sessions, owner.tenant_id, owner.user_id, &by).await.unwrap();
    let done = world.come_back(&session, &state, world.word("1")).await;
    assert_eq!(called(&done.outcome), "not allowed");
    for _ in 0..20 {
        assert_eq!(called(&world.log_in(world.word("1")).await.1.outcome), "not allowed");
    }
    assert!(world.names().contains(&"FactorFailed"));
    world.service.unsuspend_user(owner.tenant_id, owner.user_id, &by).await.unwrap();
    world.logged_in(world.word("1")).await;
    let log = world.suite.backend.last_attempts(owner.tenant_id, owner.user_id, 100).await.unwrap();
    assert!(log.iter().all(|attempt| attempt.outcome != AttemptOutcome::Failure), "{log:?}");
}

#[tokio::test]
async fn a_suspended_tenant_sends_nobody_and_takes_nobody_back() {
    let world = Wired::new();
    world.link("1").await;
    let (owner, by) = (world.suite.owner().await, Operator::new("ops", "unpaid"));
    let (session, state) = world.begin(&world.suite.session().await).await;
    world.service.suspend_tenant(&world.suite.sessions, owner.tenant_id, &by).await.unwrap();
    let done = world.come_back(&session, &state, world.word("1")).await;
    assert_eq!(called(&done.outcome), "not allowed");
    let session = world.suite.session().await;
    let begun = world.service.begin_federated_login(&session, TENANT, "okta", Default::default()).await;
    assert!(matches!(begun, Err(AuthnError::UnknownProvider)));
}

#[tokio::test]
async fn what_is_not_there_is_unknown() {
    let world = Wired::new();
    let session = world.suite.session().await;
    for (tenant, provider) in
        [(TENANT, "github"), ("nowhere", "okta"), ("No Where", "okta"), (TENANT, "Okta!")]
    {
        let begun = world.service.begin_federated_login(&session, tenant, provider, Default::default()).await;
        assert!(matches!(begun, Err(AuthnError::UnknownProvider)), "{tenant} {provider}");
    }
    let plain = world.suite.service.begin_federated_login(&session, TENANT, "okta", Default::default()).await;
    assert!(matches!(plain, Err(AuthnError::NotConfigured(_))));
    let elsewhere = FederationOptions { return_to: Some("//evil.example".into()), ..Default::default() };
    let begun = world.service.begin_federated_login(&session, TENANT, "okta", elsewhere).await;
    assert!(matches!(begun, Err(AuthnError::Federation(FederationError::Malformed { .. }))));
}

#[tokio::test]
async fn somebody_who_logged_in_meanwhile_is_not_replaced_and_nobody_is_created() {
    let suite = TestSuite::builder().methods(vec![Method::password(), federated()]).build();
    let staff: Arc<dyn Provisioner> = Arc::new(Staff::default());
    let world = Wired::over(suite, provisioning(), Some(staff));
    let session = world.suite.session().await;
    // The password's login goes on while the provider is asked.
    world.service.begin_login(&session, USER, TENANT).await.unwrap();
    let (session, state) = world.begin(&session).await;
    assert_eq!(world.service.verify_factor(&session, password(PASSWORD)).await.unwrap(), RIGHT);
    let session = world.suite.reopen(&session).await;
    let mallory = FederatedIdentity { groups: vec!["staff".into()], ..world.word("mallory") };
    let done = world.come_back(&session, &state, mallory).await;
    assert!(matches!(refused(&done), FederationError::StateMismatch));
    let session = world.suite.reopen(&session).await;
    assert_eq!(session.owner(), Some(world.suite.owner().await), "the login in between stands");
    let (tenant, issuer) = (world.suite.owner().await.tenant_id, world.idp.issuer_name());
    assert!(world.links.find_link(tenant, issuer.into(), "mallory".into()).await.unwrap().is_none());
}

/// Keeps what refusals were counted under.
#[derive(Default)]
struct Counted(std::sync::Mutex<Vec<String>>);

impl axess_core::metrics::AuthnMetrics for Counted {
    fn federation_refused(&self, provider: &str) {
        self.0.lock().unwrap().push(provider.to_owned());
    }
}

#[tokio::test]
async fn nobody_names_a_metric() {
    let mut world = Wired::new();
    let counted = Arc::new(Counted::default());
    world.service = world.service.with_metrics(counted.clone());
    let session = world.suite.session().await;
    let begun = world.service.begin_federated_login(&session, TENANT, "made-up-1", Default::default()).await;
    assert!(begun.is_err());
    let response = world.idp.answer("state-1", world.word("1"));
    let done = world.service.complete_federated_login(&session, "made-up-2", response).await.unwrap();
    assert_eq!(called(&done.outcome), "refused");
    assert_eq!(called(&world.log_in(world.word("nobody")).await.1.outcome), "not linked");
    assert_eq!(*counted.0.lock().unwrap(), ["unknown", "unknown", "okta"]);
}
