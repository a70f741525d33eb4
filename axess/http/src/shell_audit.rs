use crate::{CsrfReason, session_facts::event_context};
use axess_clock::Clock;
use axess_core::{
    audit::{AuditSink, Emitter, EventContext},
    metrics::{AuthnMetrics, NoMetrics},
};
use axess_events::{
    AuditText, AuthEvent,
    shell::{CsrfFailureReason, CsrfRejected, RateLimitRejected},
};
use axess_rng::SecureRng;
use axum::extract::MatchedPath;
use http::{Extensions, HeaderMap, request::Parts};
use std::sync::Arc;

/// Records what the layers refuse in the audit trail before they answer.
///
/// The events have tenant and actor when a session or a principal is known outside the layer, and the ids of the request
/// when their layers stand outside. A request that is refused gets no more by failing to be recorded, so a failing sink
/// is logged and the refusal stands.
///
/// ```
/// use axess_core::audit::MemoryAuditSink;
/// use axess_http::{CsrfConfig, RateLimitConfig, ShellAudit};
/// use std::sync::Arc;
/// let trail = Arc::new(MemoryAuditSink::default());
/// let audit = ShellAudit::new(trail);
/// let limits = RateLimitConfig::builder().max_requests(10).audit(audit.clone()).build();
/// let csrf = CsrfConfig::new([7u8; 32]).unwrap().with_audit(audit);
/// # let _ = (limits, csrf);
/// ```
#[derive(Clone)]
pub struct ShellAudit {
    emitter: Emitter,
    metrics: Arc<dyn AuthnMetrics>,
}

impl ShellAudit {
    /// Records into `sink`, on the system's clock and randomness.
    pub fn new(sink: Arc<dyn AuditSink>) -> Self {
        Self { emitter: Emitter::new(sink), metrics: Arc::new(NoMetrics) }
    }

    /// Counts what the rate limits refuse as well.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn AuthnMetrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Injects the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.emitter = self.emitter.with_clock(clock);
        self
    }

    /// Injects the randomness.
    #[must_use]
    pub fn with_rng(mut self, rng: Arc<dyn SecureRng>) -> Self {
        self.emitter = self.emitter.with_rng(rng);
        self
    }

    pub(crate) async fn rate_limited(&self, parts: &Parts, key_kind: &'static str) {
        self.metrics.rate_limit_rejected();
        let event = RateLimitRejected { route: route(&parts.extensions), key_kind: key_kind.into() };
        record(&self.emitter, &event_context(&parts.extensions, &parts.headers), event.into()).await;
    }

    /// Returns what records; it needs the request no more.
    pub(crate) fn csrf_rejected(
        &self,
        extensions: &Extensions,
        headers: &HeaderMap,
        reason: CsrfReason,
    ) -> impl Future<Output = ()> + Send + use<> {
        let failure_reason = match reason {
            CsrfReason::CrossSite => CsrfFailureReason::CrossSite,
            CsrfReason::OriginMismatch | CsrfReason::Malformed => CsrfFailureReason::WrongOrigin,
            CsrfReason::TokenMissing => CsrfFailureReason::MissingToken,
            CsrfReason::TokenInvalid => CsrfFailureReason::WrongToken,
        };
        let context = event_context(extensions, headers);
        let event = CsrfRejected { route: route(extensions), failure_reason };
        let emitter = self.emitter.clone();
        async move { record(&emitter, &context, event.into()).await }
    }
}

impl std::fmt::Debug for ShellAudit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShellAudit").finish_non_exhaustive()
    }
}

/// The route as it was declared; empty when routing comes later.
fn route(extensions: &Extensions) -> AuditText {
    extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default().into()
}

async fn record(emitter: &Emitter, context: &EventContext, event: AuthEvent) {
    if let Err(error) = emitter.emit(context, event).await {
        tracing::error!(error = &error as &dyn std::error::Error, "a refusal was not recorded");
    }
}
