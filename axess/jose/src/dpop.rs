//! Proofs of possession (DPoP, RFC 9449): made by a client, checked by a server.
//!
//! A proof is checked against the request it came with. Whether its `jti` was seen before is for the caller, who has the
//! store (a replay guard); so is comparing its thumbprint with the `cnf.jkt` of the access token.

mod uri;

use crate::{
    Algorithm, JoseError, Jws, Limits, SigningKey, VerificationKey, claims::Claims, expectations::TypRule,
    json, s256,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, json};
use std::fmt;

/// The `typ` of a proof.
const TYP: TypRule = TypRule::OneOf(&["dpop+jwt"]);
/// The longest proof: an RSA key of 8,192 bits and its signature fit.
const LIMITS: Limits = Limits { max_bytes: 8 * 1024, max_depth: 4 };
/// The longest id, in bytes.
const MAX_JTI_BYTES: usize = 512;

/// What a proof must be about.
///
/// ```
/// use axess_jose::dpop::DpopExpectations;
/// use chrono::TimeDelta;
/// let expected = DpopExpectations {
///     access_token: Some("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
///     ..DpopExpectations::new("GET", "https://api.example.com/accounts?page=2")
/// };
/// assert_eq!((expected.max_age, expected.ahead), (TimeDelta::seconds(60), TimeDelta::seconds(10)));
/// ```
#[derive(Clone, Copy)]
pub struct DpopExpectations<'a> {
    /// The method of the request, as it was sent.
    pub method: &'a str,
    /// The absolute URI of the request; query and fragment do not count (RFC 9449 §4.3).
    pub uri: &'a str,
    /// The nonce that was given out, if one is required.
    pub nonce: Option<&'a str>,
    /// The access token that came with the proof; `ath` must be its hash.
    pub access_token: Option<&'a str>,
    /// How long ago it may have been made.
    pub max_age: TimeDelta,
    /// How far in the future it may have been made, for clocks that are apart.
    pub ahead: TimeDelta,
    /// The algorithms that are taken.
    pub algorithms: &'a [Algorithm],
}

/// A proof that was checked.
///
/// ```
/// use axess_jose::dpop::DpopProof;
/// use chrono::TimeDelta;
/// fn remember(proof: &DpopProof) -> (&str, &str, chrono::DateTime<chrono::Utc>) {
///     (&proof.thumbprint, &proof.jti, proof.usable_until)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpopProof {
    /// The thumbprint of the key that made it, as `cnf.jkt` holds it (RFC 9449 §6.1).
    pub thumbprint: String,
    /// Its id: at most 512 bytes, unique for the key.
    pub jti: String,
    /// When it was made.
    pub issued_at: DateTime<Utc>,
    /// Until when it would be taken again: how long its `jti` has to be remembered.
    pub usable_until: DateTime<Utc>,
    /// The nonce in it.
    pub nonce: Option<String>,
}

impl<'a> DpopExpectations<'a> {
    /// Expects a proof for a request, made in the last 60 seconds with any algorithm.
    #[must_use]
    pub const fn new(method: &'a str, uri: &'a str) -> Self {
        Self {
            method,
            uri,
            nonce: None,
            access_token: None,
            max_age: TimeDelta::seconds(60),
            ahead: TimeDelta::seconds(10),
            algorithms: &Algorithm::ALL,
        }
    }
}

impl fmt::Debug for DpopExpectations<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, uri) = (self.method, self.uri);
        f.debug_struct("DpopExpectations").field("method", &method).field("uri", &uri).finish_non_exhaustive()
    }
}

/// Makes a proof for a request (RFC 9449 §4.2).
///
/// `htm` is the method as it is sent, `htu` the URI of the request, whose query and fragment are left out; `jti` has at
/// least 96 random bits.
///
/// # Errors
///
/// [`JoseError::Crypto`] when the library fails.
///
/// ```
/// use axess_jose::{Algorithm, SigningKey, dpop};
/// # let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let proof = dpop::proof(&key, "POST", "https://login.example.com/token", None, None, "e1j3V_bKic8-LAEB", now)?;
/// let expected = dpop::DpopExpectations::new("POST", "https://login.example.com/token");
/// assert_eq!(dpop::verify_proof(&proof, &expected, now)?.thumbprint, key.thumbprint());
/// # Ok::<(), axess_jose::JoseError>(())
/// ```
pub fn proof(
    key: &SigningKey,
    htm: &str,
    htu: &str,
    nonce: Option<&str>,
    access_token: Option<&str>,
    jti: &str,
    now: DateTime<Utc>,
) -> Result<String, JoseError> {
    let htu = htu.split(['?', '#']).next().unwrap_or_default();
    let mut claims = Map::from_iter([
        ("jti".to_owned(), json!(jti)),
        ("htm".to_owned(), json!(htm)),
        ("htu".to_owned(), json!(htu)),
        ("iat".to_owned(), json!(now.timestamp())),
    ]);
    if let Some(nonce) = nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    if let Some(token) = access_token {
        claims.insert("ath".to_owned(), json!(s256(token.as_bytes())));
    }
    key.sign_with_jwk("dpop+jwt", &claims)
}

/// Checks a proof (RFC 9449 §4.3) but for its `jti`, which the caller must not have seen before.
///
/// `htu` and the URI of the request are compared after normalisation (RFC 3986 §6.2.2, §6.2.3). A request whose path has a segment
/// `.` or `..` fits no proof: what normalisation makes of it need not be where the router went.
///
/// # Errors
///
/// [`JoseError::ClaimMismatch`] for `htm`, `htu` and `ath`; [`JoseError::NonceMismatch`], upon which a server answers
/// `use_dpop_nonce` (§8); [`JoseError::TooOld`] and [`JoseError::NotYetValid`] for `iat`; [`JoseError::KeyRefused`] when the key
/// in the header is symmetric, private or too short; the variants of [`Jws::parse`] and [`Jws::verify`].
pub fn verify_proof(
    token: &str,
    expected: &DpopExpectations<'_>,
    now: DateTime<Utc>,
) -> Result<DpopProof, JoseError> {
    let jws = Jws::parse(token, LIMITS)?;
    if !TYP.allows(jws.typ()) {
        return Err(JoseError::TypeMismatch);
    }
    if !expected.algorithms.contains(&jws.algorithm()) {
        return Err(JoseError::AlgorithmRefused);
    }
    // The one place where a key comes from a header: it proves that its holder made the proof, and nothing else.
    let jwk = jws.header().get("jwk").ok_or(JoseError::Malformed("the header has no `jwk`"))?;
    let key = VerificationKey::from_jwk(jwk)?;
    let payload = jws.verify(&key)?;
    let claims = Claims::new(json::object(&payload, LIMITS)?, jws.algorithm(), None)?;

    let text = |name: &'static str| claims.str(name).ok_or(JoseError::MissingClaim(name));
    if text("htm")? != expected.method {
        return Err(JoseError::ClaimMismatch("htm"));
    }
    let said = uri::normalised(text("htu")?).ok_or(JoseError::ClaimMismatch("htu"))?;
    if uri::normalised(expected.uri) != Some(said) || uri::has_dot_segments(expected.uri) {
        return Err(JoseError::ClaimMismatch("htu"));
    }
    let jti = text("jti")?;
    if jti.is_empty() || jti.len() > MAX_JTI_BYTES {
        return Err(JoseError::ClaimMismatch("jti"));
    }
    let issued_at = claims.issued_at().ok_or(JoseError::MissingClaim("iat"))?;
    if issued_at - now > expected.ahead {
        return Err(JoseError::NotYetValid);
    }
    if now - issued_at > expected.max_age {
        return Err(JoseError::TooOld);
    }
    // In its last instant it is still taken, so what remembers it has to go on a little longer.
    let margin = expected.ahead.max(TimeDelta::seconds(1));
    let until = issued_at
        .checked_add_signed(expected.max_age)
        .and_then(|until| until.checked_add_signed(margin))
        .unwrap_or(DateTime::<Utc>::MAX_UTC);
    let nonce =
        claims.get("nonce").map(|nonce| nonce.as_str().ok_or(JoseError::NonceMismatch)).transpose()?;
    if expected.nonce.is_some_and(|wanted| nonce != Some(wanted)) {
        return Err(JoseError::NonceMismatch);
    }
    if let Some(token) = expected.access_token
        && text("ath")? != s256(token.as_bytes())
    {
        return Err(JoseError::ClaimMismatch("ath"));
    }
    Ok(DpopProof {
        thumbprint: key.thumbprint(),
        jti: jti.to_owned(),
        issued_at,
        usable_until: until,
        nonce: nonce.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests;
