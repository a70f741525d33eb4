use super::{
    CsrfConfig, CsrfReason, CsrfRejection, CsrfToken,
    decide::{Verdict, judge},
};
use crate::{client_ip::client_ip_of, session_facts::LiveSession};
use axum::{
    body::Body,
    extract::{MatchedPath, OriginalUri},
};
use futures_util::future::{BoxFuture, Either};
use http::{HeaderValue, Request, Response, StatusCode, header};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::{Layer, Service};

/// The body of every refusal.
const BODY: &str = r#"{"type":"about:blank","title":"Forbidden","status":403,"code":"csrf_rejected"}"#;

/// Protects the routes below it against cross-site request forgery.
///
/// The rules are in the order they apply: safe method, exempt path, `Sec-Fetch-Site`, `Origin`, neither cookies nor a form,
/// signed token. A response to a handler that read the token, and one that sets the CSRF cookie, is sent `no-store`.
///
/// ```
/// use axess_http::{CsrfConfig, CsrfLayer};
/// use axum::{Router, routing::post};
/// let app: Router = Router::new()
///     .route("/transfer", post(|| async {}))
///     .layer(CsrfLayer::new(CsrfConfig::new([7u8; 32]).unwrap()));
/// ```
#[derive(Debug, Clone)]
pub struct CsrfLayer {
    config: Arc<CsrfConfig>,
}

/// The service of [`CsrfLayer`].
///
/// ```
/// use axess_http::{CsrfConfig, CsrfLayer};
/// use tower::Layer;
/// let layer = CsrfLayer::new(CsrfConfig::new([7u8; 32]).unwrap());
/// let service = layer.layer(axum::Router::<()>::new());
/// # let _ = service;
/// ```
#[derive(Debug, Clone)]
pub struct CsrfService<S> {
    inner: S,
    config: Arc<CsrfConfig>,
}

pin_project! {
    /// Resolves to the inner response, plus the CSRF cookie when it is due.
    ///
    /// A response that may show a token is never cached.
    ///
    /// ```
    /// use axess_http::{CsrfConfig, CsrfFuture, CsrfLayer};
    /// use axum::body::Body;
    /// use tower::{Layer, Service};
    /// # use std::convert::Infallible;
    /// let inner = tower::service_fn(|_: http::Request<()>| async {
    ///     Ok::<_, Infallible>(http::Response::new(Body::empty()))
    /// });
    /// let mut service = CsrfLayer::new(CsrfConfig::new([7u8; 32]).unwrap()).layer(inner);
    /// let future = service.call(http::Request::new(()));
    /// assert!(matches!(future, futures_util::future::Either::Right(CsrfFuture { .. })));
    /// ```
    #[derive(Debug)]
    pub struct CsrfFuture<F> {
        #[pin]
        inner: F,
        token: CsrfToken,
    }
}

impl CsrfLayer {
    /// Creates the layer.
    #[must_use]
    pub fn new(config: CsrfConfig) -> Self {
        Self { config: Arc::new(config) }
    }
}

impl<S> Layer<S> for CsrfLayer {
    type Service = CsrfService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CsrfService { inner, config: Arc::clone(&self.config) }
    }
}

impl<S, B> Service<Request<B>> for CsrfService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Error: 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<BoxFuture<'static, Result<Response<Body>, S::Error>>, CsrfFuture<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let session = LiveSession::of(request.extensions());
        let token = CsrfToken::new(Arc::clone(&self.config), session, request.headers());
        if let Err(reason) = decide(&self.config, &request, &token) {
            let response = refuse(&self.config, &request, reason);
            let recorded = self
                .config
                .audit
                .as_ref()
                .map(|audit| audit.csrf_rejected(request.extensions(), request.headers(), reason));
            return Either::Left(Box::pin(async move {
                if let Some(recorded) = recorded {
                    recorded.await;
                }
                Ok(response)
            }));
        }
        request.extensions_mut().insert(token.clone());
        Either::Right(CsrfFuture { inner: self.inner.call(request), token })
    }
}

impl<F, E> Future for CsrfFuture<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        let cookie = this.token.set_cookie();
        if cookie.is_some() || this.token.was_read() {
            // A response that carries a token is for one browser, whatever the handler says of the page around it.
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(cookie) = cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Poll::Ready(Ok(response))
    }
}

fn decide<B>(config: &CsrfConfig, request: &Request<B>, token: &CsrfToken) -> Result<(), CsrfReason> {
    // A nested router strips its prefix from the request's own URI.
    let original = request.extensions().get::<OriginalUri>().map(|original| &original.0);
    let path = original.unwrap_or(request.uri()).path();
    match judge(config, request.method(), request.uri(), path, request.headers()) {
        Verdict::Allow => Ok(()),
        Verdict::NeedsToken => token.check(request.headers()),
        Verdict::Refuse(reason) => Err(reason),
    }
}

fn refuse<B>(config: &CsrfConfig, request: &Request<B>, reason: CsrfReason) -> Response<Body> {
    let rejection = CsrfRejection {
        reason,
        method: request.method(),
        matched_path: request.extensions().get::<MatchedPath>().map(MatchedPath::as_str),
        client_ip: client_ip_of(request.extensions()).ip,
    };
    tracing::debug!(%reason, path = rejection.matched_path, "refused a cross-site request");
    if let Some(on_reject) = &config.on_reject {
        on_reject(&rejection);
    }
    let mut response = Response::new(Body::from(BODY));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
