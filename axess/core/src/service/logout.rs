use super::{AuthnService, cut_off::By, federated::binding_of};
use crate::{
    audit::EventContext,
    authn::{AuthnError, LogoutOutcome},
    session::{Bond, SessionHandle},
    store::Owner,
};
use axess_events::{
    Actor, AuthEvent,
    authentication::{Logout, LogoutReason},
    refresh::RefreshRevocationReason,
};
use axess_identity::TokenFamilyId;

impl<I, F> AuthnService<I, F> {
    /// Ends the session, whatever its state is, together with whatever a racing request has rotated it into.
    ///
    /// The handle becomes a guest's and the cookie is removed. The family of refresh tokens that was issued for the session,
    /// or that it was opened with, is revoked, and other sessions opened with it end as well: they are one login.
    ///
    /// It needs no version and cannot lose a race: a login or a write that finishes later finds nothing to write to.
    ///
    /// # Errors
    ///
    /// [`AuthnError::Session`] when the store fails: then the session is *not* over. [`AuthnError::Audit`] when the
    /// session is over but its end could not be recorded.
    pub async fn logout(&self, session: &SessionHandle) -> Result<LogoutOutcome, AuthnError> {
        self.end_session(session, LogoutReason::UserInitiated).await
    }

    /// Ends the session for another reason than its user's wish.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::logout`].
    pub async fn end_session(
        &self,
        session: &SessionHandle,
        reason: LogoutReason,
    ) -> Result<LogoutOutcome, AuthnError> {
        let (owner, session_id) = (session.bound_owner(), session.session_id());
        let bound = binding_of(session);
        if let (Some(owner), Some(_)) = (owner, &self.refresh) {
            // First, so that a logout that fails half-way can be tried again: the session knows its family.
            let known = session.refresh_family();
            self.end_family(session, owner, known).await?;
            // From here on no family can be bound to it; the one that was bound since it was read ends as well.
            let last = session.retire().await?;
            if last != known {
                self.end_family(session, owner, last).await?;
            }
        }
        let outcome = session.clear().await?;
        self.metrics.logout();
        if let Some(owner) = owner {
            self.unbind(owner, bound).await;
            let event = AuthEvent::Logout(Logout { user_id: owner.user_id, session_id, reason });
            // The session is a guest's by now.
            let context = EventContext {
                tenant_id: Some(owner.tenant_id),
                actor: Some(match reason {
                    LogoutReason::UserInitiated | LogoutReason::DeviceRevoked => Actor::User(owner.user_id),
                    _ => Actor::System,
                }),
                request: session.context().clone(),
            };
            self.emitter.emit(&context, event).await?;
        }
        Ok(outcome)
    }

    /// Ends what else belongs to the login of a session.
    async fn end_family(
        &self,
        session: &SessionHandle,
        owner: Owner,
        family: Option<TokenFamilyId>,
    ) -> Result<(), AuthnError> {
        let Some(family) = family else { return Ok(()) };
        let (keep, why) = (Some(session.session_id()), RefreshRevocationReason::Logout);
        self.revoke_family(owner, family, By::Session(session), why).await?;
        session.sessions().end_bound(owner, Bond::Family(family), keep).await?;
        Ok(())
    }
}
