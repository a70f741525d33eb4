//! The two databases behind one type: statements are written once, with `$1` for parameters; values are integers and bytes, so
//! that no setting of a server can read them in another way.

use super::StoreFault;
use crate::telemetry::span;
use audex_core::session::SessionId;
use axess::UserId;
use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Executor, Row as _, SqlSafeStr};
use std::time::Duration;
use tracing::Instrument;
use uuid::Uuid;

/// How long a statement may take, and the wait for a connection.
pub(crate) const STATEMENT_LIMIT: Duration = Duration::from_secs(5);

/// One parameter.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

/// One row of an answer.
pub(crate) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

/// The connections that reads use, and axess's stores.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}

/// The connection that writes.
pub(crate) enum Connection {
    Sqlite(sqlx::SqliteConnection),
    Postgres(Box<sqlx::PgConnection>),
}

/// Lists the parameters of a statement.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { vec![$($crate::store::sql::Value::from($arg)),*] };
}
pub(crate) use args;

macro_rules! values {
    ($($ty:ty => $variant:ident($name:ident) $into:expr;)*) => {$(
        impl From<$ty> for Value {
            fn from($name: $ty) -> Self {
                Self::$variant(Some($into))
            }
        }

        impl From<Option<$ty>> for Value {
            fn from(value: Option<$ty>) -> Self {
                Self::$variant(value.map(|$name| $into))
            }
        }
    )*};
}

values! {
    i64 => Int(n) n;
    u32 => Int(n) i64::from(n);
    bool => Int(is) i64::from(is);
    DateTime<Utc> => Int(at) at.timestamp_micros();
    Vec<u8> => Bytes(bytes) bytes;
    &[u8] => Bytes(bytes) bytes.to_vec();
    &[u8; 32] => Bytes(bytes) bytes.to_vec();
    &str => Bytes(text) text.as_bytes().to_vec();
    String => Bytes(text) text.into_bytes();
    Uuid => Bytes(id) id.into_bytes().to_vec();
    UserId => Bytes(id) id.as_uuid().into_bytes().to_vec();
    SessionId => Bytes(id) bytes_of(id).to_vec();
}

/// Returns the bytes of a session's id.
pub(crate) fn bytes_of(id: SessionId) -> [u8; 16] {
    // It is written as a UUID.
    Uuid::parse_str(&id.to_string()).unwrap_or_default().into_bytes()
}

/// Writes a value down.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, StoreFault> {
    serde_json::to_vec(value).map_err(|error| StoreFault::Refused(error.into()))
}

impl Row {
    pub(crate) fn int(&self, name: &'static str) -> Result<i64, StoreFault> {
        self.maybe_int(name)?.ok_or(StoreFault::Damaged(name))
    }

    pub(crate) fn maybe_int(&self, name: &'static str) -> Result<Option<i64>, StoreFault> {
        let found = match self {
            Self::Sqlite(row) => row.try_get(name),
            Self::Postgres(row) => row.try_get(name),
        };
        found.map_err(|_| StoreFault::Damaged(name))
    }

    pub(crate) fn count(&self, name: &'static str) -> Result<u64, StoreFault> {
        u64::try_from(self.int(name)?).map_err(|_| StoreFault::Damaged(name))
    }

    pub(crate) fn bytes(&self, name: &'static str) -> Result<Vec<u8>, StoreFault> {
        let found: Result<Option<Vec<u8>>, _> = match self {
            Self::Sqlite(row) => row.try_get(name),
            Self::Postgres(row) => row.try_get(name),
        };
        found.ok().flatten().ok_or(StoreFault::Damaged(name))
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<String, StoreFault> {
        String::from_utf8(self.bytes(name)?).map_err(|_| StoreFault::Damaged(name))
    }

    pub(crate) fn digest(&self, name: &'static str) -> Result<[u8; 32], StoreFault> {
        self.bytes(name)?.try_into().map_err(|_| StoreFault::Damaged(name))
    }

    pub(crate) fn uuid(&self, name: &'static str) -> Result<Uuid, StoreFault> {
        Uuid::from_slice(&self.bytes(name)?).map_err(|_| StoreFault::Damaged(name))
    }

    pub(crate) fn user(&self, name: &'static str) -> Result<UserId, StoreFault> {
        Ok(UserId::from_uuid(self.uuid(name)?))
    }

    pub(crate) fn session(&self, name: &'static str) -> Result<SessionId, StoreFault> {
        self.uuid(name)?.hyphenated().to_string().parse().map_err(|_| StoreFault::Damaged(name))
    }

    pub(crate) fn time(&self, name: &'static str) -> Result<DateTime<Utc>, StoreFault> {
        self.maybe_time(name)?.ok_or(StoreFault::Damaged(name))
    }

    pub(crate) fn maybe_time(&self, name: &'static str) -> Result<Option<DateTime<Utc>>, StoreFault> {
        let read = |micros| DateTime::from_timestamp_micros(micros).ok_or(StoreFault::Damaged(name));
        self.maybe_int(name)?.map(read).transpose()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, StoreFault> {
        serde_json::from_slice(&self.bytes(name)?).map_err(|_| StoreFault::Damaged(name))
    }
}

fn query<DB>(sql: impl SqlSafeStr, args: Vec<Value>) -> sqlx::query::Query<'static, DB, DB::Arguments>
where
    DB: sqlx::Database,
    Option<i64>: sqlx::Encode<'static, DB> + sqlx::Type<DB>,
    Option<Vec<u8>>: sqlx::Encode<'static, DB> + sqlx::Type<DB>,
{
    args.into_iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Int(int) => query.bind(int),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}

impl Pool {
    /// Reads all rows; the statement bounds how many.
    pub(crate) async fn fetch_all(
        &self,
        sql: impl SqlSafeStr,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, StoreFault> {
        let rows = async {
            Ok::<_, sqlx::Error>(match self {
                Self::Sqlite(pool) => {
                    pool.fetch_all(query(sql, args)).await?.into_iter().map(Row::Sqlite).collect()
                }
                Self::Postgres(pool) => {
                    pool.fetch_all(query(sql, args)).await?.into_iter().map(Row::Postgres).collect()
                }
            })
        };
        let rows = tokio::time::timeout(STATEMENT_LIMIT, rows).instrument(span::database("select"));
        Ok(rows.await.map_err(|_| StoreFault::too_slow())??)
    }

    /// Reads at most one row.
    pub(crate) async fn fetch_optional(
        &self,
        sql: impl SqlSafeStr,
        args: Vec<Value>,
    ) -> Result<Option<Row>, StoreFault> {
        let row = async {
            Ok::<_, sqlx::Error>(match self {
                Self::Sqlite(pool) => pool.fetch_optional(query(sql, args)).await?.map(Row::Sqlite),
                Self::Postgres(pool) => pool.fetch_optional(query(sql, args)).await?.map(Row::Postgres),
            })
        };
        let row = tokio::time::timeout(STATEMENT_LIMIT, row).instrument(span::database("select"));
        Ok(row.await.map_err(|_| StoreFault::too_slow())??)
    }

    pub(crate) const fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// Opens the connection that writes.
    pub(crate) async fn connect(&self) -> Result<Connection, sqlx::Error> {
        use sqlx::Connection as _;
        Ok(match self {
            Self::Sqlite(pool) => {
                Connection::Sqlite(sqlx::SqliteConnection::connect_with(&pool.connect_options()).await?)
            }
            Self::Postgres(pool) => Connection::Postgres(Box::new(
                sqlx::PgConnection::connect_with(&pool.connect_options()).await?,
            )),
        })
    }
}

impl Connection {
    /// Runs one statement and returns how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Value>,
    ) -> Result<u64, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(connection) => connection.execute(query(sql, args)).await?.rows_affected(),
            Self::Postgres(connection) => connection.execute(query(sql, args)).await?.rows_affected(),
        })
    }

    pub(crate) async fn fetch_all(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(connection) => {
                connection.fetch_all(query(sql, args)).await?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(connection) => {
                connection.fetch_all(query(sql, args)).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Value>,
    ) -> Result<Option<Row>, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(connection) => connection.fetch_optional(query(sql, args)).await?.map(Row::Sqlite),
            Self::Postgres(connection) => {
                connection.fetch_optional(query(sql, args)).await?.map(Row::Postgres)
            }
        })
    }

    /// Runs what cannot be prepared, as `BEGIN`.
    pub(crate) async fn command(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => connection.execute(sqlx::raw_sql(sql)).await.map(drop),
            Self::Postgres(connection) => connection.execute(sqlx::raw_sql(sql)).await.map(drop),
        }
    }

    /// Returns how a transaction begins that writes.
    pub(crate) const fn begin(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        }
    }

    /// Ends a connection that may be in the middle of something.
    pub(crate) async fn close(self) {
        use sqlx::Connection as _;
        let closed = match self {
            Self::Sqlite(connection) => connection.close_hard().await,
            Self::Postgres(connection) => connection.close_hard().await,
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "a connection was lost");
        }
    }
}
