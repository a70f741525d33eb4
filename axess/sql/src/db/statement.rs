//! What the databases spell differently.
//!
//! Statements are written once, as SQLite and PostgreSQL understand them, with `?` for parameters. The rules:
//!
//! | Written | PostgreSQL | MySQL/MariaDB | SQLite |
//! |---|---|---|---|
//! | `?` | `$1`, `$2`, … | | |
//! | ` {lock}` (row lock of a read) | ` FOR UPDATE` | ` FOR UPDATE` | nothing: a transaction is the only writer |
//! | `INSERT INTO … ON CONFLICT DO NOTHING` | | `INSERT IGNORE INTO …` | |
//! | `ON CONFLICT (…) DO UPDATE SET` | | `ON DUPLICATE KEY UPDATE` | |
//! | `excluded.column` | | `VALUES(column)` | |
//! | `DELETE … WHERE … {first KEY FROM t ORDER BY … LIMIT ?}` | `AND (KEY) IN (SELECT KEY FROM t ORDER BY … LIMIT ?)` | `ORDER BY … LIMIT ?` | as PostgreSQL |
//!
//! The last one deletes a part of what the condition holds for, oldest first. What it orders by must put those rows first.
//! MySQL reads, and locks, the whole table for the way the others do it.

use std::{borrow::Cow, fmt::Write};

/// Which database it is.
#[cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "a build for one database spells for one")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    MySql,
}

/// Returns `(?, ?, …)` for a list of `items`, or a list nothing is in.
pub(crate) fn in_list(items: usize) -> String {
    match items {
        0 => "(NULL)".to_owned(),
        _ => format!("({})", vec!["?"; items].join(", ")),
    }
}

impl Dialect {
    /// Spells a statement for this database.
    pub(crate) fn spell(self, sql: &str) -> String {
        match self {
            Self::Sqlite => selected(sql).replace(" {lock}", ""),
            Self::Postgres => numbered(&selected(sql).replace(" {lock}", " FOR UPDATE")),
            Self::MySql => for_mysql(&sql.replace(" {lock}", " FOR UPDATE")),
        }
    }
}

/// Takes a statement apart at its `{first KEY FROM t ORDER BY … LIMIT ?}`: what is before it, `KEY`, and `t ORDER BY …`.
fn first(sql: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = sql.split_once("{first ")?;
    let (key, from) = rest.strip_suffix('}')?.split_once(" FROM ")?;
    Some((before, key, from))
}

fn selected(sql: &str) -> Cow<'_, str> {
    match first(sql) {
        Some((before, key, from)) => format!("{before}AND ({key}) IN (SELECT {key} FROM {from})").into(),
        None => sql.into(),
    }
}

fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    for (index, part) in sql.split('?').enumerate() {
        if index > 0 {
            // Writing to a string cannot fail.
            _ = write!(out, "${index}");
        }
        out.push_str(part);
    }
    out
}

fn for_mysql(sql: &str) -> String {
    const NOTHING: &str = "ON CONFLICT DO NOTHING";
    const CONFLICT: &str = "ON CONFLICT (";
    const UPDATE: &str = ") DO UPDATE SET";
    let mut out = Cow::Borrowed(sql);
    if let Some((before, order)) =
        first(sql).and_then(|(before, _, from)| Some((before, from.split_once(' ')?.1)))
    {
        out = format!("{before}{order}").into();
    }
    if out.contains(NOTHING) {
        out = out.replace(NOTHING, "").replacen("INSERT INTO", "INSERT IGNORE INTO", 1).into();
    }
    while let Some((before, rest)) = out.split_once(CONFLICT) {
        let Some((_, after)) = rest.split_once(UPDATE) else { break };
        out = format!("{before}ON DUPLICATE KEY UPDATE{after}").into();
    }
    while let Some((before, rest)) = out.split_once("excluded.") {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (column, after) = rest.split_at(end);
        out = format!("{before}VALUES({column}){after}").into();
    }
    out.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_three_spellings() {
        let sql =
            "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO UPDATE SET b = excluded.b, n = t.n + 1";
        assert_eq!(Dialect::Sqlite.spell(sql), sql);
        assert_eq!(
            Dialect::Postgres.spell(sql),
            "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = excluded.b, n = t.n + 1"
        );
        assert_eq!(
            Dialect::MySql.spell(sql),
            "INSERT INTO t (a, b) VALUES (?, ?) ON DUPLICATE KEY UPDATE b = VALUES(b), n = t.n + 1"
        );
    }

    #[test]
    fn inserting_what_is_missing() {
        let sql = "INSERT INTO t (a) VALUES (?) ON CONFLICT DO NOTHING";
        assert_eq!(Dialect::MySql.spell(sql), "INSERT IGNORE INTO t (a) VALUES (?) ");
        assert_eq!(Dialect::Postgres.spell(sql), "INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING");
    }

    #[test]
    fn rows_are_locked_where_there_are_row_locks() {
        let sql = "SELECT a FROM t WHERE b = ? {lock}";
        assert_eq!(Dialect::Sqlite.spell(sql), "SELECT a FROM t WHERE b = ?");
        assert_eq!(Dialect::Postgres.spell(sql), "SELECT a FROM t WHERE b = $1 FOR UPDATE");
        assert_eq!(Dialect::MySql.spell(sql), "SELECT a FROM t WHERE b = ? FOR UPDATE");
    }

    #[test]
    fn a_part_of_what_is_deleted() {
        let sql = "DELETE FROM t WHERE n <= ? {first a, b FROM t ORDER BY n LIMIT ?}";
        let selected = "DELETE FROM t WHERE n <= ? AND (a, b) IN (SELECT a, b FROM t ORDER BY n LIMIT ?)";
        assert_eq!(Dialect::Sqlite.spell(sql), selected);
        assert_eq!(Dialect::Postgres.spell(sql), selected.replacen('?', "$1", 1).replacen('?', "$2", 1));
        assert_eq!(Dialect::MySql.spell(sql), "DELETE FROM t WHERE n <= ? ORDER BY n LIMIT ?");
    }

    #[test]
    fn lists() {
        assert_eq!(in_list(3), "(?, ?, ?)");
        assert_eq!(in_list(0), "(NULL)");
    }
}
