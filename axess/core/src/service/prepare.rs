use super::AuthnService;
use crate::{
    authn::{AuthnError, FactorPolicy},
    delivery::{MailPurpose, OutboundMail},
    session::{Change, SessionHandle},
    store::{FactorStore, IdentityLookup},
};
use axess_events::{
    AuthEvent,
    account::{EmailCodePurpose, EmailCodeSent},
};
use axess_identity::{EmailAddress, FactorKind, TenantId, UserId};
use chrono::{DateTime, TimeDelta, Utc};

/// How long a sent code must be waited for before another one is sent.
const RESEND_AFTER: TimeDelta = TimeDelta::seconds(30);

/// What preparing a factor did.
///
/// ```
/// use axess_core::service::PreparedFactor;
/// assert_ne!(PreparedFactor::Ready, PreparedFactor::CodeSent { expires_at: chrono::DateTime::UNIX_EPOCH });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreparedFactor {
    /// The factor needs no preparation; the choice is remembered.
    Ready,
    /// If the account has a verified mail address, a code is on its way to it.
    CodeSent {
        /// When the code stops working.
        expires_at: DateTime<Utc>,
    },
}

impl<I: IdentityLookup, F: FactorStore> AuthnService<I, F> {
    /// Chooses one factor of the step that is due, and starts its ceremony: sends the mail, makes the challenge.
    ///
    /// For [`FactorKind::EmailOtp`] the work and the answer are the same whether or not the account exists or has an
    /// address; within 30 seconds the code already sent stays valid and no other is sent.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticating`], [`AuthnError::FactorNotOffered`], [`AuthnError::Delivery`] when no mail can
    /// be sent at all, [`AuthnError::Overloaded`], [`AuthnError::Store`].
    pub async fn prepare_factor(
        &self,
        session: &SessionHandle,
        kind: FactorKind,
    ) -> Result<PreparedFactor, AuthnError> {
        let (due, subject) = session.with_state(|state| (state.expected_step().cloned(), state.subject()));
        let (Some(step), Some((tenant_id, user_id))) = (due, subject) else {
            return Err(AuthnError::NotAuthenticating);
        };
        if !step.admits(&kind) {
            return Err(AuthnError::FactorNotOffered(kind));
        }
        let stepping_up = session.is_authenticated();
        session.record(Change::Prepare(kind.clone()));
        if kind != FactorKind::EmailOtp {
            return Ok(PreparedFactor::Ready);
        }
        self.outbox.check_open()?;
        let user = self.identity.get_user(tenant_id, user_id).await?;
        let usable = user.filter(|user| user.status.admits_logins() && user.email_verified);
        let purpose = if stepping_up { EmailCodePurpose::StepUp } else { EmailCodePurpose::Login };
        let to = usable.and_then(|user| user.email);
        let expires_at = self.send_code(session, tenant_id, user_id, to, MailPurpose::Login, purpose).await?;
        Ok(PreparedFactor::CodeSent { expires_at })
    }

    /// Makes a code for this session and mails it to `to`. Without an address everything is done but the mailing.
    pub(super) async fn send_code(
        &self,
        session: &SessionHandle,
        tenant_id: TenantId,
        user_id: UserId,
        to: Option<EmailAddress>,
        purpose: MailPurpose,
        recorded: EmailCodePurpose,
    ) -> Result<DateTime<Utc>, AuthnError> {
        let now = self.now();
        let pending = session.ceremony(|ceremony| {
            ceremony.email_code.as_ref().map(|code| (code.created_at(), code.expires_at()))
        });
        if let Some((created_at, expires_at)) = pending
            && now - created_at < RESEND_AFTER
            && now < expires_at
        {
            return Ok(expires_at);
        }
        let found = self.factors.load_factor(tenant_id, user_id, FactorKind::EmailOtp).await?;
        let config = match found.policy {
            Some(FactorPolicy::EmailOtp(config)) => config,
            _ => self.email_config.clone(),
        };
        let binding = user_id.as_uuid().into_bytes();
        let (code, challenge) =
            axess_factors::EmailOtpChallenge::issue(&config, &self.hasher, self.rng(), now, binding).await?;
        let expires_at = challenge.expires_at();
        session.record(Change::SetEmailCode(Some(challenge)));
        let known = to.is_some();
        if let Some(to) = to {
            self.outbox.send(OutboundMail { tenant_id, to, purpose, code: Some(code), expires_at })?;
        }
        let sent = EmailCodeSent { user_id: known.then_some(user_id), purpose: recorded };
        self.emit(session, Some(tenant_id), AuthEvent::EmailCodeSent(sent)).await?;
        Ok(expires_at)
    }
}
