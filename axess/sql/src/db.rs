//! One database behind one type: connections, time limits, transactions, errors.

pub(crate) mod column;
mod connect;
mod connection;
mod error;
mod statement;
mod transaction;
mod unit;

pub(crate) use column::{Row, Value, args};
pub use connection::SqlConnection;
pub(crate) use error::{classify, corrupt, misuse};
pub(crate) use statement::{Dialect, in_list};
pub(crate) use transaction::{Tx, transaction, try_again};

use axess_core::store::{StoreError, StoreErrorKind};
use connection::Lease;
use sqlx::migrate::{MigrateError, Migrator};
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a call may take when nothing else is said, waiting for a connection included.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// A SQLite, PostgreSQL or MySQL/MariaDB database.
///
/// Clones share the pool. Every call has a time limit; a call that is given up closes its connection rather than hand
/// it, in the middle of something, to the next caller.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use axess_sql::Db;
/// let folder = std::env::temp_dir().join(format!("axess-doc-db-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let db = Db::connect(&format!("sqlite:{}", folder.join("app.db").display())).await.unwrap();
/// db.migrate().await.unwrap();
/// # db.close().await;
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    timeout: Duration,
    /// SQLite has one writer at a time: waiting in line here is fair and costs no polling.
    writers: Option<Arc<Semaphore>>,
}

/// How a [`Db`] is used.
///
/// ```
/// use axess_sql::DbConfig;
/// assert_eq!(DbConfig::default().max_connections, 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbConfig {
    /// The most connections of the pool.
    pub max_connections: u32,
    /// How long a call may take, waiting for a connection included.
    pub timeout: Duration,
}

impl Default for DbConfig {
    fn default() -> Self {
        Self { max_connections: 10, timeout: DEFAULT_TIMEOUT }
    }
}

#[derive(Clone)]
enum Pool {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqlitePool),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlPool),
}

/// Gives a store, a struct with a `db`, what every one of them has.
macro_rules! on_a_database {
    ($store:ident) => {
        impl $store {
            /// Keeps everything on a database, or on a pool of one.
            pub fn new(db: impl Into<$crate::Db>) -> Self {
                Self { db: db.into() }
            }

            /// Creates the tables, or brings them up to date: see [`Db::migrate`](crate::Db::migrate).
            ///
            /// # Errors
            ///
            /// [`SchemaError`](crate::SchemaError).
            pub async fn init_schema(&self) -> Result<(), $crate::SchemaError> {
                self.db.migrate().await
            }
        }
    };
}
pub(crate) use on_a_database;

impl Db {
    fn of(pool: Pool) -> Self {
        let db = Self { pool, timeout: DEFAULT_TIMEOUT, writers: None };
        let writers = (db.dialect() == Dialect::Sqlite).then(|| Arc::new(Semaphore::new(1)));
        Self { writers, ..db }
    }

    /// Sets how long a call may take, waiting for a connection included; the default is 5 seconds.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Asks the database whether it is there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it does not answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.fetch_optional("SELECT 1 AS one", args![]).await.map(drop)
    }

    /// Closes the pool and waits for what is under way.
    pub async fn close(&self) {
        match &self.pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => pool.close().await,
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => pool.close().await,
            #[cfg(feature = "mysql")]
            Pool::MySql(pool) => pool.close().await,
        }
    }

    pub(crate) async fn run_migrations(&self, migrator: &Migrator) -> Result<(), MigrateError> {
        match &self.pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => migrator.run(pool).await,
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => migrator.run(pool).await,
            #[cfg(feature = "mysql")]
            Pool::MySql(pool) => migrator.run(pool).await,
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match &self.pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => Dialect::Sqlite,
            #[cfg(feature = "postgres")]
            Pool::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "mysql")]
            Pool::MySql(_) => Dialect::MySql,
        }
    }

    /// Runs one statement and returns how many rows it changed (or, on MySQL, matched). It runs again when it lost against
    /// a transaction: then it had changed nothing.
    pub(crate) async fn execute(
        &self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let sql = sql.into();
        if let Some(mut unit) = self.join(true).await? {
            let done = self.limited_block(unit.execute(&sql, args)).await;
            return unit.checked(done);
        }
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.execute_once(&sql, args.clone()).await {
                Err(error) if try_again(&error, attempt).await => {}
                done => return done,
            }
        }
    }

    /// Reads at most one row.
    pub(crate) async fn fetch_optional(
        &self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        if let Some(mut unit) = self.join(false).await? {
            let row = self.limited_block(unit.fetch_optional(&sql.into(), args)).await;
            return unit.checked(row);
        }
        let mut lease = self.lease().await?;
        let row = self.limited(lease.fetch_optional(&sql.into(), args)).await?;
        lease.settle();
        Ok(row)
    }

    /// Reads all rows; the statement bounds how many.
    pub(crate) async fn fetch_all(
        &self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        if let Some(mut unit) = self.join(false).await? {
            let rows = self.limited_block(unit.fetch_all(&sql.into(), args)).await;
            return unit.checked(rows);
        }
        let mut lease = self.lease().await?;
        let rows = self.limited(lease.fetch_all(&sql.into(), args)).await?;
        lease.settle();
        Ok(rows)
    }

    async fn execute_once(&self, sql: &str, args: Vec<Value>) -> Result<u64, StoreError> {
        let _turn = self.writer_turn().await?;
        let mut lease = self.lease().await?;
        let done = self.limited(lease.execute(sql, args)).await?;
        lease.settle();
        Ok(done)
    }

    /// Tells whether two handles are of one pool.
    fn is_same(&self, other: &Self) -> bool {
        match (&self.pool, &other.pool) {
            #[cfg(feature = "sqlite")]
            (Pool::Sqlite(one), Pool::Sqlite(two)) => {
                Arc::ptr_eq(&one.connect_options(), &two.connect_options())
            }
            #[cfg(feature = "postgres")]
            (Pool::Postgres(one), Pool::Postgres(two)) => {
                Arc::ptr_eq(&one.connect_options(), &two.connect_options())
            }
            #[cfg(feature = "mysql")]
            (Pool::MySql(one), Pool::MySql(two)) => {
                Arc::ptr_eq(&one.connect_options(), &two.connect_options())
            }
            #[allow(unreachable_patterns, reason = "with one database there is no other case")]
            _ => false,
        }
    }

    /// Waits for the turn to write, where the database admits one writer.
    async fn writer_turn(&self) -> Result<Option<OwnedSemaphorePermit>, StoreError> {
        let Some(writers) = &self.writers else { return Ok(None) };
        match tokio::time::timeout(self.timeout, Arc::clone(writers).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(Some(turn)),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(StoreError::bare(StoreErrorKind::Unavailable)),
        }
    }

    async fn lease(&self) -> Result<Lease, StoreError> {
        match tokio::time::timeout(self.timeout, Lease::acquire(&self.pool)).await {
            Ok(lease) => lease.map_err(classify),
            Err(elapsed) => Err(StoreError::new(StoreErrorKind::Unavailable, elapsed)),
        }
    }

    async fn limited<T>(&self, call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(done) => done.map_err(classify),
            Err(elapsed) => Err(StoreError::new(StoreErrorKind::Timeout, elapsed)),
        }
    }
}

#[cfg(feature = "sqlite")]
impl From<sqlx::SqlitePool> for Db {
    fn from(pool: sqlx::SqlitePool) -> Self {
        Self::of(Pool::Sqlite(pool))
    }
}

#[cfg(feature = "postgres")]
impl From<sqlx::PgPool> for Db {
    fn from(pool: sqlx::PgPool) -> Self {
        Self::of(Pool::Postgres(pool))
    }
}

#[cfg(feature = "mysql")]
impl From<sqlx::MySqlPool> for Db {
    fn from(pool: sqlx::MySqlPool) -> Self {
        Self::of(Pool::MySql(pool))
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("dialect", &self.dialect()).field("timeout", &self.timeout).finish()
    }
}
