//! A name for every request, to find it again in logs, in the audit trail and in a user's bug report.
//!
//! Decision rules:
//!
//! 1. Inbound ids are not trusted (the default): a fresh UUIDv7 is made.
//! 2. They are trusted: exactly one `X-Request-Id` of 1 to [`MAX_REQUEST_ID`] characters of `A-Z a-z 0-9 . _ -` is kept.
//!    Anything else, several of them included, is replaced by a fresh one.
//!
//! The alphabet keeps line breaks, terminal escapes and JSON out of every log the id is written to. The header of the
//! request is overwritten with the outcome, so nothing further in sees the raw one; the response carries it too.

use crate::response_header::HeaderFuture;
use axess_clock::{Clock, SystemClock};
use axess_rng::{SecureRng, SystemRng, random_array};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// The longest inbound id that is kept, in characters.
pub const MAX_REQUEST_ID: usize = 64;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of one request, in its extensions.
///
/// ```
/// use axess_http::{RequestId, RequestIdLayer};
/// use axum::{Extension, Router, routing::get};
/// let app: Router = Router::new()
///     .route("/", get(|Extension(id): Extension<RequestId>| async move { id.to_string() }))
///     .layer(RequestIdLayer::new());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

/// Names every request.
///
/// ```
/// use axess_http::RequestIdLayer;
/// // Behind a gateway that sets the header itself:
/// let layer = RequestIdLayer::new().trust_inbound(true);
/// # let _ = layer;
/// ```
#[derive(Debug, Clone)]
pub struct RequestIdLayer {
    trust_inbound: bool,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
}

/// The service of [`RequestIdLayer`].
///
/// ```
/// use axess_http::RequestIdLayer;
/// use tower::Layer;
/// let service = RequestIdLayer::new().layer(axum::Router::<()>::new());
/// # let _ = service;
/// ```
#[derive(Debug, Clone)]
pub struct RequestIdService<S> {
    inner: S,
    layer: RequestIdLayer,
}

impl RequestId {
    /// Returns the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RequestIdLayer {
    /// Creates the layer on the system clock and generator; it trusts no inbound id.
    #[must_use]
    pub fn new() -> Self {
        Self { trust_inbound: false, clock: Arc::new(SystemClock), rng: Arc::new(SystemRng) }
    }

    /// Says whether a well-formed inbound id is kept.
    ///
    /// Only for services that nobody but a gateway reaches.
    #[must_use]
    pub fn trust_inbound(mut self, trust: bool) -> Self {
        self.trust_inbound = trust;
        self
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes randomness from `rng`.
    #[must_use]
    pub fn with_rng(mut self, rng: Arc<dyn SecureRng>) -> Self {
        self.rng = rng;
        self
    }

    fn id_for(&self, headers: &HeaderMap) -> (RequestId, HeaderValue) {
        if let Some(kept) = self.trust_inbound.then(|| inbound(headers)).flatten() {
            return kept;
        }
        let millis = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random_array(&*self.rng)).into_uuid();
        let mut buffer = uuid::Uuid::encode_buffer();
        let text: &str = uuid.hyphenated().encode_lower(&mut buffer);
        #[expect(clippy::expect_used, reason = "a hyphenated UUID is printable ASCII")]
        let header = HeaderValue::from_str(text).expect("a UUID is printable ASCII");
        (RequestId(text.into()), header)
    }
}

impl Default for RequestIdLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = RequestIdService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestIdService { inner, layer: self.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for RequestIdService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = HeaderFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (id, value) = self.layer.id_for(request.headers());
        request.headers_mut().insert(X_REQUEST_ID, value.clone());
        request.extensions_mut().insert(id);
        HeaderFuture::new(self.inner.call(request), Some((X_REQUEST_ID, value)))
    }
}

fn inbound(headers: &HeaderMap) -> Option<(RequestId, HeaderValue)> {
    let mut values = headers.get_all(X_REQUEST_ID).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let text = value.to_str().ok()?;
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    let fits = !text.is_empty() && text.len() <= MAX_REQUEST_ID && text.bytes().all(allowed);
    fits.then(|| (RequestId(text.into()), value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_clock::MockClock;
    use axess_rng::MockRng;
    use axum::{Extension, Router, body::Body, routing::get};
    use tower::ServiceExt;

    /// The first id that the mock clock and `MockRng::new(1)` give.
    const FIRST: &str = "019b76da-a800-7";

    /// Sends the ids and returns what the handler saw (extension, header) and what the response says.
    async fn send(trust: bool, ids: &[&[u8]]) -> (String, String) {
        let handler = |Extension(id): Extension<RequestId>, headers: HeaderMap| async move {
            let seen = headers.get_all("x-request-id").iter().collect::<Vec<_>>();
            assert_eq!(seen, [id.as_str()]);
            ([("x-request-id", "handler")], id.to_string())
        };
        let layer = RequestIdLayer::new()
            .trust_inbound(trust)
            .with_clock(Arc::new(MockClock::default()))
            .with_rng(Arc::new(MockRng::new(1)));
        let app: Router = Router::new().route("/", get(handler)).layer(layer);
        let mut request = Request::new(Body::empty());
        for id in ids {
            request.headers_mut().append("x-request-id", HeaderValue::from_bytes(id).unwrap());
        }
        let response = app.oneshot(request).await.unwrap();
        let echoed = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        (String::from_utf8(body.to_vec()).unwrap(), echoed)
    }

    #[tokio::test]
    async fn by_default_an_id_is_made_from_the_injected_clock_and_rng() {
        let (first, echoed) = send(false, &[b"mine"]).await;
        assert!(first.starts_with(FIRST), "{first}");
        assert_eq!(first, echoed);
        assert_eq!(first.parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
        assert_eq!(send(false, &[]).await.0, first, "replayable");
    }

    #[tokio::test]
    async fn trusted_ids_are_kept_when_well_formed() {
        let long = [b'x'; MAX_REQUEST_ID];
        for id in [b"a".as_slice(), b"A-z_0.9", &long] {
            let text = String::from_utf8(id.to_vec()).unwrap();
            assert_eq!(send(true, &[id]).await, (text.clone(), text));
        }
    }

    #[tokio::test]
    async fn anything_else_is_replaced() {
        let long = [b'x'; MAX_REQUEST_ID + 1];
        for ids in [
            &[b"".as_slice()][..],
            &[&long],
            &[b"a b"],
            &[b"a\tb"],
            &[b"{\"a\":1}"],
            &[b"a/b"],
            &["é".as_bytes()],
            &[b"\xff"],
            &[b"a", b"a"],
            &[],
        ] {
            let (id, echoed) = send(true, ids).await;
            assert!(id.starts_with(FIRST), "{ids:?} gave {id}");
            assert_eq!(id, echoed);
        }
    }
}
