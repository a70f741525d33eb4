use super::{OidcProvider, id_token::IdTokenRules, tokens::TOKEN_ENDPOINT};
use crate::{
    caller::{self, ErrorAnswer, refusal},
    config::is_scope,
    dpop::DpopKey,
    fault,
    http::checked_url,
    metadata::Endpoint,
    token::read,
};
use axess_factors::federated::{FederatedIdentity, FederationError};
use axess_identity::TokenSecret;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

const DEVICE_ENDPOINT: &str = "its endpoint for devices";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// How long to wait between two questions where the provider does not say (RFC 8628 §3.2).
const DEFAULT_INTERVAL_SECS: u32 = 5;
/// How much longer to wait when the provider asks for it (RFC 8628 §3.5).
const SLOW_DOWN_SECS: u32 = 5;
const MAX_INTERVAL_SECS: u32 = 300;
/// The longest time a user is given, in seconds.
const MAX_LIFETIME_SECS: i64 = 3600;

/// A login on another device that was begun (RFC 8628 §3.2), and when its provider may be asked again.
///
/// ```
/// fn tell(login: &axess_oauth::DeviceAuthorization) -> String {
///     format!("Go to {} and enter {}", login.verification_uri, login.user_code)
/// }
/// # let _ = tell;
/// ```
#[derive(Debug, Clone)]
pub struct DeviceAuthorization {
    /// What the user types.
    pub user_code: String,
    /// Where the user types it.
    pub verification_uri: String,
    /// The same address with the code in it, to be shown as a picture.
    pub verification_uri_complete: Option<String>,
    /// When the user is too late.
    pub expires_at: DateTime<Utc>,
    /// When the provider may be asked next.
    pub next_poll_at: DateTime<Utc>,
    device_code: TokenSecret,
    interval_secs: u32,
}

/// What became of a login on another device so far.
///
/// ```
/// assert!(!axess_oauth::DeviceOutcome::Pending.is_over());
/// ```
#[derive(Debug)]
pub enum DeviceOutcome {
    /// The user has not decided: ask again at [`DeviceAuthorization::next_poll_at`].
    Pending,
    /// The user agreed.
    Granted(Box<FederatedIdentity>),
    /// The user refused.
    Denied,
    /// The user was too late.
    Expired,
}

impl DeviceOutcome {
    /// Tells whether asking again is of no use.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Pending)
    }
}

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: i64,
    interval: Option<u32>,
}

impl OidcProvider {
    /// Begins a login of which the user does the browser's part on another device (RFC 8628).
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the provider has no such endpoint; under FAPI
    /// [`FederationError::WeakerThanConfigured`], because anybody could have begun what a user is shown; any other
    /// [`FederationError`].
    pub async fn begin_device(&self, scopes: &[&str]) -> Result<DeviceAuthorization, FederationError> {
        if self.config.fapi.is_some() {
            return Err(FederationError::WeakerThanConfigured { what: "a login on another device" });
        }
        if !scopes.iter().all(|scope| is_scope(scope)) {
            return Err(FederationError::Configuration {
                what: "a scope holds a character it must not".into(),
            });
        }
        let known = self.known().await?;
        let url = self.endpoint(&known, Endpoint::Device, "endpoint for devices")?;
        let mut wanted: Vec<&str> = self.config.scopes.iter().map(String::as_str).collect();
        wanted.extend(scopes.iter().filter(|scope| !self.config.scopes.iter().any(|one| one == *scope)));
        let form = caller::form([("scope", &wanted.join(" "))]);
        let now = self.clock.now();
        let answer = self.caller(now, self.rng.as_ref()).post(DEVICE_ENDPOINT, url, &form, None).await?;
        if let Some(error) = refusal(DEVICE_ENDPOINT, &answer) {
            return Err(error);
        }
        let begun: Begun =
            answer.json("a login on another device").map_err(|error| fault::http(DEVICE_ENDPOINT, error))?;
        let uris = std::iter::once(&begun.verification_uri).chain(&begun.verification_uri_complete);
        if !uris.into_iter().all(|uri| checked_url(uri).is_some()) || begun.expires_in <= 0 {
            return Err(FederationError::Malformed { what: "the login on another device" });
        }
        let interval_secs = begun.interval.unwrap_or(DEFAULT_INTERVAL_SECS).clamp(1, MAX_INTERVAL_SECS);
        Ok(DeviceAuthorization {
            user_code: begun.user_code,
            verification_uri: begun.verification_uri,
            verification_uri_complete: begun.verification_uri_complete,
            expires_at: now + TimeDelta::seconds(begun.expires_in.min(MAX_LIFETIME_SECS)),
            next_poll_at: now + TimeDelta::seconds(interval_secs.into()),
            device_code: TokenSecret::from(begun.device_code),
            interval_secs,
        })
    }

    /// Asks whether the user has decided, unless it is too early for that (RFC 8628 §3.4, §3.5).
    ///
    /// # Errors
    ///
    /// [`FederationError::Unavailable`] when the provider cannot be asked: the wait doubles, then ask again. Any other
    /// [`FederationError`] ends the login.
    pub async fn poll_device(
        &self,
        login: &mut DeviceAuthorization,
        key: Option<&DpopKey>,
    ) -> Result<DeviceOutcome, FederationError> {
        let now = self.clock.now();
        if now >= login.expires_at {
            return Ok(DeviceOutcome::Expired);
        }
        if now < login.next_poll_at {
            return Ok(DeviceOutcome::Pending);
        }
        let asked = self.ask_device(login, key, now).await;
        if matches!(asked, Err(FederationError::Unavailable { .. })) {
            login.interval_secs = login.interval_secs.saturating_mul(2).min(MAX_INTERVAL_SECS);
        }
        login.next_poll_at = now + TimeDelta::seconds(login.interval_secs.into());
        asked
    }

    async fn ask_device(
        &self,
        login: &mut DeviceAuthorization,
        key: Option<&DpopKey>,
        now: DateTime<Utc>,
    ) -> Result<DeviceOutcome, FederationError> {
        let known = self.known().await?;
        let key = self.key_or_instance(key)?;
        let url = self.endpoint(&known, Endpoint::Token, "token endpoint")?;
        let form = caller::form([("grant_type", GRANT), ("device_code", login.device_code.expose())]);
        let caller = self.caller(now, self.rng.as_ref());
        let answer = caller.post(TOKEN_ENDPOINT, url, &form, key).await?;
        if answer.status.is_client_error() {
            match answer.json::<ErrorAnswer>("an error").map(|answer| answer.error).as_deref() {
                Ok("authorization_pending") => return Ok(DeviceOutcome::Pending),
                Ok("slow_down") => {
                    login.interval_secs =
                        login.interval_secs.saturating_add(SLOW_DOWN_SECS).min(MAX_INTERVAL_SECS);
                    return Ok(DeviceOutcome::Pending);
                }
                Ok("access_denied") => return Ok(DeviceOutcome::Denied),
                Ok("expired_token") => return Ok(DeviceOutcome::Expired),
                _ => {}
            }
        }
        let tokens = read(&answer, self.binding(key), now)?;
        let rules = IdTokenRules {
            access_token: Some(tokens.access_token.expose()),
            acr: &self.config.required_acr,
            ..IdTokenRules::default()
        };
        let claims = self.verified(&known, &tokens, &rules, now).await?;
        let when = (now, self.rng.as_ref());
        let identity = self.identity(&known, claims, tokens, key, when).await?;
        Ok(DeviceOutcome::Granted(Box::new(identity)))
    }
}
