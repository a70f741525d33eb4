//! Refusals as pages, where a browser asked.

use crate::console::view::{
    fault::FaultPage,
    frame::{Frame, Here, answer},
    parts::span,
};
use axess::RequestId;
use axum::{
    Router,
    body::to_bytes,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
};
use chrono::TimeDelta;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;

/// What wants somebody who is signed in, unlike the other pages of the login.
const PROGRAM: &str = "/login/program";
/// The largest problem that is shown, in bytes.
const MAX_PROBLEM: usize = 64 * 1_024;

/// Answers browsers with pages where programs get problems: put it around everything else.
///
/// Whoever is not signed in is led to the login, and back afterwards.
pub fn with_pages(router: Router) -> Router {
    router.layer(middleware::from_fn(page))
}

async fn page(request: Request, next: Next) -> Response {
    if !wants_page(request.headers()) {
        return next.run(request).await;
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let name = request.extensions().get::<RequestId>().map(|id| id.as_str().to_owned());
    let response = next.run(request).await;
    if !is_problem(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_PROBLEM).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let code = problem.get("code").and_then(Value::as_str).unwrap_or("error");
    let back = match method {
        // What was posted is gone; a page can be shown again.
        Method::GET => uri.path_and_query().map_or("/console", |path| path.as_str()),
        _ => "/console",
    };
    if let (StatusCode::UNAUTHORIZED, Some(step)) = (parts.status, login_for(code))
        && (!uri.path().starts_with("/login") || uri.path() == PROGRAM)
    {
        let query = form_encoded(back);
        let login = Redirect::to(&format!("{step}?next={query}")).into_response();
        parts.headers.remove(header::CONTENT_TYPE);
        return with_headers_of(&parts.headers, login);
    }
    with_headers_of(&parts.headers, show(parts.status, code, &problem, name))
}

/// Keeps what the answer before said about itself, its protection and its cookies, but not about its body.
fn with_headers_of(before: &HeaderMap, mut shown: Response) -> Response {
    for name in before.keys().filter(|name| **name != header::CONTENT_LENGTH) {
        if !shown.headers().contains_key(name) {
            let values: Vec<_> = before.get_all(name).iter().cloned().collect();
            for value in values {
                shown.headers_mut().append(name.clone(), value);
            }
        }
    }
    shown
}

fn show(status: StatusCode, code: &str, problem: &Value, request: Option<String>) -> Response {
    let list = |name: &str| -> Vec<String> {
        let entries = problem.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let seconds = problem.get("retry_after").and_then(Value::as_i64);
    let page = FaultPage {
        frame: Frame::new(title(status), Here::Elsewhere),
        status: status.as_u16(),
        code: code.to_owned(),
        detail: problem
            .get("detail")
            .and_then(Value::as_str)
            .map(sentence)
            .or_else(|| default_detail(status)),
        instead: list("instead"),
        retry_after: seconds.map(|seconds| span(TimeDelta::seconds(seconds))),
        request,
    };
    answer(status, &page)
}

/// A browser that opens a page or posts a form says so; a script or a program asks for JSON.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepts.contains("text/html") && !headers.contains_key(header::AUTHORIZATION)
}

fn is_problem(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|content_type| content_type.starts_with("application/problem+json"))
}

/// Returns the page of the login that helps.
fn login_for(code: &str) -> Option<&'static str> {
    match code {
        "step_up_required" => Some("/login/totp"),
        "unauthenticated" | "session_ended" | "no_login_in_progress" => Some("/login"),
        _ => None,
    }
}

fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "That cannot be read",
        401 => "You are not signed in",
        403 => "You may not do that",
        404 => "Not found",
        405 => "That does not work here",
        409 => "It is too late for that",
        410 => "This link does not work any more",
        413 => "That is too much",
        429 => "Too many requests",
        503 => "Something is not available",
        code if code >= 500 => "Something went wrong",
        _ => "That did not work",
    }
}

fn default_detail(status: StatusCode) -> Option<String> {
    let text = match status.as_u16() {
        403 => "The policies of this server do not allow it.",
        404 => "There is no such page, or it is not yours to see.",
        code if code >= 500 => "It is not your fault. Nothing was issued. Try again in a moment.",
        _ => return None,
    };
    Some(text.to_owned())
}

/// Details of problems begin small and end without a full stop.
pub(super) fn sentence(detail: &str) -> String {
    let mut chars = detail.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let end = if detail.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// Writes a text as the value of a query.
pub(super) fn form_encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/');
    text.bytes()
        .map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;
    use axum::{body::Body, routing::get};
    use tower::ServiceExt;

    async fn ask(accept: &str, problem: Problem) -> (StatusCode, HeaderMap, String) {
        let app = with_pages(Router::new().route("/console/x", get(async move || problem)));
        let request =
            http::Request::get("/console/x?a=b&c").header("accept", accept).body(Body::empty()).unwrap();
        let (parts, body) = app.oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, MAX_PROBLEM).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_browser_gets_a_page_and_a_program_a_problem() {
        let limited = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded")
            .with_detail("<b> is too much")
            .with("retry_after", 90)
            .with_retry_after(90);
        let (status, headers, page) = ask("text/html,*/*", limited.clone()).await;
        assert_eq!(
            (status, headers[header::RETRY_AFTER].as_bytes()),
            (StatusCode::TOO_MANY_REQUESTS, &b"90"[..])
        );
        assert!(
            page.contains("<h1>Too many requests</h1>") && page.contains("&#60;b&#62; is too much."),
            "{page}"
        );
        assert!(page.contains("Try again in 1 min."));
        let (_, headers, body) = ask("application/json", limited).await;
        assert!(is_problem(&headers) && body.starts_with('{'));
    }

    #[tokio::test]
    async fn who_is_not_signed_in_is_led_to_the_login_and_back() {
        let (status, headers, _) = ask("text/html", Problem::unauthenticated()).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert_eq!(headers[header::LOCATION], "/login?next=/console/x%3Fa%3Db%26c");
        let again = Problem::new(StatusCode::UNAUTHORIZED, "step_up_required");
        assert!(
            ask("text/html", again).await.1[header::LOCATION].to_str().unwrap().starts_with("/login/totp?")
        );
        let (status, _, page) =
            ask("text/html", Problem::new(StatusCode::UNAUTHORIZED, "login_failed")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(page.contains("<h1>"));
    }
}
