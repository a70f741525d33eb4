//! Writes conditions as SQL text and parameters.
//!
//! Text is compared byte by byte whatever the collation of the column: a comparison that ignores case, accents or
//! trailing blanks would select more rows than the policies allow. Where the exact comparison cannot use an index, the
//! plain one stands beside it: bytes that are equal are equal in every collation.

use super::{
    Column, ColumnKind, SqlParam,
    predicate::{Compare, LikePart, Predicate},
};
use std::fmt::Write;

/// Which database a filter is written for.
///
/// ```
/// use axess_authz::Dialect;
/// assert_ne!(Dialect::Sqlite, Dialect::Postgres);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite: `"column"`, `?`.
    Sqlite,
    /// PostgreSQL: `"column"`, `$1`.
    Postgres,
    /// MySQL and MariaDB: `` `column` ``, `?`; the connection speaks `utf8mb4`.
    MySql,
}

/// A condition of SQL and the values of its placeholders, in the order of the text.
///
/// ```
/// use axess_authz::{SqlFilter, SqlParam};
/// let filter = SqlFilter { text: "\"owner_id\" = ?".into(), params: vec![SqlParam::Text("alice".into())] };
/// let query = format!("SELECT id FROM documents WHERE ({}) ORDER BY id", filter.text);
/// assert!(query.contains(r#"WHERE ("owner_id" = ?)"#));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlFilter {
    /// The condition, in parentheses where it needs them.
    pub text: String,
    /// The values; texts and whole numbers only.
    pub params: Vec<SqlParam>,
}

pub(super) fn write(predicate: &Predicate, dialect: Dialect, first_parameter: usize) -> SqlFilter {
    let mut writer = Writer { dialect, first_parameter, text: String::new(), params: Vec::new() };
    writer.predicate(predicate);
    SqlFilter { text: writer.text, params: writer.params }
}

struct Writer {
    dialect: Dialect,
    first_parameter: usize,
    text: String,
    params: Vec<SqlParam>,
}

impl Writer {
    fn predicate(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::Const(true) => self.push("(1 = 1)"),
            Predicate::Const(false) => self.push("(1 = 0)"),
            Predicate::Not(inner) => {
                self.push("(NOT ");
                self.predicate(inner);
                self.push(")");
            }
            Predicate::And(parts) => self.join(parts, " AND "),
            Predicate::Or(parts) => self.join(parts, " OR "),
            Predicate::Present(column) => {
                self.push("(");
                self.name(column);
                self.push(" IS NOT NULL)");
            }
            Predicate::Holds(column) => {
                self.push("(");
                self.name(column);
                self.push(match self.dialect {
                    Dialect::Postgres => ")",
                    Dialect::Sqlite | Dialect::MySql => " <> 0)",
                });
            }
            Predicate::Value(column, compare, value) => {
                self.compare(column, *compare, Right::Values(std::slice::from_ref(value)))
            }
            Predicate::Columns(left, compare, right) => self.compare(left, *compare, Right::Column(right)),
            Predicate::In(column, values) => self.compare(column, Compare::Eq, Right::Values(values)),
            Predicate::Like(column, pattern) => self.like(column, pattern),
            Predicate::NoNul(column) => self.no_nul(column),
        }
    }

    fn join(&mut self, parts: &[Predicate], between: &str) {
        self.push("(");
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.push(between);
            }
            self.predicate(part);
        }
        self.push(")");
    }

    fn compare(&mut self, left: &Column, compare: Compare, right: Right<'_>) {
        let exact_needed = matches!(left.kind, ColumnKind::Text | ColumnKind::Entity(_));
        self.push("(");
        // SQLite uses its usual index for the exact comparison.
        if !exact_needed || self.dialect != Dialect::Sqlite {
            self.plain(left, compare, right, false);
        }
        if exact_needed {
            if self.dialect != Dialect::Sqlite {
                self.push(" AND ");
            }
            self.plain(left, compare, right, true);
        }
        self.push(")");
    }

    fn plain(&mut self, left: &Column, compare: Compare, right: Right<'_>, exact: bool) {
        let side = |writer: &mut Self, column: &Column| {
            if exact { writer.exact(column) } else { writer.name(column) }
        };
        side(self, left);
        let values = match right {
            Right::Column(column) => {
                self.push(compare.text());
                return side(self, column);
            }
            Right::Values(values) => values,
        };
        if let [value] = values {
            self.push(compare.text());
            return self.value(value, exact);
        }
        self.push(" IN (");
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.value(value, exact);
        }
        self.push(")");
    }

    fn value(&mut self, value: &SqlParam, exact: bool) {
        if exact && self.dialect == Dialect::MySql {
            self.push("CAST(CONVERT(");
            self.parameter(value.clone());
            self.push(" USING utf8mb4) AS BINARY)");
        } else {
            self.parameter(value.clone());
        }
    }

    /// The column, so that it compares byte by byte.
    fn exact(&mut self, column: &Column) {
        match self.dialect {
            Dialect::Sqlite => {
                self.name(column);
                self.push(" COLLATE BINARY");
            }
            Dialect::Postgres => {
                self.name(column);
                self.push(" COLLATE \"C\"");
            }
            Dialect::MySql => {
                self.push("CAST(CONVERT(");
                self.name(column);
                self.push(" USING utf8mb4) AS BINARY)");
            }
        }
    }

    fn like(&mut self, column: &Column, pattern: &[LikePart]) {
        self.push("(");
        let text = match self.dialect {
            // LIKE ignores case here; GLOB does not.
            Dialect::Sqlite => {
                self.name(column);
                self.push(" GLOB ");
                glob(pattern)
            }
            Dialect::Postgres | Dialect::MySql => {
                self.exact(column);
                self.push(" LIKE ");
                escaped(pattern)
            }
        };
        self.value(&SqlParam::Text(text), true);
        self.push(match self.dialect {
            Dialect::Sqlite => ")",
            Dialect::Postgres | Dialect::MySql => " ESCAPE '!')",
        });
    }

    /// Only SQLite both stores a NUL and takes it for the end of a text.
    fn no_nul(&mut self, column: &Column) {
        if self.dialect != Dialect::Sqlite {
            return self.push("(1 = 1)");
        }
        self.push("(");
        self.name(column);
        self.push(" IS NULL OR instr(");
        self.name(column);
        self.push(", char(0)) = 0)");
    }

    fn name(&mut self, column: &Column) {
        let quote = match self.dialect {
            Dialect::Sqlite | Dialect::Postgres => '"',
            Dialect::MySql => '`',
        };
        for (index, part) in column.name.split('.').enumerate() {
            if index > 0 {
                self.text.push('.');
            }
            self.text.push(quote);
            self.push(part);
            self.text.push(quote);
        }
    }

    fn parameter(&mut self, value: SqlParam) {
        match self.dialect {
            Dialect::Sqlite | Dialect::MySql => self.push("?"),
            Dialect::Postgres => {
                // Writing to a string does not fail.
                let _ = write!(self.text, "${}", self.first_parameter.saturating_add(self.params.len()));
            }
        }
        self.params.push(value);
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }
}

#[derive(Clone, Copy)]
enum Right<'a> {
    Column(&'a Column),
    /// Never empty.
    Values(&'a [SqlParam]),
}

impl Compare {
    fn text(self) -> &'static str {
        match self {
            Self::Eq => " = ",
            Self::Less => " < ",
            Self::LessEq => " <= ",
        }
    }
}

/// Writes a pattern for GLOB, where a character stands for itself inside brackets.
fn glob(pattern: &[LikePart]) -> String {
    let mut text = String::new();
    for part in pattern {
        match part {
            LikePart::Any => text.push('*'),
            LikePart::Char(c @ ('*' | '?' | '[')) => text.extend(['[', *c, ']']),
            LikePart::Char(c) => text.push(*c),
        }
    }
    text
}

/// Writes a pattern for LIKE with `!` as the escape.
fn escaped(pattern: &[LikePart]) -> String {
    let mut text = String::new();
    for part in pattern {
        match part {
            LikePart::Any => text.push('%'),
            LikePart::Char(c @ ('%' | '_' | '!')) => text.extend(['!', *c]),
            LikePart::Char(c) => text.push(*c),
        }
    }
    text
}
