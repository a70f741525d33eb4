//! What other services ask over HTTP.
//!
//! | Path | Answer |
//! |---|---|
//! | `{issuer}/.well-known/openid-configuration` | the discovery document (OpenID Connect Discovery 1.0 §4) |
//! | `/.well-known/oauth-authorization-server{path}` | the same (RFC 8414 §3.1) |
//! | `{issuer}/jwks.json` | the public keys (RFC 7517 §5) |
//! | `{issuer}/introspect` | what is left of a token (RFC 7662), when the application says who may ask |

mod discovery;
mod introspect;
#[cfg(test)]
mod tests;

pub use introspect::IntrospectionGuard;

use crate::LocalIdp;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    response::Response,
    routing::{get, post},
};
use discovery::Discovery;
use http::{HeaderValue, StatusCode, header};
use introspect::Introspection;
use std::sync::Arc;

impl LocalIdp {
    /// Returns the routes of discovery and keys.
    ///
    /// Merge them into an application; they know their own paths.
    ///
    /// ```
    /// # fn example(idp: axess_local_idp::LocalIdp) -> axum::Router {
    /// axum::Router::new().merge(idp.router())
    /// # }
    /// ```
    pub fn router(&self) -> Router {
        self.routes(false)
    }

    /// Returns the routes of discovery and keys, and the one that answers about tokens to those whom `guard` admits.
    ///
    /// ```
    /// use axess_local_idp::IntrospectionCaller;
    /// # fn example(idp: axess_local_idp::LocalIdp) -> axum::Router {
    /// idp.router_with_introspection(|request: &http::request::Parts| {
    ///     // What a layer of the application found out about the caller.
    ///     request.extensions.get::<String>().map(IntrospectionCaller::for_audience)
    /// })
    /// # }
    /// ```
    pub fn router_with_introspection(&self, guard: impl IntrospectionGuard) -> Router {
        let introspection = Arc::new(Introspection { idp: self.clone(), guard: Box::new(guard) });
        let route = post(introspect::introspect)
            .layer(DefaultBodyLimit::max(introspect::MAX_BODY_BYTES))
            .with_state(introspection);
        self.routes(true).route(&format!("{}/introspect", self.config().issuer.path()), route)
    }

    fn routes(&self, introspects: bool) -> Router {
        let path = self.config().issuer.path();
        Router::new()
            .route(&format!("{path}/.well-known/openid-configuration"), get(discovery::configuration))
            .route(&format!("/.well-known/oauth-authorization-server{path}"), get(discovery::configuration))
            .route(&format!("{path}/jwks.json"), get(discovery::jwks))
            .with_state(Discovery { idp: self.clone(), introspects })
    }
}

/// Answers with JSON and how long it may be cached.
fn json(status: StatusCode, cache: HeaderValue, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Answers with an error of OAuth 2.0 (RFC 6749 §5.2).
fn error(status: StatusCode, code: &'static str) -> Response {
    json(status, HeaderValue::from_static("no-store"), format!(r#"{{"error":"{code}"}}"#))
}
