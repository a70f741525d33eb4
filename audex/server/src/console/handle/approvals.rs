use super::visit::Visit;
use crate::{
    access::{Action, CALLER, Subject},
    app::App,
    console::view::{
        approvals::{ApprovalsPage, RequestRow},
        frame::{Here, answer},
    },
    model::{Page, PageQuery, PendingRequest},
    problem::Problem,
    store::RequestFilter,
};
use axess::GuardedRouter;
use axum::{extract::Query, response::Response};
use http::StatusCode;
use std::sync::Arc;

/// How many requests a page shows.
const SHOWN: u32 = 50;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/console/approvals", CALLER, list)
}

async fn list(visit: Visit, Query(query): Query<PageQuery>) -> Result<Response, Problem> {
    let query = PageQuery { limit: Some(SHOWN), after: query.after };
    let page = waiting(&visit, &query).await?;
    let rows = page.items.iter().map(|pending| RequestRow::new(pending, visit.now)).collect();
    let next = page.next.map(|next| format!("/console/approvals?after={next}"));
    let frame = visit.frame("Approvals", Here::Approvals);
    Ok(answer(StatusCode::OK, &ApprovalsPage { frame, rows, next }))
}

/// Lists the requests that wait and that the visitor may read: their own, and those they may be asked about.
pub(super) async fn waiting(visit: &Visit, query: &PageQuery) -> Result<Page<PendingRequest>, Problem> {
    let filter = RequestFilter { requester: None, waiting_only: true };
    let mut page = visit.app.store.list_requests(&filter, query).await?;
    page.items.retain(|pending| {
        visit.app.access.may(&visit.caller, Action::Read, &Subject::Request(pending)).is_ok()
    });
    Ok(page)
}
