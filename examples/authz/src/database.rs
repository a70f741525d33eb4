//! One SQLite file for accounts, sessions, devices and documents, in a folder that goes with the process.

use crate::Fault;
use axess::{
    backends::sqlite::{Backend, Db, DeviceStore, SessionStore},
    envelope::Envelope,
    rng::{SystemRng, random_array},
};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::PathBuf, time::Duration};

/// How long a writer waits for another.
const BUSY: Duration = Duration::from_secs(5);

pub(crate) struct Database {
    pub(crate) backend: Backend,
    pub(crate) sessions: SessionStore,
    pub(crate) devices: DeviceStore,
    /// The same connections, for tables of our own.
    pub(crate) pool: SqlitePool,
    _folder: Throwaway,
}

impl Database {
    pub(crate) async fn new() -> Result<Self, Fault> {
        let folder = Throwaway::new()?;
        let options = SqliteConnectOptions::new()
            .filename(folder.0.join("documents.db"))
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(BUSY);
        let pool = SqlitePool::connect_with(options).await?;
        let db = Db::from(pool.clone());
        db.migrate().await?;
        sqlx::raw_sql(include_str!("schema.sql")).execute(&pool).await?;
        let envelope = Envelope::new(random_array::<32>(&SystemRng))?;
        Ok(Self {
            backend: Backend::new(db.clone(), envelope),
            sessions: SessionStore::new(db.clone()),
            devices: DeviceStore::new(db),
            pool,
            _folder: folder,
        })
    }
}

/// A folder that nobody else can look into, for as long as the process runs.
struct Throwaway(PathBuf);

impl Throwaway {
    fn new() -> std::io::Result<Self> {
        let name = u128::from_be_bytes(random_array(&SystemRng));
        let path = std::env::temp_dir().join(format!("example-authz-{name:032x}"));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the folder of this run is left behind");
        }
    }
}
