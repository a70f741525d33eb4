//! The pure lockout machine: one counter per lever and key, advanced under the store's own atomicity.

mod levers;

pub use levers::Lever;

use axess_identity::LockoutScale;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// The failures counted against one user, tenant or address.
///
/// A reservation counts a failure *before* the credential is verified and, when it reaches the threshold, locks at
/// once: of any number of simultaneous attempts only as many as the policy allows are ever verified. A success takes
/// its own reservation back.
///
/// ```
/// use axess_core::lockout::LockoutCounter;
/// use axess_identity::LockoutPolicy;
/// let (scale, now) = (LockoutPolicy::default().per_user, chrono::DateTime::UNIX_EPOCH);
/// let mut counter = LockoutCounter::default();
/// for _ in 0..3 {
///     assert!(counter.reserve(&scale, u32::MAX, now).is_ok());
/// }
/// let locked = counter.reserve(&scale, u32::MAX, now).unwrap_err();
/// assert_eq!(locked.until, Some(now + chrono::TimeDelta::minutes(15)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LockoutCounter {
    /// When the current window began.
    pub window_started: Option<DateTime<Utc>>,
    /// Failures (and open reservations) inside the window.
    pub failures: u32,
    /// Failures since the last success, over all windows.
    pub consecutive: u32,
    /// Locks in a row.
    pub lockouts: u32,
    /// When the current lock ends.
    pub locked_until: Option<DateTime<Utc>>,
}

/// A counter's refusal.
///
/// ```
/// use axess_core::lockout::Locked;
/// assert_eq!(Locked { until: None }.until, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    /// When the lock ends by itself; `None` when somebody has to clear it.
    pub until: Option<DateTime<Utc>>,
}

impl LockoutCounter {
    /// Counts one attempt as failed, unless the counter is locked.
    ///
    /// Returns the end of the lock that has run out since the last attempt, if one has: each is returned once.
    ///
    /// `max_consecutive` locks for good once that many failures followed each other.
    ///
    /// # Errors
    ///
    /// [`Locked`] when the attempt must be refused; nothing is counted then.
    pub fn reserve(
        &mut self,
        scale: &LockoutScale,
        max_consecutive: u32,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, Locked> {
        if self.consecutive >= max_consecutive {
            return Err(Locked { until: None });
        }
        if scale.failures_before_lockout == 0 {
            self.consecutive = self.consecutive.saturating_add(1);
            return Ok(None);
        }
        let lapsed = self.locked_until;
        if let Some(until) = lapsed {
            if now < until {
                return Err(Locked { until: Some(until) });
            }
            // The lock is over: the next window starts empty, but remembers for a while how often it was locked.
            self.locked_until = None;
            self.failures = 0;
            self.window_started = None;
            if now - until >= quiet(scale) {
                self.lockouts = 0;
            }
        }
        let window = delta(scale.window);
        // A clock that went backwards keeps the window open rather than forgiving what is in it.
        if self.window_started.is_none_or(|started| now - started >= window) {
            if self.window_started.is_some_and(|started| now - started >= quiet(scale)) {
                self.lockouts = 0;
            }
            self.window_started = Some(now);
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.consecutive = self.consecutive.saturating_add(1);
        if self.failures >= scale.failures_before_lockout {
            self.lockouts = self.lockouts.saturating_add(1);
            let until = now.checked_add_signed(delta(scale.lockout_after(self.lockouts)));
            // Past the end of time is still a lock.
            self.locked_until = Some(until.unwrap_or(DateTime::<Utc>::MAX_UTC));
        }
        Ok(lapsed)
    }

    /// Takes one reservation back: the attempt was right, or was never decided.
    pub fn release(&mut self, scale: &LockoutScale) {
        self.failures = self.failures.saturating_sub(1);
        self.consecutive = self.consecutive.saturating_sub(1);
        if self.locked_until.is_some() && self.failures < scale.failures_before_lockout {
            self.locked_until = None;
            self.lockouts = self.lockouts.saturating_sub(1);
        }
    }

    /// Forgets everything: the account's owner has proved to be there, or an operator cleared it.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the lock in force at `now`.
    #[must_use]
    pub fn locked(&self, max_consecutive: u32, now: DateTime<Utc>) -> Option<Locked> {
        if self.consecutive >= max_consecutive {
            return Some(Locked { until: None });
        }
        self.locked_until.filter(|until| now < *until).map(|until| Locked { until: Some(until) })
    }

    /// Tells whether nothing is lost by forgetting the counter at `now`.
    #[must_use]
    pub fn is_idle(&self, scale: &LockoutScale, now: DateTime<Utc>) -> bool {
        self.consecutive == 0
            || self.window_started.is_none_or(|started| now - started > quiet(scale)) && self.consecutive < 3
    }
}

/// How long nothing must happen until earlier locks do not make the next one longer.
fn quiet(scale: &LockoutScale) -> TimeDelta {
    delta(scale.window) + delta(scale.max_lockout)
}

fn delta(duration: Duration) -> TimeDelta {
    // A quarter of the range, so that sums stay inside it.
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX).min(TimeDelta::MAX / 4)
}

#[cfg(test)]
mod tests;
