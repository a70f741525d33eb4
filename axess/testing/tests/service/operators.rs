use crate::fixtures::{RIGHT, WRONG, events, logged_in, password};
use axess_core::{
    authn::{AuthnError, FactorOutcome, Method, MethodError},
    service::Operator,
    store::{FactorStore, TenantBootstrap},
};
use axess_events::Actor;
use axess_identity::{TenantId, UserId};
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};

fn operator() -> Operator {
    Operator { name: "ops@example.com".into(), reason: "ticket 4711".into() }
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
