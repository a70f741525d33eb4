use crate::{Algorithm, JoseError, Limits, VerificationKey, base64url, json};
use serde_json::{Map, Value};
use std::fmt;

/// Header members that change how the rest is read, none of which is taken: extensions that must be understood (RFC 7515
/// §4.1.11), an unencoded payload (RFC 7797), compression (RFC 7516 §4.1.3).
const REFUSED_MEMBERS: [&str; 3] = ["crit", "b64", "zip"];

/// A signed token in compact form (RFC 7515 §7.1), taken apart and not yet believed.
///
/// Exactly three parts of strict base64url; the header is one object without duplicate members, of which `alg` is one that
/// is known, and `kid` and `typ` are texts. `jwk`, `jku`, `x5u` and `x5c` may be there and are never used as keys.
///
/// ```
/// use axess_jose::{Algorithm, Jws, Limits, SigningKey};
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let token = key.sign("JWT", &serde_json::json!({"sub": "alice"}))?;
/// let jws = Jws::parse(&token, Limits::default())?;
/// assert_eq!((jws.kid(), jws.typ()), (Some(key.kid()), Some("JWT")));
/// assert_eq!(jws.verify(&key.verification_key()?)?, br#"{"sub":"alice"}"#);
/// # Ok::<(), axess_jose::JoseError>(())
/// ```
pub struct Jws<'a> {
    header: Map<String, Value>,
    algorithm: Algorithm,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
    limits: Limits,
}

impl<'a> Jws<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    ///
    /// [`JoseError::TooLarge`]; [`JoseError::Malformed`]; [`JoseError::AlgorithmRefused`] for an `alg` that is not known, such
    /// as `none` and those with a shared secret.
    pub fn parse(token: &'a str, limits: Limits) -> Result<Self, JoseError> {
        if token.len() > limits.max_bytes {
            return Err(JoseError::TooLarge);
        }
        let parts = token.rsplit_once('.').and_then(|(signed, signature)| {
            let (header, payload) = signed.split_once('.')?;
            (!payload.contains('.')).then_some((signed, header, payload, signature))
        });
        let (signed, header, payload, signature) = parts.ok_or(JoseError::Malformed("not of three parts"))?;
        let header = base64url::decode(header).ok_or(JoseError::Malformed("the header's base64url"))?;
        let signature =
            base64url::decode(signature).ok_or(JoseError::Malformed("the signature's base64url"))?;
        let header = json::object(&header, limits)?;
        if REFUSED_MEMBERS.iter().any(|name| header.contains_key(*name)) {
            return Err(JoseError::Malformed("the header has `crit`, `b64` or `zip`"));
        }
        if ["kid", "typ"].iter().any(|name| header.get(*name).is_some_and(|value| !value.is_string())) {
            return Err(JoseError::Malformed("`kid` or `typ` is no text"));
        }
        let algorithm = match header.get("alg") {
            Some(Value::String(name)) => Algorithm::from_name(name).ok_or(JoseError::AlgorithmRefused)?,
            _ => return Err(JoseError::Malformed("the header has no `alg`")),
        };
        Ok(Self { header, algorithm, signed, payload, signature, limits })
    }

    /// Returns the name of the key it says it was signed with: something to look up, nothing else.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid")?.as_str()
    }

    /// Returns the type it says it is of.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.header.get("typ")?.as_str()
    }

    /// Returns the algorithm it says it was signed with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the whole header.
    #[must_use]
    pub fn header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// Checks the signature and returns the payload.
    ///
    /// # Errors
    ///
    /// [`JoseError::KeyUnknown`] when token and key both have a name and these differ; [`JoseError::AlgorithmRefused`] when the
    /// key is not for the algorithm of the header; [`JoseError::SignatureInvalid`].
    pub fn verify(&self, key: &VerificationKey) -> Result<Vec<u8>, JoseError> {
        if let (Some(named), Some(known)) = (self.kid(), key.kid())
            && named != known
        {
            return Err(JoseError::KeyUnknown);
        }
        key.verify(self.algorithm, self.signed.as_bytes(), &self.signature)?;
        self.decoded_payload()
    }

    /// Checks the signature with a function of (message, signature) and returns the payload: for keys of other kinds.
    ///
    /// Whoever calls it has compared [`algorithm`](Self::algorithm) with the one of the key.
    ///
    /// # Errors
    ///
    /// [`JoseError::SignatureInvalid`] when the function returns `false`.
    pub fn verify_by(&self, fits: impl FnOnce(&[u8], &[u8]) -> bool) -> Result<Vec<u8>, JoseError> {
        if !fits(self.signed.as_bytes(), &self.signature) {
            return Err(JoseError::SignatureInvalid);
        }
        self.decoded_payload()
    }

    /// Returns the claims without believing them, to find out whose keys to ask: never to decide anything else.
    ///
    /// # Errors
    ///
    /// [`JoseError::Malformed`] when the payload is no object without duplicate members.
    pub fn unverified_claims(&self) -> Result<Map<String, Value>, JoseError> {
        json::object(&self.decoded_payload()?, self.limits)
    }

    fn decoded_payload(&self) -> Result<Vec<u8>, JoseError> {
        base64url::decode(self.payload).ok_or(JoseError::Malformed("the payload's base64url"))
    }
}

impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws").field("alg", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
