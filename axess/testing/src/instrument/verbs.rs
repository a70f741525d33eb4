//! The verbs of every storage trait, with the probe around each.

use super::{Instrumented, Probe};
use axess_core::{
    authn::{AuthnScope, FactorConfig, FactorPolicy, Method},
    store::{
        AttemptOutcome, AttemptRecord, AttemptRequest, Expected, FactorStore, IdentityAdmin,
        IdentityAuthnLog, IdentityLookup, LoginSubject, NewUser, Owner, Page, Reservation, SaveOutcome,
        ScanCursor, ScanPage, ScopedFactor, SessionEntry, SessionRegistry, SessionRow, SessionStore,
        SessionSummary, Settled, StoreError, TenantBootstrap, UserChange,
    },
};
use axess_identity::{
    EmailAddress, FactorKind, Identifier, LockoutPolicy, Pepper, SessionId, Tenant, TenantId, TenantSlug,
    TenantStatus, User, UserId,
};
use chrono::{DateTime, Utc};

macro_rules! instrument {
    ($($store:ident { $($verb:ident($($arg:ident: $ty:ty),*) -> $answer:ty;)* })*) => {$(
        impl<S: $store, P: Probe> $store for Instrumented<S, P> {$(
            async fn $verb(&self, $($arg: $ty),*) -> Result<$answer, StoreError> {
                self.probe.before(stringify!($verb)).await?;
                let answer = self.inner.$verb($($arg),*).await?;
                self.probe.after(stringify!($verb)).await?;
                Ok(answer)
            }
        )*}
    )*};
}

instrument! {
    IdentityLookup {
        find_login(tenant: TenantSlug, identifier: Identifier) -> LoginSubject;
        get_user(tenant_id: TenantId, user_id: UserId) -> Option<User>;
        find_user(tenant_id: TenantId, identifier: Identifier) -> Option<User>;
        find_user_by_email(tenant_id: TenantId, email: EmailAddress) -> Option<User>;
        find_users(tenant_id: TenantId, page: Page) -> Vec<User>;
        get_tenant(tenant_id: TenantId) -> Option<Tenant>;
        find_tenant(slug: TenantSlug) -> Option<Tenant>;
        get_methods(scope: AuthnScope) -> Vec<Method>;
        find_methods(tenant_id: TenantId, user_id: UserId) -> Vec<Method>;
        find_lockout_policy(tenant_id: TenantId, user_id: UserId) -> Option<LockoutPolicy>;
    }
    IdentityAuthnLog {
        reserve_attempt(request: AttemptRequest) -> Reservation;
        reserve_login(tenant: TenantSlug, identifier: Identifier, stand_in: AttemptRequest) -> (LoginSubject, Reservation);
        settle_attempt(request: AttemptRequest, outcome: AttemptOutcome) -> Settled;
        clear_lockout(tenant_id: TenantId, user_id: UserId) -> ();
        last_attempts(tenant_id: TenantId, user_id: UserId, limit: usize) -> Vec<AttemptRecord>;
    }
    IdentityAdmin {
        create_user(user: NewUser) -> SaveOutcome;
        update_user(tenant_id: TenantId, user_id: UserId, change: UserChange) -> SaveOutcome;
        erase_user(tenant_id: TenantId, user_id: UserId, reason: String) -> SaveOutcome;
        save_methods(scope: AuthnScope, methods: Vec<Method>) -> ();
        save_lockout_policy(scope: AuthnScope, policy: Option<LockoutPolicy>) -> ();
        create_tenant(bootstrap: TenantBootstrap) -> SaveOutcome;
        set_tenant_status(tenant_id: TenantId, status: TenantStatus, at: DateTime<Utc>) -> SaveOutcome;
        rotate_fingerprint_pepper(tenant_id: TenantId, pepper: Pepper) -> SaveOutcome;
        purge_attempts(before: DateTime<Utc>, limit: usize) -> u64;
    }
    FactorStore {
        load_factor(tenant_id: TenantId, user_id: UserId, kind: FactorKind) -> ScopedFactor;
        find_factors(tenant_id: TenantId, user_id: UserId) -> Vec<FactorKind>;
        save_factor(tenant_id: TenantId, user_id: UserId, config: FactorConfig, expected: Expected) -> SaveOutcome;
        delete_factor(tenant_id: TenantId, user_id: UserId, kind: FactorKind) -> bool;
        delete_factors(tenant_id: TenantId, user_id: UserId) -> u64;
        save_factor_policy(scope: AuthnScope, kind: FactorKind, policy: Option<FactorPolicy>) -> ();
    }
    SessionStore {
        load(id: SessionId, now: DateTime<Utc>) -> Option<SessionRow>;
        insert(row: SessionRow) -> SaveOutcome;
        save(row: SessionRow) -> SaveOutcome;
        cycle(old: SessionId, expected: u64, row: SessionRow, now: DateTime<Utc>) -> SaveOutcome;
        end(id: SessionId, now: DateTime<Utc>) -> u64;
        find_sessions_for_user(owner: Owner, now: DateTime<Utc>, limit: usize) -> Vec<SessionSummary>;
        end_for_user(owner: Owner, keep: Option<SessionId>) -> u64;
        end_for_tenant(tenant_id: TenantId) -> u64;
        scan(after: Option<ScanCursor>, now: DateTime<Utc>, limit: usize) -> ScanPage;
        cleanup_expired(now: DateTime<Utc>, limit: usize) -> u64;
    }
    SessionRegistry {
        register(entry: SessionEntry, replaces: Option<SessionId>) -> ();
        deregister(owner: Owner, id: SessionId) -> ();
        is_valid(owner: Owner, id: SessionId, now: DateTime<Utc>) -> bool;
        find_for_user(owner: Owner, now: DateTime<Utc>, limit: usize) -> Vec<SessionEntry>;
        invalidate_user(owner: Owner, keep: Option<SessionId>) -> u64;
        invalidate_tenant(tenant_id: TenantId) -> u64;
        cleanup_expired(now: DateTime<Utc>, limit: usize) -> u64;
    }
}
