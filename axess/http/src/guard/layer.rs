use super::{AuthnInfo, GuardRejection, PartialInfo};
use axess_core::session::SessionHandle;
use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use futures_util::future::{Either, Ready, ready};
use std::{
    fmt,
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
    Mfa,
    /// Somebody whose latest proof is at most this old.
    Fresh(Duration),
}

impl Guard {
    /// Decides about one session.
    ///
    /// # Errors
    ///
    /// The refusal to answer with.
    pub fn check(&self, session: Option<&SessionHandle>) -> Result<(), GuardRejection> {
        if *self == Self::Public {
            return Ok(());
        }
        let session = session.ok_or(GuardRejection::NoSessionLayer)?;
        match self {
            Self::Public => Ok(()),
            Self::Guest if session.is_authenticated() => Err(GuardRejection::AlreadyAuthenticated),
            Self::Guest => Ok(()),
            Self::Partial => PartialInfo::of(session).map(|_| ()),
            Self::Authn => AuthnInfo::of(session).map(|_| ()),
            Self::Mfa => AuthnInfo::of(session)?.require_mfa(),
            Self::Fresh(max_age) => {
                let max_age = TimeDelta::from_std(*max_age).unwrap_or(TimeDelta::MAX);
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
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.guard.check(request.extensions().get::<SessionHandle>()) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(rejection) => Either::Right(ready(Ok(rejection.into_response()))),
        }
    }
}
