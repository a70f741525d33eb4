use crate::{
    database::on_every_database,
    play::{Draws, RACERS, at, race},
};
use axess_core::{
    memory::MemoryBuckets,
    ratelimit::{Admission, BucketKey, RateQuota},
    store::RateLimitBuckets,
};
use axess_sql::SqlRateLimitBuckets;
use axess_testing::conformance::{self, Setting};
use chrono::{DateTime, TimeDelta};
use std::time::Duration;

/// Does the same things to any store and writes down what it answers.
async fn script(store: &impl RateLimitBuckets, seed: u64) -> Vec<String> {
    // Intervals of thirds of a second, of single nanoseconds, and of weeks.
    let quotas = [(3, 1_000), (7, 10_000), (1_000_000, 1), (1_000, 1), (4, 30 * 24 * 60 * 60 * 1_000)];
    let (mut draws, mut log, mut now) = (Draws::new(seed), Vec::new(), at(0));
    for step in 0..400 {
        let (max, millis) = quotas[usize::try_from(draws.below(quotas.len() as u64)).unwrap()];
        let key = BucketKey::new("limiter", &format!("{max} {}", draws.below(2)));
        let quota = RateQuota::new(max, Duration::from_millis(millis));
        now += match draws.below(20) {
            0 => TimeDelta::seconds(-100), // a clock that was set back
            1 => TimeDelta::seconds(60),
            2..=9 => TimeDelta::zero(),
            _ => TimeDelta::nanoseconds(i64::try_from(draws.below(400_000_000)).unwrap()),
        };
        log.push(match draws.below(30) {
            0 => format!("{step}: {:?}", store.cleanup_expired(now, 1_000).await),
            _ => format!("{step}: {:?}", store.admit(key, quota, now).await),
        });
    }
    log
}

on_every_database!(rate_limit_buckets, |database: TestDatabase| async move {
    conformance::rate_limit_buckets(SqlRateLimitBuckets::new(database.db), Setting::default()).check().await;
});

on_every_database!(answers_like_the_one_in_memory, |database: TestDatabase| async move {
    let (seed, store) = (3, SqlRateLimitBuckets::new(database.db));
    assert_eq!(script(&store, seed).await, script(&MemoryBuckets::default(), seed).await);
});

on_every_database!(a_burst_is_exact, |database: TestDatabase| async move {
    let (store, quota) = (SqlRateLimitBuckets::new(database.db), RateQuota::new(37, Duration::from_secs(60)));
    let key = BucketKey::new("limiter", "alice");
    // The second round finds the bucket full again, the third one after a clean-up.
    for round in 0..3 {
        let now = at(round * 60);
        let admitted = race(RACERS, |racer| {
            let store = store.clone();
            async move {
                if round == 2 && racer == 7 {
                    let _ = store.cleanup_expired(now, 10).await.unwrap();
                }
                let mut admitted = 0;
                for _ in 0..6 {
                    admitted += u32::from(store.admit(key, quota, now).await.unwrap() == Admission::Admitted);
                }
                admitted
            }
        })
        .await;
        assert_eq!(admitted.iter().sum::<u32>(), 37, "round {round}");
    }
});

on_every_database!(full_buckets_go_and_others_stay, |database: TestDatabase| async move {
    let (store, quota) =
        (SqlRateLimitBuckets::new(database.db), RateQuota::new(3, Duration::from_nanos(3_000_001)));
    let (now, interval) = (at(0), TimeDelta::nanoseconds(1_000_000));
    for number in 0..5_u8 {
        let key = BucketKey::new("limiter", &number.to_string());
        assert_eq!(
            store.admit(key, quota, now + TimeDelta::nanoseconds(number.into())).await.unwrap(),
            Admission::Admitted
        );
    }
    assert_eq!(store.cleanup_expired(now + interval - TimeDelta::nanoseconds(1), 100).await.unwrap(), 0);
    assert_eq!(store.cleanup_expired(now + interval + TimeDelta::nanoseconds(2), 2).await.unwrap(), 2);
    assert_eq!(store.cleanup_expired(now + interval + TimeDelta::nanoseconds(2), 100).await.unwrap(), 1);
    assert_eq!(store.cleanup_expired(now + TimeDelta::days(1), 100).await.unwrap(), 2);
});

on_every_database!(far_away_times, |database: TestDatabase| async move {
    let (store, quota) = (SqlRateLimitBuckets::new(database.db), RateQuota::new(1, Duration::from_secs(60)));
    for (name, now) in [
        ("past", at(-9_000_000_000)),
        ("future", DateTime::from_timestamp(253_402_300_799, 999_999_999).unwrap()),
    ] {
        let key = BucketKey::new("limiter", name);
        assert_eq!(store.admit(key, quota, now).await.unwrap(), Admission::Admitted);
        let refused = Admission::Refused { retry_after: Duration::from_secs(60) };
        assert_eq!(store.admit(key, quota, now).await.unwrap(), refused);
    }
});
