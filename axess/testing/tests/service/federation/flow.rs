use super::*;
use crate::fixtures::code;
use axess_clock::Clock;
use axess_core::{
    authn::{AuthnError, FactorCredential, FactorOutcome},
    service::OAuthLoginOptions,
};
use axess_factors::federated::{FederatedTokens, FederationError};
use axess_testing::USER;
use chrono::{TimeDelta, Utc};
use std::time::Duration;

#[tokio::test]
async fn a_linked_identity_logs_its_user_in_as_a_whole_method() {
    let world = Wired::new();
    world.link("alice-at-okta").await;
    let before = world.suite.session().await;
    let (session, state) = world.begin(&before).await;
    let done = world.come_back(&session, &state, world.word("alice-at-okta")).await;
    assert!(done.outcome.is_authenticated());
    assert_eq!(done.return_to.as_deref(), Some("/reports"));
    assert_eq!(done.identity.map(|identity| identity.subject).as_deref(), Some("alice-at-okta"));
    assert_ne!(session.session_id(), before.session_id(), "what was begun as a guest has a new id");

    let session = world.suite.reopen(&session).await;
    let owner = world.suite.owner().await;
    assert_eq!(session.owner(), Some(owner));
    assert_eq!(session.factors_completed(), ["federated:custom:okta".parse().unwrap()]);
    assert_eq!(world.names(), ["LoginStarted", "FactorVerified", "LoginCompleted"]);
    let used = world.links.find_links(owner).await.unwrap().remove(0).last_used_at;
    assert_eq!(used, Some(world.suite.clock.now()));
}

#[tokio::test]
async fn a_local_factor_may_come_after_the_provider() {
    let world = Wired::with(vec![federated_then(FactorKind::Totp)]);
    world.link("1").await;
    let totp = with_totp(&world.suite).await;
    let (session, done) = world.log_in(world.word("1")).await;
    assert!(matches!(done.outcome, FederatedOutcome::FactorRequired(next) if next.admits(&FactorKind::Totp)));
    assert!(!session.is_authenticated());
    assert!(session.federated_login().is_some(), "what the provider said waits with the login");

    let credential = FactorCredential::OtpCode(code(&world.suite, &totp));
    let outcome = world.service.verify_factor(&session, credential).await.unwrap();
    assert_eq!(outcome, FactorOutcome::Authenticated);
    let session = world.suite.reopen(&session).await;
    assert_eq!(session.federated_login().map(|login| login.subject).as_deref(), Some("1"));
    assert_eq!(session.factors_completed().len(), 2);
}

#[tokio::test]
async fn the_session_remembers_what_the_provider_said_until_the_next_login() {
    let world = Wired::new();
    world.link("1").await;
    let now = world.suite.clock.now();
    let said = FederatedIdentity {
        session_id: Some("sid-1".into()),
        acr: Some("phr".into()),
        amr: vec!["hwk".into(), "user".into()],
        auth_time: Some(now - TimeDelta::minutes(3)),
        ..world.word("1")
    };
    let session = world.logged_in(said).await;
    let login = session.federated_login().unwrap();
    assert_eq!((login.provider, login.issuer.as_str()), (okta(), "https://acme.okta.example"));
    assert_eq!((login.session_id.as_deref(), login.acr.as_deref()), (Some("sid-1"), Some("phr")));
    assert_eq!(
        (login.amr, login.auth_time),
        (vec!["hwk".into(), "user".into()], Some(now - TimeDelta::minutes(3)))
    );

    session.drop_authentication().await.unwrap();
    assert!(session.federated_login().is_none(), "it goes with the authentication");
    let session = world.suite.reopen(&session).await;
    let outcome = world.service.login_with_password(&session, USER, TENANT, axess_testing::PASSWORD).await;
    assert_eq!(outcome.unwrap(), FactorOutcome::Authenticated);
    assert!(session.federated_login().is_none(), "a password login has none");
}

#[tokio::test]
async fn a_session_ends_no_later_than_the_provider_says_however_much_it_is_used() {
    let world = Wired::new();
    world.link("1").await;
    let ends = world.suite.clock.now() + TimeDelta::hours(2);
    let mut session = world.logged_in(FederatedIdentity { expires_at: Some(ends), ..world.word("1") }).await;
    for minutes in [50_u64, 50] {
        world.suite.clock.advance(Duration::from_secs(minutes * 60));
        session = world.suite.reopen(&session).await;
        assert!(session.is_authenticated());
        session.set_custom("used", &minutes).unwrap();
        session = world.suite.reopen(&session).await;
        assert_eq!(session.expires_at(), Some(ends));
    }
    world.suite.clock.advance(Duration::from_secs(20 * 60));
    assert!(!world.suite.reopen(&session).await.is_authenticated());
}

#[tokio::test]
async fn an_end_that_has_passed_logs_nobody_in() {
    let world = Wired::new();
    world.link("1").await;
    let ends: chrono::DateTime<Utc> = world.suite.clock.now();
    let (session, done) = world.log_in(FederatedIdentity { expires_at: Some(ends), ..world.word("1") }).await;
    assert!(matches!(done.outcome, FederatedOutcome::Refused(FederationError::Expired)));
    assert!(!session.is_authenticated());
}

#[tokio::test]
async fn tokens_are_handed_over_once_and_only_the_id_token_stays() {
    let world = Wired::new();
    world.link("1").await;
    let tokens = FederatedTokens {
        access_token: "the-access-token".into(),
        refresh_token: Some("the-refresh-token".into()),
        id_token: Some("the-id-token".into()),
        token_type: "Bearer".into(),
        scope: None,
        expires_at: None,
        binding_key: None,
    };
    let (session, done) = world.log_in(FederatedIdentity { tokens: Some(tokens), ..world.word("1") }).await;
    let given = done.identity.and_then(|identity| identity.tokens).unwrap();
    assert!(given.access_token.ct_eq("the-access-token"));
    let there = world.service.begin_federated_logout(&session, Default::default()).await.unwrap().unwrap();
    assert!(there.url().contains("token=the-id-token"), "{}", there.url());
    for event in world.suite.audit.events() {
        let json = serde_json::to_string(&event).unwrap();
        assert!(!json.contains("the-") && !json.contains("state-"), "{json}");
    }
}

#[tokio::test]
async fn the_verbs_of_oauth_are_thin_forms_of_the_same() {
    let world = Wired::new();
    world.link("1").await;
    let session = world.suite.session().await;
    let url = world.service.begin_oauth_login(&session, "okta", OAuthLoginOptions::default()).await.unwrap();
    let state = url.rsplit_once("state=").unwrap().1.to_owned();
    let session = world.suite.reopen(&session).await;
    let answer = world.idp.answer(&state, world.word("1"));
    let code = answer.get("code").unwrap().unwrap();
    let done = world.service.finish_oauth_login(&session, "okta", code, &state).await.unwrap();
    assert!(done.outcome.is_authenticated());
    let again = world.service.begin_oauth_login(&session, "okta", OAuthLoginOptions::default()).await;
    assert!(matches!(again, Err(AuthnError::AlreadyAuthenticated)));
}
