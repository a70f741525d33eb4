//! The JSON forms of foreign types: what `#[serde(with = ...)]` names in the events.

use chrono::{DateTime, Utc};

/// Drops what is finer than a microsecond, so that every wire format holds the same time.
pub(crate) fn to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

/// A time as RFC 3339 in UTC with exactly six decimals, so that texts sort as times do.
pub(crate) mod micros {
    use super::to_micros;
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        DateTime::deserialize(deserializer).map(to_micros)
    }
}

/// A list that is refused when it is longer than an [`AuditSubjectErased`](crate::trail::AuditSubjectErased) may be. It
/// is not cut: what a cut list leaves out would look untouched.
pub(crate) mod at_most {
    use crate::trail::{ErasedEntry, MAX_ERASED_ENTRIES};
    use serde::{
        Deserializer,
        de::{Error, SeqAccess, Visitor},
    };
    use std::fmt;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<ErasedEntry>, D::Error> {
        deserializer.deserialize_seq(Bounded)
    }

    struct Bounded;

    impl<'de> Visitor<'de> for Bounded {
        type Value = Vec<ErasedEntry>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX_ERASED_ENTRIES} entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = seq.next_element()? {
                if entries.len() == MAX_ERASED_ENTRIES {
                    return Err(A::Error::invalid_length(entries.len() + 1, &self));
                }
                entries.push(entry);
            }
            Ok(entries)
        }
    }
}

/// Like [`micros`], for a time that may be absent.
pub(crate) mod micros_option {
    use super::{micros, to_micros};
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => micros::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map(to_micros))
    }
}

/// A session id as the text a log or a support desk shows, not as a list of bytes.
pub(crate) mod session_id {
    use axess_identity::SessionId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::borrow::Cow;

    pub(crate) fn serialize<S: Serializer>(id: &SessionId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SessionId, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(Error::custom)
    }
}

/// Like [`session_id`], for an id that may be absent.
pub(crate) mod session_id_option {
    use super::session_id;
    use axess_identity::SessionId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(id: &Option<SessionId>, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => session_id::serialize(id, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SessionId>, D::Error> {
        #[derive(Deserialize)]
        struct Text(#[serde(with = "super::session_id")] SessionId);
        Ok(Option::<Text>::deserialize(deserializer)?.map(|Text(id)| id))
    }
}
