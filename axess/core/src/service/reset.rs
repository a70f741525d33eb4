//! Setting a forgotten password anew.
//!
//! 1. [`begin_password_reset`](AuthnService::begin_password_reset) mails a code to the account's verified address. The
//!    answer, the work and the session are the same for an account that does not exist.
//! 2. [`verify_password_reset`](AuthnService::verify_password_reset) checks the code; each try is written off first.
//! 3. [`complete_password_reset`](AuthnService::complete_password_reset) stores the new password, ends every session of
//!    the user and clears the lock. The user logs in anew, with every factor the method asks for.

use super::{AuthnService, check::Checked, cut_off::By, password::NewPassword};
use crate::{
    authn::{AuthnError, FactorConfig, PasswordResetOutcome},
    delivery::MailPurpose,
    session::{Change, Moment, SessionHandle, WorkflowKind},
    store::{FactorStore, IdentityAuthnLog, Owner, SaveOutcome},
};
use axess_events::{
    AuthEvent,
    account::{EmailCodePurpose, PasswordResetCompleted, PasswordResetRequested},
    authentication::FactorFailureReason,
    refresh::RefreshRevocationReason,
    shell::RotationCause,
};
use axess_factors::Subject;
use axess_identity::{FactorKind, OtpCode, Password, TenantId, UserId};

/// Step 1 waits for the code, step 2 for the new password.
const STEPS: u32 = 2;

impl<I: IdentityAuthnLog, F: FactorStore> AuthnService<I, F> {
    /// Begins a reset.
    ///
    /// Puts the session into the ceremony and, if the account can log in and has a verified address, mails a code to it.
    ///
    /// # Errors
    ///
    /// [`AuthnError::AlreadyAuthenticated`], [`AuthnError::Delivery`] when no mail can be sent at all,
    /// [`AuthnError::Overloaded`], [`AuthnError::Store`].
    pub async fn begin_password_reset(
        &self,
        session: &SessionHandle,
        identifier: &str,
        tenant: &str,
    ) -> Result<(), AuthnError> {
        self.outbox.check_open()?;
        let target = self.find_target(identifier, tenant).await?;
        let change = Change::StartWorkflow {
            tenant_id: target.tenant_id,
            user_id: target.user_id,
            kind: WorkflowKind::PasswordReset,
            total_steps: STEPS,
        };
        if session.is_authenticated() || !session.record(change) {
            return Err(AuthnError::AlreadyAuthenticated);
        }
        let user = self.identity.get_user(target.tenant_id, target.user_id).await?;
        let to = user.filter(|user| target.real && user.email_verified).and_then(|user| user.email);
        let requested = PasswordResetRequested { user_id: target.real.then_some(target.user_id) };
        self.emit(session, Some(target.tenant_id), AuthEvent::PasswordResetRequested(requested)).await?;
        let purpose = (MailPurpose::PasswordReset, EmailCodePurpose::PasswordReset);
        self.send_code(session, target.tenant_id, target.user_id, to, purpose.0, purpose.1).await?;
        Ok(())
    }

    /// Checks the mailed code.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticating`] when no reset waits for a code; [`AuthnError::SessionEnded`];
    /// [`AuthnError::Overloaded`]; a backend's failure.
    pub async fn verify_password_reset(
        &self,
        session: &SessionHandle,
        code: impl Into<OtpCode>,
    ) -> Result<PasswordResetOutcome, AuthnError> {
        let (tenant_id, user_id) = reset_at(session, 1)?;
        let attempt = self.attempt(tenant_id, user_id, FactorKind::EmailOtp, session);
        let subject = Subject { user_id, attempt: attempt.attempt_id };
        let checked = self.check_email_code(session, &attempt, subject, code.into().expose()).await?;
        // A mailed code is bounded by its own tries; a stand-in's was never mailed.
        let real =
            self.identity.get_user(tenant_id, user_id).await?.is_some_and(|user| user.status.admits_logins());
        let refused = match checked {
            _ if !real => Some(FactorFailureReason::UnknownAccount),
            Checked::Failed(why) => Some(why),
            Checked::Passed { .. } => None,
        };
        let subject = (tenant_id, real.then_some(user_id));
        if let Some(why) = refused {
            self.ceremony_refused(session, subject, FactorKind::EmailOtp, why).await?;
            return Ok(PasswordResetOutcome::InvalidCode);
        }
        if !session.commit(Change::AdvanceWorkflow).await? {
            return Ok(PasswordResetOutcome::InvalidCode);
        }
        let previous = (session.session_id(), RotationCause::Requested);
        session.regenerate().await?;
        let moment = Moment::FactorVerified { kind: FactorKind::EmailOtp, attempt_index: 0 };
        self.record_or_end(session, previous, vec![moment]).await?;
        Ok(PasswordResetOutcome::CodeAccepted)
    }

    /// Stores the new password, ends all sessions and refresh tokens of the user, clears the account's lock and makes the session a guest's.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticating`] unless the code was accepted in this session before; [`AuthnError::SessionEnded`];
    /// [`AuthnError::Overloaded`]; a backend's failure.
    pub async fn complete_password_reset(
        &self,
        session: &SessionHandle,
        new: impl Into<Password>,
    ) -> Result<PasswordResetOutcome, AuthnError> {
        let (tenant_id, user_id) = reset_at(session, STEPS)?;
        let (record, expected) = match self.judge(tenant_id, user_id, None, &new.into()).await? {
            NewPassword::Record { record, expected } => (record, expected),
            NewPassword::Weak(why) => return Ok(PasswordResetOutcome::WeakPassword(why)),
            NewPassword::Reused => return Ok(PasswordResetOutcome::Reused),
            NewPassword::Overtaken => return Err(AuthnError::SessionEnded),
        };
        self.emitter
            .together(async {
                // The ceremony is spent first: of two racing requests one stores its password.
                if session.clear().await? == crate::authn::LogoutOutcome::NothingToEnd {
                    return Err(AuthnError::SessionEnded);
                }
                let config = FactorConfig::Password(record);
                if self.factors.save_factor(tenant_id, user_id, config, expected).await?
                    == SaveOutcome::Conflict
                {
                    return Err(AuthnError::SessionEnded);
                }
                let (owner, why) = (Owner { tenant_id, user_id }, RefreshRevocationReason::CredentialChanged);
                self.cut_off(session.sessions(), owner, None, By::Session(session), why).await?;
                self.identity.clear_lockout(tenant_id, user_id).await?;
                let completed = PasswordResetCompleted { user_id };
                self.emit(session, Some(tenant_id), AuthEvent::PasswordResetCompleted(completed)).await?;
                Ok(PasswordResetOutcome::Completed)
            })
            .await
    }
}

fn reset_at(session: &SessionHandle, step: u32) -> Result<(TenantId, UserId), AuthnError> {
    match session.workflow_step(&WorkflowKind::PasswordReset) {
        Some((tenant_id, user_id, at)) if at == step => Ok((tenant_id, user_id)),
        _ => Err(AuthnError::NotAuthenticating),
    }
}
