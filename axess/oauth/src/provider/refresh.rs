use super::{OidcProvider, id_token::IdTokenRules, identity::moment};
use crate::{caller, dpop::DpopKey, fault};
use axess_factors::federated::{FederatedTokens, FederationError};
use axess_identity::TokenSecret;
use axess_jose::{Claims, Jws, Limits};
use serde_json::{Map, Value};

impl OidcProvider {
    /// Gets the next tokens for those of a login (RFC 6749 §6), all of which the next call is given.
    ///
    /// A new ID token must be about the same `subject`, issued to the same party, have the nonce of the one before or none, and the
    /// same `auth_time` where both have one (OpenID Connect Core 1.0 §12.2); without the one before, no nonce. Where the answer has no refresh token, ID token or
    /// scope, those before stay; where it has a refresh token, the old one is spent: keep the new one before anything else.
    ///
    /// # Errors
    ///
    /// [`FederationError::GrantRefused`] when the refresh token is spent, revoked or over;
    /// [`FederationError::Configuration`] when there is none, or the key that tokens are bound to is missing;
    /// [`FederationError::WeakerThanConfigured`] when the new token is bound to nothing; any other [`FederationError`].
    pub async fn refresh(
        &self,
        before: &FederatedTokens,
        subject: &str,
    ) -> Result<FederatedTokens, FederationError> {
        let missing = || FederationError::Configuration { what: "there is no refresh token".to_owned() };
        let refresh_token = before.refresh_token.as_ref().ok_or_else(missing)?;
        // Before anything is spent: what cannot be read now, cannot be read then.
        let said = self.said(before.id_token.as_ref())?;
        let known = self.known().await?;
        let own_key = before.binding_key.as_ref().map(DpopKey::from_secret).transpose()?;
        let key = self.key_or_instance(own_key.as_ref())?;
        let form = caller::form([("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())]);
        let now = self.clock.now();
        let mut tokens = self.request_tokens(&known, &form, key, now, self.rng.as_ref()).await?;
        if let Some(token) = &tokens.id_token {
            let rules = IdTokenRules {
                access_token: Some(tokens.access_token.expose()),
                subject: Some(subject),
                ..IdTokenRules::default()
            };
            let claims = self.id_token(&known, token.expose(), &rules).await?;
            check_continuity(&claims, said.as_ref())?;
        }
        tokens.refresh_token = tokens.refresh_token.or_else(|| Some(refresh_token.clone()));
        tokens.id_token = tokens.id_token.or_else(|| before.id_token.clone());
        tokens.scope = tokens.scope.or_else(|| before.scope.clone());
        tokens.binding_key = before.binding_key.clone();
        Ok(tokens)
    }

    /// Reads the ID token of before, which was verified when it came.
    fn said(&self, token: Option<&TokenSecret>) -> Result<Option<Map<String, Value>>, FederationError> {
        let Some(token) = token else { return Ok(None) };
        let opened = self.opened(token.expose())?;
        let signed = opened.as_deref().unwrap_or(token.expose());
        let claims = Jws::parse(signed, Limits::default()).and_then(|jws| jws.unverified_claims());
        claims.map(Some).map_err(fault::jose)
    }
}

/// Holds a new ID token against the one before.
fn check_continuity(claims: &Claims, before: Option<&Map<String, Value>>) -> Result<(), FederationError> {
    let was = |name: &str| before.and_then(|before| before.get(name));
    if claims.get("nonce").is_some() && claims.get("nonce") != was("nonce") {
        return Err(FederationError::NonceMismatch);
    }
    let is_same = |name: &str| claims.get(name) == was(name);
    if before.is_none() {
        return Ok(());
    }
    if !is_same("iss") {
        return Err(FederationError::IssuerMismatch);
    }
    if !is_same("azp") {
        return Err(FederationError::AudienceMismatch);
    }
    if !is_same("sub") {
        return Err(FederationError::Malformed { what: "the new ID token is about somebody else" });
    }
    // When the user authenticated, not when the tokens were refreshed.
    if let (Some(now), Some(then)) = (moment(claims.get("auth_time")), moment(was("auth_time")))
        && now != then
    {
        return Err(FederationError::Malformed { what: "the new ID token is of another authentication" });
    }
    Ok(())
}
