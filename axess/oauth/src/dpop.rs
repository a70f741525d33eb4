//! Proofs of possession, as a client makes them (RFC 9449).

use crate::http::checked_url;
use axess_factors::federated::FederationError;
use axess_identity::TokenSecret;
use axess_jose::{Algorithm, SigningKey};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use zeroize::Zeroizing;

/// The algorithm of our proofs.
pub(crate) const ALGORITHM: Algorithm = Algorithm::Es256;
/// Of how many servers we remember the nonce.
const MAX_NONCES: usize = 16;
/// The longest nonce, in bytes.
const MAX_NONCE_BYTES: usize = 512;

/// A key that access tokens are bound to.
///
/// ```
/// use axess_oauth::DpopKey;
/// let key = DpopKey::generate()?;
/// assert_eq!(DpopKey::from_secret(&key.to_secret()?)?.thumbprint(), key.thumbprint());
/// assert_eq!(format!("{key:?}"), "DpopKey([redacted])");
/// # Ok::<(), axess_factors::federated::FederationError>(())
/// ```
#[derive(Clone)]
pub struct DpopKey(Arc<SigningKey>);

impl DpopKey {
    /// Makes a new ES256 key.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the cryptographic library fails.
    pub fn generate() -> Result<Self, FederationError> {
        SigningKey::generate(ALGORITHM).map(|key| Self(Arc::new(key))).map_err(unusable)
    }

    /// Reads a key that [`DpopKey::to_secret`] wrote.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when it is no such key.
    pub fn from_secret(secret: &TokenSecret) -> Result<Self, FederationError> {
        let der = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(secret.expose()).map_err(unusable)?);
        SigningKey::from_pkcs8(ALGORITHM, &der).map(|key| Self(Arc::new(key))).map_err(unusable)
    }

    /// Writes the key, so that it can be kept with the tokens that are bound to it: PKCS#8 in base64url.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the key cannot be written.
    pub fn to_secret(&self) -> Result<TokenSecret, FederationError> {
        let der = self.0.to_pkcs8().map_err(unusable)?;
        Ok(TokenSecret::from(BASE64_URL_SAFE_NO_PAD.encode(&*der)))
    }

    /// Returns the thumbprint that tokens name the key by (`jkt`, RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.0.thumbprint()
    }

    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.0
    }

    pub(crate) fn from_signing_key(key: Arc<SigningKey>) -> Self {
        Self(key)
    }
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopKey([redacted])")
    }
}

fn unusable(_: impl fmt::Debug) -> FederationError {
    FederationError::Configuration { what: "the DPoP key cannot be used".to_owned() }
}

/// The nonce each server gave last (RFC 9449 §8), of the last few servers.
#[derive(Default)]
pub(crate) struct Nonces(Mutex<VecDeque<(String, String)>>);

impl Nonces {
    pub(crate) fn get(&self, url: &str) -> Option<String> {
        let origin = origin(url)?;
        let nonces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.iter().find(|(of, _)| *of == origin).map(|(_, nonce)| nonce.clone())
    }

    pub(crate) fn set(&self, url: &str, nonce: &str) {
        let (Some(origin), 1..=MAX_NONCE_BYTES) = (origin(url), nonce.len()) else { return };
        let mut nonces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.retain(|(of, _)| *of != origin);
        if nonces.len() >= MAX_NONCES {
            nonces.pop_front();
        }
        nonces.push_back((origin, nonce.to_owned()));
    }
}

fn origin(url: &str) -> Option<String> {
    checked_url(url).map(|url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_for_its_server() {
        let nonces = Nonces::default();
        nonces.set("https://a.example/token", "one");
        nonces.set("https://a.example:8443/token", "other");
        nonces.set("https://a.example/par", "two");
        assert_eq!(nonces.get("https://a.example/x").as_deref(), Some("two"));
        assert_eq!(nonces.get("https://a.example:8443/").as_deref(), Some("other"));
        assert_eq!(nonces.get("https://b.example/"), None);
    }

    #[test]
    fn nonces_are_bounded() {
        let nonces = Nonces::default();
        for server in 0..=MAX_NONCES {
            nonces.set(&format!("https://a{server}.example/"), "n");
        }
        assert_eq!(nonces.get("https://a0.example/"), None);
        nonces.set("https://long.example/", &"n".repeat(MAX_NONCE_BYTES + 1));
        assert_eq!(nonces.get("https://long.example/"), None);
        assert_eq!(nonces.0.lock().unwrap().len(), MAX_NONCES);
    }
}
