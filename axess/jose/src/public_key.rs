mod roca;

use crate::{Algorithm, JoseError, base64url, der, s256};
use der::{NULL, OBJECT_ID, Reader, SEQUENCE};
use serde_json::{Map, Value, json};

/// The bits of an RSA modulus.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// The least RSA exponent (FIPS 186-5 §5.4).
const MIN_EXPONENT: u64 = 65_537;
/// The bytes of the longest exponent: what verifying costs grows with it.
const MAX_EXPONENT_BYTES: usize = 4;

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

/// Members of a JWK that only a private or a symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A curve of NIST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
}

/// The numbers of a public key, of the size they must have. Whether a point is on its curve is for the library to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicNumbers {
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl Curve {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// Returns the bytes of a coordinate.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::P256, Self::P384].into_iter().find(|known| known.name() == name)
    }
}

impl PublicNumbers {
    /// Reads the members of a JWK that are the public key (RFC 7518 §6, RFC 8037 §2).
    pub(crate) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, JoseError> {
        let bytes = |name: &str| {
            let text = jwk.get(name).and_then(Value::as_str);
            text.and_then(base64url::decode).ok_or(JoseError::KeyRefused("a number is missing or malformed"))
        };
        let curve = jwk.get("crv").and_then(Value::as_str);
        let numbers = match jwk.get("kty").and_then(Value::as_str) {
            Some("RSA") => Self::Rsa { n: bytes("n")?, e: bytes("e")? },
            Some("EC") => {
                let curve = curve.and_then(Curve::from_name).ok_or(JoseError::KeyRefused("the curve"))?;
                Self::Ec { curve, x: bytes("x")?, y: bytes("y")? }
            }
            Some("OKP") if curve == Some("Ed25519") => Self::Ed25519 { x: bytes("x")? },
            _ => return Err(JoseError::KeyRefused("the type of key")),
        };
        numbers.checked()
    }

    /// Reads the content of a `SubjectPublicKeyInfo` (RFC 5280 §4.1, RFC 8410).
    pub(crate) fn from_spki(spki: &[u8]) -> Result<Self, JoseError> {
        Self::read_spki(spki).ok_or(JoseError::KeyRefused("the type or encoding of the key"))?.checked()
    }

    fn read_spki(spki: &[u8]) -> Option<Self> {
        let mut fields = Reader::new(spki);
        let mut algorithm = Reader::new(fields.read(SEQUENCE)?);
        let bits = fields.bits()?;
        if !fields.is_empty() {
            return None;
        }
        let numbers = match algorithm.read(OBJECT_ID)? {
            RSA_ENCRYPTION => {
                algorithm.read(NULL).filter(|content| content.is_empty())?;
                let mut outer = Reader::new(bits);
                let mut key = Reader::new(outer.read(SEQUENCE)?);
                let (n, e) = (key.positive()?.to_vec(), key.positive()?.to_vec());
                (outer.is_empty() && key.is_empty()).then_some(Self::Rsa { n, e })
            }
            EC_PUBLIC_KEY => {
                let curve = match algorithm.read(OBJECT_ID)? {
                    P256 => Curve::P256,
                    P384 => Curve::P384,
                    _ => return None,
                };
                Self::from_point(curve, bits)
            }
            ED25519 => Some(Self::Ed25519 { x: bits.to_vec() }),
            _ => None,
        };
        numbers.filter(|_| algorithm.is_empty())
    }

    /// Takes an uncompressed point (SEC 1 §2.3.3) apart.
    pub(crate) fn from_point(curve: Curve, point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(curve.bytes())?;
        (y.len() == curve.bytes()).then(|| Self::Ec { curve, x: x.to_vec(), y: y.to_vec() })
    }

    fn checked(self) -> Result<Self, JoseError> {
        match &self {
            Self::Ec { curve, x, y } if x.len() != curve.bytes() || y.len() != curve.bytes() => {
                Err(JoseError::KeyRefused("a coordinate's length"))
            }
            Self::Ed25519 { x } if x.len() != 32 => Err(JoseError::KeyRefused("the point's length")),
            Self::Rsa { n, .. } if n.first() == Some(&0) || !MODULUS_BITS.contains(&bits(n)) => {
                Err(JoseError::KeyRefused("the modulus has no 2048 to 8192 bits, or a leading zero"))
            }
            Self::Rsa { n, .. } if roca::is_suspect(n) => {
                Err(JoseError::KeyRefused("the modulus can be factored"))
            }
            Self::Rsa { n, .. } if n.last().is_none_or(|last| last % 2 == 0) => {
                Err(JoseError::KeyRefused("the modulus is even"))
            }
            Self::Rsa { e, .. } if !is_exponent(e) => Err(JoseError::KeyRefused("the exponent")),
            _ => Ok(self),
        }
    }

    /// Returns the algorithms such a key can be used with.
    pub(crate) fn algorithms(&self) -> &'static [Algorithm] {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            Self::Rsa { .. } => &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
            Self::Ec { curve: Curve::P256, .. } => &[Es256],
            Self::Ec { curve: Curve::P384, .. } => &[Es384],
            Self::Ed25519 { .. } => &[EdDsa],
        }
    }

    /// Returns the uncompressed point of a key on a NIST curve.
    pub(crate) fn point(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ec { x, y, .. } => Some([&[4][..], x, y].concat()),
            _ => None,
        }
    }

    /// Returns the required members of its JWK.
    pub(crate) fn to_jwk(&self) -> Map<String, Value> {
        let text = |bytes: &[u8]| base64url::encode(bytes);
        let members = match self {
            Self::Ec { curve, x, y } => json!({"kty": "EC", "crv": curve.name(), "x": text(x), "y": text(y)}),
            Self::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": text(x)}),
            Self::Rsa { n, e } => json!({"kty": "RSA", "n": text(n), "e": text(e)}),
        };
        members.as_object().cloned().unwrap_or_default()
    }

    /// Returns the SHA-256 of the required members, in their order and without a space (RFC 7638 §3).
    pub(crate) fn thumbprint(&self) -> String {
        let text = |bytes: &[u8]| base64url::encode(bytes);
        let canonical = match self {
            Self::Ec { curve, x, y } => {
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, curve.name(), text(x), text(y))
            }
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(x)),
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(e), text(n)),
        };
        s256(canonical.as_bytes())
    }
}

/// Tells whether a JWK has a member that must never be published.
pub(crate) fn has_private_member(jwk: &Map<String, Value>) -> bool {
    PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name))
}

/// Returns the bits of a number without leading zero bytes.
fn bits(n: &[u8]) -> usize {
    n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize)
}

/// Tells whether the numbers are odd, in range, and without a leading zero.
fn is_exponent(e: &[u8]) -> bool {
    if e.len() > MAX_EXPONENT_BYTES || e.first() == Some(&0) {
        return false;
    }
    let value = e.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    value >= MIN_EXPONENT && value % 2 == 1
}

#[cfg(test)]
mod tests;
