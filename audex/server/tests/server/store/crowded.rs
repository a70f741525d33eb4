//! Other transactions are in the way, or what shares one takes too long together: that fails nobody.

use super::place::*;
use audex_core::session::SessionStore;
use futures_util::future::join_all;
use std::time::Duration;

/// Has PostgreSQL do something when a session is added, `hit` being how many were before, undone ones included.
async fn on_insert(place: &Place, body: &str) {
    let pool = sqlx::PgPool::connect(place.settings.database.as_ref().unwrap()).await.unwrap();
    let sql = format!(
        "CREATE SEQUENCE IF NOT EXISTS hits MINVALUE 0;
        CREATE OR REPLACE FUNCTION hit() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE hit BIGINT := nextval('hits'); BEGIN {body} RETURN NEW; END $$;
        CREATE OR REPLACE TRIGGER hit BEFORE INSERT ON audex_sessions FOR EACH ROW EXECUTE FUNCTION hit();
        ALTER SEQUENCE hits RESTART"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_postgresql_undid_for_another_is_tried_again() {
    let Some(place) = Place::new(Backend::Postgres, "store::crowded: undone").await else { return };
    for (count, code) in [(40, "40001"), (40, "40P01"), (40, "55P03"), (1, "40P01")] {
        on_insert(&place, &format!("IF hit = 0 THEN RAISE 'in the way' USING ERRCODE = '{code}'; END IF;"))
            .await;
        let records: Vec<_> = (0..count).map(|_| record("alice@example.com", now())).collect();
        let begun =
            join_all(records.iter().map(|record| place.store.begin(beginning(record, &[], None)))).await;
        for outcome in &begun {
            assert!(outcome.is_ok(), "{code}: {outcome:?}");
        }
    }
    // Once, not for ever.
    on_insert(&place, "RAISE 'in the way' USING ERRCODE = '40001';").await;
    assert!(place.store.begin(beginning(&record("alice@example.com", now()), &[], None)).await.is_err());
    assert_eq!(place.store.active_sessions(now()).await.unwrap(), 121);
    assert_eq!(place.types().await.len(), 121);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_slow_together_is_done_one_by_one() {
    let Some(place) = Place::new(Backend::Postgres, "store::crowded: too slow").await else { return };
    // While the first one is written, the others gather for a transaction of their own.
    on_insert(
        &place,
        "IF hit = 0 THEN PERFORM pg_sleep(1); ELSIF hit = 1 THEN PERFORM pg_sleep(5.5); END IF;",
    )
    .await;
    let (store, first) = (place.store.clone(), record("alice@example.com", now()));
    let first = tokio::spawn(async move { store.begin(beginning(&first, &[], None)).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let records: Vec<_> = (0..20).map(|_| record("bob@example.com", now())).collect();
    let begun = join_all(records.iter().map(|record| place.store.begin(beginning(record, &[], None)))).await;
    first.await.unwrap().unwrap();
    for outcome in &begun {
        assert!(outcome.is_ok(), "{outcome:?}");
    }
    assert_eq!(place.types().await.len(), 21);
}
