use crate::database::{TestDatabase, on_every_database};
use axess_sql::SqlSessionStore;
use axess_testing::conformance::{self, Setting};

on_every_database!(session_store, |database: TestDatabase| async move {
    conformance::session_store(SqlSessionStore::new(database.db), Setting::default()).check().await;
});
