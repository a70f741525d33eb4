//! What is handed over: the one answer that holds a secret, and how it is kept for the moment until it has arrived.

use audex_core::{Credential, CredentialSecret, session::SessionId};
use audex_policy::Provider;
use axess::{
    envelope::{Envelope, EnvelopeKeyError},
    rng::SecureRng,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A credential on its way to whoever asked for it.
///
/// ```
/// use audex_core::Credential;
/// use audex_policy::Provider;
/// use audex_server::handover::Handover;
/// let expires_at = chrono::DateTime::UNIX_EPOCH;
/// let credential = Credential::new(Provider::Local, "jti-1", expires_at).with_part("AUDEX_TOKEN", "eyJ".into());
/// let id = "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6".parse().unwrap();
/// let handover = Handover::new(id, &credential);
/// assert_eq!(handover.parts().next().unwrap().0, "AUDEX_TOKEN");
/// assert!(!format!("{handover:?}").contains("eyJ"));
/// ```
#[derive(Debug, Clone)]
pub struct Handover {
    /// The session.
    pub session_id: SessionId,
    /// Who minted it.
    pub provider: Provider,
    /// When the provider stops accepting it.
    pub expires_at: DateTime<Utc>,
    /// Whether it was given before, in an answer that may have been lost.
    pub is_replayed: bool,
    parts: Vec<(String, CredentialSecret)>,
}

/// Seals what is handed over, for the short time that it is kept.
///
/// ```
/// use audex_server::handover::HandoverSeal;
/// use axess::rng::SystemRng;
/// let seal = HandoverSeal::new([7; 32], std::sync::Arc::new(SystemRng)).unwrap();
/// assert!(seal.open("a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6".parse().unwrap(), b"noise").is_none());
/// ```
#[derive(Clone)]
pub struct HandoverSeal {
    envelope: Arc<Envelope>,
    rng: Arc<dyn SecureRng>,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    provider: Provider,
    expires_at: DateTime<Utc>,
    parts: Vec<(String, String)>,
}

impl Drop for Sealed {
    fn drop(&mut self) {
        for (_, secret) in &mut self.parts {
            drop(Zeroizing::new(std::mem::take(secret)));
        }
    }
}

impl Handover {
    /// How long an answer is kept to be given again, unless its credential expires before.
    pub const KEPT: TimeDelta = TimeDelta::minutes(10);

    /// Takes what is handed over.
    pub fn new(session_id: SessionId, credential: &Credential) -> Self {
        let parts = credential.parts().map(|(name, secret)| (name.to_owned(), secret.clone())).collect();
        Self {
            session_id,
            provider: credential.provider(),
            expires_at: credential.expires_at(),
            is_replayed: false,
            parts,
        }
    }

    /// Returns the parts with the names of their environment variables.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &CredentialSecret)> {
        self.parts.iter().map(|(name, secret)| (name.as_str(), secret))
    }
}

impl HandoverSeal {
    /// Makes a seal of a key that is used for nothing else.
    ///
    /// # Errors
    ///
    /// [`EnvelopeKeyError`].
    pub fn new(key: [u8; 32], rng: Arc<dyn SecureRng>) -> Result<Self, EnvelopeKeyError> {
        Ok(Self { envelope: Arc::new(Envelope::new(key)?), rng })
    }

    /// Seals a credential for its session; nothing where it is too large to be sealed.
    pub fn seal(&self, session_id: SessionId, credential: &Credential) -> Option<Vec<u8>> {
        let parts = credential.parts();
        let sealed = Sealed {
            provider: credential.provider(),
            expires_at: credential.expires_at(),
            parts: parts.map(|(name, secret)| (name.to_owned(), secret.expose().to_owned())).collect(),
        };
        let plain = Zeroizing::new(serde_json::to_vec(&sealed).ok()?);
        self.envelope.seal(session_id.to_string().as_bytes(), &plain, &*self.rng)
    }

    /// Opens what was sealed for a session; nothing unless it was, with this key, and is as it was.
    pub fn open(&self, session_id: SessionId, sealed: &[u8]) -> Option<Handover> {
        let opened = self.envelope.open(session_id.to_string().as_bytes(), sealed)?;
        let mut sealed: Sealed = serde_json::from_slice(&opened.plain).ok()?;
        let parts = std::mem::take(&mut sealed.parts);
        let parts = parts.into_iter().map(|(name, secret)| (name, CredentialSecret::from(secret))).collect();
        Some(Handover {
            session_id,
            provider: sealed.provider,
            expires_at: sealed.expires_at,
            is_replayed: true,
            parts,
        })
    }
}

impl std::fmt::Debug for HandoverSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandoverSeal").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess::rng::SystemRng;

    #[test]
    fn what_is_sealed_for_a_session_opens_for_it_alone() {
        let seal = HandoverSeal::new([7; 32], Arc::new(SystemRng)).unwrap();
        let id: SessionId = "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6".parse().unwrap();
        let other: SessionId = "b1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6".parse().unwrap();
        let credential = Credential::new(Provider::Local, "jti", DateTime::UNIX_EPOCH)
            .with_part("AUDEX_TOKEN", "eyJ".into());
        let sealed = seal.seal(id, &credential).unwrap();
        assert!(!sealed.windows(3).any(|window| window == b"eyJ"));
        let opened = seal.open(id, &sealed).unwrap();
        assert!(opened.is_replayed);
        let parts: Vec<_> = opened.parts().map(|(name, secret)| (name, secret.expose())).collect();
        assert_eq!(parts, [("AUDEX_TOKEN", "eyJ")]);
        assert!(seal.open(other, &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(seal.open(id, &changed).is_none(), "{at}");
        }
    }
}
