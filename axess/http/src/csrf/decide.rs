use super::{CsrfConfig, origin::Origin};
use http::{HeaderMap, HeaderName, Method, Uri, header};
use std::fmt;

/// The types a page may send to another site without a preflight (Fetch Standard, CORS-safelisted request-header).
const FORM_TYPES: [&str; 3] = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Says why a request was refused.
///
/// ```
/// use axess_http::CsrfReason;
/// assert_eq!(CsrfReason::CrossSite.to_string(), "cross_site");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsrfReason {
    /// The browser says that another site caused it, from an origin that is not listed.
    CrossSite,
    /// `Origin` is not one of ours, or `null`.
    OriginMismatch,
    /// `Sec-Fetch-Site` or `Origin` is malformed or repeated.
    Malformed,
    /// A token is needed and was not sent in the header and the cookie.
    TokenMissing,
    /// The token differs from the cookie, is forged, or belongs to another session.
    TokenInvalid,
}

/// What the headers alone say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    NeedsToken,
    Refuse(CsrfReason),
}

/// Applies the rules of the module up to the token. `path` is the one the client asked for.
pub(super) fn judge(
    config: &CsrfConfig,
    method: &Method,
    uri: &Uri,
    path: &str,
    headers: &HeaderMap,
) -> Verdict {
    let has_exempt_token = config.bearer_is_exempt && has_bearer(headers);
    if is_safe(method, headers) || config.is_exempt(path) || has_exempt_token {
        return Verdict::Allow;
    }
    let (Ok(site), Ok(origin)) = (only(headers, &SEC_FETCH_SITE), only(headers, &header::ORIGIN)) else {
        return Verdict::Refuse(CsrfReason::Malformed);
    };
    let listed = |origin: Option<&str>| {
        origin.and_then(Origin::parse).is_some_and(|origin| config.origins.contains(&origin))
    };
    match (site, origin) {
        (Some("same-origin" | "none"), _) => Verdict::Allow,
        (Some("same-site" | "cross-site"), origin) if listed(origin) => Verdict::Allow,
        (Some("same-site" | "cross-site"), _) => Verdict::Refuse(CsrfReason::CrossSite),
        (Some(_), _) => Verdict::Refuse(CsrfReason::Malformed),
        (None, Some("null")) => Verdict::Refuse(CsrfReason::OriginMismatch),
        (None, Some(origin)) => match Origin::parse(origin) {
            None => Verdict::Refuse(CsrfReason::Malformed),
            Some(origin) if config.origins.contains(&origin) => Verdict::Allow,
            Some(origin) if config.origins.is_empty() && origin.is_target_of(uri, headers, config.secure) => {
                Verdict::Allow
            }
            Some(_) => Verdict::Refuse(CsrfReason::OriginMismatch),
        },
        (None, None) if !headers.contains_key(header::COOKIE) && !could_be_form(headers) => Verdict::Allow,
        (None, None) => Verdict::NeedsToken,
    }
}

impl fmt::Display for CsrfReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CrossSite => "cross_site",
            Self::OriginMismatch => "origin_mismatch",
            Self::Malformed => "malformed",
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid => "token_invalid",
        })
    }
}

fn is_safe(method: &Method, headers: &HeaderMap) -> bool {
    let opens_websocket = || {
        headers
            .get_all(header::UPGRADE)
            .iter()
            .any(|value| value.as_bytes().to_ascii_lowercase().windows(9).any(|w| w == b"websocket"))
    };
    match *method {
        Method::GET => !opens_websocket(),
        Method::HEAD | Method::OPTIONS | Method::TRACE => true,
        _ => false,
    }
}

/// Tells whether there is one `Authorization` header, of the scheme `Bearer` (RFC 6750 section 2.1).
fn has_bearer(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    value
        .as_bytes()
        .split(|byte| *byte == b' ')
        .next()
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
}

/// Tells whether another site's page could have sent this body without asking first (a CORS preflight): only those of a form,
/// and those without a type, can be.
fn could_be_form(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    let chunked = headers.contains_key(header::TRANSFER_ENCODING);
    if !chunked && length.is_some_and(|length| length == "0") {
        return false;
    }
    // A typed body of HTTP/2 may come without a length.
    let mut types = headers.get_all(header::CONTENT_TYPE).iter().peekable();
    if types.peek().is_none() {
        return chunked || length.is_some();
    }
    types.any(|value| {
        let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        !essence.contains('/') || FORM_TYPES.iter().any(|form| essence.eq_ignore_ascii_case(form))
    })
}

/// Returns the only value of a header; an error when it is repeated or not visible ASCII.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}
