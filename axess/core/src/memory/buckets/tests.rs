use super::*;
use std::{sync::Arc, time::Duration};

fn at(nanos: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(1_767_225_600_000_000_000) + TimeDelta::nanoseconds(nanos)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn key(i: usize) -> BucketKey {
    BucketKey::new("table", &i.to_string())
}

/// Keys that all live in the shard of `key(0)`.
fn keys_of_one_shard() -> impl Iterator<Item = BucketKey> {
    let shard = |key: BucketKey| key.as_bytes()[0] % 64;
    (0..).map(key).filter(move |k| shard(*k) == shard(key(0)))
}

#[test]
fn a_full_table_never_refuses_a_new_caller_and_stays_bounded() {
    let table = MemoryBuckets::with_capacity(640);
    assert_eq!(table.capacity(), 640);
    let quota = RateQuota::new(1, secs(60));
    for i in 0..20_000 {
        assert_eq!(table.admit_now(key(i), quota, at(i as i64)), Admission::Admitted, "{i}");
        assert!(table.len() <= table.capacity());
    }
    assert!(table.len() > 500, "only as many are shed as needed: {}", table.len());
}

#[test]
fn full_buckets_are_shed_before_any_other() {
    let table = MemoryBuckets::with_capacity(64 * 32);
    let (short, long) = (RateQuota::new(1, secs(1)), RateQuota::new(1, secs(1_000)));
    let keys: Vec<BucketKey> = keys_of_one_shard().take(33).collect();
    for (i, key) in keys[..32].iter().enumerate() {
        let quota = if i % 2 == 0 { short } else { long };
        assert_eq!(table.admit_now(*key, quota, at(0)), Admission::Admitted);
    }
    let later = at(0) + TimeDelta::seconds(2);
    assert_eq!(table.admit_now(keys[32], long, later), Admission::Admitted);
    assert_eq!(table.len(), 16 + 1, "the sixteen that were full again are gone");
    for key in keys[..32].iter().skip(1).step_by(2) {
        assert!(matches!(table.admit_now(*key, long, later), Admission::Refused { .. }));
    }
}

#[test]
fn whoever_is_throttled_hardest_is_forgotten_last() {
    let table = MemoryBuckets::with_capacity(64 * 32);
    let quota = RateQuota::new(10, secs(1_000));
    let mut keys = keys_of_one_shard();
    let attacker = keys.next().unwrap();
    for _ in 0..10 {
        assert_eq!(table.admit_now(attacker, quota, at(0)), Admission::Admitted);
    }
    // A flood of other keys, all at once: none of their buckets is full again, so the stalest go.
    for key in keys.take(5_000) {
        assert_eq!(table.admit_now(key, quota, at(1)), Admission::Admitted);
    }
    assert!(matches!(table.admit_now(attacker, quota, at(2)), Admission::Refused { .. }));
}

#[test]
fn a_small_limiter_is_not_shed_for_a_larger_one_in_the_same_table() {
    let table = MemoryBuckets::with_capacity(64 * 32);
    let (login, reports) = (RateQuota::new(5, secs(60)), RateQuota::new(10, secs(86_400)));
    let mut keys = keys_of_one_shard();
    let attacker = keys.next().unwrap();
    for _ in 0..5 {
        assert_eq!(table.admit_now(attacker, login, at(0)), Admission::Admitted);
    }
    // One request of a day's ten is hours ahead, but a tenth of what that limiter bears.
    for key in keys.take(5_000) {
        assert_eq!(table.admit_now(key, reports, at(1)), Admission::Admitted);
    }
    assert!(matches!(table.admit_now(attacker, login, at(2)), Admission::Refused { .. }));
}

#[test]
fn a_clock_that_is_set_back_a_day_delays_by_one_interval() {
    let (table, quota) = (MemoryBuckets::default(), RateQuota::new(2, secs(60)));
    for _ in 0..2 {
        assert_eq!(table.admit_now(key(0), quota, at(0)), Admission::Admitted);
    }
    let back = at(0) - TimeDelta::days(1);
    let refused = Admission::Refused { retry_after: secs(30) };
    assert_eq!(table.admit_now(key(0), quota, back), refused);
    assert_eq!(table.admit_now(key(0), quota, back), refused, "the bucket is still empty");
    let later = back + TimeDelta::seconds(30);
    assert_eq!(table.admit_now(key(0), quota, later), Admission::Admitted);
    assert_eq!(table.admit_now(key(0), quota, later), refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_admit_exactly_the_quota() {
    let table = Arc::new(MemoryBuckets::default());
    let quota = RateQuota::new(25, secs(60));
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let table = Arc::clone(&table);
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                table.admit(key(1), quota, at(0)).await.unwrap()
            })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += usize::from(task.await.unwrap() == Admission::Admitted);
    }
    assert_eq!(admitted, 25);
    assert_eq!(table.len(), 1);
}

#[test]
fn capacity_is_clamped() {
    assert_eq!(MemoryBuckets::with_capacity(0).capacity(), 64);
    assert_eq!(MemoryBuckets::with_capacity(usize::MAX).capacity(), MAX_MEMORY_BUCKETS);
    assert_eq!(format!("{:?}", MemoryBuckets::with_capacity(64)), "MemoryBuckets(0/64)");
}
