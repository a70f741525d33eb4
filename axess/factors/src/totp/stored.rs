//! The serialised form of a [`TotpConfig`].

use super::{MAX_DRIFT_WINDOW, MAX_PERIOD, MIN_PERIOD, TotpConfig};
use crate::{
    HmacAlgorithm,
    otp::{self, MAX_DIGITS, MIN_DIGITS},
    stored::{Version1, bounded, seed_text},
};
use axess_identity::OtpSeed;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredTotp {
    v: Version1,
    #[serde(with = "seed_text")]
    seed: OtpSeed,
    #[serde(deserialize_with = "bounded::<_, MIN_DIGITS, MAX_DIGITS>")]
    digits: u32,
    #[serde(deserialize_with = "bounded::<_, MIN_PERIOD, MAX_PERIOD>")]
    period_secs: u32,
    algorithm: HmacAlgorithm,
    #[serde(deserialize_with = "bounded::<_, 0, MAX_DRIFT_WINDOW>")]
    drift_window: u32,
    last_step: Option<u64>,
}

impl From<StoredTotp> for TotpConfig {
    fn from(stored: StoredTotp) -> Self {
        Self {
            seed: stored.seed,
            digits: stored.digits,
            period: Duration::from_secs(stored.period_secs.into()),
            algorithm: stored.algorithm,
            drift_window: stored.drift_window,
            last_step: stored.last_step,
        }
    }
}

impl From<TotpConfig> for StoredTotp {
    fn from(config: TotpConfig) -> Self {
        Self {
            v: Version1,
            digits: otp::in_range(config.digits),
            period_secs: config.period_secs(),
            algorithm: config.algorithm,
            drift_window: config.drift_window.min(MAX_DRIFT_WINDOW),
            last_step: config.last_step,
            seed: config.seed,
        }
    }
}
