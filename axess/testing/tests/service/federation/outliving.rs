//! What of a login at a provider may outlive its session, and what a logout there finds of it, also at the second try.

use super::{provider::message, *};
use axess_clock::Clock;
use axess_core::{
    authn::AuthnError,
    memory::{InMemorySessionStore, MemoryRefreshTokenStore},
    refresh::{RefreshOutcome, RefreshTokens},
    service::ProviderLogoutOutcome,
    store::{SidStore, StoreError, StoreErrorKind},
};
use axess_factors::federated::FederationError;
use axess_identity::{TenantId, TokenSecret};
use axess_testing::{Instrumented, Probe};
use chrono::TimeDelta;
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// Fails the nth call from when it was set, once; 0 fails none.
#[derive(Clone, Default)]
struct Once(Arc<AtomicUsize>);

impl Once {
    fn set(&self, nth: usize) {
        self.0.store(nth, Ordering::SeqCst);
    }

    /// Whether it has not failed anything yet.
    fn is_left(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

impl Probe for Once {
    async fn before(&self, _verb: &'static str) -> Result<(), StoreError> {
        let count = |left: usize| left.checked_sub(1);
        match self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count) {
            Ok(1) => Err(StoreError::bare(StoreErrorKind::Timeout)),
            _ => Ok(()),
        }
    }

    async fn after(&self, _verb: &'static str) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A world with refresh tokens, whose stores of sessions, bindings and tokens fail when told to.
async fn failing() -> (Wired, Once) {
    let once = Once::default();
    let mut suite = TestSuite::builder().methods(vec![Method::password(), federated()]).build();
    let store: Instrumented<InMemorySessionStore, Once> =
        Instrumented::new(suite.store.clone(), once.clone());
    suite.sessions = suite.sessions_over(store);
    let mut world = Wired::over(suite, ProviderPolicy::default(), None);
    let sids: Instrumented<MemorySidStore, Once> = Instrumented::new(world.sids.clone(), once.clone());
    let tokens: Instrumented<MemoryRefreshTokenStore, Once> =
        Instrumented::new(MemoryRefreshTokenStore::new(), once.clone());
    let providers =
        FederationProviders::new().with(okta(), Arc::new(world.idp.clone()), ProviderPolicy::default());
    let federation = Federation::new(providers, Arc::new(world.links.clone()))
        .with_provider_logout(Arc::new(sids), Arc::new(MemoryJtiReplayStore::new()));
    world.service = world
        .suite
        .service_over(world.suite.backend.clone(), world.suite.backend.clone())
        .with_federation(federation)
        .with_refresh_tokens(RefreshTokens::new(Arc::new(tokens)));
    world.link("1").await;
    (world, once)
}

fn bound_word(world: &Wired) -> FederatedIdentity {
    FederatedIdentity { session_id: Some("sid-1".into()), ..world.word("1") }
}

/// Issues a refresh token in a session, as its next request would.
async fn token(world: &Wired, session: &SessionHandle) -> axess_core::refresh::IssuedRefreshToken {
    let issued = world.service.issue_refresh_token(session).await.unwrap();
    session.finish().await.unwrap();
    issued
}

/// Opens another session with a token; returns it and the next token, if the token works.
async fn refresh(world: &Wired, token: &str) -> Option<(SessionHandle, String)> {
    let other = world.suite.session().await;
    match world.service.refresh_session(&other, TokenSecret::from(token)).await.unwrap() {
        RefreshOutcome::Refreshed(next) => {
            Some((world.suite.reopen(&other).await, next.token.expose().to_owned()))
        }
        RefreshOutcome::Refused => None,
    }
}

async fn log_out(world: &Wired, id: &str) -> Result<ProviderLogoutOutcome, AuthnError> {
    let request = world.suite.session().await;
    let message = message(Some("sid-1"), None, Some(id));
    world.service.complete_backchannel_logout(&request, TENANT, "okta", message).await
}

async fn is_live(world: &Wired, session: &SessionHandle) -> bool {
    world.suite.sessions.is_live(session.session_id()).await.unwrap()
}

#[tokio::test]
async fn a_logout_that_fails_anywhere_is_made_good_by_the_same_message() {
    let mut failures = 0;
    for nth in 1..100 {
        let (world, once) = failing().await;
        let first = world.logged_in(bound_word(&world)).await;
        let issued = token(&world, &first).await;
        let (refreshed, next) = refresh(&world, issued.token.expose()).await.unwrap();
        let second = world.logged_in(bound_word(&world)).await;
        // The session of the request itself is opened before anything can fail.
        let request = world.suite.session().await;
        let text = message(Some("sid-1"), None, Some("jti-1"));
        once.set(nth);
        let failed = world.service.complete_backchannel_logout(&request, TENANT, "okta", text).await;
        let reached = !once.is_left();
        once.set(0);
        if reached {
            failures += 1;
            assert!(matches!(failed, Err(AuthnError::Store(_) | AuthnError::Session(_))), "call {nth}");
            let again = log_out(&world, "jti-1").await.unwrap();
            assert!(matches!(again, ProviderLogoutOutcome::Ended { .. }), "call {nth}: {again:?}");
        }
        for session in [&first, &second, &refreshed] {
            assert!(!is_live(&world, session).await, "call {nth}");
        }
        assert!(refresh(&world, &next).await.is_none(), "call {nth}");
        let replayed = log_out(&world, "jti-1").await.unwrap();
        assert!(matches!(replayed, ProviderLogoutOutcome::Refused(FederationError::Replayed)), "call {nth}");
        if !reached {
            assert!(failures > 10);
            return;
        }
    }
    panic!("it never ended");
}

#[tokio::test]
async fn a_message_that_fails_again_and_again_is_refused_in_the_end() {
    let (world, once) = failing().await;
    world.logged_in(bound_word(&world)).await;
    for _ in 0..3 {
        let request = world.suite.session().await;
        let text = message(Some("sid-1"), None, Some("jti-1"));
        once.set(1);
        assert!(world.service.complete_backchannel_logout(&request, TENANT, "okta", text).await.is_err());
    }
    let refused = log_out(&world, "jti-1").await.unwrap();
    assert!(matches!(refused, ProviderLogoutOutcome::Refused(FederationError::Replayed)));
}

#[tokio::test]
async fn a_logout_finds_the_refresh_tokens_of_a_session_that_is_over() {
    let (world, _) = failing().await;
    let session = world.logged_in(bound_word(&world)).await;
    let issued = token(&world, &session).await;
    // Longer than any session lasts here.
    world.suite.clock.advance(Duration::from_secs(20 * 24 * 3_600));
    assert!(!is_live(&world, &session).await);
    let (refreshed, next) = refresh(&world, issued.token.expose()).await.unwrap();
    let plain = crate::fixtures::logged_in(&world.suite).await;
    let done = log_out(&world, "jti-1").await.unwrap();
    assert!(matches!(done, ProviderLogoutOutcome::Ended { .. }));
    assert!(!is_live(&world, &refreshed).await && is_live(&world, &plain).await);
    assert!(refresh(&world, &next).await.is_none());
}

#[tokio::test]
async fn a_refreshed_session_is_the_providers_too() {
    let (world, _) = failing().await;
    let ends = world.suite.clock.now() + TimeDelta::hours(8);
    let identity = FederatedIdentity { expires_at: Some(ends), ..bound_word(&world) };
    let issued = token(&world, &world.logged_in(identity).await).await;
    let (refreshed, next) = refresh(&world, issued.token.expose()).await.unwrap();
    let (refreshed_again, _) = refresh(&world, &next).await.unwrap();
    for session in [&refreshed, &refreshed_again] {
        let login = session.federated_login().unwrap();
        assert_eq!((login.issuer.as_str(), login.subject.as_str()), (world.idp.issuer_name(), "1"));
        assert_eq!((login.session_id.as_deref(), login.expires_at), (Some("sid-1"), Some(ends)));
    }
    let tenant = world.suite.owner().await.tenant_id;
    let (issuer, now) = (world.idp.issuer_name().to_owned(), world.suite.clock.now());
    let bound = world.sids.find_by_sid(Some(tenant), issuer, "sid-1".into(), now).await.unwrap();
    assert_eq!(bound.len(), 3, "each of them");

    let there = world.service.begin_federated_logout(&refreshed, Default::default()).await.unwrap();
    assert!(there.unwrap().url().contains("sid=sid-1&sub=1"), "a logout here goes on there");
    world.suite.clock.advance(Duration::from_secs(8 * 3_600));
    assert!(!is_live(&world, &refreshed_again).await, "it ends when the provider said");
}

#[tokio::test]
async fn a_family_ends_when_the_provider_said() {
    let (world, _) = failing().await;
    let start = world.suite.clock.now();
    let ends = start + TimeDelta::hours(8);
    let identity = FederatedIdentity { expires_at: Some(ends), ..bound_word(&world) };
    let issued = token(&world, &world.logged_in(identity).await).await;
    assert_eq!(issued.expires_at, ends);
    world.suite.clock.advance(Duration::from_secs(7 * 3_600));
    let (refreshed, next) = refresh(&world, issued.token.expose()).await.unwrap();
    let chained = world.service.issue_refresh_token(&refreshed).await;
    assert!(matches!(chained, Err(AuthnError::StepUpRequired)), "another family would begin anew");
    world.suite.clock.advance(Duration::from_secs(3_600));
    assert!(refresh(&world, &next).await.is_none());

    // Where it said nothing, using the family does not prolong it either.
    let issued = token(&world, &world.logged_in(bound_word(&world)).await).await;
    assert_eq!(issued.expires_at, world.suite.clock.now() + TimeDelta::days(30));
    world.suite.clock.advance(Duration::from_secs(29 * 24 * 3_600));
    let (_, next) = refresh(&world, issued.token.expose()).await.unwrap();
    world.suite.clock.advance(Duration::from_secs(24 * 3_600));
    assert!(refresh(&world, &next).await.is_none());
}

#[tokio::test]
async fn another_family_leaves_no_session_of_the_one_before() {
    let (world, _) = failing().await;
    let session = world.logged_in(bound_word(&world)).await;
    let issued = token(&world, &session).await;
    let (refreshed, _) = refresh(&world, issued.token.expose()).await.unwrap();
    let session = world.suite.reopen(&session).await;
    token(&world, &session).await;
    assert!(is_live(&world, &session).await && !is_live(&world, &refreshed).await);
}

/// Forgets every binding as soon as it is made, as a whole logout at that moment does.
#[derive(Clone)]
struct LoggedOutAtOnce(MemorySidStore, TenantId, String);

impl Probe for LoggedOutAtOnce {
    async fn before(&self, _verb: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn after(&self, verb: &'static str) -> Result<(), StoreError> {
        let Self(sids, tenant, issuer) = self;
        if verb == "bind" {
            let now = chrono::DateTime::UNIX_EPOCH;
            for bound in sids.find_by_subject(Some(*tenant), issuer.clone(), "1".into(), now).await? {
                sids.unbind(*tenant, issuer.clone(), bound.lineage).await?;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_login_whose_binding_goes_before_it_is_written_is_refused() {
    let mut world = Wired::new();
    world.link("1").await;
    let tenant = world.suite.owner().await.tenant_id;
    let probe = LoggedOutAtOnce(world.sids.clone(), tenant, world.idp.issuer_name().to_owned());
    let sids: Instrumented<MemorySidStore, LoggedOutAtOnce> = Instrumented::new(world.sids.clone(), probe);
    let providers =
        FederationProviders::new().with(okta(), Arc::new(world.idp.clone()), ProviderPolicy::default());
    let federation = Federation::new(providers, Arc::new(world.links.clone()))
        .with_provider_logout(Arc::new(sids), Arc::new(MemoryJtiReplayStore::new()));
    world.service = world
        .suite
        .service_over(world.suite.backend.clone(), world.suite.backend.clone())
        .with_federation(federation);
    let (session, done) = world.log_in(bound_word(&world)).await;
    assert!(!done.outcome.is_authenticated() && !session.is_authenticated(), "{:?}", done.outcome);
    assert_eq!(crate::fixtures::live_sessions(&world.suite).await, 0);
}

#[tokio::test]
async fn a_session_that_the_provider_did_not_name_ends_with_any_of_its_user() {
    let world = Wired::new();
    world.link("alice").await;
    let named = |sid: &str| FederatedIdentity { session_id: Some(sid.into()), ..world.word("alice") };
    let unnamed = world.logged_in(world.word("alice")).await;
    let (one, other) = (world.logged_in(named("sid-1")).await, world.logged_in(named("sid-2")).await);
    for (sid, subject, ends) in
        [("sid-1", None, [false, true, false]), ("sid-9", Some("alice"), [true, true, false])]
    {
        let request = world.suite.session().await;
        let message = message(Some(sid), subject, None);
        let done =
            world.service.complete_backchannel_logout(&request, TENANT, "okta", message).await.unwrap();
        assert!(matches!(done, ProviderLogoutOutcome::Ended { sessions: 1, .. }), "{done:?}");
        for (session, ends) in [&unnamed, &one, &other].into_iter().zip(ends) {
            assert_eq!(world.suite.sessions.is_live(session.session_id()).await.unwrap(), !ends, "{sid}");
        }
    }
}
