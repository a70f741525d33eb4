use super::{AuthzLayer, AuthzRejection, caller::Caller};
use crate::guard::GuardRejection;
use axess_authz::{ActionUid, AuthzDecision, AuthzSession, Explanation, ResourceUid, RowFilter, RowMapping};
use axess_identity::Principal;
use axum::extract::FromRequestParts;
use http::{Extensions, HeaderMap, request::Parts};

/// What the caller of this request may do, as a handler argument.
///
/// Whoever is not logged in gets 401 and never reaches the handler. The policies are those in force when the request came
/// in, to its end. A session that changes while the handler runs (a logout) does not change it.
///
/// ```
/// use axess_authz::ResourceUid;
/// use axess_http::Authz;
/// use axum::{extract::Path, response::{IntoResponse, Response}};
/// async fn read(authz: Authz, Path(id): Path<String>) -> Response {
///     let Ok(document) = ResourceUid::new("Document", id) else { return http::StatusCode::NOT_FOUND.into_response() };
///     axess_macros::require_authz!(authz, "read", document);
///     format!("the text of {document}").into_response()
/// }
/// # let _: axum::Router = axum::Router::new().route("/documents/{id}", axum::routing::get(read));
/// ```
#[derive(Debug)]
pub struct Authz(AuthzSession);

impl Authz {
    /// Adds a fact of the application's own, which policies see as `context.custom`.
    #[must_use]
    pub fn with_custom(self, key: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        Self(self.0.with_custom(key, value))
    }

    /// Returns the caller.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        self.0.principal()
    }

    /// Returns what is behind this handle, for questions in bulk and for code that knows no HTTP.
    #[must_use]
    pub fn session(&self) -> &AuthzSession {
        &self.0
    }

    /// Lets the handler go on only when the policies allow it; `require_authz!` is the short form.
    ///
    /// # Errors
    ///
    /// [`AuthzRejection::Denied`] or [`AuthzRejection::Unavailable`].
    pub async fn require(
        &self,
        action: impl Into<ActionUid>,
        resource: &ResourceUid,
    ) -> Result<(), AuthzRejection> {
        Ok(self.0.require(action, resource).await?)
    }

    /// Decides, for handlers that show less instead of refusing.
    ///
    /// # Errors
    ///
    /// [`AuthzRejection::Unavailable`].
    pub async fn decide(
        &self,
        action: impl Into<ActionUid>,
        resource: &ResourceUid,
    ) -> Result<AuthzDecision, AuthzRejection> {
        Ok(self.0.decide(action, resource).await?)
    }

    /// Decides and shows how the decision came about: for operators' pages, not for callers.
    ///
    /// # Errors
    ///
    /// [`AuthzRejection::Unavailable`].
    pub async fn explain(
        &self,
        action: impl Into<ActionUid>,
        resource: &ResourceUid,
    ) -> Result<Explanation, AuthzRejection> {
        Ok(self.0.explain(action, resource).await?)
    }

    /// Turns the policies into a condition on the rows that the caller may do `action` to.
    ///
    /// # Errors
    ///
    /// [`AuthzRejection::Filter`] or [`AuthzRejection::Unavailable`]; no rows may be shown then.
    pub async fn list_filter(
        &self,
        action: impl Into<ActionUid>,
        rows: &RowMapping,
    ) -> Result<RowFilter, AuthzRejection> {
        Ok(self.0.list_filter(action, rows).await?)
    }

    async fn of(extensions: &Extensions, headers: &HeaderMap) -> Result<Self, AuthzRejection> {
        let layer = extensions.get::<AuthzLayer>().ok_or(GuardRejection::NoAuthzLayer)?;
        let caller = Caller::of(extensions, headers)?;
        Ok(Self(layer.open(caller).await?))
    }
}

/// Decides about a route that is guarded by a policy.
pub(crate) async fn admit(
    extensions: &Extensions,
    headers: &HeaderMap,
    action: &str,
) -> Result<(), AuthzRejection> {
    let action = action.parse().unwrap_or_else(|_| ActionUid::new(action));
    Authz::of(extensions, headers).await?.require(action, &ResourceUid::deployment()).await
}

impl<S: Send + Sync> FromRequestParts<S> for Authz {
    type Rejection = AuthzRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthzRejection> {
        Self::of(&parts.extensions, &parts.headers).await
    }
}
