use crate::fixtures::{RIGHT, WRONG, events, logged_in, password, with_totp};
use axess_core::{
    authn::{AuthnError, FactorOutcome, Method, MethodError, PasswordResetOutcome},
    delivery::MailPurpose,
    service::Operator,
    session::RequestContext,
    store::{FactorStore, IdentityLookup, Owner, Page, TenantBootstrap},
};
use axess_events::{Actor, AuthEvent, AuthEventEnvelope};
use axess_identity::{FactorKind, TenantId, UserId, UserStatus};
use axess_testing::{EMAIL, PASSWORD, TENANT, TestSuite, USER};

const NEW: &str = "blue whales sing at dusk";

fn operator() -> Operator {
    Operator::new("ops@example.com", "ticket 4711")
}

async fn login(suite: &TestSuite) -> FactorOutcome {
    let session = suite.session().await;
    suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap()
}

#[tokio::test]
async fn a_suspended_user_loses_every_session_and_cannot_log_in_until_unsuspended() {
    let suite = TestSuite::builder().user("bob", TENANT, None, PASSWORD).build();
    let owner = suite.owner().await;
    let (one, two) = (logged_in(&suite).await, logged_in(&suite).await);
    let bobs = suite.session().await;
    assert_eq!(suite.service.login_with_password(&bobs, "bob", TENANT, PASSWORD).await.unwrap(), RIGHT);
    let ended = suite
        .service
        .suspend_user(&suite.sessions, owner.tenant_id, owner.user_id, &operator())
        .await
        .unwrap();
    assert_eq!(ended, 2);
    for session in [one, two] {
        assert!(suite.session_by_id(session.session_id()).await.is_guest());
    }
    assert!(suite.reopen(&bobs).await.is_authenticated(), "bob has nothing to do with it");
    assert_eq!(login(&suite).await, WRONG);
    let event = suite.audit.events().into_iter().find(|event| event.payload.wire_name() == "UserSuspended");
    let event = event.unwrap();
    assert_eq!(event.actor, Some(Actor::Operator("ops@example.com".into())));
    assert_eq!(event.tenant_id, Some(owner.tenant_id));

    suite.service.unsuspend_user(owner.tenant_id, owner.user_id, &operator()).await.unwrap();
    assert_eq!(login(&suite).await, RIGHT);
}

#[tokio::test]
async fn a_login_that_is_half_way_stops_when_its_user_is_suspended() {
    let suite = TestSuite::default();
    let owner = suite.owner().await;
    let session = suite.session().await;
    suite.service.begin_login(&session, USER, TENANT).await.unwrap();
    suite.service.suspend_user(&suite.sessions, owner.tenant_id, owner.user_id, &operator()).await.unwrap();
    assert_eq!(suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap(), WRONG);
    assert!(!session.is_authenticated());
}

#[tokio::test]
async fn a_suspended_tenant_shuts_all_its_users_out_and_nobody_else() {
    let suite = TestSuite::builder().user(USER, "acme", None, PASSWORD).build();
    let owner = suite.owner().await;
    let session = logged_in(&suite).await;
    let acme = suite.session().await;
    assert_eq!(suite.service.login_with_password(&acme, USER, "acme", PASSWORD).await.unwrap(), RIGHT);
    let half_way = suite.session().await;
    suite.service.begin_login(&half_way, USER, TENANT).await.unwrap();

    let ended = suite.service.suspend_tenant(&suite.sessions, owner.tenant_id, &operator()).await.unwrap();
    assert_eq!(ended, 1);
    assert!(suite.session_by_id(session.session_id()).await.is_guest());
    assert!(suite.reopen(&acme).await.is_authenticated());
    assert_eq!(suite.service.verify_factor(&half_way, password(PASSWORD)).await.unwrap(), WRONG);
    assert_eq!(login(&suite).await, WRONG);

    suite.service.unsuspend_tenant(owner.tenant_id, &operator()).await.unwrap();
    assert_eq!(login(&suite).await, RIGHT);
    assert_eq!(events(&suite).iter().filter(|name| name.starts_with("Tenant")).count(), 2);
}

#[tokio::test]
async fn an_erased_user_leaves_nothing_but_the_id() {
    let suite = TestSuite::default();
    let owner = suite.owner().await;
    let session = logged_in(&suite).await;
    suite.service.erase_user(&suite.sessions, owner.tenant_id, owner.user_id, &operator()).await.unwrap();
    assert!(suite.session_by_id(session.session_id()).await.is_guest());
    assert!(suite.backend.find_factors(owner.tenant_id, owner.user_id).await.unwrap().is_empty());
    assert_eq!(login(&suite).await, WRONG);
}

#[tokio::test]
async fn a_cleared_lock_is_gone_at_once() {
    let suite = TestSuite::default();
    let owner = suite.owner().await;
    let session = suite.session().await;
    for _ in 0..3 {
        let _ = suite.service.login_with_password(&session, USER, TENANT, "wrong").await.unwrap();
    }
    assert!(matches!(login(&suite).await, FactorOutcome::Locked { .. }));
    suite.service.clear_lockout(owner.tenant_id, owner.user_id, &operator()).await.unwrap();
    assert_eq!(login(&suite).await, RIGHT);
}

#[tokio::test]
async fn verbs_on_what_does_not_exist_say_so_to_operators() {
    let suite = TestSuite::default();
    let tenant_id = suite.owner().await.tenant_id;
    let nobody = UserId::from_parts(0, [9; 10]);
    let nowhere = TenantId::from_parts(0, [9; 10]);
    let sessions = &suite.sessions;
    for error in [
        suite.service.suspend_user(sessions, tenant_id, nobody, &operator()).await.unwrap_err(),
        suite.service.unsuspend_user(nowhere, nobody, &operator()).await.unwrap_err(),
        suite.service.erase_user(sessions, tenant_id, nobody, &operator()).await.unwrap_err(),
        suite.service.suspend_tenant(sessions, nowhere, &operator()).await.unwrap_err(),
        suite.service.unsuspend_tenant(nowhere, &operator()).await.unwrap_err(),
    ] {
        assert!(matches!(error, AuthnError::NoSuchRecord), "{error:?}");
    }
    assert!(suite.audit.events().is_empty(), "nothing happened, nothing is recorded");
}

#[tokio::test]
async fn a_tenant_is_created_whole_or_not_at_all() {
    let suite = TestSuite::default();
    let bootstrap = |slug: &str, methods| TenantBootstrap {
        tenant_id: TenantId::from_parts(0, [9; 10]),
        slug: slug.parse().unwrap(),
        display_name: "Acme".into(),
        methods,
        fingerprint_pepper: [7u8; 32].into(),
        lockout_policy: None,
        device_retention_days: 90,
        created_at: chrono::DateTime::UNIX_EPOCH,
    };
    let create =
        async |slug: &str, methods| suite.service.create_tenant(bootstrap(slug, methods), &operator()).await;
    let malformed = create("acme", vec![Method { name: "x".into(), steps: vec![] }]).await.unwrap_err();
    assert!(matches!(malformed, AuthnError::Method(MethodError::NoSteps)), "{malformed:?}");
    let taken = create(TENANT, vec![]).await.unwrap_err();
    assert!(matches!(taken, AuthnError::Taken), "{taken:?}");
    create("acme", vec![Method::password_then_totp()]).await.unwrap();
    assert_eq!(events(&suite), ["TenantCreated"]);
    let session = suite.session().await;
    suite.service.begin_login(&session, "anybody", "acme").await.unwrap();
    let outcome = suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap();
    assert_eq!(outcome, WRONG);
}

#[tokio::test]
async fn a_reset_password_works_no_more_and_its_user_sets_a_new_one() {
    let suite = TestSuite::default();
    let (owner, session) = (suite.owner().await, logged_in(&suite).await);
    let told = suite.service.reset_password(&suite.sessions, owner, &operator()).await.unwrap();
    assert!(told);
    let notice = suite.mail.next().await;
    assert_eq!((notice.to.as_str(), notice.purpose), (EMAIL, MailPurpose::PasswordWasReset));
    assert!(notice.code.is_none());
    assert!(suite.session_by_id(session.session_id()).await.is_guest());
    assert_eq!(login(&suite).await, WRONG);

    let session = suite.session().await;
    suite.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
    let code = suite.mail.next_code().await;
    let _ = suite.service.verify_password_reset(&session, code).await.unwrap();
    let old = suite.service.complete_password_reset(&session, PASSWORD).await.unwrap();
    assert_eq!(old, PasswordResetOutcome::Reused, "the old one cannot come back");
    let new = suite.service.complete_password_reset(&session, NEW).await.unwrap();
    assert_eq!(new, PasswordResetOutcome::Completed);

    let nobody = Owner { user_id: UserId::from_parts(0, [7; 10]), ..owner };
    let refused = suite.service.reset_password(&suite.sessions, nobody, &operator()).await.unwrap_err();
    assert!(matches!(refused, AuthnError::NoSuchRecord), "{refused:?}");
}

#[tokio::test]
async fn an_operator_sets_a_password_by_the_same_rules_and_clears_the_lock() {
    let suite = TestSuite::default();
    let (owner, session) = (suite.owner().await, logged_in(&suite).await);
    for _ in 0..3 {
        let guess = suite.session().await;
        let _ = suite.service.login_with_password(&guess, USER, TENANT, "wrong").await.unwrap();
    }
    let set =
        async |new: &str| suite.service.set_password(&suite.sessions, owner, new, &operator()).await.unwrap();
    assert!(matches!(set("short").await, PasswordResetOutcome::WeakPassword(_)));
    assert_eq!(set(PASSWORD).await, PasswordResetOutcome::Reused);
    assert!(suite.session_by_id(session.session_id()).await.is_authenticated(), "nothing happened yet");
    assert_eq!(set(NEW).await, PasswordResetOutcome::Completed);
    assert!(suite.session_by_id(session.session_id()).await.is_guest());
    let session = suite.session().await;
    assert_eq!(suite.service.login_with_password(&session, USER, TENANT, NEW).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn a_factor_is_taken_once_and_the_sessions_end_with_it() {
    let suite = TestSuite::default();
    let owner = suite.owner().await;
    let _ = with_totp(&suite).await;
    let session = logged_in(&suite).await;
    let reset =
        async |kind| suite.service.reset_factor(&suite.sessions, owner, kind, &operator()).await.unwrap();
    assert!(!reset(FactorKind::Fido2).await);
    assert!(suite.session_by_id(session.session_id()).await.is_authenticated());
    assert!(reset(FactorKind::Totp).await && !reset(FactorKind::Totp).await);
    assert!(suite.session_by_id(session.session_id()).await.is_guest());
    assert_eq!(login(&suite).await, RIGHT, "the password is still there");
}

#[tokio::test]
async fn one_session_ends_or_all_and_nobody_elses() {
    let suite = TestSuite::builder().user("bob", TENANT, None, PASSWORD).build();
    let owner = suite.owner().await;
    let (one, two) = (logged_in(&suite).await, logged_in(&suite).await);
    let bobs = suite.session().await;
    assert_eq!(suite.service.login_with_password(&bobs, "bob", TENANT, PASSWORD).await.unwrap(), RIGHT);
    let bobs = suite.reopen(&bobs).await;
    let end =
        async |id| suite.service.invalidate_session(&suite.sessions, owner, id, &operator()).await.unwrap();
    assert!(!end(bobs.session_id()).await, "it is bob's");
    assert!(end(one.session_id()).await && !end(one.session_id()).await);
    assert!(suite.session_by_id(one.session_id()).await.is_guest());
    assert!(suite.session_by_id(two.session_id()).await.is_authenticated());
    let ended = suite.service.invalidate_sessions(&suite.sessions, owner, &operator()).await.unwrap();
    assert_eq!(ended, 1);
    assert!(suite.session_by_id(two.session_id()).await.is_guest());
    assert!(suite.reopen(&bobs).await.is_authenticated());
}

#[tokio::test]
async fn a_deleted_tenant_can_be_restored_until_it_is_purged() {
    let suite = TestSuite::builder().user("bob", TENANT, None, PASSWORD).build();
    let (tenant, by) = (suite.owner().await.tenant_id, operator());
    let (service, sessions) = (&suite.service, &suite.sessions);
    let session = logged_in(&suite).await;
    let early = service.purge_tenant(sessions, tenant, None, 10, &by).await.unwrap_err();
    assert!(matches!(early, AuthnError::NoSuchRecord), "it is not deleted: {early:?}");
    assert!(matches!(service.restore_tenant(tenant, &by).await, Err(AuthnError::NoSuchRecord)));

    assert_eq!(service.delete_tenant(sessions, tenant, &by).await.unwrap(), 1);
    assert!(suite.session_by_id(session.session_id()).await.is_guest());
    assert_eq!(login(&suite).await, WRONG);
    for refused in [
        service.unsuspend_tenant(tenant, &by).await,
        service.suspend_tenant(sessions, tenant, &by).await.map(drop),
    ] {
        assert!(matches!(refused, Err(AuthnError::NoSuchRecord)), "only restoring leads back: {refused:?}");
    }
    service.restore_tenant(tenant, &by).await.unwrap();
    assert_eq!(login(&suite).await, WRONG, "it is suspended");
    service.unsuspend_tenant(tenant, &by).await.unwrap();
    assert_eq!(login(&suite).await, RIGHT);
}

#[tokio::test]
async fn a_purge_goes_on_wherever_it_stopped_and_leaves_tombstones_and_the_trail() {
    let suite = TestSuite::builder().user("bob", TENANT, None, PASSWORD).build();
    let (owner, by) = (suite.owner().await, operator());
    let (service, sessions, tenant) = (&suite.service, &suite.sessions, owner.tenant_id);
    service.delete_tenant(sessions, tenant, &by).await.unwrap();
    let before = suite.audit.events().len();

    // Two operators begin, one after the other, and one account at a time.
    let first = service.purge_tenant(sessions, tenant, None, 1, &by).await.unwrap();
    let again = service.purge_tenant(sessions, tenant, None, 1, &by).await.unwrap();
    assert_eq!((first.users, again.users, first.next), (1, 0, again.next), "it is erased already");
    let second = service.purge_tenant(sessions, tenant, first.next, 1, &by).await.unwrap();
    let last = service.purge_tenant(sessions, tenant, second.next, 1, &by).await.unwrap();
    assert_eq!((second.users, last.users, last.next), (1, 0, None));

    let users = suite.backend.find_users(tenant, Page { after: None, limit: 10 }).await.unwrap();
    assert_eq!(users.len(), 2);
    for user in users {
        assert_eq!(user.status, UserStatus::Erased);
        assert_eq!(suite.backend.find_factors(tenant, user.user_id).await.unwrap(), []);
    }
    let purged: Vec<_> = suite.audit.events().into_iter().skip(before).collect();
    let complete = |event: &AuthEventEnvelope| match &event.payload {
        AuthEvent::TenantPurged(event) => Some((event.users, event.factors, event.complete)),
        _ => None,
    };
    let purges: Vec<_> = purged.iter().filter_map(complete).collect();
    assert_eq!(purges, [(1, 1, false), (0, 0, false), (1, 1, false), (0, 0, true)]);
    assert_eq!(purged.iter().filter(|event| event.payload.wire_name() == "UserDeleted").count(), 2);
    assert_eq!(login(&suite).await, WRONG);
}

#[tokio::test]
async fn an_operators_request_is_on_record() {
    let suite = TestSuite::default();
    let owner = suite.owner().await;
    let request = RequestContext { request_id: Some("req-9".into()), ..RequestContext::default() };
    let by = operator().in_request(&request);
    suite.service.unsuspend_user(owner.tenant_id, owner.user_id, &by).await.unwrap();
    let event = suite.audit.events().pop().unwrap();
    assert_eq!(event.request_id.unwrap().as_str(), "req-9");
}
