//! What an application writes down about one provider.

mod check;
mod error;
mod stored;

pub(crate) use check::{is_redirect_uri, is_scope, is_text};
pub use error::OAuthConfigError;
pub(crate) use stored::auth;

use crate::{
    client_auth::{ClientAssertionAudience, ClientAuth},
    fapi::{DpopKeyScope, FapiConfig, SenderConstraint},
    metadata::issuer_of,
};
use axess_factors::federated::ProviderNetwork;
use axess_jose::{Algorithm, SigningKey, jwe::DecryptionKey};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// How long a login may take by default.
pub const DEFAULT_CEREMONY_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// How far ahead of ours a provider's clock may be by default.
pub const DEFAULT_CLOCK_SKEW: Duration = Duration::from_secs(10);
/// How old an ID token may be by default when it arrives.
pub const DEFAULT_MAX_ID_TOKEN_AGE: Duration = Duration::from_secs(300);
/// The most entries of each list of a configuration.
pub const MAX_CONFIGURED_ENTRIES: usize = 32;
/// What stands for a tenant in the issuer of Entra's metadata.
pub(crate) const TENANT: &str = "{tenantid}";
const ENTRA_VERSION: &str = "/v2.0";
const ENTRA_AUTHORITIES: [&str; 3] = ["common", "organizations", "consumers"];

/// The configuration of an OpenID Connect provider: its issuer, and who we are there.
///
/// Nothing is asked of the provider before it is used: one that is down does not keep an application from starting.
/// [`crate::OidcProvider::new`] reports every fault at once.
///
/// ```
/// use axess_oauth::OAuthProviderConfig;
/// let config = OAuthProviderConfig::discover(
///     "https://login.example.com/.well-known/openid-configuration",
///     "our-client-id",
///     "our-client-secret",
///     "https://app.example.com/auth/callback/example",
/// )
/// .with_scopes(["openid", "profile", "email"]);
/// assert_eq!(config.issuer(), "https://login.example.com");
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone)]
pub struct OAuthProviderConfig {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) auth: ClientAuth,
    pub(crate) assertion_audience: ClientAssertionAudience,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) claims: Option<Value>,
    pub(crate) groups_claim: String,
    pub(crate) required_acr: Vec<String>,
    pub(crate) ceremony_timeout: Duration,
    pub(crate) clock_skew: Duration,
    pub(crate) max_id_token_age: Duration,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    pub(crate) uses_userinfo: bool,
    pub(crate) uses_par: bool,
    pub(crate) uses_jarm: bool,
    pub(crate) decryption_keys: Arc<[DecryptionKey]>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) sender_constraint: Option<SenderConstraint>,
    pub(crate) dpop_key_scope: DpopKeyScope,
    pub(crate) dpop_key: Option<Arc<SigningKey>>,
    pub(crate) fapi: Option<FapiConfig>,
    pub(crate) network: ProviderNetwork,
    pub(crate) entra_tenants: Vec<String>,
}

impl OAuthProviderConfig {
    /// Begins with a provider's issuer, or the address of its discovery document, and who we are there.
    ///
    /// A text for `auth` is a client secret, sent as `client_secret_basic`. The address of a document does not tell whether its
    /// issuer ends in a slash, as Auth0's do: then write the issuer itself, with the slash.
    #[must_use]
    pub fn discover(
        issuer: &str,
        client_id: impl Into<String>,
        auth: impl Into<ClientAuth>,
        redirect_uri: impl Into<String>,
    ) -> Self {
        Self {
            issuer: issuer_of(issuer).to_owned(),
            client_id: client_id.into(),
            auth: auth.into(),
            assertion_audience: ClientAssertionAudience::default(),
            redirect_uri: redirect_uri.into(),
            scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
            resources: Vec::new(),
            claims: None,
            groups_claim: "groups".to_owned(),
            required_acr: Vec::new(),
            ceremony_timeout: DEFAULT_CEREMONY_TIMEOUT,
            clock_skew: DEFAULT_CLOCK_SKEW,
            max_id_token_age: DEFAULT_MAX_ID_TOKEN_AGE,
            post_logout_redirect_uris: Vec::new(),
            uses_userinfo: true,
            uses_par: false,
            uses_jarm: false,
            decryption_keys: Arc::new([]),
            algorithms: Algorithm::ALL.to_vec(),
            sender_constraint: None,
            dpop_key_scope: DpopKeyScope::default(),
            dpop_key: None,
            fapi: None,
            network: ProviderNetwork::Any,
            entra_tenants: Vec::new(),
        }
    }

    /// Sets for whom the assertion of `private_key_jwt` is.
    ///
    /// Default: the issuer; FAPI 2.0 takes no other.
    #[must_use]
    pub fn with_client_assertion_audience(mut self, audience: ClientAssertionAudience) -> Self {
        self.assertion_audience = audience;
        self
    }

    /// Switches the FAPI 2.0 profile on.
    #[must_use]
    pub fn with_fapi(mut self, fapi: FapiConfig) -> Self {
        self.sender_constraint = Some(fapi.sender_constraint);
        self.uses_par = true;
        self.uses_jarm |= fapi.require_jarm;
        self.algorithms.retain(|algorithm| Algorithm::FAPI.contains(algorithm));
        self.fapi = Some(fapi);
        self
    }

    /// Sets the scopes; `openid` must be among them.
    ///
    /// Default: `openid profile email`.
    #[must_use]
    pub fn with_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Asks for tokens that are good at these resources (RFC 8707).
    ///
    /// Such a token may be no good at the userinfo endpoint any more: then see [`OAuthProviderConfig::with_userinfo`].
    #[must_use]
    pub fn with_resources<S: Into<String>>(mut self, resources: impl IntoIterator<Item = S>) -> Self {
        self.resources = resources.into_iter().map(Into::into).collect();
        self
    }

    /// Asks for single claims (OpenID Connect Core 1.0 §5.5).
    #[must_use]
    pub fn with_claims(mut self, claims: Value) -> Self {
        self.claims = Some(claims);
        self
    }

    /// Names the claim that lists a user's groups.
    ///
    /// The first 1,000 are kept; what is dropped is counted in a warning of the log.
    ///
    /// Default: `groups`.
    #[must_use]
    pub fn with_groups_claim(mut self, name: impl Into<String>) -> Self {
        self.groups_claim = name.into();
        self
    }

    /// Demands one of these authentication contexts of every login.
    #[must_use]
    pub fn with_required_acr<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.required_acr = values.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how long a login may take, one minute to an hour.
    ///
    /// Default: 15 minutes.
    #[must_use]
    pub fn with_ceremony_timeout(mut self, timeout: Duration) -> Self {
        self.ceremony_timeout = timeout;
        self
    }

    /// Sets how far ahead of ours the provider's clock may be, at most a minute.
    ///
    /// Default: 10 seconds.
    #[must_use]
    pub fn with_clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = skew;
        self
    }

    /// Sets how long ago an ID token may have been issued (`iat`) when it arrives, one second to an hour.
    ///
    /// Default: five minutes.
    #[must_use]
    pub fn with_max_id_token_age(mut self, age: Duration) -> Self {
        self.max_id_token_age = age;
        self
    }

    /// Lists where a user may be sent after a logout at the provider.
    ///
    /// Default: nowhere.
    #[must_use]
    pub fn with_post_logout_redirect_uris<S: Into<String>>(
        mut self,
        uris: impl IntoIterator<Item = S>,
    ) -> Self {
        self.post_logout_redirect_uris = uris.into_iter().map(Into::into).collect();
        self
    }

    /// Says whether the userinfo endpoint is asked too.
    ///
    /// Default: yes, where the provider has one.
    #[must_use]
    pub fn with_userinfo(mut self, is_asked: bool) -> Self {
        self.uses_userinfo = is_asked;
        self
    }

    /// Pushes the request to the provider first (RFC 9126).
    ///
    /// Default: where the provider demands it.
    #[must_use]
    pub fn with_pushed_requests(mut self) -> Self {
        self.uses_par = true;
        self
    }

    /// Demands that what the browser brings back is signed (JARM).
    ///
    /// Default: no.
    #[must_use]
    pub fn with_signed_responses(mut self) -> Self {
        self.uses_jarm = true;
        self
    }

    /// Demands ID tokens that are encrypted to one of these keys, and opens signed answers, userinfo and logout tokens with them.
    ///
    /// Default: none are encrypted.
    #[must_use]
    pub fn with_decryption_keys(mut self, keys: impl IntoIterator<Item = DecryptionKey>) -> Self {
        self.decryption_keys = keys.into_iter().collect();
        self
    }

    /// Sets the signatures that are taken.
    ///
    /// Default: every one with a key pair; under FAPI, its three.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Demands that access tokens are bound, without the rest of FAPI.
    #[must_use]
    pub fn with_sender_constraint(mut self, constraint: SenderConstraint) -> Self {
        self.sender_constraint = Some(constraint);
        self
    }

    /// Sets how long a DPoP key lives.
    ///
    /// Default: as long as the session.
    #[must_use]
    pub fn with_dpop_key_scope(mut self, scope: DpopKeyScope) -> Self {
        self.dpop_key_scope = scope;
        self
    }

    /// Uses this ES256 key for the proofs of all logins, so that several instances can share it.
    #[must_use]
    pub fn with_dpop_key(mut self, key: SigningKey) -> Self {
        self.dpop_key_scope = DpopKeyScope::Instance;
        self.dpop_key = Some(Arc::new(key));
        self
    }

    /// Takes logins of these tenants of Microsoft Entra, by their ids, at the issuer that serves them all.
    ///
    /// The issuer is then `https://login.microsoftonline.com/organizations/v2.0` (or `common`, `consumers`), whose metadata name
    /// `https://login.microsoftonline.com/{tenantid}/v2.0`. A token must be of a tenant on the list (`tid`) and of that tenant's
    /// issuer. Users are known by `tenant/sub`; with more than one tenant no mail address counts as verified, because any of them
    /// may write down another's. For one tenant alone, its own issuer is simpler: leave this out.
    ///
    /// Default: none, and an issuer with `{tenantid}` in it is refused.
    ///
    /// ```
    /// use axess_oauth::OAuthProviderConfig;
    /// let issuer = "https://login.microsoftonline.com/organizations/v2.0";
    /// let config = OAuthProviderConfig::discover(issuer, "id", "secret", "https://app.example.com/callback")
    ///     .with_entra_tenants(["8eaef023-2b34-4da1-9baa-8bc8c9d6a490"]);
    /// assert!(config.check().is_ok());
    /// ```
    #[must_use]
    pub fn with_entra_tenants<S: Into<String>>(mut self, tenants: impl IntoIterator<Item = S>) -> Self {
        self.entra_tenants = tenants.into_iter().map(Into::into).collect();
        self
    }

    /// Returns what the metadata of an issuer for many tenants must name.
    pub(crate) fn issuer_template(&self) -> Option<String> {
        if self.entra_tenants.is_empty() {
            return None;
        }
        let (before, last) = self.issuer.strip_suffix(ENTRA_VERSION)?.rsplit_once('/')?;
        ENTRA_AUTHORITIES.contains(&last).then(|| format!("{before}/{TENANT}{ENTRA_VERSION}"))
    }

    /// Returns the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns our name at the provider.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Tells whether we show our certificate, to say who we are or to have tokens bound to it.
    pub(crate) fn shows_certificate(&self) -> bool {
        self.auth.shows_certificate() || self.sender_constraint == Some(SenderConstraint::Mtls)
    }
}

impl std::fmt::Debug for OAuthProviderConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuthProviderConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("auth", &self.auth)
            .field("redirect_uri", &self.redirect_uri)
            .field("scopes", &self.scopes)
            .field("fapi", &self.fapi)
            .finish_non_exhaustive()
    }
}
