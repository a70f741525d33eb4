//! Pools with the settings these stores want. An application that has a pool passes its own instead.

use super::{Db, DbConfig, classify};
use axess_core::store::{StoreError, StoreErrorKind};

impl Db {
    /// Connects to the database a URL names: `sqlite:PATH`, `postgres://…` or `mysql://…`.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Misuse`] for a URL of another kind, or of a database this build has no feature for; else as the
    /// database fails.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_with(url, DbConfig::default()).await
    }

    /// Connects with a size and a time limit of one's own.
    ///
    /// A SQLite file is created when it is missing, and used with a write-ahead log, full synchronisation and foreign
    /// keys. A PostgreSQL or MySQL server is asked for TLS as the URL says (`sslmode`, `ssl-mode`).
    ///
    /// # Errors
    ///
    /// As [`Db::connect`].
    pub async fn connect_with(url: &str, config: DbConfig) -> Result<Self, StoreError> {
        let (scheme, _) = url.split_once(':').unwrap_or_default();
        let db = match scheme {
            #[cfg(feature = "sqlite")]
            "sqlite" => sqlite(url, &config).await.map_err(classify)?,
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => postgres(url, &config).await.map_err(classify)?,
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => mysql(url, &config).await.map_err(classify)?,
            _ => {
                let hint = "a database URL begins with `sqlite:`, `postgres:` or `mysql:`, and the feature of that \
                            name must be enabled";
                return Err(StoreError::new(StoreErrorKind::Misuse, hint));
            }
        };
        Ok(db.with_timeout(config.timeout))
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str, config: &DbConfig) -> Result<Db, sqlx::Error> {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
    let options: SqliteConnectOptions = url.parse()?;
    let options = options
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(config.timeout);
    let pool = SqlitePoolOptions::new()
        .max_connections(config.max_connections)
        .acquire_timeout(config.timeout)
        .connect_with(options);
    Ok(pool.await?.into())
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str, config: &DbConfig) -> Result<Db, sqlx::Error> {
    let options = sqlx::postgres::PgPoolOptions::new();
    let options = options.max_connections(config.max_connections).acquire_timeout(config.timeout);
    Ok(options.connect(url).await?.into())
}

#[cfg(feature = "mysql")]
async fn mysql(url: &str, config: &DbConfig) -> Result<Db, sqlx::Error> {
    let options = sqlx::mysql::MySqlPoolOptions::new();
    let options = options.max_connections(config.max_connections).acquire_timeout(config.timeout);
    Ok(options.connect(url).await?.into())
}
