use super::{OAuth2User, mapping::Mapping};
use crate::{
    client_auth::{ClientAssertionAudience, ClientAuth},
    config::{DEFAULT_CEREMONY_TIMEOUT, OAuthConfigError, is_redirect_uri, is_scope, is_text},
    http::{HttpClient, checked_url},
};
use axess_factors::federated::ProviderNetwork;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// The most addresses that are asked about a user.
const MAX_USER_ENDPOINTS: usize = 4;

/// The configuration of a provider of plain OAuth 2.0.
///
/// ```
/// use axess_oauth::{OAuth2Config, OAuth2User};
/// let config = OAuth2Config::new("https://git.example.com", "id", "secret", "https://app.example.com/auth/callback/git")
///     .with_endpoints(
///         "https://git.example.com/authorize",
///         "https://git.example.com/token",
///         ["https://git.example.com/api/user"],
///     )
///     .with_scopes(["read_user"])
///     .with_mapping(|documents| {
///         let id = documents.first()?.get("id")?.as_u64()?;
///         Some(OAuth2User::new(id.to_string()))
///     });
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone)]
pub struct OAuth2Config {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) auth: ClientAuth,
    pub(super) assertion_audience: ClientAssertionAudience,
    pub(super) redirect_uri: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) user_endpoints: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) ceremony_timeout: Duration,
    pub(super) mapping: Mapping,
    pub(super) network: ProviderNetwork,
}

impl OAuth2Config {
    /// Begins with the address that stands for the provider in stored identities, and who we are there.
    ///
    /// A text for `auth` is a client secret, sent as `client_secret_basic`.
    #[must_use]
    pub fn new(
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        auth: impl Into<ClientAuth>,
        redirect_uri: impl Into<String>,
    ) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            auth: auth.into(),
            assertion_audience: ClientAssertionAudience::default(),
            redirect_uri: redirect_uri.into(),
            authorization_endpoint: String::new(),
            token_endpoint: String::new(),
            user_endpoints: Vec::new(),
            scopes: Vec::new(),
            ceremony_timeout: DEFAULT_CEREMONY_TIMEOUT,
            mapping: Arc::new(|_| None),
            network: ProviderNetwork::Any,
        }
    }

    /// Sets where the browser goes, where codes become tokens, and what is asked about the user.
    ///
    /// The mapping gets the answers in the same order.
    #[must_use]
    pub fn with_endpoints<S: Into<String>>(
        mut self,
        authorization: impl Into<String>,
        token: impl Into<String>,
        user: impl IntoIterator<Item = S>,
    ) -> Self {
        self.authorization_endpoint = authorization.into();
        self.token_endpoint = token.into();
        self.user_endpoints = user.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the scopes.
    ///
    /// Default: none.
    #[must_use]
    pub fn with_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Says how to find the user in what the provider answers.
    ///
    /// Without it nobody is found.
    #[must_use]
    pub fn with_mapping(
        mut self,
        mapping: impl Fn(&[Value]) -> Option<OAuth2User> + Send + Sync + 'static,
    ) -> Self {
        self.mapping = Arc::new(mapping);
        self
    }

    /// Sets for whom the assertion of `private_key_jwt` is.
    ///
    /// Default: the address that stands for the provider.
    #[must_use]
    pub fn with_client_assertion_audience(mut self, audience: ClientAssertionAudience) -> Self {
        self.assertion_audience = audience;
        self
    }

    /// Sets how long a login may take.
    ///
    /// Default: 15 minutes.
    #[must_use]
    pub fn with_ceremony_timeout(mut self, timeout: Duration) -> Self {
        self.ceremony_timeout = timeout;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// [`OAuthConfigError`] with every fault.
    pub fn check(&self) -> Result<(), OAuthConfigError> {
        let is_url = |url: &String| checked_url(url).is_some();
        let is_timeout = (60..=3600).contains(&self.ceremony_timeout.as_secs());
        let rules = [
            (is_url(&self.issuer), "issuer: write an https URL that stands for the provider"),
            (is_text(&self.client_id), "client_id: write the id that the provider gave this application"),
            (
                is_redirect_uri(&self.redirect_uri),
                "redirect_uri: write an https URL without fragment (http on loopback), as registered at the provider",
            ),
            (is_url(&self.authorization_endpoint), "authorization_endpoint: write an https URL"),
            (is_url(&self.token_endpoint), "token_endpoint: write an https URL"),
            (
                (1..=MAX_USER_ENDPOINTS).contains(&self.user_endpoints.len())
                    && self.user_endpoints.iter().all(is_url),
                "user_endpoints: write one to four https URLs",
            ),
            (
                self.scopes.iter().all(|scope| is_scope(scope)),
                "scopes: write each scope by itself, without spaces or quotes",
            ),
            (
                !self.scopes.iter().any(|scope| scope == "openid"),
                "scopes: a provider that knows `openid` is for OidcProvider, which is stronger",
            ),
            (is_timeout, "ceremony_timeout: write one minute to an hour (the default is 15 minutes)"),
        ];
        let faults = rules.into_iter().filter(|(holds, _)| !holds).map(|(_, text)| text.to_owned());
        OAuthConfigError::unless_empty(faults.collect())
    }

    /// Checks the configuration together with the client it is to be used with.
    pub(super) fn check_with(&self, http: &HttpClient) -> Result<(), OAuthConfigError> {
        self.check()?;
        let is_shown = !self.auth.shows_certificate() || http.certificate_thumbprint().is_some();
        let is_kept = self.network == ProviderNetwork::Any || http.network() == ProviderNetwork::Public;
        let rules = [
            (is_shown, "client_certificate: set HttpSettings::client_certificate, which mTLS needs"),
            (
                is_kept,
                "network: set HttpSettings::network to Public, which a provider of a tenant's own needs",
            ),
        ];
        let faults = rules.into_iter().filter(|(holds, _)| !holds).map(|(_, text)| text.to_owned());
        OAuthConfigError::unless_empty(faults.collect())
    }
}

impl std::fmt::Debug for OAuth2Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth2Config")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_at_once() {
        let empty = OAuth2Config::new("", "", ClientAuth::None, "").with_scopes(["openid", "a b"]);
        let error = empty.with_ceremony_timeout(Duration::ZERO).check().unwrap_err();
        assert_eq!(error.faults().len(), 9, "{error}");
        assert!(OAuth2Config::github("id", "secret", "https://a.example/cb").check().is_ok());
    }
}
