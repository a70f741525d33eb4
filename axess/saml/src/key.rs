//! Our own keys: what signs our messages and what opens those to us.

use crate::{
    algorithms::SignatureAlgorithm,
    certificate::{Certificate, KeyKind, PublicKey, encode_base64, pem_blocks},
    logout::RequestIds,
    xml::{Element, ns},
};
use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
        RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use axess_factors::federated::FederationError;
use std::fmt;
use zeroize::Zeroizing;

/// A private key with its certificate, both in PEM.
///
/// The key is PKCS#8 without a password: RSA of at least 2048 bits, or P-256 or P-384 for signing. Redacted in logs and
/// wiped when dropped.
///
/// ```
/// use axess_saml::SamlKey;
/// let key = SamlKey::new("a private key in PEM", "its certificate in PEM");
/// assert!(!format!("{key:?}").contains("private"));
/// ```
#[derive(Clone)]
pub struct SamlKey {
    private_key: Zeroizing<String>,
    certificate: String,
}

impl SamlKey {
    /// Takes a private key and its certificate; they are read when the provider is made.
    #[must_use]
    pub fn new(private_key_pem: impl Into<String>, certificate_pem: impl Into<String>) -> Self {
        Self { private_key: Zeroizing::new(private_key_pem.into()), certificate: certificate_pem.into() }
    }

    fn parts(&self) -> Result<(Zeroizing<Vec<u8>>, Certificate), &'static str> {
        let keys = pem_blocks(&self.private_key, "PRIVATE KEY").unwrap_or_default();
        let [key] = <[_; 1]>::try_from(keys).map_err(|_| "the private key is not one PKCS#8 key in PEM")?;
        // A chain may follow; the first is the key's own.
        let certificates = Certificate::all_from_pem(&self.certificate).unwrap_or_default();
        let certificate = certificates.into_iter().next().ok_or("the certificate is not understood")?;
        Ok((key, certificate))
    }
}

impl fmt::Debug for SamlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SamlKey([redacted])")
    }
}

/// What signs our messages.
pub(crate) struct SigningKey {
    pair: Pair,
    certificate: Vec<u8>,
    /// What the ids of logout requests are made with.
    pub(crate) requests: RequestIds,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair, SignatureAlgorithm),
}

impl SigningKey {
    pub(crate) fn read(key: &SamlKey) -> Result<Self, &'static str> {
        let (private, certificate) = key.parts()?;
        let unusable = |_| "the private key cannot sign with its certificate's kind of key";
        let pair = match certificate.key.kind() {
            KeyKind::Rsa => Pair::Rsa(RsaKeyPair::from_pkcs8(&private).map_err(unusable)?),
            KeyKind::P256 => Pair::Ecdsa(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private).map_err(unusable)?,
                SignatureAlgorithm::EcdsaSha256,
            ),
            KeyKind::P384 => Pair::Ecdsa(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &private).map_err(unusable)?,
                SignatureAlgorithm::EcdsaSha384,
            ),
        };
        let public = match &pair {
            Pair::Rsa(pair) => {
                let info = pair.public_key().as_der().map_err(|_| "the public key cannot be written")?;
                PublicKey::of_rsa(info.as_ref())
            }
            Pair::Ecdsa(pair, _) => PublicKey::of_point(certificate.key.kind(), pair.public_key().as_ref()),
        };
        if public != certificate.key {
            return Err("the private key is not the certificate's");
        }
        Ok(Self { pair, certificate: certificate.der, requests: RequestIds::of_private_key(&private) })
    }

    pub(crate) fn algorithm(&self) -> SignatureAlgorithm {
        match &self.pair {
            Pair::Rsa(_) => SignatureAlgorithm::RsaSha256,
            Pair::Ecdsa(_, algorithm) => *algorithm,
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, FederationError> {
        let broken = |_| FederationError::Configuration { what: "the signing key does not sign".to_owned() };
        let rng = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature).map_err(broken)?;
                Ok(signature)
            }
            Pair::Ecdsa(pair, _) => Ok(pair.sign(&rng, message).map_err(broken)?.as_ref().to_vec()),
        }
    }

    /// Returns the certificate as a signature carries it.
    pub(crate) fn key_info(&self) -> Element {
        key_info(&self.certificate)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

/// What opens what was encrypted for us.
pub(crate) struct DecryptionKey {
    key: OaepPrivateDecryptingKey,
    certificate: Vec<u8>,
}

impl DecryptionKey {
    pub(crate) fn read(key: &SamlKey) -> Result<Self, &'static str> {
        let (private, certificate) = key.parts()?;
        // Only for the comparison with the certificate: a decrypting key does not show its public half as such.
        let pair = RsaKeyPair::from_pkcs8(&private).map_err(|_| "a decryption key must be RSA")?;
        let info = pair.public_key().as_der().map_err(|_| "the public key cannot be written")?;
        if PublicKey::of_rsa(info.as_ref()) != certificate.key {
            return Err("the private key is not the certificate's");
        }
        let key = PrivateDecryptingKey::from_pkcs8(&private)
            .and_then(|key| Ok(OaepPrivateDecryptingKey::new(key)?));
        let key = key.map_err(|_| "a decryption key must be RSA")?;
        Ok(Self { key, certificate: certificate.der })
    }

    pub(crate) fn unwrap(
        &self,
        algorithm: &'static OaepAlgorithm,
        wrapped: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut room = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let key = self.key.decrypt(algorithm, wrapped, &mut room, None).ok()?;
        Some(Zeroizing::new(key.to_vec()))
    }

    pub(crate) fn key_info(&self) -> Element {
        key_info(&self.certificate)
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecryptionKey([redacted])")
    }
}

fn key_info(certificate: &[u8]) -> Element {
    let part = |name| Element::new(ns::SIGNATURE, name);
    let certificate = part("X509Certificate").saying(&encode_base64(certificate));
    part("KeyInfo").holding([part("X509Data").holding([certificate])])
}
