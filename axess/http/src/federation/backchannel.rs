use super::redirect::FederationRedirect;
use axess_core::service::ProviderLogoutOutcome;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// What a 400 says: a code of RFC 6749, and no more about why than a stranger may know.
const REFUSED: &str =
    r#"{"error":"invalid_request","error_description":"the logout message cannot be used"}"#;

/// Answers a provider that posted a logout, as OpenID Connect Back-Channel Logout 1.0 §2.8 has it.
///
/// With 200 where the sessions are over, and 400 with an error in JSON where the message was refused; neither is for a cache.
/// Where the message came with a browser (SAML), that takes the answer back to its provider. Why a message was refused is in the
/// outcome, for the log.
///
/// ```
/// use axess_core::service::ProviderLogoutOutcome;
/// use axess_http::BackchannelLogoutAnswer;
/// use axum::response::IntoResponse;
/// // `AuthnService::complete_backchannel_logout`
/// let outcome = ProviderLogoutOutcome::Ended { sessions: 1, answer: None };
/// let response = BackchannelLogoutAnswer(outcome).into_response();
/// assert_eq!((response.status().as_u16(), &response.headers()["cache-control"]), (200, &"no-store".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BackchannelLogoutAnswer(pub ProviderLogoutOutcome);

impl From<ProviderLogoutOutcome> for BackchannelLogoutAnswer {
    fn from(outcome: ProviderLogoutOutcome) -> Self {
        Self(outcome)
    }
}

impl IntoResponse for BackchannelLogoutAnswer {
    fn into_response(self) -> Response {
        let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.0 {
            ProviderLogoutOutcome::Ended { answer: Some(there), .. } => {
                FederationRedirect(there).into_response()
            }
            ProviderLogoutOutcome::Ended { answer: None, .. } => (StatusCode::OK, [no_store]).into_response(),
            ProviderLogoutOutcome::Refused(_) => {
                let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (StatusCode::BAD_REQUEST, [no_store, json], REFUSED).into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_factors::federated::{FederationError, Redirection};
    use axum::body::to_bytes;

    async fn answer(outcome: ProviderLogoutOutcome) -> (u16, String, String) {
        let response = BackchannelLogoutAnswer::from(outcome).into_response();
        assert_eq!(response.headers()["cache-control"], "no-store");
        let text = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let kind = text("content-type").or_else(|| text("location")).unwrap_or_default();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1_000).await.unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_provider_learns_what_came_of_it_and_no_more() {
        let ended = |answer| ProviderLogoutOutcome::Ended { sessions: 1, answer };
        assert_eq!(answer(ended(None)).await, (200, String::new(), String::new()));
        let back = Redirection::Get("https://idp.example.com/slo?SAMLResponse=x".to_owned());
        assert_eq!(
            answer(ended(Some(back))).await,
            (303, "https://idp.example.com/slo?SAMLResponse=x".to_owned(), String::new())
        );
        let (status, kind, body) = answer(ProviderLogoutOutcome::Refused(FederationError::Replayed)).await;
        assert_eq!((status, kind.as_str()), (400, "application/json"));
        assert!(body.starts_with(r#"{"error":"invalid_request","#) && body.ends_with('}'), "{body}");
        assert!(!body.contains("before"), "{body}");
    }
}
