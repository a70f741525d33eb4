use crate::fixtures::{live_sessions, logged_in};
use axess_core::{
    authn::AuthnError,
    service::Operator,
    session::{SessionError, WorkflowKind},
};
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};
use std::time::Duration;

fn tour() -> WorkflowKind {
    WorkflowKind::Custom("tour".into())
}

#[tokio::test]
async fn a_ceremony_of_the_application_never_elevates_a_guest() {
    let suite = TestSuite::default();
    let owner = suite.owner().await;
    let session = suite.session().await;
    session.set_pending_workflow(owner.tenant_id, owner.user_id, tour(), 2).unwrap();
    let session = suite.reopen(&session).await;
    assert!(!session.is_authenticated());
    let error = suite.service.complete_workflow(&session).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticating), "not at its last step: {error:?}");
    session.advance_workflow().unwrap();
    let session = suite.reopen(&session).await;
    let past_the_end = session.advance_workflow().unwrap_err();
    assert!(matches!(past_the_end, SessionError::NotAllowed), "{past_the_end:?}");
    suite.service.complete_workflow(&session).await.unwrap();
    assert!(session.is_guest());
    assert!(suite.reopen(&session).await.is_guest());
    assert_eq!(live_sessions(&suite).await, 0);
}

#[tokio::test]
async fn a_ceremony_gives_an_authenticated_user_back_what_it_took() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let (owner, since) = (session.owner().unwrap(), session.authn_time());
    session.set_pending_workflow(owner.tenant_id, owner.user_id, tour(), 1).unwrap();
    let session = suite.reopen(&session).await;
    assert!(!session.is_authenticated() && session.owner().is_none());
    let before = session.session_id();
    suite.clock.advance(Duration::from_secs(600));
    suite.service.complete_workflow(&session).await.unwrap();
    assert_ne!(session.session_id(), before);
    let session = suite.reopen(&session).await;
    assert_eq!((session.owner(), session.authn_time()), (Some(owner), since));
}

#[tokio::test]
async fn a_ceremony_that_took_too_long_is_over() {
    let suite = TestSuite::default();
    let session = logged_in(&suite).await;
    let owner = session.owner().unwrap();
    session.set_pending_workflow(owner.tenant_id, owner.user_id, tour(), 1).unwrap();
    suite.clock.advance(Duration::from_secs(3_601));
    let error = suite.service.complete_workflow(&session).await.unwrap_err();
    assert!(matches!(error, AuthnError::NotAuthenticating), "{error:?}");
    assert!(!session.is_authenticated());
}

#[tokio::test]
async fn nobody_starts_a_ceremony_in_somebody_elses_session() {
    let suite = TestSuite::builder().user("bob", TENANT, None, "x").build();
    let bob = suite.user("bob", TENANT).await;
    let session = logged_in(&suite).await;
    let error = session.set_pending_workflow(bob.tenant_id, bob.user_id, tour(), 1).unwrap_err();
    assert!(matches!(error, SessionError::NotAllowed), "{error:?}");
    assert!(session.is_authenticated());
}

/// A session parked in a ceremony is still one of its user's sessions.
#[tokio::test]
async fn a_parked_session_ends_with_all_others_and_cannot_be_resumed() {
    let operator = Operator::new("ops", "stolen");
    for ending in ["suspension", "password change", "tenant suspension"] {
        let suite = TestSuite::default();
        let owner = suite.owner().await;
        let parked = logged_in(&suite).await;
        parked.set_pending_workflow(owner.tenant_id, owner.user_id, tour(), 1).unwrap();
        let parked = suite.reopen(&parked).await;
        assert!(!parked.is_authenticated());
        let victim = logged_in(&suite).await;
        match ending {
            "suspension" => {
                let (tenant_id, user_id) = (owner.tenant_id, owner.user_id);
                let ended = suite.service.suspend_user(&suite.sessions, tenant_id, user_id, &operator).await;
                assert_eq!(ended.unwrap(), 2);
            }
            "password change" => {
                let new = "a quite different phrase";
                let outcome = suite.service.change_password(&victim, PASSWORD, new).await.unwrap();
                let expected = axess_core::authn::PasswordChangeOutcome::Changed { sessions_ended: 1 };
                assert_eq!(outcome, expected);
            }
            _ => {
                let ended = suite.service.suspend_tenant(&suite.sessions, owner.tenant_id, &operator).await;
                assert_eq!(ended.unwrap(), 2);
            }
        }
        assert!(suite.session_by_id(parked.session_id()).await.is_guest(), "{ending}");
        let error = suite.service.complete_workflow(&parked).await.unwrap_err();
        assert!(matches!(error, AuthnError::SessionEnded), "{ending}: {error:?}");
        assert!(!parked.is_authenticated());
    }
}

/// A ceremony remembers whom it interrupted; starting it over for another user, or for the same id in another tenant,
/// forgets.
#[tokio::test]
async fn starting_over_keeps_the_interrupted_login_only_for_the_same_account() {
    let suite = TestSuite::builder().user("bob", TENANT, None, "x").user("carol", "acme", None, "x").build();
    let (owner, bob) = (suite.owner().await, suite.user("bob", TENANT).await);
    let acme = suite.user("carol", "acme").await.tenant_id;
    for (tenant_id, user_id, resumed) in [
        (owner.tenant_id, owner.user_id, true),
        (owner.tenant_id, bob.user_id, false),
        (acme, owner.user_id, false),
    ] {
        let session = logged_in(&suite).await;
        session.set_pending_workflow(owner.tenant_id, owner.user_id, tour(), 1).unwrap();
        session.set_pending_workflow(tenant_id, user_id, tour(), 1).unwrap();
        suite.service.complete_workflow(&session).await.unwrap();
        assert_eq!(session.is_authenticated(), resumed, "{tenant_id} {user_id}");
        assert_eq!(session.is_guest(), !resumed);
        assert!(session.tenant_id().is_none_or(|tenant| tenant == owner.tenant_id));
    }
    assert_eq!(suite.user(USER, TENANT).await.tenant_id, owner.tenant_id);
}
