use super::{approvals::waiting, visit::Visit};
use crate::{
    access::{Action, CALLER, Subject},
    app::App,
    console::view::{
        approvals::RequestRow,
        frame::{Here, answer},
        home::HomePage,
        sessions::SessionRow,
    },
    model::{PageQuery, PendingRequest, RequestState},
    problem::Problem,
    store::{RequestFilter, SessionFilter},
};
use axess::GuardedRouter;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;

/// How many of one's own sessions the first page shows.
const NEWEST: u32 = 5;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/console", CALLER, home)
}

async fn home(visit: Visit) -> Result<Response, Problem> {
    let identity = visit.caller.identity();
    visit.app.access.may(&visit.caller, Action::Read, &Subject::Own(&identity))?;
    let row = |pending: &PendingRequest| RequestRow::new(pending, visit.now);
    let waiting = waiting(&visit, &PageQuery::default()).await?;
    let for_me = waiting.items.iter().filter(|pending| is_mine_to_decide(&visit, pending)).map(row).collect();
    let filter = RequestFilter { requester: Some(identity.clone()), waiting_only: false };
    let page = PageQuery { limit: Some(NEWEST), after: None };
    let mine = visit.app.store.list_requests(&filter, &page).await?;
    let is_open = |pending: &&PendingRequest| {
        matches!(pending.state(visit.now), RequestState::PendingApproval | RequestState::Approved)
    };
    let mine = mine.items.iter().filter(is_open).map(row).collect();
    let filter = SessionFilter { identity: Some(identity), status: None };
    let sessions = visit.app.store.list_sessions(&filter, &page).await?;
    let sessions = sessions.items.iter().map(|record| SessionRow::new(record, visit.now)).collect();
    let name = visit.caller.display_name.clone();
    let page = HomePage { frame: visit.frame("Home", Here::Home), name, for_me, mine, sessions };
    Ok(answer(StatusCode::OK, &page))
}

/// Tells whether the visitor may decide about a request and has not yet.
pub(super) fn is_mine_to_decide(visit: &Visit, pending: &PendingRequest) -> bool {
    let identity = visit.caller.identity();
    !visit.caller.has_asked(pending)
        && pending.approval.votes().iter().all(|vote| vote.approver != identity)
        && visit.app.access.may(&visit.caller, Action::Approve, &Subject::Request(pending)).is_ok()
}
