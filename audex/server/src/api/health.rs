//! `/healthz` and `/readyz`: for whoever starts, restarts and routes. Neither tells strangers more than yes or no.

use super::{openapi::Unready, render};
use crate::{app::App, problem::Problem};
use axess::{Guard, GuardedRouter};
use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;

/// How long the database may take to take a write.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/healthz", Guard::Public, alive).get("/readyz", Guard::Public, ready)
}

/// Whether it works.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Answers while the process is alive
#[utoipa::path(
    get, path = "/healthz", operation_id = "alive", tag = "health", security(()),
    responses((status = 200, description = "It is.", body = Health)),
)]
pub(super) async fn alive() -> Response {
    render::json(StatusCode::OK, &Health { status: "ok" })
}

/// Answers yes while requests can be served
///
/// The database takes writes, and events get from there into the audit log: none has waited for five minutes. Why not is in the
/// server's log.
#[utoipa::path(
    get, path = "/readyz", operation_id = "ready", tag = "health", security(()),
    responses((status = 200, description = "They can.", body = Health), Unready),
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let obstacle = match tokio::time::timeout(PATIENCE, app.store.probe()).await {
        Ok(Ok(())) => app.evidence.obstacle().map(|obstacle| obstacle.to_string()),
        Ok(Err(fault)) => Some(format!("the database takes no writes: {fault}")),
        Err(_) => Some("the database takes too long".to_owned()),
    };
    app.readiness.note(obstacle.as_deref());
    match obstacle {
        None => Ok(render::json(StatusCode::OK, &Health { status: "ok" })),
        Some(_) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready").with_retry_after(5)),
    }
}
