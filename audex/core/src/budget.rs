//! The budget: what was spent beside what may be, as the provider's accounting knows it, which is late.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// From how many per cent of a budget on a warning is given.
const WARN_FROM_PERCENT: u64 = 80;

/// An amount of US dollars, in cents, up to 10 million dollars.
///
/// ```
/// use audex_core::budget::Dollars;
/// let limit: Dollars = "12.5".parse()?;
/// assert_eq!(limit.to_string(), "12.50");
/// assert!("free".parse::<Dollars>().is_err());
/// # Ok::<(), audex_core::budget::ParseDollarsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Dollars(u64);

/// Says that a text is no amount, or none that can be a limit.
///
/// ```
/// use audex_core::budget::{Dollars, ParseDollarsError};
/// assert_eq!("-1".parse::<Dollars>(), Err(ParseDollarsError::Form));
/// assert_eq!(Dollars::parse_limit("0"), Err(ParseDollarsError::NoLimit));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseDollarsError {
    /// It is not written as an amount.
    #[error("an amount is dollars with at most two decimals, as in 5 or 12.50, up to 10000000")]
    Form,
    /// Nothing may be spent.
    #[error("a limit of 0 is none that a session could keep: the least is 0.01")]
    NoLimit,
}

impl Dollars {
    /// The largest amount.
    const MAX_CENTS: u64 = 1_000_000_000;

    /// Makes an amount of cents; what is more than the largest amount is the largest.
    pub const fn from_cents(cents: u64) -> Self {
        Self(if cents > Self::MAX_CENTS { Self::MAX_CENTS } else { cents })
    }

    /// Reads what may be spent, from 1 cent on.
    ///
    /// # Errors
    ///
    /// [`ParseDollarsError`].
    pub fn parse_limit(text: &str) -> Result<Self, ParseDollarsError> {
        match text.parse() {
            Ok(Self(0)) => Err(ParseDollarsError::NoLimit),
            amount => amount,
        }
    }

    /// Returns it in cents.
    pub const fn cents(self) -> u64 {
        self.0
    }
}

impl FromStr for Dollars {
    type Err = ParseDollarsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || part.len() > 2 || whole.len() > 8 {
            return Err(ParseDollarsError::Form);
        }
        let whole: u64 = whole.parse().map_err(|_| ParseDollarsError::Form)?;
        let cents: u64 = format!("{part:0<2}").parse().map_err(|_| ParseDollarsError::Form)?;
        let all = whole * 100 + cents;
        if all > Self::MAX_CENTS { Err(ParseDollarsError::Form) } else { Ok(Self(all)) }
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Watches one session's spend.
///
/// Each verdict other than `Within` is given once.
///
/// ```
/// use audex_core::budget::{Budget, Dollars, Verdict};
/// let mut budget = Budget::new(Dollars::from_cents(1_000));
/// assert_eq!(budget.spent(Dollars::from_cents(799)), Verdict::Within);
/// assert_eq!(budget.spent(Dollars::from_cents(800)), Verdict::Warning);
/// assert_eq!(budget.spent(Dollars::from_cents(900)), Verdict::Within);
/// assert_eq!(budget.spent(Dollars::from_cents(1_001)), Verdict::Exceeded);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    limit: Dollars,
    said: Verdict,
}

/// What a report of spend means.
///
/// ```
/// assert!(audex_core::budget::Verdict::Warning < audex_core::budget::Verdict::Exceeded);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing new.
    Within,
    /// 80 per cent or more is spent.
    Warning,
    /// More than the limit is spent: the session ends.
    Exceeded,
}

impl Budget {
    /// Makes a budget of which nothing is spent.
    pub const fn new(limit: Dollars) -> Self {
        Self { limit, said: Verdict::Within }
    }

    /// Returns the limit.
    pub const fn limit(&self) -> Dollars {
        self.limit
    }

    /// Takes what was spent altogether.
    ///
    /// A report that is lower than one before changes nothing.
    pub fn spent(&mut self, spent: Dollars) -> Verdict {
        let verdict = if spent.0 > self.limit.0 {
            Verdict::Exceeded
        } else if spent.0 * 100 >= self.limit.0 * WARN_FROM_PERCENT {
            Verdict::Warning
        } else {
            Verdict::Within
        };
        if verdict > self.said {
            self.said = verdict;
            verdict
        } else {
            Verdict::Within
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (text, cents) in
            [("5", 500), ("0.01", 1), ("12.5", 1_250), ("12.50", 1_250), ("10000000", 1_000_000_000)]
        {
            assert_eq!(text.parse::<Dollars>().map(Dollars::cents), Ok(cents), "{text}");
        }
        for text in ["", ".", "5.", ".5", "-1", "1e3", "1.234", "10000000.01", "99999999999999999999", "５"]
        {
            assert_eq!(text.parse::<Dollars>(), Err(ParseDollarsError::Form), "{text}");
        }
    }

    #[test]
    fn a_limit_is_at_least_a_cent() {
        for text in ["0", "0.0", "0.00", "000"] {
            assert_eq!(text.parse(), Ok(Dollars::default()), "{text}");
            assert_eq!(Dollars::parse_limit(text), Err(ParseDollarsError::NoLimit), "{text}");
        }
        assert_eq!(Dollars::parse_limit("0.01"), Ok(Dollars::from_cents(1)));
        assert_eq!(Dollars::parse_limit("free"), Err(ParseDollarsError::Form));
    }

    #[test]
    fn a_report_that_jumps_over_the_warning_ends_it() {
        let mut budget = Budget::new(Dollars::from_cents(100));
        assert_eq!(budget.spent(Dollars::from_cents(500)), Verdict::Exceeded);
        assert_eq!(budget.spent(Dollars::from_cents(90)), Verdict::Within);
    }
}
