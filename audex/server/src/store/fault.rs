use crate::problem::Problem;
use audex_core::IssueError;
use axess::store::{StoreError, StoreErrorKind};
use http::StatusCode;
use sqlx::error::ErrorKind;
use std::{error::Error, fmt};

type Cause = Box<dyn Error + Send + Sync>;

/// Says why the store did not do something.
///
/// ```
/// use audex_server::{problem::Problem, store::StoreFault};
/// assert_eq!(Problem::from(StoreFault::Conflict).status(), 409);
/// assert_eq!(Problem::from(StoreFault::Busy).status(), 503);
/// ```
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The database does not answer, or not in time. Whether the write happened may not be known.
    #[error("the database does not answer")]
    Unavailable(#[source] Cause),
    /// More waits to be written than can be.
    #[error("too much waits to be written")]
    Busy,
    /// What is kept cannot be read.
    #[error("what is kept in `{0}` cannot be read")]
    Damaged(&'static str),
    /// Somebody else was first, or it is there already.
    #[error("somebody else was first, or it is there already")]
    Conflict,
    /// The text that says where a page begins is none of this list.
    #[error("the page token cannot be used")]
    Page,
    /// The tables were made by another build, or may not be made.
    #[error("the tables of the database are not those of this build")]
    Schema(#[source] Cause),
    /// The database refused what it was asked.
    #[error("the database refused")]
    Refused(#[source] Cause),
}

/// Says that a database did not answer in time.
#[derive(Debug)]
pub(crate) struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer in time")
    }
}

impl Error for TooSlow {}

impl StoreFault {
    pub(crate) fn too_slow() -> Self {
        Self::Unavailable(Box::new(TooSlow))
    }

    /// Tells whether the database is away, so that there is no use in asking again at once.
    pub(crate) const fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Tells whether it took too long.
    pub(crate) fn is_too_slow(&self) -> bool {
        matches!(self, Self::Unavailable(cause) if cause.is::<TooSlow>())
    }

    /// Tells whether another transaction was in the way, so that this one was undone, and would work a moment later.
    pub(crate) fn is_in_the_way(&self) -> bool {
        let Self::Unavailable(cause) = self else { return false };
        // An event's fault is wrapped in that of the outbox.
        let causes = std::iter::successors(Some(&**cause as &(dyn Error + 'static)), |&error| error.source());
        causes.filter_map(<dyn Error>::downcast_ref).any(|error: &sqlx::Error| {
            let code = error.as_database_error().and_then(|error| error.code());
            code.is_some_and(|code| matches!(&*code, "40001" | "40P01" | "55P03"))
        })
    }

    /// Tells whether the connection is gone, while a new one may work.
    pub(crate) fn is_lost_connection(&self) -> bool {
        use sqlx::Error as Sql;
        let Self::Unavailable(cause) = self else { return false };
        match cause.downcast_ref() {
            Some(Sql::Io(_) | Sql::Tls(_) | Sql::Protocol(_) | Sql::WorkerCrashed) => true,
            // PostgreSQL: ended by an operator, or because it shuts down; or the transaction may only read, as after a failover.
            Some(Sql::Database(error)) => error
                .code()
                .is_some_and(|code| code.len() == 5 && (code.starts_with("57P") || code == "25006")),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for StoreFault {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as Sql;
        match &error {
            Sql::PoolTimedOut
            | Sql::PoolClosed
            | Sql::WorkerCrashed
            | Sql::Io(_)
            | Sql::Tls(_)
            | Sql::Protocol(_)
            | Sql::BeginFailed => Self::Unavailable(error.into()),
            Sql::ColumnDecode { .. } | Sql::Decode(_) | Sql::ColumnNotFound(_) => Self::Damaged("a column"),
            Sql::Database(database) if database.kind() == ErrorKind::UniqueViolation => Self::Conflict,
            Sql::Database(database) if is_away(database.code().as_deref().unwrap_or_default()) => {
                Self::Unavailable(error.into())
            }
            _ => Self::Refused(error.into()),
        }
    }
}

/// Tells whether a code of a database says that it is not there, cannot write, or that somebody else has the lock.
fn is_away(code: &str) -> bool {
    // SQLite: busy, locked, read-only, I/O, full, cannot open; details are in the higher bits.
    let of_sqlite = |number: u32| matches!(number & 0xff, 5 | 6 | 8 | 10 | 13 | 14);
    // PostgreSQL: connection lost, out of resources, operator intervention, read-only, serialisation failure, deadlock,
    // lock not available.
    let of_postgres = ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
        || matches!(code, "25006" | "40001" | "40P01" | "55P03");
    match code.len() {
        5 => of_postgres,
        _ => code.parse().is_ok_and(of_sqlite),
    }
}

impl From<StoreError> for StoreFault {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::Timeout | StoreErrorKind::Full => {
                Self::Unavailable(error.into())
            }
            StoreErrorKind::Corrupt => Self::Damaged("a table of the login"),
            _ => Self::Refused(error.into()),
        }
    }
}

impl From<StoreFault> for IssueError {
    fn from(fault: StoreFault) -> Self {
        Self::Store(Box::new(fault))
    }
}

impl From<StoreFault> for Problem {
    fn from(fault: StoreFault) -> Self {
        match &fault {
            StoreFault::Unavailable(_) | StoreFault::Busy => {
                tracing::warn!(error = &fault as &dyn Error, "the store failed");
                Self::unavailable()
            }
            StoreFault::Conflict => Self::new(StatusCode::CONFLICT, "conflict")
                .with_detail("somebody else was first, or it is there already: look at it again"),
            StoreFault::Page => Self::invalid("after", "it is not the `next` of a page of this list"),
            StoreFault::Damaged(_) | StoreFault::Schema(_) | StoreFault::Refused(_) => {
                tracing::error!(error = &fault as &dyn Error, "the store failed");
                Self::internal()
            }
        }
    }
}
