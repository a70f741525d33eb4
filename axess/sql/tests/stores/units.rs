//! What is written in one unit of work is there as a whole, or not at all.

use crate::{
    database::on_every_database,
    play::{at, owner},
};
use axess_core::store::{
    AuditOutbox, OutboxRecord, SaveOutcome, SessionRow, SessionStore, SidStore, StoreError, StoreErrorKind,
    UnitOfWork,
};
use axess_identity::{EventId, SessionId};
use axess_sql::{Db, SqlAuditOutbox, SqlSessionStore, SqlSidStore};
use std::time::Duration;

fn session(n: u8) -> SessionRow {
    SessionRow {
        id: SessionId::from_bytes([n; 16]),
        lineage: SessionId::from_bytes([n; 16]),
        version: 1,
        owner: Some(owner(1, 1)),
        payload: vec![n].into(),
        created_at: at(0),
        expires_at: at(3_600),
    }
}

fn event(n: u8) -> OutboxRecord {
    OutboxRecord {
        event_id: EventId::from_parts(0, [n; 10]),
        tenant_id: Some(owner(1, 1).tenant_id),
        at: at(0),
        body: vec![n].into(),
    }
}

/// Returns which of sessions 1 to 9 and how many events are there.
async fn kept(db: &Db) -> (Vec<u8>, usize) {
    let mut found = Vec::new();
    for n in 1..=9 {
        let row = SqlSessionStore::new(db.clone()).load(session(n).id, at(0)).await.unwrap();
        found.extend(row.map(|_| n));
    }
    (found, SqlAuditOutbox::new(db.clone()).peek(100).await.unwrap().len())
}

on_every_database!(an_operation_and_its_event_are_there_together, |database: TestDatabase| async move {
    let db = database.db;
    // Another handle of the same pool takes part as well.
    let (sessions, outbox) = (SqlSessionStore::new(db.clone()), SqlAuditOutbox::new(db.clone()));
    UnitOfWork::run(async {
        let _ = sessions.insert(session(1)).await?;
        let mine = sessions.load(session(1).id, at(0)).await?;
        assert!(mine.is_some(), "a unit sees what it wrote");
        outbox.append(vec![event(1)]).await
    })
    .await
    .unwrap();
    assert_eq!(kept(&db).await, (vec![1], 1));

    let refused = UnitOfWork::run(async {
        let _ = sessions.insert(session(2)).await?;
        outbox.append(vec![event(2)]).await?;
        Err::<(), _>(StoreError::bare(StoreErrorKind::Full))
    });
    assert_eq!(refused.await.unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!(kept(&db).await, (vec![1], 1));

    let given_up = UnitOfWork::run(async {
        let _ = sessions.insert(session(3)).await?;
        outbox.append(vec![event(3)]).await?;
        std::future::pending::<Result<(), StoreError>>().await
    });
    tokio::time::timeout(Duration::from_millis(300), given_up).await.unwrap_err();
    assert_eq!(kept(&db).await, (vec![1], 1));
    // And nothing is held on to: others write on.
    let _ = sessions.insert(session(4)).await.unwrap();
    assert_eq!(kept(&db).await, (vec![1, 4], 1));
});

on_every_database!(a_conflict_inside_does_not_spoil_the_rest, |database: TestDatabase| async move {
    let db = database.db;
    let (sessions, outbox) = (SqlSessionStore::new(db.clone()), SqlAuditOutbox::new(db.clone()));
    let _ = sessions.insert(session(1)).await.unwrap();
    let _ = sessions.insert(session(2)).await.unwrap();
    UnitOfWork::run(async {
        let taken = SessionRow { version: 2, ..session(2) };
        let lost = sessions.cycle(session(1).id, 1, taken, at(0)).await?;
        assert_eq!(lost, SaveOutcome::Conflict, "the new id is another session's");
        let won = sessions.cycle(session(1).id, 1, SessionRow { version: 2, ..session(3) }, at(0)).await?;
        assert_eq!(won, SaveOutcome::Saved);
        outbox.append(vec![event(1), event(1)]).await
    })
    .await
    .unwrap();
    assert_eq!(kept(&db).await, (vec![2, 3], 1));
});

on_every_database!(calls_of_one_unit_may_overlap, |database: TestDatabase| async move {
    let db = database.db;
    let (sessions, outbox) = (SqlSessionStore::new(db.clone()), SqlAuditOutbox::new(db.clone()));
    UnitOfWork::run(async {
        let (one, two, three) = tokio::join!(
            sessions.insert(session(1)),
            sessions.insert(session(2)),
            outbox.append(vec![event(1), event(2)]),
        );
        let _ = one.and(two)?;
        three
    })
    .await
    .unwrap();
    assert_eq!(kept(&db).await, (vec![1, 2], 2));
});

on_every_database!(a_failure_that_was_swallowed_undoes_the_unit, |database: TestDatabase| async move {
    let db = database.db;
    let (sessions, outbox) = (SqlSessionStore::new(db.clone()), SqlAuditOutbox::new(db.clone()));
    let sids = SqlSidStore::new(db.clone());
    crate::database::run(&database.url, "DROP TABLE axess_sid").await;
    let outcome = UnitOfWork::run(async {
        let _ = sessions.insert(session(1)).await?;
        let tenant_id = owner(1, 1).tenant_id;
        let lost = sids.find_by_sid(Some(tenant_id), "https://idp.example".into(), "sid".into(), at(0)).await;
        assert!(lost.is_err());
        outbox.append(vec![event(1)]).await
    });
    assert_eq!(outcome.await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(kept(&db).await, (vec![], 0));
});

on_every_database!(another_database_writes_on_its_own, |database: TestDatabase| async move {
    let db = database.db;
    let folder = tempfile::tempdir().unwrap();
    let other = Db::connect(&format!("sqlite:{}", folder.path().join("other.db").display())).await.unwrap();
    other.migrate().await.unwrap();
    let (here, there) = (SqlSessionStore::new(db.clone()), SqlSessionStore::new(other.clone()));
    let failed = UnitOfWork::run(async {
        let _ = here.insert(session(1)).await?;
        let _ = there.insert(session(2)).await?;
        Err::<(), _>(StoreError::bare(StoreErrorKind::Full))
    });
    failed.await.unwrap_err();
    assert_eq!((kept(&db).await, kept(&other).await), ((vec![], 0), (vec![2], 0)));
});

#[tokio::test]
async fn an_application_records_in_its_own_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("app.db").display());
    let db = Db::connect(&url).await.unwrap();
    db.migrate().await.unwrap();
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("CREATE TABLE account (cents INTEGER)").execute(&pool).await.unwrap();
    for commits in [false, true] {
        let mut transaction = pool.begin().await.unwrap();
        sqlx::query("INSERT INTO account VALUES (5)").execute(&mut *transaction).await.unwrap();
        SqlAuditOutbox::append_in(&mut *transaction, vec![event(1)]).await.unwrap();
        let ended = if commits { transaction.commit().await } else { transaction.rollback().await };
        ended.unwrap();
        assert_eq!(kept(&db).await.1, usize::from(commits));
    }
}
