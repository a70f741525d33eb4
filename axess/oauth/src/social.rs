//! Logins where there is only OAuth 2.0: kept apart, because nobody signs a statement about them.

mod config;
mod github;
mod login;
mod mapping;
mod stored;

pub use config::OAuth2Config;
pub use mapping::OAuth2User;

use crate::{config::OAuthConfigError, dpop::Nonces, http::HttpClient};
use axess_factors::federated::{
    BegunFederation, BoxFuture, CallbackResponse, FederatedIdentity, FederationContext, FederationError,
    FederationOptions, FederationProtocol, FederationProvider, LogoutHint, LogoutNotice, PendingFederation,
    Redirection,
};

/// A provider of plain OAuth 2.0, such as GitHub: its answer to an access token says who somebody is.
///
/// Weaker than [`crate::OidcProvider`]: no ID token says for whom the login was, when and how the user authenticated, or that
/// it is fresh. Identities have [`Assurance::OAuth2Only`](axess_factors::federated::Assurance::OAuth2Only). State, PKCE and
/// the redirect URI bind the login all the same.
///
/// It cannot step a session up: a login that asks for a fresh authentication, for `max_age` or for an `acr` is refused where it
/// begins, with [`FederationError::WeakerThanConfigured`].
///
/// ```
/// use axess_oauth::{HttpClient, HttpSettings, OAuth2Config, OAuth2Provider};
/// let config = OAuth2Config::github("our-id", "our-secret", "https://app.example.com/auth/callback/github");
/// let provider = OAuth2Provider::new(config, HttpClient::new(&HttpSettings::default())?)?;
/// # let _ = provider;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OAuth2Provider {
    config: OAuth2Config,
    http: HttpClient,
    nonces: Nonces,
}

impl OAuth2Provider {
    /// Makes a provider of a configuration.
    ///
    /// # Errors
    ///
    /// [`OAuthConfigError`] with every fault of the configuration, also together with the client.
    pub fn new(config: OAuth2Config, http: HttpClient) -> Result<Self, OAuthConfigError> {
        config.check_with(&http)?;
        Ok(Self { config, http, nonces: Nonces::default() })
    }
}

impl FederationProvider for OAuth2Provider {
    fn protocol(&self) -> FederationProtocol {
        FederationProtocol::OAuth2
    }

    fn issuer(&self) -> &str {
        &self.config.issuer
    }

    fn begin<'a>(
        &'a self,
        options: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunFederation, FederationError>> {
        Box::pin(async move { self.begin_login(options, context) })
    }

    fn complete<'a>(
        &'a self,
        pending: &'a PendingFederation,
        response: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<FederatedIdentity, FederationError>> {
        Box::pin(self.complete_login(pending, response, context))
    }

    fn verify_logout<'a>(
        &'a self,
        _: &'a CallbackResponse,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<LogoutNotice, FederationError>> {
        let refused = FederationError::Configuration { what: "plain OAuth has no logouts".to_owned() };
        Box::pin(async move { Err(refused) })
    }

    fn begin_logout<'a>(
        &'a self,
        _: &'a LogoutHint,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<Option<Redirection>, FederationError>> {
        Box::pin(async { Ok(None) })
    }
}

impl std::fmt::Debug for OAuth2Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth2Provider").field("config", &self.config).finish_non_exhaustive()
    }
}
