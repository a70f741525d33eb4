//! Logins on another device, for the service: what the session keeps, and what is asked each time.

use super::{
    OidcProvider,
    device::{Asked, DeviceAuthorization, slowed_down},
};
use crate::{
    dpop::DpopKey,
    fapi::{DpopKeyScope, SenderConstraint},
};
use axess_factors::federated::{
    BegunDevice, DevicePoll, FederationContext, FederationError, FederationOptions, PendingFederation,
};
use axess_identity::TokenSecret;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The private part of a pending login.
///
/// No `Debug`: whoever has the code gets the tokens.
#[derive(Serialize, Deserialize)]
struct PendingDevice {
    device_code: String,
    /// One of these must be met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop_key: Option<String>,
}

impl OidcProvider {
    /// Begins a login on another device that the session keeps.
    pub(super) async fn begin_device_login(
        &self,
        options: &FederationOptions,
        context: FederationContext<'_>,
    ) -> Result<BegunDevice, FederationError> {
        options.check()?;
        if options.force || options.max_age.is_some() {
            return Err(FederationError::WeakerThanConfigured {
                what: "a login on another device does not say when somebody authenticated",
            });
        }
        let acr = self.acr_values(options)?;
        let is_own = self.config.sender_constraint == Some(SenderConstraint::DPoP)
            && self.config.dpop_key_scope == DpopKeyScope::Session;
        let key = is_own.then(DpopKey::generate).transpose()?;
        let dpop_key = key.map(|key| key.to_secret()).transpose()?;
        let scopes: Vec<&str> = options.scopes.iter().map(String::as_str).collect();
        let begun: DeviceAuthorization = self.begin_device(&scopes).await?;
        let private = PendingDevice {
            device_code: begun.device_code.expose().to_owned(),
            acr,
            dpop_key: dpop_key.map(|key| key.expose().to_owned()),
        };
        let broken =
            |_| FederationError::Configuration { what: "a pending login cannot be written".to_owned() };
        let pending = PendingFederation {
            provider: context.provider.clone(),
            issuer: self.config.issuer.clone(),
            expires_at: begun.expires_at,
            private: serde_json::to_value(&private).map_err(broken)?,
        };
        pending.check()?;
        Ok(BegunDevice {
            user_code: begun.user_code,
            verification_uri: begun.verification_uri,
            verification_uri_complete: begun.verification_uri_complete,
            interval: Duration::from_secs(begun.interval_secs.into()),
            pending,
        })
    }

    /// Asks once about a login that the session has kept.
    pub(super) async fn poll_device_login(
        &self,
        pending: &PendingFederation,
        interval: Duration,
        context: FederationContext<'_>,
    ) -> Result<DevicePoll, FederationError> {
        let other =
            |_| FederationError::Malformed { what: "the pending login is no login on another device" };
        let login = PendingDevice::deserialize(&pending.private).map_err(other)?;
        let own_key = login.dpop_key.map(|key| DpopKey::from_secret(&key.as_str().into())).transpose()?;
        let code = TokenSecret::from(login.device_code);
        let when = (context.now, context.rng);
        Ok(match self.ask_device(&code, &login.acr, own_key.as_ref(), when).await? {
            Asked::Pending => DevicePoll::Pending { interval },
            Asked::TooSoon => {
                let seconds = u32::try_from(interval.as_secs()).unwrap_or(u32::MAX);
                DevicePoll::Pending { interval: Duration::from_secs(slowed_down(seconds).into()) }
            }
            Asked::Denied => return Err(FederationError::denied("access_denied")),
            Asked::Expired => return Err(FederationError::Expired),
            Asked::Granted(mut identity) => {
                if let Some(tokens) = &mut identity.tokens {
                    tokens.binding_key = own_key.as_ref().map(DpopKey::to_secret).transpose()?;
                }
                DevicePoll::Granted(identity)
            }
        })
    }
}
