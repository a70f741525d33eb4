//! When a credential is replaced, and when its session is over.

use chrono::{DateTime, TimeDelta, Utc};
use std::ops::RangeInclusive;

/// How long before a credential expires its successor should be there, where the lifetime allows that.
///
/// SDKs begin to ask again 10 to 15 minutes before the end they were told; they get what there is.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// The times of one session: pure, asked again whenever something happened.
///
/// No credential is asked for that lives longer than the session, except where the provider gives none that is as short;
/// the successor is asked for early enough that the shortest lifetime there is ends with the session.
///
/// ```
/// use audex_core::lease::{LeaseTimes, Next};
/// use chrono::{DateTime, TimeDelta};
///
/// let begin = DateTime::UNIX_EPOCH;
/// let minutes = TimeDelta::minutes;
/// let times = LeaseTimes::new(begin, minutes(20), minutes(15)..=minutes(15));
/// assert_eq!(times.lifetime(begin), minutes(15));
/// // The successor is due after five minutes: then it ends with the session.
/// assert_eq!(times.next(begin + minutes(15), begin), Next::RefreshAt(begin + minutes(5)));
/// assert_eq!(times.next(begin + minutes(20), begin + minutes(5)), Next::EndAt(begin + minutes(20)));
/// assert_eq!(times.next(begin + minutes(20), begin + minutes(20)), Next::Over);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseTimes {
    deadline: DateTime<Utc>,
    lifetimes: RangeInclusive<TimeDelta>,
}

/// What comes next in a session.
///
/// ```
/// use audex_core::lease::Next;
/// assert_ne!(Next::Over, Next::EndAt(chrono::DateTime::UNIX_EPOCH));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A successor of the credential is due at this time, which may have passed.
    RefreshAt(DateTime<Utc>),
    /// The credential lasts until the session ends at this time.
    EndAt(DateTime<Utc>),
    /// The session is over.
    Over,
}

impl LeaseTimes {
    /// Makes the times of a session that begins now.
    pub fn new(now: DateTime<Utc>, ttl: TimeDelta, lifetimes: RangeInclusive<TimeDelta>) -> Self {
        Self { deadline: now + ttl, lifetimes }
    }

    /// Returns when the session is over.
    pub const fn deadline(&self) -> DateTime<Utc> {
        self.deadline
    }

    /// Returns the lifetime to ask for at a time.
    ///
    /// It is what is left of the session, in whole seconds, as far as the provider gives it.
    pub fn lifetime(&self, now: DateTime<Utc>) -> TimeDelta {
        let left = self.deadline - now;
        let whole = TimeDelta::seconds(left.num_seconds() + i64::from(left.subsec_nanos() > 0));
        whole.clamp(*self.lifetimes.start(), *self.lifetimes.end())
    }

    /// Returns what comes next, given when the newest credential expires.
    pub fn next(&self, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Next {
        if now >= self.deadline {
            return Next::Over;
        }
        // Providers count in whole seconds: what ends in the deadline's own second ends with it.
        if expires_at + TimeDelta::seconds(1) > self.deadline {
            return Next::EndAt(self.deadline);
        }
        let longest = *self.lifetimes.end();
        let margin = MARGIN.min(longest / 3);
        let due = (expires_at - margin).min(self.deadline - *self.lifetimes.start());
        Next::RefreshAt(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs a session with a provider that gives what is asked for; returns the lifetimes it was asked for and the last expiry.
    fn run(ttl: TimeDelta, lifetimes: RangeInclusive<TimeDelta>) -> (usize, DateTime<Utc>) {
        let begin = DateTime::UNIX_EPOCH;
        let times = LeaseTimes::new(begin, ttl, lifetimes);
        let (mut now, mut mints) = (begin, 1);
        let mut expires_at = now + times.lifetime(now);
        loop {
            match times.next(expires_at, now) {
                Next::Over => return (mints, expires_at),
                Next::EndAt(at) => now = at,
                Next::RefreshAt(at) => {
                    now = at.max(now);
                    assert!(now < expires_at, "the successor comes before the end of what is there");
                    let next = now + times.lifetime(now);
                    assert!(next > expires_at, "each successor lives longer");
                    expires_at = next;
                    mints += 1;
                }
            }
            assert!(mints < 1_000, "it ends");
        }
    }

    #[test]
    fn a_session_of_any_length_is_covered() {
        let minutes = TimeDelta::minutes;
        let aws = minutes(15)..=minutes(720);
        assert_eq!(run(minutes(5), aws.clone()), (1, DateTime::UNIX_EPOCH + minutes(15)));
        assert_eq!(run(minutes(20), aws), (1, DateTime::UNIX_EPOCH + minutes(20)));
        let chained = minutes(15)..=minutes(60);
        let (mints, end) = run(minutes(120), chained);
        assert_eq!((mints, end), (3, DateTime::UNIX_EPOCH + minutes(120)));
    }

    proptest! {
        #[test]
        fn only_what_the_provider_cannot_shorten_outlives_the_session(
            ttl in 1_i64..43_200, shortest in 1_i64..3_600, more in 0_i64..40_000,
        ) {
            let seconds = TimeDelta::seconds;
            let (_, end) = run(seconds(ttl), seconds(shortest)..=seconds(shortest + more));
            let deadline = DateTime::UNIX_EPOCH + seconds(ttl);
            prop_assert!(end + seconds(1) > deadline);
            prop_assert!(end <= deadline.max(DateTime::UNIX_EPOCH + seconds(shortest)) + seconds(shortest / 3 + 1));
        }
    }
}
