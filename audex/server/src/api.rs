//! The HTTP API in JSON: reads what was sent, calls the request service, renders what came of it.
//!
//! It holds no rule. Whatever is wrong with a request is a [`Problem`], whoever noticed it.

mod approvals;
mod audit;
mod bodies;
mod compliance;
mod credentials;
pub mod extract;
mod health;
mod members;
pub mod openapi;
mod render;
mod sessions;
mod shapes;
mod strict;

pub use members::{FromMembers, Members};
pub(crate) use shapes::console_url;

use crate::{app::App, problem::Problem};
use axess::GuardedRouter;
use axum::Router;
use http::{StatusCode, Uri};
use std::sync::Arc;

/// Returns the routes of the API, each with its guard.
pub fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new()
        .merge(credentials::routes())
        .merge(sessions::routes())
        .merge(approvals::routes())
        .merge(audit::routes())
        .merge(compliance::routes())
        .merge(health::routes())
        .merge(openapi::routes())
}

/// Answers for paths and methods that there are not, as problems.
///
/// Call it once every route is there.
pub fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.fallback(no_route).method_not_allowed_fallback(no_method)
}

async fn no_route(uri: Uri) -> Problem {
    let detail = match uri.path().strip_suffix('/') {
        Some(path) if !path.is_empty() => "no such path: leave out the last slash",
        _ => "no such path: /openapi.json lists them",
    };
    Problem::new(StatusCode::NOT_FOUND, "no_such_route").with_detail(detail)
}

async fn no_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
        .with_detail("the header Allow lists the methods of this path")
}
