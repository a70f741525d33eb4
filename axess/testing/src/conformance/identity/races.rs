use super::{
    super::{
        race::{CUTS, RACERS, ROUNDS, cut_off, race, race_two, settles},
        verdict::{holds, some},
    },
    attempts::{guarded, of, tried},
    *,
};
use axess_core::{
    authn::Method,
    store::{AttemptOutcome, Reservation, StoreError, UserChange},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

fn winners<T: Clone>(answers: &[SaveOutcome], of: &[T]) -> Vec<T> {
    let won = answers.iter().zip(of).filter(|(answer, _)| **answer == SaveOutcome::Saved);
    won.map(|(_, one)| one.clone()).collect()
}

pub(super) async fn racing_tenants_of_one_slug_have_one_winner<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let slug = slug(&ground.word());
    let methods = vec![Method::password_then_totp()];
    let all: Vec<_> = (0..RACERS)
        .map(|_| TenantBootstrap { slug: slug.clone(), methods: methods.clone(), ..bootstrap(&ground) })
        .collect();
    let spare = bootstrap(&ground);
    let answers = race(RACERS, |n| {
        let (store, one) = (Arc::clone(&store), all.get(n).unwrap_or(&spare).clone());
        async move { store.create_tenant(one).await }
    })
    .await?;
    let won = winners(&answers, &all);
    same("how many won", won.len(), 1)?;
    let won = some("the winner", won.first())?;
    super::tenants::is(&*store, "what the winner wrote", won, |_| ()).await?;
    for one in &all {
        let there = one.tenant_id == won.tenant_id;
        same("the tenants that exist", store.get_tenant(one.tenant_id).await?.is_some(), there)?;
        let found = store.get_methods(AuthnScope::Tenant(one.tenant_id)).await?;
        same("the methods that exist", found.len(), usize::from(there))?;
    }
    Ok(())
}

pub(super) async fn racing_users_of_one_name_have_one_winner<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let home = tenant(&*store, &ground).await?.tenant_id;
    for pending in [false, true] {
        let name = identifier(&ground.word());
        if pending {
            let status = UserStatus::Pending;
            created(&*store, User { identifier: name.clone(), status, ..new_user(&ground, home) }).await?;
        }
        let all: Vec<_> =
            (0..RACERS).map(|_| User { identifier: name.clone(), ..new_user(&ground, home) }).collect();
        let spare = new_user(&ground, home);
        let answers = race(RACERS, |n| {
            let (store, one) = (Arc::clone(&store), all.get(n).unwrap_or(&spare).clone());
            async move { store.create_user(one).await }
        })
        .await?;
        let won = winners(&answers, &all);
        same("how many won", won.len(), 1)?;
        reads(&*store, "what the winner wrote", some("the winner", won.first())?).await?;
        let mut there = 0;
        for one in &all {
            there += usize::from(store.get_user(home, one.user_id).await?.is_some());
        }
        same("how many accounts there are", there, 1)?;
    }
    Ok(())
}

pub(super) async fn racing_renames_have_one_winner<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let home = tenant(&*store, &ground).await?.tenant_id;
    let name = identifier(&ground.word());
    let mut all = Vec::new();
    for _ in 0..RACERS {
        all.push(created(&*store, new_user(&ground, home)).await?);
    }
    let answers = race(RACERS, |n| {
        let store = Arc::clone(&store);
        let id = all.get(n).map(|user| user.user_id);
        let change = UserChange { identifier: Some(name.clone()), ..UserChange::default() };
        async move {
            let Some(id) = id else { return Ok(SaveOutcome::Conflict) };
            store.update_user(home, id, change).await
        }
    })
    .await?;
    same("how many won", winners(&answers, &all).len(), 1)?;
    for (answer, user) in answers.into_iter().zip(all) {
        let identifier = if answer == SaveOutcome::Saved { name.clone() } else { user.identifier.clone() };
        reads(&*store, "each account", &User { identifier, ..user }).await?;
    }
    Ok(())
}

fn granted(answers: &[Reservation]) -> usize {
    answers.iter().filter(|answer| matches!(answer, Reservation::Granted { .. })).count()
}

pub(super) async fn racing_attempts_are_never_more_than_allowed<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let off = LockoutPolicy { per_user: scale(0, 60, 50), ..user_policy() };
    let policies = [
        user_policy(),
        LockoutPolicy { per_tenant: scale(3, 60, 50), ..off.clone() },
        LockoutPolicy { per_ip: scale(3, 60, 50), ..off.clone() },
        LockoutPolicy { max_consecutive_failures: 3, ..off },
    ];
    for policy in policies {
        let (home, user) = account(&*store, &ground).await?;
        set_policy(&*store, home.tenant_id, policy).await?;
        let request = of(&ground, &user, 0);
        let answers = race(RACERS, |n| {
            // Each of them is an attempt of its own, from one address.
            let at = ground.at(i64::try_from(n % 3).unwrap_or(0));
            let attempt_id = AttemptId::generate(at, ground.rng());
            let (store, request) = (Arc::clone(&store), AttemptRequest { attempt_id, ..request.clone() });
            async move { store.reserve_attempt(request).await }
        });
        same("how many were granted", granted(&answers.await?), 3)?;
    }
    Ok(())
}

pub(super) async fn racing_logins_are_never_more_than_allowed<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (home, user) = account(&*store, &ground).await?;
    set_policy(&*store, home.tenant_id, user_policy()).await?;
    let stand_in = attempt(&ground, ground.tenant(), ground.user(), 0);
    let answers = race(RACERS, |n| {
        let (store, slug, name) = (Arc::clone(&store), home.slug.clone(), user.identifier.clone());
        let (stand_in, direct) = (stand_in.clone(), of(&ground, &user, 0));
        async move {
            match n % 2 {
                0 => store.reserve_login(slug, name, stand_in).await.map(|(_, answer)| answer),
                _ => store.reserve_attempt(direct).await,
            }
        }
    });
    same("how many were granted", granted(&answers.await?), 3)
}

/// A login writes its session and then settles; a suspension changes the account and then ends its sessions. Either the
/// login is told that the account is not active any more, or the suspension finds the session.
pub(super) async fn a_login_and_a_suspension_see_each_other<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for round in 0..ROUNDS {
        let user = guarded(&*store, &ground).await?;
        let (tenant, id) = (user.tenant_id, user.user_id);
        let request = of(&ground, &user, 0);
        let answer = store.reserve_attempt(request.clone()).await?;
        same("the attempt", answer, Reservation::Granted { active: true, lapsed: Vec::new() })?;
        let session = Arc::new(AtomicBool::new(false));
        let (one, other) = (Arc::clone(&store), Arc::clone(&store));
        let (written, seen) = (Arc::clone(&session), session);
        let login = async move {
            written.store(true, Ordering::SeqCst);
            one.settle_attempt(request, AttemptOutcome::Success).await
        };
        let suspension = async move {
            let change = UserChange { status: Some(UserStatus::Suspended), ..UserChange::default() };
            let done = other.update_user(tenant, id, change).await?;
            Ok::<_, StoreError>((done, seen.load(Ordering::SeqCst)))
        };
        let (settled, (done, found)) = race_two(round, login, suspension).await?;
        same("the suspension", done, SaveOutcome::Saved)?;
        let what = format!("one saw the other: active {}, session found {found}", settled.active);
        holds(&what, !settled.active || found)?;
    }
    Ok(())
}

pub(super) async fn a_call_cut_off_leaves_nothing_half_done<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for cut in CUTS {
        let home = TenantBootstrap { methods: vec![Method::password()], ..bootstrap(&ground) };
        let _ = cut_off(store.create_tenant(home.clone()), cut).await.transpose()?;
        let scope = AuthnScope::Tenant(home.tenant_id);
        settles(async || {
            let methods = store.get_methods(scope).await?.len();
            let there = usize::from(store.get_tenant(home.tenant_id).await?.is_some());
            same("a tenant with its methods, or neither", methods, there)
        })
        .await?;
        let _ = store.create_tenant(home.clone()).await?;
        settles(async || super::tenants::is(&*store, "after it was repeated", &home, |_| ()).await).await?;
        set_policy(&*store, home.tenant_id, user_policy()).await?;

        let mut user = new_user(&ground, home.tenant_id);
        let _ = cut_off(store.create_user(user.clone()), cut).await.transpose()?;
        let _ = store.create_user(user.clone()).await?;
        settles(async || reads(&*store, "after it was repeated", &user).await).await?;
        let (old, new) = (user.identifier.clone(), identifier(&ground.word()));
        let change = UserChange { identifier: Some(new.clone()), ..UserChange::default() };
        let rename = || store.update_user(user.tenant_id, user.user_id, change.clone());
        let _ = cut_off(rename(), cut).await.transpose()?;
        let _ = rename().await?;
        user.identifier = new;
        settles(async || reads(&*store, "after it was repeated", &user).await).await?;
        same("the old name", store.find_user(user.tenant_id, old).await?, None)?;

        // An attempt that was cut off may have been counted, once.
        let _ = cut_off(store.reserve_attempt(of(&ground, &user, 0)), cut).await.transpose()?;
        tried(&*store, of(&ground, &user, 1), AttemptOutcome::Failure).await?;
        tried(&*store, of(&ground, &user, 2), AttemptOutcome::Failure).await?;
    }
    Ok(())
}
