//! Time-based one-time passwords (RFC 6238).
//!
//! 1. Enrolment: [`TotpConfig::generate`], shown as an [`OtpauthUri`](crate::OtpauthUri); the first code is verified
//!    *before* the configuration is stored.
//! 2. Login: [`TotpConfig::verify`]; the new record is written on condition that nobody else wrote one; then the proof
//!    is used.

mod stored;

use crate::{HmacAlgorithm, OtpSeedError, Subject, Unspent, Verified, hotp_value, otp};
use axess_identity::{FactorKind, OtpCode, OtpSeed};
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The largest `drift_window`: ten steps on either side.
pub const MAX_DRIFT_WINDOW: u32 = 10;

/// The shortest and longest period, in seconds.
const MIN_PERIOD: u32 = 1;
const MAX_PERIOD: u32 = 3_600;

/// One enrolled TOTP authenticator: its seed, its parameters and the last step it was used for.
///
/// **The serialised form contains the seed as text**, because an authenticator cannot work from a hash. The storage
/// layer has to encrypt it.
///
/// ```
/// use axess_factors::{Subject, TotpConfig, TotpOutcome};
/// use axess_identity::{AttemptId, UserId};
/// use axess_rng::SystemRng;
/// let now = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap();
/// let subject = Subject { user_id: UserId::from_parts(0, [1; 10]), attempt: AttemptId::from_parts(0, [2; 10]) };
///
/// let config = TotpConfig { drift_window: 2, ..TotpConfig::generate(&SystemRng) };
/// let code = config.code_at(now).unwrap();
/// assert!(matches!(config.verify(subject, code.expose(), now), TotpOutcome::Accepted(_)));
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "stored::StoredTotp", into = "stored::StoredTotp")]
pub struct TotpConfig {
    /// The shared secret, 16 to 64 bytes. A record with any other seed cannot be serialised.
    pub seed: OtpSeed,
    /// Digits of a code, 6 to 8. Default: 6, which is all most authenticator apps offer.
    pub digits: u32,
    /// How long one step lasts, in whole seconds from 1 second to 1 hour. Default: 30 seconds.
    pub period: Duration,
    /// The hash function. Default: SHA-1.
    pub algorithm: HmacAlgorithm,
    /// How many steps before and after the current one are accepted, at most [`MAX_DRIFT_WINDOW`]. Default: 1.
    pub drift_window: u32,
    /// The last step a code was accepted for; codes of this and earlier steps are spent.
    pub last_step: Option<u64>,
}

/// What came of checking a TOTP code.
///
/// ```
/// use axess_factors::TotpOutcome;
/// fn is_spent(outcome: &TotpOutcome) -> bool {
///     matches!(outcome, TotpOutcome::Replayed)
/// }
/// assert!(is_spent(&TotpOutcome::Replayed));
/// ```
#[derive(Debug)]
#[must_use]
pub enum TotpOutcome {
    /// The code is right and unused: write the record, then use the proof.
    Accepted(Unspent<TotpConfig>),
    /// The code was right once and is spent. Answer as for [`TotpOutcome::Rejected`], but audit it: somebody may be
    /// replaying what they saw.
    Replayed,
    /// The code is wrong or malformed.
    Rejected,
}

impl TotpConfig {
    /// Creates a configuration with a fresh 20-byte seed and every default.
    #[must_use]
    pub fn generate(rng: &(impl SecureRng + ?Sized)) -> Self {
        Self::around(otp::fresh_seed(rng))
    }

    /// Creates a configuration around an existing seed, with every default.
    ///
    /// # Errors
    ///
    /// [`OtpSeedError`] unless the seed has 16 to 64 bytes: fewer than 128 bits are not safe (RFC 4226 §4, R6).
    pub fn new(seed: OtpSeed) -> Result<Self, OtpSeedError> {
        otp::check_seed(&seed)?;
        Ok(Self::around(seed))
    }

    /// Returns the code an authenticator shows at `now`, or `None` before 1970: RFC 6238 counts steps from then.
    ///
    /// This is what the user's device computes. A server needs it for tests and demonstrations only.
    #[must_use]
    pub fn code_at(&self, now: DateTime<Utc>) -> Option<OtpCode> {
        let step = self.step_at(now)?;
        let value = hotp_value(&self.seed, step, self.digits, self.algorithm);
        Some(otp::code_text(value.into(), self.digits))
    }

    /// Checks a typed code against every step of the window (RFC 6238 §5.2).
    ///
    /// The time taken depends on the window alone, not on whether or where the code matched. A code is accepted at
    /// most once, even if two steps happen to share it. Spaces and hyphens in `code` are ignored.
    pub fn verify(&self, subject: Subject, code: &str, now: DateTime<Utc>) -> TotpOutcome {
        let Some(typed) = otp::parse_code(code, self.digits) else {
            return TotpOutcome::Rejected;
        };
        let Some(current) = self.step_at(now) else {
            return TotpOutcome::Rejected;
        };
        let window = u64::from(self.drift_window.min(MAX_DRIFT_WINDOW));
        let (mut found, mut spent, mut newest) = (Choice::from(0), Choice::from(0), 0_u64);
        for step in current.saturating_sub(window)..=current.saturating_add(window) {
            let expected = hotp_value(&self.seed, step, self.digits, self.algorithm);
            let matches = expected.ct_eq(&typed);
            let used = Choice::from(u8::from(self.last_step.is_some_and(|last| step <= last)));
            found |= matches;
            spent |= matches & used;
            newest.conditional_assign(&step, matches);
        }
        if bool::from(spent) {
            return TotpOutcome::Replayed;
        }
        if !bool::from(found) {
            return TotpOutcome::Rejected;
        }
        let record = Self { last_step: Some(newest), ..self.clone() };
        TotpOutcome::Accepted(Unspent::new(record, Verified::new(subject, FactorKind::Totp)))
    }

    /// Returns the period in seconds, inside its range.
    pub(crate) fn period_secs(&self) -> u32 {
        u32::try_from(self.period.as_secs()).unwrap_or(MAX_PERIOD).clamp(MIN_PERIOD, MAX_PERIOD)
    }

    fn step_at(&self, now: DateTime<Utc>) -> Option<u64> {
        let seconds = u64::try_from(now.timestamp()).ok()?;
        Some(seconds / u64::from(self.period_secs()))
    }

    fn around(seed: OtpSeed) -> Self {
        Self {
            seed,
            digits: 6,
            period: Duration::from_secs(30),
            algorithm: HmacAlgorithm::Sha1,
            drift_window: 1,
            last_step: None,
        }
    }
}

#[cfg(test)]
mod tests;
