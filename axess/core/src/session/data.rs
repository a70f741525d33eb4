use super::AuthState;
use axess_factors::{EmailOtpChallenge, TotpConfig};
use axess_identity::{EmailAddress, FactorKind, Identifier, TenantId, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The most bytes of custom data a session may carry, keys and JSON values together.
pub const MAX_CUSTOM_BYTES: usize = 64 * 1024;
/// The most keys of custom data a session may carry.
pub const MAX_CUSTOM_KEYS: usize = 256;

/// Everything that is stored for a session. Only this crate reads or writes it; stores see bytes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SessionData {
    #[serde(default)]
    pub(crate) auth_state: AuthState,
    #[serde(default)]
    pub(crate) custom: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) ceremony: Ceremony,
    /// The keyed digest of the browser that the session was created or last rotated in.
    #[serde(default)]
    pub(crate) fingerprint: Option<[u8; 32]>,
    /// Until when the browser was last told to keep the cookie, in Unix seconds.
    #[serde(default)]
    pub(crate) cookie_until: i64,
}

/// What a ceremony in progress must remember between requests.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ceremony {
    /// The factor chosen at a step with choices.
    #[serde(default)]
    pub(crate) prepared: Option<FactorKind>,
    #[serde(default)]
    pub(crate) email_code: Option<EmailOtpChallenge>,
    #[serde(default)]
    pub(crate) totp: Option<PendingTotp>,
    #[serde(default)]
    pub(crate) signup: Option<PendingSignup>,
}

/// A TOTP authenticator that is shown but not yet confirmed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingTotp {
    pub(crate) config: TotpConfig,
    /// The version of the record it replaces; 0 when there was none.
    pub(crate) replaces: u64,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) tries_left: u32,
}

/// An account that exists once its mail address is proved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingSignup {
    pub(crate) user_id: UserId,
    pub(crate) tenant_id: TenantId,
    pub(crate) identifier: Identifier,
    pub(crate) email: EmailAddress,
    pub(crate) display_name: Option<String>,
    /// The PHC string of the chosen password. At rest it is as safe as the session row.
    pub(crate) password_hash: String,
}

impl SessionData {
    /// Writes a custom value, unless the custom data would outgrow its limits.
    pub(crate) fn set_custom(&mut self, key: String, value: Value) -> bool {
        let others = self.custom.iter().filter(|(other, _)| **other != key);
        let (keys, bytes) = others.fold((1, key.len() + json_len(&value)), |(keys, bytes), (key, value)| {
            (keys + 1, bytes + key.len() + json_len(value))
        });
        let fits = keys <= MAX_CUSTOM_KEYS && bytes <= MAX_CUSTOM_BYTES;
        if fits {
            self.custom.insert(key, value);
        }
        fits
    }

    /// Writes off one try of the mailed code; false when there is no code to try any more.
    pub(crate) fn take_email_try(&mut self, binding: [u8; 16], at: DateTime<Utc>) -> bool {
        let left =
            self.ceremony.email_code.as_ref().and_then(|challenge| challenge.take_try(at, binding).ok());
        let taken = left.is_some();
        if taken {
            self.ceremony.email_code = left;
        }
        taken
    }

    /// Writes off one try of confirming a TOTP enrolment; false when there is nothing to confirm any more.
    pub(crate) fn take_totp_try(&mut self, at: DateTime<Utc>) -> bool {
        let pending =
            self.ceremony.totp.as_mut().filter(|pending| pending.tries_left > 0 && at < pending.expires_at);
        let taken = pending.is_some();
        if let Some(pending) = pending {
            pending.tries_left -= 1;
        }
        taken
    }
}

fn json_len(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        // A value that cannot be written can never fit.
        Err(_) => usize::MAX / 2,
    }
}
