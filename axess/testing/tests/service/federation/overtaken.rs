//! A logout that overtakes the login it is about: it comes while the answer is on its way.

use super::{provider::message, *};
use axess_clock::Clock;
use axess_core::{
    authn::{FactorCredential, FactorOutcome},
    service::ProviderLogoutOutcome,
    store::{SidStore, StoreErrorKind},
};
use axess_events::authentication::LogoutReason;
use axess_factors::federated::CallbackResponse;
use axess_testing::{FaultPlan, Instrumented};
use chrono::TimeDelta;
use std::time::Duration;

fn minute(world: &Wired) {
    world.suite.clock.advance(Duration::from_secs(60));
}

async fn obey(world: &Wired, message: CallbackResponse) {
    let request = world.suite.session().await;
    let outcome = world.service.complete_backchannel_logout(&request, TENANT, "okta", message).await.unwrap();
    assert!(matches!(outcome, ProviderLogoutOutcome::Ended { .. }), "{outcome:?}");
}

fn named(world: &Wired, sid: Option<&str>) -> FederatedIdentity {
    FederatedIdentity { session_id: sid.map(Into::into), ..world.word("alice") }
}

#[tokio::test]
async fn a_login_that_was_begun_before_ends_nowhere() {
    let (one, nobody) = (Some("sid-1"), None);
    for (row, login, sid, subject, passes) in [
        ("its session", one, one, nobody, false),
        ("its session and its user", one, one, Some("alice"), false),
        ("its user", one, nobody, Some("alice"), false),
        ("its user, whose session has no name", nobody, nobody, Some("alice"), false),
        ("perhaps its session, which has no name", nobody, Some("sid-9"), Some("alice"), false),
        ("another session", one, Some("sid-9"), nobody, true),
        ("another session of its user", one, Some("sid-9"), Some("alice"), true),
        ("another user", one, nobody, Some("bob"), true),
        ("a session of another user that is called the same", one, one, Some("bob"), true),
        ("another session, and it has no name", nobody, Some("sid-9"), nobody, true),
    ] {
        let world = Wired::new();
        world.link("alice").await;
        let (session, state) = world.begin(&world.suite.session().await).await;
        minute(&world);
        obey(&world, message(sid, subject, Some("jti-1"))).await;
        minute(&world);
        let done = world.come_back(&session, &state, named(&world, login)).await;
        assert_eq!(done.outcome.is_authenticated(), passes, "{row}");
        let session = world.suite.reopen(&session).await;
        assert_eq!(session.is_authenticated(), passes, "{row}");
        let ended = world.suite.audit.events().into_iter().any(|event| {
            matches!(&event.payload, AuthEvent::Logout(logout) if logout.reason == LogoutReason::IdpInitiated)
        });
        assert_eq!(ended, !passes, "{row}: the trail says why");
        // What is begun afterwards is nobody's business.
        minute(&world);
        assert!(world.log_in(named(&world, login)).await.1.outcome.is_authenticated(), "{row}");
    }
}

#[tokio::test]
async fn who_authenticated_there_afterwards_is_logged_in() {
    for (row, sid, after, passes) in [
        ("the user logged in again", None, 90, true),
        ("perhaps, by another clock", None, 30, false),
        ("the user had logged in before", None, -30, false),
        ("the session is over, whatever it says of its user", Some("sid-1"), 90, false),
    ] {
        let world = Wired::new();
        world.link("alice").await;
        let (session, state) = world.begin(&world.suite.session().await).await;
        minute(&world);
        let auth_time = Some(world.suite.clock.now() + TimeDelta::seconds(after));
        obey(&world, message(sid, Some("alice"), Some("jti-1"))).await;
        minute(&world);
        let word = FederatedIdentity { auth_time, ..named(&world, Some("sid-1")) };
        let done = world.come_back(&session, &state, word).await;
        assert_eq!(done.outcome.is_authenticated(), passes, "{row}");
    }
}

#[tokio::test]
async fn a_local_factor_after_it_does_not_complete_it() {
    let world = Wired::with(vec![federated_then(FactorKind::Totp)]);
    let totp = with_totp(&world.suite).await;
    world.link("alice").await;
    let (session, state) = world.begin(&world.suite.session().await).await;
    minute(&world);
    obey(&world, message(Some("sid-1"), None, Some("jti-1"))).await;
    let done = world.come_back(&session, &state, named(&world, Some("sid-1"))).await;
    assert!(matches!(done.outcome, FederatedOutcome::FactorRequired(_)), "{:?}", done.outcome);
    let session = world.suite.reopen(&session).await;
    let code = FactorCredential::totp(crate::fixtures::code(&world.suite, &totp));
    let outcome = world.service.verify_factor(&session, code).await.unwrap();
    assert!(matches!(outcome, FactorOutcome::InvalidCredential), "{outcome:?}");
    assert!(!world.suite.reopen(&session).await.is_authenticated());
}

#[tokio::test]
async fn a_page_in_a_browser_leaves_no_note() {
    let world = Wired::new();
    world.link("alice").await;
    let (session, state) = world.begin(&world.suite.session().await).await;
    minute(&world);
    let (request, issuer) = (world.suite.session().await, world.idp.issuer_name());
    let done = world.service.complete_frontchannel_logout(&request, TENANT, "okta", issuer, "sid-1").await;
    assert!(matches!(done.unwrap(), ProviderLogoutOutcome::Ended { sessions: 0, .. }));
    assert_eq!(world.sids.cleanup_expired(chrono::DateTime::<chrono::Utc>::MAX_UTC, 10).await.unwrap(), 0);
    assert!(world.come_back(&session, &state, named(&world, Some("sid-1"))).await.outcome.is_authenticated());
}

#[tokio::test]
async fn a_login_begun_at_the_provider_goes_by_when_its_user_authenticated() {
    for (row, after, passes) in [
        ("before the logout", Some(-30), false),
        ("perhaps before it, by another clock", Some(30), false),
        ("after it", Some(90), true),
        ("nobody knows when", None, false),
    ] {
        let world = Wired::new();
        world.link("alice").await;
        obey(&world, message(Some("sid-1"), Some("alice"), Some("jti-1"))).await;
        let auth_time = after.map(|after| world.suite.clock.now() + TimeDelta::seconds(after));
        world.suite.clock.advance(Duration::from_secs(120));
        let word = FederatedIdentity { auth_time, ..named(&world, Some("sid-1")) };
        let session = world.suite.session().await;
        let response = world.idp.unasked(word, "/reports");
        let done = world.service.complete_unsolicited_login(&session, TENANT, "okta", response).await;
        assert_eq!(done.unwrap().outcome.is_authenticated(), passes, "{row}");
        assert_eq!(world.suite.reopen(&session).await.is_authenticated(), passes, "{row}");
    }
}

/// Whichever call of the store fails: what the provider's next try obeys is as much as the first would have.
#[tokio::test]
async fn a_logout_that_failed_half_way_is_tried_again() {
    let mut calls = 0;
    for call in 1.. {
        let world = Wired::new();
        world.link("alice").await;
        let bound = world.logged_in(named(&world, Some("sid-1"))).await;
        let (begun, state) = world.begin(&world.suite.session().await).await;
        minute(&world);
        let plan = FaultPlan::nth(call, StoreErrorKind::Unavailable);
        let sids = Instrumented::new(world.sids.clone(), plan.clone());
        let providers =
            FederationProviders::new().with(okta(), Arc::new(world.idp.clone()), ProviderPolicy::default());
        let federation = Federation::new(providers, Arc::new(world.links.clone()))
            .with_provider_logout(Arc::new(sids), Arc::new(MemoryJtiReplayStore::new()));
        let backend = world.suite.backend.clone();
        let service = world.suite.service_over(backend.clone(), backend).with_federation(federation);
        let message = message(Some("sid-1"), Some("alice"), Some("jti-1"));
        let request = world.suite.session().await;
        let first = service.complete_backchannel_logout(&request, TENANT, "okta", message.clone()).await;
        assert_eq!(first.is_err(), plan.fired() == 1, "call {call}: {first:?}");
        if plan.fired() == 0 {
            calls = call - 1;
            break;
        }
        let again = service.complete_backchannel_logout(&request, TENANT, "okta", message).await;
        assert!(matches!(again, Ok(ProviderLogoutOutcome::Ended { .. })), "call {call}: {again:?}");
        assert!(!world.suite.sessions.is_live(bound.session_id()).await.unwrap(), "call {call}");
        let done = world.come_back(&begun, &state, named(&world, Some("sid-1"))).await;
        assert!(!done.outcome.is_authenticated(), "call {call}");
    }
    assert!(calls >= 5, "two notes, two searches and an end: {calls}");
}
