use crate::fixtures::{RIGHT, events, live_sessions, logged_in, password};
use axess_core::{
    authn::{AuthnError, LogoutOutcome},
    session::CookieAction,
};
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};
use std::time::Duration;

#[tokio::test]
async fn a_logout_ends_the_stored_session_and_removes_the_cookie() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let id = session.session_id();
    assert_eq!(suite.service.logout(&session).await.unwrap(), LogoutOutcome::Ended);
    assert!(session.is_guest());
    assert_eq!(session.finish().await.unwrap(), CookieAction::Remove);
    assert!(suite.store.is_empty());
    assert!(suite.session_by_id(id).await.is_guest());
    assert!(!suite.sessions.is_live(id).await.unwrap());
    assert_eq!(events(&suite).last(), Some(&"Logout"));
}

#[tokio::test]
async fn a_guest_has_nothing_to_end() {
    let suite = TestSuite::default();
    let session = suite.session().await;
    assert_eq!(suite.service.logout(&session).await.unwrap(), LogoutOutcome::NothingToEnd);
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
    assert!(events(&suite).is_empty());
}

#[tokio::test]
async fn a_logout_with_the_id_before_the_login_ends_the_login() {
    let suite = TestSuite::default();
    let first = suite.session().await;
    suite.service.begin_login(&first, USER, TENANT).await.unwrap();
    let first = suite.reopen(&first).await;
    let old = first.session_id();
    assert_eq!(suite.service.verify_factor(&first, password(PASSWORD)).await.unwrap(), RIGHT);
    assert_eq!(live_sessions(&suite).await, 1);

    // The other tab was slower: it still has the cookie from before.
    let late = suite.session_by_id(old).await;
    assert!(late.is_guest());
    assert_eq!(suite.service.logout(&late).await.unwrap(), LogoutOutcome::Ended);
    assert_eq!(late.finish().await.unwrap(), CookieAction::Remove);
    assert!(suite.store.is_empty());
    assert!(suite.session_by_id(first.session_id()).await.is_guest());
}

#[tokio::test]
async fn an_old_id_is_forgotten_after_five_minutes() {
    let suite = TestSuite::default();
    let first = suite.session().await;
    suite.service.begin_login(&first, USER, TENANT).await.unwrap();
    let first = suite.reopen(&first).await;
    let old = first.session_id();
    assert_eq!(suite.service.verify_factor(&first, password(PASSWORD)).await.unwrap(), RIGHT);
    suite.clock.advance(Duration::from_secs(300));
    let late = suite.session_by_id(old).await;
    assert_eq!(suite.service.logout(&late).await.unwrap(), LogoutOutcome::NothingToEnd);
    assert_eq!(late.finish().await.unwrap(), CookieAction::Keep, "the browser may have the new one");
    assert_eq!(live_sessions(&suite).await, 1);
}

#[tokio::test]
async fn a_request_that_lost_its_session_meanwhile_still_ends_it() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let other = suite.session_by_id(session.session_id()).await;
    other.regenerate().await.unwrap();
    session.set_custom("note", "lost").unwrap();
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
    assert!(session.is_guest(), "its session moved on without it");
    assert_eq!(suite.service.logout(&session).await.unwrap(), LogoutOutcome::Ended);
    assert!(suite.store.is_empty());
}

#[tokio::test]
async fn a_write_after_the_logout_brings_nothing_back() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let other = suite.session_by_id(session.session_id()).await;
    other.set_custom("note", "late").unwrap();
    assert_eq!(suite.service.logout(&session).await.unwrap(), LogoutOutcome::Ended);
    assert_eq!(other.finish().await.unwrap(), CookieAction::Keep);
    assert!(suite.store.is_empty());
    let error = other.regenerate().await;
    assert!(error.is_ok(), "a guest may have a session of its own: {error:?}");
    assert!(!other.is_authenticated());
}

#[tokio::test]
async fn a_login_that_loses_against_the_logout_is_refused() {
    let suite = TestSuite::default();
    let first = suite.session().await;
    suite.service.begin_login(&first, USER, TENANT).await.unwrap();
    let first = suite.reopen(&first).await;
    let other = suite.session_by_id(first.session_id()).await;
    assert_eq!(suite.service.logout(&other).await.unwrap(), LogoutOutcome::Ended);
    let error = suite.service.verify_factor(&first, password(PASSWORD)).await.unwrap_err();
    assert!(matches!(error, AuthnError::SessionEnded), "{error:?}");
    assert!(suite.store.is_empty());
    assert_eq!(first.finish().await.unwrap(), CookieAction::Keep);
}
