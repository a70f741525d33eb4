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
use axess_rng::SecureRng;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

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
    pub(super) device_code: TokenSecret,
    pub(super) interval_secs: u32,
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
        let are_uris = uris.into_iter().all(|uri| uri.len() <= MAX_URI_BYTES && checked_url(uri).is_some());
        let is_code = (1..=MAX_DEVICE_CODE_BYTES).contains(&begun.device_code.len());
        if !are_uris || !is_code || !is_shown(&begun.user_code) || begun.expires_in <= 0 {
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
        let when = (now, self.rng.as_ref());
        let asked = self.ask_device(&login.device_code, &self.config.required_acr, key, when).await;
        if matches!(asked, Err(FederationError::Unavailable { .. })) {
            login.interval_secs = login.interval_secs.saturating_mul(2).min(MAX_INTERVAL_SECS);
        }
        if matches!(asked, Ok(Asked::TooSoon)) {
            login.interval_secs = slowed_down(login.interval_secs);
        }
        login.next_poll_at = now + TimeDelta::seconds(login.interval_secs.into());
        Ok(match asked? {
            Asked::Pending | Asked::TooSoon => DeviceOutcome::Pending,
            Asked::Denied => DeviceOutcome::Denied,
            Asked::Expired => DeviceOutcome::Expired,
            Asked::Granted(identity) => DeviceOutcome::Granted(identity),
        })
    }

    /// Asks once.
    pub(super) async fn ask_device(
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
        let answer = self.caller(now, rng).post(TOKEN_ENDPOINT, url, &form, key).await?;
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
        let claims = self.verified(&known, &tokens, &rules, now).await?;
        let identity = self.identity(&known, claims, tokens, key, (now, rng)).await?;
        Ok(Asked::Granted(Box::new(identity)))
    }
}

/// What a token endpoint says of a device's code.
pub(super) enum Asked {
    Pending,
    /// The provider was asked too often.
    TooSoon,
    Denied,
    Expired,
    Granted(Box<FederatedIdentity>),
}

/// Returns how long to wait after having asked too often (RFC 8628 §3.5).
pub(super) fn slowed_down(interval_secs: u32) -> u32 {
    interval_secs.saturating_add(SLOW_DOWN_SECS).min(MAX_INTERVAL_SECS)
}

/// Tells whether a code can be shown as it is and typed: visible ASCII, maybe with spaces.
fn is_shown(code: &str) -> bool {
    (1..=MAX_USER_CODE_CHARS).contains(&code.len()) && code.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
