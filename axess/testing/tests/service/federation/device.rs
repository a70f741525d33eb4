//! Logins on another device: how often the provider is asked, what ends them, and that they end in a session.

use super::*;
use axess_clock::Clock;
use axess_core::{
    authn::AuthnError,
    service::{DeviceLogin, DeviceLoginOutcome},
};
use axess_factors::federated::{CallbackMethod, CallbackResponse, DevicePoll, FederationError};
use std::time::Duration;

/// A world in which alice's identity is linked, and a session that waits for a device.
async fn waiting() -> (Wired, SessionHandle, DeviceLogin) {
    let world = Wired::new();
    world.link("1").await;
    let session = world.suite.session().await;
    let options = FederationOptions { return_to: Some("/tv".into()), ..FederationOptions::default() };
    let login = world.service.begin_device_login(&session, TENANT, "okta", options).await.unwrap();
    let session = world.suite.reopen(&session).await;
    (world, session, login)
}

/// Asks after `seconds`, in a request of its own.
async fn ask(world: &Wired, session: &SessionHandle, seconds: u64) -> Result<DeviceLoginOutcome, AuthnError> {
    world.suite.clock.advance(Duration::from_secs(seconds));
    let session = world.suite.reopen(session).await;
    let outcome = world.service.poll_device_login(&session, "okta").await;
    session.finish().await.unwrap();
    outcome
}

fn wait(world: &Wired, outcome: Result<DeviceLoginOutcome, AuthnError>) -> i64 {
    match outcome.unwrap() {
        DeviceLoginOutcome::Pending { next_poll_at } => {
            (next_poll_at - world.suite.clock.now()).num_seconds()
        }
        over => panic!("{over:?}"),
    }
}

fn over(outcome: Result<DeviceLoginOutcome, AuthnError>) -> FederatedCompletion {
    match outcome.unwrap() {
        DeviceLoginOutcome::Completed(done) => *done,
        pending => panic!("{pending:?}"),
    }
}

#[tokio::test]
async fn a_user_agrees_elsewhere_and_is_logged_in_here() {
    let (world, session, login) = waiting().await;
    assert_eq!((login.user_code.as_str(), login.interval), ("WDJB-MJHT", Duration::from_secs(5)));
    assert!(login.verification_uri.ends_with("/device"));
    assert_eq!(wait(&world, ask(&world, &session, 0).await), 5);
    assert_eq!(world.idp.polled(), 0, "too early: the provider is not asked");
    assert_eq!(wait(&world, ask(&world, &session, 5).await), 5);
    assert_eq!(wait(&world, ask(&world, &session, 3).await), 2);
    assert_eq!(world.idp.polled(), 1);
    world.idp.say_of_device(Ok(DevicePoll::Pending { interval: Duration::from_secs(10) }));
    assert_eq!(wait(&world, ask(&world, &session, 2).await), 10, "it was told to slow down");
    assert_eq!(wait(&world, ask(&world, &session, 9).await), 1);

    let word = FederatedIdentity { session_id: Some("sid-1".into()), ..world.word("1") };
    world.idp.say_of_device(Ok(DevicePoll::Granted(Box::new(word))));
    world.suite.clock.advance(Duration::from_secs(1));
    let session = world.suite.reopen(&session).await;
    let done = over(world.service.poll_device_login(&session, "okta").await);
    assert!(done.outcome.is_authenticated(), "{:?}", done.outcome);
    assert_eq!(done.return_to.as_deref(), Some("/tv"));
    let session = world.suite.reopen(&session).await;
    assert_eq!(session.owner(), Some(world.suite.owner().await));
    assert_eq!(session.federated_login().unwrap().session_id.as_deref(), Some("sid-1"));
    let again = over(world.service.poll_device_login(&session, "okta").await);
    assert!(matches!(again.outcome, FederatedOutcome::Refused(FederationError::StateMismatch)));
}

#[tokio::test]
async fn a_logout_at_the_provider_overtakes_it() {
    let (world, session, _) = waiting().await;
    world.suite.clock.advance(Duration::from_secs(5));
    let request = world.suite.session().await;
    let logout = super::provider::message(Some("sid-1"), None, Some("jti-1"));
    let told = world.service.complete_backchannel_logout(&request, TENANT, "okta", logout).await;
    assert!(told.is_ok(), "{told:?}");
    let word = FederatedIdentity { session_id: Some("sid-1".into()), ..world.word("1") };
    world.idp.say_of_device(Ok(DevicePoll::Granted(Box::new(word))));
    let done = over(ask(&world, &session, 1).await);
    assert!(!done.outcome.is_authenticated(), "{:?}", done.outcome);
    assert!(!world.suite.reopen(&session).await.is_authenticated());
}

#[tokio::test]
async fn what_ends_a_login_ends_it_for_good() {
    type Say = fn() -> FederationError;
    let cases: [(&str, Say, FederationRefusalReason); 3] = [
        ("denied", || FederationError::denied("access_denied"), FederationRefusalReason::Denied),
        ("late", || FederationError::Expired, FederationRefusalReason::Expired),
        ("forged", || FederationError::SignatureInvalid, FederationRefusalReason::SignatureInvalid),
    ];
    for (row, say, reason) in cases {
        let (world, session, _) = waiting().await;
        world.idp.say_of_device(Err(say()));
        let done = over(ask(&world, &session, 5).await);
        assert!(matches!(done.outcome, FederatedOutcome::Refused(_)), "{row}");
        assert_eq!(world.refusals(), [reason], "{row}");
        let again = over(ask(&world, &session, 60).await);
        assert!(matches!(again.outcome, FederatedOutcome::Refused(FederationError::StateMismatch)), "{row}");
        assert_eq!(world.idp.polled(), 1, "{row}");
    }
    // Nobody has to be asked whether it is too late.
    let (world, session, login) = waiting().await;
    let left = (login.expires_at - world.suite.clock.now()).to_std().unwrap();
    let done = over(ask(&world, &session, left.as_secs()).await);
    assert!(matches!(done.outcome, FederatedOutcome::Refused(FederationError::Expired)));
    assert_eq!(world.idp.polled(), 0);
    // An identity of nobody gets in no more than through a browser.
    let (world, session, _) = waiting().await;
    world.idp.say_of_device(Ok(DevicePoll::Granted(Box::new(world.word("stranger")))));
    assert!(matches!(over(ask(&world, &session, 5).await).outcome, FederatedOutcome::NotLinked));
}

#[tokio::test]
async fn a_provider_that_is_down_is_asked_less_often_and_costs_nothing() {
    let (world, session, _) = waiting().await;
    world.idp.say_of_device(Err(FederationError::unavailable("the token endpoint", "timed out")));
    let failed = ask(&world, &session, 5).await;
    assert!(matches!(failed, Err(AuthnError::Federation(FederationError::Unavailable { .. }))), "{failed:?}");
    assert_eq!(wait(&world, ask(&world, &session, 5).await), 5, "twice the time");
    world.idp.say_of_device(Ok(DevicePoll::Granted(Box::new(world.word("1")))));
    let session = world.suite.reopen(&session).await;
    world.suite.clock.advance(Duration::from_secs(5));
    assert!(over(world.service.poll_device_login(&session, "okta").await).outcome.is_authenticated());
}

#[tokio::test]
async fn requests_that_ask_at_the_same_time_ask_the_provider_once() {
    let (world, session, _) = waiting().await;
    world.suite.clock.advance(Duration::from_secs(5));
    let (one, other) = (world.suite.reopen(&session).await, world.suite.reopen(&session).await);
    let (first, second) = (
        world.service.poll_device_login(&one, "okta").await,
        world.service.poll_device_login(&other, "okta").await,
    );
    assert_eq!((wait(&world, first), wait(&world, second)), (5, 5));
    assert_eq!(world.idp.polled(), 1);
}

#[tokio::test]
async fn a_callback_and_a_question_are_not_mixed_up() {
    let (world, session, _) = waiting().await;
    let back = CallbackResponse::new(CallbackMethod::Get, [("code", "c"), ("state", "s")]).unwrap();
    let done = world.service.complete_federated_login(&session, "okta", back).await.unwrap();
    assert!(matches!(done.outcome, FederatedOutcome::Refused(FederationError::StateMismatch)));
    assert_eq!(wait(&world, ask(&world, &session, 0).await), 5, "it still waits");
    assert!(matches!(
        over(world.service.poll_device_login(&session, "other").await).outcome,
        FederatedOutcome::Refused(_)
    ));

    let (session, _) = world.begin(&world.suite.session().await).await;
    let done = over(world.service.poll_device_login(&session, "okta").await);
    assert!(matches!(done.outcome, FederatedOutcome::Refused(FederationError::StateMismatch)));
    assert_eq!(world.idp.polled(), 0);
    // Somebody who is logged in logs in no more, and a step-up is not to be had like this.
    let logged_in = world.logged_in(world.word("1")).await;
    let begun = world.service.begin_device_login(&logged_in, TENANT, "okta", Default::default()).await;
    assert!(matches!(begun, Err(AuthnError::AlreadyAuthenticated)), "{begun:?}");
}
