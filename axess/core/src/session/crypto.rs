use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Nonce, Payload},
};
use axess_identity::{EnvelopeKey, SessionId};
use axess_rng::{SecureRng, random_array};
use sha2::{Digest, Sha256};
use std::{fmt, sync::Arc};

const NONCE_LEN: usize = 12;
const KEY_ID_LEN: usize = 4;
/// The most keys that are tried for reading.
const MAX_PREVIOUS: usize = 8;

/// Seals session payloads with AES-256-GCM (NIST SP 800-38D).
///
/// Layout: `key id (4) | nonce (12) | ciphertext | tag (16)`. The additional data is the session id and the schema
/// version, so a payload cannot be moved to another row. One key seals, several open; a payload under an old key is
/// sealed again at its next load.
///
/// ```
/// use axess_core::session::SessionCrypto;
/// let crypto = SessionCrypto::new([2u8; 32])?.with_previous_key([1u8; 32])?;
/// assert_eq!(format!("{crypto:?}"), "SessionCrypto { keys: 2 }");
/// # Ok::<(), axess_core::session::EnvelopeKeyError>(())
/// ```
#[derive(Clone)]
pub struct SessionCrypto {
    current: Arc<Key>,
    previous: Vec<Arc<Key>>,
}

struct Key {
    id: [u8; KEY_ID_LEN],
    cipher: Aes256Gcm,
}

/// Says what is wrong with an envelope key.
///
/// ```
/// use axess_core::session::SessionCrypto;
/// assert!(SessionCrypto::new([1u8; 16]).is_err());
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

impl SessionCrypto {
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

    pub(crate) fn seal(
        &self,
        id: &SessionId,
        version: u16,
        plain: &[u8],
        rng: &dyn SecureRng,
    ) -> Option<Vec<u8>> {
        let nonce_bytes: [u8; NONCE_LEN] = random_array(rng);
        let nonce: Nonce<Aes256Gcm> = nonce_bytes.into();
        let sealed =
            self.current.cipher.encrypt(&nonce, Payload { msg: plain, aad: &aad(id, version) }).ok()?;
        let mut out = Vec::with_capacity(KEY_ID_LEN + NONCE_LEN + sealed.len());
        out.extend_from_slice(&self.current.id);
        out.extend_from_slice(&nonce_bytes);
        out.extend_from_slice(&sealed);
        Some(out)
    }

    /// Opens a payload, and tells whether it was sealed with an old key.
    pub(crate) fn open(&self, id: &SessionId, version: u16, sealed: &[u8]) -> Option<(Vec<u8>, bool)> {
        let (key_id, rest) = sealed.split_first_chunk::<KEY_ID_LEN>()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>()?;
        let nonce: Nonce<Aes256Gcm> = (*nonce).into();
        let keys = std::iter::once(&self.current).chain(&self.previous);
        keys.enumerate().filter(|(_, key)| key.id == *key_id).find_map(|(at, key)| {
            let payload = Payload { msg: ciphertext, aad: &aad(id, version) };
            key.cipher.decrypt(&nonce, payload).ok().map(|plain| (plain, at > 0))
        })
    }
}

fn aad(id: &SessionId, version: u16) -> [u8; 18] {
    let mut aad = [0; 18];
    let (head, tail) = aad.split_at_mut(16);
    head.copy_from_slice(id.as_bytes());
    tail.copy_from_slice(&version.to_be_bytes());
    aad
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

impl fmt::Debug for SessionCrypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCrypto").field("keys", &(1 + self.previous.len())).finish()
    }
}
