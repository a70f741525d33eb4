mod written;

use super::{blocklist, params::Argon2idParams};
use axess_identity::Password;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The most characters a password has, whatever the configuration says.
pub const MAX_PASSWORD_CHARS: usize = 128;

/// The most bytes a password has: every character may take four in UTF-8.
pub(crate) const MAX_PASSWORD_BYTES: usize = 4 * MAX_PASSWORD_CHARS;

/// No configuration asks for fewer characters (NIST SP 800-63B-4 §3.1.1.2, with a second factor).
const MIN_LENGTH: usize = 8;

/// Every configuration allows this many characters (NIST SP 800-63B-4 §3.1.1.2).
const MIN_MAX_LENGTH: usize = 64;

/// The most earlier passwords that are remembered: a change costs one KDF run for each.
const MAX_HISTORY: usize = 24;

/// Names and words shorter than this are too common inside other words to be refused there.
const MIN_CONTAINED_CHARS: usize = 4;

/// Which passwords may be chosen, and what hashing one costs.
///
/// There are no rules about kinds of characters: they make passwords predictable, not strong (NIST SP 800-63B-4
/// §3.1.1.2). Length and the blocklist do the work.
///
/// ```
/// use axess_factors::{PasswordConfig, PasswordContext, PasswordPolicyError};
/// let config = PasswordConfig::default();
/// let context = PasswordContext { sole_factor: true, identifier: Some("alice"), forbidden_words: &["acme"] };
/// assert_eq!(config.validate_new(&"correct horse battery".into(), context), Ok(()));
/// assert_eq!(config.validate_new(&"short".into(), context), Err(PasswordPolicyError::TooShort { min: 15 }));
/// assert_eq!(config.validate_new(&"passwordpassword".into(), context), Err(PasswordPolicyError::Blocklisted));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "written::WrittenConfig", into = "written::WrittenConfig")]
pub struct PasswordConfig {
    /// What one hash costs. Default: 64 MiB, two passes, one lane.
    pub argon: Argon2idParams,
    /// The fewest characters where the password is the only factor, 8 to `max_length`. Default: 15.
    pub min_length: usize,
    /// The fewest characters where a second factor is always required, 8 to `max_length`. Default: 8.
    pub min_length_with_mfa: usize,
    /// The most characters, 64 to [`MAX_PASSWORD_CHARS`]. Default: 128.
    pub max_length: usize,
    /// Whether common passwords and simple patterns are refused. Default: true.
    pub blocklist: bool,
    /// How many earlier passwords may not be chosen again, at most 24. Default: 5.
    pub history: usize,
}

/// What a new password is judged against besides the configuration.
///
/// ```
/// use axess_factors::PasswordContext;
/// assert!(PasswordContext::default().sole_factor, "the stricter reading is the default");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PasswordContext<'a> {
    /// Whether the password alone will be enough to log in.
    pub sole_factor: bool,
    /// The identifier of the account, if it has one yet.
    pub identifier: Option<&'a str>,
    /// Words an attacker would try first: the names of the product, the company, the tenant.
    pub forbidden_words: &'a [&'a str],
}

/// Says why a password may not be chosen.
///
/// It never repeats the password.
///
/// ```
/// use axess_factors::PasswordPolicyError;
/// let error = PasswordPolicyError::TooShort { min: 15 };
/// assert_eq!(error.to_string(), "the password needs at least 15 characters");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordPolicyError {
    /// Too few characters.
    #[error("the password needs at least {min} characters")]
    TooShort {
        /// The fewest allowed.
        min: usize,
    },
    /// Too many characters.
    #[error("the password may have at most {max} characters")]
    TooLong {
        /// The most allowed.
        max: usize,
    },
    /// A common password, a simple pattern, or one that contains a forbidden word.
    #[error("the password is too easy to guess")]
    Blocklisted,
    /// Equals or contains the identifier of its account.
    #[error("the password contains the user name")]
    ContainsIdentifier,
}

impl PasswordConfig {
    /// Returns the configuration with every number brought into its range, as [`PasswordConfig::validate_new`] reads it.
    ///
    /// ```
    /// use axess_factors::PasswordConfig;
    /// let careless = PasswordConfig { min_length: 1, history: 1_000, ..PasswordConfig::default() };
    /// assert_eq!((careless.clamped().min_length, careless.clamped().history), (8, 24));
    /// ```
    #[must_use]
    pub fn clamped(&self) -> Self {
        let max_length = self.max_length.clamp(MIN_MAX_LENGTH, MAX_PASSWORD_CHARS);
        Self {
            argon: self.argon,
            min_length: self.min_length.clamp(MIN_LENGTH, max_length),
            min_length_with_mfa: self.min_length_with_mfa.clamp(MIN_LENGTH, max_length),
            max_length,
            blocklist: self.blocklist,
            history: self.history.min(MAX_HISTORY),
        }
    }

    /// Judges a password somebody wants to use from now on.
    ///
    /// Characters are counted as typed, as Unicode code points; comparisons ignore case and
    /// spelling (NFKC). An identifier or word of fewer than 4 characters is refused as the whole password only; of an e-mail address the part before the `@`
    /// counts as well.
    ///
    /// # Errors
    ///
    /// The first [`PasswordPolicyError`] that applies, in the order too long, too short, identifier, blocklist.
    pub fn validate_new(
        &self,
        password: &Password,
        context: PasswordContext<'_>,
    ) -> Result<(), PasswordPolicyError> {
        let text = password.expose();
        let Self { min_length, min_length_with_mfa, max_length: max, .. } = self.clamped();
        // However long the input is, no more than this is looked at.
        let length = text.chars().take(max + 1).count();
        if length > max {
            return Err(PasswordPolicyError::TooLong { max });
        }
        let min = if context.sole_factor { min_length } else { min_length_with_mfa };
        if length < min {
            return Err(PasswordPolicyError::TooShort { min });
        }
        let folded = folded(text);
        if context.identifier.is_some_and(|name| names(&folded, name)) {
            return Err(PasswordPolicyError::ContainsIdentifier);
        }
        let forbidden = context.forbidden_words.iter().any(|word| contains(&folded, word));
        if forbidden || (self.blocklist && blocklist::is_guessable(&folded)) {
            return Err(PasswordPolicyError::Blocklisted);
        }
        Ok(())
    }
}

impl Default for PasswordConfig {
    fn default() -> Self {
        Self {
            argon: Argon2idParams::default(),
            min_length: 15,
            min_length_with_mfa: 8,
            max_length: MAX_PASSWORD_CHARS,
            blocklist: true,
            history: 5,
        }
    }
}

impl Default for PasswordContext<'_> {
    fn default() -> Self {
        Self { sole_factor: true, identifier: None, forbidden_words: &[] }
    }
}

/// Folds into one allocation that never grows, so that no copy of the password is left behind.
pub(super) fn folded(text: &str) -> Zeroizing<String> {
    let mut folded = Zeroizing::new(String::with_capacity(fold(text).map(char::len_utf8).sum()));
    folded.extend(fold(text));
    folded
}

/// What is compared: NFKC in lower case, so that no way to write a name differs from another.
fn fold(text: &str) -> impl Iterator<Item = char> {
    // Whether a sigma is final depends on what follows it, and a name may stand anywhere in a password.
    let sigma = |c| if c == 'ς' { 'σ' } else { c };
    text.nfkc().flat_map(char::to_lowercase).map(sigma).nfkc()
}

fn names(password: &str, identifier: &str) -> bool {
    let identifier = folded(identifier);
    let local_part = identifier.rsplit_once('@').map(|(local, _)| local);
    holds(password, &identifier) || local_part.is_some_and(|local| holds(password, local))
}

fn contains(password: &str, word: &str) -> bool {
    holds(password, &folded(word))
}

/// Both sides are folded.
fn holds(password: &str, word: &str) -> bool {
    password == word || (word.chars().count() >= MIN_CONTAINED_CHARS && password.contains(word))
}

#[cfg(test)]
mod tests;
