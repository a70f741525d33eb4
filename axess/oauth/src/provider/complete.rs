use super::{OidcProvider, id_token::IdTokenRules, identity};
use crate::{caller, dpop::DpopKey, fapi::SenderConstraint, metadata::Known, pending::PendingLogin};
use axess_factors::federated::{
    CallbackResponse, FederatedIdentity, FederatedTokens, FederationContext, FederationError,
    PendingFederation,
};
use axess_jose::Claims;
use axess_rng::SecureRng;
use chrono::{DateTime, TimeDelta, Utc};

impl OidcProvider {
    /// Completes a login.
    ///
    /// 1. The answer must be to this login: parameters, state, issuer.
    /// 2. The code becomes tokens, which must be bound as configured.
    /// 3. The ID token is verified, and held against the request, the code and the access token.
    /// 4. The userinfo endpoint adds what it says of the same user.
    ///
    /// # Errors
    ///
    /// Any [`FederationError`].
    pub async fn complete_login(
        &self,
        pending: &PendingFederation,
        response: &CallbackResponse,
        context: FederationContext<'_>,
    ) -> Result<FederatedIdentity, FederationError> {
        let login = PendingLogin::open(pending, &self.config.issuer, &context)?;
        let known = self.known().await?;
        let code = self.code(&known, &login, response).await?;
        let own_key = login.dpop_key()?;
        let key = match self.config.sender_constraint {
            Some(SenderConstraint::DPoP) => self.key_or_instance(own_key.as_ref())?,
            _ => None,
        };
        let mut form = caller::form([
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &self.config.redirect_uri),
            ("code_verifier", &login.verifier),
        ]);
        form.extend(self.config.resources.iter().map(|one| ("resource".to_owned(), one.clone())));
        let mut tokens = self.request_tokens(&known, &form, key, context.now, context.rng).await?;
        tokens.binding_key = own_key.as_ref().map(DpopKey::to_secret).transpose()?;
        let authenticated_since =
            login.max_age.map(|age| login.begun_at - TimeDelta::seconds(i64::from(age)));
        let rules = IdTokenRules {
            nonce: Some(&login.nonce),
            code: Some(&code),
            access_token: Some(tokens.access_token.expose()),
            authenticated_since,
            acr: &login.acr,
            subject: None,
        };
        let claims = self.verified(&known, &tokens, &rules).await?;
        self.identity(&known, claims, tokens, key, (context.now, context.rng)).await
    }

    /// Verifies the ID token that came with an access token, and must have.
    pub(super) async fn verified(
        &self,
        known: &Known,
        tokens: &FederatedTokens,
        rules: &IdTokenRules<'_>,
    ) -> Result<Claims, FederationError> {
        let token = tokens.id_token.as_ref();
        let token = token.ok_or(FederationError::Malformed { what: "there is no ID token" })?;
        self.id_token(known, token.expose(), rules).await
    }

    /// Adds what the userinfo endpoint says, and puts the identity together.
    pub(super) async fn identity(
        &self,
        known: &Known,
        claims: Claims,
        tokens: FederatedTokens,
        key: Option<&DpopKey>,
        when: (DateTime<Utc>, &dyn SecureRng),
    ) -> Result<FederatedIdentity, FederationError> {
        let (subject, named) = (claims.subject().unwrap_or_default().to_owned(), self.subject(&claims));
        let userinfo = self.said_of_user(known, tokens.access_token.expose(), key, &subject, when).await?;
        let members = identity::merged(claims.into_map(), userinfo.unwrap_or_default());
        let mut identity = identity::from_claims(&self.config.issuer, members, &self.config.groups_claim)?;
        identity.subject = named;
        identity.tokens = Some(tokens);
        Ok(self.without_foreign_addresses(identity))
    }
}
