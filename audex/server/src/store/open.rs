use super::{
    Store, StoreFault,
    handovers::Keyed,
    probe::Probed,
    schema,
    sql::{Pool, STATEMENT_LIMIT},
    writer::Writer,
};
use crate::{handover::HandoverSeal, settings::ServerSettings};
use axess::{
    backends::sqlite::{Db, SchemaError},
    clock::Clock,
    rng::SecureRng,
};
use sqlx::{
    SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The file of the embedded database, in the server's folder.
const EMBEDDED: &str = "audex.db";

/// The connections for reads, and for axess's stores.
const CONNECTIONS: u32 = 10;

/// How long SQLite waits for another writer: less than a statement may take.
const BUSY_LIMIT: Duration = Duration::from_secs(4);

/// How many statements a connection keeps prepared.
const STATEMENTS: usize = 256;

/// How long making the tables may take: another server may be at it.
const MIGRATION_LIMIT: Duration = Duration::from_secs(60);

impl Store {
    /// Connects to the database, makes its tables or brings them up to date, and puts right what a crash left.
    ///
    /// A SQLite file is made where there is none, for the server's user alone. `seal` seals what is handed over.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn open(
        settings: &ServerSettings,
        seal: HandoverSeal,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, StoreFault> {
        let pool = connect(settings).await?;
        let db = match &pool {
            Pool::Sqlite(pool) => Db::from(pool.clone()),
            Pool::Postgres(pool) => Db::from(pool.clone()),
        };
        let tables = async {
            let theirs = db.clone().with_timeout(MIGRATION_LIMIT).migrate().await;
            theirs.map_err(|error| match error {
                SchemaError::Database(error) => error.into(),
                other => StoreFault::Schema(other.into()),
            })?;
            schema::migrate(&pool).await
        };
        tokio::time::timeout(MIGRATION_LIMIT, tables).await.map_err(|_| StoreFault::too_slow())??;
        let (writer, keyed) = (Writer::start(pool.clone()), Keyed::default());
        let (most_waiting, probed) = (settings.max_waiting, Probed::default());
        let store = Self { pool, db, writer, seal, keyed, most_waiting, probed, clock, rng };
        let now = store.clock.now();
        store.forgive(now).await?;
        store.expire_sessions(now).await?;
        store.sweep_notices(now).await?;
        store.free_notices(now).await?;
        Ok(store)
    }
}

async fn connect(settings: &ServerSettings) -> Result<Pool, StoreFault> {
    let Some(url) = &settings.database else {
        return connect_to_file(&settings.data.join(EMBEDDED)).await.map(Pool::Sqlite);
    };
    match url.split_once(':').unwrap_or_default().0 {
        // A path, not an address: a `%` or a `?` is one of its characters.
        "sqlite" => {
            let path = url.trim_start_matches("sqlite:");
            connect_to_file(Path::new(path.strip_prefix("//").unwrap_or(path))).await.map(Pool::Sqlite)
        }
        "postgres" | "postgresql" => {
            let options: PgConnectOptions = url.parse()?;
            let options = options.statement_cache_capacity(STATEMENTS).application_name("audex-server");
            let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(STATEMENT_LIMIT);
            Ok(Pool::Postgres(pool.connect_with(options).await?))
        }
        _ => Err(StoreFault::Refused("the database's address begins with `sqlite:` or `postgres:`".into())),
    }
}

/// Connects to a SQLite file, which is made where there is none, for the server's user alone.
///
/// The path is taken as it is: as part of an address, a `%` or a `?` would mean something else.
///
/// # Errors
///
/// [`StoreFault::Unavailable`], or [`StoreFault::Refused`].
pub(crate) async fn connect_to_file(path: &Path) -> Result<SqlitePool, StoreFault> {
    prepare(path).map_err(|error| StoreFault::Unavailable(error.into()))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .statement_cache_capacity(STATEMENTS)
        .busy_timeout(BUSY_LIMIT);
    let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(STATEMENT_LIMIT);
    Ok(pool.connect_with(options).await?)
}

/// Makes the folder and the file, for the server's user alone. The files beside it get the mode of this one.
fn prepare(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    let beside = |end: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    for path in [file.to_owned(), beside("-wal"), beside("-shm")] {
        match fs::set_permissions(&path, fs::Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
