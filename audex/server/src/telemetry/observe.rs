use super::{Meters, span};
use axess::clock::Clock;
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::{sync::Arc, time::Duration};
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Counts and times each request of a router, and begins its span; a `traceparent` names the span's parent.
pub fn observe(router: Router, meters: Meters, clock: Arc<dyn Clock>) -> Router {
    router.layer(from_fn_with_state((meters, clock), around))
}

async fn around(
    State((meters, clock)): State<(Meters, Arc<dyn Clock>)>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| Arc::<str>::from(path.as_str()));
    let method = request.method().clone();
    let span = span::request(method.as_str(), route.as_deref());
    if !span.is_disabled() {
        let parent = TraceContextPropagator::new().extract(&Headers(request.headers()));
        // It fails where nothing collects traces.
        let _ = span.set_parent(parent);
    }
    let began = clock.now();
    let response = next.run(request).instrument(span.clone()).await;
    // A clock that was set back says nothing of the request.
    let took = (clock.now() - began).to_std().unwrap_or(Duration::ZERO);
    let status = response.status();
    meters.request_finished(route.as_deref(), &method, status, took);
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response
}

/// Headers, as the propagator reads them.
struct Headers<'a>(&'a http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).iter();
        // Two parents are none.
        let (value, None) = (values.next()?, values.next()) else { return None };
        value.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
