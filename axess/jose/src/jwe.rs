//! Encrypted tokens in compact form (RFC 7516): ID tokens and responses that only we can read.
//!
//! Key management: RSA-OAEP, RSA-OAEP-256, ECDH-ES on P-256 and P-384, alone or with AES key wrap. Content: AES-GCM, or
//! AES-CBC with HMAC. Refused are RSA1_5 (padding oracles), passwords (PBES2 lets a sender choose our work), shared keys
//! (`dir`, `A128KW`...) and compression (a kilobyte that becomes a gigabyte).
//!
//! Decrypting says nothing about who encrypted: anybody has the public key. What comes out is a signed token to verify.

mod content;
mod decryption_key;
mod encryption_key;
mod key_agreement;

pub use decryption_key::DecryptionKey;
pub use encryption_key::EncryptionKey;

use crate::{JoseError, Limits, base64url, json, public_key::PublicNumbers};
use axess_rng::SecureRng;
use key_agreement::Derivation;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Header members that change how the rest is read; see [`Jws`](crate::Jws).
const REFUSED_MEMBERS: [&str; 3] = ["crit", "b64", "zip"];
/// The most keys that one token is tried with.
const MAX_TRIED_KEYS: usize = 8;

/// How the content's key gets to its reader (RFC 7518 §4.1).
///
/// ```
/// use axess_jose::jwe::KeyManagement;
/// assert_eq!(KeyManagement::from_name("ECDH-ES+A256KW"), Some(KeyManagement::EcdhEsA256Kw));
/// assert_eq!(KeyManagement::from_name("RSA1_5"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyManagement {
    /// RSAES-OAEP with SHA-1, which is what the RFC's default parameters mean.
    RsaOaep,
    /// RSAES-OAEP with SHA-256.
    RsaOaep256,
    /// The content's key is what both sides agree on.
    EcdhEs,
    /// What both sides agree on wraps it with AES-128.
    EcdhEsA128Kw,
    /// What both sides agree on wraps it with AES-256.
    EcdhEsA256Kw,
}

/// How the content is encrypted (RFC 7518 §5.1).
///
/// ```
/// use axess_jose::jwe::ContentEncryption;
/// assert_eq!(ContentEncryption::A256Gcm.name(), "A256GCM");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentEncryption {
    /// AES-128 in GCM.
    A128Gcm,
    /// AES-256 in GCM.
    A256Gcm,
    /// AES-128 in CBC, then HMAC with SHA-256.
    A128CbcHs256,
    /// AES-256 in CBC, then HMAC with SHA-512.
    A256CbcHs512,
}

/// What is taken.
///
/// ```
/// use axess_jose::jwe::{ContentEncryption, JweAllowed, KeyManagement};
/// let allowed = JweAllowed { algorithms: vec![KeyManagement::EcdhEs], ..JweAllowed::default() };
/// assert_eq!(allowed.encryptions.len(), 4);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JweAllowed {
    /// The key management algorithms.
    pub algorithms: Vec<KeyManagement>,
    /// The content encryption algorithms.
    pub encryptions: Vec<ContentEncryption>,
    /// How large the whole token may be.
    pub limits: Limits,
}

impl KeyManagement {
    /// Every algorithm.
    pub const ALL: [Self; 5] =
        [Self::RsaOaep, Self::RsaOaep256, Self::EcdhEs, Self::EcdhEsA128Kw, Self::EcdhEsA256Kw];

    /// Returns the name in the `alg` of a header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
        }
    }

    /// Finds an algorithm by its exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

impl ContentEncryption {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::A128Gcm, Self::A256Gcm, Self::A128CbcHs256, Self::A256CbcHs512];

    /// Returns the name in the `enc` of a header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    /// Finds an algorithm by its exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

impl Default for JweAllowed {
    /// Everything that is known, with the usual limits.
    fn default() -> Self {
        Self {
            algorithms: KeyManagement::ALL.to_vec(),
            encryptions: ContentEncryption::ALL.to_vec(),
            limits: Limits::default(),
        }
    }
}

/// Tells whether a token is an encrypted one, by its five parts.
#[must_use]
pub fn is_encrypted(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 4
}

/// Decrypts a token with the key it was encrypted for.
///
/// A `kid` in the header chooses among the keys; keys without a name are tried too, at most eight in all.
///
/// # Errors
///
/// [`JoseError::TooLarge`]; [`JoseError::Malformed`]; [`JoseError::AlgorithmRefused`] when `alg` or `enc` is not allowed;
/// [`JoseError::KeyUnknown`] when no key fits name and algorithm; [`JoseError::DecryptionFailed`] for everything else, without
/// a word about what went wrong.
///
/// ```
/// use axess_jose::jwe::{ContentEncryption, DecryptionKey, EncryptionKey, JweAllowed, KeyManagement, decrypt, encrypt};
/// use axess_rng::SystemRng;
/// let key = DecryptionKey::generate(KeyManagement::EcdhEs)?;
/// let recipient = EncryptionKey::from_jwk(&key.public_jwk())?;
/// let token = encrypt(b"a signed token", &recipient, KeyManagement::EcdhEs, ContentEncryption::A256Gcm, &SystemRng)?;
/// assert_eq!(decrypt(&token, &[key], &JweAllowed::default())?, b"a signed token");
/// # Ok::<(), axess_jose::JoseError>(())
/// ```
pub fn decrypt(token: &str, keys: &[DecryptionKey], allowed: &JweAllowed) -> Result<Vec<u8>, JoseError> {
    let parts = Parts::parse(token, allowed.limits)?;
    if !allowed.algorithms.contains(&parts.algorithm) || !allowed.encryptions.contains(&parts.encryption) {
        return Err(JoseError::AlgorithmRefused);
    }
    let kid = parts.header.get("kid").and_then(Value::as_str);
    let fits = |key: &&DecryptionKey| {
        key.allows(parts.algorithm) && (kid.is_none() || key.kid().is_none() || key.kid() == kid)
    };
    let mut refused = JoseError::KeyUnknown;
    for key in keys.iter().filter(fits).take(MAX_TRIED_KEYS) {
        match parts.open(key) {
            Ok(plain) => return Ok(plain),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Encrypts for the holder of a key; the content's key and its nonce are drawn from `rng`.
///
/// # Errors
///
/// [`JoseError::AlgorithmRefused`] when the key is not for `algorithm`; [`JoseError::Crypto`] when the library fails.
///
/// ```
/// use axess_jose::jwe::{ContentEncryption, EncryptionKey, KeyManagement, encrypt};
/// # use axess_jose::{JoseError, jwe::DecryptionKey};
/// # let published = DecryptionKey::generate(KeyManagement::RsaOaep256)?.public_jwk();
/// let recipient = EncryptionKey::from_jwk(&published)?;
/// let (how, what) = (KeyManagement::RsaOaep256, ContentEncryption::A128CbcHs256);
/// let token = encrypt(b"for your eyes", &recipient, how, what, &axess_rng::SystemRng)?;
/// assert!(axess_jose::jwe::is_encrypted(&token));
/// # Ok::<(), JoseError>(())
/// ```
pub fn encrypt(
    plain: &[u8],
    recipient: &EncryptionKey,
    algorithm: KeyManagement,
    encryption: ContentEncryption,
    rng: &(impl SecureRng + ?Sized),
) -> Result<String, JoseError> {
    let mut header = Map::new();
    header.insert("alg".into(), algorithm.name().into());
    header.insert("enc".into(), encryption.name().into());
    if let Some(kid) = recipient.kid() {
        header.insert("kid".into(), kid.into());
    }
    let sealed = recipient.seal_key(algorithm, encryption, &mut header, rng)?;
    let header = base64url::encode(Value::Object(header).to_string().as_bytes());
    let (iv, ciphertext, tag) =
        content::seal(encryption, &sealed.content_key, header.as_bytes(), plain, rng)?;
    let text = base64url::encode;
    Ok(format!("{header}.{}.{}.{}.{}", text(&sealed.encrypted), text(&iv), text(&ciphertext), text(&tag)))
}

/// A token taken apart.
struct Parts<'a> {
    header: Map<String, Value>,
    algorithm: KeyManagement,
    encryption: ContentEncryption,
    /// What is authenticated besides the content: the header as it came.
    authenticated: &'a str,
    encrypted_key: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn parse(token: &'a str, limits: Limits) -> Result<Self, JoseError> {
        if token.len() > limits.max_bytes {
            return Err(JoseError::TooLarge);
        }
        let mut parts = token.split('.');
        let mut next = || parts.next().ok_or(JoseError::Malformed("not of five parts"));
        let (authenticated, key, iv, ciphertext, tag) = (next()?, next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(JoseError::Malformed("not of five parts"));
        }
        let bytes = |text| base64url::decode(text).ok_or(JoseError::Malformed("a part's base64url"));
        let header = json::object(&bytes(authenticated)?, limits)?;
        if REFUSED_MEMBERS.iter().any(|name| header.contains_key(*name)) {
            return Err(JoseError::Malformed("the header has `crit`, `b64` or `zip`"));
        }
        if header.get("kid").is_some_and(|kid| !kid.is_string()) {
            return Err(JoseError::Malformed("`kid` is no text"));
        }
        let name = |name| {
            header
                .get(name)
                .and_then(Value::as_str)
                .ok_or(JoseError::Malformed("the header lacks `alg` or `enc`"))
        };
        let algorithm = KeyManagement::from_name(name("alg")?).ok_or(JoseError::AlgorithmRefused)?;
        let encryption = ContentEncryption::from_name(name("enc")?).ok_or(JoseError::AlgorithmRefused)?;
        Ok(Self {
            algorithm,
            encryption,
            authenticated,
            encrypted_key: bytes(key)?,
            iv: bytes(iv)?,
            ciphertext: bytes(ciphertext)?,
            tag: bytes(tag)?,
            header,
        })
    }

    fn open(&self, key: &DecryptionKey) -> Result<Vec<u8>, JoseError> {
        let content_key: Zeroizing<Vec<u8>> = match self.algorithm {
            KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => {
                key.open_oaep(self.algorithm, &self.encrypted_key)?
            }
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA128Kw | KeyManagement::EcdhEsA256Kw => {
                let derivation = Derivation::of(self.algorithm, self.encryption, &self.header)?;
                let epk = self.header.get("epk").and_then(Value::as_object);
                let epk =
                    PublicNumbers::from_jwk(epk.ok_or(JoseError::Malformed("the header has no `epk`"))?)?;
                let agreed = key.agree(&epk, &derivation)?;
                key_agreement::unwrap(self.algorithm, agreed, &self.encrypted_key)?
            }
        };
        content::open(
            self.encryption,
            &content_key,
            self.authenticated.as_bytes(),
            &self.iv,
            &self.ciphertext,
            &self.tag,
        )
    }
}

#[cfg(test)]
mod tests;
