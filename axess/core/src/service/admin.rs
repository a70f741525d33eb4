//! What operators do: suspending and erasing accounts, clearing locks, ending sessions, provisioning tenants.

use super::{AuthnService, cut_off::By};
use crate::{
    authn::AuthnError,
    session::Sessions,
    store::{FactorStore, IdentityAdmin, Owner, SaveOutcome, TenantBootstrap, UserChange},
};
use axess_events::{
    AuthEvent,
    administrative::{UserDeleted, UserSuspended, UserUnsuspended},
    lockout::{LockoutCleared, LockoutClearedBy, LockoutScope},
    refresh::RefreshRevocationReason,
    tenant::{TenantCreated, TenantSuspended, TenantUnsuspended},
};
use axess_identity::{TenantId, TenantStatus, UserId, UserStatus};

/// Who asks for an operator's verb, and why; both go into the audit trail.
///
/// ```
/// use axess_core::service::Operator;
/// let operator = Operator { name: "ops@example.com".into(), reason: "ticket 4711".into() };
/// assert_eq!(operator.reason, "ticket 4711");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Who.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    /// Suspends an account, ends its sessions and revokes its refresh tokens: from now on it cannot log in, and nothing it holds works.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NoSuchRecord`] when the account does not exist; a store's or the trail's failure. The account is
    /// suspended first, so a failure later on never leaves it able to log in.
    pub async fn suspend_user(
        &self,
        sessions: &Sessions,
        tenant_id: TenantId,
        user_id: UserId,
        operator: &Operator,
    ) -> Result<u64, AuthnError> {
        let change = UserChange { status: Some(UserStatus::Suspended), ..UserChange::default() };
        exists(self.identity.update_user(tenant_id, user_id, change).await?)?;
        let ended = self.end_all(sessions, tenant_id, user_id, operator).await?;
        let event = UserSuspended { user_id, operator_principal: operator.name(), reason: operator.reason() };
        self.emit_operator(operator, Some(tenant_id), AuthEvent::UserSuspended(event))?;
        Ok(ended)
    }

    /// Lets a suspended account log in again.
    ///
    /// Its sessions are not restored.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::suspend_user`].
    pub async fn unsuspend_user(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        operator: &Operator,
    ) -> Result<(), AuthnError> {
        let change = UserChange { status: Some(UserStatus::Active), ..UserChange::default() };
        exists(self.identity.update_user(tenant_id, user_id, change).await?)?;
        let event =
            UserUnsuspended { user_id, operator_principal: operator.name(), reason: operator.reason() };
        self.emit_operator(operator, Some(tenant_id), AuthEvent::UserUnsuspended(event))
    }

    /// Erases an account: its personal data, its factors, its sessions, its refresh tokens and its devices.
    ///
    /// The id stays as a tombstone.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::suspend_user`].
    pub async fn erase_user(
        &self,
        sessions: &Sessions,
        tenant_id: TenantId,
        user_id: UserId,
        operator: &Operator,
    ) -> Result<(), AuthnError> {
        exists(self.identity.erase_user(tenant_id, user_id, operator.reason.clone()).await?)?;
        self.factors.delete_factors(tenant_id, user_id).await?;
        self.end_all(sessions, tenant_id, user_id, operator).await?;
        let owner = Owner { tenant_id, user_id };
        if let Some(tokens) = &self.refresh {
            tokens.store().delete_for_user(owner).await?;
        }
        if let Some(devices) = &self.devices {
            devices.store().delete_for_user(owner).await?;
        }
        let event = UserDeleted { user_id, operator_principal: operator.name(), reason: operator.reason() };
        self.emit_operator(operator, Some(tenant_id), AuthEvent::UserDeleted(event))
    }

    /// Clears the lock of one account.
    ///
    /// # Errors
    ///
    /// A store's or the trail's failure.
    pub async fn clear_lockout(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        operator: &Operator,
    ) -> Result<(), AuthnError> {
        self.identity.clear_lockout(tenant_id, user_id).await?;
        let event = LockoutCleared {
            scope: LockoutScope::User,
            scope_value: user_id.to_string().as_str().into(),
            cleared_by: LockoutClearedBy::Admin,
        };
        self.emit_operator(operator, Some(tenant_id), AuthEvent::LockoutCleared(event))
    }

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
        let tenant_id = bootstrap.tenant_id;
        if self.identity.create_tenant(bootstrap).await? == SaveOutcome::Conflict {
            return Err(AuthnError::Taken);
        }
        let event = TenantCreated { operator_principal: operator.name(), reason: operator.reason() };
        self.emit_operator(operator, Some(tenant_id), AuthEvent::TenantCreated(event))
    }

    /// Suspends a tenant, ends the sessions of all its users and revokes their refresh tokens.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::suspend_user`].
    pub async fn suspend_tenant(
        &self,
        sessions: &Sessions,
        tenant_id: TenantId,
        operator: &Operator,
    ) -> Result<u64, AuthnError> {
        exists(self.identity.set_tenant_status(tenant_id, TenantStatus::Suspended, self.now()).await?)?;
        let ended = self.cut_off_tenant(sessions, tenant_id, By::Operator(operator)).await?;
        let event = TenantSuspended { operator_principal: operator.name(), reason: operator.reason() };
        self.emit_operator(operator, Some(tenant_id), AuthEvent::TenantSuspended(event))?;
        Ok(ended)
    }

    /// Lets the users of a suspended tenant log in again.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::suspend_user`].
    pub async fn unsuspend_tenant(&self, tenant_id: TenantId, operator: &Operator) -> Result<(), AuthnError> {
        exists(self.identity.set_tenant_status(tenant_id, TenantStatus::Active, self.now()).await?)?;
        let event = TenantUnsuspended { operator_principal: operator.name(), reason: operator.reason() };
        self.emit_operator(operator, Some(tenant_id), AuthEvent::TenantUnsuspended(event))
    }

    async fn end_all(
        &self,
        sessions: &Sessions,
        tenant_id: TenantId,
        user_id: UserId,
        operator: &Operator,
    ) -> Result<u64, AuthnError> {
        let (owner, why) = (Owner { tenant_id, user_id }, RefreshRevocationReason::AccountInactive);
        let ended = self.cut_off(sessions, owner, None, By::Operator(operator), why).await?;
        for _ in 0..ended {
            self.metrics.session_invalidated();
        }
        Ok(ended)
    }

    fn emit_operator(
        &self,
        operator: &Operator,
        tenant_id: Option<TenantId>,
        event: AuthEvent,
    ) -> Result<(), AuthnError> {
        self.emit_by(By::Operator(operator), tenant_id, event)
    }
}

impl Operator {
    fn name(&self) -> axess_events::AuditText {
        self.name.as_str().into()
    }

    fn reason(&self) -> axess_events::AuditText {
        self.reason.as_str().into()
    }
}

fn exists(outcome: SaveOutcome) -> Result<(), AuthnError> {
    match outcome {
        SaveOutcome::Saved => Ok(()),
        SaveOutcome::Conflict => Err(AuthnError::NoSuchRecord),
    }
}
