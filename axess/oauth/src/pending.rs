//! What a login remembers until the browser comes back.

use crate::{dpop::DpopKey, pkce::random_text};
use axess_factors::federated::{FederationContext, FederationError, PendingFederation};
use axess_rng::SecureRng;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// The private part of a [`PendingFederation`]: what binds an answer to this login.
///
/// No `Debug`: it holds the verifier, and maybe a key.
#[derive(Serialize, Deserialize)]
pub(crate) struct PendingLogin {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
    pub(crate) begun_at: DateTime<Utc>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_age: Option<u32>,
    /// One of these must be met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) acr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dpop_key: Option<String>,
    /// What plain OAuth was asked for, and must grant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) scopes: Vec<String>,
}

impl PendingLogin {
    /// Draws what a new login is bound by.
    pub(crate) fn new(now: DateTime<Utc>, rng: &(impl SecureRng + ?Sized)) -> Self {
        Self {
            state: random_text(rng),
            nonce: random_text(rng),
            verifier: random_text(rng),
            begun_at: now,
            max_age: None,
            acr: Vec::new(),
            dpop_key: None,
            scopes: Vec::new(),
        }
    }

    /// Wraps it up for the session.
    pub(crate) fn seal(
        &self,
        issuer: &str,
        timeout: Duration,
        context: &FederationContext<'_>,
    ) -> Result<PendingFederation, FederationError> {
        let broken =
            || FederationError::Configuration { what: "a pending login cannot be written".to_owned() };
        let timeout = TimeDelta::from_std(timeout).map_err(|_| broken())?;
        let pending = PendingFederation {
            provider: context.provider.clone(),
            issuer: issuer.to_owned(),
            expires_at: context.now.checked_add_signed(timeout).ok_or_else(broken)?,
            private: serde_json::to_value(self).map_err(|_| broken())?,
        };
        pending.check()?;
        Ok(pending)
    }

    /// Unwraps it, if it is of this provider and not over.
    pub(crate) fn open(
        pending: &PendingFederation,
        issuer: &str,
        context: &FederationContext<'_>,
    ) -> Result<Self, FederationError> {
        if pending.provider != *context.provider || pending.issuer != issuer {
            return Err(FederationError::MixUp);
        }
        if context.now >= pending.expires_at {
            return Err(FederationError::Expired);
        }
        Self::deserialize(&pending.private)
            .map_err(|_| FederationError::Malformed { what: "the pending login is another protocol's" })
    }

    /// Compares a state in constant time.
    pub(crate) fn check_state(&self, state: Option<&str>) -> Result<(), FederationError> {
        let state = state.unwrap_or_default();
        let is_ours: bool = self.state.as_bytes().ct_eq(state.as_bytes()).into();
        is_ours.then_some(()).ok_or(FederationError::StateMismatch)
    }

    /// Returns the key of this login, if it has one of its own.
    pub(crate) fn dpop_key(&self) -> Result<Option<DpopKey>, FederationError> {
        self.dpop_key.as_deref().map(|key| DpopKey::from_secret(&key.into())).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_rng::MockRng;

    #[test]
    fn a_login_is_bound_to_its_provider_issuer_and_time() {
        let (provider, other) = ("a".parse().unwrap(), "b".parse().unwrap());
        let rng = MockRng::new(1);
        let context = FederationContext { provider: &provider, now: DateTime::UNIX_EPOCH, rng: &rng };
        let login = PendingLogin::new(context.now, &rng);
        let pending = login.seal("https://a.example", Duration::from_secs(60), &context).unwrap();
        let opened = PendingLogin::open(&pending, "https://a.example", &context).unwrap();
        assert!(opened.check_state(Some(&login.state)).is_ok());
        for wrong in [None, Some(""), Some("x"), Some(login.nonce.as_str())] {
            assert!(matches!(opened.check_state(wrong), Err(FederationError::StateMismatch)));
        }
        let elsewhere = FederationContext { provider: &other, ..context };
        let late = FederationContext { now: context.now + TimeDelta::seconds(60), ..context };
        let open = |issuer, context| PendingLogin::open(&pending, issuer, context).err();
        assert!(matches!(open("https://b.example", &context), Some(FederationError::MixUp)));
        assert!(matches!(open("https://a.example", &elsewhere), Some(FederationError::MixUp)));
        assert!(matches!(open("https://a.example", &late), Some(FederationError::Expired)));
    }
}
