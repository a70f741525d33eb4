use super::wire::{decode, encode};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use axess_rng::{SecureRng, random_array};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr, sync::Arc};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const MAC_ID_LABEL: &[u8] = b"axess-audit-mac-id-v1\0";
const SEED_BYTES: usize = 32;
const ID_BYTES: usize = 8;

/// Names a key: eight bytes derived from it, written as 11 characters of base64url.
///
/// ```
/// use axess_audit::chain::{AuditMacKey, KeyId};
/// let id = AuditMacKey::from_bytes([1; 32]).id();
/// assert_eq!(id.to_string().parse::<KeyId>().unwrap(), id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_BYTES]);

/// Authenticates the entries of a log: 32 random bytes for HMAC-SHA-256 (RFC 2104).
///
/// Its text is 43 characters of base64url.
///
/// ```
/// use axess_audit::chain::AuditMacKey;
/// let key = AuditMacKey::from_bytes([1; 32]);
/// assert_eq!(format!("{key:?}"), "AuditMacKey([redacted])");
/// ```
#[derive(Clone)]
pub struct AuditMacKey {
    id: KeyId,
    bytes: Zeroizing<[u8; SEED_BYTES]>,
    ready: Hmac<Sha256>,
}

/// Signs checkpoints with Ed25519 (RFC 8032); its seed is 32 random bytes.
///
/// ```
/// use axess_audit::chain::AuditSigningKey;
/// let key = AuditSigningKey::from_bytes([1; 32]);
/// assert!(key.public_key().verify(b"message", &key.sign(b"message")));
/// assert_eq!(format!("{key:?}"), "AuditSigningKey([redacted])");
/// ```
#[derive(Clone)]
pub struct AuditSigningKey {
    seed: Zeroizing<[u8; SEED_BYTES]>,
    pair: Arc<Ed25519KeyPair>,
    public: AuditPublicKey,
}

/// Verifies checkpoints; it may be given to everybody.
///
/// Its text is 43 characters of base64url.
///
/// ```
/// use axess_audit::chain::{AuditPublicKey, AuditSigningKey};
/// let key = AuditSigningKey::from_bytes([1; 32]).public_key();
/// assert_eq!(key.to_string().parse::<AuditPublicKey>().unwrap(), key);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditPublicKey([u8; SEED_BYTES]);

/// The keys of a log.
///
/// Whoever holds them can write a log that verifies: they belong where the log's writers can read them and its readers
/// cannot. Copies share the same keys.
///
/// ```
/// use axess_audit::chain::AuditKeys;
/// use axess_rng::MockRng;
/// let keys = AuditKeys::generate(&MockRng::new(1));
/// assert!(keys.previous_macs.is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct AuditKeys {
    /// Authenticates new entries.
    pub mac: AuditMacKey,
    /// Authenticated older entries; only a verification uses them.
    pub previous_macs: Vec<AuditMacKey>,
    /// Signs checkpoints.
    pub signing: AuditSigningKey,
}

/// Says that a text is not a key.
///
/// It carries nothing of the text.
///
/// ```
/// use axess_audit::chain::{AuditPublicKey, ParseKeyError};
/// assert_eq!("x".parse::<AuditPublicKey>(), Err(ParseKeyError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key of an audit log: 43 characters of base64url are expected")]
pub struct ParseKeyError;

impl KeyId {
    /// Wraps the eight bytes of an id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }

    fn first_of(digest: &[u8]) -> Self {
        Self(digest.first_chunk().copied().unwrap_or_default())
    }
}

impl AuditMacKey {
    /// Wraps an existing key.
    #[must_use]
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 §3)")]
    pub fn from_bytes(bytes: [u8; SEED_BYTES]) -> Self {
        let ready = Hmac::<Sha256>::new_from_slice(&bytes).expect("a key of 32 bytes");
        let id = ready.clone().chain_update(MAC_ID_LABEL).finalize().into_bytes();
        Self { id: KeyId::first_of(&id), bytes: Zeroizing::new(bytes), ready }
    }

    /// Draws a key.
    #[must_use]
    pub fn generate(rng: &(impl SecureRng + ?Sized)) -> Self {
        Self::from_bytes(random_array(rng))
    }

    /// Returns the key's id; it says nothing about the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the key as text.
    ///
    /// Every use is a place to review.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(encode(*self.bytes))
    }

    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.ready.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn verifies(&self, parts: &[&[u8]], tag: &[u8; 32]) -> bool {
        self.tag(parts).ct_eq(tag).into()
    }
}

impl AuditSigningKey {
    /// Wraps an existing seed.
    #[must_use]
    #[expect(clippy::expect_used, reason = "every 32 bytes are an Ed25519 seed (RFC 8032 §5.1.5)")]
    pub fn from_bytes(seed: [u8; SEED_BYTES]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed of 32 bytes");
        let public = pair.public_key().as_ref().first_chunk().copied().unwrap_or_default();
        Self { seed: Zeroizing::new(seed), pair: Arc::new(pair), public: AuditPublicKey(public) }
    }

    /// Draws a key.
    #[must_use]
    pub fn generate(rng: &(impl SecureRng + ?Sized)) -> Self {
        Self::from_bytes(random_array(rng))
    }

    /// Returns the key that verifies what this one signs.
    #[must_use]
    pub fn public_key(&self) -> AuditPublicKey {
        self.public
    }

    /// Signs a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().first_chunk().copied().unwrap_or([0; 64])
    }

    /// Returns the seed as text.
    ///
    /// Every use is a place to review.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(encode(*self.seed))
    }
}

impl AuditPublicKey {
    /// Wraps the 32 bytes of a key.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SEED_BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the key's id: the first eight bytes of its SHA-256.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::first_of(&Sha256::digest(self.0))
    }

    /// Tells whether this key's owner signed the message.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl AuditKeys {
    /// Draws new keys.
    #[must_use]
    pub fn generate(rng: &(impl SecureRng + ?Sized)) -> Self {
        Self::new(AuditMacKey::generate(rng), AuditSigningKey::generate(rng))
    }

    /// Brings existing keys together.
    #[must_use]
    pub fn new(mac: AuditMacKey, signing: AuditSigningKey) -> Self {
        Self { mac, previous_macs: Vec::new(), signing }
    }

    /// Returns every MAC key, the newest first.
    pub fn macs(&self) -> impl Iterator<Item = &AuditMacKey> {
        std::iter::once(&self.mac).chain(&self.previous_macs)
    }
}

impl FromStr for AuditMacKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        decode(text.trim().as_bytes()).map(Self::from_bytes).ok_or(ParseKeyError)
    }
}

impl FromStr for AuditSigningKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        decode(text.trim().as_bytes()).map(Self::from_bytes).ok_or(ParseKeyError)
    }
}

impl FromStr for AuditPublicKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        decode(text.trim().as_bytes()).map(Self).ok_or(ParseKeyError)
    }
}

impl FromStr for KeyId {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        decode(text.as_bytes()).map(Self).ok_or(ParseKeyError)
    }
}

impl fmt::Display for AuditPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(self.0))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Debug for AuditPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditPublicKey({self})")
    }
}

impl fmt::Debug for AuditMacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditMacKey([redacted])")
    }
}

impl fmt::Debug for AuditSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditSigningKey([redacted])")
    }
}
