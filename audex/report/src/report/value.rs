use serde::Serialize;
use std::fmt;

/// A number and what it counts.
///
/// ```
/// use audex_report::{Unit, Value};
/// assert_eq!(Value { amount: Some(1_234_567), unit: Unit::Count }.to_string(), "1,234,567");
/// assert_eq!(Value { amount: Some(250), unit: Unit::UsCents }.to_string(), "$2.50");
/// assert_eq!(Value { amount: None, unit: Unit::Seconds }.to_string(), "–");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Value {
    /// How much; nothing where there is nothing to tell it from.
    pub amount: Option<u64>,
    /// Of what.
    pub unit: Unit,
}

/// What a number counts.
///
/// ```
/// assert_eq!(serde_json::to_string(&audex_report::Unit::UsCents).unwrap(), r#""us_cents""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Hundredths of a US dollar.
    UsCents,
    /// Tenths of a per cent.
    PerMille,
}

impl Unit {
    /// Returns its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Seconds => "seconds",
            Self::UsCents => "us_cents",
            Self::PerMille => "per_mille",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(amount) = self.amount else { return f.write_str("–") };
        match self.unit {
            Unit::Count => f.write_str(&grouped(amount)),
            Unit::UsCents => write!(f, "${}.{:02}", grouped(amount / 100), amount % 100),
            Unit::PerMille if amount.is_multiple_of(10) => write!(f, "{} %", amount / 10),
            Unit::PerMille => write!(f, "{}.{} %", amount / 10, amount % 10),
            Unit::Seconds => f.write_str(&time(amount)),
        }
    }
}

/// Writes a number with commas between thousands.
fn grouped(amount: u64) -> String {
    let digits = amount.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes a time in its two greatest units.
fn time(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds;
    let parts = UNITS.iter().filter_map(|(size, name)| {
        let count = left / size;
        left %= size;
        (count > 0).then(|| format!("{count} {name}"))
    });
    let parts: Vec<String> = parts.take(2).collect();
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        let written = |amount, unit| Value { amount: Some(amount), unit }.to_string();
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (900, "15 min"), (3_661, "1 h 1 min"), (90_061, "1 d 1 h")]
        {
            assert_eq!(written(seconds, Unit::Seconds), text);
        }
        assert_eq!(written(999, Unit::Count), "999");
        assert_eq!(written(123_456_789, Unit::UsCents), "$1,234,567.89");
        assert_eq!(
            (written(1000, Unit::PerMille), written(987, Unit::PerMille)),
            ("100 %".into(), "98.7 %".into())
        );
    }
}
