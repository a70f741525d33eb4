use super::{OidcProvider, id_token::IdTokenRules, identity};
use crate::{caller, dpop::DpopKey, fapi::SenderConstraint, metadata::Known, pending::PendingLogin};
use axess_factors::federated::{
    CallbackResponse, FederatedIdentity, FederatedTokens, FederationContext, FederationError,
    PendingFederation,
};
use axess_jose::Claims;
use axess_rng::SecureRng;
use chrono::{DateTime, TimeDelta, Utc};

/// A finished login: whom the provider says it is, and the key its tokens are bound to.
///
/// ```
/// fn keep(login: axess_oauth::OidcLogin) -> String {
///     // A session that is to use the tokens later keeps the key with them.
///     let _key = login.dpop_key;
///     login.identity.subject
/// }
/// # let _ = keep;
/// ```
#[derive(Debug)]
pub struct OidcLogin {
    /// Whom the provider says it is, with its tokens.
    pub identity: FederatedIdentity,
    /// The key of this login, where it has one of its own ([`crate::DpopKeyScope::Session`]).
    pub dpop_key: Option<DpopKey>,
}

impl OidcProvider {
    /// Completes a login, and also returns the key its tokens are bound to.
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
    ) -> Result<OidcLogin, FederationError> {
        let login = PendingLogin::open(pending, &self.config.issuer, &context)?;
        let known = self.known().await?;
        let code = self.code(&known, &login, response, context.now).await?;
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
        let tokens = self.request_tokens(&known, &form, key, context.now, context.rng).await?;
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
        let claims = self.verified(&known, &tokens, &rules, context.now).await?;
        let identity = self.identity(&known, claims, tokens, key, (context.now, context.rng)).await?;
        Ok(OidcLogin { identity, dpop_key: own_key })
    }

    /// Verifies the ID token that came with an access token, and must have.
    pub(super) async fn verified(
        &self,
        known: &Known,
        tokens: &FederatedTokens,
        rules: &IdTokenRules<'_>,
        now: DateTime<Utc>,
    ) -> Result<Claims, FederationError> {
        let token = tokens.id_token.as_ref();
        let token = token.ok_or(FederationError::Malformed { what: "there is no ID token" })?;
        self.id_token(known, token.expose(), rules, now).await
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
        let subject = claims.subject().unwrap_or_default().to_owned();
        let userinfo = self.userinfo(known, tokens.access_token.expose(), key, &subject, when).await?;
        let mut members = claims.into_map();
        for (name, value) in userinfo.unwrap_or_default() {
            // What was signed for this login wins.
            members.entry(name).or_insert(value);
        }
        let mut identity = identity::from_claims(&self.config.issuer, members, &self.config.groups_claim)?;
        identity.tokens = Some(tokens);
        Ok(identity)
    }
}
