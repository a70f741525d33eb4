use axess_identity::SigningKey;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// What the version of the scheme is called in the header.
const VERSION: &str = "v1,";

/// What a webhook's signature covers: a receiver verifies it before it reads the body.
///
/// The text is `v1,` and the base64 of HMAC-SHA-256 over the id, a full stop, the time in decimal, a full stop and the
/// body (*Standard Webhooks* 1.0, "Signature scheme").
///
/// ```
/// use axess_audit::sink::{WebhookSignature, WebhookSignatureError};
/// use axess_identity::SigningKey;
/// use std::time::Duration;
///
/// // As they came: the header webhook-id, the header webhook-timestamp, the bytes of the body.
/// let signed = WebhookSignature { id: "batch-1", timestamp: 1_767_225_600, body: br#"{"events":[]}"# };
/// let (old, new) = (SigningKey::from([1; 32]), SigningKey::from([2; 32]));
/// // While keys are changed, the header webhook-signature holds one of each.
/// let header = format!("{} {}", signed.sign(&old), signed.sign(&new));
///
/// let now = chrono::DateTime::from_timestamp(1_767_225_660, 0).unwrap();
/// let tolerance = Duration::from_secs(300);
/// assert_eq!(signed.verify(&header, &new, now, tolerance), Ok(()));
/// let other = SigningKey::from([3; 32]);
/// assert_eq!(signed.verify(&header, &other, now, tolerance), Err(WebhookSignatureError::Wrong));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookSignature<'a> {
    /// The header `webhook-id`.
    pub id: &'a str,
    /// The header `webhook-timestamp`, in seconds since 1970.
    pub timestamp: i64,
    /// The bytes of the body.
    pub body: &'a [u8],
}

/// Why a webhook is not to be believed.
///
/// ```
/// use axess_audit::sink::WebhookSignatureError;
/// assert_eq!(WebhookSignatureError::Time.to_string(), "the webhook was signed at another time");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSignatureError {
    /// It was signed too long ago, or later than now.
    #[error("the webhook was signed at another time")]
    Time,
    /// None of the signatures is this key's.
    #[error("the webhook's signature does not match")]
    Wrong,
}

impl WebhookSignature<'_> {
    /// Signs with a key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        format!("{VERSION}{}", STANDARD.encode(self.mac(key)))
    }

    /// Verifies the header `webhook-signature`: one of its signatures is this key's, and the time is about now.
    ///
    /// # Errors
    ///
    /// [`WebhookSignatureError`].
    pub fn verify(
        &self,
        header: &str,
        key: &SigningKey,
        now: DateTime<Utc>,
        tolerance: Duration,
    ) -> Result<(), WebhookSignatureError> {
        if now.timestamp().abs_diff(self.timestamp) > tolerance.as_secs() {
            return Err(WebhookSignatureError::Time);
        }
        let expected = self.sign(key);
        let mut signatures = header.split(' ');
        let matches = signatures.any(|found| bool::from(found.as_bytes().ct_eq(expected.as_bytes())));
        matches.then_some(()).ok_or(WebhookSignatureError::Wrong)
    }

    fn mac(&self, key: &SigningKey) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("a key of 32 bytes");
        mac.update(self.id.as_bytes());
        mac.update(b".");
        mac.update(self.timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(self.body);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600;
    const TOLERANCE: Duration = Duration::from_secs(300);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn nothing_that_is_signed_can_change() {
        let key = SigningKey::from([1; 32]);
        let signed = WebhookSignature { id: "a", timestamp: NOW, body: b"body" };
        let header = signed.sign(&key);
        assert_eq!(signed.verify(&header, &key, at(NOW), TOLERANCE), Ok(()));
        for other in [
            WebhookSignature { id: "b", ..signed },
            WebhookSignature { timestamp: NOW + 1, ..signed },
            WebhookSignature { body: b"bodz", ..signed },
            WebhookSignature { body: b"", ..signed },
        ] {
            let verified = other.verify(&header, &key, at(NOW), TOLERANCE);
            assert_eq!(verified, Err(WebhookSignatureError::Wrong), "{other:?}");
        }
        for header in ["", "v1,", "v1,AAAA", header.trim_start_matches("v1,"), &header.replace("v1", "v2")] {
            let verified = signed.verify(header, &key, at(NOW), TOLERANCE);
            assert_eq!(verified, Err(WebhookSignatureError::Wrong), "{header}");
        }
    }

    #[test]
    fn an_old_webhook_is_not_taken_again() {
        let key = SigningKey::from([1; 32]);
        let signed = WebhookSignature { id: "a", timestamp: NOW, body: b"body" };
        let header = signed.sign(&key);
        for (now, expected) in [
            (NOW - 301, Err(WebhookSignatureError::Time)),
            (NOW - 300, Ok(())),
            (NOW + 300, Ok(())),
            (NOW + 301, Err(WebhookSignatureError::Time)),
        ] {
            assert_eq!(signed.verify(&header, &key, at(now), TOLERANCE), expected, "{now}");
        }
    }
}
