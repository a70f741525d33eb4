//! One-time codes sent to the stored e-mail address.
//!
//! 1. [`EmailOtpChallenge::issue`] draws a code and makes the challenge. The challenge is stored, the code is mailed.
//! 2. [`EmailOtpChallenge::take_try`] returns the challenge with one try fewer. It is stored *before* the check, on
//!    condition that nobody else stored one, so that parallel guesses are counted.
//! 3. [`EmailOtpChallenge::verify`] checks the code. On success the challenge is deleted, again conditionally and no later
//!    than the proof is used: two parallel requests with the right code hold two tries of one challenge.

mod config;

use crate::{
    PasswordError, PasswordHasher, Subject, Verified,
    otp::{self, MAX_DIGITS, MIN_DIGITS},
    stored::{HexBytes, Version1, bounded, hash_text},
};
use axess_identity::{FactorKind, OtpCode, PasswordHash};
use axess_rng::{SecureRng, random_below};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use config::EmailOtpConfig;

/// Separates the hash of a code from the hash of a password.
const DOMAIN: &[u8] = b"axess e-mail code v1\0";

/// One code that was sent, as it is stored: hashed, short-lived, with a number of tries, bound to one request.
///
/// ```
/// use axess_factors::{Argon2idParams, EmailOtpChallenge, EmailOtpConfig, EmailOtpOutcome};
/// use axess_factors::{KdfPool, PasswordHasher, PepperRing, Subject};
/// use axess_identity::{AttemptId, UserId};
/// use axess_rng::SystemRng;
/// use std::sync::Arc;
/// # let subject = Subject { user_id: UserId::from_parts(0, [1; 10]), attempt: AttemptId::from_parts(0, [2; 10]) };
/// # let hasher = PasswordHasher::new(
/// #     Argon2idParams::light(), PepperRing::none(), Arc::new(KdfPool::inline()), Arc::new(SystemRng));
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let now = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap();
/// let request = [7; 16]; // names the login this code is for
/// let config = EmailOtpConfig::default();
/// let (code, challenge) = EmailOtpChallenge::issue(&config, &hasher, &SystemRng, now, request).await?;
///
/// let tried = challenge.take_try(now, request).unwrap(); // store it, conditionally
/// let outcome = tried.verify(&hasher, subject, code.expose()).await?;
/// let EmailOtpOutcome::Accepted(proof) = outcome else { panic!() };
/// assert_eq!(proof.user_id(), subject.user_id); // delete the challenge, conditionally, then use the proof
/// # Ok::<(), axess_factors::PasswordError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailOtpChallenge {
    v: Version1,
    #[serde(with = "hash_text")]
    hash: PasswordHash,
    #[serde(deserialize_with = "bounded::<_, MIN_DIGITS, MAX_DIGITS>")]
    digits: u32,
    bound_to: HexBytes<16>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    tries_left: u32,
}

/// What came of checking an e-mailed code.
///
/// ```
/// use axess_factors::EmailOtpOutcome;
/// assert!(matches!(EmailOtpOutcome::Rejected, EmailOtpOutcome::Rejected));
/// ```
#[derive(Debug)]
#[must_use]
pub enum EmailOtpOutcome {
    /// The code is right. Delete the challenge on condition that the stored one is still the one that was tried, before
    /// the proof is used or in the same write.
    Accepted(Verified),
    /// The code is wrong or malformed.
    Rejected,
}

/// Says why a challenge takes no more tries.
///
/// Answer all three alike.
///
/// ```
/// use axess_factors::EmailOtpRefusal;
/// assert_eq!(EmailOtpRefusal::Expired.to_string(), "the code has expired");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailOtpRefusal {
    /// The code is for another request than this one.
    #[error("the code belongs to another request")]
    WrongBinding,
    /// The code was not used in time.
    #[error("the code has expired")]
    Expired,
    /// Every try is used up.
    #[error("the code has no tries left")]
    NoTriesLeft,
}

impl EmailOtpChallenge {
    /// Draws a code and makes its challenge. `binding` names the request the code is for, such as the login attempt.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Kdf`] if the code could not be hashed.
    pub async fn issue(
        config: &EmailOtpConfig,
        hasher: &PasswordHasher,
        rng: &(impl SecureRng + ?Sized),
        now: DateTime<Utc>,
        binding: [u8; 16],
    ) -> Result<(OtpCode, Self), PasswordError> {
        let digits = otp::in_range(config.digits);
        let code = otp::code_text(random_below(rng, 10_u64.pow(digits)), digits);
        let input = hash_input(&binding, code.expose());
        let hash = hasher.hash_bytes(hasher.params().for_codes(), &input).await?;
        let challenge = Self {
            v: Version1,
            hash,
            digits,
            bound_to: HexBytes(binding),
            created_at: now,
            expires_at: TimeDelta::from_std(config.ttl())
                .ok()
                .and_then(|ttl| now.checked_add_signed(ttl))
                .unwrap_or(now),
            tries_left: config.tries(),
        };
        Ok((code, challenge))
    }

    /// Returns the challenge with one try fewer; it must be stored before [`EmailOtpChallenge::verify`] is called on it.
    ///
    /// # Errors
    ///
    /// [`EmailOtpRefusal`]; nothing has to be stored then.
    pub fn take_try(&self, now: DateTime<Utc>, binding: [u8; 16]) -> Result<Self, EmailOtpRefusal> {
        if !bool::from(self.bound_to.0.ct_eq(&binding)) {
            return Err(EmailOtpRefusal::WrongBinding);
        }
        if now >= self.expires_at {
            return Err(EmailOtpRefusal::Expired);
        }
        let tries_left = self.tries_left.checked_sub(1).ok_or(EmailOtpRefusal::NoTriesLeft)?;
        Ok(Self { tries_left, ..self.clone() })
    }

    /// Checks a typed code against a challenge whose try was taken and stored.
    ///
    /// It looks at the code alone: expiry, binding and tries were judged by [`EmailOtpChallenge::take_try`]. Spaces and
    /// hyphens in `code` are ignored.
    ///
    /// # Errors
    ///
    /// As [`PasswordHasher::verify`]; never for a wrong code.
    pub async fn verify(
        &self,
        hasher: &PasswordHasher,
        subject: Subject,
        code: &str,
    ) -> Result<EmailOtpOutcome, PasswordError> {
        let Some(value) = otp::parse_code(code, self.digits) else {
            return Ok(EmailOtpOutcome::Rejected);
        };
        let typed = otp::code_text(value.into(), self.digits);
        let input = hash_input(&self.bound_to.0, typed.expose());
        if hasher.check(&input, Some(&self.hash)).await?.is_none() {
            return Ok(EmailOtpOutcome::Rejected);
        }
        Ok(EmailOtpOutcome::Accepted(Verified::new(subject, FactorKind::EmailOtp)))
    }

    /// Returns how many tries are left.
    #[must_use]
    pub fn tries_left(&self) -> u32 {
        self.tries_left
    }

    /// Returns when the code stops working.
    #[must_use]
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    /// Returns when the code was drawn: what a limit on resending goes by.
    #[must_use]
    pub fn created_at(&self) -> DateTime<Utc> {
        self.created_at
    }
}

/// What is hashed: the code and the request it is for, so that a hash moved to another challenge never matches.
fn hash_input(binding: &[u8; 16], code: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([DOMAIN, binding, code.as_bytes()].concat())
}

#[cfg(test)]
mod tests;
