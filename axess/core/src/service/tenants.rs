//! The life of a tenant.
//!
//! Deleting one takes two steps. [`delete_tenant`](AuthnService::delete_tenant) marks it and ends whatever is open in it, at
//! once; until the second step it can be taken back. [`purge_tenant`](AuthnService::purge_tenant) deletes what belongs to its
//! users, page by page, and can be interrupted anywhere. The audit trail stays.

use super::{
    AuthnService, Operator,
    admin::{Belongings, exists},
    cut_off::By,
};
use crate::{
    authn::{AuthnError, AuthnScope},
    session::Sessions,
    store::{FactorStore, IdentityAdmin, Owner, Page, SaveOutcome, TenantBootstrap},
};
use axess_events::{
    AuthEvent,
    administrative::UserDeleted,
    tenant::{
        TenantCreated, TenantDeleted, TenantPurged, TenantRestored, TenantSuspended, TenantUnsuspended,
    },
};
use axess_identity::{Pepper, Tenant, TenantId, TenantStatus, UserId, UserStatus};
use axess_rng::random_array;

/// The most accounts one call of [`AuthnService::purge_tenant`] looks at.
pub const MAX_PURGE_STEP: usize = 1_000;

/// How far the deletion of what belongs to a tenant got.
///
/// ```
/// use axess_core::service::PurgeProgress;
/// let done = PurgeProgress { users: 12, next: None };
/// assert!(done.next.is_none(), "nothing is left");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeProgress {
    /// How many accounts this call erased.
    pub users: u64,
    /// Where to go on; `None` when nothing is left.
    pub next: Option<UserId>,
}

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    /// Creates a tenant with everything it needs, or nothing.
    ///
    /// # Errors
    ///
    /// [`AuthnError::Method`] when a method is malformed; [`AuthnError::Taken`] when the slug is; a store's or the
    /// trail's failure.
    pub async fn create_tenant(
        &self,
        bootstrap: TenantBootstrap,
        operator: &Operator,
    ) -> Result<(), AuthnError> {
        for method in &bootstrap.methods {
            method.check().map_err(AuthnError::Method)?;
        }
        self.emitter
            .together(async {
                let tenant_id = bootstrap.tenant_id;
                if self.identity.create_tenant(bootstrap).await? == SaveOutcome::Conflict {
                    return Err(AuthnError::Taken);
                }
                let event =
                    TenantCreated { operator_principal: operator.principal(), reason: operator.why() };
                self.emit_operator(operator, Some(tenant_id), AuthEvent::TenantCreated(event)).await
            })
            .await
    }

    /// Suspends a tenant, ends the sessions of all its users and revokes their refresh tokens.
    ///
    /// Returns how many sessions ended.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NoSuchRecord`] when the tenant does not exist or is deleted; a store's or the trail's failure. The
    /// tenant is suspended first, so a failure later on never leaves its users able to log in.
    pub async fn suspend_tenant(
        &self,
        sessions: &Sessions,
        tenant_id: TenantId,
        operator: &Operator,
    ) -> Result<u64, AuthnError> {
        self.emitter
            .together(async {
                self.tenant_that_is(tenant_id, |status| status != TenantStatus::Deleted).await?;
                self.set_status(tenant_id, TenantStatus::Suspended).await?;
                let ended = self.cut_off_tenant(sessions, tenant_id, By::Operator(operator)).await?;
                let event =
                    TenantSuspended { operator_principal: operator.principal(), reason: operator.why() };
                self.emit_operator(operator, Some(tenant_id), AuthEvent::TenantSuspended(event)).await?;
                Ok(ended)
            })
            .await
    }

    /// Lets the users of a suspended tenant log in again.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::suspend_tenant`].
    pub async fn unsuspend_tenant(&self, tenant_id: TenantId, operator: &Operator) -> Result<(), AuthnError> {
        self.emitter
            .together(async {
                self.tenant_that_is(tenant_id, |status| status != TenantStatus::Deleted).await?;
                self.set_status(tenant_id, TenantStatus::Active).await?;
                let event =
                    TenantUnsuspended { operator_principal: operator.principal(), reason: operator.why() };
                self.emit_operator(operator, Some(tenant_id), AuthEvent::TenantUnsuspended(event)).await
            })
            .await
    }

    /// Marks a tenant as deleted, ends the sessions of all its users and revokes their refresh tokens.
    ///
    /// Returns how many sessions ended. Nothing is erased yet: [`AuthnService::purge_tenant`] does that, and until then [`AuthnService::restore_tenant`]
    /// takes it back.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NoSuchRecord`] when the tenant does not exist; a store's or the trail's failure. It may be called
    /// again.
    pub async fn delete_tenant(
        &self,
        sessions: &Sessions,
        tenant_id: TenantId,
        operator: &Operator,
    ) -> Result<u64, AuthnError> {
        self.emitter
            .together(async {
                self.set_status(tenant_id, TenantStatus::Deleted).await?;
                let ended = self.cut_off_tenant(sessions, tenant_id, By::Operator(operator)).await?;
                let event =
                    TenantDeleted { operator_principal: operator.principal(), reason: operator.why() };
                self.emit_operator(operator, Some(tenant_id), AuthEvent::TenantDeleted(event)).await?;
                Ok(ended)
            })
            .await
    }

    /// Takes the deletion of a tenant back.
    ///
    /// It is suspended from now on, and [`AuthnService::unsuspend_tenant`] lets its users in again. What a purge has erased already stays erased.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NoSuchRecord`] when there is no such deleted tenant; a store's or the trail's failure.
    pub async fn restore_tenant(&self, tenant_id: TenantId, operator: &Operator) -> Result<(), AuthnError> {
        self.emitter
            .together(async {
                self.tenant_that_is(tenant_id, |status| status == TenantStatus::Deleted).await?;
                self.set_status(tenant_id, TenantStatus::Suspended).await?;
                let event =
                    TenantRestored { operator_principal: operator.principal(), reason: operator.why() };
                self.emit_operator(operator, Some(tenant_id), AuthEvent::TenantRestored(event)).await
            })
            .await
    }

    /// Erases about `limit` accounts of a deleted tenant with all that belongs to them.
    ///
    /// Those are sessions, refresh tokens, devices, factors (identities at providers among them) and delegated credentials.
    /// The last call also takes the tenant's own methods, policies, identity providers and pepper.
    ///
    /// Call it with [`PurgeProgress::next`] until that is `None`. It may be stopped and begun again at any time, from the
    /// beginning as well. The tenant stays as a tombstone, its name is not given to another, and its audit trail is kept.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NoSuchRecord`] when there is no such deleted tenant; a store's or the trail's failure.
    pub async fn purge_tenant(
        &self,
        sessions: &Sessions,
        tenant_id: TenantId,
        after: Option<UserId>,
        limit: usize,
        operator: &Operator,
    ) -> Result<PurgeProgress, AuthnError> {
        self.tenant_that_is(tenant_id, |status| status == TenantStatus::Deleted).await?;
        let limit = limit.clamp(1, MAX_PURGE_STEP);
        let page = self.identity.find_users(tenant_id, Page { after, limit }).await?;
        let next = page.last().map(|user| user.user_id);
        let (mut users, mut gone) = (0, Belongings::default());
        for user in page.iter().filter(|user| user.status != UserStatus::Erased) {
            let owner = Owner { tenant_id, user_id: user.user_id };
            let belongings = self.erase_belongings(sessions, owner, operator).await?;
            // Last, so that an account whose erasure failed half-way is found again.
            let reason = operator.reason.clone();
            if self.identity.erase_user(tenant_id, owner.user_id, reason).await? == SaveOutcome::Conflict {
                continue; // another purge was faster
            }
            let event = UserDeleted {
                user_id: owner.user_id,
                operator_principal: operator.principal(),
                reason: operator.why(),
            };
            self.emit_operator(operator, Some(tenant_id), AuthEvent::UserDeleted(event)).await?;
            users += 1;
            gone = gone.and(belongings);
        }
        if next.is_none() {
            gone = gone.and(self.purge_rest(sessions, tenant_id, operator).await?);
        }
        let event = TenantPurged {
            operator_principal: operator.principal(),
            reason: operator.why(),
            users,
            sessions: gone.sessions,
            refresh_tokens: gone.refresh_tokens,
            devices: gone.devices,
            factors: gone.factors,
            delegated_credentials: gone.delegated,
            complete: next.is_none(),
        };
        self.emit_operator(operator, Some(tenant_id), AuthEvent::TenantPurged(event)).await?;
        Ok(PurgeProgress { users, next })
    }

    /// Takes what is the tenant's and no account's.
    async fn purge_rest(
        &self,
        sessions: &Sessions,
        tenant_id: TenantId,
        operator: &Operator,
    ) -> Result<Belongings, AuthnError> {
        let ended = self.cut_off_tenant(sessions, tenant_id, By::Operator(operator)).await?;
        let mut gone = Belongings { sessions: ended, ..Belongings::default() };
        if let Some(devices) = &self.devices {
            gone.devices = devices.store().delete_for_tenant(tenant_id).await?;
        }
        if let Some(federation) = &self.federation {
            gone.factors += federation.links().delete_for_tenant(tenant_id).await?;
            federation.providers().delete_of_tenant(tenant_id).await?;
        }
        let scope = AuthnScope::Tenant(tenant_id);
        self.identity.save_methods(scope, Vec::new()).await?;
        self.identity.save_lockout_policy(scope, None).await?;
        // Under another pepper no fingerprint of before can be worked out again.
        let pepper = Pepper::from(random_array::<32>(self.rng()));
        exists(self.identity.rotate_fingerprint_pepper(tenant_id, pepper).await?)?;
        Ok(gone)
    }

    async fn set_status(&self, tenant_id: TenantId, status: TenantStatus) -> Result<(), AuthnError> {
        exists(self.identity.set_tenant_status(tenant_id, status, self.now()).await?)
    }

    async fn tenant_that_is(
        &self,
        tenant_id: TenantId,
        fits: impl FnOnce(TenantStatus) -> bool,
    ) -> Result<Tenant, AuthnError> {
        let tenant = self.identity.get_tenant(tenant_id).await?;
        tenant.filter(|tenant| fits(tenant.status)).ok_or(AuthnError::NoSuchRecord)
    }
}

impl Belongings {
    fn and(self, more: Self) -> Self {
        Self {
            factors: self.factors + more.factors,
            sessions: self.sessions + more.sessions,
            refresh_tokens: self.refresh_tokens + more.refresh_tokens,
            devices: self.devices + more.devices,
            delegated: self.delegated + more.delegated,
        }
    }
}
