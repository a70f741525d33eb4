//! The other side: `jsonwebtoken::decode` with one key that is ready, which is what it costs without looking for it.

use crate::{Fault, issuer::CLIENT};
use axess_jose::{Algorithm, SigningKey};
use jsonwebtoken::{DecodingKey, Validation, decode, jwk::Jwk};
use serde_json::{Map, Value};

/// A verifier of one key.
pub(crate) struct Alone {
    key: DecodingKey,
    validation: Validation,
}

impl Alone {
    pub(crate) fn new(key: &SigningKey, algorithm: Algorithm, issuer: &str) -> Result<Self, Fault> {
        let jwk: Jwk = serde_json::from_value(key.public_jwk())?;
        let mut validation = Validation::new(algorithm.name().parse::<jsonwebtoken::Algorithm>()?);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[CLIENT]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        Ok(Self { key: DecodingKey::from_jwk(&jwk)?, validation })
    }

    pub(crate) fn verify(&self, token: &str) -> bool {
        let data = decode::<Map<String, Value>>(token, &self.key, &self.validation);
        data.is_ok_and(|data| data.claims.contains_key("sub"))
    }
}
