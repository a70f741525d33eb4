use super::{
    super::{
        ground::{NAMES, far_future, long_ago},
        verdict::{holds, some},
    },
    *,
};
use axess_core::authn::Method;
use axess_identity::{Tenant, TenantStatus};
use std::sync::Arc;

/// Demands that a tenant is as it was created, but for what `but` says.
pub(super) async fn is(
    store: &impl IdentityAdmin,
    what: &str,
    want: &TenantBootstrap,
    but: impl Fn(&mut Tenant),
) -> Verdict {
    let mut wanted = Tenant {
        tenant_id: want.tenant_id,
        slug: want.slug.clone(),
        status: TenantStatus::Active,
        display_name: want.display_name.clone(),
        fingerprint_pepper: want.fingerprint_pepper.clone(),
        lockout_policy: want.lockout_policy.clone(),
        device_retention_days: want.device_retention_days,
        created_at: want.created_at,
        suspended_at: None,
    };
    but(&mut wanted);
    let by_id = some(what, store.get_tenant(want.tenant_id).await?)?;
    let by_slug = some(what, store.find_tenant(want.slug.clone()).await?)?;
    for got in [by_id, by_slug] {
        same(what, got.tenant_id, wanted.tenant_id)?;
        same(what, &got.slug, &wanted.slug)?;
        same(what, got.status, wanted.status)?;
        same(what, &got.display_name, &wanted.display_name)?;
        holds(
            "the pepper is what was written",
            got.fingerprint_pepper.ct_eq(wanted.fingerprint_pepper.expose()),
        )?;
        same(what, &got.lockout_policy, &wanted.lockout_policy)?;
        same(what, got.device_retention_days, wanted.device_retention_days)?;
        same(what, got.created_at, wanted.created_at)?;
        same(what, got.suspended_at, wanted.suspended_at)?;
    }
    Ok(())
}

pub(super) async fn every_field_of_a_tenant_comes_back<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let times = [ground.just_before(0), long_ago(), far_future(), ground.at(0)];
    for (name, created_at) in NAMES.into_iter().zip(times.into_iter().cycle()) {
        let long = format!("{}{}", ground.word(), "-_.x".repeat(11));
        let own = TenantBootstrap {
            slug: slug(&long),
            display_name: name.into(),
            methods: vec![Method::password_then_totp()],
            fingerprint_pepper: (0..=255).collect::<Vec<u8>>().into(),
            lockout_policy: name.is_empty().then(user_policy),
            device_retention_days: u32::from(u16::MAX),
            created_at,
            ..bootstrap(&ground)
        };
        same("creation", store.create_tenant(own.clone()).await?, SaveOutcome::Saved)?;
        is(&*store, "the tenant read back", &own, |_| ()).await?;
        let methods = store.get_methods(AuthnScope::Tenant(own.tenant_id)).await?;
        same("its methods", methods, own.methods)?;
    }
    holds("one that never was", store.get_tenant(ground.tenant()).await?.is_none())?;
    holds("a slug that never was", store.find_tenant(slug(&ground.word())).await?.is_none())
}

pub(super) async fn a_slug_is_taken_once<S: IdentityAdmin>(store: Arc<S>, ground: Ground) -> Verdict {
    let first = tenant(&*store, &ground).await?;
    let second = TenantBootstrap {
        slug: first.slug.clone(),
        methods: vec![Method::password_then_totp()],
        lockout_policy: Some(user_policy()),
        ..bootstrap(&ground)
    };
    same("the same slug", store.create_tenant(second.clone()).await?, SaveOutcome::Conflict)?;
    holds("nothing of the second", store.get_tenant(second.tenant_id).await?.is_none())?;
    same("nor its methods", store.get_methods(AuthnScope::Tenant(second.tenant_id)).await?, vec![])?;
    let third = TenantBootstrap { tenant_id: first.tenant_id, ..bootstrap(&ground) };
    same("the same id", store.create_tenant(third.clone()).await?, SaveOutcome::Conflict)?;
    holds("nothing of the third", store.find_tenant(third.slug).await?.is_none())?;
    is(&*store, "the first one after both", &first, |_| ()).await
}

pub(super) async fn a_tenant_changes_its_status<S: IdentityAdmin>(store: Arc<S>, ground: Ground) -> Verdict {
    let (one, other) = (tenant(&*store, &ground).await?, tenant(&*store, &ground).await?);
    let steps =
        [TenantStatus::Suspended, TenantStatus::Active, TenantStatus::Suspended, TenantStatus::Deleted];
    for (second, status) in (1..).zip(steps) {
        let done = store.set_tenant_status(one.tenant_id, status, ground.at(second)).await?;
        same("the change", done, SaveOutcome::Saved)?;
        is(&*store, &format!("after {status:?}"), &one, |tenant| {
            tenant.status = status;
            tenant.suspended_at = (status == TenantStatus::Suspended).then(|| ground.at(second));
        })
        .await?;
    }
    is(&*store, "another tenant", &other, |_| ()).await?;
    let unknown = store.set_tenant_status(ground.tenant(), TenantStatus::Suspended, ground.at(1)).await?;
    same("of one that never was", unknown, SaveOutcome::Conflict)
}

pub(super) async fn a_pepper_is_replaced<S: IdentityAdmin>(store: Arc<S>, ground: Ground) -> Verdict {
    let (mut one, other) = (tenant(&*store, &ground).await?, tenant(&*store, &ground).await?);
    one.fingerprint_pepper = ground.bytes(64).into();
    let done = store.rotate_fingerprint_pepper(one.tenant_id, one.fingerprint_pepper.clone()).await?;
    same("the change", done, SaveOutcome::Saved)?;
    is(&*store, "the tenant after it", &one, |_| ()).await?;
    is(&*store, "another tenant", &other, |_| ()).await?;
    let unknown = store.rotate_fingerprint_pepper(ground.tenant(), ground.bytes(32).into()).await?;
    same("of one that never was", unknown, SaveOutcome::Conflict)
}
