use super::{Admission, BucketKey, RateLimitConfig, RateLimitRejection, store::Buckets};
use crate::client_ip::client_ip_of;
use axum::{body::Body, extract::MatchedPath};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, Service};

/// The body of every refusal. It is the same whatever the limit is, so that nobody can calibrate against it.
const BODY: &str = r#"{"error":"rate limit exceeded"}"#;

/// Refuses callers that make too many requests.
///
/// All routes below one layer, and all clones of it, share the same buckets.
///
/// ```
/// use axess_http::{ClientIpConfig, ClientIpLayer, KeyExtractor, RateLimitConfig, RateLimitLayer};
/// use axum::{Router, routing::post};
/// use std::time::Duration;
///
/// let login_limit = RateLimitLayer::new(
///     RateLimitConfig::builder()
///         .max_requests(10)
///         .window(Duration::from_secs(60))
///         .key(KeyExtractor::PeerIp)
///         .build(),
/// );
/// let app: Router = Router::new()
///     .route("/login", post(|| async {}))
///     .route_layer(login_limit)
///     .layer(ClientIpLayer::new(ClientIpConfig::default()));
/// ```
#[derive(Debug, Clone)]
pub struct RateLimitLayer {
    shared: Arc<Shared>,
}

/// The service of [`RateLimitLayer`].
///
/// ```
/// use axess_http::{RateLimitConfig, RateLimitLayer};
/// use tower::Layer;
/// let layer = RateLimitLayer::new(RateLimitConfig::builder().build());
/// let service = layer.layer(axum::Router::<()>::new());
/// # let _ = service;
/// ```
#[derive(Debug, Clone)]
pub struct RateLimitService<S> {
    inner: S,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: RateLimitConfig,
    buckets: Buckets,
}

impl RateLimitLayer {
    /// Creates the layer.
    #[must_use]
    pub fn new(config: RateLimitConfig) -> Self {
        let buckets = config.store.clone().into_buckets();
        Self { shared: Arc::new(Shared { config, buckets }) }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimitService { inner, shared: Arc::clone(&self.shared) }
    }
}

impl<S, B> Service<Request<B>> for RateLimitService<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        // The instance that was polled ready must be the one that is called.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let (parts, body) = request.into_parts();
        let key = shared.config.key.bucket(&shared.config.name, &parts);
        Box::pin(async move {
            match shared.admit(key).await {
                Admission::Admitted => inner.call(Request::from_parts(parts, body)).await,
                Admission::Refused { retry_after } => {
                    if let Some(audit) = &shared.config.audit {
                        audit.rate_limited(&parts, shared.config.key.kind()).await;
                    }
                    Ok(shared.refuse(&parts, retry_after))
                }
            }
        })
    }
}

impl Shared {
    async fn admit(&self, key: BucketKey) -> Admission {
        if let Some(on_evaluate) = &self.config.on_evaluate {
            on_evaluate();
        }
        let now = self.config.clock.now();
        self.buckets.admit(key, self.config.quota, now).await
    }

    fn refuse(&self, parts: &Parts, retry_after: Duration) -> Response<Body> {
        let rejection = RateLimitRejection {
            limiter: &self.config.name,
            key_kind: self.config.key.kind(),
            client_ip: client_ip_of(&parts.extensions).ip,
            matched_path: parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str),
            retry_after,
        };
        tracing::debug!(
            limiter = rejection.limiter,
            key = rejection.key_kind,
            path = rejection.matched_path,
            "rate limit exceeded"
        );
        if let Some(on_reject) = &self.config.on_reject {
            on_reject(&rejection);
        }
        let mut response = Response::new(Body::from(BODY));
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(rejection.retry_after_secs()));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
