use super::{AuthnInfo, GuardRejection, PartialInfo, accepted::admit};
use axess_core::session::SessionHandle;
use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use futures_util::future::{Either, ready};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, Service};

/// Who may reach a route.
///
/// ```
/// use axess_http::Guard;
/// use std::time::Duration;
/// assert_eq!(Guard::Fresh(Duration::from_secs(300)).to_string(), "fresh(300s)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Anybody.
    Public,
    /// Anybody who is not logged in.
    Guest,
    /// Somebody whose login waits for its next credential.
    Partial,
    /// Somebody who is logged in.
    Authn,
    /// Somebody who is logged in with something known and something held.
    ///
    /// A login at an identity provider counts as something known, whatever was asked for there: alone it is not enough here
    /// ([`AuthnInfo::require_mfa`](super::AuthnInfo::require_mfa)), with a local code or passkey after it it is.
    Mfa,
    /// Somebody whose latest proof is at most this old.
    Fresh(Duration),
    /// Somebody whom the policies allow this action on the deployment as a whole, `Shared::"deployment"`.
    ///
    /// The action is its bare name (`"administer"`), or written out (`Billing::Action::"administer"`); the schema
    /// declares it with `resource: [Shared]`. It takes an `AuthzLayer` on the router; without one, and without the
    /// feature `authz`, the route answers nobody.
    Policy(&'static str),
    /// Somebody whom the application's own [`Authenticator`](super::Authenticator) accepts for this demand.
    ///
    /// The demand is the application's word, as in `"orders"`. It takes an
    /// [`AuthenticatorLayer`](super::AuthenticatorLayer) on the router; without one the route answers nobody.
    Accepted(&'static str),
}

impl Guard {
    /// Decides about one session.
    ///
    /// A session alone does not say what policies allow, or whom an authenticator accepts: [`Guard::Policy`] and
    /// [`Guard::Accepted`] are refused here.
    ///
    /// # Errors
    ///
    /// The refusal to answer with.
    pub fn check(&self, session: Option<&SessionHandle>) -> Result<(), GuardRejection> {
        let session = || session.ok_or(GuardRejection::NoSessionLayer);
        match self {
            Self::Public => Ok(()),
            Self::Policy(_) => Err(GuardRejection::NoAuthzLayer),
            Self::Accepted(_) => Err(GuardRejection::NoAuthenticator),
            Self::Guest if session()?.is_authenticated() => Err(GuardRejection::AlreadyAuthenticated),
            Self::Guest => Ok(()),
            Self::Partial => PartialInfo::of(session()?).map(|_| ()),
            Self::Authn => AuthnInfo::of(session()?).map(|_| ()),
            Self::Mfa => AuthnInfo::of(session()?)?.require_mfa(),
            Self::Fresh(max_age) => {
                let max_age = TimeDelta::from_std(*max_age).unwrap_or(TimeDelta::MAX);
                let session = session()?;
                AuthnInfo::of(session)?.require_fresh(max_age, session.sessions().clock().now())
            }
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Guest => f.write_str("guest"),
            Self::Partial => f.write_str("partial"),
            Self::Authn => f.write_str("authn"),
            Self::Mfa => f.write_str("mfa"),
            Self::Fresh(max_age) => write!(f, "fresh({}s)", max_age.as_secs()),
            Self::Policy(action) => write!(f, "policy({action})"),
            Self::Accepted(demand) => write!(f, "accepted({demand})"),
        }
    }
}

/// Applies a [`Guard`] to a whole router or service. [`GuardedRouter`](super::GuardedRouter) does it per route.
///
/// ```
/// use axess_http::{Guard, GuardLayer};
/// use axum::routing::get;
/// let members: axum::Router =
///     axum::Router::new().route("/club", get(|| async {})).route_layer(GuardLayer::new(Guard::Authn));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct GuardLayer(Guard);

impl GuardLayer {
    /// Guards with `guard`.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self(guard)
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService { inner, guard: self.0 }
    }
}

/// Lets through what its [`Guard`] admits; made by [`GuardLayer`].
///
/// ```
/// fn is_clone<T: Clone>() {}
/// is_clone::<axess_http::GuardService<axum::Router>>();
/// ```
#[derive(Debug, Clone)]
pub struct GuardService<S> {
    inner: S,
    guard: Guard,
}

impl<S> Service<Request> for GuardService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Error: Send,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.guard {
            #[cfg(feature = "authz")]
            Guard::Policy(action) => Either::Right(Box::pin(ask(self.take(), request, action))),
            Guard::Accepted(demand) => Either::Right(Box::pin(accept(self.take(), request, demand))),
            guard => match guard.check(request.extensions().get::<SessionHandle>()) {
                Ok(()) => Either::Left(self.inner.call(request)),
                Err(rejection) => Either::Right(Box::pin(ready(Ok(rejection.into_response())))),
            },
        }
    }
}

impl<S: Clone> GuardService<S> {
    /// Takes the service that was asked whether it is ready, and leaves a clone behind.
    fn take(&mut self) -> S {
        let clone = self.inner.clone();
        std::mem::replace(&mut self.inner, clone)
    }
}

/// Calls the service if the application's authenticator accepts the caller.
async fn accept<S>(mut inner: S, request: Request, demand: &'static str) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response>,
{
    let (mut parts, body) = request.into_parts();
    match admit(&mut parts, demand).await {
        Ok(()) => inner.call(Request::from_parts(parts, body)).await,
        Err(refusal) => Ok(*refusal),
    }
}

/// Calls the service if the policies allow it.
#[cfg(feature = "authz")]
async fn ask<S>(mut inner: S, request: Request, action: &'static str) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response>,
{
    match crate::authz::admit(request.extensions(), request.headers(), action).await {
        Ok(()) => inner.call(request).await,
        Err(rejection) => Ok(rejection.into_response()),
    }
}
