use super::{InMemoryBackend, backend::Tables};
use crate::{
    authn::{AuthnScope, Method},
    store::{
        AttemptOutcome, AttemptRecord, AttemptRequest, IdentityAdmin, IdentityAuthnLog, IdentityLookup,
        LoginSubject, NewUser, Page, Reservation, SaveOutcome, Settled, StoreError, StoreErrorKind,
        TenantBootstrap, UserChange, check_display_name,
    },
};
use axess_identity::{
    EmailAddress, Identifier, LockoutPolicy, Pepper, Tenant, TenantId, TenantSlug, TenantStatus, User,
    UserId, UserStatus,
};
use chrono::{DateTime, Utc};

/// The most users one page returns.
const MAX_PAGE: usize = 1_000;

impl IdentityLookup for InMemoryBackend {
    async fn find_login(
        &self,
        tenant: TenantSlug,
        identifier: Identifier,
    ) -> Result<LoginSubject, StoreError> {
        Ok(self.lock().find_login(&tenant, identifier))
    }

    async fn get_user(&self, tenant_id: TenantId, user_id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.lock().users.get(&(tenant_id, user_id)).cloned())
    }

    async fn find_user(
        &self,
        tenant_id: TenantId,
        identifier: Identifier,
    ) -> Result<Option<User>, StoreError> {
        Ok(self.lock().named(tenant_id, identifier))
    }

    async fn find_user_by_email(
        &self,
        tenant_id: TenantId,
        email: EmailAddress,
    ) -> Result<Option<User>, StoreError> {
        let tables = self.lock();
        let verified = |user: &&User| {
            user.tenant_id == tenant_id && user.email_verified && user.email.as_ref() == Some(&email)
        };
        Ok(tables.users.values().find(verified).cloned())
    }

    async fn find_users(&self, tenant_id: TenantId, page: Page) -> Result<Vec<User>, StoreError> {
        let tables = self.lock();
        let users = tables.users.values().filter(|user| user.tenant_id == tenant_id);
        let after = users.filter(|user| page.after.is_none_or(|after| user.user_id > after));
        Ok(after.take(page.limit.min(MAX_PAGE)).cloned().collect())
    }

    async fn get_tenant(&self, tenant_id: TenantId) -> Result<Option<Tenant>, StoreError> {
        Ok(self.lock().tenants.get(&tenant_id).cloned())
    }

    async fn find_tenant(&self, slug: TenantSlug) -> Result<Option<Tenant>, StoreError> {
        Ok(self.lock().tenant(&slug).cloned())
    }

    async fn get_methods(&self, scope: AuthnScope) -> Result<Vec<Method>, StoreError> {
        Ok(self.lock().methods.get(&scope).cloned().unwrap_or_default())
    }

    async fn find_methods(&self, tenant_id: TenantId, user_id: UserId) -> Result<Vec<Method>, StoreError> {
        Ok(self.lock().methods_for(AuthnScope::User { tenant_id, user_id }))
    }

    async fn find_lockout_policy(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
    ) -> Result<Option<LockoutPolicy>, StoreError> {
        Ok(self.lock().lockout_policy(tenant_id, user_id))
    }
}

impl IdentityAuthnLog for InMemoryBackend {
    async fn reserve_attempt(&self, request: AttemptRequest) -> Result<Reservation, StoreError> {
        Ok(self.lock().reserve(&request))
    }

    async fn reserve_login(
        &self,
        tenant: TenantSlug,
        identifier: Identifier,
        stand_in: AttemptRequest,
    ) -> Result<(LoginSubject, Reservation), StoreError> {
        let mut tables = self.lock();
        let subject = tables.find_login(&tenant, identifier);
        let reservation = tables.reserve(&subject.attempt(stand_in));
        Ok((subject, reservation))
    }

    async fn settle_attempt(
        &self,
        request: AttemptRequest,
        outcome: AttemptOutcome,
    ) -> Result<Settled, StoreError> {
        let mut tables = self.lock();
        let policy = tables
            .lockout_policy(request.tenant_id, request.user_id)
            .unwrap_or(request.default_policy.clone());
        let active = tables.is_active(&request);
        Ok(Settled { active, triggered: tables.ledger.settle(&request, outcome, &policy) })
    }

    async fn clear_lockout(&self, tenant_id: TenantId, user_id: UserId) -> Result<(), StoreError> {
        self.lock().ledger.clear(tenant_id, user_id);
        Ok(())
    }

    async fn last_attempts(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        limit: usize,
    ) -> Result<Vec<AttemptRecord>, StoreError> {
        Ok(self.lock().ledger.last(tenant_id, user_id, limit))
    }
}

impl IdentityAdmin for InMemoryBackend {
    async fn create_user(&self, user: NewUser) -> Result<SaveOutcome, StoreError> {
        user.display_name.as_deref().map_or(Ok(()), check_display_name)?;
        let mut tables = self.lock();
        let name = (user.tenant_id, user.identifier.clone());
        let holder = tables.names.get(&name).map(|holder| (user.tenant_id, *holder));
        let replaced = holder.and_then(|key| tables.users.get(&key)).map(|holder| holder.status);
        let key = (user.tenant_id, user.user_id);
        let id_is_taken = holder != Some(key) && tables.users.contains_key(&key);
        if id_is_taken || replaced.is_some_and(|status| status != UserStatus::Pending) {
            return Ok(SaveOutcome::Conflict);
        }
        if let Some(key) = holder {
            tables.users.remove(&key);
        }
        tables.names.insert(name, user.user_id);
        tables.users.insert((user.tenant_id, user.user_id), user);
        Ok(SaveOutcome::Saved)
    }

    async fn update_user(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        change: UserChange,
    ) -> Result<SaveOutcome, StoreError> {
        change.display_name.as_deref().map_or(Ok(()), check_display_name)?;
        let mut tables = self.lock();
        let known = tables.users.get(&(tenant_id, user_id)).filter(|user| user.status != UserStatus::Erased);
        let Some(mut user) = known.cloned() else {
            return Ok(SaveOutcome::Conflict);
        };
        if let Some(identifier) = change.identifier.filter(|new| *new != user.identifier) {
            if tables.names.contains_key(&(tenant_id, identifier.clone())) {
                return Ok(SaveOutcome::Conflict);
            }
            tables.names.remove(&(tenant_id, user.identifier));
            tables.names.insert((tenant_id, identifier.clone()), user_id);
            user.identifier = identifier;
        }
        if let Some(email) = change.email {
            user.email = Some(email);
            user.email_verified = false;
        }
        user.email_verified = change.email_verified.unwrap_or(user.email_verified);
        user.display_name = change.display_name.or(user.display_name);
        user.status = change.status.unwrap_or(user.status);
        tables.users.insert((tenant_id, user_id), user);
        Ok(SaveOutcome::Saved)
    }

    async fn erase_user(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        _reason: String,
    ) -> Result<SaveOutcome, StoreError> {
        // A login name is personal data, too. This one is reserved, so nobody can sign up under it.
        let tombstone = Identifier::parse(&format!("axess:erased:{user_id}"))
            .map_err(|error| StoreError::new(StoreErrorKind::Backend, error))?;
        let mut tables = self.lock();
        let Some(user) = tables.users.get_mut(&(tenant_id, user_id)) else {
            return Ok(SaveOutcome::Conflict);
        };
        user.status = UserStatus::Erased;
        user.display_name = None;
        user.email = None;
        user.email_verified = false;
        let name = std::mem::replace(&mut user.identifier, tombstone);
        tables.names.remove(&(tenant_id, name));
        tables.factors.retain(|(tenant, user, _), _| (*tenant, *user) != (tenant_id, user_id));
        tables.ledger.clear(tenant_id, user_id);
        Ok(SaveOutcome::Saved)
    }

    async fn save_methods(&self, scope: AuthnScope, methods: Vec<Method>) -> Result<(), StoreError> {
        let mut tables = self.lock();
        if methods.is_empty() {
            tables.methods.remove(&scope);
        } else {
            tables.methods.insert(scope, methods);
        }
        Ok(())
    }

    async fn save_lockout_policy(
        &self,
        scope: AuthnScope,
        policy: Option<LockoutPolicy>,
    ) -> Result<(), StoreError> {
        let mut tables = self.lock();
        if let AuthnScope::Tenant(tenant_id) = scope
            && let Some(tenant) = tables.tenants.get_mut(&tenant_id)
        {
            tenant.lockout_policy = policy;
            return Ok(());
        }
        match policy {
            Some(policy) => tables.lockout_policies.insert(scope, policy),
            None => tables.lockout_policies.remove(&scope),
        };
        Ok(())
    }

    async fn create_tenant(&self, bootstrap: TenantBootstrap) -> Result<SaveOutcome, StoreError> {
        check_display_name(&bootstrap.display_name)?;
        let mut tables = self.lock();
        if tables.tenant(&bootstrap.slug).is_some() || tables.tenants.contains_key(&bootstrap.tenant_id) {
            return Ok(SaveOutcome::Conflict);
        }
        if !bootstrap.methods.is_empty() {
            tables.methods.insert(AuthnScope::Tenant(bootstrap.tenant_id), bootstrap.methods);
        }
        let tenant = Tenant {
            tenant_id: bootstrap.tenant_id,
            slug: bootstrap.slug,
            status: TenantStatus::Active,
            display_name: bootstrap.display_name,
            fingerprint_pepper: bootstrap.fingerprint_pepper,
            lockout_policy: bootstrap.lockout_policy,
            device_retention_days: bootstrap.device_retention_days,
            created_at: bootstrap.created_at,
            suspended_at: None,
        };
        tables.tenants.insert(tenant.tenant_id, tenant);
        Ok(SaveOutcome::Saved)
    }

    async fn set_tenant_status(
        &self,
        tenant_id: TenantId,
        status: TenantStatus,
        at: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        let mut tables = self.lock();
        let Some(tenant) = tables.tenants.get_mut(&tenant_id) else {
            return Ok(SaveOutcome::Conflict);
        };
        tenant.status = status;
        tenant.suspended_at = (status == TenantStatus::Suspended).then_some(at);
        Ok(SaveOutcome::Saved)
    }

    async fn rotate_fingerprint_pepper(
        &self,
        tenant_id: TenantId,
        pepper: Pepper,
    ) -> Result<SaveOutcome, StoreError> {
        let mut tables = self.lock();
        let Some(tenant) = tables.tenants.get_mut(&tenant_id) else {
            return Ok(SaveOutcome::Conflict);
        };
        tenant.fingerprint_pepper = pepper;
        Ok(SaveOutcome::Saved)
    }

    async fn purge_attempts(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        Ok(self.lock().ledger.purge(before, limit))
    }
}

impl Tables {
    fn tenant(&self, slug: &TenantSlug) -> Option<&Tenant> {
        self.tenants.values().find(|tenant| tenant.slug == *slug)
    }

    fn named(&self, tenant_id: TenantId, identifier: Identifier) -> Option<User> {
        let user_id = *self.names.get(&(tenant_id, identifier))?;
        self.users.get(&(tenant_id, user_id)).cloned()
    }

    fn find_login(&self, slug: &TenantSlug, identifier: Identifier) -> LoginSubject {
        let tenant = self.tenant(slug).cloned();
        let user = tenant.as_ref().and_then(|tenant| self.named(tenant.tenant_id, identifier));
        let scope = match (&tenant, &user) {
            (_, Some(user)) => AuthnScope::User { tenant_id: user.tenant_id, user_id: user.user_id },
            (Some(tenant), None) => AuthnScope::Tenant(tenant.tenant_id),
            (None, None) => AuthnScope::Global,
        };
        LoginSubject { tenant, user, methods: self.methods_for(scope) }
    }

    fn methods_for(&self, scope: AuthnScope) -> Vec<Method> {
        Self::resolve(scope, |scope| self.methods.get(&scope)).cloned().unwrap_or_default()
    }

    fn lockout_policy(&self, tenant_id: TenantId, user_id: UserId) -> Option<LockoutPolicy> {
        let of_tenant = self.tenants.get(&tenant_id).and_then(|tenant| tenant.lockout_policy.as_ref());
        Self::resolve(AuthnScope::User { tenant_id, user_id }, |scope| {
            let stored = self.lockout_policies.get(&scope);
            stored.or(if matches!(scope, AuthnScope::Tenant(_)) { of_tenant } else { None })
        })
        .cloned()
    }

    fn is_active(&self, request: &AttemptRequest) -> bool {
        let tenant = self.tenants.get(&request.tenant_id);
        let user = self.users.get(&(request.tenant_id, request.user_id));
        tenant.is_some_and(|tenant| tenant.status.admits_logins())
            && user.is_some_and(|user| user.status.admits_logins())
    }

    fn reserve(&mut self, request: &AttemptRequest) -> Reservation {
        let policy = self
            .lockout_policy(request.tenant_id, request.user_id)
            .unwrap_or_else(|| request.default_policy.clone());
        let active = self.is_active(request);
        match self.ledger.reserve(request, &policy) {
            Ok(lapsed) => Reservation::Granted { active, lapsed },
            Err(locked) => Reservation::Locked { until: locked.until },
        }
    }
}
