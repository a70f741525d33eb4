use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use std::{fmt, str::FromStr};

/// A point in time as a person gives it: so long ago (`90s`, `15m`, `1h`, `7d`), a date, or a time of RFC 3339.
///
/// ```
/// use audex_cli::commands::Since;
/// use chrono::{DateTime, TimeDelta};
/// let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
/// assert_eq!("1d".parse::<Since>()?.before(now), DateTime::UNIX_EPOCH);
/// assert_eq!("1970-01-01".parse::<Since>()?.before(now), DateTime::UNIX_EPOCH);
/// assert!("yesterday".parse::<Since>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So long before now.
    Ago(TimeDelta),
    /// Then.
    At(DateTime<Utc>),
}

impl Since {
    /// Returns the time it is.
    pub fn before(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Ago(span) => now.checked_sub_signed(span).unwrap_or(DateTime::<Utc>::MIN_UTC),
            Self::At(time) => time,
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span = text.char_indices().next_back().and_then(|(at, unit)| {
            let seconds = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3_600,
                'd' => 86_400,
                'w' => 604_800,
                _ => return None,
            };
            let number: i64 = text.get(..at)?.parse().ok().filter(|number| *number >= 0)?;
            TimeDelta::try_seconds(number.checked_mul(seconds)?)
        });
        let date = || Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc());
        let time = || DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
        span.map(Self::Ago).or_else(|| date().or_else(time).map(Self::At)).ok_or_else(|| {
            "a span (90s, 15m, 1h, 7d, 2w), a date (2026-01-31) or a time of RFC 3339 is needed".to_owned()
        })
    }
}

/// A span of time as a person reads it, roughly: `just now`, `5m ago`, `3d ago`, `in 10m`.
///
/// ```
/// use audex_cli::commands::Ago;
/// use chrono::TimeDelta;
/// assert_eq!(Ago(TimeDelta::minutes(90)).to_string(), "90m ago");
/// assert_eq!(Ago(TimeDelta::minutes(-5)).to_string(), "in 5m");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ago(pub TimeDelta);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.num_seconds();
        let span = match seconds.unsigned_abs() {
            0 => return f.pad("just now"),
            span @ ..120 => format!("{span}s"),
            span @ ..7_200 => format!("{}m", span / 60),
            span @ ..172_800 => format!("{}h", span / 3_600),
            span => format!("{}d", span / 86_400),
        };
        f.pad(&if seconds < 0 { format!("in {span}") } else { format!("{span} ago") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_what_is_refused() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(10);
        for (text, expected) in [
            ("0s", Some(864_000)),
            ("2w", Some(864_000 - 1_209_600)),
            ("1970-01-02", Some(86_400)),
            ("1970-01-02T01:00:00+01:00", Some(86_400)),
            ("", None),
            ("5", None),
            ("-5m", None),
            ("5é", None),
            ("é", None),
            ("99999999999999999999d", None),
            ("9223372036854775807w", None),
        ] {
            let found = text.parse::<Since>().ok().map(|since| since.before(now).timestamp());
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!("9223372036854775s".parse::<Since>().unwrap().before(now), DateTime::<Utc>::MIN_UTC);
    }
}
