use crate::database::{TestDatabase, on_every_database};
use axess_core::store::{Owner, SaveOutcome, SessionRow, SessionStore};
use axess_identity::{SessionId, TenantId, UserId};
use axess_sql::{Db, SqlSessionStore};
use axess_testing::conformance::{self, Setting};

on_every_database!(session_store, |database: TestDatabase| async move {
    conformance::session_store(SqlSessionStore::new(database.db), Setting::default()).check().await;
});

fn row(n: u16, tenant: u8) -> SessionRow {
    let mut id = [7; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    let [high, low] = n.to_be_bytes();
    let user_id = UserId::from_parts(0, [high, low, 0, 0, 0, 0, 0, 0, 0, 0]);
    SessionRow {
        id: SessionId::from_bytes(id),
        lineage: SessionId::from_bytes(id),
        version: 1,
        owner: Some(Owner { tenant_id: TenantId::from_parts(0, [tenant; 10]), user_id }),
        payload: vec![1].into(),
        created_at: chrono::DateTime::UNIX_EPOCH,
        expires_at: chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(1),
    }
}

async fn fill(db: &Db, sessions: u16) -> SqlSessionStore {
    let store = SqlSessionStore::new(db.clone());
    for n in 0..sessions {
        assert_eq!(store.insert(row(n, 1)).await.unwrap(), SaveOutcome::Saved);
    }
    store
}

/// Ending one session neither reads nor waits for any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_does_not_wait_for_the_session_of_somebody_else() {
    use crate::database::Backend;
    let name = "sessions::a_logout_does_not_wait_for_the_session_of_somebody_else";
    let Some((database, _folder)) = TestDatabase::create(Backend::MariaDb, name).await else { return };
    let store = fill(&database.db, 200).await;
    let pool = sqlx::MySqlPool::connect(&database.url).await.unwrap();
    let mut other = pool.begin().await.unwrap();
    let held = row(150, 1).id.as_bytes().to_vec();
    let lock = "SELECT id FROM axess_session WHERE id = ? FOR UPDATE";
    sqlx::query(lock).bind(held).fetch_one(&mut *other).await.unwrap();
    assert_eq!(store.end(row(3, 1).id, chrono::DateTime::UNIX_EPOCH).await.unwrap(), 1);
    other.rollback().await.unwrap();
}

on_every_database!(a_tenant_of_many_sessions, |database: TestDatabase| async move {
    let store = fill(&database.db, 2_300).await;
    let other = row(5_000, 2);
    assert_eq!(store.insert(other.clone()).await.unwrap(), SaveOutcome::Saved);
    let ended = store.end_for_tenant(TenantId::from_parts(0, [1; 10])).await.unwrap();
    assert_eq!(ended, 2_300);
    assert!(store.load(other.id, chrono::DateTime::UNIX_EPOCH).await.unwrap().is_some());
});
