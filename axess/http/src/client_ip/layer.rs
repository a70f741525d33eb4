use super::{ClientIp, ClientIpConfig, resolve_client_ip};
use axum::extract::ConnectInfo;
use http::{Extensions, Request};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// The address at the other end of the connection, for servers that do not use axum's `ConnectInfo`.
///
/// An accept loop puts it into the request's extensions; it wins over `ConnectInfo`. It must never come from the
/// request itself.
///
/// ```
/// use axess_http::PeerAddr;
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(PeerAddr([192, 0, 2, 1].into()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub IpAddr);

/// Puts the [`ClientIp`] of every request into its extensions.
///
/// It belongs outside of everything that reads the address: rate limits, sessions, audit.
///
/// ```
/// use axess_http::{ClientIp, ClientIpConfig, ClientIpLayer};
/// use axum::{Extension, Router, routing::get};
/// let app: Router = Router::new()
///     .route("/", get(|Extension(client): Extension<ClientIp>| async move { format!("{:?}", client.ip) }))
///     .layer(ClientIpLayer::new(ClientIpConfig::default()));
/// ```
#[derive(Debug, Clone)]
pub struct ClientIpLayer {
    config: Arc<ClientIpConfig>,
}

/// The service of [`ClientIpLayer`].
///
/// ```
/// use axess_http::{ClientIpConfig, ClientIpLayer};
/// use tower::Layer;
/// let service = ClientIpLayer::new(ClientIpConfig::default()).layer(axum::Router::<()>::new());
/// # let _ = service;
/// ```
#[derive(Debug, Clone)]
pub struct ClientIpService<S> {
    inner: S,
    config: Arc<ClientIpConfig>,
}

impl ClientIpLayer {
    /// Creates the layer.
    #[must_use]
    pub fn new(config: ClientIpConfig) -> Self {
        Self { config: Arc::new(config) }
    }
}

impl<S> Layer<S> for ClientIpLayer {
    type Service = ClientIpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientIpService { inner, config: Arc::clone(&self.config) }
    }
}

impl<S, B> Service<Request<B>> for ClientIpService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let client = resolve_client_ip(peer_ip(request.extensions()), request.headers(), &self.config);
        request.extensions_mut().insert(client);
        self.inner.call(request)
    }
}

/// Returns the address at the other end of a request's connection: [`PeerAddr`], else axum's `ConnectInfo`.
///
/// ```
/// use axess_http::{PeerAddr, peer_ip};
/// let mut extensions = http::Extensions::new();
/// assert_eq!(peer_ip(&extensions), None);
/// extensions.insert(PeerAddr([192, 0, 2, 1].into()));
/// assert_eq!(peer_ip(&extensions), "192.0.2.1".parse().ok());
/// ```
#[must_use]
pub fn peer_ip(extensions: &Extensions) -> Option<IpAddr> {
    let own = extensions.get::<PeerAddr>().map(|peer| peer.0);
    own.or_else(|| extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()))
}

/// Returns the address a layer outside resolved, else the connection's own.
pub(crate) fn client_ip_of(extensions: &Extensions) -> ClientIp {
    extensions.get::<ClientIp>().copied().unwrap_or_else(|| ClientIp::from_peer(peer_ip(extensions)))
}
