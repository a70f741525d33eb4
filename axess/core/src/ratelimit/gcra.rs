//! The generic cell rate algorithm (ITU-T I.371, appendix I): one timestamp is the whole state of a bucket.

use super::{MAX_RATE_REQUESTS, MAX_RATE_WINDOW, MIN_RATE_WINDOW};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// How many requests a bucket admits: a burst of `max_requests`, refilled evenly over `window`.
///
/// Over any span of time `t` at most `max_requests + t * max_requests / window` requests are admitted, and a bucket
/// left alone for one window is full again.
///
/// ```
/// use axess_core::ratelimit::RateQuota;
/// use std::time::Duration;
/// let quota = RateQuota::new(10, Duration::from_secs(60));
/// assert_eq!(quota.max_requests(), 10);
/// assert_eq!(RateQuota::new(0, Duration::ZERO).max_requests(), 1, "values are clamped");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateQuota {
    max_requests: u32,
    window: TimeDelta,
    /// The time one request uses up.
    interval: TimeDelta,
    /// How far ahead of its even pace a caller may be: all of a burst but the request itself.
    tolerance: TimeDelta,
}

/// What a bucket says to one request.
///
/// Its state is `new_tat` afterwards, whatever it says.
///
/// ```
/// use axess_core::ratelimit::{GcraDecision, RateQuota, gcra_decide};
/// use std::time::Duration;
/// let now = chrono::DateTime::UNIX_EPOCH;
/// let quota = RateQuota::new(1, Duration::from_secs(5));
/// let GcraDecision::Allowed { new_tat } = gcra_decide(None, now, &quota) else { unreachable!() };
/// let again = gcra_decide(Some(new_tat), now, &quota);
/// assert_eq!(again, GcraDecision::Denied { retry_after: Duration::from_secs(5), new_tat });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GcraDecision {
    /// The request is admitted.
    Allowed {
        /// The theoretical arrival time of the next request at an even pace.
        new_tat: DateTime<Utc>,
    },
    /// The request is refused and costs nothing.
    Denied {
        /// The time until a request is admitted, once `new_tat` is stored; never longer than the window.
        retry_after: Duration,
        /// The state as it was, but at most one window ahead. It must be stored: a state left further ahead by a clock
        /// that was set back would go on refusing until the clock has caught up with it.
        new_tat: DateTime<Utc>,
    },
}

impl RateQuota {
    /// Creates a quota.
    ///
    /// The values are clamped to 1..=[`MAX_RATE_REQUESTS`] and [`MIN_RATE_WINDOW`]..=[`MAX_RATE_WINDOW`].
    #[must_use]
    pub fn new(max_requests: u32, window: Duration) -> Self {
        let max_requests = max_requests.clamp(1, MAX_RATE_REQUESTS);
        let window = window.clamp(MIN_RATE_WINDOW, MAX_RATE_WINDOW);
        // Both bounds are far inside what a `TimeDelta` holds, and no interval is zero.
        let to_delta = |time: Duration| TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
        let interval = window / max_requests;
        Self {
            max_requests,
            window: to_delta(window),
            interval: to_delta(interval),
            tolerance: to_delta(interval * (max_requests - 1)),
        }
    }

    /// Returns the size of a burst.
    #[must_use]
    pub fn max_requests(&self) -> u32 {
        self.max_requests
    }

    /// Returns the time in which an empty bucket fills up.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.window.to_std().unwrap_or_default()
    }

    pub(crate) fn window_delta(&self) -> TimeDelta {
        self.window
    }
}

/// Decides one request at `now` from the bucket's state `tat`; `None` is a bucket that was never used.
///
/// Safe against a wall clock that goes backwards: a state from the future becomes at most one window ahead, so nobody is
/// locked out for longer than the window and no bucket becomes full by it.
#[must_use]
pub fn gcra_decide(tat: Option<DateTime<Utc>>, now: DateTime<Utc>, quota: &RateQuota) -> GcraDecision {
    let latest = add(now, quota.window);
    let tat = tat.unwrap_or(now).max(now).min(latest);
    let wait = tat - now - quota.tolerance;
    match wait.to_std() {
        Ok(retry_after) if !retry_after.is_zero() => GcraDecision::Denied { retry_after, new_tat: tat },
        _ => GcraDecision::Allowed { new_tat: add(tat, quota.interval) },
    }
}

fn add(time: DateTime<Utc>, delta: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(delta).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
