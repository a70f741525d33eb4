use axess_identity::Pepper;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// The longest pepper id: together with its version byte it has to fit the 8 bytes of the PHC `keyid`.
const MAX_ID_BYTES: usize = 7;

/// The shortest pepper: as long as the HMAC-SHA-256 output (RFC 2104 §3).
const MIN_PEPPER_BYTES: usize = 32;

/// How many retired peppers a ring holds.
const MAX_PREVIOUS: usize = 16;

/// The peppers a deployment knows: one that new hashes use, and retired ones that old hashes still need.
///
/// A pepper is a secret kept outside the database; without it a stolen hash cannot be attacked at all. Each hash
/// names its pepper by id. To rotate, make the new pepper current and keep the old one as previous: logins rehash.
/// An id is 1 to 7 ASCII letters, digits, `-` or `_`; a pepper has at least 32 bytes.
///
/// ```
/// use axess_factors::PepperRing;
/// use axess_identity::Pepper;
/// let ring = PepperRing::new("2026b", Pepper::from([2; 32]))
///     .and_then(|ring| ring.with_previous("2026a", Pepper::from([1; 32])))
///     .unwrap();
/// assert_eq!(ring.current_id(), Some("2026b"));
/// assert_eq!(PepperRing::none().current_id(), None);
/// ```
#[derive(Clone)]
pub struct PepperRing {
    current: Option<Entry>,
    previous: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    id: String,
    pepper: Pepper,
}

/// Says why a pepper does not fit a ring.
///
/// ```
/// use axess_factors::{PepperRing, PepperRingError};
/// use axess_identity::Pepper;
/// assert_eq!(PepperRing::new("a", Pepper::from([0; 4])).err(), Some(PepperRingError::TooShort));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PepperRingError {
    /// The id is empty, too long or has a forbidden character.
    #[error("a pepper id is 1 to 7 ASCII letters, digits, '-' or '_'")]
    InvalidId,
    /// The pepper has fewer than 32 bytes.
    #[error("a pepper has at least 32 bytes")]
    TooShort,
    /// The ring already has a pepper of that id.
    #[error("the ring already has a pepper with this id")]
    DuplicateId,
    /// The ring is full.
    #[error("a ring holds at most 16 previous peppers")]
    TooMany,
}

impl PepperRing {
    /// Creates a ring without a pepper: hashes are plain Argon2id.
    #[must_use]
    pub fn none() -> Self {
        Self { current: None, previous: Vec::new() }
    }

    /// Creates a ring whose new hashes use `pepper`.
    ///
    /// # Errors
    ///
    /// [`PepperRingError::InvalidId`] or [`PepperRingError::TooShort`].
    pub fn new(id: &str, pepper: Pepper) -> Result<Self, PepperRingError> {
        Ok(Self { current: Some(Entry::new(id, pepper)?), previous: Vec::new() })
    }

    /// Adds a retired pepper, used only to verify the hashes that name it.
    ///
    /// # Errors
    ///
    /// [`PepperRingError`] if the id or the pepper does not fit, the id is taken or the ring is full.
    pub fn with_previous(mut self, id: &str, pepper: Pepper) -> Result<Self, PepperRingError> {
        let entry = Entry::new(id, pepper)?;
        if self.find(id).is_some() {
            return Err(PepperRingError::DuplicateId);
        }
        if self.previous.len() == MAX_PREVIOUS {
            return Err(PepperRingError::TooMany);
        }
        self.previous.push(entry);
        Ok(self)
    }

    /// Returns the id of the pepper new hashes use.
    #[must_use]
    pub fn current_id(&self) -> Option<&str> {
        self.current.as_ref().map(|entry| entry.id.as_str())
    }

    /// Returns the HMAC-SHA-256 of `input` under the pepper named `id`, current or retired; `None` if the ring has none.
    ///
    /// Give each use of the function a ring of its own: equal inputs have equal results.
    #[must_use]
    pub fn keyed(&self, id: &str, input: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let entry = self.find(id)?;
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 §2)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(entry.pepper.expose()).expect("any key length");
        mac.update(input);
        Some(Zeroizing::new(mac.finalize().into_bytes().into()))
    }

    /// Returns what Argon2id hashes in place of `input`: the input itself for no pepper, its HMAC-SHA-256 under the
    /// pepper named `id` otherwise, and `None` if the ring has no such pepper.
    pub(crate) fn season(&self, id: Option<&str>, input: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match id {
            None => Some(Zeroizing::new(input.to_vec())),
            Some(id) => self.keyed(id, input).map(|mac| Zeroizing::new(mac.to_vec())),
        }
    }

    fn find(&self, id: &str) -> Option<&Entry> {
        self.current.iter().chain(&self.previous).find(|entry| entry.id == id)
    }
}

impl Entry {
    fn new(id: &str, pepper: Pepper) -> Result<Self, PepperRingError> {
        if !is_pepper_id(id) {
            return Err(PepperRingError::InvalidId);
        }
        if pepper.expose().len() < MIN_PEPPER_BYTES {
            return Err(PepperRingError::TooShort);
        }
        Ok(Self { id: id.to_owned(), pepper })
    }
}

/// Tells whether `id` can name a pepper.
pub(crate) fn is_pepper_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(allowed)
}

impl fmt::Debug for PepperRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let previous: Vec<&str> = self.previous.iter().map(|entry| entry.id.as_str()).collect();
        f.debug_struct("PepperRing")
            .field("current", &self.current_id())
            .field("previous", &previous)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    fn pepper(byte: u8) -> Pepper {
        Pepper::from([byte; 32])
    }

    #[test]
    fn faulty_rings_are_refused() {
        for id in ["", "12345678", "a b", "ä", "a$", "a,b", "a=b"] {
            assert_eq!(PepperRing::new(id, pepper(1)).err(), Some(PepperRingError::InvalidId), "{id}");
        }
        assert_eq!(PepperRing::new("a", Pepper::from([1; 31])).err(), Some(PepperRingError::TooShort));
        let ring = PepperRing::new("a", pepper(1)).unwrap();
        assert_eq!(ring.clone().with_previous("a", pepper(2)).err(), Some(PepperRingError::DuplicateId));
        let full = (0..16).fold(ring, |ring, n| ring.with_previous(&format!("p{n}"), pepper(3)).unwrap());
        assert_eq!(full.with_previous("more", pepper(4)).err(), Some(PepperRingError::TooMany));
    }

    #[test]
    fn seasoning_is_hmac_sha_256() {
        // RFC 4231, test case 6: a 131-byte key.
        let ring = PepperRing::new("k", Pepper::from([0xaa; 131])).unwrap();
        let seasoned = ring.season(Some("k"), b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(
            HEXLOWER.encode(&seasoned.unwrap()),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        let keyed = ring.keyed("k", b"Test Using Larger Than Block-Size Key - Hash Key First").unwrap();
        assert_eq!(
            HEXLOWER.encode(&*keyed),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        assert!(ring.keyed("other", b"plain").is_none());
        assert_eq!(ring.season(None, b"plain").unwrap().as_slice(), b"plain");
        assert!(ring.season(Some("other"), b"plain").is_none());
    }

    #[test]
    fn debug_shows_ids_only() {
        let ring = PepperRing::none().with_previous("old", pepper(0x41)).unwrap();
        assert_eq!(format!("{ring:?}"), r#"PepperRing { current: None, previous: ["old"] }"#);
    }
}
