//! Logging out: here at a provider's request, and there at ours.
//!
//! A provider's message is obeyed once. What it names is found by what was bound at the login:
//!
//! 1. What is bound ends while the binding is there. If that stops half-way, the provider's next try finds it again.
//! 2. The binding goes, so that a login that is being written at the same time notices.
//! 3. What was written just before that ends too.

use super::{Call, parse_provider};
use crate::{
    audit::EventContext,
    authn::AuthnError,
    federation::ProviderLogout,
    service::{AuthnService, cut_off::By},
    session::{Bond, EndedLineage, SessionHandle},
    store::{Claim, IdentityLookup, Owner, ReplayKey, SidBinding},
};
use axess_events::{
    Actor, AuthEvent,
    authentication::{Logout, LogoutReason},
    federation::FederatedLogoutReceived,
    refresh::RefreshRevocationReason,
};
use axess_factors::federated::{
    CallbackResponse, FederationError, FederationFault, FederationProtocol, LogoutHint, LogoutNotice,
    MAX_FEDERATED_SID_BYTES, Redirection,
};
use axess_identity::SessionId;
use chrono::TimeDelta;

/// How long a message may be valid: it is remembered until then.
const MAX_REMEMBERED: TimeDelta = TimeDelta::days(1);
/// How often a message may be taken when obeying it fails.
const MAX_TRIES: u32 = 3;

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
    /// The message was refused: answer 400.
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

    /// Forgets which sessions an identity's user began at the provider, but for the one of `keep`: they are over.
    pub(in crate::service) async fn forget_provider_sessions(
        &self,
        owner: Owner,
        (issuer, subject): (&str, &str),
        keep: Option<SessionId>,
    ) -> Result<(), AuthnError> {
        let Some(logout) = self.provider_logout() else { return Ok(()) };
        let (tenant_id, issuer, subject) = (owner.tenant_id, issuer.to_owned(), subject.to_owned());
        let bound = logout.sids.find_by_subject(tenant_id, issuer.clone(), subject, self.now()).await?;
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

/// What names a binding in its tenant.
pub(in crate::service) type SidBindingKey = (String, SessionId);

/// Returns what names the binding of a session.
pub(in crate::service) fn binding_of(session: &SessionHandle) -> Option<SidBindingKey> {
    Some((session.federated_login()?.issuer, session.lineage()?))
}

impl<I: IdentityLookup, F> AuthnService<I, F> {
    /// Obeys a logout message of a provider.
    ///
    /// It is a logout token (OpenID Connect Back-Channel Logout 1.0), or a SAML `LogoutRequest`. `session` is that of the
    /// request, usually a guest's.
    ///
    /// All sessions that belong to the one it names end, with their refresh tokens; when it names a user only, all that
    /// this user began at the provider. When such a session is over already, but may live on in its refresh tokens, all
    /// refresh tokens of its user are revoked.
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
                let outcome = self.obey(&call, logout, &notice).await?;
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
    /// Nobody has signed it: that the session's name cannot be guessed is all it stands on. Only an OpenID Connect provider
    /// may ask like this.
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
        } else if issuer != provider.issuer() {
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
            issuer: issuer.to_owned(),
            subject: None,
            session_id: Some(sid.to_owned()),
            replay: None,
            answer: None,
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

impl<I, F> AuthnService<I, F> {
    /// Takes a message that must be taken once: one of its tries. The others are there in case obeying it fails.
    async fn claim(
        &self,
        call: &Call<'_>,
        logout: &ProviderLogout,
        notice: &LogoutNotice,
    ) -> Result<Result<(), FederationError>, AuthnError> {
        let Some((id, until)) = &notice.replay else { return Ok(Ok(())) };
        let now = self.now();
        if *until > now + MAX_REMEMBERED {
            let what = "the message is valid for more than a day";
            return Ok(Err(FederationError::WeakerThanConfigured { what }));
        }
        for attempt in 0..MAX_TRIES {
            let key = try_key(call, notice, id, attempt);
            if logout.replay.claim(key, *until, now).await? == Claim::Fresh {
                return Ok(Ok(()));
            }
        }
        Ok(Err(FederationError::Replayed))
    }

    /// Uses up the tries of a message that was obeyed.
    async fn close(
        &self,
        call: &Call<'_>,
        logout: &ProviderLogout,
        notice: &LogoutNotice,
    ) -> Result<(), AuthnError> {
        let Some((id, until)) = &notice.replay else { return Ok(()) };
        for attempt in 0..MAX_TRIES {
            let _ = logout.replay.claim(try_key(call, notice, id, attempt), *until, self.now()).await?;
        }
        Ok(())
    }

    async fn obey(
        &self,
        call: &Call<'_>,
        logout: &ProviderLogout,
        notice: &LogoutNotice,
    ) -> Result<ProviderLogoutOutcome, AuthnError> {
        let (tenant_id, issuer, now) = (call.tenant_id, notice.issuer.clone(), self.now());
        let named = match (&notice.session_id, &notice.subject) {
            (Some(sid), subject) => {
                let mut found = logout.sids.find_by_sid(tenant_id, issuer.clone(), sid.clone(), now).await?;
                found.retain(|binding| subject.as_ref().is_none_or(|subject| *subject == binding.subject));
                found
            }
            (None, Some(subject)) => {
                logout.sids.find_by_subject(tenant_id, issuer.clone(), subject.clone(), now).await?
            }
            (None, None) => {
                let error = FederationError::Malformed { what: "the logout names nobody" };
                self.provider_refused(call.session, Some(tenant_id), &call.name, &error).await?;
                return Ok(ProviderLogoutOutcome::Refused(error));
            }
        };
        let (mut sessions, mut failed) = (0, None);
        for binding in named {
            match self.end_bound_session(call, logout, binding).await {
                Ok(ended) => sessions += u64::from(ended),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let event = FederatedLogoutReceived {
            provider: call.name.as_str().into(),
            issuer: issuer.as_str().into(),
            sessions_ended: u32::try_from(sessions).unwrap_or(u32::MAX),
        };
        let context = self.provider_context(call);
        self.emitter.emit(&context, AuthEvent::FederatedLogoutReceived(event)).await?;
        Ok(ProviderLogoutOutcome::Ended { sessions, answer: notice.answer.clone() })
    }

    /// Ends the one session that is bound, with the refresh tokens of its login. Tells whether there still was one.
    async fn end_bound_session(
        &self,
        call: &Call<'_>,
        logout: &ProviderLogout,
        binding: SidBinding,
    ) -> Result<bool, AuthnError> {
        let (owner, lineage, sessions) = (binding.owner, binding.lineage, call.session.sessions());
        // First, because only the session says which family it is.
        if let Some(family) = sessions.family_of_lineage(owner, lineage).await? {
            self.revoke_family(owner, family, By::System, RefreshRevocationReason::Logout).await?;
        }
        let ended = sessions.end_lineage(owner, lineage).await?;
        if ended == EndedLineage::Nothing {
            // Nobody can tell any more which refresh tokens its login began.
            self.cut_off_refreshed(sessions, owner, By::System, RefreshRevocationReason::Logout).await?;
        }
        let before = self.end_rest(call, &binding, ended).await?;
        logout.sids.unbind(owner.tenant_id, binding.issuer.clone(), lineage).await?;
        let after = match sessions.end_lineage(owner, lineage).await {
            Ok(ended) => self.end_rest(call, &binding, ended).await,
            Err(error) => Err(error.into()),
        };
        if after.is_err() {
            // The next try must find it.
            logout.sids.bind(binding).await?;
        }
        Ok(after? || before)
    }

    /// Ends what belongs to an ended session, and records that it ended. Tells whether there was one.
    async fn end_rest(
        &self,
        call: &Call<'_>,
        binding: &SidBinding,
        ended: EndedLineage,
    ) -> Result<bool, AuthnError> {
        let (owner, sessions, why) =
            (binding.owner, call.session.sessions(), RefreshRevocationReason::Logout);
        let session_id = match ended {
            EndedLineage::Nothing => return Ok(false),
            EndedLineage::Session { id, family } => {
                if let Some(family) = family {
                    self.revoke_family(owner, family, By::System, why).await?;
                    sessions.end_bound(owner, Bond::Family(family), None).await?;
                }
                id
            }
            EndedLineage::All { sessions: ended } => {
                self.cut_off_refreshed(sessions, owner, By::System, why).await?;
                if ended == 0 {
                    return Ok(false);
                }
                binding.lineage
            }
        };
        self.metrics.session_invalidated();
        let reason = LogoutReason::IdpInitiated;
        let event = Logout { user_id: owner.user_id, session_id, reason };
        self.emitter.emit(&self.provider_context(call), AuthEvent::Logout(event)).await?;
        Ok(true)
    }

    /// A provider asked for it, whoever's session the request came in.
    fn provider_context(&self, call: &Call<'_>) -> EventContext {
        EventContext {
            tenant_id: Some(call.tenant_id),
            actor: Some(Actor::System),
            request: call.session.context().clone(),
        }
    }
}

/// Names one try of a message. Tenants that share a provider each take it once.
fn try_key(call: &Call<'_>, notice: &LogoutNotice, id: &str, attempt: u32) -> ReplayKey {
    ReplayKey::new(&notice.issuer, &format!("logout:{}:{id}:{attempt}", call.tenant_id))
}
