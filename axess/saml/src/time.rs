//! Times as messages carry them (SAML Core §1.3.3): UTC, with a `Z`.

use axess_factors::federated::FederationError;
use chrono::{DateTime, SecondsFormat, Utc};

pub(crate) fn write(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(crate) fn read(text: &str) -> Result<DateTime<Utc>, FederationError> {
    let is_plain = text.len() <= 40 && text.ends_with('Z') && text.contains('T');
    let time = is_plain.then(|| DateTime::parse_from_rfc3339(text).ok()).flatten();
    time.map(|time| time.to_utc()).ok_or(FederationError::Malformed { what: "a time is not UTC" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_utc_is_understood() {
        let time = read("2026-11-22T16:50:21.123Z").unwrap();
        assert_eq!(write(time), "2026-11-22T16:50:21Z");
        for wrong in [
            "",
            "2026-11-22T16:50:21",
            "2026-11-22T16:50:21+01:00",
            "2026-11-22 16:50:21Z",
            "2026-13-22T16:50:21Z",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
