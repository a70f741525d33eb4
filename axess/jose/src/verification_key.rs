use crate::{
    Algorithm, JoseError, der,
    public_key::{Curve, PublicNumbers, has_private_member},
};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RsaParameters,
    RsaPublicKeyComponents,
};
use der::{Reader, SEQUENCE};
use serde_json::{Map, Value};
use std::fmt;

/// A public key that verifies signatures, with the algorithms it may be used with.
///
/// They are pinned when the key is made: the one of the JWK's `alg`, or those that fit its type. A token's `alg` must be one
/// of them. `use` and `key_ops` must allow verifying (RFC 7517 §4.2, §4.3). RSA keys have 2,048 to 8,192 bits and an odd
/// exponent of 65,537 to 2³²; curves are P-256, P-384 and Ed25519. A JWK with a private member is refused.
///
/// ```
/// use axess_jose::{Algorithm, VerificationKey};
/// let key = VerificationKey::from_jwk(&serde_json::json!({
///     "kty": "OKP", "crv": "Ed25519", "kid": "2026", "use": "sig",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
/// }))?;
/// assert!(key.allows(Algorithm::EdDsa) && !key.allows(Algorithm::Es256));
/// assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), axess_jose::JoseError>(())
/// ```
#[derive(Clone)]
pub struct VerificationKey {
    kid: Option<String>,
    numbers: PublicNumbers,
    /// One for each algorithm, ready to use: verifying parses no key.
    parsed: Vec<(Algorithm, ParsedPublicKey)>,
}

impl VerificationKey {
    /// Reads a JWK (RFC 7517 §4).
    ///
    /// # Errors
    ///
    /// [`JoseError::KeyRefused`] when it is none that may verify.
    pub fn from_jwk(jwk: &Value) -> Result<Self, JoseError> {
        let jwk = jwk.as_object().ok_or(JoseError::KeyRefused("no object"))?;
        if has_private_member(jwk) {
            return Err(JoseError::KeyRefused("it has a private or symmetric member"));
        }
        check_purpose(jwk)?;
        let kid = match jwk.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(JoseError::KeyRefused("`kid` is no text")),
        };
        let key = Self::new(kid, PublicNumbers::from_jwk(jwk)?)?;
        match jwk.get("alg") {
            None => Ok(key),
            Some(name) => {
                let pinned = name.as_str().and_then(Algorithm::from_name);
                key.pinned_to(&[pinned.ok_or(JoseError::KeyRefused("its `alg`"))?])
            }
        }
    }

    /// Reads a public key or an X.509 certificate in PEM: `PUBLIC KEY` (RFC 5280 `SubjectPublicKeyInfo`) or `CERTIFICATE`.
    ///
    /// Of a certificate the key alone is taken: neither its chain nor its time is checked, for whoever configures it trusts it.
    ///
    /// # Errors
    ///
    /// [`JoseError::KeyRefused`] when it is neither, or no key that is taken.
    pub fn from_pem(kid: Option<&str>, pem: &str) -> Result<Self, JoseError> {
        let (label, bytes) = der::pem(pem)?;
        let spki = match label {
            "PUBLIC KEY" => {
                let mut outer = Reader::new(&bytes);
                outer.read(SEQUENCE).filter(|_| outer.is_empty())
            }
            "CERTIFICATE" => der::certificate_key(&bytes),
            _ => None,
        };
        let spki = spki.ok_or(JoseError::KeyRefused("neither PUBLIC KEY nor CERTIFICATE"))?;
        Self::new(kid.map(str::to_owned), PublicNumbers::from_spki(spki)?)
    }

    pub(crate) fn new(kid: Option<String>, numbers: PublicNumbers) -> Result<Self, JoseError> {
        let parsed =
            numbers.algorithms().iter().map(|algorithm| Ok((*algorithm, parse(*algorithm, &numbers)?)));
        let parsed = parsed.collect::<Result<_, JoseError>>()?;
        Ok(Self { kid, numbers, parsed })
    }

    /// Takes fewer algorithms.
    ///
    /// # Errors
    ///
    /// [`JoseError::AlgorithmRefused`] when none is left.
    pub fn pinned_to(mut self, algorithms: &[Algorithm]) -> Result<Self, JoseError> {
        self.parsed.retain(|(known, _)| algorithms.contains(known));
        if self.parsed.is_empty() { Err(JoseError::AlgorithmRefused) } else { Ok(self) }
    }

    /// Returns its name.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Tells whether it may be used with an algorithm.
    #[must_use]
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.parsed.iter().any(|(known, _)| *known == algorithm)
    }

    /// Returns its thumbprint with SHA-256 (RFC 7638), as `cnf.jkt` holds it (RFC 9449 §6.1).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.numbers.thumbprint()
    }

    pub(crate) fn is_same_key(&self, other: &Self) -> bool {
        self.numbers == other.numbers
    }

    /// Checks a signature over raw bytes.
    ///
    /// # Errors
    ///
    /// [`JoseError::AlgorithmRefused`] when the key is not for `algorithm`; [`JoseError::SignatureInvalid`].
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), JoseError> {
        let parsed = self.parsed.iter().find(|(known, _)| *known == algorithm);
        let (_, key) = parsed.ok_or(JoseError::AlgorithmRefused)?;
        key.verify_sig(message, signature).map_err(|_| JoseError::SignatureInvalid)
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.parsed.iter().map(|(algorithm, _)| algorithm.name()).collect();
        f.debug_struct("VerificationKey")
            .field("kid", &self.kid)
            .field("algorithms", &algorithms)
            .finish_non_exhaustive()
    }
}

/// Checks that a key is for verifying, as far as it says.
fn check_purpose(jwk: &Map<String, Value>) -> Result<(), JoseError> {
    if jwk.get("use").is_some_and(|usage| usage != "sig") {
        return Err(JoseError::KeyRefused("its `use` is another"));
    }
    let Some(operations) = jwk.get("key_ops") else { return Ok(()) };
    let operations = operations.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_twice = |(at, one): (usize, &Value)| operations.iter().take(at).any(|other| other == one);
    let malformed =
        operations.iter().any(|one| !one.is_string()) || operations.iter().enumerate().any(is_twice);
    if malformed || !operations.iter().any(|one| one == "verify") {
        return Err(JoseError::KeyRefused("its `key_ops` are others"));
    }
    Ok(())
}

fn parse(algorithm: Algorithm, numbers: &PublicNumbers) -> Result<ParsedPublicKey, JoseError> {
    let parsed = match numbers {
        PublicNumbers::Rsa { n, e } => {
            let parameters = rsa_parameters(algorithm).ok_or(JoseError::AlgorithmRefused)?;
            RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
        }
        PublicNumbers::Ec { curve, x, y } => {
            let point = [&[4][..], x, y].concat();
            match curve {
                Curve::P256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
                Curve::P384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point),
            }
        }
        PublicNumbers::Ed25519 { x } => ParsedPublicKey::new(&ED25519, x),
    };
    parsed.map_err(|_| JoseError::KeyRefused("it is no key"))
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
    }
}

#[cfg(test)]
mod tests;
