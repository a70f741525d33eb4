use crate::signing::{KEY_ID_CHARS, KeyPurpose, MacKey, SigningKeyError, TAG_BYTES};
use axess_identity::{SessionId, SigningKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// The most keys that still verify beside the one that signs.
pub const MAX_PREVIOUS_KEYS: usize = 8;

/// Characters of a session id, and of a tag, in unpadded base64.
const ID_CHARS: usize = 22;
const TAG_CHARS: usize = 43;

/// The exact length of every cookie value: `<id>.<key id>.<tag>`.
const VALUE_CHARS: usize = ID_CHARS + 1 + KEY_ID_CHARS + 1 + TAG_CHARS;

/// The keys of the session cookie: one signs, it and the previous ones verify.
///
/// A value is `<session id>.<key id>.<HMAC-SHA256>`, each part in unpadded base64url. The tag covers the cookie's
/// name, the key id and the session id, so a value moved to another cookie or another key does not verify. The key
/// id is derived from the key: instances that share a key agree on it without configuration.
///
/// Clones share one ring, so a key can be rotated while requests are served. To rotate: add the new key as previous
/// key on every instance, [`rotate`](Self::rotate) to it, and [`retire_previous`](Self::retire_previous) once the
/// longest session has ended.
///
/// ```
/// use axess_http::CookieKeyRing;
/// use axess_identity::SessionId;
///
/// let ring = CookieKeyRing::new([1u8; 32]).unwrap();
/// let id = SessionId::from_bytes([9; 16]);
/// let old = ring.sign("session", &id);
///
/// ring.rotate([2u8; 32]).unwrap();
/// assert_eq!(ring.verify("session", &old), Some(id));
/// ring.retire_previous();
/// assert_eq!(ring.verify("session", &old), None);
/// ```
#[derive(Clone)]
pub struct CookieKeyRing {
    keys: Arc<RwLock<Keys>>,
}

struct Keys {
    current: MacKey,
    /// Newest first.
    previous: Vec<MacKey>,
}

impl CookieKeyRing {
    /// Creates a ring that signs and verifies with `key`: at least 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`] when the key is shorter, or all zeros.
    pub fn new(key: impl Into<SigningKey>) -> Result<Self, SigningKeyError> {
        let keys = Keys { current: derive(key)?, previous: Vec::new() };
        Ok(Self { keys: Arc::new(RwLock::new(keys)) })
    }

    /// Adds a key that verifies but does not sign.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`] when the key is too weak or the ring holds [`MAX_PREVIOUS_KEYS`] already.
    pub fn with_previous_key(self, key: impl Into<SigningKey>) -> Result<Self, SigningKeyError> {
        let key = derive(key)?;
        self.change(|keys| {
            if keys.find(key.id()).is_some() {
                return Ok(());
            }
            if keys.previous.len() >= MAX_PREVIOUS_KEYS {
                return Err(SigningKeyError::TooManyKeys { max: MAX_PREVIOUS_KEYS });
            }
            keys.previous.push(key);
            Ok(())
        })?;
        Ok(self)
    }

    /// Signs with `key` from now on, in every clone; the key that signed so far still verifies.
    ///
    /// Beyond [`MAX_PREVIOUS_KEYS`] the oldest key is dropped. Rotating to the current key changes nothing.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`] when the key is too weak; the ring is then unchanged.
    pub fn rotate(&self, key: impl Into<SigningKey>) -> Result<(), SigningKeyError> {
        let key = derive(key)?;
        self.change(|keys| {
            if keys.current.id() == key.id() {
                return;
            }
            keys.previous.retain(|previous| previous.id() != key.id());
            let replaced = std::mem::replace(&mut keys.current, key);
            keys.previous.insert(0, replaced);
            keys.previous.truncate(MAX_PREVIOUS_KEYS);
        });
        Ok(())
    }

    /// Drops every key but the one that signs: cookies they signed stop verifying at once.
    pub fn retire_previous(&self) {
        self.change(|keys| keys.previous.clear());
    }

    /// Returns the signed value of the cookie `name` for `id`.
    #[must_use]
    pub fn sign(&self, name: &str, id: &SessionId) -> String {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let tag = tag_parts(name, &keys.current, id, |parts| keys.current.tag(parts));
        let mut value = String::with_capacity(VALUE_CHARS);
        URL_SAFE_NO_PAD.encode_string(id.as_bytes(), &mut value);
        value.push('.');
        value.extend(keys.current.id().iter().map(|c| char::from(*c)));
        value.push('.');
        URL_SAFE_NO_PAD.encode_string(tag, &mut value);
        value
    }

    /// Returns the id that `value`, found in the cookie `name`, was signed for.
    ///
    /// The length is checked before anything is decoded, only canonical base64 is accepted, and tags are compared in
    /// constant time.
    #[must_use]
    pub fn verify(&self, name: &str, value: &str) -> Option<SessionId> {
        self.open(name, value).map(|(id, _)| id)
    }

    /// As [`verify`](Self::verify); also tells whether the current key signed.
    pub(super) fn open(&self, name: &str, value: &str) -> Option<(SessionId, bool)> {
        if value.len() != VALUE_CHARS {
            return None;
        }
        let (id, rest) = value.as_bytes().split_first_chunk::<ID_CHARS>()?;
        let (key_id, tag) = rest.strip_prefix(b".")?.split_first_chunk::<KEY_ID_CHARS>()?;
        let tag = decode_tag(tag.strip_prefix(b".")?)?;
        let id: SessionId = std::str::from_utf8(id).ok()?.parse().ok()?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let (key, is_current) = keys.find(key_id)?;
        tag_parts(name, key, &id, |parts| key.verify(parts, &tag)).then_some((id, is_current))
    }

    fn change<R>(&self, change: impl FnOnce(&mut Keys) -> R) -> R {
        change(&mut self.keys.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Keys {
    /// Finds a key by its public id and tells whether it is the one that signs.
    fn find(&self, id: &[u8; KEY_ID_CHARS]) -> Option<(&MacKey, bool)> {
        if self.current.id() == id {
            return Some((&self.current, true));
        }
        self.previous.iter().find(|key| key.id() == id).map(|key| (key, false))
    }
}

impl fmt::Debug for CookieKeyRing {
    /// Prints key ids only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("CookieKeyRing")
            .field("current", &keys.current)
            .field("previous", &keys.previous)
            .finish()
    }
}

fn derive(key: impl Into<SigningKey>) -> Result<MacKey, SigningKeyError> {
    MacKey::derive(&key.into(), KeyPurpose::SessionCookie)
}

/// The one place that says what the tag covers.
fn tag_parts<R>(name: &str, key: &MacKey, id: &SessionId, with: impl FnOnce(&[&[u8]]) -> R) -> R {
    with(&[name.as_bytes(), key.id(), id.as_bytes()])
}

fn decode_tag(text: &[u8]) -> Option<[u8; TAG_BYTES]> {
    // The engine wants room for its estimate, which is more than the 32 bytes that 43 characters hold.
    let mut bytes = [0; TAG_BYTES + 4];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(TAG_BYTES) => bytes.first_chunk().copied(),
        _ => None,
    }
}
