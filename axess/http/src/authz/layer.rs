#[cfg(test)]
mod tests;

use super::caller::Caller;
use axess_authz::{
    AuthzEntityProvider, AuthzEventSink, AuthzProviderError, AuthzSession, AuthzSinkError, AuthzSinkFuture,
    AuthzStore, AuthzUnavailable, DynAuthzEntityProvider, Entity, EntitySet, ResourceUid,
    StandardRequestContext, StepUpOptions,
};
use axess_clock::{Clock, SystemClock};
use axess_core::{
    audit::{AuditSink, Emitter, EventContext},
    session::RequestContext,
    store::{DynDeviceStore, Owner},
};
use axess_events::AuthEvent;
use axess_identity::{DeviceId, Principal};
use axess_rng::{SecureRng, SystemRng};
use axum::{Extension, middleware::AddExtension};
use std::sync::Arc;
use tower::Layer;

/// Brings policies to the handlers and guards of a router.
///
/// [`Authz`](super::Authz) and [`Guard::Policy`](crate::Guard::Policy) ask them. Add it outside the routes that ask;
/// inside or outside the session layer is the same.
///
/// ```
/// use axess_authz::{AuthzStore, NoEntities, PolicyStore};
/// use axess_core::{audit::MemoryAuditSink, memory::InMemorySessionStore};
/// use axess_http::{AuthzLayer, Guard, GuardedRouter, SessionLayer};
/// use std::sync::Arc;
/// let policies = Arc::new(AuthzStore::new(PolicyStore::base().unwrap()));
/// let trail = Arc::new(MemoryAuditSink::default());
/// let app: axum::Router = GuardedRouter::new()
///     .get("/admin", Guard::Policy("administer"), async || "the deployment is yours")
///     .into_router()
///     .layer(AuthzLayer::new(policies, Arc::new(NoEntities)).with_audit_sink(trail))
///     .layer(SessionLayer::new(InMemorySessionStore::new(), [7u8; 32]));
/// ```
#[derive(Clone)]
pub struct AuthzLayer(Arc<Ports>);

#[derive(Clone)]
struct Ports {
    store: Arc<AuthzStore>,
    provider: Arc<dyn DynAuthzEntityProvider>,
    devices: Option<Arc<dyn DynDeviceStore>>,
    audit: Option<Arc<dyn AuditSink>>,
    step_up: StepUpOptions,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
}

impl AuthzLayer {
    /// Decides by the policies in force in `store`, with the facts of `provider`, on the system's clock.
    ///
    /// The provider need not know `Shared::"deployment"`, which route guards ask about; what it knows of it counts.
    #[must_use]
    pub fn new(store: Arc<AuthzStore>, provider: Arc<dyn DynAuthzEntityProvider>) -> Self {
        Self(Arc::new(Ports {
            store,
            provider: Arc::new(WithDeployment(provider)),
            devices: None,
            audit: None,
            step_up: StepUpOptions::default(),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
        }))
    }

    /// Records every decision in the audit trail, with tenant, actor, address and the ids of the request.
    ///
    /// It replaces the sink of the store for what is decided here. Default: the store's.
    #[must_use]
    pub fn with_audit_sink(self, audit: Arc<dyn AuditSink>) -> Self {
        self.with(|ports| ports.audit = Some(audit))
    }

    /// Looks up, once per [`Authz`](super::Authz), whether the session's device is still a trusted one.
    ///
    /// Default: policies see the device the session belongs to, and never as trusted.
    #[must_use]
    pub fn with_device_store(self, devices: Arc<dyn DynDeviceStore>) -> Self {
        self.with(|ports| ports.devices = Some(devices))
    }

    /// Sets the factors that a challenge may ask for: those that users can prove here.
    #[must_use]
    pub fn with_step_up(self, options: StepUpOptions) -> Self {
        self.with(|ports| ports.step_up = options)
    }

    /// Injects the clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|ports| ports.clock = clock)
    }

    /// Injects the randomness of event ids.
    #[must_use]
    pub fn with_rng(self, rng: Arc<dyn SecureRng>) -> Self {
        self.with(|ports| ports.rng = rng)
    }

    /// Binds the caller of a request to the policies in force now.
    pub(super) async fn open(&self, caller: Caller) -> Result<AuthzSession, AuthzUnavailable> {
        let Caller { principal, proofs, device, request } = caller;
        let ports = &self.0;
        let mut context = StandardRequestContext::new(ports.clock.now());
        context.ip = request.client_ip;
        if let Some((factors, authn_time)) = proofs {
            context = context.with_factors(factors, authn_time);
        }
        if let Some((owner, id)) = device {
            context = context.with_device(id, self.is_trusted(owner, id).await?);
        }
        let session = ports.store.session(principal, Arc::clone(&ports.provider), context);
        let session = session.with_step_up(ports.step_up.clone());
        Ok(match &ports.audit {
            Some(audit) => session.with_sink(Arc::new(Trail {
                emitter: Emitter::new(Arc::clone(audit))
                    .with_clock(Arc::clone(&ports.clock))
                    .with_rng(Arc::clone(&ports.rng)),
                request,
            })),
            None => session,
        })
    }

    async fn is_trusted(&self, owner: Owner, id: DeviceId) -> Result<bool, AuthzUnavailable> {
        let Some(devices) = &self.0.devices else { return Ok(false) };
        let device = devices.load(owner, id).await.map_err(|error| AuthzUnavailable::Provider {
            provider: "devices".to_owned(),
            source: AuthzProviderError::new("device store", error),
        })?;
        Ok(device.is_some_and(|device| device.owner == owner && device.trust_level.is_trusted()))
    }

    fn with(mut self, change: impl FnOnce(&mut Ports)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl<S> Layer<S> for AuthzLayer {
    type Service = AddExtension<S, Self>;

    fn layer(&self, inner: S) -> AddExtension<S, Self> {
        Extension(self.clone()).layer(inner)
    }
}

impl std::fmt::Debug for AuthzLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthzLayer").field("store", &self.0.store).finish_non_exhaustive()
    }
}

/// Records the decisions of one request.
struct Trail {
    emitter: Emitter,
    request: RequestContext,
}

impl AuthzEventSink for Trail {
    fn record<'a>(&'a self, principal: &'a Principal, event: AuthEvent) -> AuthzSinkFuture<'a> {
        let context = EventContext::of_principal(principal, self.request.clone());
        Box::pin(
            async move { self.emitter.emit(&context, event).await.map(|_| ()).map_err(AuthzSinkError::new) },
        )
    }
}

/// Adds the deployment where it is asked about: it exists without anybody having stored it.
struct WithDeployment(Arc<dyn DynAuthzEntityProvider>);

impl AuthzEntityProvider for WithDeployment {
    fn name(&self) -> &str {
        AuthzEntityProvider::name(&self.0)
    }

    async fn entities(
        &self,
        principal: &Principal,
        resources: &[ResourceUid],
    ) -> Result<EntitySet, AuthzProviderError> {
        let mut set = AuthzEntityProvider::entities(&self.0, principal, resources).await?;
        let deployment = ResourceUid::deployment();
        if resources.contains(&deployment) && set.get(&deployment).is_none() {
            set.insert(Entity::new(deployment));
        }
        Ok(set)
    }
}
