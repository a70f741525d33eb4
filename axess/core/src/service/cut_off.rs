//! Ending what an account, a device or a tenant holds: refresh tokens and sessions, whatever is under way meanwhile.
//!
//! A refresh spends its token, writes its session, and then looks whether the token still works; issuing a token needs a
//! live session. So tokens are revoked first, sessions end second, and tokens are revoked once more:
//!
//! - A session that is written too late to be found belongs to a token whose revocation its writer finds.
//! - A token that is issued too late for the first revocation is either found by the second, or its issuer finds its
//!   session ended and takes it back.

use super::{AuthnService, Operator};
use crate::{
    audit::EventContext,
    authn::AuthnError,
    session::{Bond, SessionHandle, Sessions},
    store::{Owner, TrustChange},
};
use axess_events::{
    Actor, AuthEvent,
    refresh::{RefreshRevocationReason, RefreshTokenRevoked},
};
use axess_identity::{DeviceId, SessionId, TenantId, TokenFamilyId};

/// At whose request something is recorded.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    Session(&'a SessionHandle),
    Operator(&'a Operator),
    System,
}

impl By<'_> {
    /// Returns what the event says of it.
    pub(super) fn context(self, tenant_id: Option<TenantId>) -> EventContext {
        let context = match self {
            Self::Session(session) => EventContext::of_session(session),
            Self::Operator(operator) => EventContext {
                actor: Some(Actor::Operator(operator.principal())),
                request: operator.request.clone(),
                tenant_id: None,
            },
            Self::System => EventContext::system(),
        };
        EventContext { tenant_id, ..context }
    }
}

/// Whose refresh tokens were revoked.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    User(Owner),
    Family(Owner, TokenFamilyId),
    Tenant(TenantId),
}

impl<I, F> AuthnService<I, F> {
    /// Revokes all refresh tokens of a user and ends all their sessions but `keep`; returns how many sessions ended.
    pub(super) async fn cut_off(
        &self,
        sessions: &Sessions,
        owner: Owner,
        keep: Option<SessionId>,
        by: By<'_>,
        why: RefreshRevocationReason,
    ) -> Result<u64, AuthnError> {
        let Some(tokens) = &self.refresh else { return Ok(sessions.end_for_user(owner, keep).await?) };
        let mut revoked = tokens.store().revoke_for_user(owner, self.now()).await?.tokens;
        let ended = sessions.end_for_user(owner, keep).await?;
        revoked += tokens.store().revoke_for_user(owner, self.now()).await?.tokens;
        self.record_revoked(by, Whose::User(owner), revoked, why).await?;
        Ok(ended)
    }

    /// Revokes all refresh tokens of a user and ends every session that belongs to one: when it is not known which of
    /// them must go.
    pub(super) async fn cut_off_refreshed(
        &self,
        sessions: &Sessions,
        owner: Owner,
        by: By<'_>,
        why: RefreshRevocationReason,
    ) -> Result<(), AuthnError> {
        let Some(tokens) = &self.refresh else { return Ok(()) };
        let mut revoked = tokens.store().revoke_for_user(owner, self.now()).await?.tokens;
        sessions.end_bound(owner, Bond::AnyFamily, None).await?;
        revoked += tokens.store().revoke_for_user(owner, self.now()).await?.tokens;
        self.record_revoked(by, Whose::User(owner), revoked, why).await
    }

    /// Cuts off a whole tenant.
    pub(super) async fn cut_off_tenant(
        &self,
        sessions: &Sessions,
        tenant_id: TenantId,
        by: By<'_>,
    ) -> Result<u64, AuthnError> {
        let Some(tokens) = &self.refresh else { return Ok(sessions.end_for_tenant(tenant_id).await?) };
        let mut revoked = tokens.store().revoke_for_tenant(tenant_id, self.now()).await?;
        let ended = sessions.end_for_tenant(tenant_id).await?;
        revoked += tokens.store().revoke_for_tenant(tenant_id, self.now()).await?;
        let why = RefreshRevocationReason::TenantSuspended;
        self.record_revoked(by, Whose::Tenant(tenant_id), revoked, why).await?;
        Ok(ended)
    }

    /// Revokes a device, the refresh tokens bound to it, and the sessions on it. Tells whether there is such a device.
    ///
    /// One that is revoked already is gone over again: the first time may have stopped half-way.
    pub(super) async fn cut_off_device(
        &self,
        sessions: &Sessions,
        owner: Owner,
        device_id: DeviceId,
        by: By<'_>,
    ) -> Result<Option<TrustChange>, AuthnError> {
        let Some(devices) = &self.devices else { return Ok(None) };
        let level = crate::device::DeviceTrustLevel::Revoked;
        let change = devices.store().set_trust_level(owner, device_id, level, self.now()).await?;
        if change == TrustChange::Refused {
            return Ok(None);
        }
        let mut revoked = 0;
        if let Some(tokens) = &self.refresh {
            revoked += tokens.store().revoke_for_device(owner, device_id, self.now()).await?.tokens;
        }
        sessions.end_bound(owner, Bond::Device(device_id), None).await?;
        if let Some(tokens) = &self.refresh {
            revoked += tokens.store().revoke_for_device(owner, device_id, self.now()).await?.tokens;
        }
        self.record_revoked(by, Whose::User(owner), revoked, RefreshRevocationReason::DeviceRevoked).await?;
        Ok(Some(change))
    }

    /// Revokes one family of refresh tokens; without refresh tokens there is none.
    pub(super) async fn revoke_family(
        &self,
        owner: Owner,
        family: TokenFamilyId,
        by: By<'_>,
        why: RefreshRevocationReason,
    ) -> Result<(), AuthnError> {
        let Some(tokens) = &self.refresh else { return Ok(()) };
        let revoked = tokens.store().revoke_family(owner, family, self.now()).await?;
        self.record_revoked(by, Whose::Family(owner, family), revoked.tokens, why).await
    }

    /// Records a revocation, if it hit anything.
    pub(super) async fn record_revoked(
        &self,
        by: By<'_>,
        whose: Whose,
        revoked: u64,
        reason: RefreshRevocationReason,
    ) -> Result<(), AuthnError> {
        if revoked == 0 {
            return Ok(());
        }
        let (tenant_id, user_id, family_id) = match whose {
            Whose::User(owner) => (owner.tenant_id, Some(owner.user_id), None),
            Whose::Family(owner, family) => (owner.tenant_id, Some(owner.user_id), Some(family)),
            Whose::Tenant(tenant_id) => (tenant_id, None, None),
        };
        let tokens_revoked = u32::try_from(revoked).unwrap_or(u32::MAX);
        let event = RefreshTokenRevoked { user_id, family_id, tokens_revoked, reason };
        self.emit_by(by, Some(tenant_id), event.into()).await
    }

    /// Records one event at somebody's request.
    pub(super) async fn emit_by(
        &self,
        by: By<'_>,
        tenant_id: Option<TenantId>,
        event: AuthEvent,
    ) -> Result<(), AuthnError> {
        self.emitter.emit(&by.context(tenant_id), event).await?;
        Ok(())
    }
}
