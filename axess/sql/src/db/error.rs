//! From what a driver reports to whose fault it is.

use axess_core::store::{StoreError, StoreErrorKind};
use sqlx::{error::DatabaseError, error::ErrorKind};
use std::borrow::Cow;

/// Says that a stored value is not what was written.
pub(crate) fn corrupt(column: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, format!("the column `{column}` cannot be read"))
}

/// Says that the caller broke a documented limit.
pub(crate) fn misuse(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Misuse, what)
}

/// Tells whether the same transaction may succeed when it is run again: it lost against another one.
pub(super) fn lost_a_race(error: &sqlx::Error) -> bool {
    let Some(code) = error.as_database_error().and_then(code_of) else { return false };
    // PostgreSQL: serialization failure, deadlock. MySQL: deadlock; MariaDB: the row changed since the snapshot.
    // SQLite: busy, also while it recovers or has a stale snapshot.
    matches!(&*code, "40001" | "40P01" | "1213" | "1020" | "5" | "261" | "517")
}

/// Sorts a driver's error by kind.
pub(crate) fn classify(error: sqlx::Error) -> StoreError {
    use sqlx::Error;
    let kind = match &error {
        Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::BeginFailed => StoreErrorKind::Unavailable,
        Error::ColumnDecode { .. } | Error::Decode(_) => StoreErrorKind::Corrupt,
        Error::Encode(_) => StoreErrorKind::Misuse,
        Error::Database(database) => kind_of(&**database),
        _ => StoreErrorKind::Backend,
    };
    StoreError::new(kind, error)
}

fn kind_of(error: &dyn DatabaseError) -> StoreErrorKind {
    match error.kind() {
        ErrorKind::Other => {}
        _ => return StoreErrorKind::Misuse,
    }
    let code = code_of(error).unwrap_or_default();
    match &*code {
        // SQLite: out of space; PostgreSQL: disk full; MySQL: disk full, table full.
        "13" | "53100" | "1021" | "1114" => StoreErrorKind::Full,
        // PostgreSQL: cancelled by a statement timeout; MySQL: lock wait timeout, execution time; MariaDB: max_statement_time.
        "57014" | "55P03" | "1205" | "3024" | "1969" => StoreErrorKind::Timeout,
        // SQLite: busy, locked, read-only, cannot open, I/O; PostgreSQL: read-only transaction, shutting down, starting, full;
        // MySQL: shutting down, read-only, too many connections.
        "5" | "6" | "8" | "10" | "14" | "261" | "517" | "25006" | "53300" | "1053" | "1040" | "1203"
        | "1290" | "1792" | "1836" => StoreErrorKind::Unavailable,
        "40001" | "40P01" | "1213" | "1020" => StoreErrorKind::Unavailable,
        code if code.starts_with("57P") || code.starts_with("08") => StoreErrorKind::Unavailable,
        // SQLite spells details in the higher bits: 8 (read-only), 10 (I/O), 14 (cannot open).
        code if code.parse::<u32>().is_ok_and(|n| n > 255 && matches!(n & 0xff, 5 | 6 | 8 | 10 | 14))
            && error.is_sqlite() =>
        {
            StoreErrorKind::Unavailable
        }
        // A value that is too long, out of range, or (PostgreSQL) a text with a NUL in it.
        "22001" | "22021" | "22003" | "1406" | "1264" | "18" => StoreErrorKind::Misuse,
        _ => StoreErrorKind::Backend,
    }
}

/// Returns SQLSTATE for PostgreSQL, the result code for SQLite, and the error number for MySQL, where SQLSTATE is too coarse.
fn code_of(error: &dyn DatabaseError) -> Option<Cow<'_, str>> {
    #[cfg(feature = "mysql")]
    if let Some(mysql) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return Some(mysql.number().to_string().into());
    }
    error.code()
}

trait IsSqlite {
    fn is_sqlite(&self) -> bool;
}

impl IsSqlite for dyn DatabaseError + '_ {
    fn is_sqlite(&self) -> bool {
        #[cfg(feature = "sqlite")]
        return self.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
        #[cfg(not(feature = "sqlite"))]
        return false;
    }
}
