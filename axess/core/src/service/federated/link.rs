//! What users do about their identities at providers: linking one, seeing them, unlinking one.

use super::{Call, FederatedOutcome, parse_provider};
use crate::{
    authn::AuthnError,
    service::{AuthnService, cut_off::By},
    session::{Purpose, SessionHandle},
    store::{FactorStore, FederatedLink, IdentityAdmin, IdentityLookup, Owner},
};
use axess_events::{
    AuthEvent,
    federation::{FederatedIdentityUnlinked, FederationRefusalReason, LinkCause},
    refresh::RefreshRevocationReason,
};
use axess_factors::federated::{
    FederatedIdentity, FederationError, FederationOptions, Redirection, issuer_of_link,
};
use axess_identity::UserId;

/// The most identities one account may link.
pub const MAX_LINKS_PER_USER: usize = 32;

impl<I: IdentityLookup, F: FactorStore> AuthnService<I, F> {
    /// Begins linking an identity at a provider to the logged-in user, and says where the browser goes.
    ///
    /// The callback is [`complete_federated_login`](AuthnService::complete_federated_login)'s, as for a login.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticated`]; [`AuthnError::StepUpRequired`] when the login is not recent, or the user has a
    /// second factor and did not use it; otherwise as [`AuthnService::begin_federated_login`].
    pub async fn begin_federated_link(
        &self,
        session: &SessionHandle,
        provider: &str,
        options: FederationOptions,
    ) -> Result<Redirection, AuthnError> {
        let name = parse_provider(provider)?;
        let owner = self.may_change_links(session).await?;
        let call = self.resolve(session, owner.tenant_id, name).await?;
        self.send_to_provider(&call, Purpose::Link(owner.user_id), options).await
    }

    /// Lists the identities of the logged-in user.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticated`]; [`AuthnError::NotConfigured`]; [`AuthnError::Store`].
    pub async fn federated_links(&self, session: &SessionHandle) -> Result<Vec<FederatedLink>, AuthnError> {
        let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
        Ok(self.federation()?.links().find_links(owner).await?)
    }

    /// Unlinks an identity from the logged-in user, as [`AuthnService::federated_links`] names it; tells whether there was such a link.
    ///
    /// It also ends the user's other sessions, revokes their refresh tokens and gives this session a new id.
    ///
    /// Take care that the user can still log in. Where the provider is the authority for mail addresses
    /// ([`LinkPolicy::VerifiedEmail`](crate::federation::LinkPolicy::VerifiedEmail)), its next login with the address of the
    /// account links the identity again.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::begin_federated_link`].
    pub async fn unlink_federated(
        &self,
        session: &SessionHandle,
        issuer: &str,
        subject: &str,
    ) -> Result<bool, AuthnError> {
        let owner = self.may_change_links(session).await?;
        let links = self.federation()?.links();
        self.emitter
            .together(async {
                if !links.delete_link(owner, issuer.to_owned(), subject.to_owned()).await? {
                    return Ok(false);
                }
                let (keep, why) = (Some(session.session_id()), RefreshRevocationReason::CredentialChanged);
                self.cut_off(session.sessions(), owner, keep, By::Session(session), why).await?;
                self.forget_provider_sessions(owner, (issuer, subject), session.lineage()).await?;
                let issuer = issuer_of_link(issuer);
                let event = FederatedIdentityUnlinked { user_id: owner.user_id, issuer: issuer.into() };
                let event = AuthEvent::FederatedIdentityUnlinked(event);
                self.emit(session, Some(owner.tenant_id), event).await?;
                self.rotate(session).await?;
                Ok(true)
            })
            .await
    }

    async fn may_change_links(&self, session: &SessionHandle) -> Result<Owner, AuthnError> {
        self.require_fresh(session)?;
        let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
        let enrolled = self.factors.find_factors(owner.tenant_id, owner.user_id).await?;
        self.require_second_factor(session, &enrolled)?;
        Ok(owner)
    }
}

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    /// Links an identity to the user who asked for it and is still logged in.
    pub(super) async fn link_to(
        &self,
        call: &Call<'_>,
        user_id: UserId,
        identity: &FederatedIdentity,
    ) -> Result<FederatedOutcome, AuthnError> {
        let owner = Owner { tenant_id: call.tenant_id, user_id };
        if call.session.owner() != Some(owner) {
            let error = FederationError::StateMismatch;
            self.provider_refused(call.session, Some(call.tenant_id), &call.name, &error).await?;
            return Ok(FederatedOutcome::Refused(error));
        }
        if self.is_linked(owner, identity).await? {
            return Ok(FederatedOutcome::Linked);
        }
        let refuse = async |why| {
            self.federation_refused(call.session, Some(call.tenant_id), &call.name, Some(user_id), why).await
        };
        if self.federation()?.links().find_links(owner).await?.len() >= MAX_LINKS_PER_USER {
            refuse(FederationRefusalReason::TooManyLinks).await?;
            return Ok(FederatedOutcome::NotAllowed);
        }
        let linked = self
            .emitter
            .together(async {
                let linked = self.link(call, owner, identity, LinkCause::User).await?;
                if linked {
                    self.rotate(call.session).await?;
                }
                Ok::<_, AuthnError>(linked)
            })
            .await?;
        if linked || self.is_linked(owner, identity).await? {
            return Ok(FederatedOutcome::Linked);
        }
        refuse(FederationRefusalReason::LinkedElsewhere).await?;
        Ok(FederatedOutcome::LinkedElsewhere)
    }
}
