use crate::SigningAlgorithm;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// A public key as it is published (RFC 7517 §4).
///
/// Its id is its thumbprint (RFC 7638), so nobody has to agree on names, and a key cannot pass for another.
///
/// ```
/// use axess_local_idp::{LocalIdpSigningKey, SigningAlgorithm};
/// use axess_rng::SystemRng;
/// let key = LocalIdpSigningKey::generate(SigningAlgorithm::Es256, &SystemRng)?;
/// let jwk = serde_json::to_value(key.public_jwk())?;
/// assert_eq!((&jwk["kty"], &jwk["use"], &jwk["alg"]), (&"EC".into(), &"sig".into(), &"ES256".into()));
/// assert!(jwk.get("d").is_none(), "the private part is not in it");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicJwk {
    /// The type and numbers of the key.
    #[serde(flatten)]
    pub key: PublicKey,
    /// What the key is for: always `sig`.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// The one algorithm it may be used with.
    pub alg: SigningAlgorithm,
    /// Its id: the thumbprint of the numbers.
    pub kid: String,
}

/// The numbers of a public key, each in base64url.
///
/// ```
/// use axess_local_idp::PublicKey;
/// let key: PublicKey = serde_json::from_str(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// A point on a curve (RFC 7518 §6.2).
    #[serde(rename = "EC")]
    Ec {
        /// The curve, `P-256`.
        crv: String,
        /// The first coordinate.
        x: String,
        /// The second coordinate.
        y: String,
    },
    /// An Edwards curve key (RFC 8037 §2).
    #[serde(rename = "OKP")]
    Okp {
        /// The curve, `Ed25519`.
        crv: String,
        /// The point.
        x: String,
    },
    /// An RSA key (RFC 7518 §6.3).
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
}

/// What a published key is for.
///
/// ```
/// assert_eq!(serde_json::to_string(&axess_local_idp::KeyUse::Sig)?, "\"sig\"");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyUse {
    /// Signatures.
    #[serde(rename = "sig")]
    Sig,
}

/// The keys that verify what we issue (RFC 7517 §5).
///
/// ```
/// assert_eq!(serde_json::to_string(&axess_local_idp::JwkSet::default())?, r#"{"keys":[]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys: pending, active and retiring.
    pub keys: Vec<PublicJwk>,
}

impl PublicJwk {
    pub(crate) fn new(alg: SigningAlgorithm, key: PublicKey) -> Self {
        let kid = key.thumbprint();
        Self { key, usage: KeyUse::Sig, alg, kid }
    }
}

impl PublicKey {
    pub(crate) fn ec(x: &[u8], y: &[u8]) -> Self {
        Self::Ec { crv: "P-256".into(), x: text(x), y: text(y) }
    }

    pub(crate) fn okp(x: &[u8]) -> Self {
        Self::Okp { crv: "Ed25519".into(), x: text(x) }
    }

    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self::Rsa { n: text(n), e: text(e) }
    }

    /// Returns the SHA-256 of the required members, in their order and without a space (RFC 7638 §3).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let canonical = match self {
            Self::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Okp { crv, x } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        text(digest(&SHA256, canonical.as_bytes()).as_ref())
    }
}

/// Returns base64url without padding, as everything in JOSE is written.
pub(crate) fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprints_of_the_rfcs() {
        // RFC 7638 §3.1.
        let rsa: PublicKey = serde_json::from_str(
            r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}"#,
        )
        .unwrap();
        assert_eq!(rsa.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037 appendix A.3.
        let okp: PublicKey = serde_json::from_str(
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        )
        .unwrap();
        assert_eq!(okp.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
