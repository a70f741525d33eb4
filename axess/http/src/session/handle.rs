use crate::guard::{AuthnInfo, GuardRejection, PartialInfo};
use axess_core::session::SessionHandle;
use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use std::ops::Deref;

/// The session of this request, as a handler argument.
///
/// It dereferences to [`SessionHandle`], which is what the verbs of the service take.
///
/// ```
/// use axess_http::AuthSession;
/// use axum::http::StatusCode;
/// async fn dashboard(session: AuthSession) -> (StatusCode, &'static str) {
///     if session.is_authenticated() { (StatusCode::OK, "welcome") } else { (StatusCode::UNAUTHORIZED, "log in first") }
/// }
/// # let _: axum::Router = axum::Router::new().route("/dashboard", axum::routing::get(dashboard));
/// ```
#[derive(Debug, Clone)]
pub struct AuthSession(pub(crate) SessionHandle);

/// Says that a handler asked for a session on a route without a [`SessionLayer`](super::SessionLayer).
///
/// ```
/// use axess_http::MissingSessionLayer;
/// assert!(MissingSessionLayer.to_string().contains("SessionLayer"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this route has no session: add a SessionLayer to the router with .layer(..)")]
pub struct MissingSessionLayer;

impl AuthSession {
    /// Returns the proved identity, or the refusal to answer with.
    ///
    /// # Errors
    ///
    /// [`GuardRejection::Unauthenticated`] unless every step of a login was proved.
    pub fn require_authn(&self) -> Result<AuthnInfo, GuardRejection> {
        AuthnInfo::of(&self.0)
    }

    /// Returns the login in progress, or the refusal to answer with.
    ///
    /// # Errors
    ///
    /// [`GuardRejection::NoLoginInProgress`] unless a login waits for a credential.
    pub fn require_partial_authn(&self) -> Result<PartialInfo, GuardRejection> {
        PartialInfo::of(&self.0)
    }
}

impl Deref for AuthSession {
    type Target = SessionHandle;

    fn deref(&self) -> &SessionHandle {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AuthSession {
    type Rejection = MissingSessionLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingSessionLayer> {
        parts.extensions.get::<SessionHandle>().cloned().map(Self).ok_or(MissingSessionLayer)
    }
}

impl IntoResponse for MissingSessionLayer {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        (StatusCode::INTERNAL_SERVER_ERROR, "internal error").into_response()
    }
}
