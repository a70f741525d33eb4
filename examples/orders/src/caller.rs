use crate::{
    App,
    token::{Unverified, Verified},
};
use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::json;
use std::sync::Arc;

/// Who calls, and what the token lets them do. A handler that asks for it is closed to everybody else.
pub(crate) struct Caller(Verified);

/// Why a request is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no token that counts.
    Unauthenticated,
    /// The token does not grant this.
    Forbidden { action: &'static str, resource: String },
    /// Tokens cannot be verified now.
    Unavailable,
}

impl Caller {
    /// Lets only those go on whose token grants an action on a resource.
    pub(crate) fn may(&self, action: &'static str, resource: &str) -> Result<(), Refusal> {
        if self.0.grant.allows(action, resource) {
            return Ok(());
        }
        tracing::info!(subject = self.0.subject, action, resource, "forbidden");
        Err(Refusal::Forbidden { action, resource: resource.to_owned() })
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let token = bearer(&parts.headers).ok_or(Refusal::Unauthenticated)?;
        app.verifier.verify(token).await.map(Self).map_err(|unverified| match unverified {
            Unverified::Refused(why) => {
                tracing::info!(why, "a token was refused");
                Refusal::Unauthenticated
            }
            Unverified::NoKeys(why) => {
                tracing::error!(%why, "no token can be verified");
                Refusal::Unavailable
            }
        })
    }
}

/// The token of the one `Authorization` header (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthenticated => {
                let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
                (StatusCode::UNAUTHORIZED, challenge, Json(json!({"error": "invalid_token"}))).into_response()
            }
            Self::Forbidden { action, resource } => {
                let body = json!({"error": "insufficient_scope", "needs": format!("{action}={resource}")});
                (StatusCode::FORBIDDEN, Json(body)).into_response()
            }
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": "no_keys"}))).into_response()
            }
        }
    }
}
