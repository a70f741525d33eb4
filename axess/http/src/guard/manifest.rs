use super::Guard;
use std::fmt;

/// One route and who may reach it.
///
/// ```
/// use axess_http::{Guard, GuardedRoute};
/// let route = GuardedRoute { method: "GET".into(), path: "/dashboard".into(), guard: Guard::Authn };
/// assert_eq!(route.to_string(), "GET     /dashboard  authn");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardedRoute {
    /// The HTTP method; `ANY` for a route that answers several.
    pub method: String,
    /// The path as declared.
    pub path: String,
    /// Who may reach it.
    pub guard: Guard,
}

/// Every route of a router and who may reach it, in a stable order: reviewed like code, kept as a golden file.
///
/// ```
/// use axess_http::{Guard, GuardedRouter};
/// async fn ok() {}
/// let router = GuardedRouter::<()>::new().get("/", Guard::Public, ok).post("/pay", Guard::Mfa, ok);
/// assert_eq!(router.manifest().to_string(), "GET     /     public\nPOST    /pay  mfa\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteManifest(pub(super) Vec<GuardedRoute>);

impl RouteManifest {
    /// Returns the routes, ordered by path and method.
    #[must_use]
    pub fn routes(&self) -> &[GuardedRoute] {
        &self.0
    }

    pub(super) fn sorted(mut routes: Vec<GuardedRoute>) -> Self {
        routes.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
        Self(routes)
    }
}

impl fmt::Display for RouteManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|route| route.path.len()).max().unwrap_or(0);
        self.0
            .iter()
            .try_for_each(|route| writeln!(f, "{:<7} {:<width$}  {}", route.method, route.path, route.guard))
    }
}

impl fmt::Display for GuardedRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<7} {}  {}", self.method, self.path, self.guard)
    }
}
