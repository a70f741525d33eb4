//! `/sessions`: what was issued, and to whom.

use super::{
    bodies::{PageParams, ReasonBody, SessionParams},
    credentials,
    extract::{Named, Params},
    openapi::Refusals,
    render::{self, List},
    shapes::SessionShape,
};
use crate::{
    access::{CALLER, Caller},
    app::App,
    problem::Problem,
    store::SessionFilter,
};
use axess::GuardedRouter;
use axum::{extract::State, response::Response};
use http::{StatusCode, Uri};
use std::sync::Arc;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/sessions", CALLER, list).get("/sessions/{id}", CALLER, show).post(
        "/sessions/{id}/revoke",
        CALLER,
        credentials::revoke,
    )
}

/// Lists sessions
///
/// One's own; those of others for whoever may read them.
#[utoipa::path(
    get, path = "/sessions", operation_id = "list_sessions", tag = "sessions", params(SessionParams, PageParams),
    responses((status = 200, description = "The sessions, newest first.", body = List<SessionShape>), Refusals),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    Params((params, page)): Params<(SessionParams, PageParams)>,
) -> Result<Response, Problem> {
    let page = app
        .sessions(&caller, SessionFilter { identity: params.identity, status: params.status }, &page.into())
        .await?;
    Ok(render::list(&uri, page.items.iter().map(SessionShape::new).collect(), page.next))
}

/// Shows a session
#[utoipa::path(
    get, path = "/sessions/{id}", operation_id = "show_session", tag = "sessions",
    params(("id" = String, Path, description = "The session, or 8 or more of its first digits.", max_length = 64)),
    responses((status = 200, description = "The session.", body = SessionShape), Refusals),
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named,
) -> Result<Response, Problem> {
    let record = app.session(&caller, id).await?;
    Ok(render::json(StatusCode::OK, &SessionShape::new(&record)))
}

/// Describes the second path of [`credentials::revoke`]
#[utoipa::path(
    post, path = "/sessions/{id}/revoke", operation_id = "revoke_session", tag = "sessions",
    summary = "Ends a session, and says of each credential what became of it",
    description = "The same as `POST /credentials/{id}/revoke`.",
    params(("id" = String, Path, description = "The session, or 8 or more of its first digits.", max_length = 64)),
    request_body = Option<ReasonBody>,
    responses((status = 200, description = "What became of it.", body = super::shapes::Revoked), super::openapi::BadBody,
        Refusals, super::openapi::IssueRefusals),
)]
#[expect(dead_code, reason = "the handler is that of the other path")]
pub(super) fn revoke() {}
