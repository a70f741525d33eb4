use super::page::posting;
use crate::problem;
use axess_factors::federated::Redirection;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header};

/// Sends the browser to an identity provider: a redirect (303), or a page with a form that posts itself.
///
/// The answer is for no cache and passes no `Referer` on. A page under a `Content-Security-Policy` of its own must come from a
/// link to the handler, not from a form: `form-action` counts for redirects too.
///
/// ```
/// use axess_factors::federated::Redirection;
/// use axess_http::FederationRedirect;
/// use axum::response::IntoResponse;
/// let there = Redirection::Get("https://login.example.com/authorize?client_id=shop".to_owned());
/// let response = FederationRedirect(there).into_response();
/// assert_eq!(response.status(), 303);
/// assert_eq!(response.headers()["location"], "https://login.example.com/authorize?client_id=shop");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederationRedirect(pub Redirection);

impl From<Redirection> for FederationRedirect {
    fn from(redirection: Redirection) -> Self {
        Self(redirection)
    }
}

impl IntoResponse for FederationRedirect {
    fn into_response(self) -> Response {
        match self.0 {
            Redirection::Get(url) => {
                let Ok(place) = HeaderValue::try_from(url) else { return problem::internal() };
                let headers = [
                    (header::LOCATION, place),
                    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
                ];
                (StatusCode::SEE_OTHER, headers).into_response()
            }
            Redirection::Post { action, fields } => match origin(&action) {
                Some(origin) => posting(&action, &origin, &fields),
                None => problem::internal(),
            },
        }
    }
}

/// Returns the origin of an absolute address, as a policy names it.
pub(super) fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let is_plain =
        authority.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    (matches!(scheme, "https" | "http") && is_plain).then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    #[tokio::test]
    async fn a_form_posts_itself_there_and_nowhere_else() {
        let fields = vec![("SAMLRequest".to_owned(), "a+b/=\"".to_owned())];
        let there =
            Redirection::Post { action: "https://idp.example.com:8443/sso?a=b&c=\"d".to_owned(), fields };
        let response = FederationRedirect(there.clone()).into_response();
        // A quote is no part of an address.
        assert_eq!(response.status(), 500);
        let Redirection::Post { fields, .. } = there else { unreachable!() };
        let there =
            Redirection::Post { action: "https://idp.example.com:8443/sso?a=b&c=d".to_owned(), fields };
        let response = FederationRedirect(there).into_response();
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("form-action https://idp.example.com:8443;"), "{policy}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let page = to_bytes(response.into_body(), 10_000).await.unwrap();
        let page = std::str::from_utf8(&page).unwrap();
        assert!(page.contains(r#"action="https://idp.example.com:8443/sso?a=b&amp;c=d""#), "{page}");
        assert!(page.contains(r#"name="SAMLRequest" value="a+b/=&quot;""#), "{page}");
    }

    #[test]
    fn what_is_no_address_is_a_fault_of_ours() {
        for url in ["", "/sso", "javascript:alert(1)", "ftp://idp.example.com/"] {
            let there = Redirection::Post { action: url.to_owned(), fields: Vec::new() };
            assert_eq!(FederationRedirect(there).into_response().status(), 500, "{url}");
        }
        assert_eq!(
            FederationRedirect(Redirection::Get("https://a\r\nb".to_owned())).into_response().status(),
            500
        );
    }
}
