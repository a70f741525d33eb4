use crate::{
    database::on_every_database,
    play::{Draws, RACERS, at, race},
};
use axess_core::{
    memory::MemoryStore,
    store::{Store, StoreErrorKind},
};
use axess_sql::SqlStore;
use axess_testing::conformance::{self, Setting};

/// Does the same things to any store and writes down what it answers.
async fn script(store: &dyn Store<String, Vec<u8>>, seed: u64) -> Vec<String> {
    // Keys that careless comparisons take for one.
    let keys = ["a", "A", "a ", "ä", "a\u{308}", "", "\0", "a\0"];
    let (mut draws, mut log) = (Draws::new(seed), Vec::new());
    for step in 0..300_i64 {
        let key = keys[usize::try_from(draws.below(keys.len() as u64)).unwrap()].to_owned();
        log.push(match draws.below(6) {
            0..=2 => {
                let until = at(step + i64::try_from(draws.below(20)).unwrap());
                format!("{step}: {:?}", store.set(key, step.to_be_bytes().to_vec(), until).await)
            }
            3 => format!("{step}: {:?}", store.delete(key).await),
            _ => format!("{step}: {:?}", store.get(key, at(step)).await),
        });
    }
    log
}

on_every_database!(key_value_store, |database: TestDatabase| async move {
    conformance::key_value_store(SqlStore::new(database.db), Setting::default()).check().await;
});

on_every_database!(answers_like_the_one_in_memory, |database: TestDatabase| async move {
    let (seed, store) = (3, SqlStore::new(database.db));
    assert_eq!(script(&store, seed).await, script(&MemoryStore::new(), seed).await);
});

on_every_database!(writes_and_clean_ups_get_along, |database: TestDatabase| async move {
    let store = SqlStore::new(database.db);
    race(RACERS, |racer| {
        let store = store.clone();
        async move {
            for round in 0..8 {
                store.set(format!("key {}", (racer + round) % 5), vec![1], at(0)).await.unwrap();
                store.set(format!("own {racer}"), vec![2], at(50)).await.unwrap();
                if racer % 4 == 0 {
                    let _ = store.cleanup_expired(at(1), 2).await.unwrap();
                }
            }
        }
    })
    .await;
    for racer in 0..RACERS {
        assert_eq!(store.get(format!("own {racer}"), at(1)).await.unwrap(), Some(vec![2]));
    }
    assert!(store.cleanup_expired(at(1), 2).await.unwrap() <= 2);
    let _ = store.cleanup_expired(at(1), 100).await.unwrap();
    assert_eq!(store.cleanup_expired(at(50), 1_000).await.unwrap(), RACERS as u64);
});

on_every_database!(sizes, |database: TestDatabase| async move {
    let (store, key, value) = (SqlStore::new(database.db), "k".repeat(255), vec![9; 1_000_000]);
    store.set(key.clone(), value.clone(), at(1)).await.unwrap();
    assert_eq!(store.get(key.clone(), at(0)).await.unwrap(), Some(value));
    let refused = store.set(key + "x", vec![], at(1)).await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Misuse);
});
