use crate::signing::{KeyPurpose, MacKey, SigningKeyError};
use axess_identity::SigningKey;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq;

/// How long a nonce is given out, in seconds; it works as long again.
const LASTS: i64 = 300;

/// Nonces that proofs of possession must have (RFC 9449 §8), so that none can be made long before it is used.
///
/// They are derived from the time and a key, and kept nowhere: instances with one key take each other's. A nonce works for five to
/// ten minutes.
///
/// ```
/// use axess_http::DpopNonces;
/// let nonces = DpopNonces::new([7u8; 32]).unwrap();
/// let now = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap();
/// let nonce = nonces.current(now);
/// assert_eq!(nonces.accepted(&nonce, now + chrono::TimeDelta::minutes(5)), Some(nonce.clone()));
/// assert_eq!(nonces.accepted(&nonce, now + chrono::TimeDelta::minutes(10)), None);
/// ```
#[derive(Debug, Clone)]
pub struct DpopNonces(MacKey);

impl DpopNonces {
    /// Derives nonces from a key of at least 32 random bytes; it may be the key of the session cookie.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`] when the key is too weak.
    pub fn new(key: impl Into<SigningKey>) -> Result<Self, SigningKeyError> {
        Ok(Self(MacKey::derive(&key.into(), KeyPurpose::DpopNonce)?))
    }

    /// Returns the nonce to give out now.
    #[must_use]
    pub fn current(&self, now: DateTime<Utc>) -> String {
        self.of(window(now))
    }

    /// Returns the nonce that is presented if it still works.
    #[must_use]
    pub fn accepted(&self, presented: &str, now: DateTime<Utc>) -> Option<String> {
        let latest = window(now);
        let known = [latest, latest - 1].map(|window| self.of(window));
        known.into_iter().find(|nonce| nonce.as_bytes().ct_eq(presented.as_bytes()).into())
    }

    fn of(&self, window: i64) -> String {
        URL_SAFE_NO_PAD.encode(self.0.tag(&[&window.to_be_bytes()]))
    }
}

fn window(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(LASTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_nonce_works_for_five_to_ten_minutes() {
        let nonces = DpopNonces::new([7u8; 32]).unwrap();
        let now: DateTime<Utc> = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        let nonce = nonces.current(now);
        for (after, works) in [(0, true), (299, true), (300, true), (599, true), (600, false), (-1, false)] {
            assert_eq!(nonces.accepted(&nonce, now + TimeDelta::seconds(after)).is_some(), works, "{after}");
        }
        assert!(DpopNonces::new([8u8; 32]).unwrap().accepted(&nonce, now).is_none());
        assert!(DpopNonces::new([0u8; 31]).is_err());
    }
}
