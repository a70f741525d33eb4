//! What callers are told when they do not get what they asked for: a problem (RFC 9457) without reasons. Reasons are for
//! the log, and for administrators who ask for an explanation.

use crate::chain;
use axess::{AuthnError, AuthnRejection, authz::AuthzRejection};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Boxed, because it is handed on through several functions.
pub(crate) struct Refusal(Box<Response>);

impl Refusal {
    /// The document is not there, or not for the caller: one answer.
    pub(crate) fn not_found() -> Self {
        Self::problem(StatusCode::NOT_FOUND, "Not Found", "not_found")
    }

    /// Notes a fault of ours; the caller learns nothing of it.
    pub(crate) fn fault(error: impl std::error::Error) -> Self {
        tracing::error!(error = chain(&error), "a request failed");
        Self::problem(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", "internal_error")
    }

    fn problem(status: StatusCode, title: &str, code: &str) -> Self {
        let status_code = status.as_u16();
        let body =
            format!(r#"{{"type":"about:blank","title":"{title}","status":{status_code},"code":"{code}"}}"#);
        let kind = HeaderValue::from_static("application/problem+json");
        Self(Box::new((status, [(header::CONTENT_TYPE, kind)], body).into_response()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<AuthzRejection> for Refusal {
    fn from(rejection: AuthzRejection) -> Self {
        Self(Box::new(rejection.into_response()))
    }
}

impl From<AuthnError> for Refusal {
    fn from(error: AuthnError) -> Self {
        Self(Box::new(AuthnRejection::from(error).into_response()))
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::fault(error)
    }
}
