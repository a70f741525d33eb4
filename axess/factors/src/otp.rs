//! The maths HOTP and TOTP share (RFC 4226 §5.3).

use axess_identity::{OtpCode, OtpSeed};
use axess_rng::{SecureRng, random_array};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// Codes have 6 to 8 digits: fewer can be guessed, more cannot be cut from 31 bits without bias.
pub(crate) const MIN_DIGITS: u32 = 6;
pub(crate) const MAX_DIGITS: u32 = 8;

/// Seeds have at least 128 bits (RFC 4226 §4, R6) and at most one block of SHA-512's output.
pub(crate) const MIN_SEED_BYTES: usize = 16;
pub(crate) const MAX_SEED_BYTES: usize = 64;

/// Says that a seed is too short to be safe, or too long to be read back.
///
/// ```
/// use axess_factors::{OtpSeedError, TotpConfig};
/// assert_eq!(TotpConfig::new([1; 10].into()).err(), Some(OtpSeedError { bytes: 10 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seed has {bytes} bytes; it must have {MIN_SEED_BYTES} to {MAX_SEED_BYTES}")]
pub struct OtpSeedError {
    /// How many bytes the refused seed has.
    pub bytes: usize,
}

/// The length of a generated seed, the one RFC 4226 §4 recommends.
const SEED_BYTES: usize = 20;

/// The most bytes of a typed code that are looked at; leaves room for separators.
const MAX_CODE_INPUT: usize = 32;

/// The hash function under an HMAC-based one-time password.
///
/// SHA-1 is the default of RFC 4226 and RFC 6238 and the only one every authenticator app supports; HMAC does not
/// depend on the collision resistance it has lost.
///
/// ```
/// use axess_factors::HmacAlgorithm;
/// assert_eq!(HmacAlgorithm::default().as_str(), "SHA1");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HmacAlgorithm {
    /// HMAC-SHA-1.
    #[default]
    #[serde(rename = "SHA1")]
    Sha1,
    /// HMAC-SHA-256.
    #[serde(rename = "SHA256")]
    Sha256,
    /// HMAC-SHA-512.
    #[serde(rename = "SHA512")]
    Sha512,
}

impl HmacAlgorithm {
    /// Returns the name authenticator apps know it by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// Computes the one-time password of `seed` at `counter` (RFC 4226 §5.3).
///
/// `digits` counts as the nearest of 6 to 8. The result is a number: pad it with zeros on the left to `digits`.
///
/// ```
/// use axess_factors::{HmacAlgorithm, hotp_value};
/// let seed = b"12345678901234567890".to_owned().into();
/// assert_eq!(hotp_value(&seed, 0, 6, HmacAlgorithm::Sha1), 755_224);
/// ```
#[must_use]
pub fn hotp_value(seed: &OtpSeed, counter: u64, digits: u32, algorithm: HmacAlgorithm) -> u32 {
    truncated(seed, counter, algorithm) % 10_u32.pow(in_range(digits))
}

/// Brings a number of digits into the range every code has.
pub(crate) fn in_range(digits: u32) -> u32 {
    digits.clamp(MIN_DIGITS, MAX_DIGITS)
}

/// Writes `value` as a code of `digits` digits.
pub(crate) fn code_text(value: u64, digits: u32) -> OtpCode {
    let width = in_range(digits) as usize;
    OtpCode::from(format!("{value:0width$}"))
}

/// Draws a fresh seed.
pub(crate) fn fresh_seed(rng: &(impl SecureRng + ?Sized)) -> OtpSeed {
    OtpSeed::from(random_array::<SEED_BYTES>(rng))
}

/// Checks the length of a seed, which is no secret.
pub(crate) fn check_seed(seed: &OtpSeed) -> Result<(), OtpSeedError> {
    let bytes = seed.expose().len();
    if (MIN_SEED_BYTES..=MAX_SEED_BYTES).contains(&bytes) { Ok(()) } else { Err(OtpSeedError { bytes }) }
}

/// Reads a typed code: exactly `digits` ASCII digits, once spaces and hyphens are dropped.
///
/// Refusing a malformed code early reveals nothing: its form does not depend on any secret.
pub(crate) fn parse_code(typed: &str, digits: u32) -> Option<u32> {
    if typed.len() > MAX_CODE_INPUT {
        return None;
    }
    let (mut value, mut seen) = (0_u32, 0_u32);
    for byte in typed.bytes().filter(|b| !matches!(b, b' ' | b'-')) {
        if !byte.is_ascii_digit() || seen == in_range(digits) {
            return None;
        }
        value = value * 10 + u32::from(byte - b'0');
        seen += 1;
    }
    (seen == in_range(digits)).then_some(value)
}

/// The 31-bit number that dynamic truncation takes from the MAC, before it is cut to digits.
fn truncated(seed: &OtpSeed, counter: u64, algorithm: HmacAlgorithm) -> u32 {
    match algorithm {
        HmacAlgorithm::Sha1 => truncate(&mac::<Hmac<Sha1>>(seed, counter)),
        HmacAlgorithm::Sha256 => truncate(&mac::<Hmac<Sha256>>(seed, counter)),
        HmacAlgorithm::Sha512 => truncate(&mac::<Hmac<Sha512>>(seed, counter)),
    }
}

fn mac<M: Mac + KeyInit>(seed: &OtpSeed, counter: u64) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 §2)")]
    let mut mac = <M as KeyInit>::new_from_slice(seed.expose()).expect("any key length");
    mac.update(&counter.to_be_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[expect(
    clippy::indexing_slicing,
    reason = "every MAC here has at least 20 bytes and the offset is at most 15"
)]
fn truncate(mac: &[u8]) -> u32 {
    let offset = usize::from(mac[mac.len() - 1] & 0x0f);
    let word = [mac[offset], mac[offset + 1], mac[offset + 2], mac[offset + 3]];
    u32::from_be_bytes(word) & 0x7fff_ffff
}

#[cfg(test)]
mod tests;
