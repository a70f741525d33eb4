use super::{OidcProvider, callback::parameters};
use crate::fault;
use axess_factors::federated::{CallbackMethod, CallbackResponse, FederationError, LogoutNotice};
use axess_jose::{Claims, Expectations, Limits, TypRule, verify_with};
use chrono::TimeDelta;

/// The most bytes of a logout token.
pub const MAX_LOGOUT_TOKEN_BYTES: usize = 8 * 1024;
/// How long ago a logout token may have been issued.
pub const MAX_LOGOUT_TOKEN_AGE: TimeDelta = TimeDelta::minutes(5);
/// How far apart the clocks may be.
const SKEW: TimeDelta = TimeDelta::seconds(60);
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The longest name of a token, in bytes.
const MAX_JTI_BYTES: usize = 255;

impl OidcProvider {
    /// Verifies what a provider posts to end sessions (OpenID Connect Back-Channel Logout 1.0 §2.6): a form whose only
    /// parameter is `logout_token`.
    pub(super) async fn verify_logout_token(
        &self,
        message: &CallbackResponse,
    ) -> Result<LogoutNotice, FederationError> {
        let form = parameters(message)?;
        let token = form.get("logout_token").filter(|_| message.method == CallbackMethod::Post);
        let token = token.ok_or(FederationError::Malformed { what: "there is no logout token" })?;
        self.verify_logout_jwt(token).await
    }

    /// Verifies a logout token: signature, issuer, audience, times, that it is one, and that it names somebody.
    ///
    /// The caller claims [`LogoutNotice::replay`] before ending anything.
    ///
    /// # Errors
    ///
    /// Any [`FederationError`].
    pub async fn verify_logout_jwt(&self, token: &str) -> Result<LogoutNotice, FederationError> {
        let known = self.known().await?;
        let config = &self.config;
        if token.len() > MAX_LOGOUT_TOKEN_BYTES {
            return Err(FederationError::Malformed { what: "the logout token is too long" });
        }
        // §2.6 step 1: one may be encrypted where ID tokens are.
        let decrypted = self.opened(token)?;
        let token = decrypted.as_deref().unwrap_or(token);
        let expected = Expectations {
            // The type is recommended, not demanded (§2.4); an ID token is told apart by its events and nonce.
            typ: TypRule::NoneOr(&["logout+jwt", "JWT"]),
            leeway: SKEW,
            ahead: SKEW,
            max_age: Some(MAX_LOGOUT_TOKEN_AGE),
            required: vec!["iss", "aud", "iat", "jti", "events"],
            limits: Limits { max_bytes: MAX_LOGOUT_TOKEN_BYTES, ..Limits::default() },
            ..self.expectations()
        };
        let claims = verify_with(token, &known.keys, &expected, &self.clock).await.map_err(fault::jose)?;
        self.check_issuer(&claims)?;
        check(&claims, &config.client_id)?;
        let jti = claims.id().unwrap_or_default().to_owned();
        let issued = claims.issued_at().unwrap_or_else(|| self.clock.now());
        // Its age is bounded, whatever it says itself; in its last instant it would still be taken.
        let until = issued + MAX_LOGOUT_TOKEN_AGE + SKEW + TimeDelta::seconds(1);
        let named = |name: &str| claims.str(name).filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(LogoutNotice {
            issuer: config.issuer.clone(),
            subject: named("sub").map(|_| self.subject(&claims)),
            session_ids: named("sid").into_iter().collect(),
            replay: Some((jti, until)),
            answer: None,
            is_answer: false,
        })
    }
}

fn check(claims: &Claims, client_id: &str) -> Result<(), FederationError> {
    let malformed = |what| Err(FederationError::Malformed { what });
    if claims.get("events").and_then(|events| events.get(EVENT)).is_none_or(|event| !event.is_object()) {
        return malformed("it is no logout token: the event is missing");
    }
    // §2.4: prohibited, so that no ID token passes for one.
    if claims.get("nonce").is_some() {
        return malformed("a logout token has a nonce");
    }
    if !claims.id().is_some_and(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len())) {
        return malformed("the name of the logout token is empty or too long");
    }
    let is_named = |name: &str| claims.str(name).is_some_and(|text| !text.is_empty());
    if !is_named("sub") && !is_named("sid") {
        return malformed("the logout token names nobody");
    }
    let is_ours =
        claims.get("azp").map_or(claims.audience().len() == 1, |party| party.as_str() == Some(client_id));
    if is_ours { Ok(()) } else { Err(FederationError::AudienceMismatch) }
}
