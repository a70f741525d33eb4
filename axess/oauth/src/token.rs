//! What a token endpoint answers (RFC 6749 §5.1).

use crate::{
    caller::{ErrorAnswer, refusal},
    dpop::DpopKey,
    fapi::SenderConstraint,
    fault,
    http::Answer,
};
use axess_factors::federated::{FederatedTokens, FederationError};
use axess_identity::TokenSecret;
use axess_jose::{Jws, Limits};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

const TOKEN_ENDPOINT: &str = "its token endpoint";
/// The longest token, in bytes.
const MAX_TOKEN_BYTES: usize = 64 * 1024;
/// The longest life of an access token that is believed, in seconds: ten years.
const MAX_LIFETIME_SECS: i64 = 10 * 365 * 24 * 3600;

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    #[serde(default)]
    expires_in: Value,
    refresh_token: Option<String>,
    id_token: Option<String>,
    #[serde(default)]
    scope: Value,
}

/// What the tokens must be bound to.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    pub(crate) constraint: Option<SenderConstraint>,
    pub(crate) key: Option<&'a DpopKey>,
    pub(crate) certificate: Option<&'a str>,
}

/// Reads tokens out of an answer and checks that they are bound as they must be.
pub(crate) fn read(
    answer: &Answer,
    binding: Binding<'_>,
    now: DateTime<Utc>,
) -> Result<FederatedTokens, FederationError> {
    if let Some(error) = refusal(TOKEN_ENDPOINT, answer) {
        return Err(error);
    }
    let parsed: TokenAnswer = match (answer.json("a token response"), answer.json::<ErrorAnswer>("an error"))
    {
        (Ok(parsed), _) => parsed,
        // Some say so with status 200.
        (Err(_), Ok(refused)) => return Err(fault::code(TOKEN_ENDPOINT, &refused.error)),
        (Err(error), Err(_)) => return Err(fault::http(TOKEN_ENDPOINT, error)),
    };
    let texts = [Some(&parsed.access_token), parsed.refresh_token.as_ref(), parsed.id_token.as_ref()];
    if texts.into_iter().flatten().any(|token| !is_token(token)) {
        return Err(FederationError::Malformed { what: "a token is empty, too long or no text" });
    }
    check_binding(&parsed, binding)?;
    Ok(FederatedTokens {
        access_token: TokenSecret::from(parsed.access_token),
        refresh_token: parsed.refresh_token.map(TokenSecret::from),
        id_token: parsed.id_token.map(TokenSecret::from),
        token_type: if binding.key.is_some() { "DPoP" } else { "Bearer" }.to_owned(),
        scope: scope(&parsed.scope),
        expires_at: lifetime(&parsed.expires_in).and_then(|life| now.checked_add_signed(life)),
        binding_key: None,
    })
}

/// Tells whether a text can be a token in a header: visible ASCII (RFC 6749 appendix A).
fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

/// Refuses tokens that whoever finds them could use.
fn check_binding(parsed: &TokenAnswer, binding: Binding<'_>) -> Result<(), FederationError> {
    let weaker = |what| Err(FederationError::WeakerThanConfigured { what });
    let is = |name: &str| parsed.token_type.eq_ignore_ascii_case(name);
    match (binding.key, is("DPoP"), is("Bearer")) {
        (Some(_), true, _) | (None, _, true) => {}
        (Some(_), ..) => return weaker("the access token is bound to no key"),
        (None, ..) => return Err(FederationError::Malformed { what: "an unknown type of access token" }),
    }
    let Some(constraint) = binding.constraint else { return Ok(()) };
    // A token that can be read says what it is bound to; any other only its resource server can tell.
    let readable =
        Jws::parse(&parsed.access_token, Limits::default()).and_then(|jws| jws.unverified_claims());
    let Ok(claims) = readable else { return Ok(()) };
    let confirmed = |name: &str| claims.get("cnf").and_then(|cnf| cnf.get(name)?.as_str());
    let is_bound = match constraint {
        SenderConstraint::DPoP => {
            binding.key.is_some_and(|key| confirmed("jkt") == Some(key.thumbprint().as_str()))
        }
        SenderConstraint::Mtls => {
            binding.certificate.is_some() && confirmed("x5t#S256") == binding.certificate
        }
    };
    if is_bound { Ok(()) } else { weaker("the access token is bound to another key, or to none") }
}

/// Reads what a token is good for: words in one text (RFC 6749 §3.3), or the list that some providers make of them.
fn scope(said: &Value) -> Option<String> {
    match said {
        Value::String(words) => Some(words.clone()),
        Value::Array(words) => {
            words.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|w| w.join(" "))
        }
        _ => None,
    }
}

/// Reads a number of seconds, which some providers write as text.
fn lifetime(value: &Value) -> Option<TimeDelta> {
    let seconds = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    (0..=MAX_LIFETIME_SECS).contains(&seconds).then(|| TimeDelta::seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scope_is_a_text_or_a_list_of_words() {
        for (said, read) in [
            (json!("openid email"), Some("openid email")),
            (json!(["openid", "email"]), Some("openid email")),
            (json!([]), Some("")),
            (json!(["openid", 1]), None),
            (json!({ "openid": true }), None),
            (Value::Null, None),
        ] {
            assert_eq!(scope(&said).as_deref(), read, "{said}");
        }
    }
}
