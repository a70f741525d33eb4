use super::{faults::form_encoded, posted::Posted, request::said, visit::Visit};
use crate::{
    access::{Action, CALLER, Subject},
    app::App,
    console::view::{
        frame::{Here, answer},
        sessions::{SessionPage, SessionRow, SessionsPage},
    },
    model::PageQuery,
    problem::Problem,
    store::SessionFilter,
};
use audex_core::session::{SessionRecord, SessionStatus};
use axess::GuardedRouter;
use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

/// How many sessions a page shows.
const SHOWN: u32 = 50;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new()
        .get("/console/sessions", CALLER, list)
        .get("/console/sessions/{id}", CALLER, show)
        .post("/console/sessions/{id}/revoke", CALLER, revoke)
}

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    identity: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    after: Option<String>,
}

async fn list(visit: Visit, Query(wanted): Query<Wanted>) -> Result<Response, Problem> {
    let own = visit.caller.identity();
    let sees_all = visit.app.access.may(&visit.caller, Action::Read, &Subject::Sessions).is_ok();
    if !sees_all {
        visit.app.access.may(&visit.caller, Action::Read, &Subject::Own(&own))?;
    }
    let status = SessionStatus::ALL.into_iter().find(|status| status.name() == wanted.status);
    let asked = Some(wanted.identity.trim().to_owned()).filter(|identity| !identity.is_empty());
    let filter = SessionFilter { identity: if sees_all { asked } else { Some(own) }, status };
    let query = PageQuery { limit: Some(SHOWN), after: wanted.after };
    let page = visit.app.store.list_sessions(&filter, &query).await?;
    let identity = if sees_all { wanted.identity } else { String::new() };
    let next = page.next.map(|next| {
        let (identity, status) = (form_encoded(&identity), status.map_or("", SessionStatus::name));
        format!("/console/sessions?identity={identity}&status={status}&after={next}")
    });
    let page = SessionsPage {
        frame: visit.frame("Sessions", Here::Sessions),
        rows: page.items.iter().map(|record| SessionRow::new(record, visit.now)).collect(),
        identity,
        status: status.map_or("", SessionStatus::name).to_owned(),
        sees_all,
        next,
    };
    Ok(answer(StatusCode::OK, &page))
}

async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = visit.app.find_id(&id).await?;
    let record = visit.app.session(&visit.caller, id).await?;
    page(&visit, &record, StatusCode::OK, None).await
}

async fn revoke(visit: Visit, Path(id): Path<String>, posted: Posted) -> Result<Response, Problem> {
    let id = visit.app.find_id(&id).await?;
    match visit.app.revoke(&visit.caller, id, posted.some("reason").as_deref()).await {
        Ok(_) => Ok(Redirect::to(&format!("/console/sessions/{id}?done=revoked")).into_response()),
        Err(problem)
            if problem.status().is_client_error() && problem.status() != StatusCode::UNAUTHORIZED =>
        {
            let record = visit.app.session(&visit.caller, id).await?;
            page(&visit, &record, problem.status(), Some(said(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

async fn page(
    visit: &Visit,
    record: &SessionRecord,
    status: StatusCode,
    fault: Option<String>,
) -> Result<Response, Problem> {
    let frame = visit.frame(format!("Session of {}", record.requester), Here::Sessions);
    let works = |expires_at, fate: Option<&audex_core::Fate>| {
        visit.now < expires_at
            && !matches!(fate, Some(audex_core::Fate::Dead | audex_core::Fate::Denied { .. }))
    };
    let is_alive = !record.status.is_over()
        || record.credentials.iter().any(|one| works(one.expires_at, one.fate.as_ref()));
    let is_own = record.requester.identity() == visit.caller.identity();
    let may_administer =
        || visit.app.access.may(&visit.caller, Action::Administer, &Subject::Session(record)).is_ok();
    let page = SessionPage {
        has_request: visit.app.request(&visit.caller, record.session_id).await.is_ok(),
        may_revoke: is_alive && (is_own || may_administer()),
        fault,
        ..SessionPage::new(frame, record, visit.now)
    };
    Ok(answer(status, &page))
}
