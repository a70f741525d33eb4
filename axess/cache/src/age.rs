use axess_clock::Clock;
use chrono::{DateTime, Utc};
use std::{sync::Arc, time::Duration};

/// Turns a wall clock that may jump into an age that only grows: the sum of the steps forward.
///
/// A step back counts as no time and the steps after it count as usual. The age is therefore never less than the
/// distance to the latest time seen, so a clock set back cannot keep an entry alive; a clock set forward only
/// makes entries expire early. Time is seen only when it is read: what passed between the last reading and a step
/// back is lost, at most the length of that step.
pub(crate) struct Age {
    clock: Arc<dyn Clock>,
    last: DateTime<Utc>,
    total: Duration,
}

impl Age {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let last = clock.now();
        Self { clock, last, total: Duration::ZERO }
    }

    /// Reads the clock and returns the age of the whole cache.
    pub(crate) fn read(&mut self) -> Duration {
        let now = self.clock.now();
        // A negative difference does not convert: that is the step back.
        let step = (now - self.last).to_std().unwrap_or(Duration::ZERO);
        self.last = now;
        self.total = self.total.saturating_add(step);
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_clock::MockClock;
    use chrono::TimeDelta;

    #[test]
    fn only_steps_forward_count() {
        let clock = MockClock::default();
        let mut age = Age::new(Arc::new(clock.clone()));
        clock.advance(Duration::from_secs(5));
        assert_eq!(age.read(), Duration::from_secs(5));
        clock.jump(TimeDelta::hours(-1));
        assert_eq!(age.read(), Duration::from_secs(5));
        clock.advance(Duration::from_secs(2));
        assert_eq!(age.read(), Duration::from_secs(7));
    }

    #[test]
    fn the_extremes_of_the_clock_do_not_overflow() {
        let clock = MockClock::new(DateTime::<Utc>::MIN_UTC);
        let mut age = Age::new(Arc::new(clock.clone()));
        for _ in 0..3 {
            clock.set(DateTime::<Utc>::MAX_UTC);
            let before = age.read();
            clock.set(DateTime::<Utc>::MIN_UTC);
            assert_eq!(age.read(), before);
        }
    }
}
