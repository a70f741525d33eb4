//! What a session remembers of a login at an identity provider: while it is under way, and afterwards.

use super::SessionHandle;
use axess_factors::federated::{Assurance, FederatedIdentity, PendingFederation};
use axess_identity::{ProviderName, SessionId, TenantId, TokenSecret, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use subtle::ConstantTimeEq;

/// The longest ID token that is kept for logging out at the provider, in bytes.
pub const MAX_KEPT_ID_TOKEN_BYTES: usize = 4096;
/// The longest context class that is kept, in bytes, and the most method references, and the longest of these.
const MAX_ACR_BYTES: usize = 255;
const MAX_AMR: usize = 16;
const MAX_AMR_BYTES: usize = 64;

/// What an identity provider said about the login that a session rests on.
///
/// ```
/// # use axess_core::session::SessionHandle;
/// # fn example(session: &SessionHandle) {
/// if let Some(login) = session.federated_login() {
///     println!("logged in at {} as {:?}, by {:?}", login.issuer, login.acr, login.amr);
/// }
/// # }
/// ```
#[derive(Clone, Serialize, Deserialize)]
pub struct FederatedLogin {
    /// What the application calls the provider.
    #[serde(rename = "p", with = "name")]
    pub provider: ProviderName,
    /// Its issuer identifier.
    #[serde(rename = "i")]
    pub issuer: String,
    /// The user there.
    #[serde(rename = "s")]
    pub subject: String,
    /// The session there, if the provider named it.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The authentication context class; one of more than 255 bytes is not kept.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// How the user authenticated there (RFC 8176): at most 16, each of at most 64 bytes.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// When the user authenticated there.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<DateTime<Utc>>,
    /// What all this rests on.
    #[serde(rename = "a")]
    pub assurance: Assurance,
    /// When the session must end, whatever its own lifetime is.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none", with = "token")]
    id_token: Option<TokenSecret>,
    /// Whether the session was opened with a refresh token of that login.
    #[serde(rename = "r", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) refreshed: bool,
}

/// A login at a provider that waits for the browser to come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingLogin {
    pub(crate) tenant_id: TenantId,
    pub(crate) purpose: Purpose,
    pub(crate) return_to: Option<String>,
    pub(crate) pending: PendingFederation,
    /// When the provider may be asked about it; only for a login on another device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<DevicePace>,
    /// When it was begun here: what the provider logs out afterwards is logged out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) begun_at: Option<DateTime<Utc>>,
}

/// How often a provider may be asked about a login on another device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct DevicePace {
    pub(crate) interval_secs: u32,
    pub(crate) next_poll_at: DateTime<Utc>,
}

/// What a login at a provider is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// Logging in, as whoever it turns out to be.
    Login,
    /// The step that is due, of a login or a step-up of this user.
    Step(UserId),
    /// Linking the identity to this user, who is logged in.
    Link(UserId),
}

impl FederatedLogin {
    /// Keeps of an identity what a session needs, within its limits.
    pub(crate) fn of(provider: &ProviderName, identity: &FederatedIdentity) -> Self {
        let amr = identity.amr.iter().filter(|method| method.len() <= MAX_AMR_BYTES);
        let id_token = identity.tokens.as_ref().and_then(|tokens| tokens.id_token.clone());
        Self {
            provider: provider.clone(),
            issuer: identity.issuer.clone(),
            subject: identity.subject.clone(),
            session_id: identity.session_id.clone(),
            acr: identity.acr.clone().filter(|acr| acr.len() <= MAX_ACR_BYTES),
            amr: amr.take(MAX_AMR).cloned().collect(),
            auth_time: identity.auth_time,
            assurance: identity.assurance,
            expires_at: identity.expires_at,
            id_token: id_token.filter(|token| token.expose().len() <= MAX_KEPT_ID_TOKEN_BYTES),
            refreshed: false,
        }
    }

    /// Returns the issuer as links name it.
    pub(crate) fn link_issuer(&self) -> String {
        self.assurance.protocol().link_issuer(&self.issuer)
    }

    /// Keeps what the sessions that its refresh tokens open remember of it.
    pub(crate) fn for_refresh(self) -> Self {
        Self { id_token: None, refreshed: true, ..self }
    }

    /// Returns the ID token, for logging out at the provider.
    pub(crate) fn id_token(&self) -> Option<&TokenSecret> {
        self.id_token.as_ref()
    }

    /// Takes the place of `before` in the same session. The end that another provider set still holds.
    pub(super) fn after(mut self, before: Option<&Self>) -> Self {
        let Some(before) = before else { return self };
        let ends = [self.expires_at, before.expires_at];
        self.expires_at = match self.issuer == before.issuer {
            true => self.expires_at.or(before.expires_at),
            false => ends.into_iter().flatten().min(),
        };
        self
    }
}

impl PartialEq for FederatedLogin {
    fn eq(&self, other: &Self) -> bool {
        let said = |of: &Self| (of.acr.clone(), of.amr.clone(), of.auth_time, of.assurance, of.expires_at);
        let names =
            |of: &Self| (of.provider.clone(), of.issuer.clone(), of.subject.clone(), of.session_id.clone());
        let token = |of: &Self| of.id_token.as_ref().map(|token| token.expose().as_bytes().to_vec());
        let is_same: bool = token(self).unwrap_or_default().ct_eq(&token(other).unwrap_or_default()).into();
        names(self) == names(other)
            && said(self) == said(other)
            && self.refreshed == other.refreshed
            && self.id_token.is_some() == other.id_token.is_some()
            && is_same
    }
}

impl Eq for FederatedLogin {}

impl SessionHandle {
    /// Returns what the identity provider said, when the session rests on a login at one.
    ///
    /// It is there from the provider's step on, so also while a further factor is still due.
    #[must_use]
    pub fn federated_login(&self) -> Option<FederatedLogin> {
        self.live().data.federated.as_deref().cloned()
    }

    /// Returns the id the stored session began with, which rotations do not change.
    pub(crate) fn lineage(&self) -> Option<SessionId> {
        self.live().row.map(|row| row.lineage)
    }

    /// Returns when the session ends at the latest, as far as anybody can say.
    pub(crate) fn latest_end(&self) -> DateTime<Utc> {
        let created_at = self.live().row.map_or_else(|| self.now(), |row| row.created_at);
        self.sessions().latest_end(created_at)
    }

    /// Returns the login at a provider that waits for the browser.
    pub(crate) fn pending_federation(&self) -> Option<Arc<PendingLogin>> {
        self.ceremony(|ceremony| ceremony.federation.clone())
    }
}

impl fmt::Debug for FederatedLogin {
    /// Leaves out who it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FederatedLogin")
            .field("provider", &self.provider)
            .field("issuer", &self.issuer)
            .field("acr", &self.acr)
            .field("amr", &self.amr)
            .field("assurance", &self.assurance)
            .finish_non_exhaustive()
    }
}

/// A provider's name as its text.
mod name {
    use axess_identity::ProviderName;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(name: &ProviderName, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProviderName, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A token as its text: at rest it is as safe as the session row.
mod token {
    use axess_identity::TokenSecret;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        token: &Option<TokenSecret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        token.as_ref().map(TokenSecret::expose).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<TokenSecret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(TokenSecret::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_factors::federated::FederatedTokens;
    use chrono::TimeDelta;

    fn identity(issuer: &str, ends: Option<i64>) -> FederatedIdentity {
        let expires_at = ends.map(|hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours));
        let id = FederatedIdentity::new(issuer, "alice", Assurance::SamlAssertion);
        FederatedIdentity { expires_at, ..id }
    }

    fn login(issuer: &str, ends: Option<i64>) -> FederatedLogin {
        FederatedLogin::of(&"okta".parse().unwrap(), &identity(issuer, ends))
    }

    #[test]
    fn an_end_that_another_provider_set_still_holds() {
        for (row, before, now, want) in [
            ("the same, later", login("a", Some(1)), login("a", Some(9)), Some(9)),
            ("the same, silent", login("a", Some(1)), login("a", None), Some(1)),
            ("another, later", login("a", Some(1)), login("b", Some(9)), Some(1)),
            ("another, earlier", login("a", Some(9)), login("b", Some(1)), Some(1)),
            ("another, silent", login("a", Some(1)), login("b", None), Some(1)),
            ("neither", login("a", None), login("b", None), None),
        ] {
            let ends = now.after(Some(&before)).expires_at;
            assert_eq!(ends, want.map(|hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours)), "{row}");
        }
    }

    #[test]
    fn what_is_too_long_to_be_kept_is_not_kept() {
        let tokens = |id_token: String| FederatedTokens {
            access_token: "at".into(),
            refresh_token: None,
            id_token: Some(id_token.into()),
            token_type: "Bearer".into(),
            scope: None,
            expires_at: None,
            binding_key: None,
        };
        let amr = (0..20).map(|n| format!("m{n}")).chain(["x".repeat(65)]).rev().collect();
        let mut given = FederatedIdentity { amr, acr: Some("x".repeat(256)), ..identity("a", None) };
        given.tokens = Some(tokens("x".repeat(MAX_KEPT_ID_TOKEN_BYTES + 1)));
        let kept = FederatedLogin::of(&"okta".parse().unwrap(), &given);
        assert_eq!((kept.acr, kept.amr.len(), kept.id_token.is_none()), (None, MAX_AMR, true));
        assert!(kept.amr.iter().all(|method| method.len() <= MAX_AMR_BYTES));

        given.tokens = Some(tokens("x".repeat(MAX_KEPT_ID_TOKEN_BYTES)));
        let kept = FederatedLogin::of(&"okta".parse().unwrap(), &given);
        let stored = rmp_serde::to_vec_named(&kept).unwrap();
        let read: FederatedLogin = rmp_serde::from_slice(&stored).unwrap();
        assert_eq!(read.id_token().map(|token| token.expose().len()), Some(MAX_KEPT_ID_TOKEN_BYTES));
        assert!(!format!("{kept:?}").contains("alice"));
    }
}
