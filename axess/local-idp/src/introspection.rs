use crate::{TokenType, VerifiedClaims};
use serde::Serialize;
use serde_json::Value;

/// Who asks about a token, after the application has authenticated it.
///
/// ```
/// use axess_local_idp::IntrospectionCaller;
/// let billing = IntrospectionCaller::for_audience("https://billing.example.com");
/// assert_ne!(billing, IntrospectionCaller::for_any_audience());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntrospectionCaller {
    pub(crate) audience: Option<String>,
}

/// The answer about a token (RFC 7662 §2.2).
///
/// About a token that is not valid, for whatever reason, it says `{"active":false}` and nothing else.
///
/// ```
/// use axess_local_idp::IntrospectionResponse;
/// assert_eq!(serde_json::to_string(&IntrospectionResponse::inactive()).unwrap(), r#"{"active":false}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntrospectionResponse {
    active: bool,
    #[serde(flatten)]
    claims: Option<serde_json::Map<String, Value>>,
}

impl IntrospectionCaller {
    /// Names a service that may ask about the tokens that are for it, and is told that all others are inactive.
    #[must_use]
    pub fn for_audience(audience: impl Into<String>) -> Self {
        Self { audience: Some(audience.into()) }
    }

    /// Names a service that may ask about every token: a gateway, say.
    #[must_use]
    pub fn for_any_audience() -> Self {
        Self { audience: None }
    }
}

impl IntrospectionResponse {
    /// Answers that a token is not valid.
    #[must_use]
    pub fn inactive() -> Self {
        Self { active: false, claims: None }
    }

    /// Tells whether the token is valid.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Returns a claim of a valid token.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.as_ref()?.get(name)
    }

    pub(crate) fn active(claims: &VerifiedClaims) -> Self {
        let mut members = claims.all().clone();
        // A claim of the application's own must not speak for the protocol.
        for reserved in ["active", "token_type", "username"] {
            members.remove(reserved);
        }
        let bound_to_dpop = claims.claim("cnf").is_some_and(|cnf| cnf.get("jkt").is_some());
        if claims.token_type() == TokenType::AccessToken {
            members.insert("token_type".into(), if bound_to_dpop { "DPoP" } else { "Bearer" }.into());
        }
        Self { active: true, claims: Some(members) }
    }
}
