use serde::{Deserialize, Serialize};
use std::fmt;

/// How a key signs (RFC 7518 §3.1, RFC 8037 §3.1).
///
/// ```
/// use axess_local_idp::SigningAlgorithm;
/// assert_eq!(SigningAlgorithm::default().as_str(), "ES256");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256: small, fast, understood everywhere.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSA 2048, PKCS #1 v1.5, SHA-256: for verifiers that know nothing else.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA 2048, PKCS #1 v1.5, SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSA 2048, PKCS #1 v1.5, SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
}

impl SigningAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::Es256, Self::EdDsa, Self::Rs256, Self::Rs384, Self::Rs512];

    /// Returns the name in the `alg` of a header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
