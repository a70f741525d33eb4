use super::{AuthnService, check::Checked};
use crate::{
    authn::{AuthnError, FactorCredential, FactorOutcome, FactorStep, Fault},
    session::{Advance, AuthState, Change, Input, SessionHandle},
    store::{AttemptOutcome, AttemptRequest, FactorStore, IdentityAuthnLog, Lockout, Owner, Reservation},
};
use axess_events::{
    AuthEvent,
    account::RecoveryCodeUsed,
    authentication::{FactorFailureReason, LoginFailureReason, LogoutReason},
    shell::RotationCause,
};
use axess_factors::Verified;
use axess_identity::{AttemptId, FactorKind, PasswordHash, TenantId, UserId};
use chrono::{DateTime, Utc};

impl<I: IdentityAuthnLog, F: FactorStore> AuthnService<I, F> {
    /// Verifies one credential for the step that is due, of a login or of a step-up.
    ///
    /// The attempt is counted on all three lockout levers before the credential is looked at, and a credential that
    /// works once is spent before the answer: of two racing requests with one code exactly one is accepted. A right
    /// credential rotates the session id.
    ///
    /// A credential of a kind the step does not offer is [`FactorOutcome::InvalidCredential`] and costs nothing.
    ///
    /// # Errors
    ///
    /// Faults and misuse only: [`AuthnError::NotAuthenticating`], [`AuthnError::AmbiguousFactor`],
    /// [`AuthnError::UnsupportedFactor`], [`AuthnError::SessionEnded`] when a logout came first,
    /// [`AuthnError::Overloaded`], [`AuthnError::Store`], [`AuthnError::Session`], [`AuthnError::Audit`].
    pub async fn verify_factor(
        &self,
        session: &SessionHandle,
        credential: FactorCredential,
    ) -> Result<FactorOutcome, AuthnError> {
        let (due, subject) = session.with_state(|state| (state.expected_step().cloned(), state.subject()));
        let (Some(step), Some((tenant_id, user_id))) = (due, subject) else {
            return Err(AuthnError::NotAuthenticating);
        };
        let prepared = session.ceremony(|ceremony| ceremony.prepared.clone());
        let Some(kind) = choose(&step, &credential, prepared)? else {
            return Ok(FactorOutcome::InvalidCredential);
        };
        let attempt = self.attempt_from(tenant_id, user_id, kind, session).await?;
        let reservation = self.identity.reserve_attempt(attempt.clone()).await?;
        self.decide(session, attempt, reservation, credential).await
    }

    /// Verifies under a reservation, settles it, and moves the session.
    pub(super) async fn decide(
        &self,
        session: &SessionHandle,
        attempt: AttemptRequest,
        reservation: Reservation,
        credential: FactorCredential,
    ) -> Result<FactorOutcome, AuthnError> {
        match self.prove(session, &attempt, reservation, &credential).await? {
            Proof::Right { proof, hash, codes_left } => {
                self.recovery_code_used(session, &attempt, codes_left).await?;
                // Written first, asked second: an account that is suspended, or a password that is changed, meanwhile is
                // either noticed here, or whoever did it finds the session and ends it.
                let moved = self.move_on(session, proof).await;
                let asked = tokio::join!(
                    self.accept(&attempt),
                    self.is_current(&attempt, &credential, hash.as_ref())
                );
                let why = match asked {
                    (Ok(true), Ok(true)) => return moved,
                    (Ok(false), Ok(_)) => LogoutReason::AdminRevoked,
                    (Ok(true), Ok(false)) => LogoutReason::CredentialChanged,
                    (Err(error), _) | (_, Err(error)) => {
                        // Nobody knows whether the account may still log in, so it may not.
                        session.clear().await?;
                        let (user_id, why) = (Some(attempt.user_id), LoginFailureReason::Backend);
                        self.login_failed(session, attempt.tenant_id, user_id, None, why).await?;
                        return Err(error);
                    }
                };
                self.end_session(session, why).await?;
                Ok(FactorOutcome::InvalidCredential)
            }
            Proof::Wrong => {
                self.count_in_session(session, &attempt).await?;
                Ok(FactorOutcome::InvalidCredential)
            }
            Proof::Locked { until } => {
                self.count_in_session(session, &attempt).await?;
                Ok(FactorOutcome::Locked { until })
            }
        }
    }

    /// Checks a credential under a reservation: what every verb that takes a credential shares.
    ///
    /// A refused attempt is settled here; a right one by [`AuthnService::accept`], when its consequence is stored.
    /// A locked attempt does the same reads and the same password work as any other, and throws the result away.
    pub(super) async fn prove(
        &self,
        session: &SessionHandle,
        attempt: &AttemptRequest,
        reservation: Reservation,
        credential: &FactorCredential,
    ) -> Result<Proof, AuthnError> {
        let (active, locked) = match reservation {
            Reservation::Granted { active, lapsed } => {
                self.lapsed(session, attempt.tenant_id, &lapsed).await?;
                (active, None)
            }
            Reservation::Locked { until } => (false, Some(until)),
        };
        let began = self.now();
        let checked = match self.check(session, attempt, credential, active).await {
            Ok(checked) => checked,
            Err(error) => {
                // Nothing was decided: the attempt is given back. If that fails too, it stays counted.
                if locked.is_none() {
                    let _ = self.identity.settle_attempt(attempt.clone(), AttemptOutcome::Abandoned).await;
                }
                self.count_fault(&error);
                self.undecided(session, attempt, active, &error).await?;
                return Err(error);
            }
        };
        self.metrics.factor_duration(&attempt.factor, (self.now() - began).to_std().unwrap_or_default());
        if let Some(until) = locked {
            self.identity.settle_attempt(attempt.clone(), AttemptOutcome::Locked).await?;
            self.refused(session, attempt, active, FactorFailureReason::Locked, &[]).await?;
            self.metrics.lockout_refused();
            return Ok(Proof::Locked { until });
        }
        match checked {
            Checked::Passed { proof, hash, codes_left } if active => {
                Ok(Proof::Right { proof, hash, codes_left })
            }
            Checked::Passed { .. } => {
                self.failed(session, attempt, active, FactorFailureReason::UnknownAccount).await
            }
            Checked::Failed(why) => {
                let why = if active { why } else { FactorFailureReason::UnknownAccount };
                self.failed(session, attempt, active, why).await
            }
        }
    }

    /// Settles a right attempt; tells whether the account may still log in.
    pub(super) async fn accept(&self, attempt: &AttemptRequest) -> Result<bool, AuthnError> {
        let settled = self.identity.settle_attempt(attempt.clone(), AttemptOutcome::Success).await?;
        self.metrics.factor_verified(&attempt.factor);
        Ok(settled.active)
    }

    pub(super) async fn failed(
        &self,
        session: &SessionHandle,
        attempt: &AttemptRequest,
        active: bool,
        why: FactorFailureReason,
    ) -> Result<Proof, AuthnError> {
        self.emitter
            .together(async {
                let settled = self.identity.settle_attempt(attempt.clone(), AttemptOutcome::Failure).await?;
                self.refused(session, attempt, active, why, &settled.triggered).await?;
                Ok(match settled.triggered.first() {
                    Some(
                        Lockout::User { until, .. }
                        | Lockout::Tenant { until, .. }
                        | Lockout::Ip { until, .. },
                    ) => Proof::Locked { until: *until },
                    None => Proof::Wrong,
                })
            })
            .await
    }

    async fn recovery_code_used(
        &self,
        session: &SessionHandle,
        attempt: &AttemptRequest,
        codes_left: Option<u32>,
    ) -> Result<(), AuthnError> {
        let Some(codes_left) = codes_left else { return Ok(()) };
        let used = RecoveryCodeUsed { user_id: attempt.user_id, codes_left };
        self.emit(session, Some(attempt.tenant_id), AuthEvent::RecoveryCodeUsed(used)).await.map(|_| ())
    }

    /// Records that the configuration did not let a credential be judged; what passes by itself is no login's end.
    async fn undecided(
        &self,
        session: &SessionHandle,
        attempt: &AttemptRequest,
        active: bool,
        error: &AuthnError,
    ) -> Result<(), AuthnError> {
        if error.fault() != Fault::Configuration && !matches!(error, AuthnError::Credential(_)) {
            return Ok(());
        }
        let method = session.with_state(|state| match state {
            AuthState::Authenticating { method_name, .. } => Some(method_name.clone()),
            _ => None,
        });
        let (user_id, why) = (active.then_some(attempt.user_id), LoginFailureReason::Misconfigured);
        self.login_failed(session, attempt.tenant_id, user_id, method.as_deref(), why).await
    }

    pub(super) async fn count_in_session(
        &self,
        session: &SessionHandle,
        attempt: &AttemptRequest,
    ) -> Result<(), AuthnError> {
        let method = session.with_state(|state| match state {
            AuthState::Authenticating { method_name, .. } => Some(method_name.clone()),
            _ => None,
        });
        session.record(Change::FactorFailed);
        if let Some(method) = method.filter(|_| session.is_guest()) {
            self.login_given_up(session, attempt, &method).await?;
        }
        Ok(())
    }

    /// Makes an attempt on an account that the device the request comes from may be trusted by.
    pub(super) async fn attempt_from(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        factor: FactorKind,
        session: &SessionHandle,
    ) -> Result<AttemptRequest, AuthnError> {
        let trusted_device = self.trusted_device(session, Owner { tenant_id, user_id }).await?;
        Ok(AttemptRequest { trusted_device, ..self.attempt(tenant_id, user_id, factor, session) })
    }

    pub(super) fn attempt(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        factor: FactorKind,
        session: &SessionHandle,
    ) -> AttemptRequest {
        let at: DateTime<Utc> = self.now();
        AttemptRequest {
            attempt_id: AttemptId::generate(at, self.rng()),
            tenant_id,
            user_id,
            factor,
            client_ip: session.context().client_ip,
            at,
            trusted_device: None,
            default_policy: self.lockout_policy.clone(),
        }
    }
}

impl<I, F> AuthnService<I, F> {
    /// Puts a proof into the state machine, writes the session and records the moments.
    pub(super) async fn move_on(
        &self,
        session: &SessionHandle,
        proof: Verified,
    ) -> Result<FactorOutcome, AuthnError> {
        self.move_by(session, Input::FactorVerified(proof)).await
    }

    /// Does the same for any input that holds a proof.
    pub(super) async fn move_by(
        &self,
        session: &SessionHandle,
        input: Input,
    ) -> Result<FactorOutcome, AuthnError> {
        let moved = self.move_and_record(session, input).await?;
        // Written first, asked second, as with everything that ends sessions from outside.
        if session.is_authenticated() && !self.is_still_bound(session).await? {
            self.end_session(session, LogoutReason::IdpInitiated).await?;
            return Ok(FactorOutcome::InvalidCredential);
        }
        Ok(moved)
    }

    async fn move_and_record(
        &self,
        session: &SessionHandle,
        input: Input,
    ) -> Result<FactorOutcome, AuthnError> {
        self.emitter
            .together(async {
                let stepping_up = session.is_authenticated();
                let cause = if stepping_up { RotationCause::StepUp } else { RotationCause::Login };
                let previous = (session.session_id(), cause);
                match session.advance(input).await? {
                    // Another request has completed this very step meanwhile.
                    Advance::Refused => return Ok(FactorOutcome::InvalidCredential),
                    Advance::Done(moments) => self.record_or_end(session, previous, moments).await?,
                }
                Ok(session.with_state(|state| match state {
                    AuthState::Authenticated { step_up: None, .. } => FactorOutcome::Authenticated,
                    other => match other.expected_step() {
                        Some(step) => FactorOutcome::FactorRequired(step.clone()),
                        None => FactorOutcome::InvalidCredential,
                    },
                }))
            })
            .await
    }
}

/// What a settled attempt proved.
#[derive(Debug)]
pub(super) enum Proof {
    Right {
        proof: Verified,
        hash: Option<PasswordHash>,
        /// How many recovery codes are left, if one was spent.
        codes_left: Option<u32>,
    },
    Wrong,
    Locked {
        until: Option<DateTime<Utc>>,
    },
}

/// Finds the one factor of `step` that the credential answers; `None` when it answers none of them.
fn choose(
    step: &FactorStep,
    credential: &FactorCredential,
    prepared: Option<FactorKind>,
) -> Result<Option<FactorKind>, AuthnError> {
    let fitting: Vec<_> = step.kinds().iter().filter(|kind| credential.fits(kind)).collect();
    match fitting.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some((*only).clone())),
        several => match prepared.filter(|prepared| several.contains(&prepared)) {
            Some(prepared) => Ok(Some(prepared)),
            None => Err(AuthnError::AmbiguousFactor),
        },
    }
}
