//! What is stored: one SQLite database for accounts, factors and sessions, and the file of the audit trail beside it.

use crate::{
    Fault,
    config::{Config, Storage},
};
use axess::{
    SessionCrypto,
    backends::sqlite::{Backend, Db, DbConfig, SessionStore},
    envelope::Envelope,
    rng::{SystemRng, random_array},
};
use data_encoding::HEXLOWER;
use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a call to the database may take.
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 10;

/// The open stores.
pub(crate) struct Database {
    pub(crate) db: Db,
    pub(crate) backend: Backend,
    pub(crate) sessions: SessionStore,
    pub(crate) session_crypto: SessionCrypto,
    pub(crate) audit_file: PathBuf,
    _folder: Option<Throwaway>,
}

/// Opens the database and brings its tables up to date.
pub(crate) async fn open(config: &Config) -> Result<Database, Fault> {
    let (url, audit_file, folder) = match &config.storage {
        Storage::Kept { url, audit_file } => (url.clone(), audit_file.clone(), None),
        Storage::Throwaway => {
            let folder = Throwaway::new()?;
            tracing::warn!("no DATABASE_URL: nothing outlives this process, and its keys are random");
            let url = format!("sqlite:{}", folder.file("app.db").display());
            (url, folder.file("audit.jsonl"), Some(folder))
        }
    };
    let db = Db::connect_with(&url, DbConfig { max_connections: CONNECTIONS, timeout: TIMEOUT }).await?;
    db.migrate().await?;
    // Secrets and sessions may share a key: each is sealed for its own place.
    let (mut envelope, mut session_crypto) =
        (Envelope::new(config.keys.envelope.bytes())?, SessionCrypto::new(config.keys.envelope.bytes())?);
    for key in &config.keys.previous_envelope {
        envelope = envelope.with_previous_key(key.bytes())?;
        session_crypto = session_crypto.with_previous_key(key.bytes())?;
    }
    let backend = Backend::new(db.clone(), envelope);
    let sessions = SessionStore::new(db.clone());
    Ok(Database { db, backend, sessions, session_crypto, audit_file, _folder: folder })
}

/// A folder that nobody else can look into, for as long as the process runs.
struct Throwaway(PathBuf);

impl Throwaway {
    fn new() -> io::Result<Self> {
        let name = format!("example-sqlite-{}", HEXLOWER.encode(&random_array::<16>(&SystemRng)));
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(&self.0).join(name)
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the folder of this run is left behind");
        }
    }
}
