//! The serialised form of a [`PasswordConfig`]: read only if every number is in its range, written as it is used.

use super::{Argon2idParams, MAX_HISTORY, MAX_PASSWORD_CHARS, MIN_LENGTH, MIN_MAX_LENGTH, PasswordConfig};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WrittenConfig {
    argon: Argon2idParams,
    min_length: usize,
    min_length_with_mfa: usize,
    max_length: usize,
    blocklist: bool,
    history: usize,
}

/// Says which number is out of range.
#[derive(Debug, thiserror::Error)]
#[error("{field} must be between {low} and {high}")]
pub(super) struct OutOfRange {
    field: &'static str,
    low: usize,
    high: usize,
}

impl Default for WrittenConfig {
    fn default() -> Self {
        PasswordConfig::default().into()
    }
}

impl From<PasswordConfig> for WrittenConfig {
    fn from(config: PasswordConfig) -> Self {
        let PasswordConfig { argon, min_length, min_length_with_mfa, max_length, blocklist, history } =
            config.clamped();
        Self { argon, min_length, min_length_with_mfa, max_length, blocklist, history }
    }
}

impl TryFrom<WrittenConfig> for PasswordConfig {
    type Error = OutOfRange;

    fn try_from(written: WrittenConfig) -> Result<Self, OutOfRange> {
        let WrittenConfig { argon, min_length, min_length_with_mfa, max_length, blocklist, history } =
            written;
        for (field, value, low, high) in [
            ("max_length", max_length, MIN_MAX_LENGTH, MAX_PASSWORD_CHARS),
            ("min_length", min_length, MIN_LENGTH, max_length),
            ("min_length_with_mfa", min_length_with_mfa, MIN_LENGTH, max_length),
            ("history", history, 0, MAX_HISTORY),
        ] {
            if !(low..=high).contains(&value) {
                return Err(OutOfRange { field, low, high });
            }
        }
        Ok(Self { argon, min_length, min_length_with_mfa, max_length, blocklist, history })
    }
}
