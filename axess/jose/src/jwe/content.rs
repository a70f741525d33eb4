//! The content of an encrypted token (RFC 7518 §5): AES-GCM, and AES-CBC with HMAC.

use super::ContentEncryption;
use crate::JoseError;
use aws_lc_rs::{
    aead::{self, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{
        self, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
        UnboundCipherKey,
    },
    constant_time::verify_slices_are_equal,
    hmac,
    iv::FixedLength,
};
use axess_rng::{SecureRng, random_array};

/// The bytes of a GCM nonce and of its tag.
const GCM_IV: usize = 12;
const GCM_TAG: usize = 16;
/// The bytes of a CBC initialisation vector.
const CBC_IV: usize = 16;

/// How the two halves of a CBC key are used.
struct Cbc {
    mac: hmac::Algorithm,
    aes: &'static cipher::Algorithm,
}

impl ContentEncryption {
    /// Returns the bytes of the key.
    pub(super) const fn key_bytes(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
            Self::A256CbcHs512 => 64,
        }
    }

    fn gcm(self) -> Option<&'static aead::Algorithm> {
        match self {
            Self::A128Gcm => Some(&aead::AES_128_GCM),
            Self::A256Gcm => Some(&aead::AES_256_GCM),
            Self::A128CbcHs256 | Self::A256CbcHs512 => None,
        }
    }

    fn cbc(self) -> Cbc {
        match self {
            Self::A256CbcHs512 => Cbc { mac: hmac::HMAC_SHA512, aes: &cipher::AES_256 },
            Self::A128Gcm | Self::A256Gcm | Self::A128CbcHs256 => {
                Cbc { mac: hmac::HMAC_SHA256, aes: &cipher::AES_128 }
            }
        }
    }
}

pub(super) fn open(
    encryption: ContentEncryption,
    key: &[u8],
    authenticated: &[u8],
    iv: &[u8],
    ciphertext: &[u8],
    tag: &[u8],
) -> Result<Vec<u8>, JoseError> {
    let failed = |_| JoseError::DecryptionFailed;
    let Some(algorithm) = encryption.gcm() else {
        return open_cbc(&encryption.cbc(), key, authenticated, iv, ciphertext, tag);
    };
    let (Ok(iv), GCM_TAG) = (<[u8; GCM_IV]>::try_from(iv), tag.len()) else {
        return Err(JoseError::DecryptionFailed);
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).map_err(failed)?);
    let mut sealed = [ciphertext, tag].concat();
    let nonce = Nonce::assume_unique_for_key(iv);
    Ok(key.open_in_place(nonce, Aad::from(authenticated), &mut sealed).map_err(failed)?.to_vec())
}

fn open_cbc(
    cbc: &Cbc,
    key: &[u8],
    authenticated: &[u8],
    iv: &[u8],
    ciphertext: &[u8],
    tag: &[u8],
) -> Result<Vec<u8>, JoseError> {
    let failed = |_| JoseError::DecryptionFailed;
    let (mac_key, aes_key) = key.split_at(key.len() / 2);
    let iv = <[u8; CBC_IV]>::try_from(iv).map_err(|_| JoseError::DecryptionFailed)?;
    // The tag first: padding is looked at only in what its sender wrote.
    verify_slices_are_equal(&authenticate(cbc, mac_key, authenticated, &iv, ciphertext), tag)
        .map_err(failed)?;
    let key = UnboundCipherKey::new(cbc.aes, aes_key)
        .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
        .map_err(failed)?;
    let mut bytes = ciphertext.to_vec();
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    Ok(key.decrypt(&mut bytes, context).map_err(failed)?.to_vec())
}

/// Returns initialisation vector, ciphertext and tag.
#[expect(clippy::type_complexity, reason = "three byte strings of a token, in its order")]
pub(super) fn seal(
    encryption: ContentEncryption,
    key: &[u8],
    authenticated: &[u8],
    plain: &[u8],
    rng: &(impl SecureRng + ?Sized),
) -> Result<(Vec<u8>, Vec<u8>, Vec<u8>), JoseError> {
    let failed = |_| JoseError::Crypto;
    let mut bytes = plain.to_vec();
    let Some(algorithm) = encryption.gcm() else {
        let cbc = encryption.cbc();
        let (mac_key, aes_key) = key.split_at(key.len() / 2);
        let iv: [u8; CBC_IV] = random_array(rng);
        let key = UnboundCipherKey::new(cbc.aes, aes_key)
            .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
            .map_err(failed)?;
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        key.less_safe_encrypt(&mut bytes, context).map_err(failed)?;
        let tag = authenticate(&cbc, mac_key, authenticated, &iv, &bytes);
        return Ok((iv.to_vec(), bytes, tag));
    };
    let iv: [u8; GCM_IV] = random_array(rng);
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).map_err(failed)?);
    let nonce = Nonce::assume_unique_for_key(iv);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(authenticated), &mut bytes).map_err(failed)?;
    Ok((iv.to_vec(), bytes, tag.as_ref().to_vec()))
}

/// Returns the tag of RFC 7518 §5.2.2.1: half of the HMAC over all parts and the length of the header in bits.
fn authenticate(cbc: &Cbc, key: &[u8], authenticated: &[u8], iv: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let bits = (authenticated.len() as u64).saturating_mul(8).to_be_bytes();
    let mut mac = hmac::Context::with_key(&hmac::Key::new(cbc.mac, key));
    for part in [authenticated, iv, ciphertext, &bits] {
        mac.update(part);
    }
    let whole = mac.sign();
    let bytes = whole.as_ref();
    bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests;
