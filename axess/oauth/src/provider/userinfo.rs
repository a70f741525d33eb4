use super::OidcProvider;
use crate::{
    caller::resource_refusal,
    dpop::DpopKey,
    fault,
    http::MAX_ANSWER_BYTES,
    metadata::{Endpoint, Known},
};
use axess_factors::federated::{FederatedTokens, FederationError};
use axess_jose::{Expectations, Limits, TypRule, json, verify_with};
use axess_rng::SecureRng;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

const USERINFO_ENDPOINT: &str = "its userinfo endpoint";
/// What the connection lets through is read: nobody carries it in a header, and some people are in very many groups.
const LIMITS: Limits = Limits { max_bytes: MAX_ANSWER_BYTES, max_depth: 16 };

impl OidcProvider {
    /// Asks what the provider says of a user now, with the tokens of their login or of a refresh (OpenID Connect Core 1.0 §5.3).
    ///
    /// A login has asked already; this is for what changes, such as groups. `subject` is that of the identity: an answer about
    /// anybody else is refused (§5.3.2). `None` where the provider has no such endpoint, or is set up not to be asked.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the access token is no good there, often for want of a scope, or the key it is
    /// bound to is missing; [`FederationError::Malformed`] when the answer is none or about somebody else; any other
    /// [`FederationError`].
    pub async fn userinfo(
        &self,
        tokens: &FederatedTokens,
        subject: &str,
    ) -> Result<Option<Map<String, Value>>, FederationError> {
        let known = self.known().await?;
        let own_key = tokens.binding_key.as_ref().map(DpopKey::from_secret).transpose()?;
        let key = self.key_or_instance(own_key.as_ref())?;
        let when = (self.clock.now(), &*self.rng);
        // The tenant before the name there is in ID tokens alone.
        let subject = match self.config.issuer_template() {
            Some(_) => subject.split_once('/').map_or(subject, |(_, subject)| subject),
            None => subject,
        };
        self.said_of_user(&known, tokens.access_token.expose(), key, subject, when).await
    }

    /// Asks what else the provider says of the user; nothing where it is not to be asked.
    ///
    /// The answer counts only when it is about the same user as the ID token. It may be signed, encrypted, or both.
    pub(super) async fn said_of_user(
        &self,
        known: &Known,
        access_token: &str,
        key: Option<&DpopKey>,
        subject: &str,
        (now, rng): (DateTime<Utc>, &dyn SecureRng),
    ) -> Result<Option<Map<String, Value>>, FederationError> {
        let url = known.metadata.endpoint(Endpoint::Userinfo, self.config.shows_certificate());
        let Some(url) = url.filter(|_| self.config.uses_userinfo) else { return Ok(None) };
        let answer = self.prover(now, rng).get(USERINFO_ENDPOINT, url, access_token, key).await?;
        if let Some(error) = resource_refusal(USERINFO_ENDPOINT, &answer) {
            return Err(error);
        }
        let nonsense = || FederationError::Malformed { what: "the userinfo cannot be read" };
        let claims = match answer.media_type().as_str() {
            "application/json" => json::object(&answer.body, LIMITS).map_err(|_| nonsense())?,
            "application/jwt" => {
                let token = std::str::from_utf8(&answer.body).map_err(|_| nonsense())?.trim();
                let opened = self.opened_within(token, LIMITS)?;
                // What is encrypted and not signed is as good as plain JSON: it came from the same place.
                if let Some(plain) = opened.as_deref().filter(|text| text.starts_with('{')) {
                    return about(json::object(plain.as_bytes(), LIMITS).map_err(|_| nonsense())?, subject);
                }
                let token = opened.as_deref().unwrap_or(token);
                let config = &self.config;
                let expected = Expectations {
                    typ: TypRule::Any,
                    ahead: TimeDelta::from_std(config.clock_skew).unwrap_or_default(),
                    required: vec!["iss", "aud", "sub"],
                    limits: LIMITS,
                    ..self.expectations()
                };
                let claims =
                    verify_with(token, &known.keys, &expected, &self.clock).await.map_err(fault::jose)?;
                self.check_issuer(&claims)?;
                claims.into_map()
            }
            _ => return Err(nonsense()),
        };
        about(claims, subject)
    }
}

/// Takes what is about the same user as the ID token, and nothing else.
fn about(claims: Map<String, Value>, subject: &str) -> Result<Option<Map<String, Value>>, FederationError> {
    if claims.get("sub").and_then(Value::as_str) != Some(subject) {
        return Err(FederationError::Malformed { what: "the userinfo is about somebody else" });
    }
    Ok(Some(claims))
}
