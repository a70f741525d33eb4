//! What happened, for whoever asks later.
//!
//! 1. An event is a row of the transaction that it tells of. So there is none without the other.
//! 2. From there it is moved into the chained log, in order, a moment later; `tryaudex audit verify` proves the log.
//! 3. Where a database is configured for search, every event is copied there.
//! 4. Searches and exports read the log or that database. They wait, for a moment at most, for what was recorded before.

mod csv;
mod entry;
mod export;
mod facts;
mod keep;
mod lease;
mod outbox;
mod query;
mod scan;
mod search;
mod token;

pub use entry::AuditEntry;
pub use export::ExportFormat;
pub use query::{AuditQuery, AuditQueryFault};

use crate::{
    problem::Problem,
    settings::{AuditBackend, ServerSettings},
    store::{self, Store, StoreFault},
};
use audex_core::audit::{LogTrail, TrailError};
use axess::{
    audit::{
        AuditSink,
        chain::AuditKeys,
        log::{AuditLog, LogError},
        pipe::{AuditPipe, AuditPipeConfig, BufferStrategy, PipeError},
        retention::{RetentionError, RetentionReport},
        sink::StoreSink,
    },
    backends::sqlite::{AuditStore, Db, LeaderLock, SchemaError},
    clock::Clock,
    rng::SecureRng,
};
use chrono::{DateTime, TimeDelta, Utc};
use entry::Names;
use keep::{Chore, Retention};
use lease::Leases;
use outbox::Outbox;
use search::Reader;
use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

/// The name of the copy that is searched, as the log's folder knows it.
const SEARCH: &str = "search";

/// How often it is looked whether events wait in the database.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many events may wait before logins are refused: what is issued is not refused before.
const MAX_WAITING: usize = 1_000_000;

/// How long an event may wait in the database for the audit log before the server says that it is not ready.
pub const MAX_WAIT: TimeDelta = TimeDelta::minutes(5);

/// Says what keeps events from the audit log.
///
/// ```
/// use audex_server::evidence::EvidenceObstacle;
/// assert_eq!(EvidenceObstacle::Full.to_string(), "too many events wait for the audit log");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceObstacle {
    /// Nothing is moved any more.
    #[error("the audit log has ended")]
    Ended,
    /// There is no room for more.
    #[error("too many events wait for the audit log")]
    Full,
    /// Nothing has been moved for too long, by this server or the one whose turn it is.
    #[error("events have been waiting for the audit log since {since}")]
    Stuck {
        /// When the oldest of them happened.
        since: DateTime<Utc>,
    },
}

/// Keeps evidence: the way from the database into the log, and the ways to read it.
///
/// ```
/// # async fn example(evidence: &audex_server::evidence::Evidence) -> Result<(), audex_server::evidence::EvidenceError> {
/// use audex_server::evidence::AuditQuery;
/// let page = evidence.search(&AuditQuery { user: Some("alice@example.com".into()), ..AuditQuery::default() }).await?;
/// println!("{} events", page.items.len());
/// # Ok(()) }
/// ```
pub struct Evidence {
    reader: Reader,
    retention: Option<Arc<Retention>>,
    daily: Option<Chore>,
    link: Chore,
    reports: facts::Turns,
}

/// The database that is searched.
#[derive(Clone)]
struct Copied {
    db: Db,
    events: AuditStore,
}

/// Says why evidence cannot be kept, or read.
///
/// ```
/// use audex_server::evidence::EvidenceError;
/// assert_eq!(EvidenceError::Page.to_string(), "the page token cannot be used");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The log cannot be opened.
    #[error("cannot open the audit log")]
    Trail(#[from] TrailError),
    /// The log cannot be read.
    #[error("cannot read the audit log")]
    Log(#[from] LogError),
    /// Events cannot be moved or delivered.
    #[error("cannot start the way of events into the audit log")]
    Pipe(#[from] PipeError),
    /// The database for search cannot be used.
    #[error("cannot use the database of the audit log")]
    Database(#[source] StoreFault),
    /// Its tables are not there, or not those of this build.
    #[error(
        "the tables of the audit database are not those of this build, and `audit.auto_migrate` is off or failed"
    )]
    Tables(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// How long events are kept cannot be followed.
    #[error("`audit.retention_days` cannot be followed")]
    Retention(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another server deletes old events where this one would.
    #[error(
        "another server works on {} already: set `audit.retention_days` for one server of a data folder, or give each a folder \
         of its own",
        archive.display()
    )]
    Retained {
        /// Where they are archived.
        archive: PathBuf,
    },
    /// What is kept of an event is none.
    #[error("what is kept of an event cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// The text that says where a page begins is none of this search.
    #[error("the page token cannot be used")]
    Page,
    /// The reader was stopped.
    #[error("the reader was stopped")]
    Stopped,
}

impl From<RetentionError> for EvidenceError {
    fn from(error: RetentionError) -> Self {
        Self::Retention(error.into())
    }
}

impl From<axess::store::StoreError> for EvidenceError {
    fn from(error: axess::store::StoreError) -> Self {
        Self::Database(error.into())
    }
}

impl From<EvidenceError> for Problem {
    fn from(error: EvidenceError) -> Self {
        match error {
            EvidenceError::Page => StoreFault::Page.into(),
            EvidenceError::Database(fault) => fault.into(),
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "evidence cannot be read");
                Self::internal()
            }
        }
    }
}

impl Evidence {
    /// Opens the log, and begins to move events from the store into it.
    ///
    /// The log is begun with a store that is empty. Later it must be there: one that was removed is not made anew in silence.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`].
    pub async fn open(
        settings: &ServerSettings,
        store: &Store,
        keys: AuditKeys,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, EvidenceError> {
        let folder = settings.audit_folder();
        let signing = keys.signing.clone();
        let (log_clock, log_rng) = (Arc::clone(&clock), Arc::clone(&rng));
        let is_first = store.is_empty().await.map_err(EvidenceError::Database)?;
        let open = move || {
            if is_first {
                AuditLog::begin(&folder, &*log_clock, &*log_rng)?;
            }
            Ok(LogTrail::with_keys(&folder, keys, log_clock, log_rng)?)
        };
        let trail = blocking(open).await?;
        let log = trail.log().clone();
        let copy = Copied::open(settings).await?;
        let outbox = Outbox::new(store.clone());
        let buffer = BufferStrategy::Database { outbox: Arc::new(outbox), log: log.clone() };
        let mut config =
            AuditPipeConfig::new(buffer).with_takeover_every(LOOK_EVERY).with_max_buffer_size(MAX_WAITING);
        if let Some(copy) = &copy {
            let sink = StoreSink::new(SEARCH, copy.events.clone());
            let sink = sink.map_err(|fault| PipeError::Config(fault.to_owned()))?;
            config = config.with_sink(Arc::new(sink));
        }
        if store.is_shared() {
            config = config.with_leader_lock(Arc::new(Leases::new(LeaderLock::new(store.db().clone()))));
        }
        let pipe = AuditPipe::start(config, Arc::clone(&clock), Arc::clone(&rng)).await?;
        let retention =
            Retention::new(settings, &log, copy.as_ref(), &pipe, signing, (Arc::clone(&clock), rng.clone()))?;
        let retention = retention.map(Arc::new);
        let daily = retention.clone().map(|retention| Chore::retention(retention, &*rng));
        let link = Chore::link(log.clone(), Arc::clone(&rng));
        let (store, names) = (store.clone(), Arc::<Names>::default());
        let reader = Reader { pipe, log, copy, store, names, clock };
        Ok(Self { reader, retention, daily, link, reports: facts::Turns::default() })
    }

    /// Returns where axess's own events go.
    pub fn sink(&self) -> Arc<dyn AuditSink> {
        Arc::new(self.reader.pipe.clone())
    }

    /// Returns how many events are on their way into the log, or to the database that is searched.
    pub fn depth(&self) -> usize {
        usize::try_from(self.reader.pipe.stats().buffered).unwrap_or(usize::MAX)
    }

    /// Tells what keeps events from the log: it has ended, too many wait for it, or one has waited for [`MAX_WAIT`].
    pub fn obstacle(&self) -> Option<EvidenceObstacle> {
        let stats = self.reader.pipe.stats();
        let oldest = self.reader.store.oldest_waiting();
        if stats.closed {
            Some(EvidenceObstacle::Ended)
        } else if stats.shut {
            Some(EvidenceObstacle::Full)
        } else {
            let oldest = oldest.filter(|oldest| self.reader.clock.now() - *oldest > MAX_WAIT);
            oldest.map(|since| EvidenceObstacle::Stuck { since })
        }
    }

    /// Returns the log.
    pub const fn log(&self) -> &AuditLog {
        &self.reader.log
    }

    /// Deletes now what is older than it is kept, as is done daily; nothing where everything is kept.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`]; the next time goes on where this one stopped.
    pub async fn retire(&self) -> Result<Option<RetentionReport>, EvidenceError> {
        match &self.retention {
            Some(retention) => retention.round().await.map(Some),
            None => Ok(None),
        }
    }

    /// Moves what waits, as long as the deadline lasts, and ends with a checkpoint.
    ///
    /// What is not moved stays in the database for the next start.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`] when the last checkpoint cannot be signed.
    pub async fn close(&self, deadline: Duration) -> Result<(), EvidenceError> {
        if let Some(daily) = &self.daily {
            daily.stop().await;
        }
        self.reader.pipe.shutdown(deadline).await?;
        self.link.stop().await;
        let log = self.reader.log.clone();
        blocking(move || Ok(log.close()?)).await?;
        if let Some(copy) = &self.reader.copy {
            copy.db.close().await;
        }
        Ok(())
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence").field("log", &self.reader.log.path()).finish_non_exhaustive()
    }
}

impl Copied {
    async fn open(settings: &ServerSettings) -> Result<Option<Self>, EvidenceError> {
        let db = match &settings.audit.backend {
            AuditBackend::Jsonl => return Ok(None),
            AuditBackend::Sqlite { path } => {
                Db::from(store::connect_to_file(path).await.map_err(EvidenceError::Database)?)
            }
            AuditBackend::Postgres { connection_string } => Db::connect(connection_string).await?,
        };
        let events = AuditStore::new(db.clone());
        if settings.audit.auto_migrate {
            db.migrate().await.map_err(|error| match error {
                SchemaError::Database(error) => error.into(),
                other => EvidenceError::Tables(other.into()),
            })?;
        } else {
            let look = axess::store::AuditQuery::new(axess::store::AuditScope::System, 1);
            let looked = axess::store::AuditStore::query(&events, look).await;
            looked.map_err(|error| EvidenceError::Tables(error.into()))?;
        }
        Ok(Some(Self { db, events }))
    }
}

/// Does what blocks where it is in nobody's way.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EvidenceError> + Send + 'static,
) -> Result<T, EvidenceError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(EvidenceError::Stopped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[tokio::test]
    async fn the_file_that_is_searched_is_the_one_that_is_named_and_nobody_elses() {
        let data = tempfile::tempdir().unwrap();
        for name in ["100%.db", "a%41.db", "what?mode=ro.db"] {
            let path = data.path().join("audit?").join(name);
            let mut settings = ServerSettings::new(data.path());
            settings.audit.backend = AuditBackend::Sqlite { path: path.clone() };
            let copy = Copied::open(&settings).await.unwrap().unwrap();
            copy.db.close().await;
            let file = fs::metadata(&path).unwrap();
            assert!(file.len() > 0, "{name}");
            assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
        }
        let names = fs::read_dir(data.path().join("audit?")).unwrap().count();
        assert_eq!(names, 3);
    }
}
