use super::{TokenRefusal, TokenScheme, validator::time};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use std::fmt;

/// The longest scope of a token that is looked at, in bytes.
const MAX_SCOPE_BYTES: usize = 16 * 1024;

/// How far ahead of ours the clock may be that said when a user authenticated.
const MAX_AHEAD: TimeDelta = TimeDelta::seconds(60);

/// What a token is bound to.
///
/// ```
/// assert_ne!(axess_oauth::TokenBinding::None, axess_oauth::TokenBinding::Key("jkt".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenBinding {
    /// Nothing: whoever has it may use it.
    None,
    /// The key with this thumbprint, which made the proof (RFC 9449).
    Key(String),
    /// The certificate with this thumbprint, which the connection has (RFC 8705).
    Certificate(String),
}

/// An access token that was found good, for the caller who presented it.
///
/// ```
/// fn may_write(token: &axess_oauth::AccessToken) -> bool {
///     token.require_scopes(&["orders:write"]).is_ok()
/// }
/// # let _ = may_write;
/// ```
#[derive(Clone)]
pub struct AccessToken {
    /// Who issued it.
    pub issuer: String,
    /// Whom it is about; the client itself where no user is behind it.
    pub subject: Option<String>,
    /// Which client has it.
    pub client_id: Option<String>,
    /// What it is good for.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it is bound to.
    pub binding: TokenBinding,
    /// Everything it says.
    pub claims: Map<String, Value>,
}

impl AccessToken {
    pub(super) fn new(issuer: &str, claims: Map<String, Value>, binding: TokenBinding) -> Self {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let scope = text("scope").filter(|scope| scope.len() <= MAX_SCOPE_BYTES).unwrap_or_default();
        let expires_at = time(&claims, "exp").ok().flatten().and_then(|at| DateTime::from_timestamp(at, 0));
        Self {
            issuer: issuer.to_owned(),
            subject: text("sub"),
            client_id: text("client_id"),
            scopes: scope.split_ascii_whitespace().map(str::to_owned).collect(),
            expires_at,
            binding,
            claims,
        }
    }

    /// Demands every one of these scopes.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal::InsufficientScope`] names all of them.
    pub fn require_scopes(&self, scopes: &[&str]) -> Result<(), TokenRefusal> {
        if scopes.iter().all(|scope| self.scopes.iter().any(|one| one == scope)) {
            return Ok(());
        }
        Err(TokenRefusal::InsufficientScope { required: scopes.join(" "), scheme: self.scheme() })
    }

    /// Demands that the user authenticated in one of these contexts, and no longer ago than `max_age` seconds (RFC 9470).
    ///
    /// # Errors
    ///
    /// [`TokenRefusal::InsufficientAuthentication`]; also when the token does not say.
    pub fn require_authentication(
        &self,
        acr_values: &[&str],
        max_age: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<(), TokenRefusal> {
        let acr = self.claims.get("acr").and_then(Value::as_str);
        let is_context = acr_values.is_empty() || acr.is_some_and(|acr| acr_values.contains(&acr));
        let authenticated = self.claims.get("auth_time").and_then(Value::as_i64);
        let authenticated = authenticated.and_then(|at| DateTime::from_timestamp(at, 0));
        let is_recent = max_age.is_none_or(|seconds| {
            // A time that is ahead says nothing, but for clocks that are a little apart.
            authenticated.is_some_and(|at| {
                let age = now - at;
                age >= -MAX_AHEAD && age <= TimeDelta::seconds(seconds.into())
            })
        });
        if is_context && is_recent {
            return Ok(());
        }
        let acr_values = acr_values.iter().map(|value| (*value).to_owned()).collect();
        Err(TokenRefusal::InsufficientAuthentication { acr_values, max_age, scheme: self.scheme() })
    }

    /// Returns how it was presented: one that is bound to a key came with a proof.
    #[must_use]
    pub fn scheme(&self) -> TokenScheme {
        match self.binding {
            TokenBinding::Key(_) => TokenScheme::Dpop,
            TokenBinding::Certificate(_) | TokenBinding::None => TokenScheme::Bearer,
        }
    }
}

impl fmt::Debug for AccessToken {
    /// Leaves out what it says of people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(claims: Value) -> AccessToken {
        let Value::Object(claims) = claims else { panic!("no object") };
        AccessToken::new("https://a.example", claims, TokenBinding::None)
    }

    #[test]
    fn every_scope_must_be_there() {
        let token = token(json!({ "scope": "a b" }));
        assert!(token.require_scopes(&["b", "a"]).is_ok());
        let refusal = token.require_scopes(&["a", "c"]).unwrap_err();
        assert!(matches!(refusal, TokenRefusal::InsufficientScope { required, .. } if required == "a c"));
    }

    #[test]
    fn an_authentication_that_is_not_told_does_not_do() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let check =
            |claims: Value, max_age| token(claims).require_authentication(&["x"], max_age, now).is_ok();
        assert!(check(json!({ "acr": "x", "auth_time": 700 }), Some(300)));
        assert!(!check(json!({ "acr": "x", "auth_time": 699 }), Some(300)));
        assert!(check(json!({ "acr": "x", "auth_time": 1_060 }), Some(300)));
        assert!(!check(json!({ "acr": "x", "auth_time": 1_061 }), Some(300)));
        assert!(!check(json!({ "acr": "y", "auth_time": 700 }), Some(300)));
        assert!(!check(json!({ "acr": "x" }), Some(300)));
        assert!(!check(json!({}), None));
        assert!(token(json!({})).require_authentication(&[], None, now).is_ok());
    }
}
