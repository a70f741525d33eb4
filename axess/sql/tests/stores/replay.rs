use crate::{
    database::on_every_database,
    play::{Draws, RACERS, at, race},
};
use axess_core::{
    memory::MemoryJtiReplayStore,
    store::{Claim, JtiReplayStore, ReplayKey},
};
use axess_sql::SqlJtiReplayStore;
use axess_testing::conformance::{self, Setting};

/// Does the same things to any store and writes down what it answers.
async fn script(store: &impl JtiReplayStore, seed: u64) -> Vec<String> {
    let (mut draws, mut log) = (Draws::new(seed), Vec::new());
    for step in 0..300 {
        let key = ReplayKey::new("issuer", &draws.below(40).to_string());
        let until = at(step + i64::try_from(draws.below(60)).unwrap() - 5);
        log.push(match draws.below(10) {
            0 => format!("{step}: {:?}", store.cleanup_expired(at(step), 1_000).await),
            _ => format!("{step}: {:?}", store.claim(key, until, at(step)).await),
        });
    }
    log
}

on_every_database!(jti_replay_store, |database: TestDatabase| async move {
    conformance::jti_replay_store(SqlJtiReplayStore::new(database.db), Setting::default()).check().await;
});

on_every_database!(answers_like_the_one_in_memory, |database: TestDatabase| async move {
    let (seed, store) = (3, SqlJtiReplayStore::new(database.db));
    assert_eq!(script(&store, seed).await, script(&MemoryJtiReplayStore::new(), seed).await);
});

on_every_database!(one_of_many_is_first, |database: TestDatabase| async move {
    let store = SqlJtiReplayStore::new(database.db);
    for round in 0..12 {
        let key = ReplayKey::new("issuer", &(round / 3).to_string());
        // New, then expired, then expired while somebody cleans up.
        let now = at(round * 10);
        let claims = race(RACERS, |racer| {
            let store = store.clone();
            async move {
                if round % 3 == 2 && racer % 6 == 1 {
                    let _ = store.cleanup_expired(now, 10).await.unwrap();
                }
                store.claim(key, now + chrono::TimeDelta::seconds(10), now).await.unwrap()
            }
        })
        .await;
        assert_eq!(claims.iter().filter(|claim| **claim == Claim::Fresh).count(), 1, "round {round}");
    }
});

on_every_database!(a_claim_is_never_forgotten_early, |database: TestDatabase| async move {
    let store = SqlJtiReplayStore::new(database.db);
    for number in 0..7 {
        let key = ReplayKey::new("issuer", &number.to_string());
        assert_eq!(store.claim(key, at(10 + number), at(0)).await.unwrap(), Claim::Fresh);
    }
    assert_eq!(store.cleanup_expired(at(9), 100).await.unwrap(), 0);
    assert_eq!(store.cleanup_expired(at(14), 2).await.unwrap(), 2);
    assert_eq!(store.cleanup_expired(at(14), 100).await.unwrap(), 3);
    assert_eq!(store.claim(ReplayKey::new("issuer", "5"), at(99), at(14)).await.unwrap(), Claim::Replayed);
});
