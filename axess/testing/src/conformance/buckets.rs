//! Buckets of rate limiters: exactly the quota, whoever races.

use super::{
    ground::Ground,
    race::{CUTS, RACERS, cut_off, race},
    suite::{Setting, Suite, suite},
    sweep::drain,
    verdict::{Breach, Verdict, holds, same},
};
use axess_core::{
    ratelimit::{Admission, BucketKey, GcraDecision, MAX_RATE_WINDOW, RateQuota, gcra_decide},
    store::RateLimitBuckets,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{sync::Arc, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

/// Makes the suite of [`RateLimitBuckets`].
///
/// ```
/// use axess_core::memory::MemoryBuckets;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::rate_limit_buckets(MemoryBuckets::default(), Setting::default());
/// assert!(suite.cases().any(|case| case == "a_race_is_admitted_exactly_the_quota"));
/// ```
pub fn rate_limit_buckets<S: RateLimitBuckets>(store: S, setting: Setting) -> Suite {
    suite!("RateLimitBuckets", store, setting, [
        self:
            a_burst_is_exactly_the_quota,
            a_refused_request_knows_when_to_come_back,
            every_decision_is_that_of_the_rule,
            a_clock_set_back_locks_nobody_out,
            buckets_are_told_apart,
            cleanup_deletes_full_buckets_and_nothing_else,
            a_race_is_admitted_exactly_the_quota,
            a_request_cut_off_costs_one_at_most;
    ])
}

fn key(ground: &Ground) -> BucketKey {
    BucketKey::new("conformance", &ground.word())
}

/// Returns how many of `tries` requests at one time are admitted.
async fn burst(
    store: &impl RateLimitBuckets,
    key: BucketKey,
    quota: RateQuota,
    now: DateTime<Utc>,
    tries: u32,
) -> Result<u32, Breach> {
    let mut admitted = 0;
    for _ in 0..tries {
        admitted += u32::from(store.admit(key, quota, now).await? == Admission::Admitted);
    }
    Ok(admitted)
}

/// Also with an interval that is no whole number of microseconds: rounding must neither give nor take a request.
async fn a_burst_is_exactly_the_quota<S: RateLimitBuckets>(store: Arc<S>, ground: Ground) -> Verdict {
    for window in [MINUTE, Duration::from_secs(1), MAX_RATE_WINDOW] {
        for requests in [1, 2, 3, 7, 60] {
            let (key, quota) = (key(&ground), RateQuota::new(requests, window));
            let what = format!("admitted of a burst, for {requests} in {window:?}");
            same(&what, burst(&*store, key, quota, ground.at(0), requests + 3).await?, requests)?;
            let full = ground.at(0) + TimeDelta::from_std(window).unwrap_or_default();
            same(
                &format!("{what}, a window later"),
                burst(&*store, key, quota, full, requests + 3).await?,
                requests,
            )?;
        }
    }
    Ok(())
}

async fn a_refused_request_knows_when_to_come_back<S: RateLimitBuckets>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (key, quota, now) = (key(&ground), RateQuota::new(6, MINUTE), ground.at(0));
    same("admitted of a burst", burst(&*store, key, quota, now, 6).await?, 6)?;
    let refused = Admission::Refused { retry_after: Duration::from_secs(10) };
    same("the next one", store.admit(key, quota, now).await?, refused)?;
    let early = Admission::Refused { retry_after: Duration::from_micros(1) };
    same("just too early", store.admit(key, quota, ground.just_before(10)).await?, early)?;
    same("then", store.admit(key, quota, ground.at(10)).await?, Admission::Admitted)?;
    same("and no more", store.admit(key, quota, ground.at(10)).await?, refused)
}

/// The rule itself, on a state of this case's own, is asked the same.
async fn every_decision_is_that_of_the_rule<S: RateLimitBuckets>(store: Arc<S>, ground: Ground) -> Verdict {
    for requests in [1, 2, 10, 60] {
        let (key, quota) = (key(&ground), RateQuota::new(requests, MINUTE));
        let (mut tat, mut now) = (None, ground.at(0));
        for step in 0..150 {
            let moved = i64::try_from(ground.below(6_000_000)).unwrap_or(0);
            let back = ground.chance(10);
            now += TimeDelta::microseconds(if back { -5 * moved } else { moved });
            let want = match gcra_decide(tat, now, &quota) {
                GcraDecision::Allowed { new_tat } => {
                    tat = Some(new_tat);
                    Admission::Admitted
                }
                GcraDecision::Denied { retry_after, new_tat } => {
                    tat = Some(new_tat);
                    Admission::Refused { retry_after }
                }
            };
            let what = format!("request {step} at {now}, for {requests} in a minute");
            same(&what, store.admit(key, quota, now).await?, want)?;
        }
    }
    Ok(())
}

async fn a_clock_set_back_locks_nobody_out<S: RateLimitBuckets>(store: Arc<S>, ground: Ground) -> Verdict {
    let (key, quota) = (key(&ground), RateQuota::new(2, MINUTE));
    same("admitted of a burst", burst(&*store, key, quota, ground.at(1_000_000), 2).await?, 2)?;
    let Admission::Refused { retry_after } = store.admit(key, quota, ground.at(0)).await? else {
        return Err(Breach::new("a clock set back must not make the bucket full"));
    };
    holds(&format!("at most a window, not {retry_after:?}"), retry_after <= MINUTE)?;
    // The state that was too far ahead is stored as cut: a window later the bucket is full.
    same("a window later", burst(&*store, key, quota, ground.at(60), 3).await?, 2)
}

async fn buckets_are_told_apart<S: RateLimitBuckets>(store: Arc<S>, ground: Ground) -> Verdict {
    let quota = RateQuota::new(1, MINUTE);
    let word = ground.word();
    for name in [word.clone(), word.to_uppercase(), format!("{word} ")] {
        for limiter in ["login", "Login", "api"] {
            let admitted = burst(&*store, BucketKey::new(limiter, &name), quota, ground.at(0), 3).await?;
            same(&format!("{limiter} and {name:?}"), admitted, 1)?;
        }
    }
    Ok(())
}

async fn cleanup_deletes_full_buckets_and_nothing_else<S: RateLimitBuckets>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    // Past every bucket of the other cases.
    let start = ground.at(0) + TimeDelta::days(365);
    let second = |n| start + TimeDelta::seconds(n);
    drain(|| store.cleanup_expired(start, 1_000)).await?;
    let quota = RateQuota::new(2, MINUTE);
    let busy = key(&ground);
    same("admitted", burst(&*store, busy, quota, start, 2).await?, 2)?;
    for _ in 0..5 {
        same("admitted", burst(&*store, key(&ground), quota, start, 1).await?, 1)?;
    }
    same("deleted while all are in use", store.cleanup_expired(second(29), 1_000).await?, 0)?;
    same("deleted with limit 0", store.cleanup_expired(second(31), 0).await?, 0)?;
    same("deleted with limit 2", store.cleanup_expired(second(31), 2).await?, 2)?;
    same("deleted after that", store.cleanup_expired(second(31), usize::MAX).await?, 3)?;
    same("the bucket that was not full", burst(&*store, busy, quota, second(31), 3).await?, 1)
}

async fn a_race_is_admitted_exactly_the_quota<S: RateLimitBuckets>(store: Arc<S>, ground: Ground) -> Verdict {
    for requests in [1, 7, 20] {
        let (key, quota, now) = (key(&ground), RateQuota::new(requests, MINUTE), ground.at(0));
        let answers = race(RACERS, |_| {
            let store = Arc::clone(&store);
            async move { store.admit(key, quota, now).await }
        })
        .await?;
        let admitted = answers.iter().filter(|answer| **answer == Admission::Admitted).count();
        same("admitted", u32::try_from(admitted).unwrap_or(u32::MAX), requests)?;
    }
    Ok(())
}

async fn a_request_cut_off_costs_one_at_most<S: RateLimitBuckets>(store: Arc<S>, ground: Ground) -> Verdict {
    for cut in CUTS {
        let (key, quota, now) = (key(&ground), RateQuota::new(4, MINUTE), ground.at(0));
        let _ = cut_off(store.admit(key, quota, now), cut).await.transpose()?;
        let admitted = burst(&*store, key, quota, now, 6).await?;
        holds(&format!("3 or 4 of the others, not {admitted}"), (3..=4).contains(&admitted))?;
    }
    Ok(())
}
