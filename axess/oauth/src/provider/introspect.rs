use super::{OidcProvider, TokenTypeHint};
use crate::{
    caller::{self, refusal},
    fault,
    http::Answer,
    metadata::Endpoint,
};
use axess_factors::federated::FederationError;
use axess_identity::TokenSecret;
use axess_jose::{Limits, json};
use serde_json::{Map, Value};

const INTROSPECTION_ENDPOINT: &str = "its introspection endpoint";

/// What a provider says of a token (RFC 7662 §2.2).
///
/// ```
/// use axess_oauth::Introspection;
/// let nothing = Introspection { is_active: false, claims: serde_json::Map::new() };
/// assert!(!nothing.is_active);
/// ```
#[derive(Clone, PartialEq)]
pub struct Introspection {
    /// Whether the token is good now.
    pub is_active: bool,
    /// What else it says: `sub`, `scope`, `exp`, `cnf` and the like; nothing of a token that is not good.
    pub claims: Map<String, Value>,
}

impl std::fmt::Debug for Introspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Introspection").field("is_active", &self.is_active).finish_non_exhaustive()
    }
}

impl OidcProvider {
    /// Asks the provider whether a token is good, and whose it is (RFC 7662).
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] when the provider has no such endpoint; any other [`FederationError`].
    pub async fn introspect(
        &self,
        token: &TokenSecret,
        hint: Option<TokenTypeHint>,
    ) -> Result<Introspection, FederationError> {
        let known = self.known().await?;
        let url = self.endpoint(&known, Endpoint::Introspection, "introspection endpoint")?;
        let mut form = caller::form([("token", token.expose())]);
        form.extend(hint.map(|hint| ("token_type_hint".to_owned(), hint.as_str().to_owned())));
        let caller = self.caller(&known, self.clock.now(), self.rng.as_ref());
        parse_introspection(&caller.post(INTROSPECTION_ENDPOINT, url, &form, None).await?)
    }
}

/// Reads what an introspection endpoint answered. Whatever does not plainly say that the token is good is an error, or no.
fn parse_introspection(answer: &Answer) -> Result<Introspection, FederationError> {
    if let Some(error) = refusal(INTROSPECTION_ENDPOINT, answer) {
        return Err(error);
    }
    let nonsense = || crate::HttpError::Nonsense { expected: "what is known of a token" };
    if answer.media_type() != "application/json" {
        return Err(fault::http(INTROSPECTION_ENDPOINT, nonsense()));
    }
    let claims = json::object(&answer.body, Limits::default())
        .map_err(|_| fault::http(INTROSPECTION_ENDPOINT, nonsense()))?;
    match claims.get("active").and_then(Value::as_bool) {
        Some(true) => Ok(Introspection { is_active: true, claims }),
        Some(false) => Ok(Introspection { is_active: false, claims: Map::new() }),
        None => Err(fault::http(INTROSPECTION_ENDPOINT, nonsense())),
    }
}
