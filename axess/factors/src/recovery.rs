//! Single-use recovery codes, printed at enrolment for the day the other factor is lost.

use crate::{
    Subject, Unspent, Verified,
    stored::{HexBytes, Version1},
};
use axess_identity::{FactorKind, RecoveryCode};
use axess_rng::{SecureRng, random_array};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use sha2::Sha256;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// How many codes a set usually has.
pub const DEFAULT_RECOVERY_CODES: usize = 10;

/// The most codes a set has.
pub const MAX_RECOVERY_CODES: usize = 32;

/// Twenty symbols of five bits: 100 bits per code, printed in four groups.
const SYMBOLS: usize = 20;
const GROUP: usize = 5;

/// The most bytes of a typed code that are looked at.
const MAX_INPUT: usize = 64;

/// Crockford's base 32: no I, L, O or U, so that a code survives handwriting.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The unused recovery codes of one user, hashed.
///
/// A code holds 100 random bits. Nobody can search that space, so one salted HMAC-SHA-256 protects a code as well as a
/// slow hash would; the slow hash is for secrets people choose.
///
/// ```
/// use axess_factors::{DEFAULT_RECOVERY_CODES, RecoveryCodes, RecoveryOutcome, Subject};
/// use axess_identity::{AttemptId, UserId};
/// use axess_rng::SystemRng;
/// let subject = Subject { user_id: UserId::from_parts(0, [1; 10]), attempt: AttemptId::from_parts(0, [2; 10]) };
///
/// let (printed, stored) = RecoveryCodes::generate(DEFAULT_RECOVERY_CODES, &SystemRng);
/// let RecoveryOutcome::Accepted(unspent) = stored.verify(subject, &printed[3]) else { panic!() };
/// assert_eq!(unspent.record().remaining(), 9); // store it, conditionally, then use the proof
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryCodes {
    v: Version1,
    salt: HexBytes<16>,
    #[serde(deserialize_with = "bounded_set")]
    hashes: Vec<HexBytes<32>>,
}

/// What came of checking a recovery code.
///
/// ```
/// use axess_factors::RecoveryOutcome;
/// assert!(matches!(RecoveryOutcome::Rejected, RecoveryOutcome::Rejected));
/// ```
#[derive(Debug)]
#[must_use]
pub enum RecoveryOutcome {
    /// The code is right: write the record (the set without it), then use the proof.
    Accepted(Unspent<RecoveryCodes>),
    /// The code is wrong, malformed or spent.
    Rejected,
}

impl RecoveryCodes {
    /// Draws `count` codes (1 to [`MAX_RECOVERY_CODES`]) and returns them with the set to store.
    ///
    /// The codes are to be shown once and kept nowhere. A new set replaces the old one.
    #[must_use]
    pub fn generate(count: usize, rng: &(impl SecureRng + ?Sized)) -> (Vec<RecoveryCode>, Self) {
        let salt = random_array(rng);
        let (codes, hashes) = (0..count.clamp(1, MAX_RECOVERY_CODES))
            .map(|_| {
                let symbols = draw(rng);
                (printed(&symbols), HexBytes(digest(&salt, &symbols)))
            })
            .unzip();
        let set = Self { v: Version1, salt: HexBytes(salt), hashes };
        (codes, set)
    }

    /// Checks a typed code against every code of the set, in time that depends only on the size of the set.
    ///
    /// Case, spaces and hyphens do not matter, `O` counts as `0`, `I` and `L` as `1`.
    pub fn verify(&self, subject: Subject, code: &RecoveryCode) -> RecoveryOutcome {
        let Some(symbols) = normalised(code.expose()) else {
            return RecoveryOutcome::Rejected;
        };
        let typed = digest(&self.salt.0, &symbols);
        let (mut found, mut at) = (Choice::from(0), 0_u64);
        for (index, hash) in (0_u64..).zip(&self.hashes) {
            let matches = hash.0.ct_eq(&typed);
            found |= matches;
            at.conditional_assign(&index, matches);
        }
        if !bool::from(found) {
            return RecoveryOutcome::Rejected;
        }
        let left = (0_u64..).zip(&self.hashes).filter(|&(index, _)| index != at);
        let record = Self { hashes: left.map(|(_, hash)| *hash).collect(), ..*self };
        RecoveryOutcome::Accepted(Unspent::new(record, Verified::new(subject, FactorKind::RecoveryCode)))
    }

    /// Returns how many codes are unused.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.hashes.len()
    }
}

type Symbols = Zeroizing<[u8; SYMBOLS]>;

fn draw(rng: &(impl SecureRng + ?Sized)) -> Symbols {
    let mut symbols = Zeroizing::new(random_array::<SYMBOLS>(rng));
    // The alphabet has 32 symbols, so the low five bits of a random byte choose one without bias.
    for symbol in symbols.iter_mut() {
        *symbol = symbol_of(*symbol);
    }
    symbols
}

#[expect(clippy::indexing_slicing, reason = "a remainder of 32 indexes an array of 32")]
fn symbol_of(byte: u8) -> u8 {
    ALPHABET[usize::from(byte % 32)]
}

fn printed(symbols: &Symbols) -> RecoveryCode {
    let mut text = String::with_capacity(SYMBOLS + SYMBOLS / GROUP);
    for (index, symbol) in symbols.iter().enumerate() {
        if index > 0 && index % GROUP == 0 {
            text.push('-');
        }
        text.push(char::from(*symbol));
    }
    RecoveryCode::from(text)
}

fn normalised(typed: &str) -> Option<Symbols> {
    if typed.len() > MAX_INPUT {
        return None;
    }
    let mut symbols = Zeroizing::new([0; SYMBOLS]);
    let mut places = symbols.iter_mut();
    for byte in typed.bytes().filter(|b| !matches!(b, b' ' | b'-')) {
        let symbol = match byte.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        };
        if !ALPHABET.contains(&symbol) {
            return None;
        }
        *places.next()? = symbol;
    }
    places.next().is_none().then_some(symbols)
}

fn digest(salt: &[u8; 16], symbols: &Symbols) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 §2)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("any key length");
    mac.update(symbols.as_slice());
    mac.finalize().into_bytes().into()
}

fn bounded_set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HexBytes<32>>, D::Error> {
    let hashes = Vec::deserialize(deserializer)?;
    if hashes.len() > MAX_RECOVERY_CODES {
        return Err(D::Error::custom("too many recovery codes"));
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests;
