use super::{
    Call, FederatedCompletion, FederatedOutcome,
    account::{Account, NoAccount},
    parse_provider,
};
use crate::{
    authn::{AuthnError, Method},
    service::AuthnService,
    session::{AuthState, Change, PendingLogin, Purpose, SessionHandle},
    store::{FactorStore, IdentityAdmin, IdentityLookup, Owner},
};
use axess_events::federation::FederationRefusalReason;
use axess_factors::federated::{CallbackResponse, FederatedProof, FederationError, FederationFault};
use axess_identity::UserId;
use std::sync::Arc;

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    /// Takes what an identity provider sent the browser back with.
    ///
    /// One callback uses a begun login up, whatever comes of it. It completes whatever was begun: a login, a step of one, a
    /// step-up, or the linking of an identity. A login needs an enabled method that begins with this provider
    /// ([`Method::federated`]), and goes on with [`verify_factor`](AuthnService::verify_factor) when that has further steps.
    ///
    /// A login that was refused is no error but `Ok`, with [`FederatedOutcome::Refused`] or another outcome than
    /// [`FederatedOutcome::Authenticated`]: a handler has to look.
    ///
    /// ```
    /// # use axess_core::{authn::AuthnError, service::*, session::SessionHandle, store::{FactorStore, IdentityAdmin}};
    /// # use axess_factors::federated::CallbackResponse;
    /// /// Where the browser goes next.
    /// async fn callback<I: IdentityAdmin, F: FactorStore>(
    ///     service: &AuthnService<I, F>,
    ///     session: &SessionHandle,
    ///     response: CallbackResponse,
    /// ) -> Result<String, AuthnError> {
    ///     let done = service.complete_federated_login(session, "okta", response).await?;
    ///     Ok(match done.outcome {
    ///         FederatedOutcome::Authenticated => done.return_to.unwrap_or_else(|| "/".to_owned()),
    ///         FederatedOutcome::FactorRequired(_) => "/login/second".to_owned(),
    ///         FederatedOutcome::Linked => "/account".to_owned(),
    ///         // Nobody is logged in. Why is in the trail, and not for the page.
    ///         FederatedOutcome::Refused(_)
    ///         | FederatedOutcome::NotLinked
    ///         | FederatedOutcome::LinkedElsewhere
    ///         | FederatedOutcome::NotAllowed
    ///         | FederatedOutcome::Locked { .. } => "/login?refused".to_owned(),
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Faults and misuse only. [`AuthnError::UnknownProvider`]; [`AuthnError::Federation`] when the provider cannot be asked or is
    /// set up wrongly, which costs nobody an attempt: the login must be begun again; [`AuthnError::SessionEnded`] when
    /// a logout came first; [`AuthnError::NotConfigured`]; [`AuthnError::Store`]; [`AuthnError::Session`]; [`AuthnError::Audit`].
    pub async fn complete_federated_login(
        &self,
        session: &SessionHandle,
        provider: &str,
        response: CallbackResponse,
    ) -> Result<FederatedCompletion, AuthnError> {
        self.complete_with(session, provider, Ok(response)).await
    }

    /// Completes a login with an answer, or with the reason why what came back is none: that uses the begun login up too.
    pub(super) async fn complete_with(
        &self,
        session: &SessionHandle,
        provider: &str,
        response: Result<CallbackResponse, FederationError>,
    ) -> Result<FederatedCompletion, AuthnError> {
        let name = parse_provider(provider)?;
        let begun = session.pending_federation().filter(|login| login.device.is_none());
        let login = match begun {
            // Taken out of the stored session before anything is sent: of racing callbacks one goes on.
            Some(login) if session.commit(Change::TakeFederation(Arc::clone(&login))).await? => login,
            _ => {
                let error = FederationError::StateMismatch;
                self.provider_refused(session, None, &name, &error).await?;
                return Ok(FederatedCompletion {
                    outcome: FederatedOutcome::Refused(error),
                    identity: None,
                    return_to: None,
                });
            }
        };
        let return_to = login.return_to.clone();
        let call = self.resolve(session, login.tenant_id, name).await?;
        let context = self.federation_context(&call.name);
        let provider = &*call.resolved.provider;
        let proved = match response {
            Ok(response) => FederatedProof::complete(provider, &login.pending, &response, context).await,
            Err(error) => Err(error),
        };
        let proof = match proved {
            Ok(proof) if has_ended(&proof, self.now()) => Err(FederationError::Expired),
            other => other,
        };
        match proof {
            Ok(proof) => self.proved(&call, &login, proof, return_to).await,
            Err(error) => {
                let outcome = self.not_proved(session, &login, error).await?;
                Ok(FederatedCompletion { outcome, identity: None, return_to })
            }
        }
    }

    pub(super) async fn proved(
        &self,
        call: &Call<'_>,
        login: &PendingLogin,
        proof: FederatedProof,
        return_to: Option<String>,
    ) -> Result<FederatedCompletion, AuthnError> {
        let identity = proof.identity().clone();
        let outcome = match login.purpose {
            Purpose::Login => self.log_in(call, login, proof).await?,
            Purpose::Step(user_id) => self.complete_step(call, login, user_id, proof).await?,
            Purpose::Link(user_id) => self.link_to(call, user_id, proof.identity()).await?,
        };
        Ok(FederatedCompletion { outcome, identity: Some(identity), return_to })
    }

    /// Logs in whoever the identity belongs to.
    async fn log_in(
        &self,
        call: &Call<'_>,
        login: &PendingLogin,
        proof: FederatedProof,
    ) -> Result<FederatedOutcome, AuthnError> {
        if call.session.is_authenticated() {
            // Somebody logged in in another tab meanwhile.
            let error = FederationError::StateMismatch;
            self.provider_refused(call.session, Some(call.tenant_id), &call.name, &error).await?;
            return Ok(FederatedOutcome::Refused(error));
        }
        let (user_id, method) = match self.find_account(call, proof.identity()).await? {
            Account::Found { user_id, method } => (user_id, method),
            Account::None(why) => return self.no_account(call, None, why).await,
            Account::Denied { user_id, why } => return self.no_account(call, user_id, why).await,
        };
        let owner = Owner { tenant_id: call.tenant_id, user_id };
        self.grant(call, owner, (login, proof), Some(method)).await
    }

    /// Completes the step that is due, if the identity is that very user's.
    async fn complete_step(
        &self,
        call: &Call<'_>,
        login: &PendingLogin,
        user_id: UserId,
        proof: FederatedProof,
    ) -> Result<FederatedOutcome, AuthnError> {
        let owner = Owner { tenant_id: call.tenant_id, user_id };
        let due = call.session.with_state(|state| {
            state.subject() == Some((owner.tenant_id, owner.user_id))
                && state.expected_step().is_some_and(|step| step.admits(&call.kind))
        });
        if !due {
            let error = FederationError::StateMismatch;
            self.provider_refused(call.session, Some(call.tenant_id), &call.name, &error).await?;
            return Ok(FederatedOutcome::Refused(error));
        }
        if !self.is_linked(owner, proof.identity()).await? {
            return self.somebody_else(call, owner).await;
        }
        if !self.is_admitted(call, owner, proof.identity()).await? {
            let why = FederationRefusalReason::NotAdmitted;
            return self.no_account(call, Some(user_id), NoAccount(why)).await;
        }
        self.grant(call, owner, (login, proof), None).await
    }

    async fn no_account(
        &self,
        call: &Call<'_>,
        user_id: Option<UserId>,
        NoAccount(why): NoAccount,
    ) -> Result<FederatedOutcome, AuthnError> {
        self.federation_refused(call.session, Some(call.tenant_id), &call.name, user_id, why).await?;
        Ok(match why {
            FederationRefusalReason::NotLinked => FederatedOutcome::NotLinked,
            _ => FederatedOutcome::NotAllowed,
        })
    }
}

impl<I, F> AuthnService<I, F> {
    /// Records why a provider's answer proves nothing. What is nobody's fault in the browser is an error.
    pub(super) async fn not_proved(
        &self,
        session: &SessionHandle,
        login: &PendingLogin,
        error: FederationError,
    ) -> Result<FederatedOutcome, AuthnError> {
        self.provider_refused(session, Some(login.tenant_id), &login.pending.provider, &error).await?;
        match error.fault() {
            FederationFault::Caller => Ok(FederatedOutcome::Refused(error)),
            FederationFault::Provider | FederationFault::Configuration => Err(AuthnError::Federation(error)),
        }
    }
}

impl<I: IdentityLookup, F> AuthnService<I, F> {
    /// Finds the method a login that begins with this provider takes.
    pub(super) async fn method_for(
        &self,
        call: &Call<'_>,
        user_id: UserId,
    ) -> Result<Option<Method>, AuthnError> {
        let enabled = self.identity.find_methods(call.tenant_id, user_id).await?;
        Ok(enabled.into_iter().find(|method| {
            method.check().is_ok() && method.steps.first().is_some_and(|step| step.admits(&call.kind))
        }))
    }
}

pub(super) fn has_ended(proof: &FederatedProof, now: chrono::DateTime<chrono::Utc>) -> bool {
    proof.identity().expires_at.is_some_and(|ends| ends <= now)
}

/// Tells how a login in progress is called, for the trail.
pub(super) fn method_in_progress(session: &SessionHandle) -> Option<String> {
    session.with_state(|state| match state {
        AuthState::Authenticating { method_name, .. } => Some(method_name.as_str().to_owned()),
        _ => None,
    })
}
