use axess_rng::{SecureRng, random_below};
use std::time::Duration;

/// The longest a receiver can ask to be left alone.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// When a sink that failed is tried again.
///
/// The pause is drawn evenly from nothing up to a limit that doubles with every failure (full jitter), so that many
/// processes do not come back together.
///
/// ```
/// use axess_audit::pipe::RetryPolicy;
/// use axess_rng::MockRng;
/// use std::time::Duration;
/// let policy = RetryPolicy { first: Duration::from_secs(1), cap: Duration::from_secs(8), ..RetryPolicy::default() };
/// let rng = MockRng::new(1);
/// assert!(policy.pause(1, None, &rng) <= Duration::from_secs(1));
/// assert!(policy.pause(99, None, &rng) <= Duration::from_secs(8));
/// assert!(policy.pause(1, Some(Duration::from_secs(30)), &rng) >= Duration::from_secs(30));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The limit of the first pause.
    pub first: Duration,
    /// The limit that the doubling ends at.
    pub cap: Duration,
    /// After how many failures in a row an event is given up and put to the dead letters; `None` never gives up, so
    /// that a sink that is away for a day has every event when it comes back.
    pub max_attempts: Option<u32>,
}

impl RetryPolicy {
    /// Returns how long to wait after failure number `attempt` (from 1).
    ///
    /// What the receiver asked for is the least, up to [`MAX_RETRY_AFTER`].
    #[must_use]
    pub fn pause(&self, attempt: u32, asked: Option<Duration>, rng: &(impl SecureRng + ?Sized)) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let limit = self.first.saturating_mul(1 << doublings).min(self.cap);
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        let jittered = Duration::from_micros(random_below(rng, micros.saturating_add(1)));
        asked.map_or(jittered, |asked| asked.min(MAX_RETRY_AFTER).saturating_add(jittered))
    }

    pub(super) fn exhausted(&self, attempts: u32) -> bool {
        self.max_attempts.is_some_and(|most| attempts >= most.max(1))
    }
}

impl Default for RetryPolicy {
    /// From 100 ms up to a minute, without end.
    fn default() -> Self {
        Self { first: Duration::from_millis(100), cap: Duration::from_secs(60), max_attempts: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_rng::MockRng;

    #[test]
    fn the_limit_doubles_up_to_the_cap_and_the_jitter_is_full() {
        let policy = RetryPolicy {
            first: Duration::from_millis(100),
            cap: Duration::from_secs(2),
            max_attempts: None,
        };
        let rng = MockRng::new(7);
        for (attempt, limit_ms) in
            [(0, 100), (1, 100), (2, 200), (3, 400), (5, 1_600), (6, 2_000), (u32::MAX, 2_000)]
        {
            let pauses: Vec<u128> =
                (0..2_000).map(|_| policy.pause(attempt, None, &rng).as_millis()).collect();
            let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
            assert!(*most <= limit_ms, "attempt {attempt}: {most}");
            assert!(
                *most > limit_ms * 9 / 10 && *least < limit_ms / 10,
                "attempt {attempt}: {least}..{most}"
            );
        }
    }

    #[test]
    fn what_the_receiver_asks_for_is_kept_within_reason() {
        let policy = RetryPolicy { first: Duration::ZERO, ..RetryPolicy::default() };
        let rng = MockRng::new(7);
        assert_eq!(policy.pause(3, Some(Duration::from_secs(9)), &rng), Duration::from_secs(9));
        assert_eq!(policy.pause(3, Some(Duration::MAX), &rng), MAX_RETRY_AFTER);
    }

    #[test]
    fn giving_up_is_a_choice_and_zero_means_one() {
        let policy = |max_attempts| RetryPolicy { max_attempts, ..RetryPolicy::default() };
        assert!(!policy(None).exhausted(u32::MAX));
        assert!(!policy(Some(3)).exhausted(2) && policy(Some(3)).exhausted(3));
        assert!(!policy(Some(0)).exhausted(0) && policy(Some(0)).exhausted(1));
    }
}
