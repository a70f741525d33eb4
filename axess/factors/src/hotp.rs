//! Counter-based one-time passwords (RFC 4226), for authenticators without a clock.

mod stored;

use crate::{HmacAlgorithm, OtpSeedError, Subject, Unspent, Verified, hotp_value, otp};
use axess_identity::{FactorKind, OtpCode, OtpSeed};
use axess_rng::SecureRng;
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The largest `look_ahead`.
pub const MAX_LOOK_AHEAD: u32 = 100;

/// One enrolled HOTP authenticator: its seed, its parameters and the next counter it may use.
///
/// **The serialised form contains the seed as text**; the storage layer has to encrypt it.
///
/// ```
/// use axess_factors::{HotpConfig, HotpOutcome, Subject};
/// use axess_identity::{AttemptId, UserId};
/// use axess_rng::SystemRng;
/// let subject = Subject { user_id: UserId::from_parts(0, [1; 10]), attempt: AttemptId::from_parts(0, [2; 10]) };
///
/// let config = HotpConfig::generate(&SystemRng);
/// let pressed_twice = config.code_at(1);
/// let HotpOutcome::Accepted(unspent) = config.verify(subject, pressed_twice.expose()) else { panic!() };
/// assert_eq!(unspent.record().counter, 2);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "stored::StoredHotp", into = "stored::StoredHotp")]
pub struct HotpConfig {
    /// The shared secret, 16 to 64 bytes. A record with any other seed cannot be serialised.
    pub seed: OtpSeed,
    /// The lowest counter still acceptable; codes of smaller counters are spent.
    pub counter: u64,
    /// Digits of a code, 6 to 8. Default: 6.
    pub digits: u32,
    /// The hash function. Default: SHA-1.
    pub algorithm: HmacAlgorithm,
    /// How many unused codes the user may have skipped, at most [`MAX_LOOK_AHEAD`] (RFC 4226 §7.4). Default: 10.
    pub look_ahead: u32,
}

/// What came of checking a HOTP code.
///
/// ```
/// use axess_factors::HotpOutcome;
/// assert!(matches!(HotpOutcome::Rejected, HotpOutcome::Rejected));
/// ```
#[derive(Debug)]
#[must_use]
pub enum HotpOutcome {
    /// The code is right: write the record (its counter is past the code), then use the proof.
    Accepted(Unspent<HotpConfig>),
    /// The code is wrong, malformed, spent or too far ahead.
    Rejected,
}

impl HotpConfig {
    /// Creates a configuration with a fresh 20-byte seed, counter 0 and every default.
    #[must_use]
    pub fn generate(rng: &(impl SecureRng + ?Sized)) -> Self {
        Self::around(otp::fresh_seed(rng))
    }

    /// Creates a configuration around an existing seed, with counter 0 and every default.
    ///
    /// # Errors
    ///
    /// [`OtpSeedError`] unless the seed has 16 to 64 bytes: fewer than 128 bits are not safe (RFC 4226 §4, R6).
    pub fn new(seed: OtpSeed) -> Result<Self, OtpSeedError> {
        otp::check_seed(&seed)?;
        Ok(Self::around(seed))
    }

    /// Returns the code the authenticator shows at `counter`.
    ///
    /// This is what the user's device computes. A server needs it for tests and demonstrations only.
    #[must_use]
    pub fn code_at(&self, counter: u64) -> OtpCode {
        let value = hotp_value(&self.seed, counter, self.digits, self.algorithm);
        otp::code_text(value.into(), self.digits)
    }

    /// Checks a typed code against the counter and the codes ahead of it (RFC 4226 §7.2).
    ///
    /// The time taken depends on the look-ahead alone. If two counters of the window share the code, the later one
    /// counts, so that a code is accepted at most once. The last counter, `u64::MAX`, is never accepted: it has no
    /// successor.
    pub fn verify(&self, subject: Subject, code: &str) -> HotpOutcome {
        let Some(typed) = otp::parse_code(code, self.digits) else {
            return HotpOutcome::Rejected;
        };
        let (mut found, mut next) = (Choice::from(0), self.counter);
        for ahead in 0..=u64::from(self.look_ahead.min(MAX_LOOK_AHEAD)) {
            let Some(counter) = self.counter.checked_add(ahead) else {
                break;
            };
            let Some(successor) = counter.checked_add(1) else {
                break;
            };
            let matches = hotp_value(&self.seed, counter, self.digits, self.algorithm).ct_eq(&typed);
            found |= matches;
            next.conditional_assign(&successor, matches);
        }
        if !bool::from(found) {
            return HotpOutcome::Rejected;
        }
        let record = Self { counter: next, ..self.clone() };
        HotpOutcome::Accepted(Unspent::new(record, Verified::new(subject, FactorKind::Hotp)))
    }

    fn around(seed: OtpSeed) -> Self {
        Self { seed, counter: 0, digits: 6, algorithm: HmacAlgorithm::Sha1, look_ahead: 10 }
    }
}

#[cfg(test)]
mod tests;
