//! The archived forms of foreign types: what `#[rkyv(with = ...)]` names in the events.

use axess_identity::{DeviceId, EventId, RefreshTokenId, SessionId, TenantId, TokenFamilyId, UserId};
use chrono::{DateTime, Utc};
use rkyv::{
    Archive, Archived, Deserialize, Place, Serialize,
    rancor::{Fallible, Source},
    ser::{Allocator, Writer},
    string::{ArchivedString, StringResolver},
    vec::{ArchivedVec, VecResolver},
    with::{ArchiveWith, DeserializeWith, SerializeWith},
};
use std::{error::Error, fmt::Display, str::FromStr};
use uuid::Uuid;

/// Archives an id as its 16 bytes.
pub struct AsBytes;

/// Archives a value as its text.
pub struct AsText;

/// Archives a time as microseconds since the Unix epoch; what is finer is dropped.
pub struct AsMicros;

/// Archives a list as itself, and refuses to read one of more than `MAX` items.
pub struct AtMost<const MAX: usize>;

/// An id of 16 bytes, any of which are valid.
pub trait Id {
    fn to_bytes(&self) -> [u8; 16];
    fn from_bytes(bytes: [u8; 16]) -> Self;
}

macro_rules! uuid_ids {
    ($($id:ty),*) => {$(
        impl Id for $id {
            fn to_bytes(&self) -> [u8; 16] {
                self.as_uuid().into_bytes()
            }

            fn from_bytes(bytes: [u8; 16]) -> Self {
                Self::from_uuid(Uuid::from_bytes(bytes))
            }
        }
    )*};
}

uuid_ids!(UserId, TenantId, DeviceId, EventId, RefreshTokenId, TokenFamilyId);

impl Id for SessionId {
    fn to_bytes(&self) -> [u8; 16] {
        *self.as_bytes()
    }

    fn from_bytes(bytes: [u8; 16]) -> Self {
        SessionId::from_bytes(bytes)
    }
}

impl<T: Id> ArchiveWith<T> for AsBytes {
    type Archived = [u8; 16];
    type Resolver = ();

    fn resolve_with(id: &T, (): (), out: Place<[u8; 16]>) {
        out.write(id.to_bytes());
    }
}

impl<T: Id, S: Fallible + ?Sized> SerializeWith<T, S> for AsBytes {
    fn serialize_with(_: &T, _: &mut S) -> Result<(), S::Error> {
        Ok(())
    }
}

impl<T: Id, D: Fallible + ?Sized> DeserializeWith<[u8; 16], T, D> for AsBytes {
    fn deserialize_with(bytes: &[u8; 16], _: &mut D) -> Result<T, D::Error> {
        Ok(T::from_bytes(*bytes))
    }
}

/// Keeps the text between the two steps of archiving, so that it is formatted once.
pub struct TextResolver {
    text: String,
    resolver: StringResolver,
}

impl<T: Display> ArchiveWith<T> for AsText {
    type Archived = ArchivedString;
    type Resolver = TextResolver;

    fn resolve_with(_: &T, TextResolver { text, resolver }: TextResolver, out: Place<ArchivedString>) {
        ArchivedString::resolve_from_str(&text, resolver, out);
    }
}

impl<T: Display, S: Fallible + Writer + ?Sized> SerializeWith<T, S> for AsText
where
    S::Error: Source,
{
    fn serialize_with(value: &T, serializer: &mut S) -> Result<TextResolver, S::Error> {
        let text = value.to_string();
        let resolver = ArchivedString::serialize_from_str(&text, serializer)?;
        Ok(TextResolver { text, resolver })
    }
}

impl<T, D> DeserializeWith<ArchivedString, T, D> for AsText
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
    D: Fallible<Error: Source> + ?Sized,
{
    fn deserialize_with(text: &ArchivedString, _: &mut D) -> Result<T, D::Error> {
        text.as_str().parse().map_err(D::Error::new)
    }
}

impl ArchiveWith<DateTime<Utc>> for AsMicros {
    type Archived = Archived<i64>;
    type Resolver = ();

    fn resolve_with(time: &DateTime<Utc>, (): (), out: Place<Archived<i64>>) {
        time.timestamp_micros().resolve((), out);
    }
}

impl<S: Fallible + ?Sized> SerializeWith<DateTime<Utc>, S> for AsMicros {
    fn serialize_with(_: &DateTime<Utc>, _: &mut S) -> Result<(), S::Error> {
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a time outside the range of the calendar")]
struct TimeOutOfRange;

impl<D: Fallible<Error: Source> + ?Sized> DeserializeWith<Archived<i64>, DateTime<Utc>, D> for AsMicros {
    fn deserialize_with(micros: &Archived<i64>, _: &mut D) -> Result<DateTime<Utc>, D::Error> {
        DateTime::from_timestamp_micros(micros.to_native()).ok_or_else(|| D::Error::new(TimeOutOfRange))
    }
}

impl<T: Archive, const MAX: usize> ArchiveWith<Vec<T>> for AtMost<MAX> {
    type Archived = ArchivedVec<T::Archived>;
    type Resolver = VecResolver;

    fn resolve_with(list: &Vec<T>, resolver: VecResolver, out: Place<Self::Archived>) {
        list.resolve(resolver, out);
    }
}

impl<T, S, const MAX: usize> SerializeWith<Vec<T>, S> for AtMost<MAX>
where
    T: Serialize<S>,
    S: Fallible + Allocator + Writer + ?Sized,
{
    fn serialize_with(list: &Vec<T>, serializer: &mut S) -> Result<VecResolver, S::Error> {
        list.serialize(serializer)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a list of more items than are read")]
struct TooMany;

impl<A, T, D, const MAX: usize> DeserializeWith<ArchivedVec<A>, Vec<T>, D> for AtMost<MAX>
where
    A: Deserialize<T, D>,
    D: Fallible<Error: Source> + ?Sized,
{
    fn deserialize_with(list: &ArchivedVec<A>, deserializer: &mut D) -> Result<Vec<T>, D::Error> {
        if list.len() > MAX {
            return Err(D::Error::new(TooMany));
        }
        list.iter().map(|item| item.deserialize(deserializer)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rkyv::rancor;

    #[derive(Debug, Archive, Serialize, Deserialize)]
    struct At(#[rkyv(with = AsMicros)] DateTime<Utc>);

    #[test]
    fn a_time_is_archived_up_to_the_ends_of_the_calendar_and_not_past_them() {
        for time in [DateTime::<Utc>::MIN_UTC, DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC] {
            let bytes = rkyv::to_bytes::<rancor::BoxedError>(&At(time)).unwrap();
            let read = rkyv::from_bytes::<At, rancor::BoxedError>(&bytes).unwrap();
            assert_eq!(read.0.timestamp_micros(), time.timestamp_micros());
        }
        for micros in [i64::MIN, i64::MAX] {
            let bytes = rkyv::to_bytes::<rancor::BoxedError>(&micros).unwrap();
            let error = rkyv::from_bytes::<At, rancor::BoxedError>(&bytes).unwrap_err();
            assert!(error.to_string().contains("outside the range"), "{error}");
        }
    }
}
