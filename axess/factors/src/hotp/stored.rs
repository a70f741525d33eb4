//! The serialised form of a [`HotpConfig`].

use super::{HotpConfig, MAX_LOOK_AHEAD};
use crate::{
    HmacAlgorithm,
    otp::{self, MAX_DIGITS, MIN_DIGITS},
    stored::{Version1, bounded, seed_text},
};
use axess_identity::OtpSeed;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredHotp {
    v: Version1,
    #[serde(with = "seed_text")]
    seed: OtpSeed,
    counter: u64,
    #[serde(deserialize_with = "bounded::<_, MIN_DIGITS, MAX_DIGITS>")]
    digits: u32,
    algorithm: HmacAlgorithm,
    #[serde(deserialize_with = "bounded::<_, 0, MAX_LOOK_AHEAD>")]
    look_ahead: u32,
}

impl From<StoredHotp> for HotpConfig {
    fn from(stored: StoredHotp) -> Self {
        Self {
            seed: stored.seed,
            counter: stored.counter,
            digits: stored.digits,
            algorithm: stored.algorithm,
            look_ahead: stored.look_ahead,
        }
    }
}

impl From<HotpConfig> for StoredHotp {
    fn from(config: HotpConfig) -> Self {
        Self {
            v: Version1,
            counter: config.counter,
            digits: otp::in_range(config.digits),
            algorithm: config.algorithm,
            look_ahead: config.look_ahead.min(MAX_LOOK_AHEAD),
            seed: config.seed,
        }
    }
}
