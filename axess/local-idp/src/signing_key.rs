use crate::{
    SigningAlgorithm,
    jwk::{PublicJwk, PublicKey},
};
use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeySize, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair, UnparsedPublicKey,
        VerificationAlgorithm,
    },
};
use axess_rng::{SecureRng, random_array};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// How often a scalar is drawn before the generator counts as broken; one is out of range once in 2³².
const DRAWS: usize = 8;
/// The shortest RSA modulus, in bytes.
const MIN_RSA_BYTES: usize = 256;
/// The longest RSA modulus, in bytes: verifying costs grow with it, and verifiers stop there.
const MAX_RSA_BYTES: usize = 512;

/// A private key of ours: signs, and says what its public half is.
///
/// `Debug` shows the id and the algorithm, never the key.
///
/// ```
/// use axess_local_idp::{LocalIdpSigningKey, SigningAlgorithm};
/// use axess_rng::SystemRng;
/// let key = LocalIdpSigningKey::generate(SigningAlgorithm::EdDsa, &SystemRng)?;
/// assert_eq!(key.key_id().len(), 43, "a SHA-256 in base64url");
/// # Ok::<(), axess_local_idp::SigningKeyError>(())
/// ```
pub struct LocalIdpSigningKey {
    pair: Pair,
    public: PublicJwk,
}

/// Says why there is no signing key.
///
/// ```
/// use axess_local_idp::{LocalIdpSigningKey, SigningAlgorithm, SigningKeyError};
/// let key = LocalIdpSigningKey::from_pkcs8(SigningAlgorithm::Es256, b"nonsense");
/// assert_eq!(key.unwrap_err(), SigningKeyError::Rejected);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// The bytes are no PKCS #8 private key for the algorithm.
    #[error("no PKCS #8 private key for this algorithm (P-256, Ed25519, or RSA of 2048 to 4096 bits)")]
    Rejected,
    /// The library could not make, write or use a key.
    #[error("the cryptographic library failed")]
    Library,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair, RsaHash),
}

#[derive(Clone, Copy)]
enum RsaHash {
    Sha256,
    Sha384,
    Sha512,
}

impl LocalIdpSigningKey {
    /// Generates a key.
    ///
    /// P-256 and Ed25519 keys are drawn from `rng`. For RSA (2048 bits) aws-lc-rs takes no generator and uses its own, which
    /// is seeded by the operating system; so is what an ECDSA signature draws.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Library`] when the library fails.
    pub fn generate(
        algorithm: SigningAlgorithm,
        rng: &(impl SecureRng + ?Sized),
    ) -> Result<Self, SigningKeyError> {
        let pair = match RsaHash::of(algorithm) {
            Some(hash) => {
                Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SigningKeyError::Library)?, hash)
            }
            None if algorithm == SigningAlgorithm::EdDsa => Pair::Ed(draw_ed25519(rng)?),
            None => Pair::Ec(draw_p256(rng)?),
        };
        Self::new(algorithm, pair)
    }

    /// Reads a private key in PKCS #8 (RFC 5958), unencrypted DER.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Rejected`] when it is none, or of another kind than `algorithm` needs.
    pub fn from_pkcs8(algorithm: SigningAlgorithm, der: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = match RsaHash::of(algorithm) {
            Some(hash) => RsaKeyPair::from_pkcs8(der).map(|pair| Pair::Rsa(pair, hash)),
            None if algorithm == SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed),
            None => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Pair::Ec),
        };
        let pair = pair.map_err(|_| SigningKeyError::Rejected)?;
        if let Pair::Rsa(rsa, _) = &pair
            && !(MIN_RSA_BYTES..=MAX_RSA_BYTES).contains(&rsa.public_modulus_len())
        {
            return Err(SigningKeyError::Rejected);
        }
        Self::new(algorithm, pair)
    }

    /// Returns the private key in PKCS #8, unencrypted DER, for a store.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Library`] when the library fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
        let failed = |_| SigningKeyError::Library;
        Ok(Zeroizing::new(match &self.pair {
            Pair::Ec(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Ed(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(pair, _) => pair.as_der().map_err(failed)?.as_ref().to_vec(),
        }))
    }

    /// Returns the id: the thumbprint of the public key (RFC 7638).
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.public.kid
    }

    /// Returns the one algorithm it signs with.
    #[must_use]
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.public.alg
    }

    /// Returns the public half.
    #[must_use]
    pub fn public_jwk(&self) -> &PublicJwk {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningKeyError> {
        let failed = |_| SigningKeyError::Library;
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Pair::Ed(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
            Pair::Rsa(pair, hash) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(hash.signing(), &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let (algorithm, public): (&'static dyn VerificationAlgorithm, &[u8]) = match &self.pair {
            Pair::Ec(pair) => (&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()),
            Pair::Ed(pair) => (&ED25519, pair.public_key().as_ref()),
            Pair::Rsa(pair, hash) => (hash.verification(), pair.public_key().as_ref()),
        };
        UnparsedPublicKey::new(algorithm, public).verify(message, signature).is_ok()
    }

    fn new(algorithm: SigningAlgorithm, pair: Pair) -> Result<Self, SigningKeyError> {
        let key = match &pair {
            Pair::Ec(pair) => match pair.public_key().as_ref() {
                // An uncompressed point (SEC 1 §2.3.3).
                [4, point @ ..] => match point.split_at_checked(32) {
                    Some((x, y)) => PublicKey::ec(x, y),
                    None => return Err(SigningKeyError::Library),
                },
                _ => return Err(SigningKeyError::Library),
            },
            Pair::Ed(pair) => PublicKey::okp(pair.public_key().as_ref()),
            Pair::Rsa(pair, _) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                PublicKey::rsa(&public.n, &public.e)
            }
        };
        Ok(Self { pair, public: PublicJwk::new(algorithm, key) })
    }
}

impl fmt::Debug for LocalIdpSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kid, alg) = (&self.public.kid, self.public.alg);
        f.debug_struct("LocalIdpSigningKey").field("kid", kid).field("alg", &alg).finish_non_exhaustive()
    }
}

impl RsaHash {
    fn of(algorithm: SigningAlgorithm) -> Option<Self> {
        match algorithm {
            SigningAlgorithm::Rs256 => Some(Self::Sha256),
            SigningAlgorithm::Rs384 => Some(Self::Sha384),
            SigningAlgorithm::Rs512 => Some(Self::Sha512),
            SigningAlgorithm::Es256 | SigningAlgorithm::EdDsa => None,
        }
    }

    fn signing(self) -> &'static dyn RsaEncoding {
        match self {
            Self::Sha256 => &RSA_PKCS1_SHA256,
            Self::Sha384 => &RSA_PKCS1_SHA384,
            Self::Sha512 => &RSA_PKCS1_SHA512,
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

fn draw_ed25519(rng: &(impl SecureRng + ?Sized)) -> Result<Ed25519KeyPair, SigningKeyError> {
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(random_array(rng));
    Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| SigningKeyError::Library)
}

/// Draws a scalar until it is in the range of the curve (FIPS 186-5 §A.2.2); the library computes the point.
fn draw_p256(rng: &(impl SecureRng + ?Sized)) -> Result<EcdsaKeyPair, SigningKeyError> {
    // An `ECPrivateKey` (RFC 5915 §3): version 1, the scalar, the curve.
    const BEFORE: [u8; 7] = [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
    const AFTER: [u8; 12] = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let mut der = Zeroizing::new(Vec::with_capacity(BEFORE.len() + 32 + AFTER.len()));
    for _ in 0..DRAWS {
        let mut scalar: [u8; 32] = random_array(rng);
        der.clear();
        der.extend_from_slice(&BEFORE);
        der.extend_from_slice(&scalar);
        der.extend_from_slice(&AFTER);
        scalar.zeroize();
        if let Ok(pair) = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der) {
            return Ok(pair);
        }
    }
    Err(SigningKeyError::Library)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_rng::{MockRng, SystemRng};

    #[derive(Debug)]
    struct Constant(u8);

    impl SecureRng for Constant {
        fn fill_bytes(&self, dest: &mut [u8]) {
            dest.fill(self.0);
        }
    }

    #[test]
    fn every_key_comes_back_from_its_bytes_and_verifies_its_own() {
        for algorithm in SigningAlgorithm::ALL {
            let key = LocalIdpSigningKey::generate(algorithm, &SystemRng).unwrap();
            let again = LocalIdpSigningKey::from_pkcs8(algorithm, &key.to_pkcs8().unwrap()).unwrap();
            assert_eq!(again.public_jwk(), key.public_jwk());
            let mut signature = key.sign(b"message").unwrap();
            assert!(again.verifies(b"message", &signature), "{algorithm}");
            assert!(!again.verifies(b"massage", &signature), "{algorithm}");
            signature[7] ^= 1;
            assert!(!again.verifies(b"message", &signature), "{algorithm}");
            assert!(!again.verifies(b"message", b""), "{algorithm}");
        }
    }

    #[test]
    fn curve_keys_are_drawn_from_the_injected_generator() {
        for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa] {
            let kid = |seed| {
                LocalIdpSigningKey::generate(algorithm, &MockRng::new(seed)).unwrap().key_id().to_owned()
            };
            assert_eq!(kid(1), kid(1), "{algorithm}");
            assert_ne!(kid(1), kid(2), "{algorithm}");
        }
    }

    #[test]
    fn a_scalar_out_of_range_is_no_key() {
        for byte in [0x00, 0xff] {
            let key = LocalIdpSigningKey::generate(SigningAlgorithm::Es256, &Constant(byte));
            assert_eq!(key.unwrap_err(), SigningKeyError::Library, "{byte}");
        }
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let ec =
            LocalIdpSigningKey::generate(SigningAlgorithm::Es256, &SystemRng).unwrap().to_pkcs8().unwrap();
        let ed =
            LocalIdpSigningKey::generate(SigningAlgorithm::EdDsa, &SystemRng).unwrap().to_pkcs8().unwrap();
        for (algorithm, der) in [
            (SigningAlgorithm::EdDsa, &ec),
            (SigningAlgorithm::Rs256, &ec),
            (SigningAlgorithm::Es256, &ed),
            (SigningAlgorithm::Rs512, &ed),
        ] {
            assert_eq!(
                LocalIdpSigningKey::from_pkcs8(algorithm, der).unwrap_err(),
                SigningKeyError::Rejected
            );
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let key = LocalIdpSigningKey::generate(SigningAlgorithm::EdDsa, &Constant(7)).unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains(key.key_id()) && shown.len() < 120, "{shown}");
    }
}
