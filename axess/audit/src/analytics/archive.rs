//! The archived forms of foreign types: what `#[rkyv(with = ...)]` names here.

use axess_identity::{EventId, TenantId, UserId};
use chrono::{DateTime, Utc};
use rkyv::{
    Archive, Archived, Place,
    rancor::{Fallible, Source},
    with::{ArchiveWith, DeserializeWith, SerializeWith},
};
use uuid::Uuid;

/// Archives an id as its 16 bytes.
pub struct AsBytes;

/// Archives a time as microseconds since the Unix epoch; what is finer is dropped.
pub struct AsMicros;

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

uuid_ids!(EventId, TenantId, UserId);

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
