use crate::envelope::{Envelope, EnvelopeKeyError, Opened};
use axess_identity::{EnvelopeKey, SessionId};
use axess_rng::SecureRng;

/// Seals session payloads: an [`Envelope`] whose place is the session id and the schema version.
///
/// A payload cannot be moved to another row. One key seals, several open; a payload under an old key is sealed again at
/// its next load.
///
/// ```
/// use axess_core::session::SessionCrypto;
/// let crypto = SessionCrypto::new([2u8; 32])?.with_previous_key([1u8; 32])?;
/// assert_eq!(format!("{crypto:?}"), "SessionCrypto(Envelope { keys: 2 })");
/// # Ok::<(), axess_core::envelope::EnvelopeKeyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SessionCrypto(Envelope);

impl SessionCrypto {
    /// Creates an envelope that seals with `key`.
    ///
    /// # Errors
    ///
    /// [`EnvelopeKeyError::Length`] unless the key has 32 bytes.
    pub fn new(key: impl Into<EnvelopeKey>) -> Result<Self, EnvelopeKeyError> {
        Envelope::new(key).map(Self)
    }

    /// Adds a key that only opens.
    ///
    /// # Errors
    ///
    /// [`EnvelopeKeyError::Length`] unless the key has 32 bytes; [`EnvelopeKeyError::TooMany`] past 8.
    pub fn with_previous_key(self, key: impl Into<EnvelopeKey>) -> Result<Self, EnvelopeKeyError> {
        self.0.with_previous_key(key).map(Self)
    }

    pub(crate) fn seal(
        &self,
        id: &SessionId,
        version: u16,
        plain: &[u8],
        rng: &dyn SecureRng,
    ) -> Option<Vec<u8>> {
        self.0.seal(&place(id, version), plain, rng)
    }

    pub(crate) fn open(&self, id: &SessionId, version: u16, sealed: &[u8]) -> Option<Opened> {
        self.0.open(&place(id, version), sealed)
    }
}

fn place(id: &SessionId, version: u16) -> [u8; 18] {
    let mut place = [0; 18];
    let (head, tail) = place.split_at_mut(16);
    head.copy_from_slice(id.as_bytes());
    tail.copy_from_slice(&version.to_be_bytes());
    place
}
