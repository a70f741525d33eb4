//! `/credentials`: ask, pick up, refresh, end.

use super::{
    Members,
    bodies::{AskBody, AskSchema, NoBody, ReasonBody, WaitParams},
    extract::{JsonBody, JsonList, Named, Params},
    openapi::{BadBody, IssueRefusals, Refusals},
    render,
    shapes::{Issued, PlanShape, Revoked, Standing, Waiting},
};
use crate::{
    access::{CALLER, Caller},
    app::App,
    notify::check_callback,
    problem::Problem,
    requests::{Asked, PickedUp},
};
use axess::GuardedRouter;
use axum::{extract::State, response::Response};
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;

/// The header that makes a repetition harmless.
const RETRY_KEY: &str = "idempotency-key";
/// The longest value of it.
const MAX_RETRY_KEY: usize = 200;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new()
        .post("/credentials", CALLER, ask)
        .post("/credentials/plan", CALLER, plan)
        .post("/credentials/batch", CALLER, batch)
        .get("/credentials/{id}", CALLER, pick_up)
        .post("/credentials/{id}/refresh", CALLER, refresh)
        .post("/credentials/{id}/revoke", CALLER, revoke)
}

/// Asks for a credential
///
/// Where somebody has to agree first the answer is 202, and its `Location` is where to ask how that goes.
#[utoipa::path(
    post, path = "/credentials", operation_id = "ask", tag = "credentials", request_body = AskSchema,
    params(("Idempotency-Key" = Option<String>, Header, max_length = 200, pattern = "^[!-~]{1,200}$",
        description = "Repeats are given the first answer, with the header `Idempotency-Replayed: true`.")),
    responses(
        (status = 200, description = "The credential.", body = Issued),
        (status = 202, description = "Somebody has to agree first.", body = Waiting,
            headers(("location" = String, description = "Where to ask how that goes."))),
        BadBody, Refusals, IssueRefusals,
    ),
)]
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody<AskBody>,
) -> Result<Response, Problem> {
    let key = retry_key(&headers)?;
    let callback = checked(&app, body.callback, "callback")?;
    let asked = app.ask(&caller, body.ask, key.as_deref(), callback).await?;
    Ok(render_asked(&app, &caller, &asked))
}

fn render_asked(app: &App, caller: &Caller, asked: &Asked) -> Response {
    match asked {
        Asked::Issued(handover) => render::issued(handover),
        Asked::Pending(pending) => render::waiting(app, caller, pending),
        Asked::Again(pending) => {
            let mut response = render::waiting(app, caller, pending);
            render::mark_replayed(&mut response);
            response
        }
    }
}

/// Says what would be issued
///
/// Which policy the provider would be told, what of the request would be cut, who would have to agree. It leaves no trace.
#[utoipa::path(
    post, path = "/credentials/plan", operation_id = "plan", tag = "credentials", request_body = AskSchema,
    responses((status = 200, description = "What would be issued.", body = PlanShape), BadBody, Refusals, IssueRefusals),
)]
pub(super) async fn plan(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(body): JsonBody<AskBody>,
) -> Result<Response, Problem> {
    checked(&app, body.callback, "callback")?;
    let plan = app.plan(&caller, &body.ask)?;
    Ok(render::json(StatusCode::OK, &PlanShape::new(&plan)))
}

/// The answers to a batch, in its order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchAnswer {
    #[schema(value_type = Vec<BatchItem>)]
    results: Vec<Value>,
}

/// The answer to one request of a batch.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum BatchItem<'a> {
    /// The credential.
    Issued(Issued<'a>),
    /// Somebody has to agree first.
    Waiting(Waiting),
    /// It was refused, or failed.
    Refused {
        /// Why.
        #[schema(value_type = super::openapi::ProblemSchema)]
        problem: Value,
    },
}

/// Asks for several credentials
///
/// Each request goes its own way: that one is refused does not hold up the others. What cannot be read refuses them all.
#[utoipa::path(
    post, path = "/credentials/batch", operation_id = "batch", tag = "credentials", request_body = Vec<AskSchema>,
    params(("Idempotency-Key" = Option<String>, Header, max_length = 200, pattern = "^[!-~]{1,200}$",
        description = "As for one request; it counts for each of them, by its place.")),
    responses((status = 200, description = "The answers, in the order of the requests.", body = BatchAnswer),
        BadBody, Refusals),
)]
pub(super) async fn batch(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    JsonList(list): JsonList,
) -> Result<Response, Problem> {
    let key = retry_key(&headers)?;
    let mut asks = Vec::with_capacity(list.len());
    for (index, value) in list.into_iter().enumerate() {
        let mut body: AskBody = Members::at(format!("[{index}]."), value)?.read()?;
        body.callback = checked(&app, body.callback, &format!("[{index}].callback"))?;
        // The space keeps it apart from every key that a caller can send.
        asks.push((body, key.as_ref().map(|key| format!("{key} {index}"))));
    }
    let one = async |body: AskBody, key: Option<String>| {
        let asked = app.ask(&caller, body.ask, key.as_deref(), body.callback).await;
        let item = match &asked {
            Ok(Asked::Issued(handover)) => BatchItem::Issued(Issued::new(handover)),
            Ok(Asked::Pending(pending) | Asked::Again(pending)) => {
                BatchItem::Waiting(Waiting::new(pending, &app, &caller))
            }
            Err(problem) => BatchItem::Refused { problem: problem.json() },
        };
        serde_json::to_value(item)
    };
    let results = join_all(asks.into_iter().map(|(body, key)| one(body, key))).await;
    let results: Result<Vec<Value>, _> = results.into_iter().collect();
    Ok(render::json(StatusCode::OK, &BatchAnswer { results: results.map_err(|_| Problem::internal())? }))
}

/// Where a request stands, or the credential.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of an answer with two forms")]
pub(super) enum PickUpAnswer<'a> {
    /// The credential, for whoever asked for it.
    Issued(Issued<'a>),
    /// It was denied, has expired, or was picked up before.
    Standing(Standing),
}

/// Asks how a request stands, and picks up what was approved
///
/// With `wait` the answer comes once something changes, or when that time is over.
#[utoipa::path(
    get, path = "/credentials/{id}", operation_id = "pick_up", tag = "credentials",
    params(("id" = String, Path, description = "The session, or 8 or more of its first digits.", max_length = 64), WaitParams),
    responses(
        (status = 200, description = "The credential, or how it ended.", body = PickUpAnswer),
        (status = 202, description = "It still waits.", body = Waiting),
        Refusals, IssueRefusals,
    ),
)]
pub(super) async fn pick_up(
    State(app): State<Arc<App>>,
    mut caller: Caller,
    Named(id): Named,
    headers: HeaderMap,
    Params(params): Params<WaitParams>,
) -> Result<Response, Problem> {
    let mut picked_up = app.pick_up(&caller, id).await?;
    if let (PickedUp::Waiting(_), Some(wait @ 1..)) = (&picked_up, params.wait) {
        app.wait(id, Duration::from_secs(wait)).await?;
        caller = app.still(caller, &headers).await?;
        picked_up = app.pick_up(&caller, id).await?;
    }
    Ok(match &picked_up {
        PickedUp::Waiting(pending) => render::waiting(&app, &caller, pending),
        PickedUp::Handover(handover) => render::issued(handover),
        PickedUp::Decided(pending) => {
            render::json(StatusCode::OK, &Standing::of_request(pending, app.clock.now()))
        }
        PickedUp::Session(record) => render::json(StatusCode::OK, &Standing::of_session(record)),
    })
}

/// Asks for the successor of a session's credential
///
/// Never past the session's deadline. It counts as a request; at most 64 credentials of a session work at once.
#[utoipa::path(
    post, path = "/credentials/{id}/refresh", operation_id = "refresh", tag = "credentials",
    params(("id" = String, Path, description = "The session, or 8 or more of its first digits.", max_length = 64)),
    responses((status = 200, description = "The new credential.", body = Issued), BadBody, Refusals, IssueRefusals),
)]
pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named,
    JsonBody(NoBody): JsonBody<NoBody>,
) -> Result<Response, Problem> {
    let handover = app.refresh(&caller, id).await?;
    Ok(render::issued(&handover))
}

/// Ends a session, and says of each credential what became of it
#[utoipa::path(
    post, path = "/credentials/{id}/revoke", operation_id = "revoke", tag = "credentials",
    params(("id" = String, Path, description = "The session, or 8 or more of its first digits.", max_length = 64)),
    request_body = Option<ReasonBody>,
    responses((status = 200, description = "What became of it.", body = Revoked), BadBody, Refusals, IssueRefusals),
)]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named,
    JsonBody(body): JsonBody<ReasonBody>,
) -> Result<Response, Problem> {
    let (record, revocation) = app.revoke(&caller, id, body.reason.as_deref()).await?;
    Ok(render::json(StatusCode::OK, &Revoked::new(&record, &revocation)))
}

fn retry_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(RETRY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let is_visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    let fits = (1..=MAX_RETRY_KEY).contains(&value.len()) && is_visible && values.next().is_none();
    let text = value.to_str().ok().filter(|_| fits);
    text.map(|text| Some(text.to_owned())).ok_or_else(|| {
        Problem::invalid("Idempotency-Key", "one key of 1 to 200 visible ASCII characters is needed")
    })
}

fn checked(app: &App, callback: Option<String>, field: &str) -> Result<Option<String>, Problem> {
    if let Some(address) = &callback {
        check_callback(address, app.settings.is_dev)
            .map_err(|fault| Problem::invalid(field, fault.to_string()))?;
    }
    Ok(callback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_and_alone() {
        let key = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(RETRY_KEY, value.parse().unwrap());
            }
            retry_key(&headers)
        };
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["a-1~"]), Ok(Some("a-1~".to_owned())));
        assert_eq!(key(&["k".repeat(200).as_str()]).unwrap().unwrap().len(), 200);
        for wrong in [vec![""], vec!["a b"], vec!["a", "b"], vec!["k".repeat(201).as_str()], vec!["é"]] {
            assert_eq!(key(&wrong).unwrap_err().json()["field"], "Idempotency-Key", "{wrong:?}");
        }
    }
}
