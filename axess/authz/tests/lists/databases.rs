//! Runs the written SQL in real databases, whose columns ignore case where they can, and compares with single decisions.

use crate::{
    generate::{COLUMNS, Row, policies, row, with_nul},
    lists::{decided, filter, store},
};
use axess_authz::{Dialect, SqlFilter, SqlParam};
use axess_peers::{Kind, shared, skip};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, SqliteConnection};

const ROUNDS: usize = 100;

/// Policies, rows, and what the policies allow.
struct Case {
    source: String,
    rows: Vec<Row>,
    sql: SqlFilter,
    allowed: Vec<i64>,
}

fn cases(dialect: Dialect) -> Vec<Case> {
    let mut runner = TestRunner::deterministic();
    let mut draw = |round: usize| {
        let source = policies(false).new_tree(&mut runner).unwrap().current();
        let mut rows = prop::collection::vec(row(), 12).new_tree(&mut runner).unwrap().current();
        // PostgreSQL cannot store a NUL.
        if round.is_multiple_of(5) && dialect != Dialect::Postgres {
            rows = rows.into_iter().map(with_nul).collect();
        }
        let store = store(&source);
        let sql = filter(&store).unwrap().to_sql(dialect, 1);
        let allowed = (1..).zip(&rows).filter(|(_, row)| decided(&store, row)).map(|(id, _)| id).collect();
        Case { source, rows, sql, allowed }
    };
    (0..ROUNDS).map(&mut draw).collect()
}

/// Compares the row numbers that a database found.
fn compare(dialect: Dialect, case: &Case, mut found: Vec<i64>) -> usize {
    found.sort_unstable();
    let Case { source, sql, allowed, .. } = case;
    // SQLite leaves out a text with a NUL; it never lets one in.
    let may_miss = dialect == Dialect::Sqlite && case.rows.iter().any(Row::has_nul);
    let right = if may_miss { found.iter().all(|id| allowed.contains(id)) } else { found == *allowed };
    assert!(right, "found {found:?}, allowed {allowed:?}\n{source}\n{}\n{:?}", sql.text, sql.params);
    found.len()
}

/// Fills the table with the rows of each case, asks for those that the filter selects, and compares.
macro_rules! run {
    ($connection:expr, $dialect:expr, $placeholders:expr) => {{
        let mut selected = 0;
        for case in cases($dialect) {
            sqlx::query("DELETE FROM documents").execute(&mut $connection).await.unwrap();
            let insert = format!("INSERT INTO documents VALUES ({})", $placeholders);
            for (number, row) in (1_i64..).zip(&case.rows) {
                let mut query = sqlx::query(AssertSqlSafe(insert.clone())).bind(number);
                for column in COLUMNS {
                    query = match (column, row.value(column)) {
                        (_, Some(SqlParam::Text(text))) => query.bind(text),
                        (_, Some(SqlParam::Long(number))) => query.bind(number),
                        (_, Some(SqlParam::Bool(value))) => query.bind(value),
                        (_, None) => query.bind(None::<String>),
                    };
                }
                query.execute(&mut $connection).await.unwrap();
            }
            let select = format!("SELECT number FROM documents WHERE {}", case.sql.text);
            let mut query = sqlx::query_scalar::<_, i64>(AssertSqlSafe(select));
            for param in case.sql.params.clone() {
                query = match param {
                    SqlParam::Text(text) => query.bind(text),
                    SqlParam::Long(number) => query.bind(number),
                    SqlParam::Bool(value) => panic!("{value} is no parameter"),
                };
            }
            let found = query.fetch_all(&mut $connection).await.unwrap();
            selected += compare($dialect, &case, found);
        }
        assert!(selected > 100, "only {selected} rows were selected in all");
    }};
}

fn table(text: &str, boolean: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "CREATE TABLE documents (number BIGINT, id {text}, tenant_id {text}, owner {text}, size BIGINT,
         public {boolean}, kind {text}, reviewers {text}, folder {text}, shared {text})"
    ))
}

fn url(kind: Kind, test: &str) -> Option<String> {
    let url = shared(kind).and_then(|urls| urls.into_iter().next());
    if url.is_none() {
        skip(test, &format!("no {}: run `cargo xtask test`", kind.name()));
    }
    url
}

#[tokio::test]
async fn sqlite_selects_what_single_decisions_allow() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::query(table("TEXT COLLATE NOCASE", "INTEGER")).execute(&mut connection).await.unwrap();
    run!(connection, Dialect::Sqlite, "?, ?, ?, ?, ?, ?, ?, ?, ?, ?");
}

#[tokio::test]
async fn postgres_selects_what_single_decisions_allow() {
    let Some(url) = url(Kind::Postgres, "postgres_selects_what_single_decisions_allow") else { return };
    let mut connection = PgConnection::connect(&url).await.unwrap();
    // Both end with the connection.
    let collation = "CREATE COLLATION pg_temp.blurred (provider = icu, locale = 'und-u-ks-level1', deterministic = false)";
    sqlx::query(collation).execute(&mut connection).await.unwrap();
    let create =
        table("TEXT COLLATE pg_temp.blurred", "BOOLEAN").0.replace("CREATE TABLE", "CREATE TEMPORARY TABLE");
    sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
    run!(connection, Dialect::Postgres, "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10");
}

#[tokio::test]
async fn mariadb_selects_what_single_decisions_allow() {
    let Some(url) = url(Kind::MariaDb, "mariadb_selects_what_single_decisions_allow") else { return };
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    let text = "VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
    let create = table(text, "BOOLEAN").0.replace("CREATE TABLE", "CREATE TEMPORARY TABLE");
    sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
    run!(connection, Dialect::MySql, "?, ?, ?, ?, ?, ?, ?, ?, ?, ?");
}
