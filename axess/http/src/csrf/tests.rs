mod rules;
mod tokens;

use super::*;
use crate::test_site::TestSite;
use axess_core::session::SessionHandle;
use axess_rng::MockRng;
use axum::{Router, body::Body, routing::any};
use http::{HeaderMap, Request, Response, StatusCode, header};
use std::sync::Arc;
use tower::ServiceExt;

fn config() -> CsrfConfig {
    CsrfConfig::new([7u8; 32]).unwrap().with_rng(Arc::new(MockRng::new(1)))
}

/// An application with a page that renders the token.
fn app(config: CsrfConfig) -> Router {
    Router::new()
        .route("/page", any(|token: CsrfToken| async move { token.token() }))
        .fallback(|| async { "done" })
        .layer(CsrfLayer::new(config))
}

fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    request.body(Body::empty()).unwrap()
}

async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}
