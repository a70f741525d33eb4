//! Tokens of workloads (RFC 7515, 7519), checked: what an attacker may choose is read strictly, and decides nothing.
//!
//! 1. Three parts of strict base64url, bounded. The header has members of a short list, once each: whatever could bring
//!    a key along (`jwk`, `jku`, `x5u`, `x5c`) or change what is signed (`crit`, `b64`, `zip`) is refused unread.
//! 2. `kid` is an opaque name that finds a published key or nothing. The key says how it signs; `alg` must agree.
//! 3. The signature; only then are claims believed. Each is there once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, crypto,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Number, Value};

/// The longest token, in bytes.
pub(super) const MAX_TOKEN: usize = 8_192;
/// The longest issuer, subject or name of a key, in bytes.
const MAX_NAME: usize = 512;
/// The most audiences of a token.
const MAX_AUDIENCES: usize = 16;
/// The most keys of an issuer that are looked at.
const MAX_KEYS: usize = 64;
/// How far clocks may be apart.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// How long a token may last, and how old it may be: whoever finds an older one does not get in with it.
const MAX_AGE: TimeDelta = TimeDelta::hours(24);
/// The bytes of an RSA modulus: 2,048 to 8,192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// Why a token is refused; for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JwtFault {
    #[error("it is no compact JWS of at most {MAX_TOKEN} bytes")]
    Malformed,
    #[error("its header has something that is not taken, or lacks what is needed")]
    Header,
    #[error("its claims are malformed, or there twice")]
    Claims,
    #[error("its issuer is not trusted")]
    Issuer,
    #[error("its issuer publishes no such key")]
    UnknownKey,
    #[error("it names another algorithm than its key has")]
    Algorithm,
    #[error("its signature does not fit")]
    Signature,
    #[error("it is for another audience")]
    Audience,
    #[error("it has ended")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
    #[error("it is too old, or lasts too long")]
    TooOld,
    #[error("its subject is none of those that are let in")]
    Subject,
}

/// A token taken apart, not yet believed.
#[derive(Debug)]
pub(super) struct Unverified<'t> {
    header: Header,
    claims: Claims,
    signed: &'t str,
    signature: &'t str,
}

/// Everything a header may have; the certificate's thumbprints are not looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default, rename = "x5t")]
    _x5t: Option<String>,
    #[serde(default, rename = "x5t#S256")]
    _x5t_s256: Option<String>,
}

/// The claims that count. Of these none is there twice; others are not looked at.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    exp: Number,
    iat: Number,
    #[serde(default)]
    nbf: Option<Number>,
}

/// A published key of an issuer.
#[derive(Debug, Clone)]
pub(super) struct PublicKey {
    id: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl<'t> Unverified<'t> {
    pub(super) fn parse(token: &'t str) -> Result<Self, JwtFault> {
        if token.len() > MAX_TOKEN {
            return Err(JwtFault::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtFault::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtFault::Malformed)?;
        // A fourth part leaves a dot in one of these, which is no base64url; nor is padding.
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| JwtFault::Malformed);
        let (header, claims) = (part(header)?, part(claims)?);
        part(signature)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| JwtFault::Header)?;
        let is_jwt = |typ: &String| ["jwt", "at+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known));
        if header.kid.len() > MAX_NAME || !header.typ.as_ref().is_none_or(is_jwt) {
            return Err(JwtFault::Header);
        }
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| JwtFault::Claims)?;
        let is_name =
            |text: &str| !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control);
        if !is_name(&claims.iss) || !is_name(&claims.sub) {
            return Err(JwtFault::Claims);
        }
        Ok(Self { header, claims, signed, signature })
    }

    /// Returns whose token it says it is: to find whose keys to ask.
    pub(super) fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// Returns the name of the key it says it was signed with.
    pub(super) fn key_id(&self) -> &str {
        &self.header.kid
    }

    /// Checks it with the key that its issuer publishes under that name; returns the subject.
    pub(super) fn verify(
        &self,
        key: &PublicKey,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<String, JwtFault> {
        if self.header.kid != key.id {
            return Err(JwtFault::UnknownKey);
        }
        if self.header.alg != name(key.algorithm) {
            return Err(JwtFault::Algorithm);
        }
        let fits = crypto::verify(self.signature, self.signed.as_bytes(), &key.key, key.algorithm);
        if !matches!(fits, Ok(true)) {
            return Err(JwtFault::Signature);
        }
        self.claims.check(audience, now)?;
        Ok(self.claims.sub.clone())
    }
}

impl Claims {
    fn check(&self, audience: &str, now: DateTime<Utc>) -> Result<(), JwtFault> {
        let is_ours = match &self.aud {
            Value::String(one) => one == audience,
            Value::Array(several) if several.len() <= MAX_AUDIENCES => {
                if !several.iter().all(Value::is_string) {
                    return Err(JwtFault::Claims);
                }
                several.iter().any(|one| one == audience)
            }
            _ => return Err(JwtFault::Claims),
        };
        if !is_ours {
            return Err(JwtFault::Audience);
        }
        let (ends, issued) = (moment(&self.exp)?, moment(&self.iat)?);
        let begins = self.nbf.as_ref().map(moment).transpose()?;
        if now >= ends + LEEWAY {
            return Err(JwtFault::Expired);
        }
        if issued > now + LEEWAY || begins.is_some_and(|begins| begins > now + LEEWAY) {
            return Err(JwtFault::NotYet);
        }
        if ends - issued > MAX_AGE || now - issued > MAX_AGE {
            return Err(JwtFault::TooOld);
        }
        Ok(())
    }
}

impl PublicKey {
    /// Returns its name.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

/// Reads a set of keys (RFC 7517). Keys that cannot verify a token here are left out: those without a name, for
/// encryption, symmetric, private, of another curve, too short.
pub(super) fn read_keys(text: &[u8]) -> Option<Vec<PublicKey>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(text).ok()?;
    let mut keys: Vec<PublicKey> = Vec::new();
    for value in set.keys.into_iter().take(MAX_KEYS) {
        let Some(key) = read_key(value) else { continue };
        // Two keys of one name: which is meant is the attacker's choice. The first is taken.
        if !keys.iter().any(|known| known.id == key.id) {
            keys.push(key);
        }
    }
    Some(keys)
}

fn read_key(value: Value) -> Option<PublicKey> {
    if value.get("d").is_some() || value.get("k").is_some() {
        return None;
    }
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let id = jwk.common.key_id.clone().filter(|id| !id.is_empty() && id.len() <= MAX_NAME)?;
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            RSA_BYTES.contains(&modulus.len()).then_some(Algorithm::RS256)?
        }
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let agrees = |named: &KeyAlgorithm| named.to_string() == name(algorithm);
    if !jwk.common.key_algorithm.as_ref().is_none_or(agrees) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(PublicKey { id, algorithm, key })
}

const fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::RS256 => "RS256",
        Algorithm::ES256 => "ES256",
        _ => "EdDSA",
    }
}

/// Reads a time of RFC 7519 section 2, which may have a fraction.
fn moment(number: &Number) -> Result<DateTime<Utc>, JwtFault> {
    let seconds = match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => whole,
        #[expect(clippy::cast_possible_truncation, reason = "checked against the range below")]
        (None, Some(part)) if part.is_finite() && part.abs() < 1e12 => part.floor() as i64,
        _ => return Err(JwtFault::Claims),
    };
    // Until the year 9999: what is added below stays in range.
    let in_range = (0..=253_402_300_799).contains(&seconds);
    in_range.then(|| DateTime::from_timestamp(seconds, 0)).flatten().ok_or(JwtFault::Claims)
}

/// Tells whether a text fits a pattern, in which `*` is any run of characters. Takes time linear in the text for each `*`.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests;
