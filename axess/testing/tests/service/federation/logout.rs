use super::{
    provider::{ALIAS, message, state_of},
    *,
};
use crate::fixtures::code;
use axess_core::{
    authn::{AuthnError, FactorCredential, FactorOutcome},
    refresh::{RefreshOutcome, RefreshTokens},
    service::{FederatedLogoutOptions, Operator, ProviderLogoutOutcome},
    store::SidStore,
};
use axess_events::{Actor, authentication::LogoutReason, federation::FederationRefusalReason as Reason};
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederationError, FederationProtocol, MAX_FEDERATED_SID_BYTES,
};
use axess_testing::PASSWORD;

fn with_sid(world: &Wired, subject: &str, sid: &str) -> FederatedIdentity {
    FederatedIdentity { session_id: Some(sid.into()), ..world.word(subject) }
}

async fn obey(world: &Wired, message: CallbackResponse) -> ProviderLogoutOutcome {
    let request = world.suite.session().await;
    world.service.complete_backchannel_logout(&request, TENANT, "okta", message).await.unwrap()
}

fn ended(outcome: &ProviderLogoutOutcome) -> u64 {
    match outcome {
        ProviderLogoutOutcome::Ended { sessions, .. } => *sessions,
        ProviderLogoutOutcome::Refused(error) => panic!("{error}"),
    }
}

fn refused(outcome: ProviderLogoutOutcome) -> FederationError {
    match outcome {
        ProviderLogoutOutcome::Refused(error) => error,
        ended => panic!("{ended:?}"),
    }
}

async fn is_live(world: &Wired, session: &SessionHandle) -> bool {
    world.suite.sessions.is_live(session.session_id()).await.unwrap()
}

/// Alice in two browsers under one session at the provider, in a third under another; Bob; and Alice by password.
async fn busy() -> (Wired, [SessionHandle; 5]) {
    let suite = TestSuite::builder()
        .methods(vec![Method::password(), federated()])
        .user("bob", TENANT, None, PASSWORD)
        .build();
    let world = Wired::over(suite, ProviderPolicy::default(), None);
    world.link("alice").await;
    let bob = world.suite.user("bob", TENANT).await;
    world.link_of(Owner { tenant_id: bob.tenant_id, user_id: bob.user_id }, "bob").await;
    let sessions = [
        world.logged_in(with_sid(&world, "alice", "sid-1")).await,
        world.logged_in(with_sid(&world, "alice", "sid-1")).await,
        world.logged_in(with_sid(&world, "alice", "sid-2")).await,
        world.logged_in(with_sid(&world, "bob", "sid-3")).await,
        crate::fixtures::logged_in(&world.suite).await,
    ];
    (world, sessions)
}

#[tokio::test]
async fn a_message_ends_exactly_the_sessions_it_names() {
    for (row, sid, subject, want, count) in [
        ("a session", Some("sid-1"), None, [false, false, true, true, true], 2),
        ("a session and its user", Some("sid-2"), Some("alice"), [true, true, false, true, true], 1),
        ("two sessions", Some("sid-1 sid-2"), None, [false, false, false, true, true], 3),
        (
            "two sessions, one of somebody else",
            Some("sid-2 sid-3"),
            Some("alice"),
            [true, true, false, true, true],
            1,
        ),
        ("a user", None, Some("alice"), [false, false, false, true, true], 3),
        ("a session of somebody else", Some("sid-3"), Some("alice"), [true; 5], 0),
        ("an unknown session", Some("sid-9"), None, [true; 5], 0),
    ] {
        let (world, sessions) = busy().await;
        let outcome = obey(&world, message(sid, subject, Some("jti-1"))).await;
        assert_eq!(ended(&outcome), count, "{row}");
        for (n, (session, want)) in sessions.iter().zip(want).enumerate() {
            assert_eq!(is_live(&world, session).await, want, "{row}, session {n}");
        }
        let events = world.suite.audit.events();
        let logouts: Vec<_> = events
            .iter()
            .filter_map(|event| match &event.payload {
                AuthEvent::Logout(logout) => Some((logout.reason, event.actor.clone())),
                _ => None,
            })
            .collect();
        assert_eq!(logouts.len() as u64, count, "{row}");
        assert!(logouts.iter().all(|of| *of == (LogoutReason::IdpInitiated, Some(Actor::System))), "{row}");
        assert_eq!(world.names().last(), Some(&"FederatedLogoutReceived"), "{row}");
    }
}

#[tokio::test]
async fn a_message_is_obeyed_once_and_only_from_its_provider() {
    let (world, sessions) = busy().await;
    let first = message(Some("sid-1"), None, Some("jti-1"));
    assert_eq!(ended(&obey(&world, first.clone()).await), 2);
    let again = world.logged_in(with_sid(&world, "alice", "sid-1")).await;
    assert!(matches!(refused(obey(&world, first).await), FederationError::Replayed));
    assert!(is_live(&world, &again).await, "a replay ends nothing");

    let named = |name: &str, value: &str| {
        let mut message = message(Some("sid-2"), None, None);
        message.parameters.push((name.to_owned(), value.to_owned()));
        message
    };
    let forged = obey(&world, named("forged", "yes")).await;
    assert!(matches!(refused(forged), FederationError::SignatureInvalid));
    let foreign = obey(&world, named("iss", "https://evil.example")).await;
    assert!(matches!(refused(foreign), FederationError::IssuerMismatch));
    assert!(matches!(
        refused(obey(&world, message(None, None, Some("x"))).await),
        FederationError::Malformed { .. }
    ));
    let mut lasting = named("lasting", "yes");
    lasting.parameters.push(("jti".into(), "jti-2".into()));
    let lasting = refused(obey(&world, lasting).await);
    assert!(
        matches!(lasting, FederationError::WeakerThanConfigured { .. }),
        "nobody remembers it for so long"
    );
    assert!(is_live(&world, &sessions[2]).await);
    assert_eq!(
        world.refusals(),
        [
            Reason::Replayed,
            Reason::SignatureInvalid,
            Reason::IssuerMismatch,
            Reason::Malformed,
            Reason::WeakerThanConfigured
        ]
    );
    world.idp.set_down(true);
    let request = world.suite.session().await;
    let message = CallbackResponse::new(CallbackMethod::Post, [("sid", "sid-2")]).unwrap();
    let down = world.service.complete_backchannel_logout(&request, TENANT, "okta", message).await;
    assert!(matches!(down, Err(AuthnError::Federation(FederationError::Unavailable { .. }))));
}

#[tokio::test]
async fn a_page_of_the_provider_may_end_a_session_by_its_name() {
    let (world, sessions) = busy().await;
    let request = world.suite.session().await;
    let front = async |issuer: &str, sid: &str| {
        world.service.complete_frontchannel_logout(&request, TENANT, "okta", issuer, sid).await.unwrap()
    };
    assert!(matches!(refused(front("https://evil.example", "sid-1").await), FederationError::IssuerMismatch));
    for name in ["", &"s".repeat(MAX_FEDERATED_SID_BYTES + 1)] {
        let unfit = refused(front(world.idp.issuer_name(), name).await);
        assert!(matches!(unfit, FederationError::Malformed { .. }));
    }
    assert_eq!(world.refusals(), [Reason::IssuerMismatch, Reason::Malformed, Reason::Malformed]);
    assert_eq!(ended(&front(world.idp.issuer_name(), "sid-2").await), 1);
    assert!(is_live(&world, &sessions[0]).await && !is_live(&world, &sessions[2]).await);
    assert_eq!(ended(&front(ALIAS, "sid-1").await), 2, "by another name of its own");
}

#[tokio::test]
async fn only_the_page_of_an_openid_connect_provider_may() {
    for protocol in [FederationProtocol::Saml, FederationProtocol::OAuth2] {
        let suite = TestSuite::builder().methods(vec![federated()]).build();
        let idp = Scripted::speaking(protocol, "https://acme.okta.example");
        let providers =
            FederationProviders::new().with(okta(), Arc::new(idp.clone()), ProviderPolicy::default());
        let world = Wired::from(suite, idp, providers, None);
        world.link("1").await;
        let session = world.logged_in(with_sid(&world, "1", "sid-1")).await;
        let (request, issuer) = (world.suite.session().await, world.idp.issuer_name());
        let outcome = world.service.complete_frontchannel_logout(&request, TENANT, "okta", issuer, "sid-1");
        assert!(matches!(refused(outcome.await.unwrap()), FederationError::Configuration { .. }));
        assert!(is_live(&world, &session).await);
        assert_eq!(
            ended(&obey(&world, message(Some("sid-1"), None, None)).await),
            1,
            "a signed one is obeyed"
        );
    }
}

#[tokio::test]
async fn sessions_of_one_name_belong_to_their_protocol() {
    let saml = Scripted::speaking(FederationProtocol::Saml, "https://acme.okta.example");
    let idp = Scripted::new("https://acme.okta.example");
    let adfs: axess_identity::ProviderName = "adfs".parse().unwrap();
    let providers = FederationProviders::new()
        .with(okta(), Arc::new(idp.clone()), ProviderPolicy::default())
        .with(adfs.clone(), Arc::new(saml.clone()), ProviderPolicy::default());
    let suite = TestSuite::builder().methods(vec![federated(), Method::federated(&adfs)]).build();
    let mut world = Wired::from(suite, idp, providers, None);
    world.link("alice").await;
    let by_oidc = world.logged_in(with_sid(&world, "alice", "sid-1")).await;
    let owner = world.suite.owner().await;
    world.idp = saml;
    world.link("alice").await;
    let begun = world.suite.session().await;
    let there =
        world.service.begin_federated_login(&begun, TENANT, "adfs", Default::default()).await.unwrap();
    let begun = world.suite.reopen(&begun).await;
    let response = world.idp.answer(&state_of(&there), with_sid(&world, "alice", "sid-1"));
    let done = world.service.complete_federated_login(&begun, "adfs", response).await.unwrap();
    assert!(done.outcome.is_authenticated(), "{:?}", done.outcome);
    let by_saml = world.suite.reopen(&begun).await;
    let bound = |issuer: String| {
        let (sids, tenant) = (&world.sids, Some(owner.tenant_id));
        async move { sids.find_by_subject(tenant, issuer, "alice".into(), chrono::DateTime::UNIX_EPOCH).await }
    };
    let (oidc, saml) = ("https://acme.okta.example", "saml:https://acme.okta.example");
    assert_eq!(bound(saml.into()).await.unwrap().len(), 1);

    assert_eq!(ended(&obey(&world, message(Some("sid-1"), None, None)).await), 1);
    assert!(!is_live(&world, &by_oidc).await && is_live(&world, &by_saml).await);
    // What names the user at the provider goes with the account.
    let by = Operator::new("ops", "asked to be forgotten");
    world.service.erase_user(&world.suite.sessions, owner.tenant_id, owner.user_id, &by).await.unwrap();
    assert_eq!(bound(saml.into()).await.unwrap(), []);
    assert_eq!(bound(oidc.into()).await.unwrap(), []);
}

#[tokio::test]
async fn the_refresh_tokens_of_an_ended_login_are_revoked() {
    let mut world = Wired::new();
    let tokens = axess_core::memory::MemoryRefreshTokenStore::new();
    world.service = world.service.with_refresh_tokens(RefreshTokens::new(Arc::new(tokens)));
    world.link("1").await;
    let session = world.logged_in(with_sid(&world, "1", "sid-1")).await;
    let token = world.service.issue_refresh_token(&session).await.unwrap();
    session.finish().await.unwrap();
    let text = token.token.expose().to_owned();
    assert_eq!(ended(&obey(&world, message(Some("sid-1"), None, None)).await), 1);
    let other = world.suite.session().await;
    let refreshed = world.service.refresh_session(&other, text.as_str()).await.unwrap();
    assert!(matches!(refreshed, RefreshOutcome::Refused));
    assert!(!other.is_authenticated());
}

#[tokio::test]
async fn a_login_that_waits_for_a_second_factor_is_ended_too() {
    let world = Wired::with(vec![federated_then(FactorKind::Totp)]);
    world.link("1").await;
    let totp = with_totp(&world.suite).await;
    let (session, done) = world.log_in(with_sid(&world, "1", "sid-1")).await;
    assert_eq!(called(&done.outcome), "more");
    assert_eq!(ended(&obey(&world, message(Some("sid-1"), None, None)).await), 0, "nobody is logged in yet");
    let credential = FactorCredential::OtpCode(code(&world.suite, &totp));
    let outcome = world.service.verify_factor(&session, credential).await.unwrap();
    assert_eq!(outcome, FactorOutcome::InvalidCredential);
    assert!(!world.suite.reopen(&session).await.is_authenticated());
    assert_eq!(crate::fixtures::live_sessions(&world.suite).await, 0);
}

#[tokio::test]
async fn logging_out_ends_our_session_first_and_forgets_the_providers() {
    let (world, sessions) = busy().await;
    let options = FederatedLogoutOptions {
        post_logout_redirect_uri: Some("https://app.example/bye".into()),
        state: None,
    };
    let there = world.service.begin_federated_logout(&sessions[2], options.clone()).await.unwrap().unwrap();
    assert!(there.url().contains("sid=sid-2&sub=alice&to=https://app.example/bye"), "{}", there.url());
    let (tenant, issuer, now) =
        (world.suite.owner().await.tenant_id, world.idp.issuer_name(), chrono::DateTime::UNIX_EPOCH);
    let bound = world.sids.find_by_sid(Some(tenant), issuer.into(), "sid-2".into(), now).await.unwrap();
    assert!(bound.is_empty());

    world.idp.set_down(true);
    let down = world.service.begin_federated_logout(&sessions[0], options.clone()).await;
    assert!(matches!(down, Err(AuthnError::Federation(_))));
    assert!(!is_live(&world, &sessions[0]).await, "it is over all the same");
    let local = world.service.begin_federated_logout(&sessions[4], options).await.unwrap();
    assert!(local.is_none() && !is_live(&world, &sessions[4]).await);
}

#[tokio::test]
async fn without_its_stores_nothing_obeys_a_provider() {
    let world = Wired::new();
    let federation = Federation::new(FederationProviders::new(), Arc::new(world.links.clone()));
    let service = world.suite.service_over(world.suite.backend.clone(), world.suite.backend.clone());
    let service = service.with_federation(federation);
    let request = world.suite.session().await;
    let message = message(Some("sid-1"), None, None);
    let outcome = service.complete_backchannel_logout(&request, TENANT, "okta", message).await;
    assert!(matches!(outcome, Err(AuthnError::NotConfigured(_))));
}

#[tokio::test]
async fn an_answer_to_our_logout_ends_nothing_and_is_taken_once() {
    let (world, sessions) = busy().await;
    let mut answer = message(None, None, Some("answer to _1"));
    answer.parameters.push(("answer".into(), "yes".into()));
    let done = obey(&world, answer.clone()).await;
    assert!(matches!(done, ProviderLogoutOutcome::Ended { sessions: 0, answer: None }), "{done:?}");
    for session in &sessions {
        assert!(is_live(&world, session).await);
    }
    assert!(matches!(refused(obey(&world, answer).await), FederationError::Replayed));
}
