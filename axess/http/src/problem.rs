//! What a refused caller sees: `application/problem+json` (RFC 9457) with a stable `code`, and nothing about why inside.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use std::time::Duration;

/// Renders a problem.
pub(crate) fn problem(status: StatusCode, code: &'static str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{},\"code\":\"{code}\"}}",
        status.as_u16()
    );
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(crate) fn unauthenticated(code: &'static str) -> Response {
    problem(StatusCode::UNAUTHORIZED, code)
}

pub(crate) fn internal() -> Response {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal_error")
}

/// 503, with the wait in whole seconds when it is known.
pub(crate) fn unavailable(retry_after: Option<Duration>) -> Response {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    if let Some(wait) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    response
}
