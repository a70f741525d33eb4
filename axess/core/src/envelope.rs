//! Sealing of what is stored: AES-256-GCM with a ring of keys, bound to the place it is stored at.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Nonce, Payload},
};
use axess_identity::EnvelopeKey;
use axess_rng::{SecureRng, random_array};
use sha2::{Digest, Sha256};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

const NONCE_LEN: usize = 12;
const KEY_ID_LEN: usize = 4;
/// The most keys that are tried for reading.
const MAX_PREVIOUS: usize = 8;

/// Seals bytes with AES-256-GCM (NIST SP 800-38D) under the newest of a ring of keys.
///
/// Layout: `key id (4) | nonce (12) | ciphertext | tag (16)`. The additional data says where the bytes are stored, so
/// what is sealed for one row cannot be moved to another. One key seals, several open; what was sealed under an old key
/// says so when it is opened, and is then written again by whoever stores it.
///
/// ```
/// use axess_core::envelope::Envelope;
/// use axess_rng::SystemRng;
/// let envelope = Envelope::new([2u8; 32])?.with_previous_key([1u8; 32])?;
/// let sealed = envelope.seal(b"row 7", b"secret", &SystemRng).expect("within the limits of AES-GCM");
/// assert_eq!(envelope.open(b"row 7", &sealed).unwrap().plain.as_slice(), b"secret");
/// assert!(envelope.open(b"row 8", &sealed).is_none());
/// # Ok::<(), axess_core::envelope::EnvelopeKeyError>(())
/// ```
#[derive(Clone)]
pub struct Envelope {
    current: Arc<Key>,
    previous: Vec<Arc<Key>>,
}

/// What an envelope held.
///
/// ```
/// use axess_core::envelope::Opened;
/// let opened = Opened { plain: b"secret".to_vec().into(), stale: false };
/// assert!(!opened.stale);
/// ```
pub struct Opened {
    /// The bytes.
    pub plain: Zeroizing<Vec<u8>>,
    /// Whether they were sealed under an old key and should be sealed again.
    pub stale: bool,
}

struct Key {
    id: [u8; KEY_ID_LEN],
    cipher: Aes256Gcm,
}

/// Says what is wrong with an envelope key.
///
/// ```
/// use axess_core::envelope::Envelope;
/// assert!(Envelope::new([1u8; 16]).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeKeyError {
    /// The key is not 32 bytes.
    #[error("an envelope key has exactly 32 bytes; generate one with `openssl rand 32`")]
    Length,
    /// More than 8 previous keys.
    #[error("at most 8 previous envelope keys are kept; retire the oldest")]
    TooMany,
}

impl Envelope {
    /// Creates an envelope that seals with `key`.
    ///
    /// # Errors
    ///
    /// [`EnvelopeKeyError::Length`] unless the key has 32 bytes.
    pub fn new(key: impl Into<EnvelopeKey>) -> Result<Self, EnvelopeKeyError> {
        Ok(Self { current: Key::new(&key.into())?, previous: Vec::new() })
    }

    /// Adds a key that only opens.
    ///
    /// # Errors
    ///
    /// [`EnvelopeKeyError::Length`] unless the key has 32 bytes; [`EnvelopeKeyError::TooMany`] past 8.
    pub fn with_previous_key(mut self, key: impl Into<EnvelopeKey>) -> Result<Self, EnvelopeKeyError> {
        if self.previous.len() >= MAX_PREVIOUS {
            return Err(EnvelopeKeyError::TooMany);
        }
        self.previous.push(Key::new(&key.into())?);
        Ok(self)
    }

    /// Seals `plain` for the place `place`; `None` past the limits of AES-GCM (64 GiB).
    #[must_use]
    pub fn seal(&self, place: &[u8], plain: &[u8], rng: &dyn SecureRng) -> Option<Vec<u8>> {
        let nonce_bytes: [u8; NONCE_LEN] = random_array(rng);
        let nonce: Nonce<Aes256Gcm> = nonce_bytes.into();
        let sealed = self.current.cipher.encrypt(&nonce, Payload { msg: plain, aad: place }).ok()?;
        let mut out = Vec::with_capacity(KEY_ID_LEN + NONCE_LEN + sealed.len());
        out.extend_from_slice(&self.current.id);
        out.extend_from_slice(&nonce_bytes);
        out.extend_from_slice(&sealed);
        Some(out)
    }

    /// Opens what was sealed for the place `place`; `None` when it was not, or not with a key of this ring.
    #[must_use]
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Opened> {
        let (key_id, rest) = sealed.split_first_chunk::<KEY_ID_LEN>()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>()?;
        let nonce: Nonce<Aes256Gcm> = (*nonce).into();
        let keys = std::iter::once(&self.current).chain(&self.previous);
        keys.enumerate().filter(|(_, key)| key.id == *key_id).find_map(|(at, key)| {
            let payload = Payload { msg: ciphertext, aad: place };
            let plain = key.cipher.decrypt(&nonce, payload).ok()?;
            Some(Opened { plain: plain.into(), stale: at > 0 })
        })
    }
}

impl Key {
    fn new(key: &EnvelopeKey) -> Result<Arc<Self>, EnvelopeKeyError> {
        let bytes: &[u8; 32] = key.expose().try_into().map_err(|_| EnvelopeKeyError::Length)?;
        let digest = Sha256::new().chain_update(b"axess envelope key id").chain_update(bytes).finalize();
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(digest.get(..KEY_ID_LEN).unwrap_or_default());
        Ok(Arc::new(Self { id, cipher: Aes256Gcm::new(bytes.into()) }))
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("keys", &(1 + self.previous.len())).finish()
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("stale", &self.stale).finish_non_exhaustive()
    }
}
