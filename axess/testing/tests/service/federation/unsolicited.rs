//! Answers that nobody here asked for, from a provider that takes them.

use super::*;
use crate::fixtures::with_totp;
use axess_core::authn::AuthnError;
use axess_events::federation::FederationRefusalReason as Reason;
use axess_factors::federated::{CallbackResponse, FederationError};
use axess_testing::{PASSWORD, USER};

async fn take(world: &Wired, session: &SessionHandle, response: CallbackResponse) -> FederatedCompletion {
    world.service.complete_unsolicited_login(session, TENANT, "okta", response).await.unwrap()
}

fn is_refused(done: &FederatedCompletion) -> bool {
    matches!(done.outcome, FederatedOutcome::Refused(FederationError::StateMismatch))
        && done.identity.is_none()
}

#[tokio::test]
async fn a_guest_is_logged_in_and_goes_where_the_provider_allows() {
    let world = Wired::new();
    world.link("1").await;
    for (to, return_to) in [("/reports", Some("/reports")), ("", None)] {
        let session = world.suite.session().await;
        let done = take(&world, &session, world.idp.unasked(world.word("1"), to)).await;
        assert!(done.outcome.is_authenticated());
        assert_eq!(done.return_to.as_deref(), return_to);
        assert!(world.suite.reopen(&session).await.is_authenticated());
    }
    for elsewhere in ["//evil.example", "https://evil.example/", "/\\evil.example", "reports"] {
        let session = world.suite.session().await;
        let done = take(&world, &session, world.idp.unasked(world.word("1"), elsewhere)).await;
        assert!(is_refused(&done) && done.return_to.is_none(), "{elsewhere}");
        assert!(!world.suite.reopen(&session).await.is_authenticated());
    }
    assert_eq!(world.refusals(), [Reason::StateMismatch; 4]);
}

#[tokio::test]
async fn nobody_becomes_somebody_else() {
    let world = Wired::with(vec![crate::fixtures::password_then(FactorKind::Totp), federated()]);
    world.link("1").await;
    with_totp(&world.suite).await;
    // Between a password and a code, and after a login.
    let half = world.suite.session().await;
    let outcome = world.service.login_with_password(&half, USER, TENANT, PASSWORD).await.unwrap();
    assert!(!outcome.is_authenticated());
    let whole = world.logged_in(world.word("1")).await;
    for session in [half, whole] {
        let before = session.is_authenticated();
        let done = take(&world, &session, world.idp.unasked(world.word("1"), "/reports")).await;
        assert!(is_refused(&done));
        assert_eq!(session.is_authenticated(), before);
    }
    let asked = world.idp.asked().len();
    assert_eq!(asked, 1, "the provider was asked about the login alone");
}

#[tokio::test]
async fn a_session_that_waits_for_an_answer_takes_nothing_else() {
    let world = Wired::new();
    world.link("1").await;
    let (session, _) = world.begin(&world.suite.session().await).await;
    let done = take(&world, &session, world.idp.unasked(world.word("1"), "/reports")).await;
    assert!(is_refused(&done) && !session.is_authenticated());
    let (session, state) = world.begin(&world.suite.reopen(&session).await).await;
    let done = take(&world, &session, world.idp.answer(&state, world.word("1"))).await;
    assert!(done.outcome.is_authenticated(), "one route takes both");
}

#[tokio::test]
async fn who_has_no_such_answers_refuses_them() {
    let world = Wired::new();
    world.link("1").await;
    let plain = world.idp.answer("", world.word("1"));
    assert!(is_refused(&take(&world, &world.suite.session().await, plain.clone()).await));
    for (tenant, provider) in [("nowhere", "okta"), (TENANT, "nobody"), ("../", "okta")] {
        let session = world.suite.session().await;
        let refused =
            world.service.complete_unsolicited_login(&session, tenant, provider, plain.clone()).await;
        assert!(matches!(refused, Err(AuthnError::UnknownProvider)), "{tenant} {provider}");
    }
    let answer = world.idp.unasked(world.word("1"), "/reports");
    let session = world.suite.session().await;
    let done = world.service.complete_federated_login(&session, "okta", answer).await.unwrap();
    assert!(is_refused(&done), "the verb for answers takes none");
}
