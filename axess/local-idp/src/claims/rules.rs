use super::{Actor, MintClaims, TokenType};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The most bytes of `authorization_details`, as JSON.
pub const MAX_DETAILS_BYTES: usize = 6_144;
/// The most bytes of a subject, an audience or the issuer of an actor: a SPIFFE id is that long.
const MAX_NAME_BYTES: usize = 2_048;
/// The most audiences.
const MAX_AUDIENCES: usize = 16;
/// The most bytes of a token's id.
const MAX_JTI_BYTES: usize = 128;
/// The most bytes of a client id.
const MAX_CLIENT_BYTES: usize = 256;
/// The most bytes of a scope.
const MAX_SCOPE_BYTES: usize = 2_048;
/// The most actors in a row.
const MAX_ACTORS: usize = 4;
/// The most claims of the application's own.
const MAX_CUSTOM: usize = 32;
/// The most bytes of a claim's name.
const MAX_CLAIM_BYTES: usize = 64;
/// How deep arrays and objects may be nested.
pub(crate) const MAX_DEPTH: usize = 16;

/// The claims that only the issuer and the methods of [`MintClaims`] set.
pub(crate) const RESERVED: [&str; 13] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scope",
    "authorization_details",
    "cnf",
    "act",
    "may_act",
];

/// Says which rule claims break.
///
/// ```
/// use axess_local_idp::ClaimsFault;
/// assert_eq!(ClaimsFault::Reserved("exp".into()).to_string(), "`exp` is reserved");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsFault {
    /// The subject is empty, too long, or has control characters.
    #[error("a subject has 1 to 2048 bytes and no control characters")]
    Subject,
    /// An audience is empty, too long, repeated, or there are too many.
    #[error("there are 1 to 16 different audiences of 1 to 2048 bytes without control characters")]
    Audience,
    /// The token's id is empty, too long, or has spaces or other than ASCII.
    #[error("a token id has 1 to 128 visible ASCII characters")]
    JwtId,
    /// The client id is empty, too long, or has other than printable ASCII.
    #[error("a client id has 1 to 256 printable ASCII characters")]
    ClientId,
    /// The scope is empty, too long, or not names with single spaces between them.
    #[error("a scope is names with single spaces between them, of at most 2048 bytes")]
    Scope,
    /// The details are no array of objects with a `type`, too long, or too deep.
    #[error(
        "authorization_details is a non-empty array of objects with a `type`, of at most 6144 bytes as JSON"
    )]
    AuthorizationDetails,
    /// An actor's name is malformed, or there are too many in a row.
    #[error("an actor has a name like a subject's, and at most 4 act in a row")]
    Actor,
    /// A claim of the application has a name of ours.
    #[error("`{0}` is reserved")]
    Reserved(String),
    /// A claim of the application is there twice.
    #[error("`{0}` is claimed twice")]
    Twice(String),
    /// A claim of the application has a bad name or is nested too deep, or there are too many.
    #[error(
        "there are at most 32 claims of the application's own, with names of 1 to 64 bytes, nested at most 16 deep"
    )]
    Custom,
}

impl MintClaims {
    /// Checks everything but the times, and returns the claims that do not depend on the issuer.
    pub(crate) fn to_payload(&self) -> Result<Map<String, Value>, ClaimsFault> {
        let mut payload = Map::new();
        check(is_name(&self.subject), ClaimsFault::Subject)?;
        payload.insert("sub".into(), self.subject.clone().into());
        let different: BTreeSet<&String> = self.audiences.iter().collect();
        let good = (1..=MAX_AUDIENCES).contains(&self.audiences.len())
            && different.len() == self.audiences.len()
            && self.audiences.iter().all(|audience| is_name(audience));
        check(good, ClaimsFault::Audience)?;
        let audience = match self.audiences.as_slice() {
            [only] => Value::from(only.clone()),
            several => Value::from(several.to_vec()),
        };
        payload.insert("aud".into(), audience);
        if let Some(client_id) = &self.client_id {
            let good = is_of(client_id, MAX_CLIENT_BYTES, |c| matches!(c, 0x20..=0x7e));
            check(good, ClaimsFault::ClientId)?;
            payload.insert("client_id".into(), client_id.clone().into());
        }
        check(self.client_id.is_some() || self.token_type != TokenType::AccessToken, ClaimsFault::ClientId)?;
        if let Some(scope) = &self.scope {
            check(is_scope(scope), ClaimsFault::Scope)?;
            payload.insert("scope".into(), scope.clone().into());
        }
        if let Some(details) = &self.authorization_details {
            check(are_details(details), ClaimsFault::AuthorizationDetails)?;
            payload.insert("authorization_details".into(), details.clone());
        }
        if let Some(confirmation) = self.confirmation {
            payload.insert("cnf".into(), confirmation.to_claim());
        }
        if let Some(actor) = &self.actor {
            check(is_actor(actor), ClaimsFault::Actor)?;
            payload.insert("act".into(), actor.to_claim());
        }
        if let Some(jwt_id) = &self.jwt_id {
            let good = is_of(jwt_id, MAX_JTI_BYTES, |c| c.is_ascii_graphic());
            check(good, ClaimsFault::JwtId)?;
        }
        self.add_custom(&mut payload)?;
        Ok(payload)
    }

    fn add_custom(&self, payload: &mut Map<String, Value>) -> Result<(), ClaimsFault> {
        check(self.custom.len() <= MAX_CUSTOM, ClaimsFault::Custom)?;
        for (name, value) in &self.custom {
            check(!RESERVED.contains(&name.as_str()), ClaimsFault::Reserved(name.clone()))?;
            check(is_of(name, MAX_CLAIM_BYTES, |c| !c.is_ascii_control()), ClaimsFault::Custom)?;
            check(is_shallow(value, MAX_DEPTH), ClaimsFault::Custom)?;
            let before = payload.insert(name.clone(), value.clone());
            check(before.is_none(), ClaimsFault::Twice(name.clone()))?;
        }
        Ok(())
    }
}

fn check(good: bool, fault: ClaimsFault) -> Result<(), ClaimsFault> {
    if good { Ok(()) } else { Err(fault) }
}

fn is_of(text: &str, most: usize, allowed: impl Fn(u8) -> bool) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// RFC 6749 §3.3: %x21 / %x23-5B / %x5D-7E in each name.
fn is_scope(scope: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_graphic() && c != b'"' && c != b'\\';
    scope.len() <= MAX_SCOPE_BYTES && scope.split(' ').all(|name| is_of(name, MAX_SCOPE_BYTES, allowed))
}

fn are_details(details: &Value) -> bool {
    let typed = |one: &Value| one.get("type").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    let typed = details.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(typed));
    typed
        && is_shallow(details, MAX_DEPTH)
        && serde_json::to_string(details).is_ok_and(|json| json.len() <= MAX_DETAILS_BYTES)
}

fn is_actor(actor: &Actor) -> bool {
    let in_a_row = std::iter::successors(Some(actor), |actor| actor.previous.as_deref());
    let in_a_row: Vec<&Actor> = in_a_row.take(MAX_ACTORS + 1).collect();
    in_a_row.len() <= MAX_ACTORS
        && in_a_row.iter().all(|actor| is_name(&actor.subject) && actor.issuer.as_deref().is_none_or(is_name))
}

/// Tells whether arrays and objects are nested at most `depth` deep.
fn is_shallow(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_shallow(item, depth - 1)),
        Value::Object(members) => depth > 0 && members.values().all(|member| is_shallow(member, depth - 1)),
        _ => true,
    }
}
