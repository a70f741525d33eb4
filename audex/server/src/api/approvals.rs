//! `/approvals`: what waits, and what approvers say.

use super::{
    bodies::{NoBody, PageParams, VoteBody},
    extract::{JsonBody, Named, Params},
    openapi::{BadBody, Refusals, VoteRefusals},
    render::{self, List},
    shapes::ApprovalShape,
};
use crate::{
    access::{CALLER, Caller},
    app::App,
    model::PendingRequest,
    problem::Problem,
    requests::Ballot,
};
use audex_core::session::SessionId;
use axess::GuardedRouter;
use axum::{extract::State, response::Response};
use http::{StatusCode, Uri};
use std::sync::Arc;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new()
        .get("/approvals/pending", CALLER, list)
        .get("/approvals/{id}", CALLER, show)
        .post("/approvals/{id}/approve", CALLER, approve)
        .post("/approvals/{id}/deny", CALLER, deny)
        .post("/approvals/{id}/withdraw", CALLER, withdraw)
}

/// Lists the requests that wait
///
/// Those one may decide about, and one's own.
#[utoipa::path(
    get, path = "/approvals/pending", operation_id = "list_pending", tag = "approvals", params(PageParams),
    responses((status = 200, description = "The requests, newest first.", body = List<ApprovalShape>), Refusals),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    Params(page): Params<PageParams>,
) -> Result<Response, Problem> {
    let page = app.requests(&caller, true, &page.into()).await?;
    let now = app.clock.now();
    let items = page.items.iter().map(|pending| ApprovalShape::new(pending, &app.settings, now)).collect();
    Ok(render::list(&uri, items, page.next))
}

/// Shows a request, with the policy exactly as the provider would be told
#[utoipa::path(
    get, path = "/approvals/{id}", operation_id = "show_request", tag = "approvals",
    params(("id" = String, Path, description = "The request, or 8 or more of its first digits.", max_length = 64)),
    responses((status = 200, description = "The request.", body = ApprovalShape), Refusals),
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named,
) -> Result<Response, Problem> {
    let pending = app.request(&caller, id).await?;
    Ok(rendered(&app, &pending))
}

/// Agrees to a request
///
/// Nobody agrees to their own, and where more than one has to agree each does in another role.
#[utoipa::path(
    post, path = "/approvals/{id}/approve", operation_id = "approve", tag = "approvals", request_body = VoteBody,
    params(("id" = String, Path, description = "The request, or 8 or more of its first digits.", max_length = 64)),
    responses((status = 200, description = "Where it stands now.", body = ApprovalShape), BadBody, Refusals,
        VoteRefusals),
)]
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named,
    JsonBody(body): JsonBody<VoteBody>,
) -> Result<Response, Problem> {
    vote(&app, &caller, id, true, &body).await
}

/// Refuses a request
///
/// One refusal decides.
#[utoipa::path(
    post, path = "/approvals/{id}/deny", operation_id = "deny", tag = "approvals", request_body = VoteBody,
    params(("id" = String, Path, description = "The request, or 8 or more of its first digits.", max_length = 64)),
    responses((status = 200, description = "Where it stands now.", body = ApprovalShape), BadBody, Refusals,
        VoteRefusals),
)]
pub(super) async fn deny(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named,
    JsonBody(body): JsonBody<VoteBody>,
) -> Result<Response, Problem> {
    vote(&app, &caller, id, false, &body).await
}

async fn vote(
    app: &App,
    caller: &Caller,
    id: SessionId,
    approve: bool,
    body: &VoteBody,
) -> Result<Response, Problem> {
    let ballot = Ballot {
        approve,
        comment: &body.comment,
        role: body.role.as_deref(),
        digest: body.digest.as_deref(),
        signature: body.signature.as_deref(),
    };
    let pending = app.vote(caller, id, ballot).await?;
    Ok(rendered(app, &pending))
}

/// Takes a request back
#[utoipa::path(
    post, path = "/approvals/{id}/withdraw", operation_id = "withdraw", tag = "approvals",
    params(("id" = String, Path, description = "The request, or 8 or more of its first digits.", max_length = 64)),
    responses((status = 200, description = "Where it stands now.", body = ApprovalShape), BadBody, Refusals,
        VoteRefusals),
)]
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named,
    JsonBody(NoBody): JsonBody<NoBody>,
) -> Result<Response, Problem> {
    let pending = app.withdraw(&caller, id).await?;
    Ok(rendered(&app, &pending))
}

fn rendered(app: &App, pending: &PendingRequest) -> Response {
    render::json(StatusCode::OK, &ApprovalShape::new(pending, &app.settings, app.clock.now()))
}
