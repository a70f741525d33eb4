//! Turning a provider's word into a session: the attempt, the binding, the write, and what is asked afterwards.

use super::{Call, FederatedOutcome, complete::method_in_progress};
use crate::{
    authn::{AuthnError, FactorOutcome, Method},
    service::{AuthnService, emit::known_device, verify::Proof},
    session::{AuthState, FederatedLogin, FederatedStep, Input, PendingLogin, SessionHandle},
    store::{AttemptOutcome, AttemptRequest, FactorStore, IdentityAuthnLog, Owner, Reservation, SidBinding},
};
use axess_events::{
    AuthEvent,
    authentication::{FactorFailureReason, LoginFailureReason, LoginStarted, LogoutReason},
};
use axess_factors::{
    Subject,
    federated::{FederatedIdentity, FederatedProof, FederationError},
};

impl<I: IdentityAuthnLog, F: FactorStore> AuthnService<I, F> {
    /// Grants what a provider's word is good for: a login by `begins`, or the step that is due.
    pub(super) async fn grant(
        &self,
        call: &Call<'_>,
        owner: Owner,
        (begun, proof): (&PendingLogin, FederatedProof),
        begins: Option<Method>,
    ) -> Result<FederatedOutcome, AuthnError> {
        let attempt = match self.reserve(call, owner).await? {
            Ok(attempt) => attempt,
            Err(refused) => return Ok(refused),
        };
        let (subject, kind) =
            (Subject { user_id: owner.user_id, attempt: attempt.attempt_id }, call.kind.clone());
        let (proof, identity) = proof.into_verified(subject, kind);
        let moved = async {
            if let Some(method) = &begins {
                self.login_began(call, owner, method).await?;
            }
            let login = FederatedLogin::of(&call.name, &identity);
            self.bind_to_provider(call.session, owner, &login).await?;
            self.obey_earlier_logout(call, owner, begun, &login).await?;
            let step = FederatedStep {
                proof,
                login,
                begins: begins.map(|method| (owner.tenant_id, owner.user_id, method)),
            };
            self.move_by(call.session, Input::FederatedVerified(Box::new(step))).await
        }
        .await;
        // Written first, asked second: an account that is suspended, or an identity that is unlinked, meanwhile is either
        // noticed here, or whoever did it finds the session and ends it.
        let asked = tokio::join!(self.accept(&attempt), self.used(owner, &identity));
        let why = match asked {
            (Ok(true), Ok(true)) => return moved.map(outcome),
            (Ok(false), Ok(_)) => LogoutReason::AdminRevoked,
            (Ok(true), Ok(false)) => LogoutReason::CredentialChanged,
            (Err(error), _) | (_, Err(error)) => {
                // Nobody knows whether the account may still log in, so it may not.
                call.session.clear().await?;
                let (user_id, why) = (Some(owner.user_id), LoginFailureReason::Backend);
                self.login_failed(call.session, owner.tenant_id, user_id, None, why).await?;
                return Err(error);
            }
        };
        self.end_session(call.session, why).await?;
        Ok(FederatedOutcome::NotAllowed)
    }

    /// Counts an identity that is right but another account's as a failed attempt at the step.
    pub(super) async fn somebody_else(
        &self,
        call: &Call<'_>,
        owner: Owner,
    ) -> Result<FederatedOutcome, AuthnError> {
        let attempt =
            self.attempt_from(owner.tenant_id, owner.user_id, call.kind.clone(), call.session).await?;
        let (active, locked) = match self.identity.reserve_attempt(attempt.clone()).await? {
            Reservation::Granted { active, lapsed } => {
                self.lapsed(call.session, owner.tenant_id, &lapsed).await?;
                (active, None)
            }
            Reservation::Locked { until } => (true, Some(until)),
        };
        let outcome = match locked {
            Some(until) => self.locked(call, &attempt, until).await?,
            None => {
                let why = FactorFailureReason::PolicyViolation;
                match self.failed(call.session, &attempt, active, why).await? {
                    Proof::Locked { until } => FederatedOutcome::Locked { until },
                    _ => FederatedOutcome::NotAllowed,
                }
            }
        };
        self.count_in_session(call.session, &attempt).await?;
        Ok(outcome)
    }

    /// Counts an attempt before anything is granted, as for every factor.
    async fn reserve(
        &self,
        call: &Call<'_>,
        owner: Owner,
    ) -> Result<Result<AttemptRequest, FederatedOutcome>, AuthnError> {
        let attempt =
            self.attempt_from(owner.tenant_id, owner.user_id, call.kind.clone(), call.session).await?;
        match self.identity.reserve_attempt(attempt.clone()).await? {
            Reservation::Locked { until } => self.locked(call, &attempt, until).await.map(Err),
            Reservation::Granted { active, lapsed } => {
                self.lapsed(call.session, owner.tenant_id, &lapsed).await?;
                if active {
                    return Ok(Ok(attempt));
                }
                // The provider's word was good, so nobody has guessed.
                self.identity.settle_attempt(attempt.clone(), AttemptOutcome::Abandoned).await?;
                let why = FactorFailureReason::Suspended;
                self.refused(call.session, &attempt, true, why, &[]).await?;
                Ok(Err(FederatedOutcome::NotAllowed))
            }
        }
    }

    async fn locked(
        &self,
        call: &Call<'_>,
        attempt: &AttemptRequest,
        until: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<FederatedOutcome, AuthnError> {
        self.identity.settle_attempt(attempt.clone(), AttemptOutcome::Locked).await?;
        self.refused(call.session, attempt, true, FactorFailureReason::Locked, &[]).await?;
        self.metrics.lockout_refused();
        Ok(FederatedOutcome::Locked { until })
    }
}

impl<I, F> AuthnService<I, F> {
    /// Tells whether nobody has logged the session out at its provider while it was being written. The binding of a
    /// session is removed before the session is looked for, so one of the two is noticed.
    pub(in crate::service) async fn is_still_bound(
        &self,
        session: &SessionHandle,
    ) -> Result<bool, AuthnError> {
        let (Some(login), Some(logout)) = (session.federated_login(), self.provider_logout()) else {
            return Ok(true);
        };
        let subject = session.with_state(AuthState::subject);
        let (Some((tenant_id, _)), Some(lineage)) = (subject, session.lineage()) else { return Ok(true) };
        let bound = logout
            .sids
            .find_by_subject(Some(tenant_id), login.link_issuer(), login.subject, self.now())
            .await?;
        Ok(bound.iter().any(|binding| binding.lineage == lineage))
    }

    /// Binds a session that a refresh token has opened to the provider's, if its login was at one.
    pub(in crate::service) async fn bind_provider_session(
        &self,
        session: &SessionHandle,
        owner: Owner,
    ) -> Result<(), AuthnError> {
        match session.federated_login() {
            Some(login) => self.bind_to_provider(session, owner, &login).await,
            None => Ok(()),
        }
    }

    /// Remembers which session at the provider ours belongs to: before ours is worth anything, so that a logout there is
    /// never too early to find it.
    async fn bind_to_provider(
        &self,
        session: &SessionHandle,
        owner: Owner,
        login: &FederatedLogin,
    ) -> Result<(), AuthnError> {
        // The session is stored: the begun login was taken out of it.
        let (Some(logout), Some(lineage)) = (self.provider_logout(), session.lineage()) else {
            return Ok(());
        };
        // Refresh tokens outlive the session they were issued in, and must be found as long.
        let own = session.latest_end();
        let tokens = self.refresh.as_ref().filter(|_| !login.refreshed);
        let own = tokens.map_or(own, |tokens| own + tokens.config().ttl());
        let binding = SidBinding {
            owner,
            issuer: login.link_issuer(),
            sid: login.session_id.clone(),
            subject: login.subject.clone(),
            lineage,
            expires_at: login.expires_at.map_or(own, |ends| own.min(ends)),
        };
        Ok(logout.sids.bind(binding).await?)
    }

    /// Notes that an identity was used, and tells whether it still is this account's.
    async fn used(&self, owner: Owner, identity: &FederatedIdentity) -> Result<bool, AuthnError> {
        let (issuer, subject) = (identity.link_issuer(), identity.subject.clone());
        Ok(self.federation()?.links().touch_link(owner, issuer, subject, self.now()).await?)
    }

    async fn login_began(&self, call: &Call<'_>, owner: Owner, method: &Method) -> Result<(), AuthnError> {
        if let Some(dropped) = method_in_progress(call.session) {
            tracing::debug!(method = dropped, "a login in progress gives way to one at an identity provider");
        }
        let started = LoginStarted {
            user_id: Some(owner.user_id),
            method_name: method.name.as_str().into(),
            device_id: known_device(call.session, owner),
        };
        self.emit(call.session, Some(owner.tenant_id), AuthEvent::LoginStarted(started)).await?;
        self.metrics.login_started(&method.name);
        Ok(())
    }
}

fn outcome(moved: FactorOutcome) -> FederatedOutcome {
    match moved {
        FactorOutcome::Authenticated => FederatedOutcome::Authenticated,
        FactorOutcome::FactorRequired(step) => FederatedOutcome::FactorRequired(step),
        FactorOutcome::Locked { until } => FederatedOutcome::Locked { until },
        // Another request has moved the session on meanwhile.
        FactorOutcome::InvalidCredential => FederatedOutcome::Refused(FederationError::StateMismatch),
    }
}
