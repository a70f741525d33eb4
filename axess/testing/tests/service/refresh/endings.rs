//! What ends a login's refresh tokens besides a theft.

use super::*;
use axess_core::{
    authn::{PasswordChangeOutcome, PasswordResetOutcome},
    store::{DeviceStore, IdentityAdmin, SessionStore, UserChange},
};
use axess_events::{AuthEvent, refresh::RefreshRevocationReason};
use axess_identity::{TenantStatus, UserStatus};

const NEW: &str = "Another 1 over the mountain";

fn reasons(ground: &Wired) -> Vec<RefreshRevocationReason> {
    let events = ground.suite.audit.events().into_iter();
    let reasons = events.filter_map(|event| match event.payload {
        AuthEvent::RefreshTokenRevoked(event) => Some(event.reason),
        _ => None,
    });
    reasons.collect()
}

#[tokio::test]
async fn a_logout_ends_its_own_family_and_no_other() {
    let ground = Wired::new();
    let (session, _, issued) = ground.with_device("firefox").await;
    let (_, _, other) = ground.with_device("safari").await;
    ground.service.logout(&session).await.unwrap();
    assert_eq!(reasons(&ground), [RefreshRevocationReason::Logout]);
    ground.refused(&issued.token).await;
    assert!(ground.alarms().is_empty(), "a client that has not heard of the logout is no thief");
    ground.refreshed(&other.token).await;
}

#[tokio::test]
async fn a_logout_of_a_refreshed_session_ends_the_whole_login() {
    let ground = Wired::new();
    let first = ground.logged_in().await;
    let issued = ground.service.issue_refresh_token(&first).await.unwrap();
    let (session, next) = ground.refreshed(&issued.token).await;
    let unrelated = ground.logged_in().await;
    let ended = ground.service.logout(&ground.suite.reopen(&session).await).await.unwrap();
    assert_eq!(ended, axess_core::authn::LogoutOutcome::Ended);
    assert!(ground.suite.reopen(&first).await.is_guest());
    assert!(ground.suite.reopen(&unrelated).await.is_authenticated());
    ground.refused(&next.token).await;
}

#[tokio::test]
async fn a_logout_in_the_middle_of_a_ceremony_ends_the_login_that_it_interrupts() {
    let ground = Wired::new();
    let (session, _, issued) = ground.with_device("firefox").await;
    let owner = session.owner().unwrap();
    let tour = axess_core::session::WorkflowKind::Custom("tour".into());
    session.set_pending_workflow(owner.tenant_id, owner.user_id, tour, 2).unwrap();
    let session = ground.suite.reopen(&session).await;
    assert_eq!(ground.service.logout(&session).await.unwrap(), axess_core::authn::LogoutOutcome::Ended);
    assert_eq!(ground.active().await, 0);
    ground.refused(&issued.token).await;
    assert_eq!(crate::fixtures::events(&ground.suite).iter().filter(|event| **event == "Logout").count(), 1);
}

/// What the sweep or a restore took away says nothing any more about whether the device may be used.
#[tokio::test]
async fn a_token_of_a_device_that_is_gone_does_not_work() {
    let ground = Wired::new();
    let (session, _, issued) = ground.with_device("firefox").await;
    let owner = session.owner().unwrap();
    assert_eq!(ground.devices.delete_for_user(owner).await.unwrap(), 1);
    ground.refused(&issued.token).await;
    assert_eq!(ground.active().await, 0);
}

#[tokio::test]
async fn a_new_password_ends_them_all() {
    let ground = Wired::new();
    let (session, _, own) = ground.with_device("firefox").await;
    let (_, _, other) = ground.with_device("safari").await;
    let changed = ground.service.change_password(&session, PASSWORD, NEW).await.unwrap();
    assert_eq!(changed, PasswordChangeOutcome::Changed { sessions_ended: 1 });
    assert_eq!(reasons(&ground), [RefreshRevocationReason::CredentialChanged]);
    for token in [own, other] {
        ground.refused(&token.token).await;
    }
    let again = ground.service.issue_refresh_token(&session).await.unwrap();
    ground.refreshed(&again.token).await;
}

#[tokio::test]
async fn a_reset_ends_them_all() {
    let ground = Wired::new();
    let (_, _, issued) = ground.with_device("firefox").await;
    let session = ground.suite.session().await;
    ground.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
    let code = ground.suite.mail.next_code().await;
    let accepted = ground.service.verify_password_reset(&session, code).await.unwrap();
    assert_eq!(accepted, PasswordResetOutcome::CodeAccepted);
    let done = ground.service.complete_password_reset(&session, NEW).await.unwrap();
    assert_eq!(done, PasswordResetOutcome::Completed);
    ground.refused(&issued.token).await;
}

#[tokio::test]
async fn a_suspended_user_cannot_come_back_with_a_token_even_when_unsuspended() {
    let ground = Wired::new();
    let (_, _, issued) = ground.with_device("firefox").await;
    let owner = ground.suite.owner().await;
    let (sessions, by) = (&ground.suite.sessions, operator());
    ground.service.suspend_user(sessions, owner.tenant_id, owner.user_id, &by).await.unwrap();
    ground.refused(&issued.token).await;
    ground.service.unsuspend_user(owner.tenant_id, owner.user_id, &by).await.unwrap();
    ground.refused(&issued.token).await;
    assert!(ground.alarms().is_empty());
}

/// Suspended in the database, past the service: its tokens were not revoked, but none of them works.
#[tokio::test]
async fn whoever_may_not_log_in_may_not_refresh() {
    for of_tenant in [false, true] {
        let ground = Wired::new();
        let (_, _, issued) = ground.with_device("firefox").await;
        let (owner, now) = (ground.suite.owner().await, ground.suite.clock.now());
        let backend = &ground.suite.backend;
        let suspend = UserChange { status: Some(UserStatus::Suspended), ..UserChange::default() };
        let done = if of_tenant {
            backend.set_tenant_status(owner.tenant_id, TenantStatus::Suspended, now).await
        } else {
            backend.update_user(owner.tenant_id, owner.user_id, suspend).await
        };
        assert_eq!(done.unwrap(), axess_core::store::SaveOutcome::Saved);
        ground.refused(&issued.token).await;
        assert_eq!(ground.active().await, 0, "and the family is over");
        assert_eq!(reasons(&ground), [RefreshRevocationReason::AccountInactive]);
        assert!(ground.row(&issued).await.unwrap().rotated_at.is_none(), "it was not exchanged first");
    }
}

#[tokio::test]
async fn a_suspended_tenant_loses_all_tokens() {
    let ground = Wired::new();
    let (_, _, issued) = ground.with_device("firefox").await;
    let owner = ground.suite.owner().await;
    let ended = ground.service.suspend_tenant(&ground.suite.sessions, owner.tenant_id, &operator()).await;
    assert_eq!(ended.unwrap(), 1);
    assert_eq!(reasons(&ground), [RefreshRevocationReason::TenantSuspended]);
    ground.service.unsuspend_tenant(owner.tenant_id, &operator()).await.unwrap();
    ground.refused(&issued.token).await;
}

#[tokio::test]
async fn an_erased_user_leaves_neither_tokens_nor_devices() {
    let ground = Wired::new();
    let (_, device, issued) = ground.with_device("firefox").await;
    let owner = ground.suite.owner().await;
    let sessions = &ground.suite.sessions;
    ground.service.erase_user(sessions, owner.tenant_id, owner.user_id, &operator()).await.unwrap();
    assert!(ground.tokens.load_token(owner, issued.id).await.unwrap().is_none());
    assert!(ground.devices.load(owner, device).await.unwrap().is_none());
    assert!(ground.suite.store.is_empty());
    ground.refused(&issued.token).await;
    let left = ground.suite.store.find_sessions_for_user(owner, ground.suite.clock.now(), 10).await.unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn a_revoked_device_takes_its_tokens_along() {
    let ground = Wired::new();
    let (session, device, lost) = ground.with_device("firefox").await;
    let (keeper, _, kept) = ground.with_device("safari").await;
    assert!(ground.service.revoke_device(&keeper, device).await.unwrap());
    assert!(ground.suite.reopen(&session).await.is_guest());
    assert!(ground.suite.reopen(&keeper).await.is_authenticated());
    assert_eq!(reasons(&ground), [RefreshRevocationReason::DeviceRevoked]);
    ground.refused(&lost.token).await;
    ground.refreshed(&kept.token).await;
}

/// The cascade stopped after its first step: the device is revoked, its tokens are not.
#[tokio::test]
async fn a_token_of_a_revoked_device_does_not_work() {
    let ground = Wired::new();
    let (_, device, issued) = ground.with_device("firefox").await;
    let (owner, now) = (ground.suite.owner().await, ground.suite.clock.now());
    let level = axess_core::device::DeviceTrustLevel::Revoked;
    let _ = ground.devices.set_trust_level(owner, device, level, now).await.unwrap();
    ground.refused(&issued.token).await;
    assert_eq!(ground.active().await, 0);
}
