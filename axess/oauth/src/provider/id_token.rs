use super::OidcProvider;
use crate::{fault, metadata::Known};
use axess_factors::federated::FederationError;
use axess_jose::{Claims, Expectations, Limits, TypRule, jwe, verify_with};
use chrono::{DateTime, TimeDelta, Utc};
use subtle::ConstantTimeEq;

/// What an ID token is held against, besides the configuration.
#[derive(Default)]
pub(super) struct IdTokenRules<'a> {
    /// The nonce of the request, where there was one.
    pub(super) nonce: Option<&'a str>,
    pub(super) code: Option<&'a str>,
    pub(super) access_token: Option<&'a str>,
    /// The user must have authenticated no earlier.
    pub(super) authenticated_since: Option<DateTime<Utc>>,
    /// One of these must be met.
    pub(super) acr: &'a [String],
    /// The user that the tokens before were about.
    pub(super) subject: Option<&'a str>,
}

impl OidcProvider {
    /// Verifies an ID token (OpenID Connect Core 1.0 §3.1.3.7, §12.2), at the time when its key is there.
    pub(super) async fn id_token(
        &self,
        known: &Known,
        token: &str,
        rules: &IdTokenRules<'_>,
    ) -> Result<Claims, FederationError> {
        let decrypted = self.decrypted(token)?;
        let signed = decrypted.as_deref().unwrap_or(token);
        let config = &self.config;
        let lifetime = |fapi: &crate::FapiConfig| TimeDelta::seconds(fapi.max_id_token_lifetime_secs.into());
        let skew = TimeDelta::from_std(config.clock_skew).unwrap_or_default();
        let expected = Expectations {
            typ: TypRule::Plain,
            leeway: skew,
            ahead: skew,
            max_age: TimeDelta::from_std(config.max_id_token_age).ok(),
            max_lifetime: config.fapi.as_ref().map(lifetime),
            required: vec!["iss", "sub", "aud", "exp", "iat"],
            ..self.expectations()
        };
        let claims = verify_with(signed, &known.keys, &expected, &self.clock).await.map_err(fault::jose)?;
        self.check_issuer(&claims)?;
        check_party(&claims, &config.client_id)?;
        if rules.nonce.is_some_and(|nonce| !is_same(claims.str("nonce"), nonce)) {
            return Err(FederationError::NonceMismatch);
        }
        check_hash(&claims, "at_hash", rules.access_token)?;
        check_hash(&claims, "c_hash", rules.code)?;
        check_authentication(&claims, rules, expected.ahead, self.clock.now())?;
        if rules.subject.is_some_and(|subject| self.subject(&claims) != subject) {
            return Err(FederationError::Malformed { what: "the new ID token is about somebody else" });
        }
        Ok(claims)
    }

    /// Takes an ID token out of its envelope; it must have one where we have keys.
    fn decrypted(&self, token: &str) -> Result<Option<String>, FederationError> {
        if !jwe::is_encrypted(token) && !self.config.decryption_keys.is_empty() {
            return Err(FederationError::WeakerThanConfigured { what: "the ID token is not encrypted" });
        }
        self.opened(token)
    }

    /// Takes what may be encrypted out of its envelope, if it has one.
    pub(super) fn opened(&self, token: &str) -> Result<Option<String>, FederationError> {
        self.opened_within(token, Limits::default())
    }

    /// The same for one that may be larger, or must be smaller, than most.
    pub(super) fn opened_within(
        &self,
        token: &str,
        limits: Limits,
    ) -> Result<Option<String>, FederationError> {
        match (jwe::is_encrypted(token), self.config.decryption_keys.is_empty()) {
            (false, _) => Ok(None),
            (true, true) => Err(FederationError::Malformed { what: "a token is encrypted to somebody else" }),
            (true, false) => {
                let allowed = jwe::JweAllowed { limits, ..jwe::JweAllowed::default() };
                let plain =
                    jwe::decrypt(token, &self.config.decryption_keys, &allowed).map_err(fault::jose)?;
                let text = String::from_utf8(plain)
                    .map_err(|_| FederationError::Malformed { what: "what was encrypted is no token" })?;
                Ok(Some(text))
            }
        }
    }
}

/// A token for several must say that we are the one it was issued to; one that names somebody else is never ours.
fn check_party(claims: &Claims, client_id: &str) -> Result<(), FederationError> {
    let party = claims.get("azp");
    let is_ours = match party {
        Some(party) => party.as_str() == Some(client_id),
        None => claims.audience().len() == 1,
    };
    if is_ours { Ok(()) } else { Err(FederationError::AudienceMismatch) }
}

/// Compares the hash of a token or code, where the ID token has one: what came beside it is not somebody else's.
fn check_hash(claims: &Claims, name: &'static str, value: Option<&str>) -> Result<(), FederationError> {
    let (Some(claim), Some(value)) = (claims.get(name), value) else { return Ok(()) };
    if is_same(claim.as_str(), &claims.algorithm().half_hash(value)) {
        return Ok(());
    }
    Err(FederationError::Malformed { what: "the ID token belongs to another code or access token" })
}

fn check_authentication(
    claims: &Claims,
    rules: &IdTokenRules<'_>,
    ahead: TimeDelta,
    now: DateTime<Utc>,
) -> Result<(), FederationError> {
    if let Some(since) = rules.authenticated_since {
        let at = claims.time("auth_time").ok_or(FederationError::Malformed {
            what: "the ID token lacks `auth_time`, which was asked for",
        })?;
        if at < since - ahead {
            return Err(FederationError::AuthenticationTooOld);
        }
        // A time that is ahead says nothing about how long ago it was.
        if at > now + ahead {
            return Err(FederationError::NotYetValid);
        }
    }
    let met = claims.str("acr");
    if !rules.acr.is_empty() && !rules.acr.iter().any(|value| Some(value.as_str()) == met) {
        return Err(FederationError::AcrNotMet);
    }
    Ok(())
}

fn is_same(claim: Option<&str>, expected: &str) -> bool {
    claim.unwrap_or_default().as_bytes().ct_eq(expected.as_bytes()).into()
}
