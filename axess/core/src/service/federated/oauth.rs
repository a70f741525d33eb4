use super::FederatedCompletion;
use crate::{
    authn::AuthnError,
    service::AuthnService,
    session::SessionHandle,
    store::{FactorStore, IdentityAdmin, IdentityLookup},
};
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederationError, FederationOptions, Redirection,
};

/// What an OAuth 2.0 login may ask for.
///
/// ```
/// use axess_core::service::OAuthLoginOptions;
/// assert_eq!(OAuthLoginOptions::default().tenant, "default");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthLoginOptions {
    /// The tenant's short name.
    pub tenant: String,
    /// The rest.
    pub federation: FederationOptions,
}

impl Default for OAuthLoginOptions {
    /// Asks for nothing, in the tenant `default`.
    fn default() -> Self {
        Self { tenant: "default".to_owned(), federation: FederationOptions::default() }
    }
}

impl<I: IdentityLookup, F> AuthnService<I, F> {
    /// Begins a login at an OAuth 2.0 or OpenID Connect provider, and returns the URL the browser goes to.
    ///
    /// It is [`begin_federated_login`](AuthnService::begin_federated_login) for a provider that only redirects.
    ///
    /// # Errors
    ///
    /// As there; [`AuthnError::Federation`] when the provider wants a form posted.
    pub async fn begin_oauth_login(
        &self,
        session: &SessionHandle,
        provider_name: &str,
        options: OAuthLoginOptions,
    ) -> Result<String, AuthnError> {
        let OAuthLoginOptions { tenant, federation } = options;
        match self.begin_federated_login(session, &tenant, provider_name, federation).await? {
            Redirection::Get(url) => Ok(url),
            Redirection::Post { .. } => Err(AuthnError::Federation(FederationError::Configuration {
                what: "the provider wants a form posted".into(),
            })),
        }
    }
}

impl<I: IdentityAdmin, F: FactorStore> AuthnService<I, F> {
    /// Takes `code` and `state` from the callback of an OAuth 2.0 or OpenID Connect provider.
    ///
    /// It is [`complete_federated_login`](AuthnService::complete_federated_login) for a callback of these two in the address,
    /// and of `iss` (RFC 9207) where the provider names itself: that is read from the session's
    /// [`RequestContext`](crate::session::RequestContext), so call it in the request of the callback. A callback that may be an error,
    /// a posted form or a signed response needs the other verb, with everything that came back.
    ///
    /// A login that was refused is no error but `Ok`, with an outcome that says so:
    ///
    /// ```
    /// # use axess_core::{authn::AuthnError, service::*, session::SessionHandle, store::{FactorStore, IdentityAdmin}};
    /// async fn callback<I: IdentityAdmin, F: FactorStore>(
    ///     service: &AuthnService<I, F>,
    ///     session: &SessionHandle,
    ///     (code, state): (&str, &str),
    /// ) -> Result<&'static str, AuthnError> {
    ///     let done = service.finish_oauth_login(session, "github", code, state).await?;
    ///     Ok(match done.outcome {
    ///         FederatedOutcome::Authenticated => "/",
    ///         FederatedOutcome::FactorRequired(_) => "/login/second",
    ///         _ => "/login?refused",
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn finish_oauth_login(
        &self,
        session: &SessionHandle,
        provider_name: &str,
        code: &str,
        state: &str,
    ) -> Result<FederatedCompletion, AuthnError> {
        let issuer = session.context().issuer_parameter.as_deref().map(|issuer| ("iss", issuer));
        let parameters = [("code", code), ("state", state)].into_iter().chain(issuer);
        let response = CallbackResponse::new(CallbackMethod::Get, parameters);
        self.complete_with(session, provider_name, response).await
    }
}
