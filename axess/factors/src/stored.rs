//! How records turn into text: a version number, base32 seeds, PHC strings, hexadecimal bytes, checked ranges.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The `v` field of a record. Reads and writes only 1, so a record of a later format is refused, not misread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Version1;

impl Serialize for Version1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for Version1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            1 => Ok(Self),
            _ => Err(D::Error::custom("unknown record version")),
        }
    }
}

/// Reads a number that must lie in `LOW..=HIGH`.
pub(crate) fn bounded<'de, D: Deserializer<'de>, const LOW: u32, const HIGH: u32>(
    deserializer: D,
) -> Result<u32, D::Error> {
    let value = u32::deserialize(deserializer)?;
    if (LOW..=HIGH).contains(&value) {
        Ok(value)
    } else {
        Err(D::Error::custom(format_args!("must be between {LOW} and {HIGH}")))
    }
}

/// An OTP seed as unpadded base32 (RFC 4648 §6). The text is the secret itself: storage has to encrypt it.
pub(crate) mod seed_text {
    use super::*;
    use crate::otp::check_seed;
    use axess_identity::OtpSeed;
    use data_encoding::BASE32_NOPAD;
    use serde::ser::Error as _;
    use zeroize::Zeroizing;

    pub(crate) fn serialize<S: Serializer>(seed: &OtpSeed, serializer: S) -> Result<S::Ok, S::Error> {
        // The field is public: what could not be read again is not written either.
        check_seed(seed).map_err(S::Error::custom)?;
        serializer.serialize_str(&Zeroizing::new(BASE32_NOPAD.encode(seed.expose())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OtpSeed, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let seed = BASE32_NOPAD
            .decode(text.as_bytes())
            .map(OtpSeed::from)
            .map_err(|_| D::Error::custom("the seed is not base32"))?;
        check_seed(&seed).map_err(D::Error::custom)?;
        Ok(seed)
    }
}

/// A password hash as its PHC string.
pub(crate) mod hash_text {
    use super::*;
    use axess_identity::PasswordHash;

    pub(crate) fn serialize<S: Serializer>(hash: &PasswordHash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(hash.expose())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PasswordHash, D::Error> {
        String::deserialize(deserializer).map(PasswordHash::from)
    }
}

/// `N` bytes as lower-case hexadecimal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HexBytes<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Serialize for HexBytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for HexBytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| D::Error::custom(format_args!("must be {} hexadecimal digits", 2 * N)))
    }
}
