use crate::base64url;
use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A signature algorithm that is taken at all (RFC 7518 §3.1, RFC 8037 §3.1).
///
/// There is no `none` and no HMAC: what cannot be named cannot be confused.
///
/// ```
/// use axess_jose::Algorithm;
/// assert_eq!(Algorithm::from_name("PS256"), Some(Algorithm::Ps256));
/// assert_eq!(Algorithm::from_name("HS256"), None);
/// assert_eq!(Algorithm::Es256.name(), "ES256");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSA PKCS #1 v1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA PKCS #1 v1.5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSA PKCS #1 v1.5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSA-PSS with SHA-256 and a salt of 32 bytes.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSA-PSS with SHA-384 and a salt of 48 bytes.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSA-PSS with SHA-512 and a salt of 64 bytes.
    #[serde(rename = "PS512")]
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// Ed25519; no other Edwards curve.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Those of FAPI 2.0 (Security Profile §5.4.1): PS256, ES256 and Ed25519.
    pub const FAPI: [Self; 3] = [Self::Ps256, Self::Es256, Self::EdDsa];

    /// Returns the name in the `alg` of a header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Finds an algorithm by its exact name; `Ed25519` (RFC 9864 §2.2) is another name of [`EdDsa`](Self::EdDsa).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::EdDsa),
            _ => Self::ALL.into_iter().find(|known| known.name() == name),
        }
    }

    /// Returns the left half of a hash of `value`, as `at_hash` and `c_hash` hold it (OpenID Connect Core §3.1.3.6).
    ///
    /// The hash is the one of the algorithm; for Ed25519 it is SHA-512.
    ///
    /// ```
    /// // OpenID Connect Core, appendix A.3.
    /// let at_hash = axess_jose::Algorithm::Rs256.half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
    /// assert_eq!(at_hash, "77QmUPtjPfzWtF2AnpK9RQ");
    /// ```
    #[must_use]
    pub fn half_hash(self, value: &str) -> String {
        let hash = match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => &SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 => &SHA384,
            Self::Rs512 | Self::Ps512 | Self::EdDsa => &SHA512,
        };
        let hashed = digest::digest(hash, value.as_bytes());
        let bytes = hashed.as_ref();
        base64url::encode(bytes.get(..bytes.len() / 2).unwrap_or_default())
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(Algorithm::from_name(&algorithm.name().to_lowercase()), None);
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.name());
        }
        for name in
            ["none", "None", "NONE", "nOnE", "", "HS256", "ES256K", "ES512", "RS256 ", "Ed448", "RSA-OAEP"]
        {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }
}
