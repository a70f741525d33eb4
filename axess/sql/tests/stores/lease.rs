use crate::{
    database::on_every_database,
    play::{Draws, RACERS, at, race},
};
use axess_core::{
    memory::MemoryLeaderLock,
    store::{LeaderLock, StoreErrorKind},
};
use axess_sql::SqlLeaderLock;
use axess_testing::conformance::{self, Setting};
use chrono::TimeDelta;

/// Does the same things to any lock and writes down what it answers.
async fn script(lock: &impl LeaderLock, seed: u64) -> Vec<String> {
    // Names that careless comparisons take for one.
    let names = ["job", "Job", "job ", ""];
    let (mut draws, mut log) = (Draws::new(seed), Vec::new());
    for step in 0..300 {
        let mut draw = || names[usize::try_from(draws.below(names.len() as u64)).unwrap()].to_owned();
        let (name, holder) = (draw(), draw());
        let ttl = TimeDelta::seconds(i64::try_from(draws.below(12)).unwrap());
        log.push(match draws.below(4) {
            0 => format!("{step}: {:?}", lock.release(name, holder).await),
            _ => format!("{step}: {:?}", lock.acquire(name, holder, ttl, at(step)).await),
        });
    }
    log
}

on_every_database!(leader_lock, |database: TestDatabase| async move {
    conformance::leader_lock(SqlLeaderLock::new(database.db), Setting::default()).check().await;
});

on_every_database!(answers_like_the_one_in_memory, |database: TestDatabase| async move {
    let (seed, lock) = (3, SqlLeaderLock::new(database.db));
    assert_eq!(script(&lock, seed).await, script(&MemoryLeaderLock::new(), seed).await);
});

on_every_database!(one_leader_at_a_time, |database: TestDatabase| async move {
    let lock = SqlLeaderLock::new(database.db);
    // New, over, and (every third time) given back.
    for term in 1..=9_i64 {
        let ttl = TimeDelta::seconds(10);
        let leases = race(RACERS, |racer| {
            let (lock, holder) = (lock.clone(), format!("instance {racer}"));
            async move { lock.acquire("job".into(), holder, ttl, at(term * 10)).await.unwrap() }
        })
        .await;
        assert_eq!(leases.iter().flatten().count(), 1);
        let leader = leases.iter().position(Option::is_some).unwrap();
        let lease = leases[leader].unwrap();
        assert_eq!((lease.fence, lease.until), (term as u64, at(term * 10 + 10)), "a fence for each term");
        let leader = format!("instance {leader}");
        let renewals = race(RACERS, |_| {
            let (lock, leader) = (lock.clone(), leader.clone());
            async move { lock.acquire("job".into(), leader, ttl, at(term * 10)).await.unwrap().unwrap().fence }
        })
        .await;
        assert!(renewals.iter().all(|fence| *fence == lease.fence));
        if term % 3 == 0 {
            assert!(!lock.release("job".into(), "somebody else".into()).await.unwrap());
            assert!(lock.release("job".into(), leader.clone()).await.unwrap());
            assert!(!lock.release("job".into(), leader).await.unwrap());
        }
    }
});

on_every_database!(sizes, |database: TestDatabase| async move {
    let (lock, ttl, long) = (SqlLeaderLock::new(database.db), TimeDelta::seconds(1), "n".repeat(255));
    assert!(lock.acquire(long.clone(), long.clone(), ttl, at(0)).await.unwrap().is_some());
    for (name, holder) in [(long.clone() + "x", long.clone()), (long.clone(), long + "x")] {
        let refused = lock.acquire(name, holder, ttl, at(5)).await;
        assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Misuse);
    }
});
