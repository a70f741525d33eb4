//! Deriving and wrapping the content's key (RFC 7518 §4.6, RFC 3394).

use super::{ContentEncryption, KeyManagement};
use crate::{JoseError, base64url};
use aws_lc_rs::{
    digest::{Context, SHA256},
    key_wrap::{AES_128, AES_256, AesKek, KeyWrap},
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The bytes that wrapping adds.
const WRAP_BYTES: usize = 8;

/// What goes into a derived key besides the secret (RFC 7518 §4.6.2).
pub(super) struct Derivation {
    algorithm_id: &'static str,
    party_u: Vec<u8>,
    party_v: Vec<u8>,
    bytes: usize,
}

impl Derivation {
    pub(super) fn of(
        algorithm: KeyManagement,
        encryption: ContentEncryption,
        header: &Map<String, Value>,
    ) -> Result<Self, JoseError> {
        let party = |name: &str| match header.get(name) {
            None => Ok(Vec::new()),
            Some(text) => {
                let bytes = text.as_str().and_then(base64url::decode);
                bytes.ok_or(JoseError::Malformed("`apu` or `apv` is no base64url"))
            }
        };
        let (algorithm_id, bytes) = match algorithm {
            KeyManagement::EcdhEsA128Kw => (algorithm.name(), 16),
            KeyManagement::EcdhEsA256Kw => (algorithm.name(), 32),
            KeyManagement::EcdhEs | KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => {
                (encryption.name(), encryption.key_bytes())
            }
        };
        Ok(Self { algorithm_id, party_u: party("apu")?, party_v: party("apv")?, bytes })
    }

    /// Derives the key: the Concat KDF of NIST SP 800-56A §5.8.1 with SHA-256.
    pub(super) fn derive(&self, secret: &[u8]) -> Zeroizing<Vec<u8>> {
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
        let bits = length(self.bytes.saturating_mul(8));
        let mut derived = Zeroizing::new(Vec::with_capacity(self.bytes + SHA256.output_len()));
        let mut round = 1_u32;
        while derived.len() < self.bytes {
            let mut hash = Context::new(&SHA256);
            hash.update(&round.to_be_bytes());
            hash.update(secret);
            for part in [self.algorithm_id.as_bytes(), &self.party_u, &self.party_v] {
                hash.update(&length(part.len()));
                hash.update(part);
            }
            hash.update(&bits);
            derived.extend_from_slice(hash.finish().as_ref());
            round += 1;
        }
        derived.truncate(self.bytes);
        derived
    }
}

/// Returns the content's key: what was agreed on, or what it unwraps.
pub(super) fn unwrap(
    algorithm: KeyManagement,
    agreed: Zeroizing<Vec<u8>>,
    encrypted: &[u8],
) -> Result<Zeroizing<Vec<u8>>, JoseError> {
    let Some(kek) = kek(algorithm, &agreed)? else {
        return if encrypted.is_empty() {
            Ok(agreed)
        } else {
            Err(JoseError::Malformed("there is an encrypted key"))
        };
    };
    let mut output = Zeroizing::new(vec![0; encrypted.len()]);
    let bytes = kek.unwrap(encrypted, &mut output).map_err(|_| JoseError::DecryptionFailed)?.len();
    output.truncate(bytes);
    Ok(output)
}

/// Wraps the content's key with what was agreed on.
pub(super) fn wrap(
    algorithm: KeyManagement,
    agreed: &[u8],
    content_key: &[u8],
) -> Result<Vec<u8>, JoseError> {
    let Some(kek) = kek(algorithm, agreed)? else { return Ok(Vec::new()) };
    let mut output = vec![0; content_key.len() + WRAP_BYTES];
    kek.wrap(content_key, &mut output).map_err(|_| JoseError::Crypto)?;
    Ok(output)
}

fn kek(algorithm: KeyManagement, agreed: &[u8]) -> Result<Option<AesKek>, JoseError> {
    let cipher = match algorithm {
        KeyManagement::EcdhEsA128Kw => &AES_128,
        KeyManagement::EcdhEsA256Kw => &AES_256,
        KeyManagement::EcdhEs | KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => return Ok(None),
    };
    AesKek::new(cipher, agreed).map(Some).map_err(|_| JoseError::Crypto)
}

#[cfg(test)]
mod tests;
