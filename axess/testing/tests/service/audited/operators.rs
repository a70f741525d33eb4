//! What operators do to accounts, sessions, devices and tenants.

use super::{Row, Who, World, other_tenant, row};
use axess_core::{authn::Method, store::TenantBootstrap};
use axess_identity::{FactorKind, TenantId};

pub(super) fn new_tenant() -> TenantId {
    other_tenant(77)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = users();
    rows.extend(access());
    rows.extend(tenants());
    rows
}

/// Gives the account a session and a refresh token.
async fn active(w: &World) {
    let _ = w.ground.with_device("firefox").await;
    let _ = w.log.take();
}

fn users() -> Vec<Row> {
    vec![
        row("service::suspend_user", Who::Operator, &["RefreshTokenRevoked", "UserSuspended"], |w| {
            Box::pin(async {
                active(w).await;
                let (tenant, user) = (w.owner.tenant_id, w.owner.user_id);
                w.service.suspend_user(&w.sessions, tenant, user, &World::operator()).await.map(drop)
            })
        }),
        row("service::unsuspend_user", Who::Operator, &["UserUnsuspended"], |w| {
            Box::pin(async {
                let (tenant, user) = (w.owner.tenant_id, w.owner.user_id);
                w.service.unsuspend_user(tenant, user, &World::operator()).await
            })
        }),
        row("service::erase_user", Who::Operator, &["RefreshTokenRevoked", "UserDeleted"], |w| {
            Box::pin(async {
                active(w).await;
                let (tenant, user) = (w.owner.tenant_id, w.owner.user_id);
                w.service.erase_user(&w.sessions, tenant, user, &World::operator()).await
            })
        }),
        row("service::clear_lockout", Who::Operator, &["LockoutCleared"], |w| {
            Box::pin(async {
                let (tenant, user) = (w.owner.tenant_id, w.owner.user_id);
                w.service.clear_lockout(tenant, user, &World::operator()).await
            })
        }),
    ]
}

fn access() -> Vec<Row> {
    vec![
        row("service::reset_password", Who::Operator, &["RefreshTokenRevoked", "PasswordReset"], |w| {
            Box::pin(async {
                active(w).await;
                w.service.reset_password(&w.sessions, w.owner, &World::operator()).await.map(drop)
            })
        }),
        row("service::set_password", Who::Operator, &["RefreshTokenRevoked", "PasswordReset"], |w| {
            Box::pin(async {
                active(w).await;
                let (new, by) = ("blue whales sing at dusk", World::operator());
                w.service.set_password(&w.sessions, w.owner, new, &by).await.map(drop)
            })
        }),
        row("service::reset_factor", Who::Operator, &["RefreshTokenRevoked", "FactorReset"], |w| {
            Box::pin(async {
                active(w).await;
                let (kind, by) = (FactorKind::Password, World::operator());
                w.service.reset_factor(&w.sessions, w.owner, kind, &by).await.map(drop)
            })
        }),
        row(
            "service::invalidate_session",
            Who::Operator,
            &["RefreshTokenRevoked", "SessionInvalidated"],
            |w| {
                Box::pin(async {
                    let (session, _, _) = w.ground.with_device("firefox").await;
                    let id = w.next(&session).await.session_id();
                    w.service.invalidate_session(&w.sessions, w.owner, id, &World::operator()).await.map(drop)
                })
            },
        ),
        row(
            "service::invalidate_sessions",
            Who::Operator,
            &["RefreshTokenRevoked", "SessionInvalidated"],
            |w| {
                Box::pin(async {
                    active(w).await;
                    w.service.invalidate_sessions(&w.sessions, w.owner, &World::operator()).await.map(drop)
                })
            },
        ),
        row("service::revoke_device_of", Who::Operator, &["RefreshTokenRevoked", "DeviceRevoked"], |w| {
            Box::pin(async {
                let (_, device, _) = w.ground.with_device("firefox").await;
                w.service.revoke_device_of(&w.sessions, w.owner, device, &World::operator()).await
            })
        }),
    ]
}

fn tenants() -> Vec<Row> {
    vec![
        row("service::create_tenant", Who::Operator, &["TenantCreated"], |w| {
            Box::pin(async {
                let bootstrap = TenantBootstrap {
                    tenant_id: new_tenant(),
                    slug: "acme".parse().unwrap(),
                    display_name: "Acme".into(),
                    methods: vec![Method::password()],
                    fingerprint_pepper: [7; 32].into(),
                    lockout_policy: None,
                    device_retention_days: 90,
                    created_at: chrono::DateTime::UNIX_EPOCH,
                };
                w.service.create_tenant(bootstrap, &World::operator()).await
            })
        }),
        row("service::suspend_tenant", Who::Operator, &["RefreshTokenRevoked", "TenantSuspended"], |w| {
            Box::pin(async {
                active(w).await;
                let tenant = w.owner.tenant_id;
                w.service.suspend_tenant(&w.sessions, tenant, &World::operator()).await.map(drop)
            })
        }),
        row("service::unsuspend_tenant", Who::Operator, &["TenantUnsuspended"], |w| {
            Box::pin(async { w.service.unsuspend_tenant(w.owner.tenant_id, &World::operator()).await })
        }),
        row("service::delete_tenant", Who::Operator, &["RefreshTokenRevoked", "TenantDeleted"], |w| {
            Box::pin(async {
                active(w).await;
                let tenant = w.owner.tenant_id;
                w.service.delete_tenant(&w.sessions, tenant, &World::operator()).await.map(drop)
            })
        }),
        row("service::restore_tenant", Who::Operator, &["TenantRestored"], |w| {
            Box::pin(async {
                let (tenant, sessions) = (w.owner.tenant_id, &w.ground.suite.sessions);
                w.ground.service.delete_tenant(sessions, tenant, &World::operator()).await.unwrap();
                w.service.restore_tenant(tenant, &World::operator()).await
            })
        }),
        row("service::purge_tenant", Who::Operator, &["UserDeleted", "TenantPurged", "TenantPurged"], |w| {
            Box::pin(async {
                active(w).await;
                let (tenant, sessions, by) = (w.owner.tenant_id, &w.sessions, World::operator());
                w.ground.service.delete_tenant(sessions, tenant, &by).await.unwrap();
                let first = w.service.purge_tenant(sessions, tenant, None, 10, &by).await?;
                assert_eq!((first.users, first.next), (1, Some(w.owner.user_id)));
                let last = w.service.purge_tenant(sessions, tenant, first.next, 10, &by).await?;
                assert_eq!((last.users, last.next), (0, None));
                Ok(())
            })
        }),
    ]
}
