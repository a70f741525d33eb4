use super::{FederationError, Redirection};
use axess_identity::ProviderName;
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::{fmt, time::Duration};

/// The most bytes a [`PendingFederation`] may have as JSON.
pub const MAX_PENDING_BYTES: usize = 4096;
/// The most entries of each list of [`FederationOptions`].
pub const MAX_FEDERATION_OPTIONS: usize = 32;

/// What a login at a provider was begun with.
///
/// It lives in the session, as safe as the session row, until the browser comes back; one callback uses it up.
///
/// ```
/// use axess_factors::federated::PendingFederation;
/// let pending = PendingFederation {
///     provider: "okta".parse().unwrap(),
///     issuer: "https://acme.okta.example".into(),
///     expires_at: chrono::DateTime::UNIX_EPOCH,
///     private: serde_json::json!({ "nonce": "n-0S6_WzA2Mj" }),
/// };
/// assert!(!format!("{pending:?}").contains("n-0S6_WzA2Mj"));
/// assert!(pending.check().is_ok());
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingFederation {
    /// The provider the login was begun at.
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub provider: ProviderName,
    /// Its issuer at that time.
    pub issuer: String,
    /// Until when the browser may come back.
    pub expires_at: DateTime<Utc>,
    /// The provider's own: state, nonce, PKCE verifier, request id, and the like.
    pub private: Value,
}

/// What a login at a provider may ask for.
///
/// ```
/// use axess_factors::federated::FederationOptions;
/// let options = FederationOptions { force: true, ..FederationOptions::default() };
/// assert!(options.check().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FederationOptions {
    /// Who is probably logging in.
    pub login_hint: Option<String>,
    /// How long ago the user may have authenticated at the provider.
    pub max_age: Option<Duration>,
    /// The authentication contexts that would do, best first.
    pub acr_values: Vec<String>,
    /// Whether the user must authenticate anew (`prompt=login`, `ForceAuthn`).
    pub force: bool,
    /// Scopes besides those the provider is set up with.
    pub scopes: Vec<String>,
    /// The local path to go to afterwards, such as `/reports?year=2026`; never another site.
    pub return_to: Option<String>,
}

/// The circumstances under which a provider works.
///
/// ```
/// use axess_factors::federated::FederationContext;
/// let provider = "okta".parse().unwrap();
/// let rng = axess_rng::MockRng::new(1);
/// let context = FederationContext { provider: &provider, now: chrono::DateTime::UNIX_EPOCH, rng: &rng };
/// assert_eq!(context.provider.as_str(), "okta");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FederationContext<'a> {
    /// What the application calls the provider.
    pub provider: &'a ProviderName,
    /// The current time.
    pub now: DateTime<Utc>,
    /// The source of randomness.
    pub rng: &'a dyn SecureRng,
}

/// A login that was begun at a provider.
///
/// ```
/// use axess_factors::federated::{BegunFederation, PendingFederation, Redirection};
/// # let pending = PendingFederation {
/// #     provider: "okta".parse().unwrap(),
/// #     issuer: "https://acme.okta.example".into(),
/// #     expires_at: chrono::DateTime::UNIX_EPOCH,
/// #     private: serde_json::Value::Null,
/// # };
/// let begun = BegunFederation { redirection: Redirection::Get("https://acme.okta.example/a".into()), pending };
/// assert_eq!(begun.redirection.url(), "https://acme.okta.example/a");
/// ```
#[derive(Debug, Clone)]
pub struct BegunFederation {
    /// Where the browser goes.
    pub redirection: Redirection,
    /// What the session keeps until it comes back.
    pub pending: PendingFederation,
}

/// What stands in for a begun login when an answer comes that nobody asked for.
///
/// ```
/// use axess_factors::federated::UnsolicitedFederation;
/// fn goes_to(taken: &UnsolicitedFederation) -> &str {
///     taken.return_to.as_deref().unwrap_or("/")
/// }
/// # let _ = goes_to;
/// ```
#[derive(Debug, Clone)]
pub struct UnsolicitedFederation {
    /// What [`FederationProvider::complete`](super::FederationProvider::complete) is given.
    pub pending: PendingFederation,
    /// The local path the answer names, which the provider's configuration lists; a path of this site.
    pub return_to: Option<String>,
}

impl PendingFederation {
    /// Checks that it is small enough to be kept in a session.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when it has more than [`MAX_PENDING_BYTES`] as JSON.
    pub fn check(&self) -> Result<(), FederationError> {
        match serde_json::to_vec(self) {
            Ok(json) if json.len() <= MAX_PENDING_BYTES => Ok(()),
            _ => {
                Err(FederationError::Configuration { what: "a pending login is too large to be kept".into() })
            }
        }
    }
}

impl FederationOptions {
    /// Checks the limits, and that the way back is a path of this site.
    ///
    /// Every text has at most 1024 bytes and no control character; every list at most [`MAX_FEDERATION_OPTIONS`] entries.
    /// A path begins with one `/` and holds no second one right after it and no backslash, which browsers take for another
    /// site.
    ///
    /// # Errors
    ///
    /// [`FederationError::Malformed`] names what is wrong with a text or the way back, which may be what a caller asked for;
    /// [`FederationError::Configuration`] when there are too many options.
    pub fn check(&self) -> Result<(), FederationError> {
        let texts = self.acr_values.iter().chain(&self.scopes).chain(&self.login_hint).chain(&self.return_to);
        if texts.into_iter().any(|text| text.len() > MAX_OPTION_BYTES || text.chars().any(char::is_control)) {
            return Err(FederationError::Malformed {
                what: "an option is too long or holds a control character",
            });
        }
        if self.acr_values.len() > MAX_FEDERATION_OPTIONS || self.scopes.len() > MAX_FEDERATION_OPTIONS {
            return Err(FederationError::Configuration { what: "there are too many options".to_owned() });
        }
        if self.return_to.as_deref().is_some_and(|path| !is_local_path(path)) {
            return Err(FederationError::Malformed { what: "the way back must be a path of this site" });
        }
        Ok(())
    }
}

impl fmt::Debug for PendingFederation {
    /// Leaves out what is the provider's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingFederation")
            .field("provider", &self.provider)
            .field("issuer", &self.issuer)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The longest text of an option, in bytes.
const MAX_OPTION_BYTES: usize = 1024;

fn is_local_path(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains('\\')
}

fn write_name<S: Serializer>(name: &ProviderName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_str())
}

fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProviderName, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
