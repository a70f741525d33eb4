use super::{
    ContentEncryption, KeyManagement,
    decryption_key::{ecdh, fits, oaep},
    key_agreement::{self, Derivation},
};
use crate::{
    JoseError,
    public_key::{PublicNumbers, has_private_member},
};
use aws_lc_rs::{
    agreement::{PrivateKey, UnparsedPublicKey, agree},
    encoding::{AsDer, PublicKeyX509Der},
    rsa::{OaepPublicEncryptingKey, PublicEncryptingKey},
    signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents},
};
use axess_rng::SecureRng;
use serde_json::{Map, Value};
use std::fmt;
use zeroize::Zeroizing;

/// A public key to encrypt for: somebody else's, or ours in a test.
///
/// ```
/// use axess_jose::{JoseError, jwe::EncryptionKey};
/// let signing = serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
/// assert!(matches!(EncryptionKey::from_jwk(&signing), Err(JoseError::KeyRefused(_))));
/// ```
pub struct EncryptionKey {
    kid: Option<String>,
    pinned: Option<KeyManagement>,
    public: PublicNumbers,
}

/// The content's key, and how it looks in the token.
pub(super) struct SealedKey {
    pub(super) content_key: Zeroizing<Vec<u8>>,
    pub(super) encrypted: Vec<u8>,
}

impl EncryptionKey {
    /// Reads a public JWK; `use` must not be another than `enc`, and an `alg` pins it.
    ///
    /// # Errors
    ///
    /// [`JoseError::KeyRefused`] when it is none that is taken.
    pub fn from_jwk(jwk: &Value) -> Result<Self, JoseError> {
        let jwk = jwk.as_object().ok_or(JoseError::KeyRefused("no object"))?;
        if has_private_member(jwk) {
            return Err(JoseError::KeyRefused("it has a private or symmetric member"));
        }
        let (kid, pinned) = purpose(jwk)?;
        let public = PublicNumbers::from_jwk(jwk)?;
        if !KeyManagement::ALL.iter().any(|algorithm| fits(&public, *algorithm)) {
            return Err(JoseError::KeyRefused("it is for signatures"));
        }
        Ok(Self { kid, pinned, public })
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

    pub(super) fn seal_key(
        &self,
        algorithm: KeyManagement,
        encryption: ContentEncryption,
        header: &mut Map<String, Value>,
        rng: &(impl SecureRng + ?Sized),
    ) -> Result<SealedKey, JoseError> {
        if !self.allows(algorithm) {
            return Err(JoseError::AlgorithmRefused);
        }
        let mut content_key = Zeroizing::new(vec![0; encryption.key_bytes()]);
        rng.fill_bytes(&mut content_key);
        match &self.public {
            PublicNumbers::Rsa { n, e } => {
                let encrypted = seal_oaep(n, e, algorithm, &content_key)?;
                Ok(SealedKey { content_key, encrypted })
            }
            PublicNumbers::Ec { curve, .. } => {
                let failed = |_| JoseError::Crypto;
                let ephemeral = PrivateKey::generate(ecdh(*curve)).map_err(failed)?;
                let point = ephemeral.compute_public_key().map_err(failed)?;
                let epk = PublicNumbers::from_point(*curve, point.as_ref()).ok_or(JoseError::Crypto)?;
                header.insert("epk".into(), epk.to_jwk().into());
                let derivation = Derivation::of(algorithm, encryption, header)?;
                let peer = UnparsedPublicKey::new(ecdh(*curve), self.public.point().unwrap_or_default());
                let agreed = agree(
                    &ephemeral,
                    peer,
                    JoseError::KeyRefused("it is no point of its curve"),
                    |secret| Ok(derivation.derive(secret)),
                )?;
                if algorithm == KeyManagement::EcdhEs {
                    return Ok(SealedKey { content_key: agreed, encrypted: Vec::new() });
                }
                let encrypted = key_agreement::wrap(algorithm, &agreed, &content_key)?;
                Ok(SealedKey { content_key, encrypted })
            }
            PublicNumbers::Ed25519 { .. } => Err(JoseError::AlgorithmRefused),
        }
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey")
            .field("kid", &self.kid)
            .field("alg", &self.pinned)
            .finish_non_exhaustive()
    }
}

fn seal_oaep(n: &[u8], e: &[u8], algorithm: KeyManagement, content_key: &[u8]) -> Result<Vec<u8>, JoseError> {
    let failed = |_| JoseError::Crypto;
    let parsed = RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
    let parsed = parsed.map_err(|_| JoseError::KeyRefused("it is no key"))?;
    let der: PublicKeyX509Der<'_> = parsed.as_der().map_err(failed)?;
    let key =
        PublicEncryptingKey::from_der(der.as_ref()).map_err(|_| JoseError::KeyRefused("it is no key"))?;
    let key = OaepPublicEncryptingKey::new(key).map_err(failed)?;
    let mut output = vec![0; key.ciphertext_size()];
    let bytes = key.encrypt(oaep(algorithm), content_key, &mut output, None).map_err(failed)?.len();
    output.truncate(bytes);
    Ok(output)
}

/// Returns name and algorithm of a key that may be used for encryption, as far as it says.
pub(super) fn purpose(
    jwk: &Map<String, Value>,
) -> Result<(Option<String>, Option<KeyManagement>), JoseError> {
    if jwk.get("use").is_some_and(|usage| usage != "enc") {
        return Err(JoseError::KeyRefused("its `use` is another"));
    }
    let text = |name: &str| match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(JoseError::KeyRefused("`kid` or `alg` is no text")),
    };
    let pinned = match text("alg")? {
        None => None,
        Some(name) => Some(KeyManagement::from_name(&name).ok_or(JoseError::KeyRefused("its `alg`"))?),
    };
    Ok((text("kid")?, pinned))
}
