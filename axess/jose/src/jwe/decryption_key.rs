use super::{KeyManagement, key_agreement::Derivation};
use crate::{
    JoseError, der,
    public_key::{Curve, PublicNumbers},
    signing_key::{private_number, rsa_pair},
};
use aws_lc_rs::{
    agreement::{self, ECDH_P256, ECDH_P384, PrivateKey, UnparsedPublicKey, agree},
    encoding::AsDer,
    rsa::{
        KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
        PrivateDecryptingKey, PublicKeyComponents,
    },
    signature::{KeyPair, RsaKeyPair},
};
use serde_json::Value;
use std::fmt;
use zeroize::Zeroizing;

/// A private key that decrypts: RSA of 2,048 to 8,192 bits, P-256 or P-384.
///
/// ```
/// use axess_jose::jwe::{DecryptionKey, KeyManagement};
/// let key = DecryptionKey::generate(KeyManagement::EcdhEsA256Kw)?;
/// let published = key.public_jwk();
/// assert_eq!((&published["kty"], &published["use"]), (&"EC".into(), &"enc".into()));
/// # Ok::<(), axess_jose::JoseError>(())
/// ```
pub struct DecryptionKey {
    secret: Secret,
    kid: Option<String>,
    pinned: Option<KeyManagement>,
    public: PublicNumbers,
}

enum Secret {
    Rsa(OaepPrivateDecryptingKey),
    Ec(PrivateKey),
}

impl DecryptionKey {
    /// Generates a key for one algorithm: 2,048 bits of RSA, or P-256.
    ///
    /// Its name is its thumbprint.
    ///
    /// # Errors
    ///
    /// [`JoseError::Crypto`] when the library fails.
    pub fn generate(algorithm: KeyManagement) -> Result<Self, JoseError> {
        let failed = |_| JoseError::Crypto;
        let key = match algorithm {
            KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => {
                Self::of_rsa(&RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?)?
            }
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA128Kw | KeyManagement::EcdhEsA256Kw => {
                Self::of_ec(PrivateKey::generate(&ECDH_P256).map_err(failed)?, Curve::P256)?
            }
        };
        let kid = key.public.thumbprint();
        Ok(Self { pinned: Some(algorithm), ..key.with_kid(&kid) })
    }

    /// Reads a private key in PEM: one block `PRIVATE KEY` (PKCS #8, RFC 5958), not encrypted.
    ///
    /// It has no name.
    ///
    /// # Errors
    ///
    /// [`JoseError::KeyRefused`] when it is none that is taken.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, JoseError> {
        let (label, bytes) = der::pem(pem)?;
        let bytes = Zeroizing::new(bytes);
        if label != "PRIVATE KEY" {
            return Err(JoseError::KeyRefused("the PEM block is not `PRIVATE KEY` (PKCS #8)"));
        }
        if let Ok(pair) = RsaKeyPair::from_pkcs8(&bytes) {
            return Self::of_rsa(&pair);
        }
        for curve in [Curve::P256, Curve::P384] {
            if let Ok(key) = PrivateKey::from_private_key_der(ecdh(curve), &bytes) {
                return Self::of_ec(key, curve);
            }
        }
        Err(JoseError::KeyRefused("no PKCS #8 key of RSA, P-256 or P-384"))
    }

    /// Reads a private JWK; `use` must not be another than `enc`, and an `alg` pins it.
    ///
    /// # Errors
    ///
    /// [`JoseError::KeyRefused`] when it is none that is taken, or its parts do not belong together.
    pub fn from_jwk(jwk: &Value) -> Result<Self, JoseError> {
        let jwk = jwk.as_object().ok_or(JoseError::KeyRefused("no object"))?;
        let (kid, pinned) = super::encryption_key::purpose(jwk)?;
        let key = match PublicNumbers::from_jwk(jwk)? {
            PublicNumbers::Rsa { .. } => Self::of_rsa(&rsa_pair(jwk)?)?,
            public @ PublicNumbers::Ec { curve, .. } => {
                let d = private_number(jwk, "d")?;
                let secret = PrivateKey::from_private_key(ecdh(curve), &d);
                let key = Self::of_ec(secret.map_err(|_| JoseError::KeyRefused("its `d`"))?, curve)?;
                if key.public != public {
                    return Err(JoseError::KeyRefused("its parts do not belong together"));
                }
                key
            }
            PublicNumbers::Ed25519 { .. } => return Err(JoseError::KeyRefused("it is for signatures")),
        };
        Ok(Self { kid, pinned, ..key })
    }

    fn of_rsa(pair: &RsaKeyPair) -> Result<Self, JoseError> {
        let failed = |_| JoseError::Crypto;
        let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let public = PublicNumbers::from_jwk(&PublicNumbers::Rsa { n, e }.to_jwk())?;
        let der = pair.as_der().map_err(failed)?;
        let secret = PrivateDecryptingKey::from_pkcs8(der.as_ref()).map_err(|_| JoseError::Crypto)?;
        let secret = Secret::Rsa(OaepPrivateDecryptingKey::new(secret).map_err(failed)?);
        Ok(Self { secret, kid: None, pinned: None, public })
    }

    fn of_ec(secret: PrivateKey, curve: Curve) -> Result<Self, JoseError> {
        let point = secret.compute_public_key().map_err(|_| JoseError::Crypto)?;
        let public = PublicNumbers::from_point(curve, point.as_ref()).ok_or(JoseError::Crypto)?;
        Ok(Self { secret: Secret::Ec(secret), kid: None, pinned: None, public })
    }

    /// Gives it a name.
    #[must_use]
    pub fn with_kid(self, kid: &str) -> Self {
        Self { kid: Some(kid.to_owned()), ..self }
    }

    /// Returns its name.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Tells whether it may be used with an algorithm.
    #[must_use]
    pub fn allows(&self, algorithm: KeyManagement) -> bool {
        self.pinned.is_none_or(|pinned| pinned == algorithm) && fits(&self.public, algorithm)
    }

    /// Returns the public half, to publish: with `use`, and `kid` and `alg` if it has them.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let mut jwk = self.public.to_jwk();
        jwk.insert("use".into(), "enc".into());
        if let Some(kid) = &self.kid {
            jwk.insert("kid".into(), kid.clone().into());
        }
        if let Some(pinned) = self.pinned {
            jwk.insert("alg".into(), pinned.name().into());
        }
        Value::Object(jwk)
    }

    pub(super) fn open_oaep(
        &self,
        algorithm: KeyManagement,
        encrypted: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        let Secret::Rsa(key) = &self.secret else { return Err(JoseError::KeyUnknown) };
        let mut output = Zeroizing::new(vec![0; key.min_output_size()]);
        let opened = key.decrypt(oaep(algorithm), encrypted, &mut output, None);
        let bytes = opened.map_err(|_| JoseError::DecryptionFailed)?.len();
        output.truncate(bytes);
        Ok(output)
    }

    pub(super) fn agree(
        &self,
        epk: &PublicNumbers,
        derivation: &Derivation,
    ) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        let Secret::Ec(key) = &self.secret else { return Err(JoseError::KeyUnknown) };
        let PublicNumbers::Ec { curve, .. } = epk else { return Err(JoseError::DecryptionFailed) };
        let peer = UnparsedPublicKey::new(ecdh(*curve), epk.point().unwrap_or_default());
        agree(key, peer, JoseError::DecryptionFailed, |secret| Ok(derivation.derive(secret)))
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey")
            .field("kid", &self.kid)
            .field("alg", &self.pinned)
            .finish_non_exhaustive()
    }
}

/// Tells whether a key of this type can be used with an algorithm at all.
pub(super) fn fits(public: &PublicNumbers, algorithm: KeyManagement) -> bool {
    let is_rsa = matches!(algorithm, KeyManagement::RsaOaep | KeyManagement::RsaOaep256);
    match public {
        PublicNumbers::Rsa { .. } => is_rsa,
        PublicNumbers::Ec { .. } => !is_rsa,
        PublicNumbers::Ed25519 { .. } => false,
    }
}

pub(super) fn ecdh(curve: Curve) -> &'static agreement::Algorithm {
    match curve {
        Curve::P256 => &ECDH_P256,
        Curve::P384 => &ECDH_P384,
    }
}

pub(super) fn oaep(algorithm: KeyManagement) -> &'static OaepAlgorithm {
    match algorithm {
        KeyManagement::RsaOaep => &OAEP_SHA1_MGF1SHA1,
        _ => &OAEP_SHA256_MGF1SHA256,
    }
}

#[cfg(test)]
mod tests;
