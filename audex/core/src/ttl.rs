use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// The longest lifetime that can be asked for: what AWS gives at most.
const MAX_SECONDS: u64 = 12 * 3_600;

/// How long a session may live: whole seconds, from one second to twelve hours.
///
/// ```
/// use audex_core::Ttl;
///
/// let ttl: Ttl = "1h30m".parse()?;
/// assert_eq!(ttl.seconds(), 5_400);
/// assert_eq!(ttl.to_string(), "1h30m");
/// assert!("90".parse::<Ttl>().is_err());
/// assert!("13h".parse::<Ttl>().is_err());
/// # Ok::<(), audex_core::ParseTtlError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(u32);

/// Says why a text is no lifetime.
///
/// ```
/// let error = "90".parse::<audex_core::Ttl>().unwrap_err();
/// assert_eq!(error.to_string(), "a lifetime needs a unit, as in 90s, 15m or 1h30m");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseTtlError {
    /// A number stands without a unit.
    #[error("a lifetime needs a unit, as in 90s, 15m or 1h30m")]
    NoUnit,
    /// It is not made of numbers and units.
    #[error("a lifetime is hours, minutes and seconds, as in 90s, 15m or 1h30m")]
    Malformed,
    /// It is nothing, or longer than twelve hours.
    #[error("a lifetime is from 1s to 12h")]
    OutOfRange,
}

impl Ttl {
    /// What is given to those who do not say: 15 minutes.
    pub const DEFAULT: Self = Self(15 * 60);
    /// What is given at most unless a configuration says otherwise.
    pub const HOUR: Self = Self(3_600);
    /// The longest there is: 12 hours.
    pub const MAX: Self = Self(12 * 3_600);

    /// Makes a lifetime of whole seconds.
    ///
    /// # Errors
    ///
    /// [`ParseTtlError::OutOfRange`] unless it is from one second to twelve hours.
    pub fn from_seconds(seconds: u64) -> Result<Self, ParseTtlError> {
        match u32::try_from(seconds) {
            Ok(seconds @ 1..) if u64::from(seconds) <= MAX_SECONDS => Ok(Self(seconds)),
            _ => Err(ParseTtlError::OutOfRange),
        }
    }

    /// Returns it in seconds.
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// Returns it for reckoning with times.
    pub fn delta(self) -> chrono::TimeDelta {
        chrono::TimeDelta::seconds(i64::from(self.0))
    }
}

impl Default for Ttl {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FromStr for Ttl {
    type Err = ParseTtlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Units fall, each at most once: `1h30m`, not `30m1h` and not `1m1m`.
        let mut units = [('h', 3_600), ('m', 60), ('s', 1)].into_iter();
        let (mut rest, mut seconds) = (text.trim(), 0_u64);
        if rest.is_empty() {
            return Err(ParseTtlError::Malformed);
        }
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(ParseTtlError::NoUnit)?;
            let (number, tail) = rest.split_at(end);
            let unit = tail.chars().next().ok_or(ParseTtlError::NoUnit)?;
            let (_, weight) = units.find(|&(known, _)| known == unit).ok_or(ParseTtlError::Malformed)?;
            if number.is_empty() || number.len() > 9 {
                return Err(if number.is_empty() {
                    ParseTtlError::Malformed
                } else {
                    ParseTtlError::OutOfRange
                });
            }
            let number: u64 = number.parse().map_err(|_| ParseTtlError::Malformed)?;
            seconds = seconds.saturating_add(number.saturating_mul(weight));
            rest = tail.strip_prefix(unit).unwrap_or("");
        }
        Self::from_seconds(seconds)
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (weight, unit) in [(3_600, 'h'), (60, 'm'), (1, 's')] {
            let number = match weight {
                3_600 => self.0 / 3_600,
                60 => self.0 % 3_600 / 60,
                _ => self.0 % 60,
            };
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_what_is_refused() {
        let cases: [(&str, Result<u32, ParseTtlError>); 14] = [
            ("15m", Ok(900)),
            ("1h", Ok(3_600)),
            ("1h30m", Ok(5_400)),
            ("1h0m1s", Ok(3_601)),
            ("12h", Ok(43_200)),
            (" 90s ", Ok(90)),
            ("", Err(ParseTtlError::Malformed)),
            ("15", Err(ParseTtlError::NoUnit)),
            ("0s", Err(ParseTtlError::OutOfRange)),
            ("12h1s", Err(ParseTtlError::OutOfRange)),
            ("99999999999999999999s", Err(ParseTtlError::OutOfRange)),
            ("30m1h", Err(ParseTtlError::Malformed)),
            ("-5m", Err(ParseTtlError::Malformed)),
            ("1d", Err(ParseTtlError::Malformed)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Ttl>().map(Ttl::seconds), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for seconds in [1, 59, 60, 61, 3_599, 3_600, 3_661, 43_200] {
            let ttl = Ttl::from_seconds(seconds).unwrap();
            assert_eq!(ttl.to_string().parse(), Ok(ttl));
        }
    }
}
