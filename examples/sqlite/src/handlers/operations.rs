//! For load balancers and dashboards.

use super::Site;
use crate::logs::chain;
use axess::{SessionId, metrics::AuthnMetrics, store::StoreError};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use std::time::Duration;

/// How long the session store may take to answer. Load balancers are less patient than users.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
pub(crate) struct Health {
    status: &'static str,
    sessions: &'static str,
}

/// Asks the session store whether it can read and write; without it, nobody can be served.
pub(crate) async fn health(State(app): Site) -> impl IntoResponse {
    let (store, now) = (app.sessions.store(), app.sessions.clock().now());
    let ask = async {
        store.load(SessionId::from_bytes([0; 16]), now).await?;
        // Deletes nothing, but as a writer.
        store.cleanup_expired(now, 0).await?;
        Ok::<_, StoreError>(())
    };
    let fault = match tokio::time::timeout(PATIENCE, ask).await {
        Ok(Ok(())) => return (StatusCode::OK, Json(Health { status: "healthy", sessions: "available" })),
        Ok(Err(error)) => chain(&error),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::error!(fault, "the session store is not available");
    app.counters.store_failed();
    (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "unhealthy", sessions: "unavailable" }))
}

/// Shows the counters in the text format of Prometheus.
pub(crate) async fn metrics(State(app): Site) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.counters.text())
}
