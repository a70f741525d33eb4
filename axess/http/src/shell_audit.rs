use crate::{CsrfReason, session_facts::event_context};
use axess_clock::Clock;
#[cfg(feature = "jwt-svid")]
use axess_core::audit::AuditError;
use axess_core::{
    audit::{AuditSink, Emitter, EventContext},
    metrics::{AuthnMetrics, NoMetrics},
};
#[cfg(feature = "oauth")]
use axess_events::shell::{AccessTokenFailureReason, AccessTokenRefused};
#[cfg(feature = "jwt-svid")]
use axess_events::{
    Actor,
    workload::{WorkloadAuthenticated, WorkloadRejected},
};
use axess_events::{
    AuditText, AuthEvent,
    shell::{CsrfFailureReason, CsrfRejected, RateLimitRejected},
};
#[cfg(feature = "jwt-svid")]
use axess_identity::WorkloadPrincipal;
use axess_rng::SecureRng;
use axum::extract::MatchedPath;
use chrono::{DateTime, TimeDelta, Utc};
use http::{Extensions, HeaderMap, request::Parts};
use std::sync::{Arc, Mutex, PoisonError};

/// How many refusals are recorded in this time, of all kinds together: strangers bring them about as fast as their network is.
const MAX_RECORDED: u32 = 60;
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// Records what the layers, and the guards of tokens, refuse in the audit trail before they answer.
///
/// The events have tenant and actor when a session or a principal is known outside the layer, and the ids of the request
/// when their layers stand outside. A request that is refused gets no more by failing to be recorded, so a failing sink
/// is logged and the refusal stands.
///
/// In a minute at most 60 are recorded, in all clones together: who is refused must not fill the trail. How many were left
/// out is logged with the next that is recorded; metrics count them all.
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
    gate: Arc<Gate>,
}

/// Counts what is recorded.
#[derive(Default)]
struct Gate(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    since: Option<DateTime<Utc>>,
    recorded: u32,
    left_out: u64,
}

impl ShellAudit {
    /// Records into `sink`, on the system's clock and randomness.
    pub fn new(sink: Arc<dyn AuditSink>) -> Self {
        Self { emitter: Emitter::new(sink), metrics: Arc::new(NoMetrics), gate: Arc::default() }
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
        if self.gate.opens(self.emitter.now()) {
            record(&self.emitter, &event_context(&parts.extensions, &parts.headers), event.into()).await;
        }
    }

    #[cfg(feature = "oauth")]
    pub(crate) async fn token_refused(&self, parts: &Parts, failure_reason: AccessTokenFailureReason) {
        let event = AccessTokenRefused { route: route(&parts.extensions), failure_reason };
        if self.gate.opens(self.emitter.now()) {
            record(&self.emitter, &event_context(&parts.extensions, &parts.headers), event.into()).await;
        }
    }

    #[cfg(feature = "jwt-svid")]
    pub(crate) async fn workload_rejected(&self, parts: &Parts, event: WorkloadRejected) {
        if self.gate.opens(self.emitter.now()) {
            record(&self.emitter, &event_context(&parts.extensions, &parts.headers), event.into()).await;
        }
    }

    /// Records who proved what; nobody is let in who is not on record.
    #[cfg(feature = "jwt-svid")]
    pub(crate) async fn workload_authenticated(
        &self,
        parts: &Parts,
        workload: &WorkloadPrincipal,
    ) -> Result<(), AuditError> {
        let context = EventContext {
            tenant_id: Some(workload.tenant_id),
            actor: Some(Actor::Workload(workload.workload_id.clone())),
            ..event_context(&parts.extensions, &parts.headers)
        };
        let event = WorkloadAuthenticated {
            workload_id: workload.workload_id.clone(),
            trust_domain: workload.trust_domain.clone(),
            issuer: workload.issuer.as_str().into(),
        };
        self.emitter.emit(&context, event).await.map(drop)
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
        let (emitter, gate) = (self.emitter.clone(), Arc::clone(&self.gate));
        async move {
            if gate.opens(emitter.now()) {
                record(&emitter, &context, event.into()).await;
            }
        }
    }
}

impl Gate {
    /// Tells whether one more is recorded.
    fn opens(&self, now: DateTime<Utc>) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins a new minute as well, or nothing would be recorded until it is there again.
        if counted.since.is_none_or(|since| (now - since).abs() >= WINDOW) {
            counted.since = Some(now);
            counted.recorded = 0;
        }
        if counted.recorded >= MAX_RECORDED {
            counted.left_out = counted.left_out.saturating_add(1);
            return false;
        }
        counted.recorded = counted.recorded.saturating_add(1);
        let left_out = std::mem::take(&mut counted.left_out);
        drop(counted);
        if left_out > 0 {
            tracing::warn!(left_out, "refusals were too many to be recorded each");
        }
        true
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

#[cfg(test)]
mod tests {
    use super::*;
    use axess_clock::MockClock;
    use axess_core::audit::MemoryAuditSink;
    use http::Request;

    #[tokio::test]
    async fn of_a_flood_of_refusals_sixty_a_minute_are_recorded() {
        let trail = Arc::new(MemoryAuditSink::default());
        let clock = MockClock::new(DateTime::UNIX_EPOCH);
        let audit =
            ShellAudit::new(Arc::<MemoryAuditSink>::clone(&trail)).with_clock(Arc::new(clock.clone()));
        let (parts, ()) = Request::new(()).into_parts();
        let refuse = async |times: u32| {
            for _ in 0..times {
                audit.clone().rate_limited(&parts, "ip").await;
                audit.csrf_rejected(&parts.extensions, &parts.headers, CsrfReason::TokenMissing).await;
            }
            trail.events().len()
        };
        assert_eq!(refuse(29).await, 58);
        assert_eq!(refuse(500).await, 60);
        clock.jump(TimeDelta::seconds(59));
        assert_eq!(refuse(1).await, 60);
        clock.jump(TimeDelta::seconds(1));
        assert_eq!(refuse(500).await, 120);
        clock.jump(-TimeDelta::hours(1));
        assert_eq!(refuse(1).await, 122, "a clock that is set back silences nothing");
    }
}
