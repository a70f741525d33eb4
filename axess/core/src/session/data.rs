use super::{
    AuthState, FederatedLogin,
    federated::PendingLogin,
    handle::{owner_of, row_owner},
    stored,
};
use crate::store::Owner;
use axess_factors::{EmailOtpChallenge, TotpConfig};
use axess_identity::{DeviceId, EmailAddress, FactorKind, Identifier, TenantId, TokenFamilyId, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// The most bytes of custom data a session may carry, keys and JSON values together.
pub const MAX_CUSTOM_BYTES: usize = 64 * 1024;
/// The most keys of custom data a session may carry.
pub const MAX_CUSTOM_KEYS: usize = 256;

/// A ceremony in which nothing is pending.
static NOTHING_PENDING: Ceremony =
    Ceremony { prepared: None, email_code: None, totp: None, signup: None, federation: None };

/// Everything that is stored for a session.
///
/// Others may look at it; only the state machine of this crate changes it, and stores see bytes. The stored form begins with
/// its schema version; an older one is migrated when it is read.
///
/// ```
/// use axess_core::session::{AuthState, SessionData};
/// let data = SessionData::default();
/// assert_eq!(*data.auth_state(), AuthState::Guest);
/// assert!(data.custom("theme").is_none());
/// ```
// Names are short where every request reads them: checking their text is most of the work of decoding.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SessionData {
    #[serde(rename = "a", default, with = "stored::State")]
    pub(crate) auth_state: AuthState,
    #[serde(rename = "c", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) custom: BTreeMap<String, Value>,
    /// Boxed because most sessions have none, and every request moves a session.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    ceremony: Option<Box<Ceremony>>,
    /// The keyed digest of the browser that the session was created or last rotated in.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none", with = "stored::digest")]
    pub(crate) fingerprint: Option<[u8; 32]>,
    /// The digest of another browser that was reported already.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none", with = "stored::digest")]
    pub(crate) foreign: Option<[u8; 32]>,
    /// The device the session is used on.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<DeviceId>,
    /// The family of refresh tokens that ends with the session.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_family: Option<TokenFamilyId>,
    /// What an identity provider said of its user. Boxed because most sessions have none.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub(crate) federated: Option<Box<FederatedLogin>>,
    /// Until when the browser was last told to keep the cookie, in Unix seconds.
    #[serde(rename = "u", default)]
    pub(crate) cookie_until: i64,
}

/// What a ceremony in progress must remember between requests.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ceremony {
    /// The factor chosen at a step with choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prepared: Option<FactorKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email_code: Option<EmailOtpChallenge>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) totp: Option<PendingTotp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signup: Option<PendingSignup>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) federation: Option<Arc<PendingLogin>>,
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
    /// Returns how far the user has proved who they are.
    #[must_use]
    pub fn auth_state(&self) -> &AuthState {
        &self.auth_state
    }

    /// Returns a value the application keeps in the session.
    #[must_use]
    pub fn custom(&self, key: &str) -> Option<&Value> {
        self.custom.get(key)
    }

    /// Returns what the ceremony in progress remembers.
    pub(crate) fn ceremony(&self) -> &Ceremony {
        self.ceremony.as_deref().unwrap_or(&NOTHING_PENDING)
    }

    /// Changes what the ceremony remembers. Once nothing is pending any more, there is none.
    pub(crate) fn change_ceremony<T>(&mut self, change: impl FnOnce(&mut Ceremony) -> T) -> T {
        let mut ceremony = self.ceremony.take().unwrap_or_default();
        let changed = change(&mut ceremony);
        self.ceremony = ceremony.is_pending().then_some(ceremony);
        changed
    }

    /// Changes what the ceremony remembers, which always applies.
    pub(crate) fn remember(&mut self, change: impl FnOnce(&mut Ceremony)) -> bool {
        self.change_ceremony(change);
        true
    }

    /// Moves to another state; what was bound to an authenticated user stays only with one. What a provider said also
    /// stays with a login that goes on.
    pub(crate) fn enter(&mut self, state: AuthState) {
        self.auth_state = state;
        if row_owner(&self.auth_state).is_none() {
            (self.device, self.refresh_family) = (None, None);
            if !self.auth_state.is_authenticating() {
                self.federated = None;
            }
        }
    }

    /// Remembers what a provider said, at the beginning of a login or in the course of one.
    pub(crate) fn vouch(&mut self, login: FederatedLogin, begins: bool) {
        let before = self.federated.take().filter(|_| !begins);
        self.federated = Some(Box::new(login.after(before.as_deref())));
    }

    /// Returns when the session must end, whatever its lifetime is.
    pub(crate) fn must_end_at(&self) -> Option<DateTime<Utc>> {
        self.federated.as_ref()?.expires_at
    }

    /// Uses a pending login at a provider up; false when it is not pending any more.
    pub(crate) fn take_federation(&mut self, login: &PendingLogin) -> bool {
        let pending = self.ceremony().federation.as_deref() == Some(login);
        if pending {
            self.change_ceremony(|ceremony| ceremony.federation = None);
        }
        pending
    }

    /// Puts a pending login at a provider in place of another; false when that is not pending any more.
    pub(crate) fn replace_federation(&mut self, before: &PendingLogin, login: Arc<PendingLogin>) -> bool {
        self.take_federation(before) && self.remember(|ceremony| ceremony.federation = Some(login))
    }

    /// Binds the session to a device, if it is `owner`'s; tells whether it is.
    pub(crate) fn bind_device(&mut self, owner: Owner, device: DeviceId) -> bool {
        let applies = owner_of(&self.auth_state) == Some(owner);
        if applies {
            self.device = Some(device);
        }
        applies
    }

    /// Binds the session to a family, if it is `owner`'s and bound to `replaces` until now; tells whether it is. A family
    /// that was bound by somebody else meanwhile would be forgotten, and nothing that ends the session would end it.
    pub(crate) fn bind_family(
        &mut self,
        owner: Owner,
        family: TokenFamilyId,
        replaces: Option<TokenFamilyId>,
    ) -> bool {
        let applies = owner_of(&self.auth_state) == Some(owner) && self.refresh_family == replaces;
        if applies {
            self.refresh_family = Some(family);
        }
        applies
    }

    /// Takes the user from the session, but not what it was bound to.
    pub(crate) fn retire(&mut self) -> bool {
        self.auth_state = AuthState::Guest;
        self.drop_ceremony();
        true
    }

    /// Forgets the ceremony.
    pub(crate) fn drop_ceremony(&mut self) {
        self.ceremony = None;
    }

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
        let code = self.ceremony().email_code.as_ref();
        let Some(left) = code.and_then(|challenge| challenge.take_try(at, binding).ok()) else {
            return false;
        };
        self.change_ceremony(|ceremony| ceremony.email_code = Some(left));
        true
    }

    /// Writes off one try of confirming a TOTP enrolment; false when there is nothing to confirm any more.
    pub(crate) fn take_totp_try(&mut self, at: DateTime<Utc>) -> bool {
        self.change_ceremony(|ceremony| {
            let pending = ceremony.totp.as_mut();
            let pending = pending.filter(|pending| pending.tries_left > 0 && at < pending.expires_at);
            pending.map(|pending| pending.tries_left -= 1).is_some()
        })
    }
}

impl Ceremony {
    fn is_pending(&self) -> bool {
        self.prepared.is_some()
            || self.email_code.is_some()
            || self.totp.is_some()
            || self.signup.is_some()
            || self.federation.is_some()
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
