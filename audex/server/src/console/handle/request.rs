use super::{home::is_mine_to_decide, posted::Posted, visit::Visit};
use crate::{
    access::CALLER,
    app::App,
    console::view::{
        ask::Preview,
        credential::CredentialPage,
        frame::{Here, answer},
        parts::Usual,
        request::{Asked, Own, RequestPage},
    },
    model::{PageQuery, PendingRequest},
    problem::Problem,
    requests::{Ballot, PickedUp},
    store::SessionFilter,
};
use audex_core::{Plan, session::SessionId};
use axess::GuardedRouter;
use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new()
        .get("/console/requests/{id}", CALLER, show)
        .post("/console/requests/{id}/vote", CALLER, vote)
        .post("/console/requests/{id}/withdraw", CALLER, withdraw)
        .post("/console/requests/{id}/pick-up", CALLER, pick_up)
}

async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = visit.app.find_id(&id).await?;
    match visit.app.request(&visit.caller, id).await {
        Ok(pending) => page(&visit, &pending, StatusCode::OK, None, String::new()).await,
        // What nobody had to agree to is a session from the beginning.
        Err(missing) if missing.status() == StatusCode::NOT_FOUND => {
            let record = visit.app.session(&visit.caller, id).await?;
            Ok(Redirect::to(&format!("/console/sessions/{}", record.session_id)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

async fn vote(visit: Visit, Path(id): Path<String>, posted: Posted) -> Result<Response, Problem> {
    let id = visit.app.find_id(&id).await?;
    let approve = match posted.exact("decision") {
        "approve" => true,
        "deny" => false,
        _ => return Err(Problem::invalid("decision", "it is approve or deny")),
    };
    let (comment, role, signature) = (posted.text("comment"), posted.some("role"), posted.some("signature"));
    // What was on the page is what is agreed to.
    let digest = posted.text("digest");
    let ballot = Ballot {
        approve,
        comment: &comment,
        role: role.as_deref(),
        digest: Some(&digest),
        signature: signature.as_deref(),
    };
    match visit.app.vote(&visit.caller, id, ballot).await {
        Ok(_) => {
            let done = if approve { "approved" } else { "denied" };
            Ok(Redirect::to(&format!("/console/requests/{id}?done={done}")).into_response())
        }
        Err(problem) => again(&visit, id, problem, comment).await,
    }
}

async fn withdraw(visit: Visit, Path(id): Path<String>, _: Posted) -> Result<Response, Problem> {
    let id = visit.app.find_id(&id).await?;
    match visit.app.withdraw(&visit.caller, id).await {
        Ok(_) => Ok(Redirect::to(&format!("/console/requests/{id}?done=withdrawn")).into_response()),
        Err(problem) => again(&visit, id, problem, String::new()).await,
    }
}

async fn pick_up(visit: Visit, Path(id): Path<String>, _: Posted) -> Result<Response, Problem> {
    let id = visit.app.find_id(&id).await?;
    match visit.app.pick_up(&visit.caller, id).await {
        Ok(PickedUp::Handover(handover)) => {
            let frame = visit.frame("Your credential", Here::Sessions);
            Ok(answer(StatusCode::OK, &CredentialPage::new(frame, &handover, visit.now)))
        }
        Ok(PickedUp::Waiting(_) | PickedUp::Decided(_)) => {
            Ok(Redirect::to(&format!("/console/requests/{id}")).into_response())
        }
        Ok(PickedUp::Session(_)) => Ok(Redirect::to(&format!("/console/sessions/{id}")).into_response()),
        Err(problem) => again(&visit, id, problem, String::new()).await,
    }
}

/// Shows the request again with what was wrong.
async fn again(visit: &Visit, id: SessionId, problem: Problem, comment: String) -> Result<Response, Problem> {
    let status = problem.status();
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND) || status.is_server_error() {
        return Err(problem);
    }
    let Ok(pending) = visit.app.request(&visit.caller, id).await else { return Err(problem) };
    page(visit, &pending, status, Some(said(&problem)), comment).await
}

/// Returns what a problem says, for people.
pub(super) fn said(problem: &Problem) -> String {
    let json = problem.json();
    let detail = json.get("detail").and_then(Value::as_str);
    detail.map_or_else(|| "The policies of this server do not allow it.".to_owned(), str::to_owned)
}

async fn page(
    visit: &Visit,
    pending: &PendingRequest,
    status: StatusCode,
    fault: Option<String>,
    comment: String,
) -> Result<Response, Problem> {
    let asked = Asked::new(pending, visit.now);
    // The rules as they are now: what is approved is decided by them.
    let plan = match pending.ask.request(pending.requester.clone()) {
        Ok(request) => visit.app.issuer.plan(&request).map_err(|error| error.to_string()),
        Err(fault) => Err(fault.to_string()),
    };
    let usual = match &plan {
        Ok(plan) => usual(visit, pending, plan).await?,
        Err(_) => Usual::default(),
    };
    let (preview, refusal) = match &plan {
        Ok(plan) => (Some(Preview::new(plan)), None),
        Err(why) => (None, asked.is_open().then(|| why.clone())),
    };
    let page = RequestPage {
        frame: visit.frame(format!("Request of {}", asked.requester), Here::Approvals),
        own: own(visit, pending).await?,
        asked,
        preview,
        refusal,
        usual,
        fault,
        comment,
    };
    Ok(answer(status, &page))
}

/// Compares with what the requester was granted in their newest sessions.
async fn usual(visit: &Visit, pending: &PendingRequest, plan: &Plan) -> Result<Usual, Problem> {
    let filter = SessionFilter { identity: Some(pending.requester.identity()), status: None };
    let sessions = visit.app.store.list_sessions(&filter, &PageQuery::default()).await?;
    let before = sessions.items.iter().filter(|record| record.session_id != pending.session_id);
    // What failed before anything was minted was not granted.
    let granted = before.filter(|record| !record.credentials.is_empty()).map(|record| &record.grant);
    Ok(Usual::compare(&plan.grant, granted))
}

async fn own(visit: &Visit, pending: &PendingRequest) -> Result<Own, Problem> {
    let is_used = |role: &String| pending.approval.votes().iter().any(|vote| vote.role == *role);
    let mut roles: Vec<String> =
        pending.approval.roles().iter().filter(|role| visit.caller.has_role(role)).cloned().collect();
    // One that somebody voted in already counts no more, where each has to be another.
    roles.sort_by_key(is_used);
    let may_vote = is_mine_to_decide(visit, pending) && !roles.is_empty();
    let keys = match visit.caller.user_id {
        Some(user_id) if may_vote => visit.app.store.keys_of(user_id).await?,
        _ => Vec::new(),
    };
    Ok(Own {
        is_requester: pending.requester.identity() == visit.caller.identity(),
        may_vote,
        roles,
        keys: keys.into_iter().map(|key| key.id).collect(),
        needs_signature: visit.app.settings.require_signature,
        identity: visit.caller.identity(),
    })
}
