//! Encrypted assertions and names: RSA-OAEP around AES-GCM.
//!
//! What a ciphertext gives away by its error is nothing: every one that does not open answers alike.

use crate::{
    certificate::decode_base64,
    config::Compiled,
    key::DecryptionKey,
    xml::{Element, ns, parse_within},
};
use aws_lc_rs::{
    aead::{self, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_128, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm},
};
use axess_factors::federated::FederationError;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The most wrapped keys that are tried; an identity provider adds one for each of our certificates.
const MAX_WRAPPED_KEYS: usize = 8;
/// RSA of 8192 bits.
const MAX_WRAPPED_BYTES: usize = 1024;
/// As large as a message may be.
const MAX_CIPHERTEXT_BYTES: usize = crate::binding::MAX_MESSAGE_BYTES;

const CBC_IV_BYTES: usize = 16;

/// How the content is encrypted.
#[derive(Clone, Copy)]
enum Cipher {
    Gcm(&'static aead::Algorithm),
    Cbc(&'static aws_lc_rs::cipher::Algorithm),
}

/// Decrypts an `EncryptedAssertion` or an `EncryptedID`, and reads what is inside as if it stood in its place.
///
/// `allow_cbc` is for ciphertexts whose integrity a signature vouches for already.
pub(crate) fn decrypt(
    encrypted: &Element,
    keys: &[DecryptionKey],
    allow_cbc: bool,
) -> Result<Element, FederationError> {
    encrypted.holds_only_elements()?;
    let data = encrypted.one(ns::ENCRYPTION, "EncryptedData")?;
    let cipher = cipher_of(data, allow_cbc)?;
    let wrapped = wrapped_keys(encrypted, data)?;
    let content = cipher_value(data, MAX_CIPHERTEXT_BYTES)?;
    let opened = wrapped.iter().find_map(|(algorithm, wrapped)| {
        keys.iter().find_map(|key| cipher.open(&key.unwrap(algorithm, wrapped)?, &content))
    });
    let opened = opened.ok_or(FederationError::Malformed { what: "what is encrypted does not decrypt" })?;
    Ok(parse_within(&opened, MAX_CIPHERTEXT_BYTES, &encrypted.scope)?)
}

/// Returns the name of a user, plain or encrypted, if there is one (SAML Core §2.2.4).
///
/// It is called for what a signature has covered, so that whoever wrote the ciphertext is known. What is inside may hold nothing
/// but text.
pub(crate) fn name_id<'a>(
    parent: &'a Element,
    own: &Compiled,
) -> Result<Option<Cow<'a, Element>>, FederationError> {
    let plain = parent.at_most_one(ns::ASSERTION, "NameID")?;
    let encrypted = parent.at_most_one(ns::ASSERTION, "EncryptedID")?;
    match (plain, encrypted) {
        (Some(_), Some(_)) => Err(FederationError::Malformed { what: "the user has two names" }),
        (plain, None) => Ok(plain.map(Cow::Borrowed)),
        (None, Some(encrypted)) => {
            let name = decrypt(encrypted, &own.decryption, own.config.allow_cbc)?;
            if !name.is(ns::ASSERTION, "NameID") {
                return Err(FederationError::Malformed { what: "what was encrypted is not a name" });
            }
            Ok(Some(Cow::Owned(name)))
        }
    }
}

impl Cipher {
    fn open(self, key: &[u8], content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Gcm(algorithm) => {
                let (nonce, sealed) = content.split_at_checked(aead::NONCE_LEN)?;
                let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
                let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
                let mut sealed = Zeroizing::new(sealed.to_vec());
                let opened = key.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
                Some(Zeroizing::new(opened.to_vec()))
            }
            Self::Cbc(algorithm) => {
                let (iv, sealed) = content.split_at_checked(CBC_IV_BYTES)?;
                let key = UnboundCipherKey::new(algorithm, key).ok()?;
                let key = PaddedBlockDecryptingKey::cbc_iso10126(key).ok()?;
                let context = DecryptionContext::Iv128(iv.try_into().ok()?);
                let mut sealed = Zeroizing::new(sealed.to_vec());
                let opened = key.decrypt(&mut sealed, context).ok()?;
                Some(Zeroizing::new(opened.to_vec()))
            }
        }
    }
}

fn cipher_of(data: &Element, allow_cbc: bool) -> Result<Cipher, FederationError> {
    let method = data.one(ns::ENCRYPTION, "EncryptionMethod")?;
    match method.attribute("Algorithm") {
        Some("http://www.w3.org/2009/xmlenc11#aes128-gcm") => Ok(Cipher::Gcm(&aead::AES_128_GCM)),
        Some("http://www.w3.org/2009/xmlenc11#aes256-gcm") => Ok(Cipher::Gcm(&aead::AES_256_GCM)),
        Some("http://www.w3.org/2001/04/xmlenc#aes128-cbc") if allow_cbc => Ok(Cipher::Cbc(&AES_128)),
        Some("http://www.w3.org/2001/04/xmlenc#aes256-cbc") if allow_cbc => Ok(Cipher::Cbc(&AES_256)),
        _ => Err(FederationError::AlgorithmRefused),
    }
}

/// Returns the wrapped keys, which are in the `KeyInfo` of the content or beside it (SAML Core §2.3.4).
fn wrapped_keys(
    encrypted: &Element,
    data: &Element,
) -> Result<Vec<(&'static OaepAlgorithm, Vec<u8>)>, FederationError> {
    let inside = data.at_most_one(ns::SIGNATURE, "KeyInfo")?;
    let inside = inside.into_iter().flat_map(|info| info.named(ns::ENCRYPTION, "EncryptedKey"));
    let all: Vec<&Element> = inside.chain(encrypted.named(ns::ENCRYPTION, "EncryptedKey")).collect();
    if all.is_empty() || all.len() > MAX_WRAPPED_KEYS {
        return Err(FederationError::Malformed { what: "what is encrypted has no key, or too many" });
    }
    let read = |key: &&Element| Ok((wrapping(key)?, cipher_value(key, MAX_WRAPPED_BYTES)?));
    all.iter().map(read).collect()
}

fn wrapping(key: &Element) -> Result<&'static OaepAlgorithm, FederationError> {
    let method = key.one(ns::ENCRYPTION, "EncryptionMethod")?;
    let digest = method.at_most_one(ns::SIGNATURE, "DigestMethod")?.map(|one| one.attribute("Algorithm"));
    let mask = method.at_most_one(ns::ENCRYPTION_11, "MGF")?.map(|one| one.attribute("Algorithm"));
    let known = usize::from(digest.is_some()) + usize::from(mask.is_some());
    if method.elements().count() != known {
        return Err(FederationError::AlgorithmRefused);
    }
    // SHA-1 is what is meant where nothing is said (XML Encryption 1.1 §5.5.2); as a mask it is sound.
    let is_sha1 = |named: Option<Option<&str>>, sha1: &str| named.is_none_or(|name| name == Some(sha1));
    let digest_is_sha1 = is_sha1(digest, "http://www.w3.org/2000/09/xmldsig#sha1");
    let mask_is_sha1 = is_sha1(mask, "http://www.w3.org/2009/xmlenc11#mgf1sha1");
    let is_sha256 = digest == Some(Some("http://www.w3.org/2001/04/xmlenc#sha256"))
        && mask == Some(Some("http://www.w3.org/2009/xmlenc11#mgf1sha256"));
    match method.attribute("Algorithm") {
        Some("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p") if digest_is_sha1 && mask.is_none() => {
            Ok(&OAEP_SHA1_MGF1SHA1)
        }
        Some("http://www.w3.org/2009/xmlenc11#rsa-oaep") if digest_is_sha1 && mask_is_sha1 => {
            Ok(&OAEP_SHA1_MGF1SHA1)
        }
        Some("http://www.w3.org/2009/xmlenc11#rsa-oaep") if is_sha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        _ => Err(FederationError::AlgorithmRefused),
    }
}

/// Returns the bytes of a ciphertext that is there, not elsewhere.
fn cipher_value(element: &Element, max_bytes: usize) -> Result<Vec<u8>, FederationError> {
    let data = element.one(ns::ENCRYPTION, "CipherData")?;
    let value = data.one(ns::ENCRYPTION, "CipherValue")?.text()?;
    decode_base64(value, max_bytes).ok_or(FederationError::Malformed { what: "a ciphertext is not base64" })
}
