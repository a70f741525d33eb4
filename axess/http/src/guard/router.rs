use super::{Guard, GuardLayer, GuardedRoute, RouteManifest};
use axum::{
    Router,
    handler::Handler,
    routing::{self, MethodRouter},
};
use std::convert::Infallible;

/// An axum router in which no route can be left unguarded: there is no way to add one without a [`Guard`].
///
/// Turn it into a [`Router`] with [`GuardedRouter::into_router`], then add the session layer.
///
/// ```
/// use axess_core::memory::InMemorySessionStore;
/// use axess_http::{Guard, GuardedRouter, SessionLayer};
/// async fn home() -> &'static str { "everyone can see this" }
/// async fn dashboard() -> &'static str { "welcome" }
/// let app: axum::Router = GuardedRouter::new()
///     .get("/", Guard::Public, home)
///     .get("/dashboard", Guard::Authn, dashboard)
///     .into_router()
///     .layer(SessionLayer::new(InMemorySessionStore::new(), [7u8; 32]));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct GuardedRouter<S = ()> {
    router: Router<S>,
    routes: Vec<GuardedRoute>,
}

macro_rules! methods {
    ($($name:ident $text:literal)*) => {$(
        #[doc = concat!("Routes `", $text, "` requests for `path` that pass `guard` to `handler`.")]
        ///
        /// # Panics
        ///
        /// Panics, as axum does, when the path is malformed or the route exists already: at start-up, not in service.
        pub fn $name<H, T>(self, path: &str, guard: Guard, handler: H) -> Self
        where
            H: Handler<T, S>,
            T: 'static,
        {
            self.add($text, path, guard, routing::$name(handler))
        }
    )*};
}

impl<S: Clone + Send + Sync + 'static> GuardedRouter<S> {
    /// Creates a router without routes.
    pub fn new() -> Self {
        Self { router: Router::new(), routes: Vec::new() }
    }

    methods! { get "GET" post "POST" put "PUT" patch "PATCH" delete "DELETE" }

    /// Routes everything `method_router` answers for `path` behind one guard, its fallback included.
    ///
    /// The manifest shows `ANY`.
    ///
    /// # Panics
    ///
    /// As [`GuardedRouter::get`].
    pub fn route(self, path: &str, guard: Guard, method_router: MethodRouter<S, Infallible>) -> Self {
        self.add("ANY", path, guard, method_router)
    }

    /// Adds all routes of another guarded router.
    ///
    /// # Panics
    ///
    /// As [`GuardedRouter::get`].
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        Self { router: self.router.merge(other.router), routes: self.routes }
    }

    /// Adds all routes of another guarded router under a prefix.
    ///
    /// # Panics
    ///
    /// As [`GuardedRouter::get`], and when `prefix` is `/` (use [`GuardedRouter::merge`]).
    pub fn nest(mut self, prefix: &str, other: Self) -> Self {
        let base = prefix.trim_end_matches('/');
        self.routes.extend(other.routes.into_iter().map(|route| {
            let path = if route.path == "/" { prefix.to_owned() } else { format!("{base}{}", route.path) };
            GuardedRoute { path, ..route }
        }));
        Self { router: self.router.nest(prefix, other.router), routes: self.routes }
    }

    /// Returns every route and its guard.
    #[must_use]
    pub fn manifest(&self) -> RouteManifest {
        RouteManifest::sorted(self.routes.clone())
    }

    /// Returns the axum router, for state, layers and serving.
    pub fn into_router(self) -> Router<S> {
        self.router
    }

    fn add(
        mut self,
        method: &str,
        path: &str,
        guard: Guard,
        method_router: MethodRouter<S, Infallible>,
    ) -> Self {
        // Not `route_layer`: that leaves out the fallback, which is all that `any(..)` consists of.
        let guarded = method_router.layer(GuardLayer::new(guard));
        self.routes.push(GuardedRoute { method: method.to_owned(), path: path.to_owned(), guard });
        Self { router: self.router.route(path, guarded), routes: self.routes }
    }
}

impl<S: Clone + Send + Sync + 'static> Default for GuardedRouter<S> {
    fn default() -> Self {
        Self::new()
    }
}
