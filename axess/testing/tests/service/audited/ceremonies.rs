//! Mailed codes: sign-ups, resets, proofs of an address, and the application's own ceremonies.

use super::{Row, Who, World, row};
use crate::fixtures::{half_way, other_than, password_then};
use axess_core::{
    authn::AuthnScope,
    service::NewSignup,
    session::{SessionHandle, WorkflowKind},
    store::{IdentityAdmin, UserChange},
};
use axess_identity::{FactorKind, OtpCode};
use axess_testing::{TENANT, USER};

const CHOSEN: &str = "blue whales sing at dusk";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = signups();
    rows.extend(resets());
    rows.extend(proofs());
    rows
}

fn wish(email: Option<&str>) -> NewSignup {
    NewSignup {
        identifier: "bob".into(),
        tenant: TENANT.into(),
        email: email.map(Into::into),
        display_name: None,
        password: CHOSEN.into(),
    }
}

/// A sign-up that waits for its code.
async fn signing_up(w: &World) -> (SessionHandle, OtpCode) {
    let session = w.ground.suite.session().await;
    let _ = w.ground.service.begin_signup(&session, wish(Some("bob@example.com"))).await.unwrap();
    let code = w.ground.suite.mail.next_code().await;
    (w.next(&session).await, code)
}

fn signups() -> Vec<Row> {
    vec![
        row("service::begin_signup", Who::Nobody, &["SignupStarted", "SignupCompleted"], |w| {
            Box::pin(async {
                let session = w.guest().await;
                w.service.begin_signup(&session, wish(None)).await.map(drop)
            })
        }),
        row("service::begin_signup", Who::Nobody, &["SignupStarted", "EmailCodeSent"], |w| {
            Box::pin(async {
                let session = w.guest().await;
                w.service.begin_signup(&session, wish(Some("bob@example.com"))).await.map(drop)
            })
        }),
        row(
            "service::complete_signup",
            Who::Login,
            &["FactorVerified", "SignupCompleted", "LoginCompleted"],
            |w| {
                Box::pin(async {
                    let (session, code) = signing_up(w).await;
                    w.service.complete_signup(&session, code).await.map(drop)
                })
            },
        ),
        row("service::complete_signup", Who::Nobody, &["FactorFailed"], |w| {
            Box::pin(async {
                let (session, code) = signing_up(w).await;
                w.service.complete_signup(&session, other_than(&code)).await.map(drop)
            })
        }),
    ]
}

/// A reset that waits for its code.
async fn resetting(w: &World) -> (SessionHandle, OtpCode) {
    let session = w.ground.suite.session().await;
    w.ground.service.begin_password_reset(&session, USER, TENANT).await.unwrap();
    let code = w.ground.suite.mail.next_code().await;
    (w.next(&session).await, code)
}

fn resets() -> Vec<Row> {
    vec![
        row(
            "service::begin_password_reset",
            Who::Nobody,
            &["PasswordResetRequested", "EmailCodeSent"],
            |w| {
                Box::pin(async {
                    let session = w.guest().await;
                    w.service.begin_password_reset(&session, USER, TENANT).await
                })
            },
        ),
        row("service::verify_password_reset", Who::Nobody, &["FactorVerified", "SessionRotated"], |w| {
            Box::pin(async {
                let (session, code) = resetting(w).await;
                w.service.verify_password_reset(&session, code).await.map(drop)
            })
        }),
        row("service::verify_password_reset", Who::Nobody, &["FactorFailed"], |w| {
            Box::pin(async {
                let (session, code) = resetting(w).await;
                w.service.verify_password_reset(&session, other_than(&code)).await.map(drop)
            })
        }),
        row(
            "service::complete_password_reset",
            Who::Nobody,
            &["RefreshTokenRevoked", "PasswordResetCompleted"],
            |w| {
                Box::pin(async {
                    let _ = w.ground.with_device("firefox").await;
                    let (session, code) = resetting(w).await;
                    let _ = w.ground.service.verify_password_reset(&session, code).await.unwrap();
                    let session = w.next(&session).await;
                    w.service.complete_password_reset(&session, CHOSEN).await.map(drop)
                })
            },
        ),
    ]
}

/// A logged-in session of an account whose address is not proved.
async fn unproved(w: &World) -> SessionHandle {
    let change = UserChange { email: Some("new@example.com".parse().unwrap()), ..UserChange::default() };
    let (tenant_id, user_id) = (w.owner.tenant_id, w.owner.user_id);
    let _ = w.ground.suite.backend.update_user(tenant_id, user_id, change).await.unwrap();
    w.ground.logged_in().await
}

/// A proof of an address that waits for its code.
async fn proving(w: &World) -> (SessionHandle, OtpCode) {
    let session = unproved(w).await;
    w.ground.service.begin_email_verification(&session).await.unwrap();
    let code = w.ground.suite.mail.next_code().await;
    (w.next(&session).await, code)
}

fn proofs() -> Vec<Row> {
    vec![
        row("service::begin_email_verification", Who::Nobody, &["EmailCodeSent"], |w| {
            Box::pin(async {
                let session = w.next(&unproved(w).await).await;
                w.service.begin_email_verification(&session).await
            })
        }),
        row(
            "service::complete_email_verification",
            Who::Login,
            &["FactorVerified", "SessionRotated", "EmailVerified"],
            |w| {
                Box::pin(async {
                    let (session, code) = proving(w).await;
                    *w.subject.lock().unwrap() = None; // an authenticated session was interrupted
                    w.service.complete_email_verification(&session, code).await.map(drop)
                })
            },
        ),
        row("service::complete_email_verification", Who::Nobody, &["FactorFailed"], |w| {
            Box::pin(async {
                let (session, code) = proving(w).await;
                w.service.complete_email_verification(&session, other_than(&code)).await.map(drop)
            })
        }),
        row("service::prepare_factor", Who::Nobody, &["EmailCodeSent"], |w| {
            Box::pin(async {
                let methods = vec![password_then(FactorKind::EmailOtp)];
                w.ground.suite.backend.save_methods(AuthnScope::Global, methods).await.unwrap();
                let session = w.next(&half_way(&w.ground.suite).await).await;
                w.service.prepare_factor(&session, FactorKind::EmailOtp).await.map(drop)
            })
        }),
        row("service::complete_workflow", Who::User, &["SessionRotated"], |w| {
            Box::pin(async {
                let session = w.ground.logged_in().await;
                let kind = WorkflowKind::Custom("tour".into());
                session.set_pending_workflow(w.owner.tenant_id, w.owner.user_id, kind, 1).unwrap();
                let session = w.next(&session).await;
                *w.subject.lock().unwrap() = None; // an authenticated session was interrupted
                w.service.complete_workflow(&session).await
            })
        }),
    ]
}
