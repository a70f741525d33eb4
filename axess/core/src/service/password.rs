//! Changing a password, and what every new password must satisfy.

use super::{AuthnService, cut_off::By, verify::Proof};
use crate::{
    authn::{
        AuthnError, FactorConfig, FactorCredential, FactorPolicy, PasswordChangeOutcome, PasswordRecord,
    },
    session::SessionHandle,
    store::{Expected, FactorStore, IdentityAuthnLog, IdentityLookup, SaveOutcome, ScopedFactor, Stored},
};
use axess_events::{AuthEvent, account::PasswordChanged, refresh::RefreshRevocationReason};
use axess_factors::{PasswordConfig, PasswordContext, PasswordPolicyError};
use axess_identity::{FactorKind, Password, PasswordHash, TenantId, UserId};

/// What came of preparing a new password record.
pub(super) enum NewPassword {
    Record {
        record: PasswordRecord,
        expected: Expected,
    },
    Weak(PasswordPolicyError),
    Reused,
    /// The password that was proved is not the current one any more.
    Overtaken,
}

impl<I: IdentityAuthnLog, F: FactorStore> AuthnService<I, F> {
    /// Changes the authenticated user's password.
    ///
    /// Verifies the current one (counted like a login attempt), judges the new one, stores its hash, revokes the user's
    /// refresh tokens, ends their other sessions and gives this one a new id. Issue it a new refresh token if it had one.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticated`], [`AuthnError::SessionEnded`], [`AuthnError::Overloaded`], and a backend's
    /// failure. When two changes race, the later one fails with [`AuthnError::SessionEnded`].
    pub async fn change_password(
        &self,
        session: &SessionHandle,
        current: impl Into<Password>,
        new: impl Into<Password>,
    ) -> Result<PasswordChangeOutcome, AuthnError> {
        let owner = session.owner().ok_or(AuthnError::NotAuthenticated)?;
        let attempt =
            self.attempt_from(owner.tenant_id, owner.user_id, FactorKind::Password, session).await?;
        let reservation = self.identity.reserve_attempt(attempt.clone()).await?;
        let current = current.into();
        let credential = FactorCredential::Password(current.clone());
        match self.prove(session, &attempt, reservation, &credential).await? {
            Proof::Wrong => return Ok(PasswordChangeOutcome::InvalidCredential),
            Proof::Locked { until } => return Ok(PasswordChangeOutcome::Locked { until }),
            Proof::Right { .. } if !self.accept(&attempt).await? => return Err(AuthnError::NotAuthenticated),
            Proof::Right { .. } => {}
        }
        let subject = (owner.tenant_id, owner.user_id);
        self.ceremony_verified(session, subject, FactorKind::Password).await?;
        let judged = self.judge(owner.tenant_id, owner.user_id, Some(&current), &new.into()).await?;
        let (record, expected) = match judged {
            NewPassword::Record { record, expected } => (record, expected),
            NewPassword::Weak(why) => return Ok(PasswordChangeOutcome::WeakPassword(why)),
            NewPassword::Reused => return Ok(PasswordChangeOutcome::Reused),
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
                // First: whoever shares this session has no part in what it is from here on. Should that fail, all sessions end.
                let rotated = self.rotate(session).await;
                let (keep, by) = (rotated.is_ok().then(|| session.session_id()), By::Session(session));
                let why = RefreshRevocationReason::CredentialChanged;
                let sessions_ended = self.cut_off(session.sessions(), owner, keep, by, why).await?;
                let event = PasswordChanged { user_id: owner.user_id };
                self.emit(session, Some(owner.tenant_id), AuthEvent::PasswordChanged(event)).await?;
                rotated?;
                Ok(PasswordChangeOutcome::Changed { sessions_ended })
            })
            .await
    }
}

impl<I: IdentityLookup, F: FactorStore> AuthnService<I, F> {
    /// Judges a new password for an existing account and hashes it. With `current` the record that will be replaced must
    /// still be one of that password: another change may have come between its proof and here.
    pub(super) async fn judge(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        current: Option<&Password>,
        new: &Password,
    ) -> Result<NewPassword, AuthnError> {
        let user = self.identity.get_user(tenant_id, user_id).await?;
        let methods = self.identity.find_methods(tenant_id, user_id).await?;
        let found = self.factors.load_factor(tenant_id, user_id, FactorKind::Password).await?;
        let config = self.password_policy(&found);
        let context = PasswordContext {
            sole_factor: methods.iter().any(|method| method.is_sole_factor(&FactorKind::Password)),
            identifier: user.as_ref().map(|user| user.identifier.as_str()),
            forbidden_words: &[&self.issuer],
        };
        if let Err(why) = config.validate_new(new, context) {
            return Ok(NewPassword::Weak(why));
        }
        let old = match found.record {
            Some(Stored { value: FactorConfig::Password(record), version }) => Some((record, version)),
            _ => None,
        };
        if let (Some(current), Some((record, _))) = (current, &old)
            && !self.hasher.matches(current, &record.hash).await?
        {
            return Ok(NewPassword::Overtaken);
        }
        let past = old.iter().flat_map(|(record, _)| std::iter::once(&record.hash).chain(&record.history));
        // Collected, because a closure held over an await point would make the future less than `Send`.
        for hash in past.take(config.history.saturating_add(1)).collect::<Vec<_>>() {
            if self.hasher.matches(new, hash).await? {
                return Ok(NewPassword::Reused);
            }
        }
        let hash = self.hasher.hash(new).await?;
        let (history, expected) = match old {
            Some((record, version)) => (keep(record, config.history), Expected::Version(version)),
            None => (Vec::new(), Expected::Absent),
        };
        Ok(NewPassword::Record { record: PasswordRecord { hash, history, changed_at: self.now() }, expected })
    }

    pub(super) fn password_policy(&self, found: &ScopedFactor) -> PasswordConfig {
        let config = match &found.policy {
            Some(FactorPolicy::Password(config)) => config,
            _ => &self.password_config,
        };
        config.clamped()
    }
}

pub(super) fn keep(old: PasswordRecord, limit: usize) -> Vec<PasswordHash> {
    std::iter::once(old.hash).chain(old.history).take(limit).collect()
}
