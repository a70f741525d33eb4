use super::{AuditError, AuditSink, MemoryAuditSink};
use crate::{
    session::{RequestContext, SessionHandle},
    store::{StoreError, UnitOfWork},
};
use axess_clock::{Clock, SystemClock};
use axess_events::{Actor, AuditPayload, AuthEvent, AuthEventEnvelope};
use axess_identity::{EventId, Principal, TenantId};
use axess_rng::{SecureRng, SystemRng};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// What is known of an event beside what happened: where, at whose request, in which request.
///
/// ```
/// use axess_core::audit::EventContext;
/// use axess_events::Actor;
/// use axess_identity::TenantId;
/// let sweep = EventContext::system().in_tenant(TenantId::from_parts(0, [1; 10]));
/// assert_eq!(sweep.actor, Some(Actor::System));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventContext {
    /// The tenant it happened in; `None` when that is not known or there is none.
    pub tenant_id: Option<TenantId>,
    /// At whose request it happened; `None` while nobody has been authenticated.
    pub actor: Option<Actor>,
    /// The request it happened in; empty when there is none.
    pub request: RequestContext,
}

impl EventContext {
    /// Takes what a session knows: its user and tenant, if it is authenticated, and its request.
    #[must_use]
    pub fn of_session(session: &SessionHandle) -> Self {
        let owner = session.owner();
        Self {
            tenant_id: owner.map(|owner| owner.tenant_id),
            actor: owner.map(|owner| Actor::User(owner.user_id)),
            request: session.context().clone(),
        }
    }

    /// Takes who a principal is.
    #[must_use]
    pub fn of_principal(principal: &Principal, request: RequestContext) -> Self {
        let actor = match principal {
            Principal::Human(human) => Actor::User(human.user_id),
            Principal::Workload(workload) => Actor::Workload(workload.workload_id.clone()),
        };
        Self { tenant_id: Some(principal.tenant_id()), actor: Some(actor), request }
    }

    /// Takes what nobody in particular asked for: a sweep, a schedule.
    #[must_use]
    pub fn system() -> Self {
        Self { actor: Some(Actor::System), ..Self::default() }
    }

    /// Puts an event into an envelope: for whoever delivers it by other ways than an [`Emitter`]'s.
    #[must_use]
    pub fn wrap<P: AuditPayload>(
        &self,
        payload: P,
        now: DateTime<Utc>,
        rng: &dyn SecureRng,
    ) -> AuthEventEnvelope<P> {
        let mut envelope = AuthEventEnvelope::new(EventId::generate(now, rng), now, payload);
        envelope.tenant_id = self.tenant_id;
        envelope.actor.clone_from(&self.actor);
        envelope.client_ip = self.request.client_ip;
        envelope.user_agent = self.request.user_agent.as_deref().map(Into::into);
        envelope.request_id = self.request.request_id.as_deref().map(Into::into);
        envelope.trace_id = self.request.trace_id.as_deref().map(Into::into);
        envelope
    }

    /// Sets the tenant.
    #[must_use]
    pub fn in_tenant(mut self, tenant_id: TenantId) -> Self {
        self.tenant_id = Some(tenant_id);
        self
    }
}

/// Puts events into envelopes, all in one way, and hands them to the sink.
///
/// The time is the clock's, the id is drawn from the randomness at that time, tenant, actor and the ids of the request
/// are the context's.
///
/// ```
/// use axess_core::audit::{Emitter, EventContext, MemoryAuditSink};
/// use axess_events::{AuditPayload, account::EmailVerified};
/// use axess_identity::{TenantId, UserId};
/// use std::sync::Arc;
///
/// #[derive(serde::Serialize)]
/// #[serde(tag = "event_type")]
/// struct FundsTransferred {
///     amount_cents: u64,
/// }
/// impl AuditPayload for FundsTransferred {
///     fn event_type(&self) -> std::borrow::Cow<'static, str> {
///         "FundsTransferred".into()
///     }
/// }
///
/// # async fn example() -> Result<(), axess_core::audit::AuditError> {
/// let trail = MemoryAuditSink::default();
/// let emitter = Emitter::new(Arc::new(trail.clone()));
/// let context = EventContext::system().in_tenant(TenantId::from_parts(0, [1; 10]));
/// emitter.emit(&context, EmailVerified { user_id: UserId::from_parts(0, [2; 10]) }).await?;
/// assert_eq!(trail.events()[0].tenant_id, context.tenant_id);
/// // An application's own event, for a pipe that carries such.
/// let envelope = emitter.envelope(&context, FundsTransferred { amount_cents: 500 });
/// assert_eq!(envelope.tenant_id, context.tenant_id);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Emitter {
    sink: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
}

impl Emitter {
    /// Emits into `sink`, on the system's clock and randomness.
    #[must_use]
    pub fn new(sink: Arc<dyn AuditSink>) -> Self {
        Self { sink, clock: Arc::new(SystemClock), rng: Arc::new(SystemRng) }
    }

    /// Replaces the sink.
    #[must_use]
    pub fn with_sink(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.sink = sink;
        self
    }

    /// Injects the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Injects the randomness of event ids.
    #[must_use]
    pub fn with_rng(mut self, rng: Arc<dyn SecureRng>) -> Self {
        self.rng = rng;
        self
    }

    /// Returns where events go.
    #[must_use]
    pub fn sink(&self) -> &Arc<dyn AuditSink> {
        &self.sink
    }

    /// Returns the clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns the randomness.
    #[must_use]
    pub fn rng(&self) -> &Arc<dyn SecureRng> {
        &self.rng
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Puts an event of axess or of the application into its envelope.
    #[must_use]
    pub fn envelope<P: AuditPayload>(&self, context: &EventContext, payload: P) -> AuthEventEnvelope<P> {
        context.wrap(payload, self.now(), &*self.rng)
    }

    /// Records one event; returns its id.
    ///
    /// # Errors
    ///
    /// The sink's: the event is not recorded, and what it is about must not be granted.
    pub async fn emit(
        &self,
        context: &EventContext,
        event: impl Into<AuthEvent>,
    ) -> Result<EventId, AuditError> {
        let envelope = self.envelope(context, event.into());
        let id = envelope.event_id;
        self.sink.record(envelope).await?;
        Ok(id)
    }
}

impl Emitter {
    /// Runs what writes and records; one step, all or nothing, where the sink keeps events in the same database.
    ///
    /// Elsewhere `work` just runs. It must be short and hash no passwords: a database holds locks meanwhile.
    ///
    /// # Errors
    ///
    /// That of `work`, or of committing it.
    pub async fn together<T, E: From<StoreError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if self.sink.joins_units() { UnitOfWork::run(work).await } else { work.await }
    }
}

impl Default for Emitter {
    /// Keeps the newest events in memory.
    fn default() -> Self {
        Self::new(Arc::new(MemoryAuditSink::default()))
    }
}

impl std::fmt::Debug for Emitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emitter").finish_non_exhaustive()
    }
}
