//! Points in time as the server sees them.

use axess_core::store::{StoreError, StoreErrorKind};
use chrono::{DateTime, TimeDelta, Utc};

/// How much longer than needed the server keeps what it deletes by itself.
pub const EXPIRY_MARGIN: TimeDelta = TimeDelta::minutes(10);

/// Returns microseconds since 1970, rounded down. They are exact as a Lua number until the year 2255.
pub(crate) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// Returns microseconds since 1970, rounded up.
pub(crate) fn micros_up(time: DateTime<Utc>) -> i64 {
    micros(time) + i64::from(!time.timestamp_subsec_nanos().is_multiple_of(1_000))
}

/// Returns after how many milliseconds the server may delete what is needed for `span`.
pub(crate) fn keep_for(span: TimeDelta) -> i64 {
    span.num_milliseconds().max(0).saturating_add(EXPIRY_MARGIN.num_milliseconds())
}

/// Writes a time as text, to the nanosecond.
pub(crate) fn to_text(time: DateTime<Utc>) -> String {
    format!("{}.{}", time.timestamp(), time.timestamp_subsec_nanos())
}

/// Reads what [`to_text`] wrote.
pub(crate) fn from_text(text: &str) -> Option<DateTime<Utc>> {
    let (secs, nanos) = text.split_once('.')?;
    DateTime::from_timestamp(secs.parse().ok()?, nanos.parse().ok()?)
}

/// Adds a span that the caller chose, within the range of time.
pub(crate) fn after(time: DateTime<Utc>, span: TimeDelta) -> Result<DateTime<Utc>, StoreError> {
    time.checked_add_signed(span).ok_or_else(|| StoreError::bare(StoreErrorKind::Misuse))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_exact() {
        for time in [
            DateTime::<Utc>::MIN_UTC,
            DateTime::<Utc>::MAX_UTC,
            DateTime::UNIX_EPOCH - TimeDelta::nanoseconds(1),
            DateTime::UNIX_EPOCH + TimeDelta::nanoseconds(1_000_000_001),
        ] {
            assert_eq!(from_text(&to_text(time)), Some(time));
        }
        for bad in ["", "1", "1.x", "1.2.3", "99999999999999999.0"] {
            assert_eq!(from_text(bad), None, "{bad}");
        }
    }

    #[test]
    fn rounding_goes_the_way_it_says() {
        let time = DateTime::UNIX_EPOCH + TimeDelta::nanoseconds(1_001);
        assert_eq!((micros(time), micros_up(time)), (1, 2));
        let before = DateTime::UNIX_EPOCH - TimeDelta::nanoseconds(1);
        assert_eq!((micros(before), micros_up(before)), (-1, 0));
        let whole = DateTime::UNIX_EPOCH + TimeDelta::microseconds(5);
        assert_eq!((micros(whole), micros_up(whole)), (5, 5));
    }

    #[test]
    fn nothing_is_kept_for_less_than_the_margin() {
        assert_eq!(keep_for(TimeDelta::days(-9)), 600_000);
        assert_eq!(keep_for(TimeDelta::seconds(1)), 601_000);
        assert!(keep_for(TimeDelta::MAX) > 0);
    }
}
