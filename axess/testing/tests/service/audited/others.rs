//! Delegated credentials, and sessions that end by themselves.

use super::{Row, Who, World, row};
use axess_core::{delegated::StoredCredential, store::Expected};
use axess_events::device::RevokedBy;
use std::time::Duration;

fn mail(token: &str) -> StoredCredential {
    StoredCredential {
        downstream: "mail.example".into(),
        access_token: token.into(),
        refresh_token: None,
        expires_at: chrono::DateTime::UNIX_EPOCH,
        scopes: vec!["read".into()],
    }
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = delegated();
    rows.push(row("session::load", Who::System, &["Logout"], |w| {
        Box::pin(async {
            let session = w.ground.logged_in().await;
            session.finish().await.unwrap();
            w.ground.suite.clock.advance(Duration::from_secs(61));
            let sessions = w.sessions.clone().with_absolute_ttl(Duration::from_secs(60));
            let late = sessions.guest(World::request());
            late.load(session.session_id()).await?;
            assert!(late.is_guest());
            Ok(())
        })
    }));
    rows
}

fn delegated() -> Vec<Row> {
    vec![
        row("delegated::grant", Who::User, &["DelegatedConsentGranted"], |w| {
            Box::pin(async {
                let by = w.by_user();
                w.delegated.grant(&by, w.owner, &mail("a"), Expected::Absent).await.map(drop)
            })
        }),
        row("delegated::refresh", Who::User, &["DelegatedConsentGranted", "DelegatedCredentialUsed"], |w| {
            Box::pin(async {
                let by = w.by_user();
                let _ = w.delegated.grant(&by, w.owner, &mail("a"), Expected::Absent).await?;
                w.delegated.refresh(&by, w.owner, &mail("b"), 1).await.map(drop)
            })
        }),
        row("delegated::revoke", Who::User, &["DelegatedConsentGranted", "DelegatedConsentRevoked"], |w| {
            Box::pin(async {
                let by = w.by_user();
                let _ = w.delegated.grant(&by, w.owner, &mail("a"), Expected::Absent).await?;
                w.delegated.revoke(&by, w.owner, "mail.example", RevokedBy::User).await.map(drop)
            })
        }),
        row(
            "delegated::revoke_all",
            Who::User,
            &["DelegatedConsentGranted", "DelegatedConsentRevoked"],
            |w| {
                Box::pin(async {
                    let by = w.by_user();
                    let _ = w.delegated.grant(&by, w.owner, &mail("a"), Expected::Absent).await?;
                    w.delegated.revoke_all(&by, w.owner, RevokedBy::User).await.map(drop)
                })
            },
        ),
    ]
}
