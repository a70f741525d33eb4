use super::{OidcProvider, begin::with_query};
use axess_factors::federated::{FederationError, LogoutHint};

impl OidcProvider {
    /// Says where the browser goes to be logged out at the provider, if the provider has such an address.
    ///
    /// See OpenID Connect RP-Initiated Logout 1.0.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the way back is not on the list of the configuration;
    /// [`FederationError::Unavailable`].
    pub async fn build_end_session_url(&self, hint: &LogoutHint) -> Result<Option<String>, FederationError> {
        // Compared as text: two spellings of an address may lead to two places.
        let allowed = &self.config.post_logout_redirect_uris;
        let back = hint.post_logout_redirect_uri.as_ref();
        if back.is_some_and(|uri| !allowed.contains(uri)) {
            return Err(FederationError::Configuration {
                what: "post_logout_redirect_uri is not on the list of those allowed".to_owned(),
            });
        }
        let known = self.known().await?;
        let Some(endpoint) = &known.metadata.end_session_endpoint else { return Ok(None) };
        let id_token = hint.id_token.as_ref().and_then(|token| self.hint(token.expose()));
        let parameters = [
            ("client_id", Some(self.config.client_id.clone())),
            ("id_token_hint", id_token),
            ("post_logout_redirect_uri", back.cloned()),
            ("state", hint.state.clone().filter(|_| back.is_some())),
        ];
        let given: Vec<(String, String)> =
            parameters.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        with_query(endpoint, &given).map(Some)
    }

    /// Takes an ID token out of its envelope, because the provider cannot (OpenID Connect Core 1.0 §3.1.2.1). Without one it asks
    /// the user, which is better than no logout at all when the key has gone meanwhile.
    fn hint(&self, token: &str) -> Option<String> {
        match self.opened(token) {
            Ok(signed) => Some(signed.unwrap_or_else(|| token.to_owned())),
            Err(error) => {
                tracing::warn!(%error, "an encrypted ID token is of no use as a hint any more");
                None
            }
        }
    }
}
