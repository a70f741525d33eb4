//! How answers look: JSON that no cache keeps, pages with a link to the next.

use super::shapes::{Issued, Waiting};
use crate::{access::Caller, app::App, handover::Handover, model::PendingRequest, problem::Problem};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header};
use serde::Serialize;
use std::fmt::Write;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T> {
    /// The entries, newest first.
    items: Vec<T>,
    /// What to pass as `after` for the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Answers with JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let Ok(text) = serde_json::to_vec(body) else { return Problem::internal().into_response() };
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Answers with a page, and says in a header where the next one is (RFC 8288).
pub(super) fn list<T: Serialize>(uri: &Uri, items: Vec<T>, next: Option<String>) -> Response {
    let link = next.as_deref().and_then(|next| HeaderValue::try_from(next_link(uri, next)).ok());
    let mut response = json(StatusCode::OK, &List { items, next });
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// Answers with a credential.
pub(super) fn issued(handover: &Handover) -> Response {
    let mut response = json(StatusCode::OK, &Issued::new(handover));
    if handover.is_replayed {
        mark_replayed(&mut response);
    }
    response
}

/// Answers that somebody has to agree first, and where to ask how that goes.
pub(super) fn waiting(app: &App, caller: &Caller, pending: &PendingRequest) -> Response {
    let body = Waiting::new(pending, app, caller);
    let mut response = json(StatusCode::ACCEPTED, &body);
    let place = format!("/credentials/{}", pending.session_id);
    if let Ok(place) = HeaderValue::try_from(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// Says that the answer was given before.
pub(super) fn mark_replayed(response: &mut Response) {
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
}

fn next_link(uri: &Uri, next: &str) -> String {
    let kept = uri.query().unwrap_or_default().split('&');
    let kept = kept.filter(|pair| !pair.is_empty() && *pair != "after" && !pair.starts_with("after="));
    let mut query: Vec<String> = kept.map(link_safe).collect();
    query.push(format!("after={}", encoded(next)));
    format!("<{}?{}>; rel=\"next\"", link_safe(uri.path()), query.join("&"))
}

/// A URI may hold what would end the link early.
fn link_safe(text: &str) -> String {
    text.replace('<', "%3C").replace('>', "%3E").replace('"', "%22")
}

/// Writes what is not a letter, a digit or one of `-._~` in percent signs.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut written, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(written, "%{byte:02X}");
        }
        written
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_asked_the_same() {
        let link = |uri: &str, next: &str| next_link(&uri.parse().unwrap(), next);
        assert_eq!(link("/sessions", "a b&c"), "</sessions?after=a%20b%26c>; rel=\"next\"");
        let uri = "/sessions?after=old&limit=5&status=active";
        assert_eq!(link(uri, "n"), "</sessions?limit=5&status=active&after=n>; rel=\"next\"");
        assert_eq!(link("/audit?user=a%3E", "1"), "</audit?user=a%3E&after=1>; rel=\"next\"");
    }
}
