//! Checking one credential with the verifier of its factor, and spending what works once.

use super::AuthnService;
use crate::{
    authn::{AuthnError, FactorConfig, FactorCredential, PasswordRecord},
    session::{Change, SessionHandle},
    store::{AttemptRequest, Expected, FactorStore, SaveOutcome, Stored},
};
use axess_events::authentication::FactorFailureReason;
use axess_factors::{
    EmailOtpOutcome, HotpConfig, HotpOutcome, PasswordOutcome, RecoveryOutcome, Subject, TotpConfig,
    TotpOutcome, Unspent, Verified,
};
use axess_identity::{FactorKind, OtpSeed, Password, PasswordHash, TenantId, UserId};
use chrono::{DateTime, Utc};

/// How often a credential is checked again when another request changed the user's record meanwhile.
const MAX_RETRIES: usize = 8;

/// What a verifier said.
#[derive(Debug)]
pub(super) enum Checked {
    Passed {
        proof: Verified,
        /// The hash the password is the one of. A code is spent instead, and then nobody can change what it was checked with.
        hash: Option<PasswordHash>,
        /// How many recovery codes are left, if the credential was one.
        codes_left: Option<u32>,
    },
    Failed(FactorFailureReason),
}

/// What a verifier of single-use codes said, before the code is spent.
enum OneTime {
    Accepted { spent: FactorConfig, proof: Verified },
    Failed(FactorFailureReason),
}

impl<I, F: FactorStore> AuthnService<I, F> {
    /// Checks `credential`. For an attempt that must fail, `active` is false: then nothing stored is used, the work is
    /// the same, and nothing can pass.
    pub(super) async fn check(
        &self,
        session: &SessionHandle,
        attempt: &AttemptRequest,
        credential: &FactorCredential,
        active: bool,
    ) -> Result<Checked, AuthnError> {
        let subject = Subject { user_id: attempt.user_id, attempt: attempt.attempt_id };
        match (credential, &attempt.factor) {
            (FactorCredential::Password(password), FactorKind::Password) => {
                self.check_password(attempt, subject, password, active).await
            }
            (FactorCredential::OtpCode(code), FactorKind::EmailOtp) => {
                self.check_email_code(session, attempt, subject, code.expose()).await
            }
            (FactorCredential::OtpCode(code), kind @ (FactorKind::Totp | FactorKind::Hotp)) => {
                self.check_one_time(attempt, kind, active, |config| {
                    verify_code(config, kind, subject, code.expose(), attempt.at)
                })
                .await
            }
            (FactorCredential::RecoveryCode(code), kind @ FactorKind::RecoveryCode) => {
                let verify = |config: Option<&FactorConfig>| match config {
                    Some(FactorConfig::RecoveryCodes(codes)) => match codes.verify(subject, code) {
                        RecoveryOutcome::Accepted(unspent) => accepted(unspent, FactorConfig::RecoveryCodes),
                        RecoveryOutcome::Rejected => OneTime::Failed(FactorFailureReason::WrongCode),
                    },
                    _ => OneTime::Failed(FactorFailureReason::NotEnrolled),
                };
                self.check_one_time(attempt, kind, active, verify).await
            }
            (_, kind) => Err(AuthnError::UnsupportedFactor(kind.clone())),
        }
    }

    async fn check_password(
        &self,
        attempt: &AttemptRequest,
        subject: Subject,
        password: &Password,
        active: bool,
    ) -> Result<Checked, AuthnError> {
        let found =
            self.factors.load_factor(attempt.tenant_id, attempt.user_id, FactorKind::Password).await?;
        let record = match found.record {
            Some(Stored { value: FactorConfig::Password(record), version }) if active => {
                Some((record, version))
            }
            _ => None,
        };
        let stored = record.as_ref().map(|(record, _)| &record.hash);
        match self.hasher.verify(subject, password, stored).await? {
            PasswordOutcome::Rejected => Ok(Checked::Failed(match record {
                Some(_) => FactorFailureReason::WrongCode,
                None => FactorFailureReason::NotEnrolled,
            })),
            PasswordOutcome::Verified { proof, needs_rehash } => {
                let hash = match record {
                    Some((record, version)) if needs_rehash => {
                        self.rehash(attempt.tenant_id, attempt.user_id, password, record, version).await
                    }
                    record => record.map(|(record, _)| record.hash),
                };
                Ok(Checked::Passed { proof, hash, codes_left: None })
            }
        }
    }

    /// Tells whether the password a session was just written for is still the account's: it may have been changed, and all
    /// sessions ended, while it was being hashed.
    pub(super) async fn is_current(
        &self,
        attempt: &AttemptRequest,
        credential: &FactorCredential,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, AuthnError> {
        let (FactorCredential::Password(password), Some(hash)) = (credential, hash) else { return Ok(true) };
        let found =
            self.factors.load_factor(attempt.tenant_id, attempt.user_id, FactorKind::Password).await?;
        match found.record.map(|stored| stored.value) {
            Some(FactorConfig::Password(record)) if record.hash.expose() == hash.expose() => Ok(true),
            // Another login may have brought the hash up to date.
            Some(FactorConfig::Password(record)) => Ok(self.hasher.matches(password, &record.hash).await?),
            _ => Ok(false),
        }
    }

    /// Brings an old hash up to date, and returns the one that is stored as far as it is known. The login does not depend
    /// on it: the next one tries again.
    async fn rehash(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        password: &Password,
        old: PasswordRecord,
        version: u64,
    ) -> Option<PasswordHash> {
        let before = old.hash.clone();
        let Ok(hash) = self.hasher.hash(password).await else { return Some(before) };
        let record = FactorConfig::Password(PasswordRecord { hash: hash.clone(), ..old });
        match self.factors.save_factor(tenant_id, user_id, record, Expected::Version(version)).await {
            Ok(SaveOutcome::Saved) => return Some(hash),
            Ok(SaveOutcome::Conflict) => {}
            Err(error) => tracing::warn!(%error, "a password hash could not be brought up to date"),
        }
        Some(before)
    }

    /// Verifies a single-use code and spends it with a conditional write. A lost write means that somebody else used
    /// the authenticator meanwhile: the code is judged again by the new record.
    async fn check_one_time(
        &self,
        attempt: &AttemptRequest,
        kind: &FactorKind,
        active: bool,
        verify: impl Fn(Option<&FactorConfig>) -> OneTime,
    ) -> Result<Checked, AuthnError> {
        for _ in 0..MAX_RETRIES {
            let found = self.factors.load_factor(attempt.tenant_id, attempt.user_id, kind.clone()).await?;
            let record = found.record.filter(|_| active);
            let (spent, proof) = match verify(record.as_ref().map(|stored| &stored.value)) {
                OneTime::Accepted { spent, proof } => (spent, proof),
                OneTime::Failed(why) => return Ok(Checked::Failed(why)),
            };
            // Only a stored record can be accepted, so there is a version to spend against.
            let codes_left = match &spent {
                FactorConfig::RecoveryCodes(codes) => {
                    Some(u32::try_from(codes.remaining()).unwrap_or(u32::MAX))
                }
                _ => None,
            };
            let expected = record.map_or(Expected::Absent, |stored| Expected::Version(stored.version));
            if self.factors.save_factor(attempt.tenant_id, attempt.user_id, spent, expected).await?
                == SaveOutcome::Saved
            {
                return Ok(Checked::Passed { proof, hash: None, codes_left });
            }
        }
        Ok(Checked::Failed(FactorFailureReason::Replayed))
    }

    /// Verifies the code of the mail that was sent for this session. One try is written off before the code is looked
    /// at, so racing requests cannot share a try.
    pub(super) async fn check_email_code(
        &self,
        session: &SessionHandle,
        attempt: &AttemptRequest,
        subject: Subject,
        code: &str,
    ) -> Result<Checked, AuthnError> {
        let binding = attempt.user_id.as_uuid().into_bytes();
        if session.ceremony(|ceremony| ceremony.email_code.is_none()) {
            return Ok(Checked::Failed(FactorFailureReason::NotEnrolled));
        }
        let taken = session.commit(Change::TakeEmailTry { binding, at: attempt.at }).await?;
        // Read again: the try is one of the code that is stored now.
        let challenge = session.ceremony(|ceremony| ceremony.email_code.clone());
        let Some(challenge) = challenge.filter(|_| taken) else {
            session.record(Change::SetEmailCode(None));
            return Ok(Checked::Failed(FactorFailureReason::Expired));
        };
        match challenge.verify(&self.hasher, subject, code).await? {
            EmailOtpOutcome::Rejected => Ok(Checked::Failed(FactorFailureReason::WrongCode)),
            EmailOtpOutcome::Accepted(proof) => {
                session.record(Change::SetEmailCode(None));
                Ok(Checked::Passed { proof, hash: None, codes_left: None })
            }
        }
    }
}

fn verify_code(
    config: Option<&FactorConfig>,
    kind: &FactorKind,
    subject: Subject,
    code: &str,
    now: DateTime<Utc>,
) -> OneTime {
    match (config, kind) {
        (Some(FactorConfig::Totp(config)), FactorKind::Totp) => match config.verify(subject, code, now) {
            TotpOutcome::Accepted(unspent) => accepted(unspent, FactorConfig::Totp),
            TotpOutcome::Replayed => OneTime::Failed(FactorFailureReason::Replayed),
            TotpOutcome::Rejected => OneTime::Failed(FactorFailureReason::WrongCode),
        },
        (Some(FactorConfig::Hotp(config)), FactorKind::Hotp) => match config.verify(subject, code) {
            HotpOutcome::Accepted(unspent) => accepted(unspent, FactorConfig::Hotp),
            HotpOutcome::Rejected => OneTime::Failed(FactorFailureReason::WrongCode),
        },
        _ => {
            // Nothing enrolled: the same arithmetic, for nothing.
            let seed = OtpSeed::from([0u8; 20]);
            match kind {
                FactorKind::Hotp => drop(HotpConfig::new(seed).map(|decoy| decoy.verify(subject, code))),
                _ => drop(TotpConfig::new(seed).map(|decoy| decoy.verify(subject, code, now))),
            }
            OneTime::Failed(FactorFailureReason::NotEnrolled)
        }
    }
}

fn accepted<R>(unspent: Unspent<R>, wrap: impl FnOnce(R) -> FactorConfig) -> OneTime {
    let (spent, proof) = unspent.into_parts();
    OneTime::Accepted { spent: wrap(spent), proof }
}
