use super::{bearer::bearer, claimed::claimed, refusal::Refusal};
use crate::{Authenticator, ShellAudit, session_facts::CallersAreSought};
use axess_core::session::SessionHandle;
use axess_identity::{Principal, WorkloadId, WorkloadPrincipal};
use axess_workload::{JwtSvidError, JwtSvidResolver};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures_util::future::{BoxFuture, Either};
use http::{Extensions, Request, header, request::Parts};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// Says which workload calls, by the JWT-SVID in `Authorization: Bearer` (JWT-SVID §5.2).
///
/// A good token puts [`Principal::Workload`] among the request's extensions, where policies, rate limits and the trail look
/// for the caller. A request without one goes on, and its guards decide. A bad one is answered: 401, or 503 when it cannot be
/// checked. Put it inside the session layer, where there is one, so that a request has one caller: somebody who is logged in is
/// the caller whatever token comes along. Routes that take bearer tokens of another kind do not belong inside.
///
/// It is an [`Authenticator`] too, for routes that are for workloads alone. The text of their guard is empty for any of the
/// trust domain, or the path of one SPIFFE id (`/svc/billing/acme`), or the beginning of several (`/svc/billing/*`). The handler
/// takes an [`Accepted<WorkloadPrincipal>`](crate::Accepted).
///
/// ```
/// use axess_http::{Accepted, AuthenticatorLayer, Guard, GuardedRouter, JwtSvidLayer};
/// use axess_identity::{Principal, WorkloadPrincipal};
/// use axess_workload::JwtSvidResolver;
/// use axum::Extension;
///
/// fn app(resolver: JwtSvidResolver) -> axum::Router {
///     let workloads = JwtSvidLayer::new(resolver);
///     GuardedRouter::new()
///         .get("/who", Guard::Public, async |caller: Option<Extension<Principal>>| match caller {
///             Some(Extension(caller)) => caller.uid(),
///             None => "nobody".to_owned(),
///         })
///         .get("/invoices", Guard::Accepted("/svc/billing/*"), async |caller: Accepted<WorkloadPrincipal>| {
///             format!("those of {}", caller.tenant_slug)
///         })
///         .into_router()
///         .layer(AuthenticatorLayer::new(workloads.clone()))
///         .layer(workloads)
/// }
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct JwtSvidLayer {
    resolver: Arc<JwtSvidResolver>,
    audit: Option<ShellAudit>,
}

/// The service of [`JwtSvidLayer`].
///
/// ```
/// use axess_http::JwtSvidLayer;
/// use tower::Layer;
/// fn serve(layer: &JwtSvidLayer) -> axess_http::JwtSvidService<axum::Router> {
///     layer.layer(axum::Router::new())
/// }
/// # let _ = serve;
/// ```
#[derive(Debug, Clone)]
pub struct JwtSvidService<S> {
    inner: S,
    layer: JwtSvidLayer,
}

/// What the layer found, for its guards further in: a token that is taken once is not looked at twice.
#[derive(Clone)]
struct Found {
    by: Arc<JwtSvidResolver>,
    workload: WorkloadPrincipal,
}

impl JwtSvidLayer {
    /// Asks `resolver`, which may be in an `Arc`.
    #[must_use]
    pub fn new(resolver: impl Into<Arc<JwtSvidResolver>>) -> Self {
        Self { resolver: resolver.into(), audit: None }
    }

    /// Records `WorkloadAuthenticated`, once for each request, and `WorkloadRejected`.
    ///
    /// Nobody gets in who cannot be recorded: the answer is 503. Of the refused ones at most sixty a minute are recorded, with what
    /// the token claims to be, as it came.
    #[must_use]
    pub fn with_audit(self, audit: ShellAudit) -> Self {
        Self { audit: Some(audit), ..self }
    }

    /// Finds out which workload calls; `None` when no token is presented.
    async fn find(&self, parts: &Parts) -> Result<Option<WorkloadPrincipal>, Refusal> {
        let Some(token) = bearer(&parts.headers)? else { return Ok(None) };
        let workload = self.resolver.resolve(token).await.map_err(Refusal::Token)?;
        if let Some(audit) = &self.audit {
            audit.workload_authenticated(parts, &workload).await.map_err(|error| {
                Refusal::Token(JwtSvidError::Unavailable { what: "the trail", source: Box::new(error) })
            })?;
        }
        Ok(Some(workload))
    }

    async fn answer(&self, parts: &Parts, refusal: Refusal) -> Response {
        if let (Some(audit), Some(reason)) = (&self.audit, refusal.failure()) {
            let token = bearer(&parts.headers).ok().flatten().unwrap_or_default();
            audit.workload_rejected(parts, claimed(token, reason)).await;
        }
        refusal.into_response()
    }

    async fn demand(&self, parts: &Parts, demand: &str) -> Result<WorkloadPrincipal, Refusal> {
        let found = parts.extensions.get::<Found>().filter(|found| Arc::ptr_eq(&found.by, &self.resolver));
        let workload = match found {
            Some(found) => found.workload.clone(),
            None => self.find(parts).await?.ok_or(Refusal::Missing)?,
        };
        match is_among(&workload.workload_id, demand) {
            true => Ok(workload),
            false if is_readable(demand) => Err(Refusal::NotAllowed),
            false => Err(Refusal::Demand),
        }
    }
}

impl Authenticator for JwtSvidLayer {
    type Caller = WorkloadPrincipal;

    async fn authenticate(
        &self,
        request: &Parts,
        demand: &'static str,
    ) -> Result<WorkloadPrincipal, Box<Response>> {
        match self.demand(request, demand).await {
            Ok(workload) => Ok(workload),
            Err(refusal) => Err(Box::new(self.answer(request, refusal).await)),
        }
    }
}

impl<S> Layer<S> for JwtSvidLayer {
    type Service = JwtSvidService<S>;

    fn layer(&self, inner: S) -> JwtSvidService<S> {
        JwtSvidService { inner, layer: self.clone() }
    }
}

impl<S, B> Service<Request<B>> for JwtSvidService<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(CallersAreSought);
        if is_known(request.extensions()) || !request.headers().contains_key(header::AUTHORIZATION) {
            return Either::Left(self.inner.call(request));
        }
        let layer = self.layer.clone();
        // The instance that was polled ready must be the one that is called.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let (mut parts, body) = request.into_parts();
        Either::Right(Box::pin(async move {
            match layer.find(&parts).await {
                Ok(Some(workload)) => {
                    parts.extensions.insert(Principal::Workload(workload.clone()));
                    parts.extensions.insert(Found { by: layer.resolver, workload });
                }
                Ok(None) => {}
                Err(refusal) => return Ok(layer.answer(&parts, refusal).await),
            }
            inner.call(Request::from_parts(parts, body)).await
        }))
    }
}

impl fmt::Debug for JwtSvidLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtSvidLayer").field("resolver", &self.resolver).finish_non_exhaustive()
    }
}

/// Tells whether a layer outside knows who calls.
fn is_known(extensions: &Extensions) -> bool {
    extensions.get::<Principal>().is_some()
        || extensions.get::<SessionHandle>().is_some_and(SessionHandle::is_authenticated)
}

/// Tells whether a workload is one of those that a guard's text is for.
fn is_among(workload: &WorkloadId, demand: &str) -> bool {
    let path = workload.path();
    match demand.strip_suffix('*') {
        // What begins like another segment is none of it.
        Some(begins) => begins.ends_with('/') && path.starts_with(begins),
        None => demand.is_empty() || demand == path,
    }
}

/// Tells whether a guard's text is a path, or the beginning of one; only then is nobody a refusal rather than a mistake.
fn is_readable(demand: &str) -> bool {
    let path = demand.strip_suffix("/*").unwrap_or(demand);
    format!("spiffe://domain{path}").parse::<WorkloadId>().is_ok()
}
