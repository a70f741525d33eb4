use axess::rng::{SystemRng, random_array};
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use std::fmt;

/// Thirty-two secret bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// Reads base64 or hex. Zeros are a placeholder, not a key.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let encoding = if text.len() == 64 { HEXLOWER_PERMISSIVE } else { BASE64 };
        let bytes: [u8; 32] = encoding.decode(text.as_bytes()).ok()?.try_into().ok()?;
        (bytes != [0; 32]).then_some(Self(bytes))
    }

    /// Draws a key for this run.
    pub(super) fn random() -> Self {
        Self(random_array(&SystemRng))
    }

    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}
