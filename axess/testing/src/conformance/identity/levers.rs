use super::{
    attempts::{GRANTED, locked, tried},
    *,
};
use axess_core::store::{AttemptOutcome, Lockout, Reservation};
use std::sync::Arc;

/// Everything off but what a case switches on.
fn off() -> LockoutPolicy {
    LockoutPolicy { per_user: scale(0, 60, 50), ..user_policy() }
}

pub(super) async fn a_tenant_is_throttled_as_a_whole<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (home, elsewhere) =
        (tenant(&*store, &ground).await?.tenant_id, tenant(&*store, &ground).await?.tenant_id);
    let policy = LockoutPolicy { per_tenant: scale(4, 60, 50), ..off() };
    for tenant in [home, elsewhere] {
        set_policy(&*store, tenant, policy.clone()).await?;
    }
    let stranger = |tenant, second| attempt(&ground, tenant, ground.user(), second);
    for second in 0..3 {
        tried(&*store, stranger(home, second), AttemptOutcome::Failure).await?;
        tried(&*store, stranger(home, second), AttemptOutcome::Success).await?;
        tried(&*store, stranger(home, second), AttemptOutcome::Abandoned).await?;
    }
    let settled = tried(&*store, stranger(home, 3), AttemptOutcome::Failure).await?;
    let until = ground.at(53);
    same(
        "the last failure",
        settled.triggered,
        vec![Lockout::Tenant { tenant_id: home, until: Some(until) }],
    )?;
    same("anybody in the tenant", store.reserve_attempt(stranger(home, 4)).await?, locked(until))?;
    let answer = store.reserve_attempt(stranger(elsewhere, 4)).await?;
    same("anybody elsewhere", answer, Reservation::Granted { active: false, lapsed: Vec::new() })
}

pub(super) async fn an_address_is_throttled_everywhere<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let policy = LockoutPolicy { per_ip: scale(3, 60, 50), ..off() };
    let random: u16 = u16::from_be_bytes(axess_rng::random_array(ground.rng()));
    let (v4, mapped) = (address(&ground), format!("2001:db8:{random:x}:1::1"));
    let IpAddr::V4(plain) = v4 else { return Ok(()) };
    let network = |host: &str| format!("2001:db8:{random:x}:1{host}").parse().unwrap_or(v4);
    let sources = [
        // One address in two notations; one network of IPv6, whatever the host.
        [v4, IpAddr::V6(plain.to_ipv6_mapped()), v4, IpAddr::V6(plain.to_ipv6_mapped())],
        [mapped.parse().unwrap_or(v4), network("::ffff"), network(":1:2:3:4"), network(":ffff::")],
    ];
    for addresses in sources {
        for (second, ip) in (0..).zip(addresses) {
            let home = tenant(&*store, &ground).await?.tenant_id;
            set_policy(&*store, home, policy.clone()).await?;
            let request =
                AttemptRequest { client_ip: Some(ip), ..attempt(&ground, home, ground.user(), second) };
            if second < 3 {
                let settled = tried(&*store, request, AttemptOutcome::Failure).await?;
                same("how many locks fall", settled.triggered.len(), usize::from(second == 2))?;
            } else {
                same("anybody from there", store.reserve_attempt(request).await?, locked(ground.at(52)))?;
            }
        }
    }
    let home = tenant(&*store, &ground).await?.tenant_id;
    set_policy(&*store, home, policy).await?;
    for client_ip in [None, Some(address(&ground)), format!("2001:db8:{random:x}:2::1").parse().ok()] {
        let request = AttemptRequest { client_ip, ..attempt(&ground, home, ground.user(), 3) };
        let answer = store.reserve_attempt(request).await?;
        same("from elsewhere", answer, Reservation::Granted { active: false, lapsed: Vec::new() })?;
    }
    Ok(())
}

pub(super) async fn a_trusted_device_has_a_lane_of_its_own<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (home, user) = account(&*store, &ground).await?;
    let policy = LockoutPolicy {
        per_user: scale(3, 60, 100),
        per_tenant: scale(3, 60, 100),
        per_ip: scale(3, 60, 100),
        ..off()
    };
    set_policy(&*store, home.tenant_id, policy).await?;
    let (ip, mine, other) = (Some(address(&ground)), ground.device(), ground.device());
    let request = |trusted_device, second| AttemptRequest {
        client_ip: ip,
        trusted_device,
        ..attempt(&ground, user.tenant_id, user.user_id, second)
    };
    for second in 0..3 {
        tried(&*store, request(None, second), AttemptOutcome::Failure).await?;
    }
    same("strangers", store.reserve_attempt(request(None, 3)).await?, locked(ground.at(102)))?;
    // No guess of strangers locks the owner out; a stolen device has three tries like anybody.
    for second in 3..6 {
        let settled = tried(&*store, request(Some(mine), second), AttemptOutcome::Failure).await?;
        same("how many locks fall", settled.triggered.len(), usize::from(second == 5))?;
    }
    same("the device", store.reserve_attempt(request(Some(mine), 6)).await?, locked(ground.at(105)))?;
    same("another one", store.reserve_attempt(request(Some(other), 6)).await?, GRANTED)?;
    // What the device did counted nowhere else: the stranger's lock is as it was.
    same("strangers then", store.reserve_attempt(request(None, 6)).await?, locked(ground.at(102)))
}

pub(super) async fn too_many_in_a_row_lock_for_good<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (home, user) = account(&*store, &ground).await?;
    let policy = LockoutPolicy { max_consecutive_failures: 4, ..off() };
    set_policy(&*store, home.tenant_id, policy).await?;
    let request = |day: i64| attempt(&ground, user.tenant_id, user.user_id, day * 24 * 60 * 60);
    for day in 0..4 {
        tried(&*store, request(day), AttemptOutcome::Failure).await?;
    }
    for day in [4, 4_000] {
        let answer = store.reserve_attempt(request(day)).await?;
        same("after four in a row", answer, Reservation::Locked { until: None })?;
    }
    store.clear_lockout(user.tenant_id, user.user_id).await?;
    same("after it was cleared", store.reserve_attempt(request(4_001)).await?, GRANTED)
}

/// An attempt that one lever refuses must not be counted by the others.
pub(super) async fn a_refused_attempt_counts_nowhere<S: IdentityAdmin>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (home, user) = account(&*store, &ground).await?;
    let policy = LockoutPolicy { per_tenant: scale(4, 600, 100), ..user_policy() };
    set_policy(&*store, home.tenant_id, policy).await?;
    let ip = Some(address(&ground));
    let request =
        |user, second| AttemptRequest { client_ip: ip, ..attempt(&ground, home.tenant_id, user, second) };
    for second in 0..3 {
        tried(&*store, request(user.user_id, second), AttemptOutcome::Failure).await?;
    }
    for second in 3..20 {
        let answer = store.reserve_attempt(request(user.user_id, second)).await?;
        same("the locked account", answer, locked(ground.at(102)))?;
    }
    let granted = Reservation::Granted { active: false, lapsed: Vec::new() };
    same("the tenant has one try left", store.reserve_attempt(request(ground.user(), 20)).await?, granted)?;
    same("and no more", store.reserve_attempt(request(ground.user(), 21)).await?, locked(ground.at(120)))
}
