//! A page whose form posts itself.

use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Posts the form, also one with a field called `submit`. Its digest is in the policy of the page, which runs nothing else.
const SCRIPT: &str = "HTMLFormElement.prototype.submit.call(document.forms[0])";

/// Renders a form that posts itself to `action`; without scripts there is a button.
///
/// `target` is the origin of the action, or `'self'`: the page can be sent nowhere else.
pub(super) fn posting(action: &str, target: &str, fields: &[(String, String)]) -> Response {
    let mut inputs = String::new();
    for (name, value) in fields {
        let (name, value) = (escaped(name), escaped(value));
        let _ = write!(inputs, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Signing in</title></head><body>\
         <form method=\"post\" action=\"{}\">{inputs}<noscript><button>Continue</button></noscript></form>\
         <script>{SCRIPT}</script></body></html>",
        escaped(action)
    );
    let script = STANDARD.encode(Sha256::digest(SCRIPT));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{script}'; form-action {target}; base-uri 'none'; frame-ancestors 'none'"
    );
    let Ok(policy) = HeaderValue::try_from(policy) else { return crate::problem::internal() };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (StatusCode::OK, headers, body).into_response()
}

/// Escapes a text for an attribute in double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // As they are, browsers would make one of the two.
            '\r' => escaped.push_str("&#13;"),
            '\n' => escaped.push_str("&#10;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_its_attribute() {
        assert_eq!(escaped("\"><script>&\r\n'"), "&quot;&gt;&lt;script&gt;&amp;&#13;&#10;'");
    }
}
