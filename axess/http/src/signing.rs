//! Message authentication keys, one per purpose, all derived from the deployment's signing key.
//!
//! One 32-byte secret serves several uses. Each use gets its own key by HKDF-Expand (RFC 5869 §2.3) with the purpose
//! as `info`, so a tag made for one use never verifies in another.

use axess_identity::SigningKey;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// The shortest signing key, in bytes.
pub const MIN_SIGNING_KEY_BYTES: usize = 32;

/// The length of a tag, in bytes.
pub const TAG_BYTES: usize = 32;

/// The length of a key id, in characters.
pub(crate) const KEY_ID_CHARS: usize = 8;

type HmacSha256 = Hmac<Sha256>;

/// Names what a derived key is for.
///
/// ```
/// use axess_http::{KeyPurpose, MacKey};
/// let key = [7u8; 32].into();
/// let cookie = MacKey::derive(&key, KeyPurpose::SessionCookie).unwrap();
/// let csrf = MacKey::derive(&key, KeyPurpose::Csrf).unwrap();
/// assert!(!csrf.verify(&[b"x"], &cookie.tag(&[b"x"])));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPurpose {
    /// Signs the session cookie.
    SessionCookie,
    /// Signs CSRF tokens.
    Csrf,
    /// Keys the client fingerprint of a session.
    Fingerprint,
    /// Signs the cookie of a trusted device.
    DeviceCookie,
    /// Makes the nonces of proofs of possession.
    DpopNonce,
}

/// A key for HMAC-SHA256 with its state precomputed, usable for one purpose.
///
/// Tags cover a *list* of byte strings: each is preceded by its length, so `["ab", "c"]` and `["a", "bc"]` differ.
///
/// ```
/// use axess_http::{KeyPurpose, MacKey};
/// let key = MacKey::derive(&[7u8; 32].into(), KeyPurpose::Fingerprint).unwrap();
/// let tag = key.tag(&[b"firefox", b"en"]);
/// assert!(key.verify(&[b"firefox", b"en"], &tag));
/// assert!(!key.verify(&[b"firefoxe", b"n"], &tag));
/// ```
#[derive(Clone)]
pub struct MacKey {
    id: [u8; KEY_ID_CHARS],
    keyed: HmacSha256,
}

/// Says why a signing key is refused.
///
/// It carries nothing of the key.
///
/// ```
/// use axess_http::{CookieKeyRing, SigningKeyError};
/// assert_eq!(CookieKeyRing::new([7u8; 16]).unwrap_err(), SigningKeyError::TooShort { bytes: 16 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// Fewer than [`MIN_SIGNING_KEY_BYTES`].
    #[error("a signing key needs at least 32 random bytes, this one has {bytes}")]
    TooShort {
        /// The length that was given.
        bytes: usize,
    },
    /// Every byte is zero: the placeholder of an example, not a key.
    #[error("the signing key is all zeros; load 32 random bytes from the secret store")]
    AllZero,
    /// The ring holds as many keys as it can.
    #[error("a key ring holds at most {max} previous keys; retire the old ones")]
    TooManyKeys {
        /// The most previous keys a ring holds.
        max: usize,
    },
}

impl MacKey {
    /// Derives the key for `purpose`.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::TooShort`] below [`MIN_SIGNING_KEY_BYTES`], [`SigningKeyError::AllZero`] for a placeholder.
    pub fn derive(key: &SigningKey, purpose: KeyPurpose) -> Result<Self, SigningKeyError> {
        let input = key.expose();
        if input.len() < MIN_SIGNING_KEY_BYTES {
            return Err(SigningKeyError::TooShort { bytes: input.len() });
        }
        if input.iter().all(|byte| *byte == 0) {
            return Err(SigningKeyError::AllZero);
        }
        let derived = expand(input, purpose.label());
        let [a, b, c, d, e, f, ..] = *expand(input, purpose.id_label());
        let mut id = [0; KEY_ID_CHARS];
        // Six bytes are exactly eight characters.
        let _ = URL_SAFE_NO_PAD.encode_slice([a, b, c, d, e, f], &mut id);
        Ok(Self { id, keyed: keyed(&*derived) })
    }

    /// Returns the tag over `parts`.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
        self.absorb(parts).finalize().into_bytes().into()
    }

    /// Tells, in constant time, whether `tag` is the tag over `parts`.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8; TAG_BYTES]) -> bool {
        self.absorb(parts).verify(tag.into()).is_ok()
    }

    /// Returns the public name of this key: equal inputs have equal ids on every instance.
    pub(crate) fn id(&self) -> &[u8; KEY_ID_CHARS] {
        &self.id
    }

    fn absorb(&self, parts: &[&[u8]]) -> HmacSha256 {
        let mut mac = self.keyed.clone();
        for part in parts {
            // Four bytes keep the usual cookie input inside one SHA-256 block.
            mac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl KeyPurpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::SessionCookie => b"axess/v1/key/session-cookie",
            Self::Csrf => b"axess/v1/key/csrf",
            Self::Fingerprint => b"axess/v1/key/fingerprint",
            Self::DeviceCookie => b"axess/v1/key/device-cookie",
            Self::DpopNonce => b"axess/v1/key/dpop-nonce",
        }
    }

    fn id_label(self) -> &'static [u8] {
        match self {
            Self::SessionCookie => b"axess/v1/key-id/session-cookie",
            Self::Csrf => b"axess/v1/key-id/csrf",
            Self::Fingerprint => b"axess/v1/key-id/fingerprint",
            Self::DeviceCookie => b"axess/v1/key-id/device-cookie",
            Self::DpopNonce => b"axess/v1/key-id/dpop-nonce",
        }
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey({})", String::from_utf8_lossy(&self.id))
    }
}

/// The first block of HKDF-Expand (RFC 5869 §2.3).
fn expand(key: &[u8], info: &[u8]) -> Zeroizing<[u8; TAG_BYTES]> {
    let mut mac = keyed(key);
    mac.update(info);
    mac.update(&[1]);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    /// RFC 5869, appendices A.1 and A.3: the first 32 bytes of the expand step.
    #[test]
    fn expand_matches_rfc_5869() {
        let prk = hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
        let okm = hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
        assert_eq!(expand(&prk, &hex("f0f1f2f3f4f5f6f7f8f9")).as_slice(), okm);
        let prk = hex("19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
        let okm = hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
        assert_eq!(expand(&prk, b"").as_slice(), okm);
    }

    #[test]
    fn purposes_and_keys_are_separate() {
        let all = [
            KeyPurpose::SessionCookie,
            KeyPurpose::Csrf,
            KeyPurpose::Fingerprint,
            KeyPurpose::DeviceCookie,
            KeyPurpose::DpopNonce,
        ];
        let keys: Vec<MacKey> = [[1u8; 32], [2u8; 32]]
            .into_iter()
            .flat_map(|key| all.map(|p| MacKey::derive(&key.into(), p).unwrap()))
            .collect();
        for (i, a) in keys.iter().enumerate() {
            for (j, b) in keys.iter().enumerate() {
                assert_eq!(b.verify(&[b"m"], &a.tag(&[b"m"])), i == j);
                assert_eq!(a.id() == b.id(), i == j);
            }
        }
    }

    #[test]
    fn weak_keys_are_refused() {
        let derive = |key: Vec<u8>| MacKey::derive(&key.into(), KeyPurpose::Csrf).map(|_| ());
        assert_eq!(derive(vec![]), Err(SigningKeyError::TooShort { bytes: 0 }));
        assert_eq!(derive(vec![1; 31]), Err(SigningKeyError::TooShort { bytes: 31 }));
        assert_eq!(derive(vec![0; 32]), Err(SigningKeyError::AllZero));
        assert_eq!(derive(vec![1; 32]), Ok(()));
    }

    #[test]
    fn debug_shows_the_id_only() {
        let key = MacKey::derive(&[9u8; 32].into(), KeyPurpose::SessionCookie).unwrap();
        let id = String::from_utf8(key.id().to_vec()).unwrap();
        assert_eq!(format!("{key:?}"), format!("MacKey({id})"));
    }
}
