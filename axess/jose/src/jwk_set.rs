use crate::{Algorithm, JoseError, Limits, VerificationKey, json};
use serde_json::Value;
use std::sync::Arc;

/// The longest JWK set, in bytes.
pub const MAX_JWK_SET_BYTES: usize = 512 * 1024;
/// The most keys of a set, usable or not.
pub const MAX_JWK_SET_KEYS: usize = 100;

/// How deep a JWK set may be nested.
const MAX_DEPTH: usize = 16;

/// The keys that an issuer publishes (RFC 7517 §5).
///
/// Keys that cannot verify a token here (encryption, other curves, too short, private) are left out and counted.
///
/// ```
/// use axess_jose::{Algorithm, JwkSet};
/// let set = JwkSet::parse(br#"{"keys":[
///     {"kty":"OKP","crv":"Ed25519","kid":"2026","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty":"oct","kid":"shared","k":"c2VjcmV0"}
/// ]}"#)?;
/// assert_eq!((set.len(), set.skipped()), (1, 1));
/// assert!(set.find(Some("2026"), Algorithm::EdDsa).is_some());
/// assert!(set.find(Some("2026"), Algorithm::Rs256).is_none(), "the key is for another algorithm");
/// # Ok::<(), axess_jose::JoseError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct JwkSet {
    keys: Vec<Arc<VerificationKey>>,
    skipped: usize,
}

impl JwkSet {
    /// Parses a set of at most [`MAX_JWK_SET_BYTES`] and [`MAX_JWK_SET_KEYS`].
    ///
    /// # Errors
    ///
    /// [`JoseError::TooLarge`] past these; [`JoseError::Malformed`] when it is no set or has a member twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, JoseError> {
        let limits = Limits { max_bytes: MAX_JWK_SET_BYTES, max_depth: MAX_DEPTH };
        let document = json::object(bytes, limits)?;
        let Some(Value::Array(keys)) = document.get("keys") else {
            return Err(JoseError::Malformed("no `keys`"));
        };
        if keys.len() > MAX_JWK_SET_KEYS {
            return Err(JoseError::TooLarge);
        }
        let usable: Vec<_> =
            keys.iter().filter_map(|jwk| VerificationKey::from_jwk(jwk).ok()).map(Arc::new).collect();
        Ok(Self { skipped: keys.len() - usable.len(), keys: usable })
    }

    /// Makes a set of keys that are known.
    #[must_use]
    pub fn from_keys(keys: Vec<VerificationKey>) -> Self {
        Self { keys: keys.into_iter().map(Arc::new).collect(), skipped: 0 }
    }

    /// Finds the key of a name that may be used with an algorithm.
    ///
    /// Without a name, the one that may be used with it (OpenID Connect Core §10.1).
    /// Of several different ones that fit, none: which of them is meant would be the choice of whoever wrote the token.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Arc<VerificationKey>> {
        let fits = |key: &&Arc<VerificationKey>| key.allows(algorithm) && (kid.is_none() || key.kid() == kid);
        let mut fitting = self.keys.iter().filter(fits);
        fitting.next().filter(|first| fitting.all(|other| other.is_same_key(first)))
    }

    /// Tells whether there is a key of this name, whatever it is for.
    #[must_use]
    pub fn names(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Returns how many keys are usable.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Tells whether no key is usable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns how many keys were left out.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}
