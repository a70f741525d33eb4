//! Identities: names that are taken once, scopes, and attempts that are never more than the policy allows.

mod attempts;
mod levers;
mod methods;
mod model;
mod races;
mod tenants;
mod users;

use super::{
    ground::Ground,
    suite::{Setting, Suite, suite},
    verdict::{Breach, Verdict, same},
};
use axess_core::{
    authn::AuthnScope,
    store::{AttemptRequest, IdentityAdmin, NewUser, SaveOutcome, TenantBootstrap},
};
use axess_identity::{
    AttemptId, BackoffPolicy, FactorKind, Identifier, LockoutPolicy, LockoutScale, TenantId, TenantSlug,
    User, UserId, UserStatus,
};
use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

/// The most rows a case looks for.
const MANY: usize = 1_000;

/// Makes the suite of [`IdentityAdmin`] and the two narrower tiers.
///
/// It changes the global methods and the global lockout policy for a moment and puts them back.
///
/// ```
/// use axess_core::memory::InMemoryBackend;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::identity_store(InMemoryBackend::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "racing_attempts_are_never_more_than_allowed"));
/// ```
pub fn identity_store<S: IdentityAdmin>(store: S, setting: Setting) -> Suite {
    suite!("IdentityStore", store, setting, [
        tenants:
            every_field_of_a_tenant_comes_back,
            a_slug_is_taken_once,
            a_tenant_changes_its_status,
            a_pepper_is_replaced;
        users:
            every_field_of_a_user_comes_back,
            a_name_is_taken_once_per_tenant,
            a_pending_account_does_not_hold_its_name,
            an_account_is_never_overwritten,
            each_field_changes_alone,
            a_taken_name_changes_nothing,
            an_erased_account_is_a_tombstone,
            users_are_listed_in_pages,
            a_verified_address_finds_its_account,
            names_are_told_apart,
            no_verb_reaches_another_tenant;
        methods:
            methods_follow_the_scope_chain,
            a_login_finds_everything_at_once,
            lockout_policies_follow_the_scope_chain;
        attempts:
            an_account_locks_after_what_the_policy_allows,
            each_factor_counts_by_itself,
            a_success_clears_what_it_proved,
            an_abandoned_attempt_is_given_back,
            clearing_ends_every_lock_of_the_account,
            an_attempt_knows_whether_the_account_is_active,
            a_login_reserves_what_it_finds,
            attempts_are_read_newest_first,
            attempts_are_purged_by_age;
        levers:
            a_tenant_is_throttled_as_a_whole,
            an_address_is_throttled_everywhere,
            a_trusted_device_has_a_lane_of_its_own,
            too_many_in_a_row_lock_for_good,
            a_refused_attempt_counts_nowhere;
        races:
            racing_tenants_of_one_slug_have_one_winner,
            racing_users_of_one_name_have_one_winner,
            racing_renames_have_one_winner,
            racing_attempts_are_never_more_than_allowed,
            racing_logins_are_never_more_than_allowed,
            a_login_and_a_suspension_see_each_other,
            a_call_cut_off_leaves_nothing_half_done;
        model:
            any_sequence_of_attempts_answers_as_in_memory;
    ])
}

#[expect(clippy::expect_used, reason = "the suite's own texts are well-formed")]
fn slug(text: &str) -> TenantSlug {
    text.parse().expect("a tenant slug")
}

#[expect(clippy::expect_used, reason = "the suite's own texts are well-formed")]
fn identifier(text: &str) -> Identifier {
    Identifier::parse(text).expect("a login name")
}

fn bootstrap(ground: &Ground) -> TenantBootstrap {
    TenantBootstrap {
        tenant_id: ground.tenant(),
        slug: slug(&ground.word()),
        display_name: "Acme Inc.".into(),
        methods: vec![],
        fingerprint_pepper: ground.bytes(32).into(),
        lockout_policy: None,
        device_retention_days: 90,
        created_at: ground.at(0),
    }
}

fn new_user(ground: &Ground, tenant_id: TenantId) -> NewUser {
    User {
        user_id: ground.user(),
        tenant_id,
        identifier: identifier(&ground.word()),
        display_name: None,
        email: None,
        email_verified: false,
        status: UserStatus::Active,
        created_at: ground.at(0),
    }
}

async fn tenant(store: &impl IdentityAdmin, ground: &Ground) -> Result<TenantBootstrap, Breach> {
    let bootstrap = bootstrap(ground);
    same("creation of a tenant", store.create_tenant(bootstrap.clone()).await?, SaveOutcome::Saved)?;
    Ok(bootstrap)
}

async fn created(store: &impl IdentityAdmin, user: NewUser) -> Result<User, Breach> {
    same("creation of an account", store.create_user(user.clone()).await?, SaveOutcome::Saved)?;
    Ok(user)
}

/// Creates a tenant with an active account in it.
async fn account(store: &impl IdentityAdmin, ground: &Ground) -> Result<(TenantBootstrap, User), Breach> {
    let home = tenant(store, ground).await?;
    let user = created(store, new_user(ground, home.tenant_id)).await?;
    Ok((home, user))
}

/// Demands that the account reads as it should be, by id and by name.
async fn reads(store: &impl IdentityAdmin, what: &str, want: &User) -> Verdict {
    let got = store.get_user(want.tenant_id, want.user_id).await?;
    same(&format!("{what}, by id"), got.as_ref(), Some(want))?;
    let got = store.find_user(want.tenant_id, want.identifier.clone()).await?;
    same(&format!("{what}, by name"), got.as_ref(), Some(want))
}

fn scale(failures: u32, window: u64, lockout: u64) -> LockoutScale {
    LockoutScale {
        failures_before_lockout: failures,
        window: Duration::from_secs(window),
        base_lockout: Duration::from_secs(lockout),
        backoff: BackoffPolicy::Exponential,
        max_lockout: Duration::from_secs(8 * lockout),
    }
}

/// Three failures in a minute lock an account for 100 seconds; the other levers are off.
fn user_policy() -> LockoutPolicy {
    LockoutPolicy {
        per_user: scale(3, 60, 100),
        per_tenant: scale(0, 60, 50),
        per_ip: scale(0, 60, 50),
        max_consecutive_failures: 100,
    }
}

/// Sets the policy of a tenant.
async fn set_policy(store: &impl IdentityAdmin, tenant: TenantId, policy: LockoutPolicy) -> Verdict {
    Ok(store.save_lockout_policy(AuthnScope::Tenant(tenant), Some(policy)).await?)
}

/// One attempt at a password at `second`, from an address nobody else has.
fn attempt(ground: &Ground, tenant_id: TenantId, user_id: UserId, second: i64) -> AttemptRequest {
    AttemptRequest {
        attempt_id: AttemptId::generate(ground.at(second), ground.rng()),
        tenant_id,
        user_id,
        factor: FactorKind::Password,
        client_ip: Some(address(ground)),
        trusted_device: None,
        at: ground.at(second),
        default_policy: LockoutPolicy::default(),
    }
}

fn address(ground: &Ground) -> IpAddr {
    let [b, c, d] = axess_rng::random_array(ground.rng());
    IpAddr::V4(Ipv4Addr::new(10, b, c, d))
}
