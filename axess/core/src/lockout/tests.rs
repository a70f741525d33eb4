use super::*;
use axess_identity::BackoffPolicy;
use proptest::prelude::*;

fn scale(failures: u32) -> LockoutScale {
    LockoutScale {
        failures_before_lockout: failures,
        window: Duration::from_secs(60),
        base_lockout: Duration::from_secs(100),
        backoff: BackoffPolicy::Exponential,
        max_lockout: Duration::from_secs(1_000),
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

fn fail(counter: &mut LockoutCounter, times: u32, now: DateTime<Utc>) -> u32 {
    (0..times).map(|_| u32::from(counter.reserve(&scale(3), u32::MAX, now).is_ok())).sum()
}

#[test]
fn a_burst_gets_no_more_than_the_threshold() {
    let mut counter = LockoutCounter::default();
    assert_eq!(fail(&mut counter, 1_000, at(0)), 3);
    assert_eq!(counter.locked(u32::MAX, at(99)), Some(Locked { until: Some(at(100)) }));
    assert_eq!(counter.locked(u32::MAX, at(100)), None);
}

#[test]
fn each_lock_in_a_row_lasts_twice_as_long_up_to_the_limit() {
    let mut counter = LockoutCounter::default();
    let mut now = 0;
    for length in [100, 200, 400, 800, 1_000, 1_000] {
        assert_eq!(fail(&mut counter, 10, at(now)), 3);
        assert_eq!(counter.locked(u32::MAX, at(now)), Some(Locked { until: Some(at(now + length)) }));
        now += length;
    }
}

#[test]
fn failures_are_forgotten_after_the_window_and_locks_much_later() {
    let mut counter = LockoutCounter::default();
    assert_eq!(fail(&mut counter, 2, at(0)), 2);
    assert_eq!(fail(&mut counter, 2, at(60)), 2, "a new window");
    assert_eq!(fail(&mut counter, 9, at(61)), 1);
    assert_eq!(fail(&mut counter, 9, at(61 + 100 + 60 + 1_000)), 3);
    assert_eq!(counter.lockouts, 1, "long enough ago to begin again");
}

#[test]
fn a_success_gives_its_reservation_and_its_lock_back() {
    let mut counter = LockoutCounter::default();
    fail(&mut counter, 3, at(0));
    counter.release(&scale(3));
    assert_eq!(counter.locked(u32::MAX, at(0)), None);
    assert_eq!((counter.failures, counter.consecutive, counter.lockouts), (2, 2, 0));
    counter.clear();
    assert_eq!(counter, LockoutCounter::default());
}

#[test]
fn a_hundred_failures_in_a_row_lock_for_good_however_slow_they_come() {
    let mut counter = LockoutCounter::default();
    let mut granted = 0;
    for day in 0..400 {
        granted += u32::from(counter.reserve(&scale(3), 100, at(day * 86_400)).is_ok());
    }
    assert_eq!(granted, 100);
    assert_eq!(counter.locked(100, at(i64::from(u32::MAX))), Some(Locked { until: None }));
}

#[test]
fn a_clock_set_back_forgives_nothing() {
    let mut counter = LockoutCounter::default();
    fail(&mut counter, 2, at(0));
    assert_eq!(fail(&mut counter, 5, at(-10_000)), 1, "still the same window");
    assert!(counter.locked(u32::MAX, at(-10_000)).is_some());
}

#[test]
fn a_lever_that_is_off_still_counts_towards_the_hundred() {
    let mut counter = LockoutCounter::default();
    let granted = (0..200).filter(|_| counter.reserve(&scale(0), 100, at(0)).is_ok()).count();
    assert_eq!(granted, 100);
}

proptest! {
    /// Over any schedule of attempts, no window of a lockout's length ever sees more than the threshold granted.
    #[test]
    fn never_more_than_the_threshold_per_lock(gaps in proptest::collection::vec(0_i64..40, 1..200)) {
        let mut counter = LockoutCounter::default();
        let (mut now, mut granted) = (0, Vec::new());
        for gap in gaps {
            now += gap;
            if counter.reserve(&scale(3), u32::MAX, at(now)).is_ok() {
                granted.push(now);
            }
        }
        // Two windows may touch (2 late in one, 3 early in the next) before a lock of at least 100 s falls.
        for start in &granted {
            let inside = granted.iter().filter(|at| (*start..start + 60).contains(at)).count();
            prop_assert!(inside <= 5, "{inside} within one window");
        }
    }
}

#[test]
fn a_lock_past_the_end_of_time_is_a_lock() {
    let endless = LockoutScale { base_lockout: Duration::MAX, max_lockout: Duration::MAX, ..scale(3) };
    let mut counter = LockoutCounter::default();
    let granted = (0..100).filter(|n| counter.reserve(&endless, u32::MAX, at(*n)).is_ok()).count();
    assert_eq!(granted, 3);
    assert!(counter.locked(u32::MAX, at(1_000_000)).is_some());
}

#[test]
fn a_counter_is_idle_only_when_nothing_is_lost_with_it() {
    let quiet = 60 + 1_000;
    for (failures, age, idle) in
        [(0, 0, true), (1, quiet, false), (2, quiet + 1, true), (3, quiet + 1, false), (3, 0, false)]
    {
        let mut counter = LockoutCounter::default();
        fail(&mut counter, failures, at(0));
        assert_eq!(counter.is_idle(&scale(3), at(age)), idle, "{failures} failures, {age} s ago");
    }
}

proptest! {
    /// Whatever the scale and however the clock jumps, a burst at one moment gets no more than the threshold, and none
    /// once it is locked.
    #[test]
    fn any_scale_holds_its_threshold(
        threshold in 1_u32..10,
        window in 1_u64..=u64::MAX,
        base in 1_u64..=u64::MAX,
        longest in 1_u64..=u64::MAX,
        exponential: bool,
        jumps in proptest::collection::vec(-1_000_000_000_i64..1_000_000_000, 1..20),
    ) {
        let backoff = if exponential { BackoffPolicy::Exponential } else { BackoffPolicy::Fixed };
        let scale = LockoutScale {
            failures_before_lockout: threshold,
            window: Duration::from_secs(window),
            base_lockout: Duration::from_secs(base),
            backoff,
            max_lockout: Duration::from_secs(longest),
        };
        let mut counter = LockoutCounter::default();
        for jump in jumps {
            let burst = (0..20).filter(|_| counter.reserve(&scale, u32::MAX, at(jump)).is_ok()).count();
            prop_assert!(burst <= usize::try_from(threshold).unwrap());
            prop_assert!(counter.locked(u32::MAX, at(jump)).is_some());
        }
    }
}
