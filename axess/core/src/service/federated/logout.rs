//! Logging out: here at a provider's request, and there at ours.
//!
//! A provider's message is obeyed once. What it names is found by what was bound at the login.

mod early;
mod obey;

use super::{Call, parse_provider};
use crate::{
    authn::AuthnError,
    federation::ProviderLogout,
    service::AuthnService,
    session::SessionHandle,
    store::{IdentityLookup, Owner, SidBinding},
};
use axess_factors::federated::{
    CallbackResponse, FederationError, FederationFault, FederationProtocol, LogoutHint, LogoutNotice,
    MAX_FEDERATED_SID_BYTES, Redirection,
};
use axess_identity::SessionId;

/// What came of a logout that a provider asked for.
///
/// ```
/// use axess_core::service::ProviderLogoutOutcome;
/// let done = ProviderLogoutOutcome::Ended { sessions: 1, answer: None };
/// assert!(matches!(done, ProviderLogoutOutcome::Ended { .. }));
/// ```
#[derive(Debug)]
#[must_use]
pub enum ProviderLogoutOutcome {
    /// The sessions it names are over; there may have been none.
    Ended {
        /// How many.
        sessions: u64,
        /// What the browser takes back to the provider (a SAML `LogoutResponse`).
        answer: Option<Redirection>,
    },
    /// The message was refused: answer 400, as `BackchannelLogoutAnswer` of `axess-http` does.
    Refused(FederationError),
}

/// How a logout at the provider goes on.
///
/// ```
/// use axess_core::service::FederatedLogoutOptions;
/// let options = FederatedLogoutOptions {
///     post_logout_redirect_uri: Some("https://app.example.com/bye".into()),
///     ..FederatedLogoutOptions::default()
/// };
/// assert!(options.state.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FederatedLogoutOptions {
    /// Where the browser comes back to; the provider's configuration lists what is allowed.
    pub post_logout_redirect_uri: Option<String>,
    /// What comes back with it.
    pub state: Option<String>,
}

impl<I, F> AuthnService<I, F> {
    /// Ends the session, and says where the browser goes to be logged out at the provider too.
    ///
    /// `None` when the session rests on no login at a provider, or that has no such place.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::logout`]; then, when the session is over already, [`AuthnError::Federation`] when the
    /// provider cannot be asked or the way back is not allowed, and [`AuthnError::UnknownProvider`].
    pub async fn begin_federated_logout(
        &self,
        session: &SessionHandle,
        options: FederatedLogoutOptions,
    ) -> Result<Option<Redirection>, AuthnError> {
        let (login, owner) = (session.federated_login(), session.bound_owner());
        self.logout(session).await?;
        let (Some(login), Some(owner)) = (login, owner) else { return Ok(None) };
        let call = self.resolve(session, owner.tenant_id, login.provider.clone()).await?;
        let hint = LogoutHint {
            subject: login.subject.clone(),
            session_id: login.session_id.clone(),
            id_token: login.id_token().cloned(),
            post_logout_redirect_uri: options.post_logout_redirect_uri,
            state: options.state,
        };
        let context = self.federation_context(&call.name);
        match call.resolved.provider.begin_logout(&hint, context).await {
            Ok(redirection) => Ok(redirection),
            Err(error) => {
                self.provider_refused(session, Some(owner.tenant_id), &call.name, &error).await?;
                Err(AuthnError::Federation(error))
            }
        }
    }

    /// Forgets which sessions an identity's user began at the provider, but for the one of `keep`: they are over. `issuer` is as
    /// links name it.
    pub(in crate::service) async fn forget_provider_sessions(
        &self,
        owner: Owner,
        (issuer, subject): (&str, &str),
        keep: Option<SessionId>,
    ) -> Result<(), AuthnError> {
        let Some(logout) = self.provider_logout() else { return Ok(()) };
        let (tenant_id, issuer, subject) = (owner.tenant_id, issuer.to_owned(), subject.to_owned());
        let bound = logout.sids.find_by_subject(Some(tenant_id), issuer.clone(), subject, self.now()).await?;
        let over = |binding: &SidBinding| binding.owner == owner && Some(binding.lineage) != keep;
        for binding in bound.into_iter().filter(over) {
            logout.sids.unbind(tenant_id, issuer.clone(), binding.lineage).await?;
        }
        Ok(())
    }

    /// Forgets which session at a provider an ended one belonged to.
    pub(in crate::service) async fn unbind(&self, owner: Owner, bound: Option<SidBindingKey>) {
        let (Some((issuer, lineage)), Some(logout)) = (bound, self.provider_logout()) else { return };
        if let Err(error) = logout.sids.unbind(owner.tenant_id, issuer, lineage).await {
            // It names a session that is over: nothing comes of it until it expires.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a provider's session was not forgotten"
            );
        }
    }
}

/// Returns the issuer of a logout as bindings have it.
fn link_issuer(call: &Call<'_>, notice: &LogoutNotice) -> String {
    call.resolved.provider.protocol().link_issuer(&notice.issuer)
}

/// What names a binding in its tenant.
pub(in crate::service) type SidBindingKey = (String, SessionId);

/// Returns what names the binding of a session.
pub(in crate::service) fn binding_of(session: &SessionHandle) -> Option<SidBindingKey> {
    Some((session.federated_login()?.link_issuer(), session.lineage()?))
}

impl<I: IdentityLookup, F> AuthnService<I, F> {
    /// Obeys a logout message of a provider.
    ///
    /// It is a logout token (OpenID Connect Back-Channel Logout 1.0), or a SAML `LogoutRequest`. `session` is that of the
    /// request, usually a guest's.
    ///
    /// All sessions that belong to the one it names end, with their refresh tokens; when it names a user too, also those of that
    /// user at whose login the provider named no session; when it names a user only, all that this user began at the provider. A login
    /// that was begun before and is still on its way logs nobody in: it is refused, or its last step is, and a step-up ends its session. A provider that serves all tenants ends them in all of them, whichever is named. When such a session is over already, but may live on in its refresh tokens, all
    /// refresh tokens of its user are revoked. The answer to a logout of ours ([`begin_federated_logout`](Self::begin_federated_logout))
    /// ends nothing, and is taken once.
    ///
    /// # Errors
    ///
    /// Faults and misuse only: [`AuthnError::UnknownProvider`], [`AuthnError::Federation`] when the message cannot be judged,
    /// [`AuthnError::NotConfigured`], [`AuthnError::Store`], [`AuthnError::Session`], [`AuthnError::Audit`]. After a
    /// failure the provider may send the message again, twice; one that was obeyed is not taken again.
    pub async fn complete_backchannel_logout(
        &self,
        session: &SessionHandle,
        tenant: &str,
        provider: &str,
        message: CallbackResponse,
    ) -> Result<ProviderLogoutOutcome, AuthnError> {
        let (call, logout) = self.logout_call(session, tenant, provider).await?;
        let context = self.federation_context(&call.name);
        let verified = match call.resolved.provider.verify_logout(&message, context).await {
            Ok(notice) if notice.issuer != call.resolved.provider.issuer() => {
                Err(FederationError::IssuerMismatch)
            }
            other => other,
        };
        let verified = match verified {
            Ok(notice) => self.claim(&call, logout, &notice).await?.map(|()| notice),
            Err(error) => Err(error),
        };
        match verified {
            Ok(notice) => {
                // Noted first, obeyed second: a login that is on its way sees the note, or is found by its binding.
                let noted = self.note(&call, logout, &notice).await;
                let outcome = self.obey(&call, logout, &notice).await?;
                noted?;
                self.close(&call, logout, &notice).await?;
                Ok(outcome)
            }
            Err(error) => {
                self.provider_refused(session, Some(call.tenant_id), &call.name, &error).await?;
                match error.fault() {
                    FederationFault::Caller => Ok(ProviderLogoutOutcome::Refused(error)),
                    _ => Err(AuthnError::Federation(error)),
                }
            }
        }
    }

    /// Ends the sessions that belong to a session at a provider, at the request of its page in the browser.
    ///
    /// `issuer` and `sid` are the parameters of that request (OpenID Connect Front-Channel Logout 1.0).
    ///
    /// Nobody has signed it: that the session's name cannot be guessed is all it stands on. `session`, that of the request, ends
    /// only if it is named. Only an OpenID Connect provider may ask like this.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::complete_backchannel_logout`].
    pub async fn complete_frontchannel_logout(
        &self,
        session: &SessionHandle,
        tenant: &str,
        provider: &str,
        issuer: &str,
        sid: &str,
    ) -> Result<ProviderLogoutOutcome, AuthnError> {
        let (call, logout) = self.logout_call(session, tenant, provider).await?;
        let provider = &call.resolved.provider;
        let error = if provider.protocol() != FederationProtocol::Oidc {
            let what = "only an OpenID Connect provider has a front-channel logout".into();
            Some(FederationError::Configuration { what })
        } else if !provider.is_issuer(issuer) {
            Some(FederationError::IssuerMismatch)
        } else if sid.is_empty() || sid.len() > MAX_FEDERATED_SID_BYTES {
            Some(FederationError::Malformed { what: "the name of the session" })
        } else {
            None
        };
        if let Some(error) = error {
            self.provider_refused(session, Some(call.tenant_id), &call.name, &error).await?;
            return Ok(ProviderLogoutOutcome::Refused(error));
        }
        let notice = LogoutNotice {
            issuer: provider.issuer().to_owned(),
            subject: None,
            session_ids: vec![sid.to_owned()],
            replay: None,
            answer: None,
            is_answer: false,
        };
        self.obey(&call, logout, &notice).await
    }

    async fn logout_call<'a>(
        &self,
        session: &'a SessionHandle,
        tenant: &str,
        provider: &str,
    ) -> Result<(Call<'a>, &ProviderLogout), AuthnError> {
        let name = parse_provider(provider)?;
        let logout = self.provider_logout().ok_or(AuthnError::NotConfigured("provider logout"))?;
        let tenant = self.federated_tenant(tenant).await?;
        Ok((self.resolve(session, tenant.tenant_id, name).await?, logout))
    }
}
