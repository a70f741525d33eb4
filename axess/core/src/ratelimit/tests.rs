use super::*;
use crate::memory::MemoryBuckets;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

fn at(nanos: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(1_767_225_600_000_000_000) + TimeDelta::nanoseconds(nanos)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Sends requests at the given times and returns those that were admitted.
fn admitted(quota: &RateQuota, times: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let mut tat = None;
    times.into_iter().filter(|time| ask(&mut tat, *time, quota).is_none()).collect()
}

/// Decides one request, stores the state, and returns how long to wait unless it was admitted.
fn ask(tat: &mut Option<DateTime<Utc>>, time: i64, quota: &RateQuota) -> Option<Duration> {
    let (new_tat, wait) = match gcra_decide(*tat, at(time), quota) {
        GcraDecision::Allowed { new_tat } => (new_tat, None),
        GcraDecision::Denied { retry_after, new_tat } => (new_tat, Some(retry_after)),
    };
    *tat = Some(new_tat);
    wait
}

#[test]
fn a_burst_then_an_even_pace() {
    let quota = RateQuota::new(3, secs(30));
    let second = 1_000_000_000;
    let times = [0, 0, 0, 0, 9, 10, 10, 11, 19, 20, 21, 200, 200, 200, 200].map(|s| s * second);
    let expect = [0, 0, 0, 10, 20, 200, 200, 200].map(|s| s * second);
    assert_eq!(admitted(&quota, times), expect);
}

#[test]
fn values_are_clamped() {
    let low = RateQuota::new(0, Duration::ZERO);
    assert_eq!((low.max_requests(), low.window()), (1, MIN_RATE_WINDOW));
    let high = RateQuota::new(u32::MAX, Duration::MAX);
    assert_eq!((high.max_requests(), high.window()), (MAX_RATE_REQUESTS, MAX_RATE_WINDOW));
    let densest = RateQuota::new(u32::MAX, Duration::ZERO);
    assert_eq!(admitted(&densest, vec![0; MAX_RATE_REQUESTS as usize + 1]).len(), MAX_RATE_REQUESTS as usize);
}

#[test]
fn the_ends_of_time_do_not_overflow() {
    let quota = RateQuota::new(2, MAX_RATE_WINDOW);
    for now in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        for tat in [None, Some(DateTime::<Utc>::MIN_UTC), Some(DateTime::<Utc>::MAX_UTC)] {
            if let GcraDecision::Denied { retry_after, .. } = gcra_decide(tat, now, &quota) {
                assert!(retry_after <= MAX_RATE_WINDOW);
            }
        }
    }
}

fn any_quota() -> impl Strategy<Value = RateQuota> {
    (1u32..50, 1u64..5_000).prop_map(|(max, millis)| RateQuota::new(max, Duration::from_millis(millis)))
}

/// Steps between requests: none, short, or around a window.
fn any_steps() -> impl Strategy<Value = Vec<i64>> {
    let step = prop_oneof![Just(0i64), 0..1_000_000i64, 0..6_000_000_000i64];
    prop::collection::vec(step, 1..200)
}

/// Changes of the clock between requests: mostly none, else a day or any other time, in either direction.
fn any_jumps() -> impl Strategy<Value = Vec<i64>> {
    const DAY: i64 = 86_400_000_000_000;
    let jump = prop_oneof![8 => Just(0i64), 1 => Just(-DAY), 1 => Just(DAY), 1 => -DAY..DAY];
    prop::collection::vec(jump, 1..50)
}

fn times(steps: &[i64]) -> Vec<i64> {
    let mut now = 0;
    steps
        .iter()
        .map(|step| {
            now += step;
            now
        })
        .collect()
}

fn interval(quota: &RateQuota) -> i64 {
    (quota.window() / quota.max_requests()).as_nanos() as i64
}

proptest! {
    #[test]
    fn no_span_of_time_admits_more_than_a_burst_and_its_refill(quota in any_quota(), steps in any_steps()) {
        let admitted = admitted(&quota, times(&steps));
        for (i, from) in admitted.iter().enumerate() {
            for (j, to) in admitted.iter().enumerate().skip(i) {
                let refill = (to - from) / interval(&quota);
                prop_assert!((j - i + 1) as i64 <= i64::from(quota.max_requests()) + refill);
            }
        }
    }

    #[test]
    fn a_window_of_rest_gives_the_whole_burst_back(quota in any_quota(), steps in any_steps()) {
        let mut times = times(&steps);
        let rested = times.last().unwrap() + quota.window().as_nanos() as i64;
        let burst = quota.max_requests() as usize;
        times.extend(vec![rested; burst + 1]);
        let after = admitted(&quota, times).into_iter().filter(|time| *time == rested).count();
        prop_assert_eq!(after, burst);
    }

    #[test]
    fn an_even_pace_is_never_refused(quota in any_quota(), n in 1i64..200) {
        let times: Vec<i64> = (0..n).map(|i| i * interval(&quota)).collect();
        prop_assert_eq!(admitted(&quota, times.clone()), times);
    }

    #[test]
    fn retry_after_is_exact(quota in any_quota(), ahead in 0..10_000_000_000i64) {
        let mut tat = Some(at(ahead));
        if let Some(wait) = ask(&mut tat, 0, &quota) {
            prop_assert!(wait <= quota.window());
            let then = wait.as_nanos() as i64;
            prop_assert_eq!(ask(&mut tat.clone(), then - 1, &quota), Some(Duration::from_nanos(1)));
            prop_assert_eq!(ask(&mut tat, then, &quota), None);
        }
    }

    #[test]
    fn waiting_as_told_is_enough_whatever_the_clock_did(quota in any_quota(), steps in any_steps(), jumps in any_jumps()) {
        let table = MemoryBuckets::with_capacity(1);
        let key = BucketKey::new("l", "caller");
        let (mut pure, mut now) = (None, 0);
        for (step, jump) in steps.iter().zip(jumps.iter().cycle()) {
            now += step + jump;
            let Some(wait) = ask(&mut pure, now, &quota) else {
                prop_assert_eq!(table.admit_now(key, quota, at(now)), Admission::Admitted);
                continue;
            };
            prop_assert!(wait <= quota.window());
            prop_assert_eq!(table.admit_now(key, quota, at(now)), Admission::Refused { retry_after: wait });
            // An impatient caller costs itself nothing.
            let (half, whole) = (now + wait.as_nanos() as i64 / 2, now + wait.as_nanos() as i64);
            if half < whole {
                prop_assert!(ask(&mut pure, half, &quota).is_some());
                prop_assert!(table.admit_now(key, quota, at(half)) != Admission::Admitted);
            }
            now = whole;
            prop_assert_eq!(ask(&mut pure, now, &quota), None);
            prop_assert_eq!(table.admit_now(key, quota, at(now)), Admission::Admitted);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_gives_nobody_a_burst(quota in any_quota(), back in 1_000..i64::MAX / 4) {
        let mut tat = None;
        for _ in 0..quota.max_requests() {
            prop_assert_eq!(ask(&mut tat, 0, &quota), None);
        }
        let wait = ask(&mut tat, -back, &quota).unwrap();
        let full = quota.window().as_nanos() as i64;
        prop_assert!(wait.as_nanos() as i64 >= interval(&quota));
        // A nanosecond before a whole window has passed, one request is still missing.
        let again = (0..=quota.max_requests()).filter(|_| ask(&mut tat, full - 1 - back, &quota).is_none());
        prop_assert_eq!(again.count(), quota.max_requests() as usize - 1);
    }
}
