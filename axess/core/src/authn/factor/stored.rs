//! What a user enrolled, as the bytes a database keeps. They are secret: a store seals them, bound to their row.

use super::{FactorConfig, PasswordRecord};
use axess_factors::{HotpConfig, RecoveryCodes, TotpConfig};
use axess_identity::PasswordHash;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// Tagged by kind; each record carries a version of its own, so a record of a later format is refused, not misread.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Written<'r> {
    Password { v: u8, hash: &'r str, history: Vec<&'r str>, changed_at: DateTime<Utc> },
    Totp(&'r TotpConfig),
    Hotp(&'r HotpConfig),
    RecoveryCodes(&'r RecoveryCodes),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Read {
    Password { v: u8, hash: String, history: Vec<String>, changed_at: DateTime<Utc> },
    Totp(TotpConfig),
    Hotp(HotpConfig),
    RecoveryCodes(RecoveryCodes),
}

impl FactorConfig {
    /// Writes the record as bytes; `None` when it is malformed (a seed that is too short, say).
    #[must_use]
    pub fn to_stored(&self) -> Option<Zeroizing<Vec<u8>>> {
        let written = match self {
            Self::Password(record) => Written::Password {
                v: 1,
                hash: record.hash.expose(),
                history: record.history.iter().map(PasswordHash::expose).collect(),
                changed_at: record.changed_at,
            },
            Self::Totp(config) => Written::Totp(config),
            Self::Hotp(config) => Written::Hotp(config),
            Self::RecoveryCodes(codes) => Written::RecoveryCodes(codes),
        };
        // Room for any record, so that no shorter copy is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
        serde_json::to_writer(&mut *bytes, &written).ok()?;
        Some(bytes)
    }

    /// Reads the record back; `None` when it is not one, or of a format this build does not know.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        Some(match serde_json::from_slice(bytes).ok()? {
            Read::Password { v: 1, hash, history, changed_at } => Self::Password(PasswordRecord {
                hash: hash.into(),
                history: history.into_iter().map(PasswordHash::from).collect(),
                changed_at,
            }),
            Read::Password { mut hash, .. } => {
                hash.zeroize();
                return None;
            }
            Read::Totp(config) => Self::Totp(config),
            Read::Hotp(config) => Self::Hotp(config),
            Read::RecoveryCodes(codes) => Self::RecoveryCodes(codes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_record_of_the_first_format_is_read_for_ever() {
        let old = br#"{"password":{"v":1,"hash":"$argon2id$a","history":["$argon2id$b"],"changed_at":"2026-01-02T03:04:05Z"}}"#;
        let Some(FactorConfig::Password(record)) = FactorConfig::from_stored(old) else { panic!("not read") };
        assert!(record.hash.ct_eq("$argon2id$a") && record.history[0].ct_eq("$argon2id$b"));
        let again = FactorConfig::Password(record).to_stored().unwrap();
        assert_eq!(again.as_slice(), old);
    }

    #[test]
    fn what_this_build_does_not_know_is_refused() {
        for bytes in [
            &br#"{"password":{"v":2,"hash":"x","history":[],"changed_at":"2026-01-02T03:04:05Z"}}"#[..],
            br#"{"passkey":{}}"#,
            b"",
            b"null",
        ] {
            assert!(FactorConfig::from_stored(bytes).is_none());
        }
    }
}
