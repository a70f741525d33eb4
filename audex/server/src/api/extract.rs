//! What handlers of the API take: bodies, queries and ids, of which every fault is a [`Problem`].

use super::{FromMembers, Members, strict};
use crate::{access, app::App, problem::Problem};
use audex_core::session::SessionId;
use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
};
use http::{HeaderMap, StatusCode, header, request::Parts};
use http_body_util::LengthLimitError;
use serde_json::Value;
use std::sync::Arc;

/// The longest name of a session or of anything else in a path, in bytes.
const MAX_ID: usize = 64;
/// How many hexadecimal digits the beginning of an id has at least.
const MIN_PREFIX: usize = 8;

/// A body that is a JSON object.
///
/// A body that is empty counts as an object without members.
///
/// A caller with a token may leave the content type out, or have curl's own; one with a cookie has to say that it is JSON.
///
/// ```
/// use audex_server::api::{FromMembers, Members, extract::JsonBody};
/// use audex_server::problem::Problem;
/// struct Reason(Option<String>);
/// impl FromMembers for Reason {
///     fn from_members(members: &mut Members) -> Result<Self, Problem> {
///         members.text("reason", 500).map(Self)
///     }
/// }
/// async fn handler(JsonBody(reason): JsonBody<Reason>) -> String {
///     reason.0.unwrap_or_default()
/// }
/// # let _: axum::routing::MethodRouter<std::sync::Arc<audex_server::app::App>> = axum::routing::post(handler);
/// ```
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

/// A body that is a list of JSON objects, of at most [`JsonList::MOST`].
///
/// ```
/// use audex_server::api::extract::JsonList;
/// assert_eq!(JsonList::MOST, 20);
/// ```
#[derive(Debug)]
pub struct JsonList(pub Vec<Value>);

/// A query string of which every name is known.
///
/// ```
/// use audex_server::{api::extract::Params, model::PageQuery};
/// async fn handler(Params(page): Params<PageQuery>) -> String {
///     page.size().to_string()
/// }
/// # let _: axum::routing::MethodRouter<std::sync::Arc<audex_server::app::App>> = axum::routing::get(handler);
/// ```
#[derive(Debug)]
pub struct Params<T>(pub T);

/// The session or request that a path names, by its UUID or by 8 or more of its first digits.
///
/// Whether the caller may know of it is for the handler to ask.
///
/// ```
/// use audex_server::api::extract::Named;
/// async fn handler(Named(id): Named) -> String {
///     id.to_string()
/// }
/// # let _: axum::routing::MethodRouter<std::sync::Arc<audex_server::app::App>> = axum::routing::get(handler);
/// ```
#[derive(Debug)]
pub struct Named(pub SessionId);

impl<T: FromMembers> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let body = read(request, app.settings.limits.max_body).await?;
        let value =
            if body.is_empty() { Value::Object(serde_json::Map::new()) } else { strict::parse(&body)? };
        Members::new(value)?.read().map(Self)
    }
}

impl JsonList {
    /// The most entries.
    pub const MOST: usize = 20;
}

impl FromRequest<Arc<App>> for JsonList {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let body = read(request, app.settings.limits.max_body).await?;
        match strict::parse(&body)? {
            Value::Array(list) if list.is_empty() => Err(Problem::invalid("", "the list is empty")),
            Value::Array(list) if list.len() > Self::MOST => {
                Err(Problem::invalid("", format!("the list has more than {} entries", Self::MOST)))
            }
            Value::Array(list) => Ok(Self(list)),
            _ => Err(Problem::invalid("", "a JSON list of objects is needed")),
        }
    }
}

impl<T: FromMembers, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::invalid("", "the query cannot be read"))?;
        Members::of_pairs(pairs.0)?.read().map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let name = path.map(|Path(name)| name).unwrap_or_default();
        let digits = name.bytes().filter(u8::is_ascii_hexdigit).count();
        let is_name = name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if !is_name || digits < MIN_PREFIX || name.len() > MAX_ID {
            return Err(Problem::not_found().with_detail("an id is a UUID, or 8 or more of its first digits"));
        }
        app.find_id(&name.to_ascii_lowercase()).await.map(Self)
    }
}

/// Reads a body whose type is right, as far as it is not too large.
async fn read(request: Request, most: usize) -> Result<bytes::Bytes, Problem> {
    check_type(request.headers())?;
    let (_, body): (Parts, Body) = request.into_parts();
    to_bytes(body, most).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        if source.is_some_and(|source| source.is::<LengthLimitError>()) {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
                .with_detail(format!("a body has at most {most} bytes"))
        } else {
            Problem::invalid("", "the body did not arrive whole")
        }
    })
}

/// A form of another site's may send any of three types with our cookie, and none of them is JSON.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    if access::is_bearers(headers) {
        return Ok(());
    }
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = sent.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
        .with_detail("send JSON, with `Content-Type: application/json`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_alone_comes_with_json_or_not_at_all() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
        };
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert_eq!(check_type(&headers(&[form, ("authorization", "Bearer x")])), Ok(()));
        assert_eq!(check_type(&headers(&[("content-type", "Application/JSON; charset=utf-8")])), Ok(()));
        for wrong in
            [headers(&[form]), headers(&[]), headers(&[("content-type", "text/plain; x=application/json")])]
        {
            assert_eq!(check_type(&wrong).unwrap_err().status(), 415);
        }
    }
}
