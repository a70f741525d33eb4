use super::GuardRejection;
use axum::{
    Extension,
    extract::FromRequestParts,
    middleware::AddExtension,
    response::{IntoResponse, Response},
};
use http::request::Parts;
use std::{fmt, ops::Deref, pin::Pin, sync::Arc};
use tower::Layer;

type Admission<'a> = Pin<Box<dyn Future<Output = Result<(), Box<Response>>> + Send + 'a>>;

/// Finds out who is calling where a session alone cannot say: by an API token, a workload's token, a signature.
///
/// [`Guard::Accepted`](crate::Guard::Accepted) asks it, once for each request, with what the route demands. An application
/// that takes sessions as well looks for the `SessionHandle` among the request's extensions.
///
/// ```
/// use axess_http::Authenticator;
/// use axum::response::{IntoResponse, Response};
/// use http::{StatusCode, request::Parts};
///
/// struct Keys;
///
/// impl Authenticator for Keys {
///     type Caller = String;
///
///     async fn authenticate(&self, request: &Parts, demand: &'static str) -> Result<String, Box<Response>> {
///         match request.headers.get("x-key") {
///             Some(key) if key == "a key that nobody guesses" && demand == "orders" => Ok("shop".to_owned()),
///             _ => Err(Box::new(StatusCode::UNAUTHORIZED.into_response())),
///         }
///     }
/// }
/// ```
pub trait Authenticator: Send + Sync + 'static {
    /// Who calls.
    type Caller: Clone + Send + Sync + 'static;

    /// Finds out who calls; `demand` is what the route's guard says.
    ///
    /// A demand that is not known must be refused.
    ///
    /// # Errors
    ///
    /// The refusal to answer with.
    fn authenticate(
        &self,
        request: &Parts,
        demand: &'static str,
    ) -> impl Future<Output = Result<Self::Caller, Box<Response>>> + Send;
}

/// A caller whom the application's [`Authenticator`] accepted for this route.
///
/// Nothing but [`Guard::Accepted`](crate::Guard::Accepted) makes one: a handler that takes it is not reached without.
///
/// ```
/// use axess_http::Accepted;
/// async fn orders(caller: Accepted<String>) -> String {
///     format!("the orders of {}", *caller)
/// }
/// # let _: axum::Router = axum::Router::new().route("/orders", axum::routing::get(orders));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted<C>(C);

/// Brings an [`Authenticator`] to the guards of a router.
///
/// Add it outside the routes whose guards ask; inside or outside the session layer is the same.
///
/// ```
/// # use axess_http::Authenticator;
/// # use axum::response::Response;
/// # use http::request::Parts;
/// # struct Keys;
/// # impl Authenticator for Keys {
/// #     type Caller = String;
/// #     async fn authenticate(&self, _: &Parts, _: &'static str) -> Result<String, Box<Response>> { Ok(String::new()) }
/// # }
/// use axess_http::{Accepted, AuthenticatorLayer, Guard, GuardedRouter};
/// let app: axum::Router = GuardedRouter::new()
///     .get("/orders", Guard::Accepted("orders"), async |caller: Accepted<String>| caller.into_inner())
///     .into_router()
///     .layer(AuthenticatorLayer::new(Keys));
/// ```
#[derive(Clone)]
pub struct AuthenticatorLayer(Arc<dyn Admit>);

impl<C> Accepted<C> {
    /// Returns the caller.
    #[must_use]
    pub fn into_inner(self) -> C {
        self.0
    }
}

impl<C> Deref for Accepted<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C: Clone + Send + Sync + 'static, S: Send + Sync> FromRequestParts<S> for Accepted<C> {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, GuardRejection> {
        parts.extensions.get::<Self>().cloned().ok_or(GuardRejection::NotAccepted)
    }
}

impl AuthenticatorLayer {
    /// Asks `authenticator`, which may be in an `Arc`.
    #[must_use]
    pub fn new(authenticator: impl Authenticator) -> Self {
        Self(Arc::new(authenticator))
    }
}

impl<A: Authenticator> Authenticator for Arc<A> {
    type Caller = A::Caller;

    async fn authenticate(&self, request: &Parts, demand: &'static str) -> Result<A::Caller, Box<Response>> {
        A::authenticate(self, request, demand).await
    }
}

impl<S> Layer<S> for AuthenticatorLayer {
    type Service = AddExtension<S, Self>;

    fn layer(&self, inner: S) -> AddExtension<S, Self> {
        Extension(self.clone()).layer(inner)
    }
}

impl fmt::Debug for AuthenticatorLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorLayer").finish_non_exhaustive()
    }
}

/// An [`Authenticator`] that leaves what it found in the request.
trait Admit: Send + Sync {
    fn admit<'a>(&'a self, parts: &'a mut Parts, demand: &'static str) -> Admission<'a>;
}

impl<A: Authenticator> Admit for A {
    fn admit<'a>(&'a self, parts: &'a mut Parts, demand: &'static str) -> Admission<'a> {
        Box::pin(async move {
            let caller = self.authenticate(parts, demand).await?;
            parts.extensions.insert(Accepted(caller));
            Ok(())
        })
    }
}

/// Asks the router's authenticator about a request.
pub(super) async fn admit(parts: &mut Parts, demand: &'static str) -> Result<(), Box<Response>> {
    let Some(layer) = parts.extensions.get::<AuthenticatorLayer>().cloned() else {
        return Err(Box::new(GuardRejection::NoAuthenticator.into_response()));
    };
    layer.0.admit(parts, demand).await
}
