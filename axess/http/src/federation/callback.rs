use super::page::posting;
use crate::problem;
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, MAX_CALLBACK_BYTES, MAX_CALLBACK_PARAMETERS,
};
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, OriginalUri, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, header};

/// What is added to the path of a callback that is posted from our own site: the second time it is what it is.
const AGAIN: &str = "again";

/// What an identity provider sent back by the browser: the parameters of the query, or of a form, as they came.
///
/// At most 64 parameters of together 512 KiB; duplicates stay. It is for a route that takes `GET`, `POST` or both. Nothing in it is
/// trusted yet: give it to the verb that completes the login.
///
/// A form that another site posts is answered with a page of ours that posts it once more, so that the session's cookie, which
/// is `SameSite=Lax`, comes along.
///
/// ```
/// use axess_http::FederationCallback;
/// async fn callback(FederationCallback(response): FederationCallback) -> String {
///     format!("{} parameters came back", response.parameters.len())
/// }
/// # let _: axum::Router = axum::Router::new().route("/callback", axum::routing::get(callback).post(callback));
/// ```
#[derive(Debug, Clone)]
pub struct FederationCallback(pub CallbackResponse);

/// What an identity provider posted itself, from server to server: a logout it asks for (OpenID Connect Back-Channel Logout 1.0).
///
/// The same limits as for [`FederationCallback`]. There is no browser, so nothing is posted twice.
///
/// ```
/// use axess_http::FederationNotice;
/// async fn logout(FederationNotice(message): FederationNotice) -> String {
///     // `AuthnService::complete_backchannel_logout`, and its outcome as a `BackchannelLogoutAnswer`.
///     format!("{} parameters came", message.parameters.len())
/// }
/// # let _: axum::Router = axum::Router::new().route("/logout/backchannel", axum::routing::post(logout));
/// ```
#[derive(Debug, Clone)]
pub struct FederationNotice(pub CallbackResponse);

/// Says why a callback is not read: or not yet.
///
/// ```
/// use axess_http::FederationCallbackRejection;
/// use axum::response::IntoResponse;
/// assert_eq!(FederationCallbackRejection::TooLarge.into_response().status(), 413);
/// ```
#[derive(Debug)]
pub enum FederationCallbackRejection {
    /// It came from another site, without cookies: the browser posts it once more, from here.
    PostAgain {
        /// The path of the callback.
        path: String,
        /// The fields, as they came.
        fields: Vec<(String, String)>,
    },
    /// It is neither a query nor a form.
    Malformed,
    /// It is larger than any provider's.
    TooLarge,
}

impl<S: Send + Sync> FromRequest<S> for FederationCallback {
    type Rejection = FederationCallbackRejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        // A nested router strips its prefix from the request's own URI.
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let query = uri.query().unwrap_or_default();
        if parts.method != Method::POST {
            let parameters = read(query.as_bytes())?;
            return Ok(Self(CallbackResponse { parameters, method: CallbackMethod::Get }));
        }
        let body = form(&parts.headers, body).await?;
        let parameters = read(&body)?;
        // What a browser says of itself counts: another site can post to the second address as well, without the cookie.
        let is_from_here = match parts.headers.get("sec-fetch-site") {
            Some(site) => site == "same-origin",
            None => query == AGAIN,
        };
        if !is_from_here {
            return Err(FederationCallbackRejection::PostAgain {
                path: uri.path().to_owned(),
                fields: parameters,
            });
        }
        Ok(Self(CallbackResponse { parameters, method: CallbackMethod::Post }))
    }
}

impl<S: Send + Sync> FromRequest<S> for FederationNotice {
    type Rejection = FederationCallbackRejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let parameters = read(&form(&parts.headers, body).await?)?;
        Ok(Self(CallbackResponse { parameters, method: CallbackMethod::Post }))
    }
}

impl IntoResponse for FederationCallbackRejection {
    fn into_response(self) -> Response {
        match self {
            Self::PostAgain { path, fields } => posting(&format!("{path}?{AGAIN}"), "'self'", &fields),
            Self::Malformed => problem::problem(StatusCode::BAD_REQUEST, "callback_malformed"),
            Self::TooLarge => problem::problem(StatusCode::PAYLOAD_TOO_LARGE, "callback_too_large"),
        }
    }
}

/// Reads the body of a form.
async fn form(headers: &HeaderMap, body: Body) -> Result<Bytes, FederationCallbackRejection> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(FederationCallbackRejection::Malformed);
    }
    // Bytes are at most three times as many when they are encoded.
    let most = MAX_CALLBACK_BYTES.saturating_mul(3);
    axum::body::to_bytes(body, most).await.map_err(|_| FederationCallbackRejection::TooLarge)
}

/// Decodes parameters (WHATWG URL, application/x-www-form-urlencoded).
pub(super) fn read(text: &[u8]) -> Result<Vec<(String, String)>, FederationCallbackRejection> {
    let mut parameters = Vec::new();
    let mut bytes = 0_usize;
    for (name, value) in form_urlencoded::parse(text) {
        bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
        if bytes > MAX_CALLBACK_BYTES || parameters.len() == MAX_CALLBACK_PARAMETERS {
            return Err(FederationCallbackRejection::TooLarge);
        }
        parameters.push((name.into_owned(), value.into_owned()));
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{
        Router,
        routing::{get, post},
    };
    use tower::ServiceExt;

    fn site() -> Router {
        let answer = async |FederationCallback(response): FederationCallback| {
            let all: Vec<String> =
                response.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{:?} {}", response.method, all.join(","))
        };
        let notice = async |FederationNotice(message): FederationNotice| message.parameters.len().to_string();
        let routes = Router::new().route("/acs", get(answer).post(answer)).route("/notice", post(notice));
        Router::new().nest("/sso", routes)
    }

    async fn ask(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = site().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

    #[tokio::test]
    async fn a_query_is_read_as_it_came() {
        let (status, text) = ask("GET", "/sso/acs?code=a%2Bb&state=x+y&state=z", &[], "").await;
        assert_eq!((status, text.as_str()), (200, "Get code=a+b,state=x y,state=z"));
    }

    #[tokio::test]
    async fn what_another_site_posts_is_posted_again_from_here() {
        let cross = [FORM, ("sec-fetch-site", "cross-site")];
        let (status, page) = ask("POST", "/sso/acs", &cross, "SAMLResponse=a%2B%22&RelayState=%2F").await;
        assert_eq!(status, 200);
        assert!(page.contains(r#"action="/sso/acs?again""#), "{page}");
        assert!(page.contains(r#"value="a+&quot;""#), "{page}");
        // A browser that does not tell where it comes from.
        assert!(ask("POST", "/sso/acs", &[FORM], "a=b").await.1.contains("<form"));
        let here = [FORM, ("sec-fetch-site", "same-origin")];
        assert_eq!(ask("POST", "/sso/acs?again", &here, "a=b").await.1, "Post a=b");
        assert_eq!(ask("POST", "/sso/acs?again", &[FORM], "a=b").await.1, "Post a=b", "not for ever");
        // Another site knows the second address too.
        for site in ["cross-site", "same-site", "none", "Same-Origin", ""] {
            let (_, page) = ask("POST", "/sso/acs?again", &[FORM, ("sec-fetch-site", site)], "a=b").await;
            assert!(page.contains(r#"action="/sso/acs?again""#), "{site}: {page}");
        }
    }

    #[tokio::test]
    async fn what_a_server_posts_is_taken_as_it_is() {
        assert_eq!(ask("POST", "/sso/notice", &[FORM], "logout_token=a.b.c").await, (200, "1".to_owned()));
        assert_eq!(ask("POST", "/sso/notice", &[], "logout_token=a.b.c").await.0, 400);
    }

    #[tokio::test]
    async fn what_is_too_much_or_no_form_is_refused() {
        let many = vec!["a=b"; 65].join("&");
        assert_eq!(ask("GET", &format!("/sso/acs?{many}"), &[], "").await.0, 413);
        let large = format!("a={}", "b".repeat(MAX_CALLBACK_BYTES));
        assert_eq!(ask("POST", "/sso/acs?again", &[FORM], &large).await.0, 413);
        let larger = format!("a={}", "b".repeat(4 * MAX_CALLBACK_BYTES));
        assert_eq!(ask("POST", "/sso/acs?again", &[FORM], &larger).await.0, 413);
        let json = [("content-type", "application/json")];
        assert_eq!(ask("POST", "/sso/acs?again", &json, "{}").await.0, 400);
        assert_eq!(ask("POST", "/sso/acs?again", &[], "a=b").await.0, 400);
    }
}
