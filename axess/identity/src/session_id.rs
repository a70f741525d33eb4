use axess_rng::{SecureRng, random_array};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Names one server-side session: 128 random bits.
///
/// It is not time-ordered on purpose: an id must not tell when the session began. Its text form is URL-safe
/// base64 without padding (22 characters), and parsing accepts exactly that canonical form.
///
/// ```
/// use axess_identity::SessionId;
/// use axess_rng::SystemRng;
/// let id = SessionId::generate(&SystemRng);
/// assert_eq!(id.to_string().len(), 22);
/// assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId([u8; 16]);

/// Says that a text is not a session id.
///
/// It carries nothing of the text.
///
/// ```
/// use axess_identity::SessionId;
/// assert_eq!("x".parse::<SessionId>().unwrap_err().to_string(), "not a session id");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session id")]
pub struct ParseSessionIdError;

impl SessionId {
    /// Makes a fresh id.
    #[must_use]
    pub fn generate(rng: &(impl SecureRng + ?Sized)) -> Self {
        Self(random_array(rng))
    }

    /// Wraps the 16 bytes of an existing id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 22];
        // 16 bytes always fit 22 base64 characters.
        let written = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text).unwrap_or(0);
        f.write_str(text.get(..written).and_then(|t| std::str::from_utf8(t).ok()).unwrap_or_default())
    }
}

impl fmt::Debug for SessionId {
    /// Prints the first four bytes: enough to follow a session in a log, not enough to name it to the server.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "SessionId({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

impl FromStr for SessionId {
    type Err = ParseSessionIdError;

    fn from_str(text: &str) -> Result<Self, ParseSessionIdError> {
        if text.len() != 22 {
            return Err(ParseSessionIdError);
        }
        // The engine refuses non-canonical trailing bits, so every id has one spelling. The buffer is the engine's
        // estimate for 22 characters, which is longer than what they decode to.
        let mut bytes = [0; 18];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => bytes.first_chunk().copied().map(Self).ok_or(ParseSessionIdError),
            _ => Err(ParseSessionIdError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_parses() {
        let id = SessionId::from_bytes([0xff; 16]);
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        // The last character carries two unused bits: the same bytes must not have a second spelling.
        let twin = format!("{}x", text.get(..21).unwrap());
        assert_ne!(twin, text);
        for bad in ["", "short", &format!("{text}="), &twin, "!!!!!!!!!!!!!!!!!!!!!!"] {
            assert_eq!(bad.parse::<SessionId>(), Err(ParseSessionIdError), "{bad}");
        }
    }

    #[test]
    fn debug_hides_most_of_the_id() {
        assert_eq!(format!("{:?}", SessionId::from_bytes([0xab; 16])), "SessionId(abababab…)");
    }
}
