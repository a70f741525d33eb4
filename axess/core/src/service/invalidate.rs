//! What operators do when an account is in the wrong hands, or its user has lost what they log in with.

use super::{
    AuthnService, Operator,
    cut_off::By,
    password::{NewPassword, keep},
};
use crate::{
    authn::{AuthnError, FactorConfig, PasswordRecord, PasswordResetOutcome},
    delivery::{MailPurpose, OutboundMail},
    session::{Bond, Sessions},
    store::{Expected, FactorStore, IdentityAdmin, Owner, SaveOutcome, Stored},
};
use axess_events::{
    AuthEvent,
    administrative::{FactorReset, PasswordReset, SessionInvalidated},
    refresh::RefreshRevocationReason,
};
use axess_identity::{FactorKind, Password, PasswordHash, SessionId, User, UserStatus};
use axess_rng::random_array;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    /// Makes an account's password useless, ends its sessions and revokes its refresh tokens: its user must set a new one.
    ///
    /// They do so by [`AuthnService::begin_password_reset`], which needs a verified mail address; a notice is mailed there
    /// when mail is configured. For an account without one, use [`AuthnService::set_password`]. Returns whether a notice
    /// is on its way.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NoSuchRecord`] when the account does not exist; [`AuthnError::Overloaded`]; a store's or the trail's
    /// failure. The password is replaced first, and the verb may be called again.
    pub async fn reset_password(
        &self,
        sessions: &Sessions,
        owner: Owner,
        operator: &Operator,
    ) -> Result<bool, AuthnError> {
        let user = self.account(owner).await?;
        // Replaced and not removed, so that the old one cannot be chosen again.
        let nobodys = Password::from(URL_SAFE_NO_PAD.encode(random_array::<32>(self.rng())));
        let hash = self.hasher.hash(&nobodys).await?;
        self.replace_password(sessions, owner, hash, operator).await?;
        self.tell_of_reset(owner, user)
    }

    /// Stores a password that nobody knows, and ends what stood on the old one.
    async fn replace_password(
        &self,
        sessions: &Sessions,
        owner: Owner,
        hash: PasswordHash,
        operator: &Operator,
    ) -> Result<(), AuthnError> {
        self.emitter
            .together(async {
                let found =
                    self.factors.load_factor(owner.tenant_id, owner.user_id, FactorKind::Password).await?;
                let history = match &found.record {
                    Some(Stored { value: FactorConfig::Password(record), .. }) => {
                        keep(record.clone(), self.password_policy(&found).history)
                    }
                    _ => Vec::new(),
                };
                let record = FactorConfig::Password(PasswordRecord { hash, history, changed_at: self.now() });
                let _ =
                    self.factors.save_factor(owner.tenant_id, owner.user_id, record, Expected::Any).await?;
                self.password_is_replaced(sessions, owner, operator).await
            })
            .await
    }

    /// Gives an account a password of the operator's choice.
    ///
    /// Also ends its sessions, revokes its refresh tokens and clears its lock.
    ///
    /// # Errors
    ///
    /// As [`AuthnService::reset_password`]; [`AuthnError::SessionEnded`] when the user changed it at the same time.
    pub async fn set_password(
        &self,
        sessions: &Sessions,
        owner: Owner,
        new: impl Into<Password>,
        operator: &Operator,
    ) -> Result<PasswordResetOutcome, AuthnError> {
        self.account(owner).await?;
        let (record, expected) = match self.judge(owner.tenant_id, owner.user_id, None, &new.into()).await? {
            NewPassword::Record { record, expected } => (record, expected),
            NewPassword::Weak(why) => return Ok(PasswordResetOutcome::WeakPassword(why)),
            NewPassword::Reused => return Ok(PasswordResetOutcome::Reused),
            NewPassword::Overtaken => return Err(AuthnError::SessionEnded),
        };
        self.emitter
            .together(async {
                let config = FactorConfig::Password(record);
                if self.factors.save_factor(owner.tenant_id, owner.user_id, config, expected).await?
                    == SaveOutcome::Conflict
                {
                    return Err(AuthnError::SessionEnded);
                }
                self.identity.clear_lockout(owner.tenant_id, owner.user_id).await?;
                self.password_is_replaced(sessions, owner, operator).await?;
                Ok(PasswordResetOutcome::Completed)
            })
            .await
    }

    /// Takes a factor from an account, ends its sessions and revokes its refresh tokens.
    ///
    /// Tells whether there was such a factor; without one nothing is done.
    ///
    /// Take care that the user's methods can still be completed.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NoSuchRecord`] when the account does not exist; a store's or the trail's failure.
    pub async fn reset_factor(
        &self,
        sessions: &Sessions,
        owner: Owner,
        kind: FactorKind,
        operator: &Operator,
    ) -> Result<bool, AuthnError> {
        self.emitter
            .together(async {
                self.account(owner).await?;
                if !self.factors.delete_factor(owner.tenant_id, owner.user_id, kind.clone()).await? {
                    return Ok(false);
                }
                let why = RefreshRevocationReason::CredentialChanged;
                self.cut_off(sessions, owner, None, By::Operator(operator), why).await?;
                let event = FactorReset {
                    user_id: owner.user_id,
                    factor_kind: kind,
                    operator_principal: operator.principal(),
                    reason: operator.why(),
                };
                self.emit_operator(operator, Some(owner.tenant_id), AuthEvent::FactorReset(event)).await?;
                Ok(true)
            })
            .await
    }

    /// Ends one session of an account, with the family of refresh tokens it belongs to.
    ///
    /// Tells whether there was such a session.
    ///
    /// # Errors
    ///
    /// A store's or the trail's failure.
    pub async fn invalidate_session(
        &self,
        sessions: &Sessions,
        owner: Owner,
        session_id: SessionId,
        operator: &Operator,
    ) -> Result<bool, AuthnError> {
        self.emitter
            .together(async {
                let Some(family) = sessions.end_one(owner, session_id).await? else { return Ok(false) };
                if let Some(family) = family {
                    let (by, why) = (By::Operator(operator), RefreshRevocationReason::Logout);
                    self.revoke_family(owner, family, by, why).await?;
                    sessions.end_bound(owner, Bond::Family(family), None).await?;
                }
                self.metrics.session_invalidated();
                self.record_invalidated(owner, Some(session_id), operator).await?;
                Ok(true)
            })
            .await
    }

    /// Ends all sessions of an account and revokes its refresh tokens; returns how many sessions ended.
    ///
    /// # Errors
    ///
    /// A store's or the trail's failure.
    pub async fn invalidate_sessions(
        &self,
        sessions: &Sessions,
        owner: Owner,
        operator: &Operator,
    ) -> Result<u64, AuthnError> {
        self.emitter
            .together(async {
                let why = RefreshRevocationReason::Logout;
                let ended = self.cut_off(sessions, owner, None, By::Operator(operator), why).await?;
                for _ in 0..ended {
                    self.metrics.session_invalidated();
                }
                self.record_invalidated(owner, None, operator).await?;
                Ok(ended)
            })
            .await
    }

    async fn account(&self, owner: Owner) -> Result<User, AuthnError> {
        let user = self.identity.get_user(owner.tenant_id, owner.user_id).await?;
        user.filter(|user| user.status != UserStatus::Erased).ok_or(AuthnError::NoSuchRecord)
    }

    async fn password_is_replaced(
        &self,
        sessions: &Sessions,
        owner: Owner,
        operator: &Operator,
    ) -> Result<(), AuthnError> {
        let why = RefreshRevocationReason::CredentialChanged;
        self.cut_off(sessions, owner, None, By::Operator(operator), why).await?;
        let event = PasswordReset {
            user_id: owner.user_id,
            operator_principal: operator.principal(),
            reason: operator.why(),
        };
        self.emit_operator(operator, Some(owner.tenant_id), AuthEvent::PasswordReset(event)).await
    }

    fn tell_of_reset(&self, owner: Owner, user: User) -> Result<bool, AuthnError> {
        let Some(to) = user.email.filter(|_| user.email_verified && user.status.admits_logins()) else {
            return Ok(false);
        };
        if !self.outbox.is_configured() {
            return Ok(false);
        }
        let (purpose, expires_at) = (MailPurpose::PasswordWasReset, self.now());
        self.outbox.send(OutboundMail { tenant_id: owner.tenant_id, to, purpose, code: None, expires_at })?;
        Ok(true)
    }

    async fn record_invalidated(
        &self,
        owner: Owner,
        session_id: Option<SessionId>,
        operator: &Operator,
    ) -> Result<(), AuthnError> {
        let event = SessionInvalidated {
            user_id: owner.user_id,
            session_id,
            operator_principal: operator.principal(),
            reason: operator.why(),
        };
        self.emit_operator(operator, Some(owner.tenant_id), AuthEvent::SessionInvalidated(event)).await
    }
}
