use crate::{
    otp::{MAX_DIGITS, MIN_DIGITS},
    stored::bounded,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use std::time::Duration;

/// The longest life of a code (OWASP ASVS 5.0, 6.5.5).
const MAX_TTL: Duration = Duration::from_secs(600);

/// The most tries a code gives.
const MAX_TRIES: u32 = 10;

/// How codes sent by e-mail look and how long they work.
///
/// ```
/// use axess_factors::EmailOtpConfig;
/// let config = EmailOtpConfig::default();
/// assert_eq!((config.digits, config.ttl.as_secs(), config.max_tries), (8, 600, 5));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmailOtpConfig {
    /// Digits of a code, 6 to 8. Default: 8.
    #[serde(deserialize_with = "bounded::<_, MIN_DIGITS, MAX_DIGITS>")]
    pub digits: u32,
    /// How long a code works, at most 10 minutes. Default: 10 minutes.
    #[serde(deserialize_with = "ttl")]
    pub ttl: Duration,
    /// How often a code may be tried, 1 to 10 times. Default: 5.
    #[serde(deserialize_with = "bounded::<_, 1, MAX_TRIES>")]
    pub max_tries: u32,
}

impl EmailOtpConfig {
    /// Returns the life of a code, inside its range.
    pub(super) fn ttl(&self) -> Duration {
        self.ttl.min(MAX_TTL)
    }

    /// Returns the number of tries, inside its range.
    pub(super) fn tries(&self) -> u32 {
        self.max_tries.clamp(1, MAX_TRIES)
    }
}

impl Default for EmailOtpConfig {
    fn default() -> Self {
        Self { digits: 8, ttl: MAX_TTL, max_tries: 5 }
    }
}

fn ttl<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let ttl = Duration::deserialize(deserializer)?;
    if (Duration::from_secs(1)..=MAX_TTL).contains(&ttl) {
        Ok(ttl)
    } else {
        Err(D::Error::custom("must be between 1 second and 10 minutes"))
    }
}
