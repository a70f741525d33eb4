use super::{
    callback::{FederationCallbackRejection, read},
    redirect::origin,
};
use crate::problem;
use axess_core::service::ProviderLogoutOutcome;
use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};

/// What a page of an identity provider asks for by a frame: the end of a session (OpenID Connect Front-Channel Logout 1.0 §2).
///
/// Nobody has signed it, and it comes without the cookie of the session: from a frame on another site's page browsers send none
/// that is `SameSite=Lax` or `Strict`, and `SameSite=None; Secure` only where they let such frames have cookies at all (Chromium
/// 156 without a window does not by itself; another scheme is another site). So no cookie is looked at. The session is
/// found by its name at the provider: register the address with `frontchannel_logout_session_required`, and see that ID tokens
/// have `sid`. A request without `iss` or `sid`, or with two of them, is answered with 400.
///
/// ```
/// use axess_core::{authn::AuthnError, service::ProviderLogoutOutcome};
/// use axess_http::FrontchannelLogout;
/// use axum::response::Response;
/// # async fn end(_: &str, _: &str) -> ProviderLogoutOutcome { ProviderLogoutOutcome::Ended { sessions: 1, answer: None } }
/// async fn logout(request: FrontchannelLogout) -> Response {
///     // `AuthnService::complete_frontchannel_logout`
///     let outcome = end(&request.issuer, &request.session_id).await;
///     request.answer(&outcome)
/// }
/// # let _: axum::Router = axum::Router::new().route("/logout/frontchannel", axum::routing::get(logout));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontchannelLogout {
    /// Who says they are the provider (`iss`).
    pub issuer: String,
    /// The session at the provider that is over (`sid`).
    pub session_id: String,
}

impl FrontchannelLogout {
    /// Answers the frame: an empty page that only the provider may frame and nobody keeps, or 400 where the service refused.
    ///
    /// A `Content-Security-Policy` or `X-Frame-Options` that a layer puts on every answer must leave this route out; the
    /// session is over in any case, but the provider's page may show an error.
    pub fn answer(&self, outcome: &ProviderLogoutOutcome) -> Response {
        if let ProviderLogoutOutcome::Refused(_) = outcome {
            return problem::problem(StatusCode::BAD_REQUEST, "logout_refused");
        }
        let framed_by = origin(&self.issuer).unwrap_or_else(|| "'none'".to_owned());
        let policy = format!("default-src 'none'; frame-ancestors {framed_by}");
        let Ok(policy) = HeaderValue::try_from(policy) else { return problem::internal() };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::CONTENT_SECURITY_POLICY, policy),
        ];
        (StatusCode::OK, headers, "<!doctype html><title>Signed out</title>").into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for FrontchannelLogout {
    type Rejection = FederationCallbackRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let parameters = read(parts.uri.query().unwrap_or_default().as_bytes())?;
        let once = |name: &str| {
            let mut found = parameters.iter().filter(|(of, _)| of == name).map(|(_, value)| value);
            match (found.next(), found.next()) {
                (Some(value), None) if !value.is_empty() => Ok(value.clone()),
                _ => Err(FederationCallbackRejection::Malformed),
            }
        };
        Ok(Self { issuer: once("iss")?, session_id: once("sid")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_factors::federated::FederationError;
    use axum::{Router, body::Body, routing::get};
    use http::Request;
    use tower::ServiceExt;

    fn ended() -> ProviderLogoutOutcome {
        ProviderLogoutOutcome::Ended { sessions: 1, answer: None }
    }

    async fn ask(query: &str) -> Response {
        let logout = async |request: FrontchannelLogout| match request.session_id.as_str() {
            "unknown" => request.answer(&ProviderLogoutOutcome::Refused(FederationError::IssuerMismatch)),
            _ => request.answer(&ended()),
        };
        let site = Router::new().nest("/sso", Router::new().route("/out", get(logout)));
        let request = Request::get(format!("/sso/out?{query}")).body(Body::empty()).unwrap();
        site.oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn the_providers_page_may_frame_the_answer_and_nobody_keeps_it() {
        let answer = ask("iss=https%3A%2F%2Fidp.example.com%3A8443%2Frealms%2Fone&sid=s+1&theme=dark").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(
            answer.headers()["content-security-policy"],
            "default-src 'none'; frame-ancestors https://idp.example.com:8443"
        );
        assert!(!answer.headers().contains_key("x-frame-options"));
        // Nothing of what came is a place to frame it from unless it is an origin.
        let odd = FrontchannelLogout { issuer: "https://a;script-src *".into(), session_id: "s".into() };
        let policy = odd.answer(&ended()).headers()["content-security-policy"].clone();
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
    }

    #[tokio::test]
    async fn what_names_no_session_or_two_is_refused() {
        let iss = "iss=https%3A%2F%2Fidp.example.com";
        for query in [
            "",
            "sid=s",
            iss,
            &format!("{iss}&sid="),
            &format!("{iss}&sid=a&sid=a"),
            &format!("{iss}&{iss}&sid=a"),
        ] {
            assert_eq!(ask(query).await.status(), 400, "{query}");
        }
        let refused = ask(&format!("{iss}&sid=unknown")).await;
        assert_eq!(
            (refused.status().as_u16(), refused.headers()["cache-control"].as_bytes()),
            (400, &b"no-store"[..])
        );
    }
}
