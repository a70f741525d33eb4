//! Checking what we issued.
//!
//! 1. The token is bounded, has three parts, each strict base64url ([`Jws`]).
//! 2. The header has `alg`, `kid` and `typ`, once each, and nothing else: whatever else a header can say (`jwk`, `jku`,
//!    `x5u`, `crit`, `b64`, `zip`) we never wrote, so it is refused unread.
//! 3. `kid` finds a published key of ours or nothing; `alg` must be the one of that key.
//! 4. The signature; only then is the payload parsed, once, without duplicate members.
//! 5. Type, issuer, audience and times; then binding to a key; then revocation.

#[cfg(test)]
mod tests;

use crate::{Confirmation, LocalIdp, LocalIdpError, MAX_TOKEN_BYTES, TokenType, key_ring::KeyRing};
use axess_core::store::StoreError;
use axess_jose::{JoseError, Jws, Limits, json};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use std::fmt;

/// Details of an authorisation may be nested deeper than the claims of others.
const LIMITS: Limits = Limits { max_bytes: MAX_TOKEN_BYTES, max_depth: 64 };
/// `alg`, `kid` and `typ`.
const HEADER_MEMBERS: usize = 3;

/// Says why a token was refused: for the log, never for whoever presented it.
///
/// ```
/// use axess_local_idp::VerifyError;
/// assert_eq!(VerifyError::Expired.to_string(), "the token has ended");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is no compact JWS of at most 12 288 bytes, or its header is no object with an `alg`.
    #[error("the token is malformed")]
    Malformed,
    /// Its header lacks `kid` or `typ`, or has anything else.
    #[error("the header of the token is not one of ours")]
    Header,
    /// Its `kid` names no published key.
    #[error("the token was signed by no published key")]
    UnknownKey,
    /// Its `alg` is not the one of its key.
    #[error("the token names another algorithm than its key has")]
    Algorithm,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Signature,
    /// A claim is missing, there twice, or of the wrong kind.
    #[error("the claims of the token are malformed")]
    Claims,
    /// It is another type of token.
    #[error("the token is of another type")]
    Type,
    /// It is another issuer's.
    #[error("the token is another issuer's")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// It has ended.
    #[error("the token has ended")]
    Expired,
    /// It has not begun.
    #[error("the token is not valid yet")]
    NotYet,
    /// It is bound to a key, and that key was not proved.
    #[error("the token is bound to a key that was not proved")]
    Bound,
    /// It was revoked.
    #[error("the token was revoked")]
    Revoked,
    /// Whether it was revoked is unknown.
    #[error("whether the token was revoked is unknown")]
    RevocationUnknown(#[source] StoreError),
    /// There is no usable ring of keys.
    #[error("there is no usable ring of keys")]
    Keys(#[source] Box<LocalIdpError>),
}

/// Verifies our own tokens in our own process, for one audience.
///
/// The algorithm is the one of the key, whatever the token says. `exp` has no leeway: the same clocks wrote it. `iat` and
/// `nbf` have the configured one.
///
/// ```
/// # async fn example(idp: axess_local_idp::LocalIdp, bearer: &str) -> Result<(), axess_local_idp::VerifyError> {
/// let claims = idp.verifier("https://api.example.com").verify(bearer).await?;
/// println!("{} may {}", claims.subject(), claims.scope().unwrap_or("nothing"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LocalVerifier {
    idp: LocalIdp,
    audience: String,
    token_type: TokenType,
}

/// What a verified token says.
///
/// Nothing but a verifier makes one.
///
/// ```
/// fn may_read(claims: &axess_local_idp::VerifiedClaims) -> bool {
///     claims.scope().is_some_and(|scope| scope.split(' ').any(|name| name == "read"))
/// }
/// ```
#[derive(Clone, PartialEq)]
pub struct VerifiedClaims {
    claims: Map<String, Value>,
    subject: String,
    audiences: Vec<String>,
    jwt_id: String,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    token_type: TokenType,
    key_id: String,
}

/// What a token must be.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: Option<&'a str>,
    pub(crate) token_type: Option<TokenType>,
    pub(crate) leeway: TimeDelta,
}

impl LocalVerifier {
    pub(crate) fn new(idp: LocalIdp, audience: String) -> Self {
        Self { idp, audience, token_type: TokenType::Jwt }
    }

    /// Takes tokens of another type; without it, `JWT`.
    #[must_use]
    pub fn of_type(self, token_type: TokenType) -> Self {
        Self { token_type, ..self }
    }

    /// Verifies a bearer token.
    ///
    /// One that is bound to a key is refused: see [`verify_bound`](Self::verify_bound).
    ///
    /// # Errors
    ///
    /// [`VerifyError`], also when the keys or the revocations cannot be read.
    pub async fn verify(&self, token: &str) -> Result<VerifiedClaims, VerifyError> {
        self.check(token, None).await
    }

    /// Verifies a token whose presenter has proved to hold a key.
    ///
    /// A token that is bound to no key, or to another, is refused.
    ///
    /// # Errors
    ///
    /// [`VerifyError`], also when the keys or the revocations cannot be read.
    pub async fn verify_bound(
        &self,
        token: &str,
        proved: Confirmation,
    ) -> Result<VerifiedClaims, VerifyError> {
        self.check(token, Some(proved)).await
    }

    async fn check(&self, token: &str, proved: Option<Confirmation>) -> Result<VerifiedClaims, VerifyError> {
        let claims = self.idp.check(token, Some(&self.audience), Some(self.token_type)).await?;
        let bound_to = claims.claim("cnf");
        if bound_to != proved.map(Confirmation::to_claim).as_ref() {
            return Err(VerifyError::Bound);
        }
        Ok(claims)
    }
}

impl VerifiedClaims {
    /// Returns whom the token is about.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns what it is for.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// Returns its id.
    #[must_use]
    pub fn jwt_id(&self) -> &str {
        &self.jwt_id
    }

    /// Returns when it was issued.
    #[must_use]
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.issued_at
    }

    /// Returns when it ends.
    #[must_use]
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    /// Returns its type.
    #[must_use]
    pub fn token_type(&self) -> TokenType {
        self.token_type
    }

    /// Returns the id of the key that signed it.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Returns the client it was issued to.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.claim("client_id")?.as_str()
    }

    /// Returns its scope.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.claim("scope")?.as_str()
    }

    /// Returns any claim by its name.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    pub(crate) fn all(&self) -> &Map<String, Value> {
        &self.claims
    }

    fn read(
        claims: Map<String, Value>,
        token_type: TokenType,
        key_id: String,
    ) -> Result<(Self, i64), VerifyError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| claims.get(name).map(|value| value.as_i64().ok_or(VerifyError::Claims));
        let time = |name: &str| {
            let seconds = number(name).ok_or(VerifyError::Claims)??;
            DateTime::from_timestamp(seconds, 0).ok_or(VerifyError::Claims)
        };
        let audiences = match claims.get("aud") {
            Some(Value::String(only)) => Some(vec![only.clone()]),
            Some(Value::Array(all)) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        let not_before = number("nbf").transpose()?.unwrap_or(i64::MIN);
        let read = Self {
            subject: text("sub").ok_or(VerifyError::Claims)?,
            audiences: audiences.ok_or(VerifyError::Claims)?,
            jwt_id: text("jti").ok_or(VerifyError::Claims)?,
            issued_at: time("iat")?,
            expires_at: time("exp")?,
            token_type,
            key_id,
            claims,
        };
        if token_type == TokenType::AccessToken && read.client_id().is_none() {
            return Err(VerifyError::Claims);
        }
        Ok((read, not_before))
    }
}

impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, jwt_id) = (&self.subject, &self.jwt_id);
        f.debug_struct("VerifiedClaims").field("sub", subject).field("jti", jwt_id).finish_non_exhaustive()
    }
}

/// Checks everything that needs no store.
pub(crate) fn check(
    token: &str,
    ring: &KeyRing,
    expected: &Expected<'_>,
    now: DateTime<Utc>,
) -> Result<VerifiedClaims, VerifyError> {
    let jws = Jws::parse(token, LIMITS).map_err(|refused| match refused {
        JoseError::AlgorithmRefused => VerifyError::Algorithm,
        _ => VerifyError::Malformed,
    })?;
    let (Some(kid), Some(typ), HEADER_MEMBERS) = (jws.kid(), jws.typ(), jws.header().len()) else {
        return Err(VerifyError::Header);
    };
    let key = &ring.find(kid, now).ok_or(VerifyError::UnknownKey)?.key;
    if jws.algorithm().name() != key.algorithm().as_str() {
        return Err(VerifyError::Algorithm);
    }
    let payload = jws.verify_by(|message, signature| key.verifies(message, signature));
    let payload = payload.map_err(|_| VerifyError::Signature)?;
    let token_type = [TokenType::AccessToken, TokenType::Jwt];
    let token_type = token_type.into_iter().find(|known| known.as_str() == typ).ok_or(VerifyError::Type)?;
    if expected.token_type.is_some_and(|expected| expected != token_type) {
        return Err(VerifyError::Type);
    }
    let claims = json::object(&payload, LIMITS).map_err(|_| VerifyError::Claims)?;
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(VerifyError::Issuer);
    }
    let (claims, not_before) = VerifiedClaims::read(claims, token_type, kid.to_owned())?;
    if expected.audience.is_some_and(|audience| !claims.audiences.iter().any(|one| one == audience)) {
        return Err(VerifyError::Audience);
    }
    if claims.expires_at <= now {
        return Err(VerifyError::Expired);
    }
    let begun = now.timestamp().saturating_add(expected.leeway.num_seconds());
    if claims.issued_at.timestamp() > begun || not_before > begun {
        return Err(VerifyError::NotYet);
    }
    Ok(claims)
}
