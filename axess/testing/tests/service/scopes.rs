use crate::fixtures::{RIGHT, WRONG, method, password, step};
use axess_core::{
    authn::{AuthnError, AuthnScope, Method, MethodError},
    store::IdentityAdmin,
};
use axess_identity::FactorKind;
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};

fn only(kind: FactorKind, name: &str) -> Vec<Method> {
    vec![method(name, vec![step(kind)])]
}

#[tokio::test]
async fn the_narrowest_scope_that_has_methods_decides() {
    let suite = TestSuite::builder().user("bob", TENANT, None, "x").user("carol", "acme", None, "x").build();
    let owner = suite.owner().await;
    let user = AuthnScope::User { tenant_id: owner.tenant_id, user_id: owner.user_id };
    let tenant = AuthnScope::Tenant(owner.tenant_id);
    let due = async |name: &str, tenant: &str| {
        let session = suite.session().await;
        suite.service.begin_login(&session, name, tenant).await.unwrap()
    };
    let everybody = [
        (USER, TENANT),
        ("bob", TENANT),
        ("carol", "acme"),
        ("nobody", TENANT),
        ("no\u{200b}name", TENANT),
        ("nobody", "void"),
        ("nobody", "no tenant"),
    ];

    for (name, slug) in everybody {
        assert_eq!(due(name, slug).await, step(FactorKind::Password), "global: {name}");
    }
    suite.backend.save_methods(tenant, only(FactorKind::Totp, "tenant's")).await.unwrap();
    for (name, slug) in everybody {
        let own = if slug == TENANT { FactorKind::Totp } else { FactorKind::Password };
        assert_eq!(due(name, slug).await, step(own), "tenant: {name} in {slug}");
    }
    suite.backend.save_methods(user, only(FactorKind::Hotp, "user's")).await.unwrap();
    assert_eq!(due(USER, TENANT).await, step(FactorKind::Hotp));
    assert_eq!(due("bob", TENANT).await, step(FactorKind::Totp));

    suite.backend.save_methods(user, vec![]).await.unwrap();
    suite.backend.save_methods(tenant, vec![]).await.unwrap();
    assert_eq!(due(USER, TENANT).await, step(FactorKind::Password), "an empty list removes the override");
}

#[tokio::test]
async fn a_caller_may_name_one_of_the_enabled_methods() {
    let methods = vec![Method::password_then_totp(), Method::password()];
    let suite = TestSuite::builder().methods(methods).build();
    let session = suite.session().await;
    let begin = |name: &'static str| suite.service.begin_login_with_method(&session, USER, TENANT, name);
    let error = begin("passkey").await.unwrap_err();
    assert!(matches!(error, AuthnError::UnknownMethod), "{error:?}");
    assert!(session.is_guest());
    begin("password").await.unwrap();
    assert_eq!(suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap(), RIGHT);
    assert_eq!(session.factors_completed(), [FactorKind::Password]);

    for name in ["nobody", USER] {
        let session = suite.session().await;
        let due = suite.service.begin_login_with_method(&session, name, "void", "password").await.unwrap();
        assert_eq!(due, step(FactorKind::Password));
        assert_eq!(suite.service.verify_factor(&session, password(PASSWORD)).await.unwrap(), WRONG);
    }
}

#[tokio::test]
async fn no_method_and_a_malformed_one_are_told_apart_and_grant_nothing() {
    let suite = TestSuite::builder().methods(vec![]).build();
    let session = suite.session().await;
    let error = suite.service.begin_login(&session, USER, TENANT).await.unwrap_err();
    assert!(matches!(error, AuthnError::NoMethod), "{error:?}");
    suite.backend.save_methods(AuthnScope::Global, vec![method("empty", vec![])]).await.unwrap();
    let error = suite.service.begin_login(&session, USER, TENANT).await.unwrap_err();
    assert!(matches!(error, AuthnError::Method(MethodError::NoSteps)), "{error:?}");
    // The attempt that was reserved for it is given back, however often it is tried.
    for _ in 0..5 {
        let error = suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap_err();
        assert!(matches!(error, AuthnError::Method(MethodError::NoSteps)), "{error:?}");
    }
    suite.backend.save_methods(AuthnScope::Global, vec![Method::password()]).await.unwrap();
    let outcome = suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
    assert_eq!(outcome, RIGHT);
}
