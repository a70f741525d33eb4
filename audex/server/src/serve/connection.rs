//! One connection: HTTP/1.1, request after request.

use super::{
    Host, Slot,
    exchange::Exchange,
    refusal::linger,
    socket::{Socket, Turns},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpStream;

/// How long a connection may be idle between two requests. Balancers close theirs after a minute; ours has to last longer.
const IDLE: Duration = Duration::from_secs(75);

/// The most headers of a request.
const MAX_HEADERS: usize = 100;

/// The smallest buffer that the HTTP machine takes.
const LEAST_BUFFER: usize = 8_192;

/// Serves a connection to its end.
pub(super) async fn run(host: &Arc<Host>, stream: TcpStream, peer: SocketAddr, slot: Slot) {
    let turns = Turns::default();
    let unread = Arc::new(AtomicBool::new(false));
    let socket = TokioIo::new(Socket::new(stream, turns.clone(), host.limits.head_timeout));
    let exchange = Exchange { host: Arc::clone(host), peer, slot, turns, unread: Arc::clone(&unread) };
    let service = service_fn(|request: http::Request<Incoming>| {
        let exchange = exchange.clone();
        Box::pin(async move { Ok::<_, Infallible>(exchange.answer(request).await) })
    });
    let mut connection = builder(host).serve_connection(socket, service);
    let mut halted = host.halted.clone();
    let ended = tokio::select! {
        outcome = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(outcome),
        // The sender never sends: it goes when the server stops.
        _ = halted.changed() => None,
    };
    let outcome = match ended {
        Some(outcome) => outcome,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    let was_refused = outcome.as_ref().is_err_and(hyper::Error::is_parse);
    if let Err(error) = outcome {
        tracing::debug!(%error, %peer, "a connection ended");
    }
    if was_refused || unread.load(Ordering::Acquire) {
        linger(connection.into_parts().io.into_inner().into_inner()).await;
    }
}

fn builder(host: &Host) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_headers(MAX_HEADERS)
        .max_header_size(host.limits.max_head)
        .max_buf_size(host.limits.max_head.max(LEAST_BUFFER));
    builder
}
