//! The verbs of every storage trait, and the probe around each.

use super::{Instrumented, Probe};
use axess_core::store::{Store, StoreFuture};
use types::*;

/// What the verbs take and answer.
pub(crate) mod types {
    pub(crate) use axess_core::{
        authn::{AuthnScope, FactorConfig, FactorPolicy, Method},
        device::{Device, DeviceRetention, DeviceTrustLevel, FingerprintHash},
        ratelimit::{Admission, BucketKey, RateQuota},
        refresh::{RefreshToken, Successor, TokenHash},
        store::*,
    };
    pub(crate) use axess_identity::{
        DeviceId, EmailAddress, EventId, FactorKind, Identifier, LockoutPolicy, Pepper, ProviderName,
        RefreshTokenId, SessionId, Tenant, TenantId, TenantSlug, TenantStatus, TokenFamilyId, User, UserId,
    };
    pub(crate) use bytes::Bytes;
    pub(crate) use chrono::{DateTime, TimeDelta, Utc};
}

/// Calls a macro with every verb of every storage trait.
macro_rules! for_each_verb {
    ($do:ident) => { $do! {
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
    IdentityAuthnLog: IdentityLookup {
        reserve_attempt(request: AttemptRequest) -> Reservation;
        reserve_login(tenant: TenantSlug, identifier: Identifier, stand_in: AttemptRequest) -> (LoginSubject, Reservation);
        settle_attempt(request: AttemptRequest, outcome: AttemptOutcome) -> Settled;
        clear_lockout(tenant_id: TenantId, user_id: UserId) -> ();
        last_attempts(tenant_id: TenantId, user_id: UserId, limit: usize) -> Vec<AttemptRecord>;
    }
    IdentityAdmin: IdentityAuthnLog {
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
    RefreshTokenStore {
        load_token(owner: Owner, id: RefreshTokenId) -> Option<RefreshToken>;
        issue_with_eviction(token: RefreshToken, max_per_user: usize) -> IssueOutcome;
        rotate_token(current: RefreshTokenId, successor: RefreshToken, sealed: Bytes) -> RotateOutcome;
        take_successor(owner: Owner, id: RefreshTokenId, now: DateTime<Utc>) -> Option<Successor>;
        extend_token(owner: Owner, id: RefreshTokenId, hash: TokenHash, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> SaveOutcome;
        revoke_token(owner: Owner, id: RefreshTokenId, now: DateTime<Utc>) -> RevokedTokens;
        revoke_family(owner: Owner, family_id: TokenFamilyId, now: DateTime<Utc>) -> RevokedTokens;
        revoke_for_device(owner: Owner, device_id: DeviceId, now: DateTime<Utc>) -> RevokedTokens;
        revoke_for_user(owner: Owner, now: DateTime<Utc>) -> RevokedTokens;
        revoke_for_tenant(tenant_id: TenantId, now: DateTime<Utc>) -> u64;
        find_tokens_for_user(owner: Owner, now: DateTime<Utc>, limit: usize) -> Vec<RefreshToken>;
        delete_for_user(owner: Owner) -> u64;
        cleanup_expired(now: DateTime<Utc>, limit: usize) -> u64;
    }
    DeviceStore {
        load(owner: Owner, device_id: DeviceId) -> Option<Device>;
        find_by_fingerprint(owner: Owner, fingerprint: FingerprintHash) -> Option<Device>;
        find_for_user(owner: Owner, limit: usize) -> Vec<Device>;
        register(device: Device) -> Registered;
        record_sighting(owner: Owner, device_id: DeviceId, now: DateTime<Utc>) -> ();
        rename(owner: Owner, device_id: DeviceId, name: Option<String>) -> SaveOutcome;
        set_trust_level(owner: Owner, device_id: DeviceId, level: DeviceTrustLevel, now: DateTime<Utc>) -> TrustChange;
        delete_for_user(owner: Owner) -> u64;
        delete_for_tenant(tenant_id: TenantId) -> u64;
        sweep(tenant_id: TenantId, retention: DeviceRetention, now: DateTime<Utc>, limit: usize) -> Vec<Swept>;
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
    DelegatedCredentialStore {
        load_credential(owner: Owner, downstream: String) -> Option<Stored<DelegatedRow>>;
        save_credential(owner: Owner, row: DelegatedRow, expected: Expected) -> SaveOutcome;
        revoke_credential(owner: Owner, downstream: String) -> bool;
        find_downstreams(owner: Owner) -> Vec<String>;
        delete_for_user(owner: Owner) -> u64;
    }
    SidStore {
        bind(binding: SidBinding) -> ();
        find_by_sid(tenant_id: Option<TenantId>, issuer: String, sid: String, now: DateTime<Utc>) -> Vec<SidBinding>;
        find_by_subject(tenant_id: Option<TenantId>, issuer: String, subject: String, now: DateTime<Utc>) -> Vec<SidBinding>;
        unbind(tenant_id: TenantId, issuer: String, lineage: SessionId) -> ();
        note_logout(key: LogoutKey, at: DateTime<Utc>, until: DateTime<Utc>) -> ();
        last_logout(key: LogoutKey, now: DateTime<Utc>) -> Option<DateTime<Utc>>;
        cleanup_expired(now: DateTime<Utc>, limit: usize) -> u64;
    }
    JtiReplayStore {
        claim(key: ReplayKey, until: DateTime<Utc>, now: DateTime<Utc>) -> Claim;
        cleanup_expired(now: DateTime<Utc>, limit: usize) -> u64;
    }
    RateLimitBuckets {
        admit(key: BucketKey, quota: RateQuota, now: DateTime<Utc>) -> Admission;
        cleanup_expired(now: DateTime<Utc>, limit: usize) -> u64;
    }
    AuditOutbox {
        append(records: Vec<OutboxRecord>) -> ();
        peek(limit: usize) -> Vec<OutboxEntry>;
        complete(sequences: Vec<u64>) -> ();
        depth() -> OutboxDepth;
    }
    AuditStore {
        append(rows: Vec<AuditRow>) -> u64;
        query(query: AuditQuery) -> Vec<AuditRow>;
        scopes(after: Option<AuditScope>, limit: usize) -> Vec<AuditScope>;
        replace(row: AuditRow, expected: Bytes) -> bool;
        delete(scope: AuditScope, events: Vec<EventId>) -> u64;
        delete_before(scope: AuditScope, before: DateTime<Utc>, limit: usize) -> u64;
    }
    FederatedLinkStore {
        find_link(tenant_id: TenantId, issuer: String, subject: String) -> Option<Stored<FederatedLink>>;
        find_links(owner: Owner) -> Vec<FederatedLink>;
        save_link(link: FederatedLink, expected: Expected) -> SaveOutcome;
        touch_link(owner: Owner, issuer: String, subject: String, at: DateTime<Utc>) -> bool;
        delete_link(owner: Owner, issuer: String, subject: String) -> bool;
        delete_for_user(owner: Owner) -> u64;
        delete_for_tenant(tenant_id: TenantId) -> u64;
    }
    TenantIdpStore {
        get_idp(tenant_id: TenantId, name: ProviderName) -> Option<Stored<TenantIdp>>;
        find_idps(tenant_id: TenantId) -> Vec<Stored<TenantIdp>>;
        save_idp(idp: TenantIdp, expected: Expected) -> SaveOutcome;
        delete_idp(tenant_id: TenantId, name: ProviderName) -> bool;
    }
    LeaderLock {
        acquire(name: String, holder: String, ttl: TimeDelta, now: DateTime<Utc>) -> Option<Lease>;
        release(name: String, holder: String) -> bool;
    }
    } };
}

#[cfg(test)]
pub(crate) use for_each_verb;

macro_rules! instrument {
    ($($store:ident $(: $parent:ident)? { $($verb:ident($($arg:ident: $ty:ty),*) -> $answer:ty;)* })*) => {$(
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

for_each_verb!(instrument);

impl<S, P: Probe> Instrumented<S, P> {
    async fn around<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.probe.before(verb).await?;
        let answer = call.await?;
        self.probe.after(verb).await?;
        Ok(answer)
    }
}

impl<K, V, S, P> Store<K, V> for Instrumented<S, P>
where
    K: Send + 'static,
    V: Send + 'static,
    S: Store<K, V>,
    P: Probe,
{
    fn get(&self, key: K, now: DateTime<Utc>) -> StoreFuture<'_, Option<V>> {
        Box::pin(self.around("get", async move { self.inner.get(key, now).await }))
    }

    fn set(&self, key: K, value: V, expires_at: DateTime<Utc>) -> StoreFuture<'_, ()> {
        Box::pin(self.around("set", async move { self.inner.set(key, value, expires_at).await }))
    }

    fn delete(&self, key: K) -> StoreFuture<'_, bool> {
        Box::pin(self.around("delete", async move { self.inner.delete(key).await }))
    }
}
