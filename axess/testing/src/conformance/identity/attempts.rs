use super::{super::verdict::holds, *};
use axess_core::store::{AttemptOutcome, AttemptRecord, Lockout, Reservation, Settled, UserChange};
use axess_identity::TenantStatus;
use chrono::{DateTime, Utc};
use std::sync::Arc;

pub(super) const GRANTED: Reservation = Reservation::Granted { active: true, lapsed: Vec::new() };

pub(super) fn locked(until: DateTime<Utc>) -> Reservation {
    Reservation::Locked { until: Some(until) }
}

/// An account whose tenant has the policy of three tries.
pub(super) async fn guarded(store: &impl IdentityAdmin, ground: &Ground) -> Result<User, Breach> {
    let (home, user) = account(store, ground).await?;
    set_policy(store, home.tenant_id, user_policy()).await?;
    Ok(user)
}

pub(super) fn of(ground: &Ground, user: &User, second: i64) -> AttemptRequest {
    attempt(ground, user.tenant_id, user.user_id, second)
}

/// Reserves an attempt, which must be granted, and settles it.
pub(super) async fn tried(
    store: &impl IdentityAdmin,
    request: AttemptRequest,
    outcome: AttemptOutcome,
) -> Result<Settled, Breach> {
    let answer = store.reserve_attempt(request.clone()).await?;
    holds(&format!("an attempt is granted, not {answer:?}"), matches!(answer, Reservation::Granted { .. }))?;
    Ok(store.settle_attempt(request, outcome).await?)
}

pub(super) async fn an_account_locks_after_what_the_policy_allows<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let user = guarded(&*store, &ground).await?;
    let other = created(&*store, new_user(&ground, user.tenant_id)).await?;
    let namesake = tenant(&*store, &ground).await?.tenant_id;
    let namesake = created(&*store, User { tenant_id: namesake, ..new_user(&ground, namesake) }).await?;
    for second in 0..2 {
        let settled = tried(&*store, of(&ground, &user, second), AttemptOutcome::Failure).await?;
        same("before the last failure", settled, Settled { active: true, triggered: vec![] })?;
    }
    let settled = tried(&*store, of(&ground, &user, 2), AttemptOutcome::Failure).await?;
    let until = ground.at(102);
    let lock = Lockout::User { user_id: user.user_id, until: Some(until) };
    same("at the last failure", settled, Settled { active: true, triggered: vec![lock] })?;
    for second in [2, 50, 101] {
        let answer = store.reserve_attempt(of(&ground, &user, second)).await?;
        same("while it is locked", answer, locked(until))?;
    }
    let last = AttemptRequest { at: ground.just_before(102), ..of(&ground, &user, 0) };
    same("just before the lock ends", store.reserve_attempt(last).await?, locked(until))?;
    for free in [&other, &namesake] {
        same("for others", store.reserve_attempt(of(&ground, free, 3)).await?, GRANTED)?;
    }
    let lapsed = vec![Lockout::User { user_id: user.user_id, until: Some(until) }];
    for second in 102..105 {
        let request = of(&ground, &user, second);
        let lapsed = if second == 102 { lapsed.clone() } else { Vec::new() };
        let answer = store.reserve_attempt(request.clone()).await?;
        same("once the lock has run out", answer, Reservation::Granted { active: true, lapsed })?;
        let _ = store.settle_attempt(request, AttemptOutcome::Failure).await?;
    }
    let again = store.reserve_attempt(of(&ground, &user, 105)).await?;
    same("a second lock is twice as long", again, locked(ground.at(304)))
}

pub(super) async fn each_factor_counts_by_itself<S: IdentityAdmin>(store: Arc<S>, ground: Ground) -> Verdict {
    let user = guarded(&*store, &ground).await?;
    let factors = [FactorKind::Password, FactorKind::Totp, FactorKind::Fido2];
    for factor in factors {
        for second in 0..3 {
            let request = AttemptRequest { factor: factor.clone(), ..of(&ground, &user, second) };
            tried(&*store, request, AttemptOutcome::Failure).await?;
        }
        let request = AttemptRequest { factor: factor.clone(), ..of(&ground, &user, 3) };
        same(&format!("{factor} is locked"), store.reserve_attempt(request).await?, locked(ground.at(102)))?;
    }
    let okta = "federated:custom:okta".parse().unwrap_or(FactorKind::Mtls);
    let request = AttemptRequest { factor: okta, ..of(&ground, &user, 3) };
    same("another factor is not", store.reserve_attempt(request).await?, GRANTED)
}

pub(super) async fn a_success_clears_what_it_proved<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let user = guarded(&*store, &ground).await?;
    let totp = |second| AttemptRequest { factor: FactorKind::Totp, ..of(&ground, &user, second) };
    for second in 0..2 {
        tried(&*store, of(&ground, &user, second), AttemptOutcome::Failure).await?;
        tried(&*store, totp(second), AttemptOutcome::Failure).await?;
    }
    let settled = tried(&*store, of(&ground, &user, 2), AttemptOutcome::Success).await?;
    same("a success on the last try", settled, Settled { active: true, triggered: vec![] })?;
    for second in 3..6 {
        tried(&*store, of(&ground, &user, second), AttemptOutcome::Failure).await?;
    }
    same("three more tries", store.reserve_attempt(of(&ground, &user, 6)).await?, locked(ground.at(105)))?;
    tried(&*store, totp(3), AttemptOutcome::Failure).await?;
    same("the other factor is not cleared", store.reserve_attempt(totp(4)).await?, locked(ground.at(103)))
}

pub(super) async fn an_abandoned_attempt_is_given_back<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let user = guarded(&*store, &ground).await?;
    for second in 0..20 {
        let settled = tried(&*store, of(&ground, &user, second), AttemptOutcome::Abandoned).await?;
        same("one that was never decided", settled.triggered, vec![])?;
    }
    for second in 20..23 {
        tried(&*store, of(&ground, &user, second), AttemptOutcome::Failure).await?;
    }
    same("after three failures", store.reserve_attempt(of(&ground, &user, 23)).await?, locked(ground.at(122)))
}

pub(super) async fn clearing_ends_every_lock_of_the_account<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let user = guarded(&*store, &ground).await?;
    let other = created(&*store, new_user(&ground, user.tenant_id)).await?;
    let device = Some(ground.device());
    let requests = |second| {
        let password = of(&ground, &user, second);
        let totp = AttemptRequest { factor: FactorKind::Totp, ..password.clone() };
        let trusted = AttemptRequest { trusted_device: device, ..password.clone() };
        [password, totp, trusted, of(&ground, &other, second)]
    };
    for request in (0..3).flat_map(requests) {
        tried(&*store, request, AttemptOutcome::Failure).await?;
    }
    for request in requests(3) {
        same("before it is cleared", store.reserve_attempt(request).await?, locked(ground.at(102)))?;
    }
    store.clear_lockout(ground.tenant(), user.user_id).await?;
    let [password, ..] = requests(4);
    let answer = store.reserve_attempt(password).await?;
    same("after that of another tenant was cleared", answer, locked(ground.at(102)))?;
    store.clear_lockout(user.tenant_id, user.user_id).await?;
    let [password, totp, trusted, others] = requests(4);
    for request in [password, totp, trusted] {
        same("after it was cleared", store.reserve_attempt(request).await?, GRANTED)?;
    }
    same("somebody else's lock", store.reserve_attempt(others).await?, locked(ground.at(102)))
}

/// Attempts on what does not exist or may not log in are counted all the same.
pub(super) async fn an_attempt_knows_whether_the_account_is_active<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let user = guarded(&*store, &ground).await?;
    let (tenant, id) = (user.tenant_id, user.user_id);
    let check = async |what: &str, request: AttemptRequest, active: bool| {
        let answer = store.reserve_attempt(request.clone()).await?;
        same(what, answer, Reservation::Granted { active, lapsed: Vec::new() })?;
        let settled = store.settle_attempt(request, AttemptOutcome::Abandoned).await?;
        same(&format!("{what}, when settled"), settled.active, active)
    };
    check("an active account", of(&ground, &user, 0), true).await?;
    check("an account that is not there", attempt(&ground, tenant, ground.user(), 0), false).await?;
    check("a tenant that is not there", attempt(&ground, ground.tenant(), id, 0), false).await?;
    for (status, active) in
        [(UserStatus::Suspended, false), (UserStatus::Pending, false), (UserStatus::Active, true)]
    {
        let change = UserChange { status: Some(status), ..UserChange::default() };
        same("the change", store.update_user(tenant, id, change).await?, SaveOutcome::Saved)?;
        check(&format!("an account that is {status:?}"), of(&ground, &user, 1), active).await?;
    }
    for (status, active) in
        [(TenantStatus::Suspended, false), (TenantStatus::Deleted, false), (TenantStatus::Active, true)]
    {
        let done = store.set_tenant_status(tenant, status, ground.at(2)).await?;
        same("the change", done, SaveOutcome::Saved)?;
        check(&format!("a tenant that is {status:?}"), of(&ground, &user, 2), active).await?;
    }
    let nobody = ground.user();
    for second in 0..3 {
        tried(&*store, attempt(&ground, tenant, nobody, second), AttemptOutcome::Failure).await?;
    }
    let answer = store.reserve_attempt(attempt(&ground, tenant, nobody, 3)).await?;
    same("guesses at nobody are counted, too", answer, locked(ground.at(102)))
}

pub(super) async fn a_login_reserves_what_it_finds<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (home, user) = account(&*store, &ground).await?;
    set_policy(&*store, home.tenant_id, user_policy()).await?;
    let stand_in = attempt(&ground, ground.tenant(), ground.user(), 0);
    let login = async |name: &str, second: i64| {
        let request = AttemptRequest { at: ground.at(second), ..stand_in.clone() };
        store.reserve_login(home.slug.clone(), identifier(name), request).await
    };
    let name = user.identifier.as_str();
    for second in 0..3 {
        let (found, answer) = login(name, second).await?;
        same("the account", found.user.as_ref(), Some(&user))?;
        same("the reservation", answer, GRANTED)?;
    }
    let (found, answer) = login(name, 3).await?;
    same("the account, locked", (found.user.as_ref(), answer), (Some(&user), locked(ground.at(102))))?;
    let direct = store.reserve_attempt(of(&ground, &user, 3)).await?;
    same("it is the account's own count", direct, locked(ground.at(102)))?;
    // Nobody: counted on the stand-in, in the tenant that was named.
    for second in 0..3 {
        let (found, answer) = login("nobody", second).await?;
        same(
            "no account",
            (found.user, answer),
            (None, Reservation::Granted { active: false, lapsed: Vec::new() }),
        )?;
    }
    let direct = attempt(&ground, home.tenant_id, stand_in.user_id, 3);
    same("it is the stand-in's count", store.reserve_attempt(direct).await?, locked(ground.at(102)))
}

pub(super) async fn attempts_are_read_newest_first<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let user = guarded(&*store, &ground).await?;
    let other = created(&*store, new_user(&ground, user.tenant_id)).await?;
    tried(&*store, of(&ground, &other, 0), AttemptOutcome::Failure).await?;
    let outcomes =
        [AttemptOutcome::Failure, AttemptOutcome::Abandoned, AttemptOutcome::Success, AttemptOutcome::Locked];
    let ips = [Some("192.0.2.1"), Some("2001:db8::1:2:3"), None, Some("::ffff:192.0.2.7")];
    let mut want = Vec::new();
    for (second, (outcome, ip)) in (0..).zip(outcomes.into_iter().zip(ips)) {
        let client_ip = ip.and_then(|ip| ip.parse().ok());
        let request = AttemptRequest { client_ip, factor: FactorKind::Totp, ..of(&ground, &user, second) };
        if outcome != AttemptOutcome::Locked {
            same("an attempt", store.reserve_attempt(request.clone()).await?, GRANTED)?;
        }
        store.settle_attempt(request.clone(), outcome).await?;
        let AttemptRequest { attempt_id, factor, at, .. } = request;
        want.insert(0, AttemptRecord { attempt_id, factor, outcome, client_ip, at });
    }
    for limit in [0, 1, 3, 4, 5, usize::MAX] {
        let got = store.last_attempts(user.tenant_id, user.user_id, limit).await?;
        same(&format!("the last {limit}"), got, want.iter().take(limit).cloned().collect())?;
    }
    let elsewhere = store.last_attempts(ground.tenant(), user.user_id, MANY).await?;
    same("in another tenant", elsewhere, vec![])
}

pub(super) async fn attempts_are_purged_by_age<S: IdentityAdmin>(store: Arc<S>, ground: Ground) -> Verdict {
    let user = guarded(&*store, &ground).await?;
    // Long before the attempts of the other cases, so that only these are purged.
    let start = -1_000_000_000;
    super::super::sweep::drain(|| store.purge_attempts(ground.at(start + 4), MANY)).await?;
    for second in 0..5 {
        tried(&*store, of(&ground, &user, start + second), AttemptOutcome::Success).await?;
    }
    let before = ground.at(start + 4);
    same("with limit 0", store.purge_attempts(before, 0).await?, 0)?;
    same("with limit 2", store.purge_attempts(before, 2).await?, 2)?;
    same("after that", store.purge_attempts(before, usize::MAX).await?, 2)?;
    same("after those", store.purge_attempts(before, MANY).await?, 0)?;
    let left = store.last_attempts(user.tenant_id, user.user_id, MANY).await?;
    same("what is left", left.iter().map(|record| record.at).collect(), vec![before])
}
