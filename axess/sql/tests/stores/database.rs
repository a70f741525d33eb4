//! A fresh, empty database for one test.

use axess_peers::{Kind, shared, skip};
use axess_sql::Db;
use tempfile::TempDir;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
    MariaDb,
}

/// A database of the calling test alone, with the tables in it.
pub(crate) struct TestDatabase {
    pub(crate) db: Db,
    pub(crate) url: String,
}

impl TestDatabase {
    /// Makes one, and the folder it is in while the test runs; `None` (and the test counts as skipped) when its server is
    /// not there.
    pub(crate) async fn create(backend: Backend, test: &str) -> Option<(Self, TempDir)> {
        let folder = tempfile::tempdir().unwrap();
        let name = format!(
            "t{}",
            folder.path().file_name().unwrap().to_str().unwrap().replace('.', "").to_lowercase()
        );
        let url = match backend {
            Backend::Sqlite => format!("sqlite:{}", folder.path().join("test.db").display()),
            Backend::Postgres => database_in(server(Kind::Postgres, test)?, &name).await,
            Backend::MariaDb => database_in(server(Kind::MariaDb, test)?, &name).await,
        };
        let db = Db::connect(&url).await.unwrap();
        db.migrate().await.unwrap();
        Some((Self { db, url }, folder))
    }
}

fn server(kind: Kind, test: &str) -> Option<String> {
    let url = shared(kind).and_then(|urls| urls.into_iter().next());
    if url.is_none() {
        skip(test, &format!("no {}: run `cargo xtask test`", kind.name()));
    }
    url
}

async fn database_in(server: String, name: &str) -> String {
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    if server.starts_with("mysql") {
        let pool = sqlx::MySqlPool::connect(&server).await.unwrap();
        sqlx::query(create).execute(&pool).await.unwrap();
    } else {
        let pool = sqlx::PgPool::connect(&server).await.unwrap();
        sqlx::query(create).execute(&pool).await.unwrap();
    }
    let (head, _) = server.rsplit_once('/').unwrap();
    format!("{head}/{name}")
}

/// Runs a statement behind the stores' back.
pub(crate) async fn run(url: &str, sql: &'static str) {
    if url.starts_with("mysql") {
        sqlx::query(sql).execute(&sqlx::MySqlPool::connect(url).await.unwrap()).await.unwrap();
    } else if url.starts_with("sqlite") {
        sqlx::query(sql).execute(&sqlx::SqlitePool::connect(url).await.unwrap()).await.unwrap();
    } else {
        sqlx::query(sql).execute(&sqlx::PgPool::connect(url).await.unwrap()).await.unwrap();
    }
}

/// Runs one async test body on each database: `on_every_database!(name, |database| async { … });`.
macro_rules! on_every_database {
    ($name:ident, $body:expr) => {
        mod $name {
            use super::*;
            use crate::database::{Backend, TestDatabase};

            async fn on(backend: Backend) {
                let test = concat!(module_path!(), "::", stringify!($name));
                let Some((database, _folder)) = TestDatabase::create(backend, test).await else { return };
                let body: fn(TestDatabase) -> _ = $body;
                body(database).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                on(Backend::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() {
                on(Backend::Postgres).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn mariadb() {
                on(Backend::MariaDb).await;
            }
        }
    };
}
pub(crate) use on_every_database;
