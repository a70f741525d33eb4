use super::{StoreFault, sql::Pool};
use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// Every migration: its number, its name, and its statements, with `{bytes}`, `{int}` for the types of the database.
const MIGRATIONS: [(i64, &str, &str); 3] = [
    (1, "server", include_str!("../../migrations/0001_server.sql")),
    (2, "probe", include_str!("../../migrations/0002_probe.sql")),
    (3, "notices", include_str!("../../migrations/0003_notices.sql")),
];

/// Where the database remembers which migrations it has: apart from axess's.
const MIGRATIONS_TABLE: &str = "audex_migrations";

/// Makes the tables, or brings them up to date.
///
/// # Errors
///
/// [`StoreFault::Schema`] or [`StoreFault::Unavailable`].
pub(super) async fn migrate(pool: &Pool) -> Result<(), StoreFault> {
    let migration = |(version, name, template): &(i64, &'static str, &str)| {
        let sql = AssertSqlSafe(render(template, pool.is_sqlite())).into_sql_str();
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    };
    let mut migrator = Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect());
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    // Those of a later build: servers are replaced one by one.
    migrator.set_ignore_missing(true);
    let done = match pool {
        Pool::Sqlite(pool) => migrator.run(pool).await,
        Pool::Postgres(pool) => migrator.run(pool).await,
    };
    done.map_err(|error| StoreFault::Schema(error.into()))
}

fn render(template: &str, is_sqlite: bool) -> String {
    let (bytes, int) = if is_sqlite { ("BLOB", "INTEGER") } else { ("BYTEA", "BIGINT") };
    template.replace("{bytes}", bytes).replace("{int}", int)
}
