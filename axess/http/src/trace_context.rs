//! W3C Trace Context: which distributed trace a request belongs to, and the name of its own span.
//!
//! Decision rules (Trace Context Level 1 §3 and §4.3, with Level 2's random flag):
//!
//! 1. Exactly one well-formed `traceparent`: the trace goes on under a fresh span id. Its `tracestate` is kept when it is
//!    well-formed and within [`MAX_TRACESTATE_BYTES`] and [`MAX_TRACESTATE_MEMBERS`], else dropped alone.
//! 2. Otherwise a new trace begins, and any `tracestate` is dropped.
//!
//! A malformed header is never an error of the request. Nothing here decides what is sampled or exported: the outcome is
//! an extension for those who do.

#[cfg(test)]
mod tests;
mod traceparent;
mod tracestate;

pub use traceparent::{ParseTraceparentError, SpanId, TraceFlags, TraceId, Traceparent};
pub use tracestate::{MAX_TRACESTATE_BYTES, MAX_TRACESTATE_MEMBERS};

use crate::response_header::HeaderFuture;
use axess_rng::{SecureRng, SystemRng};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The place of one request in its trace, in the request's extensions.
///
/// ```
/// use axess_http::TraceContext;
/// use axess_rng::MockRng;
/// let mut headers = http::HeaderMap::new();
/// headers.append("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap());
///
/// let context = TraceContext::from_headers(&headers, true, &MockRng::new(1));
/// assert_eq!(context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(context.parent_id.unwrap().to_string(), "00f067aa0ba902b7");
/// // What an outgoing call of this request sends:
/// assert!(context.traceparent().to_string().ends_with(&format!("-{}-01", context.span_id)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span; `None` when the trace begins here.
    pub parent_id: Option<SpanId>,
    /// The span of this request.
    pub span_id: SpanId,
    /// The caller's flags, or those of a new trace.
    pub flags: TraceFlags,
    /// The vendors' state to send on with outgoing calls, unchanged.
    pub tracestate: Option<Arc<str>>,
}

/// Reads or begins the trace of every request.
///
/// ```
/// use axess_http::{TraceContext, TraceContextLayer};
/// use axum::{Extension, Router, routing::get};
/// let app: Router = Router::new()
///     .route("/", get(|Extension(trace): Extension<TraceContext>| async move { trace.trace_id.to_string() }))
///     .layer(TraceContextLayer::new().echo(true));
/// ```
#[derive(Debug, Clone)]
pub struct TraceContextLayer {
    echo: bool,
    sample_new: bool,
    rng: Arc<dyn SecureRng>,
}

/// The service of [`TraceContextLayer`].
///
/// ```
/// use axess_http::TraceContextLayer;
/// use tower::Layer;
/// let service = TraceContextLayer::new().layer(axum::Router::<()>::new());
/// # let _ = service;
/// ```
#[derive(Debug, Clone)]
pub struct TraceContextService<S> {
    inner: S,
    layer: TraceContextLayer,
}

impl TraceContext {
    /// Reads the context of a request by the rules above; `sample_new` is the sampled flag of a trace that begins here.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap, sample_new: bool, rng: &(impl SecureRng + ?Sized)) -> Self {
        let span_id = SpanId::generate(rng);
        match inbound(headers) {
            Some(parent) => Self {
                trace_id: parent.trace_id,
                parent_id: Some(parent.span_id),
                span_id,
                flags: parent.flags,
                tracestate: tracestate::combine(headers, &TRACESTATE).map(Arc::from),
            },
            None => Self {
                trace_id: TraceId::generate(rng),
                parent_id: None,
                span_id,
                flags: TraceFlags { sampled: sample_new, random_trace_id: true },
                tracestate: None,
            },
        }
    }

    /// Returns the header that names this request's span as the parent of an outgoing call.
    #[must_use]
    pub fn traceparent(&self) -> Traceparent {
        Traceparent { trace_id: self.trace_id, span_id: self.span_id, flags: self.flags }
    }
}

impl TraceContextLayer {
    /// Creates the layer on the system generator; it echoes nothing and flags new traces as sampled.
    #[must_use]
    pub fn new() -> Self {
        Self { echo: false, sample_new: true, rng: Arc::new(SystemRng) }
    }

    /// Says whether responses carry `traceparent`.
    ///
    /// It tells callers the ids under which the request is logged.
    #[must_use]
    pub fn echo(mut self, echo: bool) -> Self {
        self.echo = echo;
        self
    }

    /// Says whether traces that begin here are flagged as sampled.
    #[must_use]
    pub fn sample_new(mut self, sample: bool) -> Self {
        self.sample_new = sample;
        self
    }

    /// Takes randomness from `rng`.
    #[must_use]
    pub fn with_rng(mut self, rng: Arc<dyn SecureRng>) -> Self {
        self.rng = rng;
        self
    }
}

impl Default for TraceContextLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TraceContextLayer {
    type Service = TraceContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TraceContextService { inner, layer: self.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for TraceContextService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = HeaderFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let layer = &self.layer;
        let context = TraceContext::from_headers(request.headers(), layer.sample_new, &*layer.rng);
        let echo = layer.echo.then(|| context.traceparent().to_string());
        let header = echo.and_then(|text| Some((TRACEPARENT, HeaderValue::from_str(&text).ok()?)));
        request.extensions_mut().insert(context);
        HeaderFuture::new(self.inner.call(request), header)
    }
}

fn inbound(headers: &HeaderMap) -> Option<Traceparent> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    value.to_str().ok()?.trim_matches([' ', '\t']).parse().ok()
}
