//! Serving: connections in, answers out, and what strangers may use up on the way.
//!
//! 1. At most so many connections at once, and so many of one address; one more is told so (503) and closed. Those that are
//!    there do not notice.
//! 2. A head that is too large, too slow or ambiguous ends its connection; so does a client that does not read.
//! 3. A request runs to its end, though its client went away: nothing is issued by half.
//! 4. A panic is an answer (500), never the end of a connection of somebody else.
//! 5. At the end no connection is taken any more, what runs is finished, and idle connections are closed.

mod connection;
mod exchange;
mod large;
mod places;
mod refusal;
mod socket;

pub(crate) use places::subscriber;

use crate::{
    app::App,
    settings::ServeLimits,
    telemetry::{self, Meters},
};
use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use large::LargePosts;
use places::{Places, Slot};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

/// How long to wait after a connection could not be taken for want of file descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(50);

/// How many connections one address may have unless it is said.
const MAX_OF_ONE: usize = 256;

/// The most connections at once that ask for metrics.
const MAX_SCRAPES: usize = 64;

/// The format of metrics: Prometheus text, version 0.0.4.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves the application until told to stop, then finishes what runs.
///
/// Metrics are answered until the end, on a listener of their own that serves nothing else but `/healthz`.
///
/// # Errors
///
/// That a listener has no address.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let meters = app.meters.clone();
    let mut limits = app.settings.limits;
    // On this machine alone, and behind proxies, one address says nothing about who it is.
    if listener.local_addr()?.ip().is_loopback() || !app.settings.trusted_proxies.is_empty() {
        limits.max_connections_per_address.get_or_insert(limits.max_connections);
    }
    let large = LargePosts::to(app.access.large_posts());
    let router = telemetry::observe(app.router(), meters.clone(), Arc::clone(&app.clock));
    let (end, ended) = watch::channel(());
    let halt = Arc::clone(&app);
    let stop = async move {
        stop.await;
        halt.halt();
    };
    let scrapes = async {
        let Some(listener) = metrics else { return Ok(()) };
        let limits = ServeLimits {
            max_connections: MAX_SCRAPES,
            max_connections_per_address: Some(MAX_SCRAPES),
            drain: Duration::ZERO,
            ..limits
        };
        serve_router(scraped(app), listener, limits, Meters::new(), last_change(ended)).await
    };
    let requests = async {
        let outcome = serve_with(router, listener, (limits, large), meters, stop).await;
        drop(end);
        outcome
    };
    let (requests, scrapes) = tokio::join!(requests, scrapes);
    requests.and(scrapes)
}

/// Serves a router until told to stop, then finishes what runs, within the limits.
///
/// Requests carry axum's `ConnectInfo` with the address of the peer.
///
/// # Errors
///
/// That the listener has no address.
///
/// ```
/// use audex_server::{serve::serve_router, settings::ServeLimits, telemetry::Meters};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// serve_router(axum::Router::new(), listener, ServeLimits::default(), Meters::new(), async {}).await
/// # }).unwrap();
/// ```
pub async fn serve_router(
    router: Router,
    listener: TcpListener,
    limits: ServeLimits,
    meters: Meters,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with(router, listener, (limits, LargePosts::to(Vec::new())), meters, stop).await
}

async fn serve_with(
    router: Router,
    listener: TcpListener,
    (limits, large): (ServeLimits, LargePosts),
    meters: Meters,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "serving");
    let (halt, halted) = watch::channel(());
    let of_one = limits.max_connections_per_address.unwrap_or(MAX_OF_ONE);
    let places = Places::new(limits.max_connections, of_one);
    let host = Arc::new(Host { router, limits, meters, places, large, halted });
    let mut connections = JoinSet::new();
    tokio::select! {
        () = stop => {}
        () = accept(&host, &listener, &mut connections) => {}
    }
    drop((listener, halt));
    tracing::info!(%address, running = host.places.taken(), "finishing what runs");
    if tokio::time::timeout(limits.drain, host.places.all_free()).await.is_err() {
        tracing::warn!(%address, running = host.places.taken(), "what still runs is cut off");
    }
    connections.shutdown().await;
    Ok(())
}

/// What connections share.
struct Host {
    router: Router,
    limits: ServeLimits,
    meters: Meters,
    places: Arc<Places>,
    large: LargePosts,
    /// Changes, for the last time, when the server stops.
    halted: watch::Receiver<()>,
}

/// Returns when the sender of a channel is gone.
async fn last_change(mut receiver: watch::Receiver<()>) {
    while receiver.changed().await.is_ok() {}
}

async fn accept(host: &Arc<Host>, listener: &TcpListener, connections: &mut JoinSet<()>) {
    let refusals = Arc::new(Semaphore::new(refusal::AT_ONCE));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_of_one_connection(&error) {
                    tracing::warn!(%error, "a connection cannot be taken");
                    tokio::time::sleep(BACK_OFF).await;
                }
                continue;
            }
        };
        // Forgets those that ended.
        while connections.try_join_next().is_some() {}
        match host.places.take(peer.ip()) {
            Some(slot) => begin(host, stream, peer, slot, connections),
            None => {
                host.meters.connection_refused();
                // More than that are closed without a word.
                if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                    connections.spawn(async move {
                        refusal::refuse(stream).await;
                        drop(permit);
                    });
                }
            }
        }
    }
}

fn begin(host: &Arc<Host>, stream: TcpStream, peer: SocketAddr, slot: Slot, connections: &mut JoinSet<()>) {
    // An answer is written at once; where that cannot be set, it is merely late.
    let _ = stream.set_nodelay(true);
    let host = Arc::clone(host);
    connections.spawn(async move {
        let _open = host.meters.connection_opened();
        connection::run(&host, stream, peer, slot).await;
    });
}

/// Returns whether an error is about a connection that its client gave up, and not about us.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// What the metrics listener serves.
fn scraped(app: Arc<App>) -> Router {
    let metrics = async |State(app): State<Arc<App>>| {
        ([(header::CONTENT_TYPE, METRICS_TYPE)], telemetry::scrape(&app).await).into_response()
    };
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(async || "ok\n")).with_state(app)
}
