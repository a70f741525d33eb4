use super::{OidcProvider, id_token::IdTokenRules};
use crate::{caller, dpop::DpopKey};
use axess_factors::federated::{FederatedTokens, FederationError};
use axess_identity::TokenSecret;

impl OidcProvider {
    /// Gets the next tokens for a refresh token (RFC 6749 §6).
    ///
    /// A new ID token must be about the same `subject` (OpenID Connect Core 1.0 §12.2). Where the answer has no refresh token,
    /// the old one stays good; where it has one, the old one is spent: keep the new one before anything else.
    ///
    /// `key` is the key of the login, where tokens are bound to one.
    ///
    /// # Errors
    ///
    /// [`FederationError::Denied`] with `invalid_grant` when the refresh token is spent, revoked or over;
    /// [`FederationError::WeakerThanConfigured`] when the new token is bound to nothing; any other [`FederationError`].
    pub async fn refresh(
        &self,
        refresh_token: &TokenSecret,
        subject: &str,
        key: Option<&DpopKey>,
    ) -> Result<FederatedTokens, FederationError> {
        let known = self.known().await?;
        let key = self.key_or_instance(key)?;
        let form = caller::form([("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())]);
        let now = self.clock.now();
        let mut tokens = self.request_tokens(&known, &form, key, now, self.rng.as_ref()).await?;
        if let Some(token) = &tokens.id_token {
            let rules = IdTokenRules {
                access_token: Some(tokens.access_token.expose()),
                subject: Some(subject),
                ..IdTokenRules::default()
            };
            self.id_token(&known, token.expose(), &rules, now).await?;
        }
        if tokens.refresh_token.is_none() {
            tokens.refresh_token = Some(refresh_token.clone());
        }
        Ok(tokens)
    }
}
