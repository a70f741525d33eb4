use crate::problem;
use axess_workload::{JwtSvidError, JwtSvidFault};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use std::time::Duration;

/// When a caller may ask again after what a token is checked with was not to be had.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a request goes no further; a response says no more than its status and a code (RFC 6750 §3.1).
#[derive(Debug)]
pub(super) enum Refusal {
    /// The header cannot be read.
    Malformed,
    /// There is no token, on a route that is for workloads alone.
    Missing,
    /// The token does not do, or cannot be checked.
    Token(JwtSvidError),
    /// The workload is another than the route is for.
    NotAllowed,
    /// What the route demands cannot be read.
    Demand,
}

impl Refusal {
    /// Returns why a token did not do, where that is its bearer's fault: what the trail says.
    pub(super) fn failure(&self) -> Option<&'static str> {
        let Self::Token(error) = self else { return None };
        (error.fault() == JwtSvidFault::Caller).then(|| error.reason())
    }

    /// Callers can bring most of them about at will, and those must not fill the error log.
    fn log(&self) {
        match self {
            Self::Token(error) if error.fault() == JwtSvidFault::Backend => {
                tracing::error!(error = error as &dyn std::error::Error, "a JWT-SVID cannot be checked");
            }
            Self::Token(error) => {
                tracing::debug!(error = error as &dyn std::error::Error, "a JWT-SVID was refused");
            }
            Self::Demand => tracing::error!(
                "a route demands a workload in words that are not known: write nothing, `/a/path` or `/a/*`"
            ),
            Self::Malformed | Self::Missing | Self::NotAllowed => {}
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.log();
        let (status, code, challenge) = match self {
            Self::Malformed => {
                (StatusCode::BAD_REQUEST, "invalid_request", r#"Bearer error="invalid_request""#)
            }
            Self::Missing => (StatusCode::UNAUTHORIZED, "authentication_required", "Bearer"),
            Self::Token(error) if error.fault() == JwtSvidFault::Backend => {
                return problem::unavailable(Some(RETRY_AFTER));
            }
            Self::Token(_) => (StatusCode::UNAUTHORIZED, "invalid_token", r#"Bearer error="invalid_token""#),
            Self::NotAllowed => {
                (StatusCode::FORBIDDEN, "insufficient_scope", r#"Bearer error="insufficient_scope""#)
            }
            Self::Demand => return problem::internal(),
        };
        let mut response = problem::problem(status, code);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        response
    }
}
