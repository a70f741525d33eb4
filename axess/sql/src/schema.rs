//! The tables, and how a database gets them.
//!
//! A migration is written once, in `migrations/`, with `{tokens}` for what the databases call differently:
//!
//! | Token | SQLite | PostgreSQL | MySQL/MariaDB |
//! |---|---|---|---|
//! | `{id}` | `BLOB` | `BYTEA` | `BINARY(16)` |
//! | `{hash}` | `BLOB` | `BYTEA` | `BINARY(32)` |
//! | `{bytes}` | `BLOB` | `BYTEA` | `LONGBLOB` |
//! | `{int}` | `INTEGER` | `BIGINT` | `BIGINT` |
//! | `{name}` (at most 255 characters, compared by byte) | `TEXT` | `TEXT` | `VARCHAR(255)`, binary |
//! | `{key}` (at most 255 bytes, compared by byte) | `BLOB` | `BYTEA` | `VARBINARY(255)` |
//! | `{text}` (long, never compared) | `TEXT` | `TEXT` | `LONGTEXT` |
//! | `{serial}` | `INTEGER … AUTOINCREMENT` | `BIGINT … IDENTITY` | `BIGINT … AUTO_INCREMENT` |
//!
//! `INDEX name (columns);` and `UNIQUE INDEX name (columns);` belong to the table above them. A migration that was released
//! never changes: databases remember its digest.

use crate::db::{Db, Dialect, classify};
use axess_core::store::{StoreError, StoreErrorKind};
use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

/// Every migration, oldest first.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "sessions", include_str!("../migrations/0001_sessions.sql")),
    (2, "identity", include_str!("../migrations/0002_identity.sql")),
    (3, "tokens", include_str!("../migrations/0003_tokens.sql")),
    (4, "operations", include_str!("../migrations/0004_operations.sql")),
    (5, "federation", include_str!("../migrations/0005_federation.sql")),
    (6, "sids", include_str!("../migrations/0006_sids.sql")),
    (7, "logouts", include_str!("../migrations/0007_logouts.sql")),
];

/// Where the database remembers which migrations it has: apart from those of the application.
const MIGRATIONS_TABLE: &str = "axess_migrations";
/// How often a migration is tried: another instance may be at it at the same time, and SQLite has no lock for it.
const ATTEMPTS: usize = 3;

/// Says why the tables could not be brought up to date.
///
/// ```
/// # fn explain(error: axess_sql::SchemaError) -> String {
/// use axess_sql::SchemaError;
/// match error {
///     SchemaError::Changed { version } => format!("migration {version} is not the one that was applied"),
///     SchemaError::Database(_) => "try again when the database is back".into(),
/// }
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A migration that the database has is not the one this build knows under its number.
    #[error(
        "the tables were made by another build: migration {version} differs; use the database of this build, or its backup"
    )]
    Changed {
        /// The migration.
        version: i64,
    },
    /// The database failed.
    #[error("the tables could not be brought up to date")]
    Database(#[source] StoreError),
}

impl Db {
    /// Creates the tables, or brings them up to date; doing it again changes nothing.
    ///
    /// Several instances may do it at the same time. A database with migrations of a later build is left as it is, so that
    /// instances can be replaced one by one.
    ///
    /// # Errors
    ///
    /// [`SchemaError`].
    pub async fn migrate(&self) -> Result<(), SchemaError> {
        let migrator = migrator(self.dialect());
        let mut outcome = Ok(());
        for _ in 0..ATTEMPTS {
            outcome = self.run_migrations(&migrator).await;
            match &outcome {
                Ok(()) => return Ok(()),
                Err(MigrateError::VersionMismatch(version)) => {
                    return Err(SchemaError::Changed { version: *version });
                }
                // A crash in the middle of one, where tables cannot be made in a transaction. Every statement may run again.
                Err(MigrateError::Dirty(_)) => {
                    let forget = format!("DELETE FROM {MIGRATIONS_TABLE} WHERE success = FALSE");
                    self.execute(forget, Vec::new()).await.map_err(SchemaError::Database)?;
                }
                Err(_) => {}
            }
        }
        outcome.map_err(|error| SchemaError::Database(in_migration(error)))
    }
}

fn in_migration(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => classify(error),
        other => StoreError::new(StoreErrorKind::Backend, other),
    }
}

fn migrator(dialect: Dialect) -> Migrator {
    let migration = |(version, name, template): &(i64, &'static str, &str)| {
        let sql = AssertSqlSafe(render(dialect, template)).into_sql_str();
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    };
    let mut migrator = Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect());
    // "Dangerous" is to change the name later.
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator.set_ignore_missing(true);
    migrator
}

/// Spells a migration for one database.
fn render(dialect: Dialect, template: &str) -> String {
    let [id, hash, bytes, int, name, key, text, serial] = match dialect {
        Dialect::Sqlite => {
            ["BLOB", "BLOB", "BLOB", "INTEGER", "TEXT", "BLOB", "TEXT", "INTEGER PRIMARY KEY AUTOINCREMENT"]
        }
        Dialect::Postgres => [
            "BYTEA",
            "BYTEA",
            "BYTEA",
            "BIGINT",
            "TEXT",
            "BYTEA",
            "TEXT",
            "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        ],
        Dialect::MySql => [
            "BINARY(16)",
            "BINARY(32)",
            "LONGBLOB",
            "BIGINT",
            "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            "VARBINARY(255)",
            "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            "BIGINT AUTO_INCREMENT PRIMARY KEY",
        ],
    };
    let tokens = [
        ("{id}", id),
        ("{hash}", hash),
        ("{bytes}", bytes),
        ("{int}", int),
        ("{name}", name),
        ("{key}", key),
        ("{text}", text),
        ("{serial}", serial),
    ];
    let spelled = tokens.iter().fold(without_comments(template), |sql, (token, ty)| sql.replace(token, ty));
    with_indexes(dialect, &spelled)
}

fn without_comments(sql: &str) -> String {
    sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
}

/// Puts each `INDEX` where the database wants it: inside the table for MySQL, after it elsewhere.
fn with_indexes(dialect: Dialect, sql: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut table = String::new();
    for statement in sql.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        if let Some(rest) = statement.strip_prefix("CREATE TABLE ") {
            table = rest.split_whitespace().next().unwrap_or_default().to_owned();
            out.push(format!("CREATE TABLE IF NOT EXISTS {rest}"));
            continue;
        }
        if let Some(table) = statement.strip_prefix("DROP TABLE ") {
            out.push(format!("DROP TABLE IF EXISTS {table}"));
            continue;
        }
        let (unique, index) = match statement.strip_prefix("UNIQUE INDEX ") {
            Some(index) => ("UNIQUE ", index),
            None => ("", statement.strip_prefix("INDEX ").unwrap_or(statement)),
        };
        let (name, columns) = index.split_once(' ').unwrap_or((index, ""));
        match (dialect, out.last_mut()) {
            (Dialect::MySql, Some(last)) => {
                let open = last.trim_end().trim_end_matches(')').trim_end().to_owned();
                *last = format!("{open},\n    {unique}INDEX {name} {columns}\n)");
            }
            _ => out.push(format!("CREATE {unique}INDEX IF NOT EXISTS {name} ON {table} {columns}")),
        }
    }
    out.iter().map(|statement| format!("{statement};\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "-- a comment; with a semicolon\nCREATE TABLE t (\n    id {id} NOT NULL PRIMARY KEY,\n    n {int}\n);\nINDEX t_n (n);\n";

    #[test]
    fn indexes_are_inside_the_table_for_mysql_and_after_it_elsewhere() {
        assert_eq!(
            render(Dialect::MySql, TEMPLATE),
            "CREATE TABLE IF NOT EXISTS t (\n    id BINARY(16) NOT NULL PRIMARY KEY,\n    n BIGINT,\n    INDEX t_n (n)\n);\n"
        );
        assert_eq!(
            render(Dialect::Postgres, TEMPLATE),
            "CREATE TABLE IF NOT EXISTS t (\n    id BYTEA NOT NULL PRIMARY KEY,\n    n BIGINT\n);\nCREATE INDEX IF NOT EXISTS t_n ON t (n);\n"
        );
    }
}
