//! Enrolling and removing authenticators.
//!
//! 1. [`begin_totp_enrolment`](AuthnService::begin_totp_enrolment) draws a secret, shows it, and keeps it in the session.
//! 2. The user's app shows a code; [`confirm_totp_enrolment`](AuthnService::confirm_totp_enrolment) checks it.
//! 3. Only then is the secret stored, by a conditional write against what was there at step 1: of two enrolments racing
//!    each other one wins, and a code can never confirm a secret it was not made from.

use super::AuthnService;
use crate::{
    authn::{AuthnError, EnrolmentOutcome, FactorConfig, FactorOutcome, FactorPolicy, FactorStep, OtpPolicy},
    session::{Change, PendingTotp, SessionHandle},
    store::{Expected, FactorStore, IdentityLookup, SaveOutcome},
};
use axess_events::{
    AuthEvent,
    account::{FactorEnrolled, FactorRemoved},
    authentication::FactorFailureReason,
};
use axess_factors::{DEFAULT_RECOVERY_CODES, OtpauthUri, RecoveryCodes, Subject, TotpConfig, TotpOutcome};
use axess_identity::{AttemptId, FactorKind, OtpCode};
use chrono::TimeDelta;

/// How long a shown secret waits for its first code.
const ENROLMENT_TTL: TimeDelta = TimeDelta::minutes(10);
/// How many wrong codes an enrolment survives.
const ENROLMENT_TRIES: u32 = 5;

/// A new authenticator, to be shown to its user once.
///
/// ```
/// # use axess_core::{authn::AuthnError, memory::InMemoryBackend, service::AuthnService, session::SessionHandle};
/// # async fn example(service: &AuthnService<InMemoryBackend, InMemoryBackend>, session: &SessionHandle) -> Result<(), AuthnError> {
/// let enrolment = service.begin_totp_enrolment(session).await?;
/// println!("scan this, or type {}", enrolment.uri.expose_key());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TotpEnrolment {
    /// The secret as an `otpauth://` URI, for a QR code or for typing in.
    pub uri: OtpauthUri,
}

impl<I: IdentityLookup, F: FactorStore> AuthnService<I, F> {
    /// Draws a TOTP secret for the authenticated user and returns it to be shown.
    ///
    /// Nothing is stored but in the session.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticated`]; [`AuthnError::StepUpRequired`] when the login is not recent, or the user has a
    /// second factor and did not use it; [`AuthnError::Otpauth`]; [`AuthnError::Store`].
    pub async fn begin_totp_enrolment(&self, session: &SessionHandle) -> Result<TotpEnrolment, AuthnError> {
        self.require_fresh(session)?;
        let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
        let enrolled = self.factors.find_factors(owner.tenant_id, owner.user_id).await?;
        self.require_second_factor(session, &enrolled)?;
        let user = self
            .identity
            .get_user(owner.tenant_id, owner.user_id)
            .await?
            .ok_or(AuthnError::NotAuthenticated)?;
        let found = self.factors.load_factor(owner.tenant_id, owner.user_id, FactorKind::Totp).await?;
        let policy = match found.policy {
            Some(FactorPolicy::Totp(policy)) => policy,
            _ => OtpPolicy::default(),
        };
        let config = TotpConfig {
            digits: policy.digits,
            period: policy.period,
            algorithm: policy.algorithm,
            drift_window: policy.window,
            ..TotpConfig::generate(self.rng())
        };
        // A colon separates issuer and account in the URI and may stand in neither.
        let account = user.identifier.as_str().replace(':', "_");
        let uri = OtpauthUri::totp(&config, &self.issuer, &account).map_err(AuthnError::Otpauth)?;
        let pending = PendingTotp {
            config,
            replaces: found.record.map_or(0, |stored| stored.version),
            expires_at: self.now() + ENROLMENT_TTL,
            tries_left: ENROLMENT_TRIES,
        };
        session.record(Change::SetTotp(Some(pending)));
        Ok(TotpEnrolment { uri })
    }

    /// Stores the shown secret if `code` was made from it, with a fresh set of recovery codes.
    ///
    /// The session gets a new id, and has proved as many factors as before. The code cannot be used again to log in.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticated`], [`AuthnError::StepUpRequired`], [`AuthnError::SessionEnded`],
    /// [`AuthnError::Store`], [`AuthnError::Audit`].
    pub async fn confirm_totp_enrolment(
        &self,
        session: &SessionHandle,
        code: impl Into<OtpCode>,
    ) -> Result<EnrolmentOutcome, AuthnError> {
        self.confirm_totp(session, code.into(), false).await
    }

    /// Does the same, and counts the code as a second factor that the session proved.
    ///
    /// It is for enrolments that a login waits for: without it, a person who has just set up the authenticator has to wait
    /// for its next code to log in.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::confirm_totp_enrolment`].
    pub async fn log_in_with_totp_enrolment(
        &self,
        session: &SessionHandle,
        code: impl Into<OtpCode>,
    ) -> Result<EnrolmentOutcome, AuthnError> {
        self.confirm_totp(session, code.into(), true).await
    }

    async fn confirm_totp(
        &self,
        session: &SessionHandle,
        code: OtpCode,
        is_proof: bool,
    ) -> Result<EnrolmentOutcome, AuthnError> {
        self.require_fresh(session)?;
        let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
        let now = self.now();
        if !session.commit(Change::TakeTotpTry { at: now }).await? {
            session.record(Change::SetTotp(None));
            return Ok(EnrolmentOutcome::Expired);
        }
        let Some(pending) = session.ceremony(|ceremony| ceremony.totp.clone()) else {
            return Ok(EnrolmentOutcome::Expired);
        };
        let subject = Subject { user_id: owner.user_id, attempt: AttemptId::generate(now, self.rng()) };
        let TotpOutcome::Accepted(unspent) = pending.config.verify(subject, code.expose(), now) else {
            let (of, why) = ((owner.tenant_id, Some(owner.user_id)), FactorFailureReason::WrongCode);
            self.ceremony_refused(session, of, FactorKind::Totp, why).await?;
            return Ok(EnrolmentOutcome::InvalidCode);
        };
        let (confirmed, proof) = unspent.into_parts();
        let expected =
            if pending.replaces == 0 { Expected::Absent } else { Expected::Version(pending.replaces) };
        self.emitter
            .together(async {
                let config = FactorConfig::Totp(confirmed);
                if self.factors.save_factor(owner.tenant_id, owner.user_id, config, expected).await?
                    == SaveOutcome::Conflict
                {
                    session.record(Change::SetTotp(None));
                    return Ok(EnrolmentOutcome::Expired);
                }
                let (recovery_codes, stored) = RecoveryCodes::generate(DEFAULT_RECOVERY_CODES, self.rng());
                let stored = FactorConfig::RecoveryCodes(stored);
                let _ =
                    self.factors.save_factor(owner.tenant_id, owner.user_id, stored, Expected::Any).await?;
                session.record(Change::SetTotp(None));
                for factor_kind in [FactorKind::Totp, FactorKind::RecoveryCode] {
                    let event = FactorEnrolled { user_id: owner.user_id, factor_kind, credential_ref: None };
                    self.emit(session, Some(owner.tenant_id), AuthEvent::FactorEnrolled(event)).await?;
                }
                if !is_proof {
                    self.rotate(session).await?;
                    return Ok(EnrolmentOutcome::Enrolled { recovery_codes });
                }
                session.record(Change::RequestStepUp(vec![FactorStep::Required(FactorKind::Totp)]));
                match self.move_on(session, proof).await? {
                    FactorOutcome::Authenticated => Ok(EnrolmentOutcome::Enrolled { recovery_codes }),
                    _ => Err(AuthnError::SessionEnded),
                }
            })
            .await
    }

    /// Removes one of the authenticated user's factors, ends the user's other sessions and gives this one a new id.
    /// Tells whether there was such a factor.
    ///
    /// Take care that the user's methods can still be completed.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::begin_totp_enrolment`].
    pub async fn remove_factor(&self, session: &SessionHandle, kind: FactorKind) -> Result<bool, AuthnError> {
        self.emitter
            .together(async {
                self.require_fresh(session)?;
                let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
                let enrolled = self.factors.find_factors(owner.tenant_id, owner.user_id).await?;
                self.require_second_factor(session, &enrolled)?;
                if !self.factors.delete_factor(owner.tenant_id, owner.user_id, kind.clone()).await? {
                    return Ok(false);
                }
                session.sessions().end_for_user(owner, Some(session.session_id())).await?;
                let event = FactorRemoved { user_id: owner.user_id, factor_kind: kind, credential_ref: None };
                self.emit(session, Some(owner.tenant_id), AuthEvent::FactorRemoved(event)).await?;
                self.rotate(session).await?;
                Ok(true)
            })
            .await
    }
}
