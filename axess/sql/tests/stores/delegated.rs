use crate::{
    database::on_every_database,
    play::{Draws, RACERS, at, owner, race},
};
use axess_core::{
    memory::MemoryDelegatedCredentialStore,
    store::{DelegatedCredentialStore, DelegatedRow, Expected, SaveOutcome, StoreErrorKind},
};
use axess_sql::SqlDelegatedCredentialStore;
use axess_testing::conformance::{self, Setting};

fn row(downstream: &str, payload: Vec<u8>) -> DelegatedRow {
    DelegatedRow { downstream: downstream.into(), payload: payload.into(), updated_at: at(1) }
}

/// Does the same things to any store and writes down what it answers.
async fn script(store: &impl DelegatedCredentialStore, seed: u64) -> Vec<String> {
    // Names that careless comparisons take for one.
    let names = ["github", "GitHub", "github ", "gïthub", "gi\u{308}thub", "", " ", "\0", "github\0"];
    let (mut draws, mut log) = (Draws::new(seed), Vec::new());
    for step in 0..250_u64 {
        let owner = draws.owner();
        let name = names[usize::try_from(draws.below(names.len() as u64)).unwrap()];
        let expected = match draws.below(4) {
            0 => Expected::Absent,
            1 => Expected::Any,
            _ => Expected::Version(1 + draws.below(3)),
        };
        let answer = match draws.below(8) {
            0..=3 => {
                format!("{:?}", store.save_credential(owner, row(name, vec![step as u8]), expected).await)
            }
            4 => format!("{:?}", store.revoke_credential(owner, name.into()).await),
            5 if draws.below(9) == 0 => format!("{:?}", store.delete_for_user(owner).await),
            _ => format!("{:?}", store.load_credential(owner, name.into()).await),
        };
        log.push(format!("{step}: {answer} {:?}", store.find_downstreams(owner).await));
    }
    log
}

on_every_database!(delegated_credential_store, |database: TestDatabase| async move {
    conformance::delegated_credential_store(
        SqlDelegatedCredentialStore::new(database.db),
        Setting::default(),
    )
    .check()
    .await;
});

on_every_database!(answers_like_the_one_in_memory, |database: TestDatabase| async move {
    let (seed, store) = (3, SqlDelegatedCredentialStore::new(database.db));
    assert_eq!(script(&store, seed).await, script(&MemoryDelegatedCredentialStore::new(), seed).await);
});

on_every_database!(of_racing_writers_one_wins, |database: TestDatabase| async move {
    let (store, me) = (SqlDelegatedCredentialStore::new(database.db), owner(1, 1));
    for expected in [Expected::Absent, Expected::Version(1), Expected::Version(2)] {
        let outcomes = race(RACERS, |racer| {
            let (store, row) = (store.clone(), row("github", vec![racer as u8]));
            async move { store.save_credential(me, row, expected).await.unwrap() }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == SaveOutcome::Saved).count(), 1);
        let winner = outcomes.iter().position(|outcome| *outcome == SaveOutcome::Saved).unwrap();
        let stored = store.load_credential(me, "github".into()).await.unwrap().unwrap();
        assert_eq!(stored.value, row("github", vec![winner as u8]));
    }
    race(RACERS, |_| {
        let store = store.clone();
        async move {
            assert_eq!(
                store.save_credential(me, row("github", vec![]), Expected::Any).await.unwrap(),
                SaveOutcome::Saved
            )
        }
    })
    .await;
    let stored = store.load_credential(me, "github".into()).await.unwrap().unwrap();
    assert_eq!(stored.version, 3 + RACERS as u64, "every write counts");
});

on_every_database!(sizes, |database: TestDatabase| async move {
    let (store, me) = (SqlDelegatedCredentialStore::new(database.db), owner(1, 1));
    let long = "é".repeat(64);
    let large = row(&long, vec![7; 300_000]);
    assert_eq!(store.save_credential(me, large.clone(), Expected::Absent).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(store.load_credential(me, long.clone()).await.unwrap().unwrap().value, large);
    for expected in [Expected::Absent, Expected::Any, Expected::Version(1)] {
        let refused = store.save_credential(me, row(&(long.clone() + "x"), vec![]), expected).await;
        assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Misuse);
    }
});
