use crate::problem;
use axess_events::shell::AccessTokenFailureReason;
use axess_jose::JoseError;
use axess_oauth::{TokenRefusal, TokenScheme};
use axum::response::{IntoResponse, Response};
use http::header;

/// What a caller whose access token does not do is told: a problem document with `WWW-Authenticate`.
///
/// ```
/// use axess_http::{Accepted, AccessToken, TokenRejection};
/// use axess_clock::{Clock, SystemClock};
/// async fn pay(token: Accepted<AccessToken>) -> Result<String, TokenRejection> {
///     // RFC 9470: a login of the last five minutes.
///     token.require_authentication(&[], Some(300), SystemClock.now())?;
///     Ok("paid".to_owned())
/// }
/// # let _: axum::Router = axum::Router::new().route("/pay", axum::routing::post(pay));
/// ```
#[derive(Debug)]
pub struct TokenRejection {
    pub(super) refusal: TokenRefusal,
    pub(super) scheme: TokenScheme,
    /// The other way to present one, where either does.
    pub(super) other: Option<TokenScheme>,
    /// Where the metadata of the resource is.
    pub(super) metadata: Option<String>,
    /// The nonce that the next proof may have.
    pub(super) nonce: Option<String>,
}

impl TokenRejection {
    /// Makes a refusal of what a handler asked of a token.
    #[must_use]
    pub fn new(refusal: TokenRefusal, scheme: TokenScheme) -> Self {
        Self { refusal, scheme, other: None, metadata: None, nonce: None }
    }

    /// Returns why.
    #[must_use]
    pub fn refusal(&self) -> &TokenRefusal {
        &self.refusal
    }

    /// Callers can bring most of them about at will, and those must not fill the error log.
    fn log(&self) {
        let cause = &self.refusal as &dyn std::error::Error;
        match self.refusal {
            TokenRefusal::Unavailable(_) => {
                tracing::error!(error = cause, "an access token cannot be checked")
            }
            _ => tracing::debug!(error = cause, "an access token was refused"),
        }
    }
}

impl From<TokenRefusal> for TokenRejection {
    fn from(refusal: TokenRefusal) -> Self {
        let scheme = refusal.scheme().unwrap_or(TokenScheme::Bearer);
        Self::new(refusal, scheme)
    }
}

impl IntoResponse for TokenRejection {
    fn into_response(self) -> Response {
        let status = http::StatusCode::from_u16(self.refusal.status());
        let Ok(status) = status else { return problem::internal() };
        self.log();
        let code = self.refusal.code().unwrap_or(match status.as_u16() {
            503 => "unavailable",
            _ => "authentication_required",
        });
        let mut response = problem::problem(status, code);
        let headers = response.headers_mut();
        for scheme in std::iter::once(self.scheme).chain(self.other).filter(|_| status.as_u16() != 503) {
            let mut challenge = self.refusal.challenge(scheme);
            if let Some(metadata) = &self.metadata {
                challenge = challenge.with_resource_metadata(metadata);
            }
            if let Ok(challenge) = challenge.to_string().try_into() {
                headers.append(header::WWW_AUTHENTICATE, challenge);
            }
        }
        if let Some(nonce) = self.nonce.as_deref().and_then(|nonce| nonce.try_into().ok()) {
            headers.insert("dpop-nonce", nonce);
        }
        response
    }
}

/// Says what of a refusal is for the trail: what an honest client with its own token does not bring about.
pub(super) fn suspicious(refusal: &TokenRefusal) -> Option<AccessTokenFailureReason> {
    match refusal {
        TokenRefusal::ProofReplayed => Some(AccessTokenFailureReason::ProofReplayed),
        TokenRefusal::NotTheHolder { .. } => Some(AccessTokenFailureReason::NotTheHolder),
        // It ran out, or the clocks differ.
        TokenRefusal::Invalid(JoseError::Expired | JoseError::NotYetValid | JoseError::TooOld) => None,
        TokenRefusal::ProofInvalid(JoseError::NotYetValid | JoseError::TooOld) => None,
        TokenRefusal::ProofInvalid(_) => Some(AccessTokenFailureReason::ProofInvalid),
        TokenRefusal::Invalid(_) | TokenRefusal::NotForUs { .. } => {
            Some(AccessTokenFailureReason::TokenInvalid)
        }
        TokenRefusal::Missing
        | TokenRefusal::Malformed { .. }
        | TokenRefusal::NotGood { .. }
        | TokenRefusal::NonceWanted
        | TokenRefusal::InsufficientScope { .. }
        | TokenRefusal::InsufficientAuthentication { .. }
        | TokenRefusal::Unavailable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_for_somebody_else_is_on_record_and_one_that_is_over_is_not() {
        let reason = suspicious(&TokenRefusal::NotForUs { what: "it is for another resource" });
        assert_eq!(reason, Some(AccessTokenFailureReason::TokenInvalid));
        assert_eq!(suspicious(&TokenRefusal::NotGood { what: "it is over, or has not begun" }), None);
    }

    #[test]
    fn a_clock_that_is_wrong_is_no_attack() {
        for (error, is_told) in [
            (JoseError::TooOld, false),
            (JoseError::NotYetValid, false),
            (JoseError::ClaimMismatch("htu"), true),
            (JoseError::SignatureInvalid, true),
        ] {
            let reason = suspicious(&TokenRefusal::ProofInvalid(error.clone()));
            assert_eq!(reason, is_told.then_some(AccessTokenFailureReason::ProofInvalid), "{error}");
            let reason = suspicious(&TokenRefusal::Invalid(error.clone()));
            assert_eq!(reason, is_told.then_some(AccessTokenFailureReason::TokenInvalid), "{error}");
        }
    }
}
