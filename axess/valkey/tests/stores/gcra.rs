//! The arithmetic of rate limits in Lua against the arithmetic in Rust.

use super::ground::servers;
use axess_core::{
    ratelimit::{
        Admission, BucketKey, GcraDecision, MAX_RATE_REQUESTS, MAX_RATE_WINDOW, RateQuota, gcra_decide,
    },
    store::RateLimitBuckets,
};
use axess_valkey::ValkeyBuckets;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::{prelude::*, test_runner::TestRunner};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

const CASES: u32 = 60;
static NEXT: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Clone)]
struct Run {
    quota: RateQuota,
    begin: DateTime<Utc>,
    steps: Vec<i64>,
}

/// Windows from a millisecond to a month, to the nanosecond, and a clock that goes on, stands still or jumps.
fn any_run() -> impl Strategy<Value = Run> {
    let max = MAX_RATE_WINDOW.as_nanos() as u64;
    let window = prop_oneof![1_000_000..10_000_000_000u64, 1_000_000..max, Just(max)];
    let requests = prop_oneof![1..6u32, 1..MAX_RATE_REQUESTS, Just(MAX_RATE_REQUESTS)];
    let begin = prop_oneof![Just(0i64), -9_000_000_000i64..250_000_000_000];
    (window, requests, begin, 0..1_000_000_000u32).prop_flat_map(|(window, requests, secs, nanos)| {
        let quota = RateQuota::new(requests, Duration::from_nanos(window));
        let begin = DateTime::from_timestamp(secs, nanos).unwrap();
        let (interval, span) = ((window / u64::from(requests)) as i64, window as i64);
        let step = prop_oneof![
            4 => Just(0i64),
            4 => 0..interval + 2,
            2 => interval - 1..interval + 2,
            2 => 0..span + 2,
            1 => Just(span),
            1 => -span - 2..0,
            1 => -9_000_000_000_000_000_000..9_000_000_000_000_000_000i64,
        ];
        let steps = prop::collection::vec(step, 1..60);
        steps.prop_map(move |steps| Run { quota, begin, steps })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lua_decides_as_rust_does_to_the_nanosecond() {
    for (server, valkey) in servers("lua_decides_as_rust_does_to_the_nanosecond").await.iter().enumerate() {
        let buckets = ValkeyBuckets::new(valkey);
        let mut runner = TestRunner::new(ProptestConfig {
            cases: CASES,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let runtime = tokio::runtime::Handle::current();
        let result = tokio::task::block_in_place(|| {
            runner.run(&any_run(), |run| {
                // The same run on a used bucket would not begin like the first.
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let key = BucketKey::new("equality", &format!("{server} {number}"));
                runtime.block_on(same_decisions(&buckets, key, &run))
            })
        });
        result.unwrap();
    }
}

async fn same_decisions(buckets: &ValkeyBuckets, key: BucketKey, run: &Run) -> Result<(), TestCaseError> {
    let (mut tat, mut now) = (None, run.begin);
    for (number, step) in run.steps.iter().enumerate() {
        now = now.checked_add_signed(TimeDelta::nanoseconds(*step)).unwrap();
        let (want, new_tat) = match gcra_decide(tat, now, &run.quota) {
            GcraDecision::Allowed { new_tat } => (Admission::Admitted, new_tat),
            GcraDecision::Denied { retry_after, new_tat } => (Admission::Refused { retry_after }, new_tat),
        };
        tat = Some(new_tat);
        let got = buckets.admit(key, run.quota, now).await;
        let got = got.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        prop_assert_eq!(got, want, "step {} at {:?}", number, now);
    }
    Ok(())
}
