//! What tells a requester that a callback is ours, and how destinations are called where they must not be read.

use audex_core::session::SessionId;
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;

/// How many bytes tell the address of a destination from others.
const DIGEST: usize = 16;

/// What the keys of callbacks and the names of destinations are derived from: nothing of them has to be kept.
#[derive(Clone)]
pub(super) struct CallbackKeys(pub(super) [u8; 32]);

impl CallbackKeys {
    /// Derives the key of one request's callback.
    pub(super) fn key(&self, id: SessionId) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, id.to_string().as_bytes()))
    }

    /// Names a destination: its kind, and what tells its address from others without telling the address.
    pub(super) fn destination(&self, kind: &str, address: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        // The space keeps it apart from every id of a request.
        let digest = hmac::sign(&key, format!("{kind} {address}").as_bytes());
        let digest = digest.as_ref().first_chunk::<DIGEST>().copied().unwrap_or_default();
        format!("{kind}-{}", URL_SAFE_NO_PAD.encode(digest))
    }
}

impl fmt::Debug for CallbackKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackKeys([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_one_request_and_one_server() {
        let id = |n: u128| uuid::Uuid::from_u128(n).to_string().parse::<SessionId>().unwrap();
        let ours = CallbackKeys([1; 32]);
        assert_eq!(ours.key(id(1)), ours.clone().key(id(1)));
        assert_eq!(ours.key(id(1)).len(), 43);
        assert_ne!(ours.key(id(1)), ours.key(id(2)));
        assert_ne!(ours.key(id(1)), CallbackKeys([2; 32]).key(id(1)));
        assert!(!format!("{ours:?}").contains('1'));
    }

    #[test]
    fn a_destination_is_told_from_others_and_not_read() {
        let ours = CallbackKeys([1; 32]);
        let name = ours.destination("slack", "https://hooks.slack.example/secret");
        assert!(name.starts_with("slack-") && name.len() == 28, "{name}");
        assert_ne!(name, ours.destination("slack", "https://hooks.slack.example/secret2"));
        assert_ne!(name[6..], ours.destination("webhook", "https://hooks.slack.example/secret")[8..]);
        assert_ne!(name, CallbackKeys([2; 32]).destination("slack", "https://hooks.slack.example/secret"));
    }
}
