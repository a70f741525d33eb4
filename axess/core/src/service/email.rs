//! Proving the mail address of an existing account.

use super::{AuthnService, check::Checked};
use crate::{
    authn::{AuthnError, EmailVerificationOutcome},
    delivery::MailPurpose,
    session::{Change, SessionHandle, WorkflowKind},
    store::{FactorStore, IdentityAdmin, UserChange},
};
use axess_events::{
    AuthEvent,
    account::{EmailCodePurpose, EmailVerified},
};
use axess_factors::Subject;
use axess_identity::{FactorKind, OtpCode};

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    /// Mails a code to the stored address of the authenticated user.
    ///
    /// Until it is confirmed the session is in a ceremony and does not count as logged in.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticated`], [`AuthnError::Delivery`], [`AuthnError::Overloaded`], [`AuthnError::Store`];
    /// [`AuthnError::NoSuchRecord`] when the account has no address.
    pub async fn begin_email_verification(&self, session: &SessionHandle) -> Result<(), AuthnError> {
        self.outbox.check_open()?;
        let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
        let user = self.identity.get_user(owner.tenant_id, owner.user_id).await?;
        let to = user.and_then(|user| user.email).ok_or(AuthnError::NoSuchRecord)?;
        let change = Change::StartWorkflow {
            tenant_id: owner.tenant_id,
            user_id: owner.user_id,
            kind: WorkflowKind::EmailVerification,
            total_steps: 1,
        };
        if !session.record(change) {
            return Err(AuthnError::NotAuthenticated);
        }
        let purpose = (MailPurpose::EmailVerification, EmailCodePurpose::EmailChange);
        self.send_code(session, owner.tenant_id, owner.user_id, Some(to), purpose.0, purpose.1).await?;
        Ok(())
    }

    /// Checks the mailed code, marks the address as verified, and makes the session authenticated again.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticating`] when no verification is in progress; [`AuthnError::SessionEnded`];
    /// [`AuthnError::Overloaded`]; a backend's failure.
    pub async fn complete_email_verification(
        &self,
        session: &SessionHandle,
        code: impl Into<OtpCode>,
    ) -> Result<EmailVerificationOutcome, AuthnError> {
        let (tenant_id, user_id, _) =
            session.workflow_step(&WorkflowKind::EmailVerification).ok_or(AuthnError::NotAuthenticating)?;
        let attempt = self.attempt(tenant_id, user_id, FactorKind::EmailOtp, session);
        let subject = Subject { user_id, attempt: attempt.attempt_id };
        let checked = self.check_email_code(session, &attempt, subject, code.into().expose()).await?;
        let proof = match checked {
            Checked::Passed { proof, .. } => proof,
            Checked::Failed(why) => {
                self.ceremony_refused(session, (tenant_id, Some(user_id)), FactorKind::EmailOtp, why).await?;
                return Ok(EmailVerificationOutcome::InvalidCode);
            }
        };
        self.emitter
            .together(async {
                self.ceremony_verified(session, (tenant_id, user_id), FactorKind::EmailOtp).await?;
                self.finish_workflow(session, Some(proof)).await?;
                let change = UserChange { email_verified: Some(true), ..UserChange::default() };
                let _ = self.identity.update_user(tenant_id, user_id, change).await?;
                self.emit(session, Some(tenant_id), AuthEvent::EmailVerified(EmailVerified { user_id }))
                    .await?;
                Ok(EmailVerificationOutcome::Verified)
            })
            .await
    }
}
