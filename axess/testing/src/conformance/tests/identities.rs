use super::{
    broken::{fault, faults, linger},
    *,
};
use axess_core::{
    authn::FactorConfig,
    store::{
        AttemptOutcome, AttemptRequest, Expected, FactorStore, IdentityAdmin, IdentityAuthnLog,
        IdentityLookup, LoginSubject, NewUser, Page, Reservation, SaveOutcome, Settled, StoreError,
        TenantBootstrap,
    },
};
use axess_identity::{EmailAddress, Identifier, TenantId, TenantSlug, User, UserId, UserStatus};
use tokio::task::yield_now;

type Answer<T> = Result<T, StoreError>;

faults! {
    ReservesInTwoSteps(InMemoryBackend);
    ForgetsFailures(InMemoryBackend);
    IgnoresTenants(InMemoryBackend);
    FindsUnproved(InMemoryBackend);
    TakesNamesTwice(InMemoryBackend);
    LeavesMethods(InMemoryBackend);
    RemembersActive(InMemoryBackend);
    SpendsTwice(InMemoryBackend);
    NamesTheErased(InMemoryBackend);
    TrustsNobody(InMemoryBackend);
}

/// Declares which tiers a fault leaves alone.
macro_rules! sound {
    ($($tier:ident: $($name:ident),+;)+) => {$($(impl fault::$tier for $name {})+)+};
}

sound! {
    IdentityLookup: ReservesInTwoSteps, ForgetsFailures, TakesNamesTwice, LeavesMethods, RemembersActive, TrustsNobody;
    IdentityAuthnLog: IgnoresTenants, FindsUnproved, TakesNamesTwice, LeavesMethods, NamesTheErased;
    IdentityAdmin: ReservesInTwoSteps, ForgetsFailures, IgnoresTenants, FindsUnproved, RemembersActive, NamesTheErased, TrustsNobody;
}

/// Looks whether it is locked, waits, and grants it whatever is there by then.
impl fault::IdentityAuthnLog for ReservesInTwoSteps {
    async fn reserve_attempt(&self, request: AttemptRequest) -> Answer<Reservation> {
        let answer = self.0.reserve_attempt(request.clone()).await?;
        self.0.settle_attempt(request.clone(), AttemptOutcome::Abandoned).await?;
        if matches!(answer, Reservation::Locked { .. }) {
            return Ok(answer);
        }
        linger().await;
        let _ = self.0.reserve_attempt(request).await?;
        Ok(answer)
    }
}

impl fault::IdentityAuthnLog for ForgetsFailures {
    async fn settle_attempt(&self, request: AttemptRequest, outcome: AttemptOutcome) -> Answer<Settled> {
        let outcome = if outcome == AttemptOutcome::Failure { AttemptOutcome::Abandoned } else { outcome };
        self.0.settle_attempt(request, outcome).await
    }
}

impl fault::IdentityLookup for IgnoresTenants {
    async fn get_user(&self, tenant_id: TenantId, user_id: UserId) -> Answer<Option<User>> {
        if let Some(user) = self.0.get_user(tenant_id, user_id).await? {
            return Ok(Some(user));
        }
        // Some tenant's: that of the account that was asked for before would do.
        let elsewhere =
            self.0.find_login("default".parse().unwrap(), Identifier::parse("alice").unwrap()).await?;
        Ok(elsewhere.user.map(|user| User { user_id, tenant_id, ..user }))
    }
}

impl fault::IdentityLookup for FindsUnproved {
    async fn find_user_by_email(&self, tenant_id: TenantId, email: EmailAddress) -> Answer<Option<User>> {
        let all = self.0.find_users(tenant_id, Page { after: None, limit: 1_000 }).await?;
        Ok(all.into_iter().find(|user| user.email.as_ref() == Some(&email)))
    }
}

/// Looks whether the name is free, waits, and replaces whoever took it.
impl fault::IdentityAdmin for TakesNamesTwice {
    async fn create_user(&self, user: NewUser) -> Answer<SaveOutcome> {
        let known = self.0.find_user(user.tenant_id, user.identifier.clone()).await?;
        if known.is_some_and(|known| known.status != UserStatus::Pending) {
            return Ok(SaveOutcome::Conflict);
        }
        linger().await;
        if let Some(known) = self.0.find_user(user.tenant_id, user.identifier.clone()).await? {
            let _ = self.0.erase_user(known.tenant_id, known.user_id, String::new()).await?;
        }
        self.0.create_user(user).await
    }
}

/// Writes the methods first, and leaves them behind when the slug is taken.
impl fault::IdentityAdmin for LeavesMethods {
    async fn create_tenant(&self, bootstrap: TenantBootstrap) -> Answer<SaveOutcome> {
        let scope = axess_core::authn::AuthnScope::Tenant(bootstrap.tenant_id);
        self.0.save_methods(scope, bootstrap.methods.clone()).await?;
        yield_now().await;
        self.0.create_tenant(bootstrap).await
    }
}

/// Answers from what it knew when the attempt was reserved.
impl fault::IdentityAuthnLog for RemembersActive {
    async fn settle_attempt(&self, request: AttemptRequest, outcome: AttemptOutcome) -> Answer<Settled> {
        let settled = self.0.settle_attempt(request, outcome).await?;
        Ok(Settled { active: true, ..settled })
    }
}

/// Goes on finding an account by the name it had before it was erased.
impl fault::IdentityLookup for NamesTheErased {
    async fn find_login(&self, tenant: TenantSlug, identifier: Identifier) -> Answer<LoginSubject> {
        let found = self.0.find_login(tenant, identifier).await?;
        if found.user.is_some() {
            return Ok(found);
        }
        let Some(home) = &found.tenant else { return Ok(found) };
        let all = self.0.find_users(home.tenant_id, Page { after: None, limit: 1_000 }).await?;
        let user = all.into_iter().find(|user| user.status == UserStatus::Erased);
        Ok(LoginSubject { user, ..found })
    }
}

/// Counts a trusted device with everybody else.
impl fault::IdentityAuthnLog for TrustsNobody {
    async fn reserve_attempt(&self, request: AttemptRequest) -> Answer<Reservation> {
        self.0.reserve_attempt(AttemptRequest { trusted_device: None, ..request }).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_of_identity_stores_are_found() {
    let backend = InMemoryBackend::new().with_user_password("alice", "default", "Gnomes2+");
    found!(identity_store:
        Broken(ReservesInTwoSteps::default()) => ["racing_attempts_are_never_more_than_allowed"],
        Broken(ForgetsFailures::default()) => [
            "an_account_locks_after_what_the_policy_allows",
            "any_sequence_of_attempts_answers_as_in_memory",
        ],
        Broken(IgnoresTenants(backend.clone())) => ["no_verb_reaches_another_tenant"],
        Broken(FindsUnproved::default()) => ["a_verified_address_finds_its_account"],
        Broken(TakesNamesTwice::default()) => ["racing_users_of_one_name_have_one_winner"],
        Broken(LeavesMethods::default()) => [
            "a_slug_is_taken_once",
            "racing_tenants_of_one_slug_have_one_winner",
            "a_call_cut_off_leaves_nothing_half_done",
        ],
        Broken(RemembersActive::default()) => [
            "an_attempt_knows_whether_the_account_is_active",
            "a_login_and_a_suspension_see_each_other",
        ],
        Broken(NamesTheErased::default()) => ["an_erased_account_is_a_tombstone"],
        Broken(TrustsNobody::default()) => ["a_trusted_device_has_a_lane_of_its_own"],
    );
}

/// Reads, waits, and writes whatever is there by then.
impl fault::FactorStore for SpendsTwice {
    async fn save_factor(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        config: FactorConfig,
        expected: Expected,
    ) -> Answer<SaveOutcome> {
        let known = self.0.load_factor(tenant_id, user_id, config.kind()).await?.record;
        if !expected.admits(known.map(|stored| stored.version)) {
            return Ok(SaveOutcome::Conflict);
        }
        linger().await;
        self.0.save_factor(tenant_id, user_id, config, Expected::Any).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_of_factor_stores_are_found() {
    found!(factor_store:
        Broken(SpendsTwice::default()) => [
            "a_code_is_spent_once",
            "racing_enrolments_have_one_winner",
            "a_removal_beats_a_racing_write",
        ],
    );
}
