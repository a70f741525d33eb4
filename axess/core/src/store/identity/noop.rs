use crate::{
    authn::{AuthnScope, Method},
    store::{
        AttemptOutcome, AttemptRecord, AttemptRequest, IdentityAuthnLog, IdentityLookup, LoginSubject, Page,
        Reservation, Settled, StoreError,
    },
};
use axess_identity::{EmailAddress, Identifier, LockoutPolicy, Tenant, TenantId, TenantSlug, User, UserId};

/// Adds an attempt log that remembers nothing to an [`IdentityLookup`].
///
/// **It switches lockout off.** It is for fixtures and for read replicas whose attempts are counted elsewhere; in
/// production implement [`IdentityAuthnLog`].
///
/// ```
/// use axess_core::{memory::InMemoryBackend, store::{IdentityAuthnLog, NoopAuthnLog}};
/// fn takes(_: impl IdentityAuthnLog) {}
/// takes(NoopAuthnLog::new(InMemoryBackend::new()));
/// ```
#[derive(Debug, Clone)]
pub struct NoopAuthnLog<L>(L);

impl<L: IdentityLookup> NoopAuthnLog<L> {
    /// Wraps `lookup`.
    pub fn new(lookup: L) -> Self {
        Self(lookup)
    }
}

impl<L: IdentityLookup> IdentityLookup for NoopAuthnLog<L> {
    async fn find_login(
        &self,
        tenant: TenantSlug,
        identifier: Identifier,
    ) -> Result<LoginSubject, StoreError> {
        self.0.find_login(tenant, identifier).await
    }

    async fn get_user(&self, tenant_id: TenantId, user_id: UserId) -> Result<Option<User>, StoreError> {
        self.0.get_user(tenant_id, user_id).await
    }

    async fn find_user(
        &self,
        tenant_id: TenantId,
        identifier: Identifier,
    ) -> Result<Option<User>, StoreError> {
        self.0.find_user(tenant_id, identifier).await
    }

    async fn find_user_by_email(
        &self,
        tenant_id: TenantId,
        email: EmailAddress,
    ) -> Result<Option<User>, StoreError> {
        self.0.find_user_by_email(tenant_id, email).await
    }

    async fn find_users(&self, tenant_id: TenantId, page: Page) -> Result<Vec<User>, StoreError> {
        self.0.find_users(tenant_id, page).await
    }

    async fn get_tenant(&self, tenant_id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.0.get_tenant(tenant_id).await
    }

    async fn find_tenant(&self, slug: TenantSlug) -> Result<Option<Tenant>, StoreError> {
        self.0.find_tenant(slug).await
    }

    async fn get_methods(&self, scope: AuthnScope) -> Result<Vec<Method>, StoreError> {
        self.0.get_methods(scope).await
    }

    async fn find_methods(&self, tenant_id: TenantId, user_id: UserId) -> Result<Vec<Method>, StoreError> {
        self.0.find_methods(tenant_id, user_id).await
    }

    async fn find_lockout_policy(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
    ) -> Result<Option<LockoutPolicy>, StoreError> {
        self.0.find_lockout_policy(tenant_id, user_id).await
    }
}

impl<L: IdentityLookup> IdentityAuthnLog for NoopAuthnLog<L> {
    /// Grants every attempt; still reads the account, so that a suspended one cannot log in.
    async fn reserve_attempt(&self, request: AttemptRequest) -> Result<Reservation, StoreError> {
        let user = self.0.get_user(request.tenant_id, request.user_id).await?;
        let active = user.is_some_and(|user| user.status.admits_logins());
        Ok(Reservation::Granted { active, lapsed: Vec::new() })
    }

    async fn reserve_login(
        &self,
        tenant: TenantSlug,
        identifier: Identifier,
        _: AttemptRequest,
    ) -> Result<(LoginSubject, Reservation), StoreError> {
        let subject = self.0.find_login(tenant, identifier).await?;
        let active = subject.active_user().is_some();
        Ok((subject, Reservation::Granted { active, lapsed: Vec::new() }))
    }

    /// Counts nothing; still reads the account, as [`IdentityAuthnLog::reserve_attempt`] does.
    async fn settle_attempt(
        &self,
        request: AttemptRequest,
        _: AttemptOutcome,
    ) -> Result<Settled, StoreError> {
        let user = self.0.get_user(request.tenant_id, request.user_id).await?;
        let active = user.is_some_and(|user| user.status.admits_logins());
        Ok(Settled { active, triggered: Vec::new() })
    }

    async fn clear_lockout(&self, _: TenantId, _: UserId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn last_attempts(
        &self,
        _: TenantId,
        _: UserId,
        _: usize,
    ) -> Result<Vec<AttemptRecord>, StoreError> {
        Ok(Vec::new())
    }
}
