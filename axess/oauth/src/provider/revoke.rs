use super::OidcProvider;
use crate::{
    caller::{self, refusal},
    metadata::Endpoint,
};
use axess_factors::federated::FederationError;
use axess_identity::TokenSecret;

const REVOCATION_ENDPOINT: &str = "its revocation endpoint";

/// What kind of token one is, so that the provider finds it faster (RFC 7009 §2.1).
///
/// ```
/// assert_eq!(axess_oauth::TokenTypeHint::RefreshToken.as_str(), "refresh_token");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenTypeHint {
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
}

impl TokenTypeHint {
    /// Returns the name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

impl OidcProvider {
    /// Revokes a token (RFC 7009).
    ///
    /// The provider answers the same whether it knew the token or not.
    /// At a logout revoke the refresh token: without it the access token ends by itself, and the other way round it does not.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the provider has no such endpoint; any other [`FederationError`].
    pub async fn revoke_token(
        &self,
        token: &TokenSecret,
        hint: Option<TokenTypeHint>,
    ) -> Result<(), FederationError> {
        let known = self.known().await?;
        let url = self.endpoint(&known, Endpoint::Revocation, "revocation endpoint")?;
        let mut form = caller::form([("token", token.expose())]);
        form.extend(hint.map(|hint| ("token_type_hint".to_owned(), hint.as_str().to_owned())));
        let caller = self.caller(&known, self.clock.now(), self.rng.as_ref());
        let answer = caller.post(REVOCATION_ENDPOINT, url, &form, None).await?;
        refusal(REVOCATION_ENDPOINT, &answer).map_or(Ok(()), Err)
    }
}
