//! How our types are kept: integers, text and bytes, and nothing a server setting could reinterpret.

use super::error::{classify, corrupt};
use axess_core::store::{Owner, StoreError};
use axess_identity::{
    AttemptId, DeviceId, EventId, RefreshTokenId, SessionId, TenantId, TokenFamilyId, UserId,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::Row as _;

/// One parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// One row of an answer.
pub(crate) enum Row {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteRow),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgRow),
    #[cfg(feature = "mysql")]
    MySql(sqlx::mysql::MySqlRow),
}

impl Row {
    /// Reads a column that is never NULL.
    pub(crate) fn get<T: Column>(&self, name: &'static str) -> Result<T, StoreError> {
        self.find(name)?.ok_or_else(|| corrupt(name))
    }

    /// Reads a column that may be NULL.
    pub(crate) fn find<T: Column>(&self, name: &'static str) -> Result<Option<T>, StoreError> {
        let raw = T::Raw::read(self, name).map_err(classify)?;
        raw.map(|raw| T::from_raw(raw).ok_or_else(|| corrupt(name))).transpose()
    }

    /// Reads the columns `tenant_id` and `user_id`.
    pub(crate) fn owner(&self) -> Result<Owner, StoreError> {
        Ok(Owner { tenant_id: self.get("tenant_id")?, user_id: self.get("user_id")? })
    }
}

/// What the database keeps a value as.
pub(crate) trait Raw: Sized {
    fn into_value(raw: Option<Self>) -> Value;
    fn read(row: &Row, name: &str) -> Result<Option<Self>, sqlx::Error>;
}

/// A type that has a column of its own.
pub(crate) trait Column: Sized {
    type Raw: Raw;
    fn into_raw(self) -> Self::Raw;
    fn from_raw(raw: Self::Raw) -> Option<Self>;
}

/// Anything that can be a parameter.
pub(crate) trait IntoValue {
    fn into_value(self) -> Value;
}

impl<T: Column> IntoValue for T {
    fn into_value(self) -> Value {
        T::Raw::into_value(Some(self.into_raw()))
    }
}

impl<T: Column> IntoValue for Option<T> {
    fn into_value(self) -> Value {
        T::Raw::into_value(self.map(T::into_raw))
    }
}

/// Lists the parameters of a statement.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { vec![$($crate::db::column::IntoValue::into_value($arg)),*] };
}
pub(crate) use args;

macro_rules! raw {
    ($($ty:ty => $variant:ident;)*) => {$(
        impl Raw for $ty {
            fn into_value(raw: Option<Self>) -> Value {
                Value::$variant(raw)
            }

            fn read(row: &Row, name: &str) -> Result<Option<Self>, sqlx::Error> {
                match row {
                    #[cfg(feature = "sqlite")]
                    Row::Sqlite(row) => row.try_get(name),
                    #[cfg(feature = "postgres")]
                    Row::Postgres(row) => row.try_get(name),
                    #[cfg(feature = "mysql")]
                    Row::MySql(row) => row.try_get(name),
                }
            }
        }

        impl Column for $ty {
            type Raw = Self;

            fn into_raw(self) -> Self {
                self
            }

            fn from_raw(raw: Self) -> Option<Self> {
                Some(raw)
            }
        }
    )*};
}

raw! {
    i64 => Int;
    String => Text;
    Vec<u8> => Bytes;
}

macro_rules! columns {
    ($($ty:ty as $raw:ty: $into:expr, $from:expr;)*) => {$(
        impl Column for $ty {
            type Raw = $raw;

            fn into_raw(self) -> $raw {
                let into: fn(Self) -> $raw = $into;
                into(self)
            }

            fn from_raw(raw: $raw) -> Option<Self> {
                let from: fn($raw) -> Option<Self> = $from;
                from(raw)
            }
        }
    )*};
}

columns! {
    // A number past the signed range is stored as the largest; counters and versions never get there.
    u64 as i64: |n| i64::try_from(n).unwrap_or(i64::MAX), |n| u64::try_from(n).ok();
    u32 as i64: i64::from, |n| u32::try_from(n).ok();
    // The only use is LIMIT, where the largest number and no limit are the same.
    usize as i64: |n| i64::try_from(n).unwrap_or(i64::MAX), |n| usize::try_from(n).ok();
    bool as i64: i64::from, |n| Some(n != 0);
    DateTime<Utc> as i64: |at| at.timestamp_micros(), DateTime::from_timestamp_micros;
    &'static str as String: str::to_owned, |_| None;
    Bytes as Vec<u8>: |bytes| bytes.to_vec(), |bytes| Some(bytes.into());
    [u8; 16] as Vec<u8>: |bytes| bytes.to_vec(), |bytes| bytes.try_into().ok();
    [u8; 32] as Vec<u8>: |bytes| bytes.to_vec(), |bytes| bytes.try_into().ok();
    SessionId as Vec<u8>: |id| id.as_bytes().to_vec(), |bytes| Some(SessionId::from_bytes(bytes.try_into().ok()?));
}

macro_rules! id_columns {
    ($($id:ty),*) => { columns! { $(
        $id as Vec<u8>: |id| id.as_uuid().into_bytes().to_vec(),
            |bytes| Some(<$id>::from_uuid(uuid::Uuid::from_bytes(bytes.try_into().ok()?)));
    )* } };
}

id_columns!(TenantId, UserId, DeviceId, EventId, AttemptId, RefreshTokenId, TokenFamilyId);
