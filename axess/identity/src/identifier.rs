mod lookalike;

use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_security::GeneralSecurityProfile;

/// The longest identifier, counted in characters after normalisation (an e-mail address is at most 254, RFC 5321).
pub const MAX_IDENTIFIER_CHARS: usize = 254;

/// The most bytes of raw input that are even looked at.
const MAX_RAW_BYTES: usize = 4 * MAX_IDENTIFIER_CHARS;

/// Names kept for the system's own principals, and the beginning of more.
const RESERVED: [&str; 2] = ["system", "axess"];
const RESERVED_PREFIX: &str = "axess:";

/// What a person types to say who they are (a user name or an e-mail address), in canonical form.
///
/// Two spellings of the same identifier are equal: the text is NFKC-normalised, lower-cased and trimmed *before* it
/// is validated, stored or used as a key. Invisible, bidirectional and control characters never get in.
///
/// ```
/// use axess_identity::Identifier;
/// assert_eq!(Identifier::parse(" ALICE ").unwrap(), Identifier::parse("alice").unwrap());
/// assert!(Identifier::parse("ali\u{200d}ce").is_err(), "zero-width joiner");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identifier(String);

/// Says why a text cannot be an identifier.
///
/// It never repeats the text.
///
/// ```
/// use axess_identity::{Identifier, IdentifierError};
/// assert_eq!(Identifier::parse("  "), Err(IdentifierError::Empty));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Nothing is left after trimming.
    #[error("the identifier is empty")]
    Empty,
    /// Longer than [`MAX_IDENTIFIER_CHARS`].
    #[error("the identifier is longer than 254 characters")]
    TooLong,
    /// Contains white space, a control, invisible, bidirectional or unassigned character.
    #[error("the identifier contains a character that is not allowed")]
    ForbiddenCharacter,
    /// Can imitate another identifier: it mixes scripts (UTS 39 §5.1), is made of letters of another script that look
    /// like ASCII or like a reserved name (§4), or hides or piles up marks (§5.4).
    #[error("the identifier can be mistaken for another one")]
    Confusable,
    /// Is kept for the system's own principals.
    #[error("the identifier is reserved")]
    Reserved,
}

impl Identifier {
    /// Parses what was typed at a login: normalises and validates, and refuses nothing that could exist.
    ///
    /// # Errors
    ///
    /// [`IdentifierError::Empty`], [`IdentifierError::TooLong`] or [`IdentifierError::ForbiddenCharacter`].
    pub fn parse(raw: &str) -> Result<Self, IdentifierError> {
        if raw.len() > MAX_RAW_BYTES {
            return Err(IdentifierError::TooLong);
        }
        let text = canonical(raw);
        if text.is_empty() {
            return Err(IdentifierError::Empty);
        }
        if text.chars().count() > MAX_IDENTIFIER_CHARS {
            return Err(IdentifierError::TooLong);
        }
        if !text.chars().all(is_allowed) {
            return Err(IdentifierError::ForbiddenCharacter);
        }
        Ok(Self(text))
    }

    /// Parses an identifier for a new account: additionally refuses look-alikes and reserved names.
    ///
    /// # Errors
    ///
    /// Those of [`Identifier::parse`], [`IdentifierError::Confusable`] and [`IdentifierError::Reserved`].
    ///
    /// ```
    /// use axess_identity::{Identifier, IdentifierError};
    /// assert_eq!(Identifier::parse_new("аlice"), Err(IdentifierError::Confusable), "a Cyrillic first letter");
    /// assert_eq!(Identifier::parse_new("раура"), Err(IdentifierError::Confusable), "all Cyrillic, looks like paypa");
    /// assert_eq!(Identifier::parse_new("System"), Err(IdentifierError::Reserved));
    /// assert!(Identifier::parse_new("алиса").is_ok());
    /// ```
    pub fn parse_new(raw: &str) -> Result<Self, IdentifierError> {
        let parsed = Self::parse(raw)?;
        if parsed.is_reserved() {
            return Err(IdentifierError::Reserved);
        }
        if lookalike::is_lookalike(&parsed.0) {
            return Err(IdentifierError::Confusable);
        }
        Ok(parsed)
    }

    /// Tells whether the name is kept for the system itself: `system`, `axess` or anything beginning `axess:`.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        RESERVED.contains(&self.0.as_str()) || self.0.starts_with(RESERVED_PREFIX)
    }

    /// Returns the canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Trims, lower-cases and normalises until nothing changes: `İ` and the Kelvin sign change shape more than once.
pub(crate) fn canonical(raw: &str) -> String {
    let mut text = raw.trim().to_owned();
    for _ in 0..4 {
        let next: String = text.nfkc().collect::<String>().to_lowercase().nfkc().collect();
        let next = next.trim().to_owned();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// Tells whether a character may stand in an identifier or an address: none that is invisible or changes direction.
pub(crate) fn is_allowed(c: char) -> bool {
    // ASCII punctuation is common in e-mail addresses and domain names and cannot hide anything.
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    !c.is_control() && !c.is_whitespace() && c.identifier_allowed()
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({:?})", self.0)
    }
}

impl TryFrom<String> for Identifier {
    type Error = IdentifierError;

    fn try_from(raw: String) -> Result<Self, IdentifierError> {
        Self::parse(&raw)
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.0
    }
}

#[cfg(test)]
mod tests;
