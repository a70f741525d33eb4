use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The most addresses that are remembered. One more, and those whose time is over are forgotten; with none such, it is not
/// remembered, and only counted.
const MAX_ADDRESSES: usize = 100_000;

/// The longest wait: a clock that was set back shuts nobody out for longer.
const LONGEST: TimeDelta = TimeDelta::minutes(1);

/// Who sent too many tokens that do not work, and until when they have to wait.
#[derive(Debug, Default)]
pub(super) struct Guessing(Mutex<HashMap<String, DateTime<Utc>>>);

impl Guessing {
    pub(super) fn insert(&self, address: String, wait: Duration, now: DateTime<Utc>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_ADDRESSES {
            known.retain(|_, until| *until > now);
        }
        if known.len() < MAX_ADDRESSES {
            known.insert(address, now + TimeDelta::from_std(wait).unwrap_or(LONGEST).min(LONGEST));
        }
    }

    pub(super) fn wait(&self, address: &str, now: DateTime<Utc>) -> Option<Duration> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = *known.get(address)?;
        let is_over = until <= now || until - now > LONGEST;
        let wait = (until - now).to_std().ok().filter(|_| !is_over);
        if wait.is_none() {
            known.remove(address);
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_waits_its_time_and_no_other_does() {
        let (guessing, now) = (Guessing::default(), DateTime::UNIX_EPOCH);
        guessing.insert("192.0.2.1".to_owned(), Duration::from_secs(2), now);
        assert_eq!(guessing.wait("192.0.2.1", now), Some(Duration::from_secs(2)));
        assert_eq!(guessing.wait("192.0.2.2", now), None);
        assert_eq!(guessing.wait("192.0.2.1", now + TimeDelta::seconds(2)), None);
        assert!(guessing.0.lock().unwrap().is_empty());
        guessing.insert("192.0.2.1".to_owned(), Duration::from_secs(3_600), now);
        assert_eq!(guessing.wait("192.0.2.1", now), Some(Duration::from_secs(60)));
        assert_eq!(guessing.wait("192.0.2.1", now - TimeDelta::hours(1)), None, "the clock was set back");
    }

    #[test]
    fn how_many_are_remembered_is_bounded() {
        let (guessing, now) = (Guessing::default(), DateTime::UNIX_EPOCH);
        for number in 0..MAX_ADDRESSES + 10 {
            guessing.insert(number.to_string(), Duration::from_secs(1), now);
        }
        assert_eq!(guessing.0.lock().unwrap().len(), MAX_ADDRESSES);
        guessing.insert("new".to_owned(), Duration::from_secs(1), now + TimeDelta::seconds(1));
        assert_eq!(guessing.0.lock().unwrap().len(), 1);
    }
}
