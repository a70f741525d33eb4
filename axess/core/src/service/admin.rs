//! What operators do to accounts: suspending and erasing them, clearing locks.

use super::{AuthnService, Operator, cut_off::By};
use crate::{
    authn::AuthnError,
    session::Sessions,
    store::{FactorStore, IdentityAdmin, Owner, SaveOutcome, UserChange},
};
use axess_events::{
    AuthEvent,
    administrative::{UserDeleted, UserSuspended, UserUnsuspended},
    device::RevokedBy,
    lockout::{LockoutCleared, LockoutClearedBy, LockoutScope},
    refresh::RefreshRevocationReason,
};
use axess_identity::{TenantId, UserId, UserStatus};

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
        self.emitter
            .together(async {
                let change = UserChange { status: Some(UserStatus::Suspended), ..UserChange::default() };
                exists(self.identity.update_user(tenant_id, user_id, change).await?)?;
                let ended = self.end_all(sessions, tenant_id, user_id, operator).await?;
                let event = UserSuspended {
                    user_id,
                    operator_principal: operator.principal(),
                    reason: operator.why(),
                };
                self.emit_operator(operator, Some(tenant_id), AuthEvent::UserSuspended(event)).await?;
                Ok(ended)
            })
            .await
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
        self.emitter
            .together(async {
                let change = UserChange { status: Some(UserStatus::Active), ..UserChange::default() };
                exists(self.identity.update_user(tenant_id, user_id, change).await?)?;
                let event = UserUnsuspended {
                    user_id,
                    operator_principal: operator.principal(),
                    reason: operator.why(),
                };
                self.emit_operator(operator, Some(tenant_id), AuthEvent::UserUnsuspended(event)).await
            })
            .await
    }

    /// Erases an account and what belongs to it.
    ///
    /// That is its personal data, its factors, its sessions, its refresh tokens, its devices, its identities at
    /// providers, and what it let the application do elsewhere. The id stays as a tombstone.
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
        self.emitter
            .together(async {
                exists(self.identity.erase_user(tenant_id, user_id, operator.reason.clone()).await?)?;
                self.erase_belongings(sessions, Owner { tenant_id, user_id }, operator).await?;
                let event =
                    UserDeleted { user_id, operator_principal: operator.principal(), reason: operator.why() };
                self.emit_operator(operator, Some(tenant_id), AuthEvent::UserDeleted(event)).await
            })
            .await
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
        self.emitter
            .together(async {
                self.identity.clear_lockout(tenant_id, user_id).await?;
                let event = LockoutCleared {
                    scope: LockoutScope::User,
                    scope_value: user_id.to_string().as_str().into(),
                    cleared_by: LockoutClearedBy::Admin,
                };
                self.emit_operator(operator, Some(tenant_id), AuthEvent::LockoutCleared(event)).await
            })
            .await
    }

    /// Deletes what belongs to an account, and returns how much it was. It may be done again after it failed half-way.
    pub(super) async fn erase_belongings(
        &self,
        sessions: &Sessions,
        owner: Owner,
        operator: &Operator,
    ) -> Result<Belongings, AuthnError> {
        let factors = self.factors.delete_factors(owner.tenant_id, owner.user_id).await?;
        let ended = self.end_all(sessions, owner.tenant_id, owner.user_id, operator).await?;
        let mut gone = Belongings { factors, sessions: ended, ..Belongings::default() };
        if let Some(tokens) = &self.refresh {
            gone.refresh_tokens = tokens.store().delete_for_user(owner).await?;
        }
        if let Some(devices) = &self.devices {
            gone.devices = devices.store().delete_for_user(owner).await?;
        }
        if let Some(federation) = &self.federation {
            for link in federation.links().find_links(owner).await? {
                self.forget_provider_sessions(owner, (&link.issuer, &link.subject), None).await?;
            }
            gone.factors += federation.links().delete_for_user(owner).await?;
        }
        if let Some(delegated) = &self.delegated {
            let by = By::Operator(operator).context(Some(owner.tenant_id));
            gone.delegated = delegated.revoke_all(&by, owner, RevokedBy::Admin).await?;
        }
        Ok(gone)
    }

    pub(super) async fn end_all(
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

    pub(super) async fn emit_operator(
        &self,
        operator: &Operator,
        tenant_id: Option<TenantId>,
        event: AuthEvent,
    ) -> Result<(), AuthnError> {
        self.emit_by(By::Operator(operator), tenant_id, event).await
    }
}

/// How much belonged to an account, or to several.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Belongings {
    pub(super) factors: u64,
    pub(super) sessions: u64,
    pub(super) refresh_tokens: u64,
    pub(super) devices: u64,
    pub(super) delegated: u64,
}

pub(super) fn exists(outcome: SaveOutcome) -> Result<(), AuthnError> {
    match outcome {
        SaveOutcome::Saved => Ok(()),
        SaveOutcome::Conflict => Err(AuthnError::NoSuchRecord),
    }
}
