//! Logins on another device (RFC 8628): what the session keeps, and what is asked each time.

use super::{OidcProvider, id_token::IdTokenRules, tokens::TOKEN_ENDPOINT};
use crate::{
    caller::{self, ErrorAnswer, refusal},
    config::is_scope,
    dpop::DpopKey,
    fapi::{DpopKeyScope, SenderConstraint},
    fault,
    http::checked_url,
    metadata::Endpoint,
    token::read,
};
use axess_factors::federated::{
    BegunDevice, DevicePoll, FederatedIdentity, FederationContext, FederationError, FederationOptions,
    PendingFederation,
};
use axess_identity::TokenSecret;
use axess_rng::SecureRng;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const DEVICE_ENDPOINT: &str = "its endpoint for devices";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// How long to wait between two questions where the provider does not say (RFC 8628 §3.2).
const DEFAULT_INTERVAL_SECS: u32 = 5;
/// How much longer to wait when the provider asks for it (RFC 8628 §3.5).
const SLOW_DOWN_SECS: u32 = 5;
const MAX_INTERVAL_SECS: u32 = 300;
/// The longest code that a user types, in characters: more nobody types.
const MAX_USER_CODE_CHARS: usize = 64;
/// The longest address that is shown, in bytes: more does not fit into a picture.
const MAX_URI_BYTES: usize = 1024;
/// The longest code of the device, in bytes: it has room in a session.
const MAX_DEVICE_CODE_BYTES: usize = 1536;
/// The longest time a user is given, in seconds.
const MAX_LIFETIME_SECS: i64 = 3600;

/// What the provider answers (RFC 8628 §3.2).
#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: i64,
    interval: Option<u32>,
}

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
    ///
    /// Under FAPI there is none: anybody could have begun what a user is shown.
    pub(super) async fn begin_device_login(
        &self,
        options: &FederationOptions,
        context: FederationContext<'_>,
    ) -> Result<BegunDevice, FederationError> {
        options.check()?;
        if self.config.fapi.is_some() {
            return Err(FederationError::WeakerThanConfigured { what: "a login on another device" });
        }
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
        let begun = self.authorize_device(&options.scopes, &context).await?;
        let private = PendingDevice {
            device_code: begun.device_code,
            acr,
            dpop_key: dpop_key.map(|key| key.expose().to_owned()),
        };
        let broken =
            |_| FederationError::Configuration { what: "a pending login cannot be written".to_owned() };
        let pending = PendingFederation {
            provider: context.provider.clone(),
            issuer: self.config.issuer.clone(),
            expires_at: context.now + TimeDelta::seconds(begun.expires_in.min(MAX_LIFETIME_SECS)),
            private: serde_json::to_value(&private).map_err(broken)?,
        };
        pending.check()?;
        let interval = begun.interval.unwrap_or(DEFAULT_INTERVAL_SECS).clamp(1, MAX_INTERVAL_SECS);
        Ok(BegunDevice {
            user_code: begun.user_code,
            verification_uri: begun.verification_uri,
            verification_uri_complete: begun.verification_uri_complete,
            interval: Duration::from_secs(interval.into()),
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

    /// Gets the codes (RFC 8628 §3.1, §3.2).
    async fn authorize_device(
        &self,
        scopes: &[String],
        context: &FederationContext<'_>,
    ) -> Result<Begun, FederationError> {
        if !scopes.iter().all(|scope| is_scope(scope)) {
            return Err(FederationError::Configuration {
                what: "a scope holds a character it must not".into(),
            });
        }
        let known = self.known().await?;
        let url = self.endpoint(&known, Endpoint::Device, "endpoint for devices")?;
        let mut wanted: Vec<&str> = self.config.scopes.iter().map(String::as_str).collect();
        let more = scopes.iter().filter(|scope| !self.config.scopes.contains(scope));
        wanted.extend(more.map(String::as_str));
        let form = caller::form([("scope", &wanted.join(" "))]);
        let answer =
            self.caller(&known, context.now, context.rng).post(DEVICE_ENDPOINT, url, &form, None).await?;
        if let Some(error) = refusal(DEVICE_ENDPOINT, &answer) {
            return Err(error);
        }
        let begun: Begun =
            answer.json("a login on another device").map_err(|error| fault::http(DEVICE_ENDPOINT, error))?;
        let uris = std::iter::once(&begun.verification_uri).chain(&begun.verification_uri_complete);
        let are_uris = uris.into_iter().all(|uri| uri.len() <= MAX_URI_BYTES && checked_url(uri).is_some());
        let is_code = (1..=MAX_DEVICE_CODE_BYTES).contains(&begun.device_code.len());
        if !are_uris || !is_code || !is_shown(&begun.user_code) || begun.expires_in <= 0 {
            return Err(FederationError::Malformed { what: "the login on another device" });
        }
        Ok(begun)
    }

    /// Asks once.
    async fn ask_device(
        &self,
        device_code: &TokenSecret,
        acr: &[String],
        key: Option<&DpopKey>,
        (now, rng): (DateTime<Utc>, &dyn SecureRng),
    ) -> Result<Asked, FederationError> {
        let known = self.known().await?;
        let key = self.key_or_instance(key)?;
        let url = self.endpoint(&known, Endpoint::Token, "token endpoint")?;
        let form = caller::form([("grant_type", GRANT), ("device_code", device_code.expose())]);
        let answer = self.caller(&known, now, rng).post(TOKEN_ENDPOINT, url, &form, key).await?;
        if answer.status.is_client_error() {
            match answer.json::<ErrorAnswer>("an error").map(|answer| answer.error).as_deref() {
                Ok("authorization_pending") => return Ok(Asked::Pending),
                Ok("slow_down") => return Ok(Asked::TooSoon),
                Ok("access_denied") => return Ok(Asked::Denied),
                Ok("expired_token") => return Ok(Asked::Expired),
                _ => {}
            }
        }
        let tokens = read(&answer, self.binding(key), now)?;
        let rules =
            IdTokenRules { access_token: Some(tokens.access_token.expose()), acr, ..IdTokenRules::default() };
        let claims = self.verified(&known, &tokens, &rules).await?;
        let identity = self.identity(&known, claims, tokens, key, (now, rng)).await?;
        Ok(Asked::Granted(Box::new(identity)))
    }
}

/// What a token endpoint says of a device's code.
enum Asked {
    Pending,
    /// The provider was asked too often.
    TooSoon,
    Denied,
    Expired,
    Granted(Box<FederatedIdentity>),
}

/// Returns how long to wait after having asked too often (RFC 8628 §3.5).
fn slowed_down(interval_secs: u32) -> u32 {
    interval_secs.saturating_add(SLOW_DOWN_SECS).min(MAX_INTERVAL_SECS)
}

/// Tells whether a code can be shown as it is and typed: visible ASCII, maybe with spaces.
fn is_shown(code: &str) -> bool {
    (1..=MAX_USER_CODE_CHARS).contains(&code.len()) && code.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
