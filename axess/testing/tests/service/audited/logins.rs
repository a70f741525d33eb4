//! Logins, step-ups, logouts, and what goes wrong with them.

use super::{Row, Who, World, row};
use crate::fixtures::{code, half_way, other_than, password, password_then, step, with_totp};
use axess_core::{
    authn::{AuthnError, AuthnScope, FactorConfig, FactorCredential, Method, PasswordRecord},
    session::SessionHandle,
    store::{Expected, FactorStore, IdentityAdmin},
};
use axess_events::authentication::LogoutReason;
use axess_factors::RecoveryCodes;
use axess_identity::{FactorKind, RecoveryCode};
use axess_rng::MockRng;
use axess_testing::{PASSWORD, TENANT, USER};
use std::time::Duration;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = beginnings();
    rows.extend(factors());
    rows.extend(step_ups());
    rows.extend(endings());
    rows
}

async fn methods(w: &World, methods: Vec<Method>) {
    w.ground.suite.backend.save_methods(AuthnScope::Global, methods).await.unwrap();
}

/// A configuration error is the answer, once it is on record.
fn misconfigured<T: std::fmt::Debug>(answer: Result<T, AuthnError>) -> Result<(), AuthnError> {
    match answer {
        Err(error @ AuthnError::Audit(_)) => Err(error),
        Err(AuthnError::NoMethod | AuthnError::UnknownMethod | AuthnError::Credential(_)) => Ok(()),
        other => panic!("{other:?}"),
    }
}

fn beginnings() -> Vec<Row> {
    vec![
        row("service::begin_login", Who::Nobody, &["LoginStarted"], |w| {
            Box::pin(async {
                let session = w.guest().await;
                w.service.begin_login(&session, USER, TENANT).await.map(drop)
            })
        }),
        row("service::begin_login", Who::Nobody, &["LoginFailed"], |w| {
            Box::pin(async {
                methods(w, vec![]).await;
                let session = w.guest().await;
                misconfigured(w.service.begin_login(&session, USER, TENANT).await)
            })
        }),
        row("service::begin_login_with_method", Who::Nobody, &["LoginStarted"], |w| {
            Box::pin(async {
                let session = w.guest().await;
                w.service.begin_login_with_method(&session, USER, TENANT, "password").await.map(drop)
            })
        }),
        row("service::begin_login_with_method", Who::Nobody, &["LoginFailed"], |w| {
            Box::pin(async {
                let session = w.guest().await;
                misconfigured(w.service.begin_login_with_method(&session, USER, TENANT, "no such").await)
            })
        }),
        row(
            "service::login_with_password",
            Who::Login,
            &["LoginStarted", "FactorVerified", "LoginCompleted"],
            |w| {
                Box::pin(async {
                    let session = w.guest().await;
                    w.service.login_with_password(&session, USER, TENANT, PASSWORD).await.map(drop)
                })
            },
        ),
        row("service::login_with_password", Who::Nobody, &["LoginStarted", "FactorFailed"], |w| {
            Box::pin(async {
                let session = w.guest().await;
                w.service.login_with_password(&session, USER, TENANT, "wrong").await.map(drop)
            })
        }),
        row(
            "service::login_with_password",
            Who::Nobody,
            &["LoginStarted", "FactorVerified", "SessionRotated"],
            |w| {
                Box::pin(async {
                    methods(w, vec![Method::password_then_totp()]).await;
                    let session = w.guest().await;
                    w.service.login_with_password(&session, USER, TENANT, PASSWORD).await.map(drop)
                })
            },
        ),
    ]
}

async fn fail(w: &World, times: usize) {
    for _ in 0..times {
        let session = w.ground.suite.session().await;
        let answer = w.ground.service.login_with_password(&session, USER, TENANT, "wrong").await;
        assert!(answer.is_ok(), "{answer:?}");
    }
}

async fn with_recovery_codes(w: &World) -> RecoveryCode {
    let (codes, stored) = RecoveryCodes::generate(10, &MockRng::new(3));
    w.ground.suite.enrol(FactorConfig::RecoveryCodes(stored)).await;
    methods(w, vec![password_then(FactorKind::RecoveryCode)]).await;
    codes.into_iter().next().unwrap()
}

/// A login that waits for its password, as the next request sees it.
async fn begun(w: &World) -> SessionHandle {
    let session = w.ground.suite.session().await;
    w.ground.service.begin_login(&session, USER, TENANT).await.unwrap();
    w.next(&session).await
}

fn factors() -> Vec<Row> {
    let verb = "service::verify_factor";
    vec![
        row(verb, Who::Login, &["FactorVerified", "LoginCompleted"], |w| {
            Box::pin(async {
                let session = begun(w).await;
                w.service.verify_factor(&session, password(PASSWORD)).await.map(drop)
            })
        }),
        row(verb, Who::Nobody, &["FactorFailed", "LockoutTriggered"], |w| {
            Box::pin(async {
                fail(w, 2).await;
                let session = begun(w).await;
                w.service.verify_factor(&session, password("wrong")).await.map(drop)
            })
        }),
        row(verb, Who::Nobody, &["FactorFailed"], |w| {
            Box::pin(async {
                fail(w, 3).await;
                let session = begun(w).await;
                w.service.verify_factor(&session, password(PASSWORD)).await.map(drop)
            })
        }),
        row(verb, Who::Login, &["LockoutCleared", "FactorVerified", "LoginCompleted"], |w| {
            Box::pin(async {
                fail(w, 3).await;
                w.ground.suite.clock.advance(Duration::from_secs(15 * 60));
                let session = begun(w).await;
                w.service.verify_factor(&session, password(PASSWORD)).await.map(drop)
            })
        }),
        row(verb, Who::Login, &["RecoveryCodeUsed", "FactorVerified", "LoginCompleted"], |w| {
            Box::pin(async {
                let code = with_recovery_codes(w).await;
                let session = w.next(&half_way(&w.ground.suite).await).await;
                w.service.verify_factor(&session, FactorCredential::RecoveryCode(code)).await.map(drop)
            })
        }),
        row(verb, Who::Nobody, &["LoginFailed"], |w| {
            Box::pin(async {
                let broken = PasswordRecord {
                    hash: "no hash".to_owned().into(),
                    history: vec![],
                    changed_at: chrono::DateTime::UNIX_EPOCH,
                };
                let (tenant_id, user_id) = (w.owner.tenant_id, w.owner.user_id);
                let (config, backend) = (FactorConfig::Password(broken), &w.ground.suite.backend);
                let _ = backend.save_factor(tenant_id, user_id, config, Expected::Any).await.unwrap();
                let session = begun(w).await;
                misconfigured(w.service.verify_factor(&session, password(PASSWORD)).await)
            })
        }),
        row(verb, Who::Nobody, &["FactorFailed", "LoginFailed"], |w| {
            Box::pin(async {
                let policy =
                    axess_core::session::TransitionPolicy { max_attempts_per_login: 1, ..Default::default() };
                let sessions = w.sessions.clone().with_policy(policy);
                let session = sessions.open(None, World::request()).await.unwrap();
                w.ground.service.begin_login(&session, USER, TENANT).await.unwrap();
                w.service.verify_factor(&session, password("wrong")).await.map(drop)
            })
        }),
    ]
}

fn step_ups() -> Vec<Row> {
    let verb = "service::verify_factor";
    vec![
        row(verb, Who::User, &["FactorVerified", "StepUpCompleted"], |w| {
            Box::pin(async {
                let totp = with_totp(&w.ground.suite).await;
                let session = w.ground.logged_in().await;
                let steps = vec![step(FactorKind::Totp)];
                w.ground.service.require_step_up(&session, steps).await.unwrap();
                let session = w.next(&session).await;
                let code = FactorCredential::totp(code(&w.ground.suite, &totp));
                w.service.verify_factor(&session, code).await.map(drop)
            })
        }),
        row(verb, Who::User, &["FactorVerified", "SessionRotated"], |w| {
            Box::pin(async {
                let totp = with_totp(&w.ground.suite).await;
                let session = w.ground.logged_in().await;
                let steps = vec![step(FactorKind::Totp), step(FactorKind::Password)];
                w.ground.service.require_step_up(&session, steps).await.unwrap();
                let session = w.next(&session).await;
                let code = FactorCredential::totp(code(&w.ground.suite, &totp));
                w.service.verify_factor(&session, code).await.map(drop)
            })
        }),
        row(verb, Who::User, &["FactorFailed"], |w| {
            Box::pin(async {
                let totp = with_totp(&w.ground.suite).await;
                let session = w.ground.logged_in().await;
                let steps = vec![step(FactorKind::Totp)];
                w.ground.service.require_step_up(&session, steps).await.unwrap();
                let session = w.next(&session).await;
                let wrong = other_than(&code(&w.ground.suite, &totp));
                w.service.verify_factor(&session, FactorCredential::totp(wrong)).await.map(drop)
            })
        }),
    ]
}

fn endings() -> Vec<Row> {
    vec![
        row("service::require_step_up", Who::User, &["StepUpRequired"], |w| {
            Box::pin(async {
                let session = w.logged_in().await;
                w.service.require_step_up(&session, vec![step(FactorKind::Totp)]).await.map(drop)
            })
        }),
        row("service::logout", Who::User, &["Logout"], |w| {
            Box::pin(async {
                let session = w.logged_in().await;
                w.service.logout(&session).await.map(drop)
            })
        }),
        row("service::end_session", Who::User, &["RefreshTokenRevoked", "Logout"], |w| {
            Box::pin(async {
                let (session, _, _) = w.ground.with_device("firefox").await;
                let session = w.next(&session).await;
                w.service.end_session(&session, LogoutReason::UserInitiated).await.map(drop)
            })
        }),
        row("service::rotate_session", Who::User, &["SessionRotated"], |w| {
            Box::pin(async {
                let session = w.logged_in().await;
                w.service.rotate_session(&session).await
            })
        }),
    ]
}
