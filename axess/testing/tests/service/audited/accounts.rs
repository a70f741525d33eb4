//! What users do with their accounts: passwords, authenticators, refresh tokens, devices.

use super::{Row, Who, World, row};
use crate::{fixtures::other_than, refresh::signals};
use axess_core::{
    authn::FactorConfig,
    session::SessionHandle,
    store::{Expected, FactorStore},
};
use axess_factors::RecoveryCodes;
use axess_identity::{DeviceId, FactorKind, OtpCode};
use axess_rng::MockRng;
use axess_testing::PASSWORD;
use data_encoding::BASE32_NOPAD;
use std::time::Duration;

const DAY: u64 = 86_400;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = factors();
    rows.extend(enrolments());
    rows.extend(tokens());
    rows.extend(devices());
    rows
}

/// An enrolment that waits for its first code, and that code.
async fn enrolling(w: &World) -> (SessionHandle, OtpCode) {
    let session = w.ground.logged_in().await;
    let enrolment = w.ground.service.begin_totp_enrolment(&session).await.unwrap();
    let seed = BASE32_NOPAD.decode(enrolment.uri.expose_key().as_bytes()).unwrap();
    let app = axess_factors::TotpConfig::new(seed.into()).unwrap();
    let code = app.code_at(axess_clock::Clock::now(&w.ground.suite.clock)).unwrap();
    (w.next(&session).await, code)
}

fn factors() -> Vec<Row> {
    vec![
        row(
            "service::change_password",
            Who::User,
            &["FactorVerified", "SessionRotated", "RefreshTokenRevoked", "PasswordChanged"],
            |w| {
                Box::pin(async {
                    let _ = w.ground.with_device("firefox").await;
                    let session = w.logged_in().await;
                    w.service.change_password(&session, PASSWORD, "blue whales sing at dusk").await.map(drop)
                })
            },
        ),
        row("service::change_password", Who::User, &["FactorVerified"], |w| {
            Box::pin(async {
                let session = w.logged_in().await;
                w.service.change_password(&session, PASSWORD, "short").await.map(drop)
            })
        }),
        row("service::change_password", Who::User, &["FactorFailed"], |w| {
            Box::pin(async {
                let session = w.logged_in().await;
                w.service.change_password(&session, "wrong", "blue whales sing at dusk").await.map(drop)
            })
        }),
        row("service::remove_factor", Who::User, &["FactorRemoved", "SessionRotated"], |w| {
            Box::pin(async {
                let (_, stored) = RecoveryCodes::generate(10, &MockRng::new(3));
                let config = FactorConfig::RecoveryCodes(stored);
                let (tenant_id, user_id) = (w.owner.tenant_id, w.owner.user_id);
                let backend = &w.ground.suite.backend;
                let _ = backend.save_factor(tenant_id, user_id, config, Expected::Absent).await.unwrap();
                let session = w.logged_in().await;
                w.service.remove_factor(&session, FactorKind::RecoveryCode).await.map(drop)
            })
        }),
    ]
}

fn enrolments() -> Vec<Row> {
    vec![
        row(
            "service::confirm_totp_enrolment",
            Who::User,
            &["FactorEnrolled", "FactorEnrolled", "SessionRotated"],
            |w| {
                Box::pin(async {
                    let (session, code) = enrolling(w).await;
                    w.service.confirm_totp_enrolment(&session, code).await.map(drop)
                })
            },
        ),
        row("service::confirm_totp_enrolment", Who::User, &["FactorFailed"], |w| {
            Box::pin(async {
                let (session, code) = enrolling(w).await;
                let wrong = other_than(&code);
                w.service.confirm_totp_enrolment(&session, wrong).await.map(drop)
            })
        }),
        row(
            "service::log_in_with_totp_enrolment",
            Who::User,
            &["FactorEnrolled", "FactorEnrolled", "FactorVerified", "StepUpCompleted"],
            |w| {
                Box::pin(async {
                    let (session, code) = enrolling(w).await;
                    w.service.log_in_with_totp_enrolment(&session, code).await.map(drop)
                })
            },
        ),
        row("service::log_in_with_totp_enrolment", Who::User, &["FactorFailed"], |w| {
            Box::pin(async {
                let (session, code) = enrolling(w).await;
                let wrong = other_than(&code);
                w.service.log_in_with_totp_enrolment(&session, wrong).await.map(drop)
            })
        }),
    ]
}

fn tokens() -> Vec<Row> {
    vec![
        row("service::issue_refresh_token", Who::User, &["RefreshTokenIssued", "DeviceBindingAdded"], |w| {
            Box::pin(async {
                let session = w.ground.logged_in().await;
                w.ground.recognise(&session, "firefox").await;
                let session = w.next(&session).await;
                w.service.issue_refresh_token(&session).await.map(drop)
            })
        }),
        row(
            "service::issue_refresh_token",
            Who::User,
            &["RefreshTokenRevoked", "RefreshTokenIssued", "DeviceBindingAdded"],
            |w| {
                Box::pin(async {
                    let (session, _, _) = w.ground.with_device("firefox").await;
                    let session = w.next(&session).await;
                    w.service.issue_refresh_token(&session).await.map(drop)
                })
            },
        ),
        row("service::refresh_session", Who::User, &["RefreshTokenRotated"], |w| {
            Box::pin(async {
                let (_, _, issued) = w.ground.with_device("firefox").await;
                let session = w.guest().await;
                w.service.refresh_session(&session, issued.token).await.map(drop)
            })
        }),
        row("service::refresh_session", Who::Nobody, &["DeviceRevoked", "RefreshTokenReuseDetected"], |w| {
            Box::pin(async {
                let (_, _, issued) = w.ground.with_device("firefox").await;
                let _ = w.ground.refreshed(&issued.token).await;
                w.ground.suite.clock.advance(Duration::from_secs(3_600));
                let session = w.guest().await;
                w.service.refresh_session(&session, issued.token).await.map(drop)
            })
        }),
    ]
}

/// A logged-in session on a device.
async fn on_a_device(w: &World) -> (SessionHandle, DeviceId) {
    let session = w.ground.logged_in().await;
    let device = w.ground.recognise(&session, "firefox").await.device_id();
    (w.next(&session).await, device)
}

fn devices() -> Vec<Row> {
    vec![
        row("service::resolve_device", Who::User, &["DeviceFirstSeen"], |w| {
            Box::pin(async {
                let session = w.logged_in().await;
                w.service.resolve_device(&session, &signals("firefox")).await.map(drop)
            })
        }),
        row("service::resolve_device", Who::User, &["DeviceRecognised"], |w| {
            Box::pin(async {
                let _ = on_a_device(w).await;
                let session = w.logged_in().await;
                w.service.resolve_device(&session, &signals("firefox")).await.map(drop)
            })
        }),
        row("service::resolve_device", Who::User, &["DeviceFingerprintMismatch"], |w| {
            Box::pin(async {
                let (session, _) = on_a_device(w).await;
                w.service.resolve_device(&session, &signals("curl")).await.map(drop)
            })
        }),
        row("service::trust_device", Who::User, &["DeviceTrustGranted", "DeviceRenamed"], |w| {
            Box::pin(async {
                let (session, _) = on_a_device(w).await;
                w.service.trust_device(&session, Some("laptop")).await.map(drop)
            })
        }),
        row("service::rename_device", Who::User, &["DeviceRenamed"], |w| {
            Box::pin(async {
                let (session, device) = on_a_device(w).await;
                w.service.rename_device(&session, device, None).await.map(drop)
            })
        }),
        row("service::revoke_device", Who::User, &["RefreshTokenRevoked", "DeviceRevoked", "Logout"], |w| {
            Box::pin(async {
                let (session, device, _) = w.ground.with_device("firefox").await;
                let session = w.next(&session).await;
                w.service.revoke_device(&session, device).await.map(drop)
            })
        }),
        row("service::sweep_devices", Who::System, &["DevicePurged"], |w| {
            Box::pin(async {
                let _ = w.ground.with_device("firefox").await;
                w.ground.suite.clock.advance(Duration::from_secs(30 * DAY));
                w.service.sweep_devices(w.owner.tenant_id).await.map(drop)
            })
        }),
        row("service::sweep_devices", Who::System, &["DeviceDemoted"], |w| {
            Box::pin(async {
                let (session, _) = on_a_device(w).await;
                w.ground.service.trust_device(&session, None).await.unwrap();
                w.ground.suite.clock.advance(Duration::from_secs(90 * DAY));
                let _ = w.log.take();
                w.service.sweep_devices(w.owner.tenant_id).await.map(drop)
            })
        }),
    ]
}
