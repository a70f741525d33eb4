use super::{Dialect, Pool, Row, Value};
use sqlx::{AssertSqlSafe, Executor, pool::PoolConnection};

/// A connection on loan.
///
/// Dropped before it was settled (because its caller was cancelled, or took too long) it is closed: what it was doing may
/// still be going on. SQLite has no such state: its worker finishes a statement before the next one begins.
pub(crate) struct Lease {
    connection: Connection,
    settled: bool,
}

/// A connection of the application's own, usually that of a transaction it has begun.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// fn of(connection: &mut sqlx::SqliteConnection) -> axess_sql::SqlConnection<'_> {
///     connection.into()
/// }
/// ```
pub enum SqlConnection<'c> {
    /// Of SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite(&'c mut sqlx::SqliteConnection),
    /// Of PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(&'c mut sqlx::PgConnection),
    /// Of MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    MySql(&'c mut sqlx::MySqlConnection),
}

impl SqlConnection<'_> {
    pub(crate) async fn execute(&mut self, sql: &str, args: Vec<Value>) -> Result<u64, sqlx::Error> {
        Ok(match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                (&mut **connection).execute(query(Dialect::Sqlite, sql, args)).await?.rows_affected()
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                (&mut **connection).execute(query(Dialect::Postgres, sql, args)).await?.rows_affected()
            }
            #[cfg(feature = "mysql")]
            Self::MySql(connection) => {
                (&mut **connection).execute(query(Dialect::MySql, sql, args)).await?.rows_affected()
            }
        })
    }
}

impl std::fmt::Debug for SqlConnection<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlConnection").finish_non_exhaustive()
    }
}

#[cfg(feature = "sqlite")]
impl<'c> From<&'c mut sqlx::SqliteConnection> for SqlConnection<'c> {
    fn from(connection: &'c mut sqlx::SqliteConnection) -> Self {
        Self::Sqlite(connection)
    }
}

#[cfg(feature = "postgres")]
impl<'c> From<&'c mut sqlx::PgConnection> for SqlConnection<'c> {
    fn from(connection: &'c mut sqlx::PgConnection) -> Self {
        Self::Postgres(connection)
    }
}

#[cfg(feature = "mysql")]
impl<'c> From<&'c mut sqlx::MySqlConnection> for SqlConnection<'c> {
    fn from(connection: &'c mut sqlx::MySqlConnection) -> Self {
        Self::MySql(connection)
    }
}

pub(super) enum Connection {
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
    #[cfg(feature = "mysql")]
    MySql(PoolConnection<sqlx::MySql>),
}

impl Lease {
    pub(super) async fn acquire(pool: &Pool) -> Result<Self, sqlx::Error> {
        let connection = match pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => Connection::Sqlite(pool.acquire().await?),
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
            #[cfg(feature = "mysql")]
            Pool::MySql(pool) => Connection::MySql(pool.acquire().await?),
        };
        Ok(Self { connection, settled: false })
    }

    /// Says that nothing is under way: the next caller may have the connection.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    pub(super) async fn execute(&mut self, sql: &str, args: Vec<Value>) -> Result<u64, sqlx::Error> {
        let mut connection: SqlConnection<'_> = match &mut self.connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => (&mut **connection).into(),
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => (&mut **connection).into(),
            #[cfg(feature = "mysql")]
            Connection::MySql(connection) => (&mut **connection).into(),
        };
        connection.execute(sql, args).await
    }

    pub(super) async fn fetch_optional(
        &mut self,
        sql: &str,
        args: Vec<Value>,
    ) -> Result<Option<Row>, sqlx::Error> {
        Ok(match &mut self.connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => {
                (&mut **connection).fetch_optional(query(Dialect::Sqlite, sql, args)).await?.map(Row::Sqlite)
            }
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => (&mut **connection)
                .fetch_optional(query(Dialect::Postgres, sql, args))
                .await?
                .map(Row::Postgres),
            #[cfg(feature = "mysql")]
            Connection::MySql(connection) => {
                (&mut **connection).fetch_optional(query(Dialect::MySql, sql, args)).await?.map(Row::MySql)
            }
        })
    }

    pub(super) async fn fetch_all(&mut self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, sqlx::Error> {
        Ok(match &mut self.connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => {
                let rows = (&mut **connection).fetch_all(query(Dialect::Sqlite, sql, args)).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => {
                let rows = (&mut **connection).fetch_all(query(Dialect::Postgres, sql, args)).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
            #[cfg(feature = "mysql")]
            Connection::MySql(connection) => {
                let rows = (&mut **connection).fetch_all(query(Dialect::MySql, sql, args)).await?;
                rows.into_iter().map(Row::MySql).collect()
            }
        })
    }

    /// Runs a statement that cannot be prepared, such as `BEGIN`.
    pub(super) async fn command(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match &mut self.connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => (&mut **connection).execute(sql).await.map(drop),
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => (&mut **connection).execute(sql).await.map(drop),
            #[cfg(feature = "mysql")]
            Connection::MySql(connection) => (&mut **connection).execute(sql).await.map(drop),
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match &self.connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(_) => Dialect::Sqlite,
            #[cfg(feature = "postgres")]
            Connection::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "mysql")]
            Connection::MySql(_) => Dialect::MySql,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        match &mut self.connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => connection.close_on_drop(),
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => connection.close_on_drop(),
            #[cfg(feature = "mysql")]
            Connection::MySql(connection) => connection.close_on_drop(),
        }
    }
}

fn query<DB>(dialect: Dialect, sql: &str, args: Vec<Value>) -> sqlx::query::Query<'static, DB, DB::Arguments>
where
    DB: sqlx::Database,
    Option<i64>: sqlx::Encode<'static, DB> + sqlx::Type<DB>,
    Option<String>: sqlx::Encode<'static, DB> + sqlx::Type<DB>,
    Option<Vec<u8>>: sqlx::Encode<'static, DB> + sqlx::Type<DB>,
{
    // Every statement is a constant of this crate, or a constant with a list of `?` in it: values are always parameters.
    let query = sqlx::query(AssertSqlSafe(dialect.spell(sql)));
    args.into_iter().fold(query, |query, value| match value {
        Value::Int(int) => query.bind(int),
        Value::Text(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}
