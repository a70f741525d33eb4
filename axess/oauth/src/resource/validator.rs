use super::{AccessToken, PresentedToken, TokenBinding, TokenRefusal, TokenScheme, TokenSource};
use axess_clock::Clock;
use axess_factors::federated::ReplayGuard;
use axess_jose::{
    Algorithm, Expectations, Limits, TypRule,
    dpop::{DpopExpectations, DpopProof, verify_proof},
    s256, verify_with,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use std::{fmt, sync::Arc};
use subtle::ConstantTimeEq;

/// The most bytes of an access token.
pub const MAX_ACCESS_TOKEN_BYTES: usize = 16 * 1024;

/// What an access token must be.
///
/// ```
/// use axess_oauth::AccessTokenRules;
/// let rules = AccessTokenRules::new("https://login.example.com", "https://api.example.com");
/// assert!(!rules.must_be_bound);
/// ```
#[derive(Debug, Clone)]
pub struct AccessTokenRules {
    /// The issuer.
    pub issuer: String,
    /// The resource, which must be in `aud`.
    pub audience: String,
    /// The signatures that are taken.
    pub algorithms: Vec<Algorithm>,
    /// Whether a token that is bound to nothing is refused.
    pub must_be_bound: bool,
    /// Whether an opaque token of which the issuer names no audience is taken; then the issuer has to say that it is an access
    /// token (`token_type`), because it knows refresh tokens too.
    pub takes_any_audience: bool,
    /// How far ahead of ours the clocks of issuer and callers may be.
    pub clock_skew: TimeDelta,
}

impl AccessTokenRules {
    /// Makes rules with safe defaults for one issuer and one resource.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            algorithms: Algorithm::ALL.to_vec(),
            must_be_bound: false,
            takes_any_audience: false,
            clock_skew: TimeDelta::seconds(10),
        }
    }
}

/// Checks access tokens that are presented to a resource.
///
/// 1. The token is good: signed by its issuer (RFC 9068), or the issuer says so (RFC 7662); for this resource; not over.
/// 2. What it is bound to is shown: a proof for this request that was never used (RFC 9449), or the certificate (RFC 8705).
///
/// Scopes and step-up are asked of the [`AccessToken`] that comes of it.
///
/// ```
/// use axess_factors::federated::ReplayGuard;
/// use axess_oauth::{AccessTokenRules, AccessTokenValidator, TokenSource};
/// use std::sync::Arc;
///
/// fn make(source: TokenSource, replay: Arc<dyn ReplayGuard>) -> AccessTokenValidator {
///     let rules = AccessTokenRules::new("https://login.example.com", "https://api.example.com");
///     AccessTokenValidator::new(rules, source, replay)
/// }
/// # let _ = make;
/// ```
pub struct AccessTokenValidator {
    rules: AccessTokenRules,
    source: TokenSource,
    replay: Arc<dyn ReplayGuard>,
}

impl AccessTokenValidator {
    /// Makes a validator. `replay` remembers proofs; instances behind one address share it.
    #[must_use]
    pub fn new(rules: AccessTokenRules, source: TokenSource, replay: Arc<dyn ReplayGuard>) -> Self {
        Self { rules, source, replay }
    }

    /// Returns the rules.
    #[must_use]
    pub fn rules(&self) -> &AccessTokenRules {
        &self.rules
    }

    /// Checks a token for the request it came with, at the time when keys or the issuer's answer are there.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal`] but the two about scopes and authentication.
    pub async fn validate(
        &self,
        presented: &PresentedToken<'_>,
        clock: &dyn Clock,
    ) -> Result<AccessToken, TokenRefusal> {
        if presented.token.len() > MAX_ACCESS_TOKEN_BYTES {
            return Err(TokenRefusal::Malformed { what: "the access token is too long" });
        }
        let claims = match self.source.key_set().await? {
            Some(keys) => {
                let expected = self.expectations();
                let claims = verify_with(presented.token, &keys, &expected, clock).await;
                claims.map_err(TokenRefusal::jose)?.into_map()
            }
            None => self.introspected(presented.token, clock).await?,
        };
        let binding = self.binding(&claims, presented, clock.now()).await?;
        Ok(AccessToken::new(&self.rules.issuer, claims, binding))
    }

    /// What RFC 9068 §2.2 and §4 demand.
    fn expectations(&self) -> Expectations {
        Expectations {
            typ: TypRule::OneOf(&["at+jwt"]),
            leeway: self.rules.clock_skew,
            ahead: self.rules.clock_skew,
            required: vec!["iss", "exp", "aud", "sub", "client_id", "iat", "jti"],
            limits: Limits { max_bytes: MAX_ACCESS_TOKEN_BYTES, ..Limits::default() },
            ..Expectations::new(&self.rules.issuer, &self.rules.audience, &self.rules.algorithms)
        }
    }

    /// Returns what the issuer says of an opaque token, if it is good and for us.
    async fn introspected(&self, token: &str, clock: &dyn Clock) -> Result<Map<String, Value>, TokenRefusal> {
        let not_good = |what| Err(TokenRefusal::NotGood { what });
        let not_for_us = |what| Err(TokenRefusal::NotForUs { what });
        let Some(answer) = self.source.introspection(token).await? else {
            return not_good("the issuer does not know it, or no longer");
        };
        let claims = &answer.claims;
        if claims.get("iss").is_some_and(|issuer| issuer.as_str() != Some(self.rules.issuer.as_str())) {
            return not_for_us("it is another issuer's");
        }
        let is_ours = |value: &Value| value.as_str() == Some(self.rules.audience.as_str());
        let is_for_us = match claims.get("aud") {
            None | Some(Value::Null) => self.rules.takes_any_audience,
            Some(Value::Array(all)) => all.iter().any(is_ours),
            Some(one) => is_ours(one),
        };
        if !is_for_us {
            return not_for_us("it is for another resource");
        }
        if !is_access_token(claims) {
            return not_for_us("the issuer does not say that it is an access token");
        }
        // The answer may be a while old.
        let (ends, begins) = (time(claims, "exp")?, time(claims, "nbf")?);
        let now = clock.now().timestamp();
        if ends.is_some_and(|at| now >= at) || begins.is_some_and(|at| now < at) {
            return not_good("it is over, or has not begun");
        }
        Ok(claims.clone())
    }

    /// Checks that the caller shows what the token is bound to. A kind of binding that is not known cannot be shown.
    async fn binding(
        &self,
        claims: &Map<String, Value>,
        presented: &PresentedToken<'_>,
        now: DateTime<Utc>,
    ) -> Result<TokenBinding, TokenRefusal> {
        let not_shown = |what| Err(TokenRefusal::NotTheHolder { what });
        let no_binding = Map::new();
        let confirmation = match claims.get("cnf") {
            None | Some(Value::Null) => &no_binding,
            Some(Value::Object(members)) => members,
            Some(_) => return not_shown("its binding cannot be read"),
        };
        let text = |name: &str| confirmation.get(name).and_then(Value::as_str);
        let mut binding = TokenBinding::None;
        for name in confirmation.keys() {
            binding = match (name.as_str(), text(name), presented.client_certificate) {
                ("jkt", Some(thumbprint), _) if presented.scheme == TokenScheme::Dpop => {
                    let proof = self.proof(presented, now).await?;
                    if !is_same(&proof.thumbprint, thumbprint) {
                        return not_shown("the proof is of another key");
                    }
                    TokenBinding::Key(thumbprint.to_owned())
                }
                ("jkt", ..) => return not_shown("its key must make a proof"),
                ("x5t#S256", Some(thumbprint), Some(der)) if is_same(&s256(der), thumbprint) => {
                    TokenBinding::Certificate(thumbprint.to_owned())
                }
                ("x5t#S256", ..) => return not_shown("its certificate must make the connection"),
                _ => return not_shown("in a way that is not known here"),
            };
        }
        if text("jkt").is_none() && presented.scheme == TokenScheme::Dpop {
            return not_shown("to no key, and came with a proof");
        }
        if binding == TokenBinding::None && self.rules.must_be_bound {
            return not_shown("to nothing, which is not enough here");
        }
        Ok(binding)
    }

    /// Checks the one proof, for this request and token, and uses it up.
    async fn proof(
        &self,
        presented: &PresentedToken<'_>,
        now: DateTime<Utc>,
    ) -> Result<DpopProof, TokenRefusal> {
        let [proof] = presented.proofs else {
            return Err(TokenRefusal::Malformed { what: "there must be one proof of possession" });
        };
        let expected = DpopExpectations {
            nonce: presented.nonce,
            access_token: Some(presented.token),
            ahead: self.rules.clock_skew,
            ..DpopExpectations::new(presented.method, presented.url)
        };
        let proof = verify_proof(proof, &expected, now).map_err(|error| match error {
            axess_jose::JoseError::NonceMismatch => TokenRefusal::NonceWanted,
            other => TokenRefusal::ProofInvalid(other),
        })?;
        let name = format!("dpop:{}", proof.thumbprint);
        match self.replay.claim(&name, &proof.jti, proof.usable_until, now).await {
            Ok(true) => Ok(proof),
            Ok(false) => Err(TokenRefusal::ProofReplayed),
            Err(error) => Err(TokenRefusal::Unavailable(error.into())),
        }
    }
}

/// Tells an access token from a refresh token, about which issuers say that it is good as well (RFC 7662 §2.1). Where there is no
/// audience, the type of the token has to tell (§2.2).
fn is_access_token(claims: &Map<String, Value>) -> bool {
    let is = |name: &str, kinds: &[&str]| {
        let said = claims.get(name).and_then(Value::as_str);
        said.is_some_and(|said| kinds.iter().any(|kind| kind.eq_ignore_ascii_case(said)))
    };
    // How three servers call it besides.
    let is_other = ["token_type", "token_use", "typ"]
        .into_iter()
        .any(|name| is(name, &["refresh_token", "Refresh", "Offline"]));
    let has_audience = claims.get("aud").is_some_and(|audience| !audience.is_null());
    !is_other && (has_audience || is("token_type", &["Bearer", "DPoP"]))
}

/// Reads a time that an issuer may leave out, but not write so that nobody can tell: some write a fraction, or text.
pub(super) fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, TokenRefusal> {
    let seconds = match claims.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64().or_else(|| Some(number.as_f64()? as i64)),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    seconds.map(Some).ok_or(TokenRefusal::NotGood { what: "its times cannot be read" })
}

fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

impl fmt::Debug for AccessTokenValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokenValidator").field("rules", &self.rules).finish_non_exhaustive()
    }
}
