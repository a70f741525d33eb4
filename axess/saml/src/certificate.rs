//! Public keys out of certificates, and PEM.
//!
//! A certificate is a container here: it is pinned as it is, so neither who signed it nor until when matters
//! (SAML V2.0 Metadata Interoperability Profile §2.6.1).

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::algorithms::SignatureAlgorithm;

/// The longest certificate or key, in bytes of DER.
pub(crate) const MAX_DER_BYTES: usize = 16 * 1024;
/// The shortest modulus of an RSA key, in bytes.
const MIN_MODULUS: usize = 256;
/// Enough for certificates with the keys they are sold with.
const MAX_PEM_BLOCKS: usize = 32;

/// A certificate's public key, and the certificate as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) key: PublicKey,
}

/// A public key that may verify signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    kind: KeyKind,
    /// RSA: the `SubjectPublicKeyInfo`. Elliptic curves: the point.
    bytes: Vec<u8>,
}

/// What a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa,
    P256,
    P384,
}

impl Certificate {
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let key = PublicKey::of_certificate(der)?;
        Some(Self { der: der.to_vec(), key })
    }

    /// Reads what metadata hold: base64 with white space anywhere.
    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        Self::from_der(&decode_base64(text, MAX_DER_BYTES)?)
    }

    /// Reads every certificate of a PEM file; nothing when one of them is not understood or there is none.
    pub(crate) fn all_from_pem(pem: &str) -> Option<Vec<Self>> {
        let blocks = pem_blocks(pem, "CERTIFICATE")?;
        let all: Option<Vec<Self>> = blocks.iter().map(|der| Self::from_der(der)).collect();
        all.filter(|all| !all.is_empty())
    }
}

impl PublicKey {
    pub(crate) fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Tells whether a signature is this key's, over these bytes; false for an algorithm of another kind of key, and for
    /// RSA keys of less than 2048 bits.
    pub(crate) fn verifies(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        let verifier: &'static dyn VerificationAlgorithm = match (algorithm, self.kind) {
            (SignatureAlgorithm::RsaSha256, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (SignatureAlgorithm::RsaSha384, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (SignatureAlgorithm::RsaSha512, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (SignatureAlgorithm::EcdsaSha256, KeyKind::P256) => &signature::ECDSA_P256_SHA256_FIXED,
            (SignatureAlgorithm::EcdsaSha384, KeyKind::P384) => &signature::ECDSA_P384_SHA384_FIXED,
            _ => return false,
        };
        UnparsedPublicKey::new(verifier, &self.bytes).verify(message, signature).is_ok()
    }

    /// Makes one of an elliptic curve's point.
    pub(crate) fn of_point(kind: KeyKind, point: &[u8]) -> Self {
        Self { kind, bytes: point.to_vec() }
    }

    /// Makes one of the `SubjectPublicKeyInfo` of an RSA key.
    pub(crate) fn of_rsa(spki: &[u8]) -> Self {
        Self { kind: KeyKind::Rsa, bytes: spki.to_vec() }
    }

    /// RFC 5280 §4.1.
    fn of_certificate(der: &[u8]) -> Option<Self> {
        if der.len() > MAX_DER_BYTES {
            return None;
        }
        let (certificate, after) = Item::read(der)?;
        let (signed, _) = Item::read(certificate.inside(SEQUENCE)?)?;
        let mut fields = signed.inside(SEQUENCE)?;
        let (first, rest) = Item::read(fields)?;
        if first.tag == VERSION {
            fields = rest;
        }
        // Serial number, algorithm, issuer, validity, subject.
        for _ in 0..5 {
            fields = Item::read(fields)?.1;
        }
        let (info, _) = Item::read(fields)?;
        let (algorithm, rest) = Item::read(info.inside(SEQUENCE)?)?;
        let (name, parameters) = Item::read(algorithm.inside(SEQUENCE)?)?;
        let (bits, _) = Item::read(rest)?;
        // The first byte counts unused bits.
        let point = bits.inside(BIT_STRING)?.strip_prefix(&[0])?;
        let found = match name.inside(OBJECT_ID)? {
            RSA_ENCRYPTION if is_strong(point)? => Self::of_rsa(info.whole),
            EC_PUBLIC_KEY => match Item::read(parameters)?.0.inside(OBJECT_ID)? {
                P256 => Self::of_point(KeyKind::P256, point),
                P384 => Self::of_point(KeyKind::P384, point),
                _ => return None,
            },
            _ => return None,
        };
        after.is_empty().then_some(found)
    }
}

/// Tells whether an RSA key (RFC 8017 §A.1.1) has a modulus of 2048 bits at least: no signature of a shorter one counts.
fn is_strong(key: &[u8]) -> Option<bool> {
    let (modulus, _) = Item::read(Item::read(key)?.0.inside(SEQUENCE)?)?;
    let modulus = modulus.inside(INTEGER)?;
    let digits = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    Some(digits.len() > MIN_MODULUS || (digits.len() == MIN_MODULUS && digits.first()? & 0x80 != 0))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
/// `[0]`, constructed.
const VERSION: u8 = 0xa0;

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

/// One value in DER.
struct Item<'a> {
    tag: u8,
    content: &'a [u8],
    /// With tag and length.
    whole: &'a [u8],
}

impl<'a> Item<'a> {
    /// Reads a value and returns what follows it.
    fn read(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (tag, rest) = input.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            count @ (0x81 | 0x82) => {
                let (bytes, rest) = rest.split_at_checked(usize::from(count & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = input.get(..input.len() - after.len())?;
        Some((Self { tag: *tag, content, whole }, after))
    }

    fn inside(&self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }
}

/// Returns the contents of the PEM blocks of a kind (RFC 7468); nothing when one cannot be decoded.
pub(crate) fn pem_blocks(pem: &str, label: &str) -> Option<Vec<Zeroizing<Vec<u8>>>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let blocks = pem.split(&begin).skip(1).take(MAX_PEM_BLOCKS);
    blocks
        .map(|block| Some(Zeroizing::new(decode_base64(block.split_once(&end)?.0, MAX_DER_BYTES)?)))
        .collect()
}

/// Decodes base64 with white space anywhere, and nothing else that does not belong.
pub(crate) fn decode_base64(text: &str, max_bytes: usize) -> Option<Vec<u8>> {
    let bare: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\r' | '\n')).collect());
    if bare.len() / 4 * 3 > max_bytes.saturating_add(3) {
        return None;
    }
    STANDARD.decode(bare.as_bytes()).ok()
}

pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_never_past_the_end() {
        let (item, rest) = Item::read(&[0x30, 0x81, 0x02, 1, 2, 3]).unwrap();
        assert_eq!((item.content, item.whole, rest), (&[1, 2][..], &[0x30, 0x81, 2, 1, 2][..], &[3][..]));
        for cut in
            [&[][..], &[0x30], &[0x30, 2, 1], &[0x30, 0x82, 1], &[0x30, 0x84, 0, 0, 0, 0], &[0x30, 0x80]]
        {
            assert!(Item::read(cut).is_none(), "{cut:?}");
        }
    }

    #[test]
    fn base64_is_strict_but_for_white_space() {
        assert_eq!(decode_base64(" aGV\nsbG8= ", 5).unwrap(), b"hello");
        for wrong in ["aGVsbG8", "aGVsbG8=a", "aGVsbG9=", "aGVs!bG8=", "aGVsbG8=<!-- -->"] {
            assert!(decode_base64(wrong, 100).is_none(), "{wrong}");
        }
        assert!(decode_base64(&"A".repeat(400), 10).is_none());
    }
}
