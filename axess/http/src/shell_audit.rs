use crate::{CsrfReason, CsrfRejection, RateLimitRejection, csrf::OnCsrfReject, rate_limit::OnRateLimit};
use axess_clock::{Clock, SystemClock};
use axess_core::{
    audit::AuditSink,
    metrics::{AuthnMetrics, NoMetrics},
};
use axess_events::{
    AuthEvent, AuthEventEnvelope,
    shell::{CsrfFailureReason, CsrfRejected, RateLimitRejected},
};
use axess_identity::EventId;
use axess_rng::{SecureRng, SystemRng};
use std::{net::IpAddr, sync::Arc};

/// Records what the layers refuse in the audit trail, and counts it.
///
/// A request that is refused gets no more by failing to be recorded, so a failing sink is logged and the refusal stands.
///
/// ```
/// use axess_core::audit::MemoryAuditSink;
/// use axess_http::{CsrfConfig, RateLimitConfig, ShellAudit};
/// use std::sync::Arc;
/// let trail = Arc::new(MemoryAuditSink::default());
/// let audit = ShellAudit::new(trail);
/// let limits = RateLimitConfig::builder().max_requests(10).on_reject(audit.on_rate_limit()).build();
/// let csrf = CsrfConfig::new([7u8; 32]).unwrap().on_reject(audit.on_csrf_reject());
/// # let _ = (limits, csrf);
/// ```
#[derive(Clone)]
pub struct ShellAudit {
    sink: Arc<dyn AuditSink>,
    metrics: Arc<dyn AuthnMetrics>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
}

impl ShellAudit {
    /// Records into `sink`, on the system's clock and randomness.
    pub fn new(sink: Arc<dyn AuditSink>) -> Self {
        Self { sink, metrics: Arc::new(NoMetrics), clock: Arc::new(SystemClock), rng: Arc::new(SystemRng) }
    }

    /// Counts as well.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn AuthnMetrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Injects the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Injects the randomness.
    #[must_use]
    pub fn with_rng(mut self, rng: Arc<dyn SecureRng>) -> Self {
        self.rng = rng;
        self
    }

    /// Returns the hook for [`RateLimitConfigBuilder::on_reject`](crate::RateLimitConfigBuilder::on_reject).
    #[must_use]
    pub fn on_rate_limit(&self) -> OnRateLimit {
        let audit = self.clone();
        Arc::new(move |rejection: &RateLimitRejection<'_>| {
            audit.metrics.rate_limit_rejected();
            let route = rejection.matched_path.unwrap_or_default().into();
            let event = RateLimitRejected { route, key_kind: rejection.key_kind.into() };
            audit.record(rejection.client_ip, event.into());
        })
    }

    /// Returns the hook for [`CsrfConfig::on_reject`](crate::CsrfConfig::on_reject).
    #[must_use]
    pub fn on_csrf_reject(&self) -> OnCsrfReject {
        let audit = self.clone();
        Arc::new(move |rejection: &CsrfRejection<'_>| {
            let failure_reason = match rejection.reason {
                CsrfReason::CrossSite => CsrfFailureReason::CrossSite,
                CsrfReason::OriginMismatch | CsrfReason::Malformed => CsrfFailureReason::WrongOrigin,
                CsrfReason::TokenMissing => CsrfFailureReason::MissingToken,
                CsrfReason::TokenInvalid => CsrfFailureReason::WrongToken,
            };
            let route = rejection.matched_path.unwrap_or_default().into();
            audit.record(rejection.client_ip, CsrfRejected { route, failure_reason }.into());
        })
    }

    fn record(&self, client_ip: Option<IpAddr>, event: AuthEvent) {
        let now = self.clock.now();
        let mut envelope = AuthEventEnvelope::new(EventId::generate(now, &*self.rng), now, event);
        envelope.client_ip = client_ip;
        if let Err(error) = self.sink.record(envelope) {
            tracing::error!(error = &error as &dyn std::error::Error, "a refusal was not recorded");
        }
    }
}

impl std::fmt::Debug for ShellAudit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShellAudit").finish_non_exhaustive()
    }
}
