//! What tells a requester that a callback is ours.

use audex_core::session::SessionId;
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;

/// What the keys of callbacks are derived from: nothing of them has to be kept.
#[derive(Clone)]
pub(super) struct CallbackKeys(pub(super) [u8; 32]);

impl CallbackKeys {
    /// Derives the key of one request's callback.
    pub(super) fn key(&self, id: SessionId) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, id.to_string().as_bytes()))
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
}
