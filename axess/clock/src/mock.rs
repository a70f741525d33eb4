use crate::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// 2026-01-01T00:00:00Z: a fixed, recognisable start for every simulated run.
const DEFAULT_START_MICROS: i64 = 1_767_225_600_000_000;

/// A clock that stands still until a test moves it.
///
/// Clones share one time, so a test keeps a clone and hands the other to the code under test. Resolution is one
/// microsecond. Arithmetic saturates at the representable range instead of panicking.
///
/// ```
/// use axess_clock::{Clock, MockClock};
/// use std::time::Duration;
///
/// let clock = MockClock::default();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(60));
/// clock.jump(chrono::TimeDelta::seconds(-90)); // an NTP step backwards
/// assert_eq!(clock.now(), start - chrono::TimeDelta::seconds(30));
/// ```
#[derive(Debug, Clone)]
pub struct MockClock {
    micros: Arc<AtomicI64>,
}

impl MockClock {
    /// Creates a clock that shows `start`.
    #[must_use]
    pub fn new(start: DateTime<Utc>) -> Self {
        Self { micros: Arc::new(AtomicI64::new(start.timestamp_micros())) }
    }

    /// Moves time forward.
    pub fn advance(&self, by: Duration) {
        self.shift(i64::try_from(by.as_micros()).unwrap_or(i64::MAX));
    }

    /// Moves time by a signed amount: the jump of a corrected wall clock.
    pub fn jump(&self, by: TimeDelta) {
        self.shift(by.num_microseconds().unwrap_or(if by < TimeDelta::zero() { i64::MIN } else { i64::MAX }));
    }

    /// Sets the time to `to`, in either direction.
    pub fn set(&self, to: DateTime<Utc>) {
        self.micros.store(to.timestamp_micros(), Ordering::SeqCst);
    }

    fn shift(&self, by: i64) {
        let moved = |now: i64| Some(now.saturating_add(by));
        // The closure always returns `Some`, so this cannot fail.
        let _ = self.micros.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }
}

impl Default for MockClock {
    fn default() -> Self {
        Self { micros: Arc::new(AtomicI64::new(DEFAULT_START_MICROS)) }
    }
}

impl Clock for MockClock {
    fn now(&self) -> DateTime<Utc> {
        let micros = self.micros.load(Ordering::SeqCst);
        let edge = if micros < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        DateTime::from_timestamp_micros(micros).unwrap_or(edge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_start_is_new_year_2026() {
        assert_eq!(MockClock::default().now().to_rfc3339(), "2026-01-01T00:00:00+00:00");
    }

    #[test]
    fn clones_share_time_and_set_goes_both_ways() {
        let a = MockClock::default();
        let b = a.clone();
        let past = DateTime::from_timestamp(1_000, 0).unwrap();
        a.set(past);
        assert_eq!(b.now(), past);
    }

    #[test]
    fn extremes_saturate() {
        let clock = MockClock::default();
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), DateTime::<Utc>::MAX_UTC);
        clock.jump(TimeDelta::MIN);
        clock.jump(TimeDelta::MIN);
        assert_eq!(clock.now(), DateTime::<Utc>::MIN_UTC);
    }
}
