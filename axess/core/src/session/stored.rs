//! The stored form of types whose usual form is slow to read back with every request.
//!
//! In a text format (where people read) they keep their usual form.

/// A digest as one byte string instead of 32 numbers.
pub(crate) mod digest {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::fmt;

    pub(crate) fn serialize<S: Serializer>(
        digest: &Option<[u8; 32]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => serializer.serialize_bytes(digest),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<[u8; 32]>, D::Error> {
        Ok(Option::<Digest>::deserialize(deserializer)?.map(|digest| digest.0))
    }

    struct Digest([u8; 32]);

    impl<'de> Deserialize<'de> for Digest {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl de::Visitor<'_> for Visitor {
                type Value = Digest;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("32 bytes")
                }

                fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Digest, E> {
                    bytes.try_into().map(Digest).map_err(|_| E::invalid_length(bytes.len(), &self))
                }
            }
            deserializer.deserialize_bytes(Visitor)
        }
    }
}

/// A time as nanoseconds since the Unix epoch, which is exact, instead of text.
pub(crate) mod time {
    use chrono::{DateTime, Utc, serde::ts_nanoseconds};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            time.serialize(serializer)
        } else {
            ts_nanoseconds::serialize(time, serializer)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        if deserializer.is_human_readable() {
            DateTime::deserialize(deserializer)
        } else {
            ts_nanoseconds::deserialize(deserializer)
        }
    }
}
