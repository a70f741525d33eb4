use super::{super::verdict::some, *};
use axess_core::authn::{FactorStep, Method};
use std::sync::Arc;

fn method(name: &str) -> Method {
    Method { name: name.to_owned().into(), steps: vec![FactorStep::Required(FactorKind::Password)] }
}

/// The longest method there may be.
fn long_method(letter: &str) -> Method {
    let kinds = [
        FactorKind::Totp,
        FactorKind::Hotp,
        FactorKind::EmailOtp,
        FactorKind::RecoveryCode,
        FactorKind::Fido2,
        FactorKind::LdapBind,
        FactorKind::Mtls,
    ];
    let okta: FactorKind = "federated:custom:okta-eu".parse().unwrap_or(FactorKind::Mtls);
    let choices: Vec<_> = kinds.iter().cloned().chain([okta]).collect();
    let any_of = std::iter::repeat_n(FactorStep::AnyOf(choices), 7);
    let steps = std::iter::once(FactorStep::Required(FactorKind::Password)).chain(any_of).collect();
    Method { name: letter.repeat(64 / letter.len()).into(), steps }
}

async fn save<S: IdentityAdmin>(store: &S, scope: AuthnScope, methods: &[Method]) -> Verdict {
    store.save_methods(scope, methods.to_vec()).await?;
    same("the methods of exactly this scope", store.get_methods(scope).await?, methods.to_vec())
}

pub(super) async fn methods_follow_the_scope_chain<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let before = store.get_methods(AuthnScope::Global).await?;
    let verdict = methods_in_turn(&*store, &ground).await;
    store.save_methods(AuthnScope::Global, before).await?;
    verdict
}

async fn methods_in_turn<S: IdentityAdmin>(store: &S, ground: &Ground) -> Verdict {
    let (home, user) = account(store, ground).await?;
    let other = created(store, new_user(ground, home.tenant_id)).await?;
    let (_, stranger) = account(store, ground).await?;
    let (tenant_id, user_id) = (user.tenant_id, user.user_id);
    let of_user = AuthnScope::User { tenant_id, user_id };
    let global = [method("z"), method("a"), long_method("é")];
    let of_tenant = [method("tenant"), long_method("y")];
    let own = [method("own")];
    let find = async |user: &User| store.find_methods(user.tenant_id, user.user_id).await;
    save(store, AuthnScope::Global, &global).await?;
    same("with global ones, in their order", find(&user).await?, global.to_vec())?;
    save(store, AuthnScope::Tenant(tenant_id), &of_tenant).await?;
    save(store, of_user, &own).await?;
    same("with own ones", find(&user).await?, own.to_vec())?;
    same("of another user", find(&other).await?, of_tenant.to_vec())?;
    same("of another tenant's user", find(&stranger).await?, global.to_vec())?;
    let namesake = AuthnScope::User { tenant_id: stranger.tenant_id, user_id };
    same("of the same id in another tenant", store.get_methods(namesake).await?, vec![])?;
    let login = store.find_login(home.slug.clone(), user.identifier.clone()).await?;
    same("at a login", login.methods, own.to_vec())?;
    let login = store.find_login(home.slug.clone(), identifier(&ground.word())).await?;
    same("at a login of nobody", login.methods, of_tenant.to_vec())?;
    let login = store.find_login(slug(&ground.word()), user.identifier.clone()).await?;
    same("at a login nowhere", login.methods, global.to_vec())?;
    save(store, of_user, &[]).await?;
    same("without own ones", find(&user).await?, of_tenant.to_vec())?;
    save(store, AuthnScope::Tenant(tenant_id), &[]).await?;
    same("without those of the tenant", find(&user).await?, global.to_vec())?;
    save(store, AuthnScope::Global, &[]).await?;
    same("without any", find(&user).await?, vec![])
}

pub(super) async fn a_login_finds_everything_at_once<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (home, user) = account(&*store, &ground).await?;
    let (elsewhere, _) = account(&*store, &ground).await?;
    let found = store.find_login(home.slug.clone(), user.identifier.clone()).await?;
    same("the account", found.user.as_ref(), Some(&user))?;
    same("the tenant", found.tenant.map(|tenant| tenant.tenant_id), Some(home.tenant_id))?;
    let found = store.find_login(elsewhere.slug, user.identifier.clone()).await?;
    same("no account of another tenant", found.user, None)?;
    same("that tenant", found.tenant.map(|tenant| tenant.tenant_id), Some(elsewhere.tenant_id))?;
    let found = store.find_login(slug(&ground.word()), user.identifier.clone()).await?;
    same("no account nowhere", (found.user, found.tenant.is_none()), (None, true))
}

pub(super) async fn lockout_policies_follow_the_scope_chain<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    // The global policy cannot be read by itself; an account without any other shows it.
    let (_, plain) = account(&*store, &ground).await?;
    let before = store.find_lockout_policy(plain.tenant_id, plain.user_id).await?;
    let verdict = policies_in_turn(&*store, &ground).await;
    store.save_lockout_policy(AuthnScope::Global, before).await?;
    verdict
}

async fn policies_in_turn<S: IdentityAdmin>(store: &S, ground: &Ground) -> Verdict {
    let policy = |failures| LockoutPolicy {
        per_user: scale(failures, u64::from(u32::MAX), 1),
        max_consecutive_failures: failures,
        ..user_policy()
    };
    let born_with = TenantBootstrap { lockout_policy: Some(policy(1)), ..bootstrap(ground) };
    same("creation", store.create_tenant(born_with.clone()).await?, SaveOutcome::Saved)?;
    let tenant_id = born_with.tenant_id;
    let user = created(store, new_user(ground, tenant_id)).await?;
    let other = created(store, new_user(ground, tenant_id)).await?;
    let (_, stranger) = account(store, ground).await?;
    let of_user = AuthnScope::User { tenant_id, user_id: user.user_id };
    let find = async |user: &User| store.find_lockout_policy(user.tenant_id, user.user_id).await;
    same("what the tenant was born with", find(&user).await?, Some(policy(1)))?;
    store.save_lockout_policy(AuthnScope::Global, Some(policy(2))).await?;
    same("of another tenant's user", find(&stranger).await?, Some(policy(2)))?;
    store.save_lockout_policy(AuthnScope::Tenant(tenant_id), Some(policy(3))).await?;
    store.save_lockout_policy(of_user, Some(policy(4))).await?;
    same("with an own one", find(&user).await?, Some(policy(4)))?;
    same("of another user", find(&other).await?, Some(policy(3)))?;
    let tenant = some("the tenant", store.get_tenant(tenant_id).await?)?;
    same("what the tenant says of itself", tenant.lockout_policy, Some(policy(3)))?;
    store.save_lockout_policy(of_user, None).await?;
    same("without the own one", find(&user).await?, Some(policy(3)))?;
    store.save_lockout_policy(AuthnScope::Tenant(tenant_id), None).await?;
    same("without that of the tenant", find(&user).await?, Some(policy(2)))?;
    let tenant = some("the tenant", store.get_tenant(tenant_id).await?)?;
    same("what the tenant says of itself then", tenant.lockout_policy, None)?;
    store.save_lockout_policy(AuthnScope::Global, None).await?;
    same("without any", find(&user).await?, None)
}
