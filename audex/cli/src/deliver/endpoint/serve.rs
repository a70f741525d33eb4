//! Connections: how many, how long, how large, and from whom.

use super::{
    answer::{Answers, error_document},
    peer,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};

/// How many connections are served at a time; others wait in the system's queue.
const MAX_CONNECTIONS: usize = 64;
/// How long a connection may take altogether: as long as SDKs wait.
const CONNECTION_TIME: Duration = Duration::from_secs(2);
/// How long somebody who is refused may take to be told so.
const REFUSAL_TIME: Duration = Duration::from_millis(100);
/// How large the head of a request may be: the least that hyper takes.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// How many headers a request may have.
const MAX_HEADERS: usize = 32;
/// How long nothing is accepted after the system failed to, as without file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until it is aborted, which ends its connections too.
pub(super) async fn serve(listener: TcpListener, address: SocketAddr, uid: u32, answers: Arc<Answers>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Ok(place) = places.clone().acquire_owned().await {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, peer)) => {
                let work = connection(stream, peer, address, uid, answers.clone(), place);
                connections.spawn(async move {
                    // Whoever is slower is cut off.
                    let _ = timeout(CONNECTION_TIME, work).await;
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    address: SocketAddr,
    uid: u32,
    answers: Arc<Answers>,
    _place: OwnedSemaphorePermit,
) {
    let owner = tokio::task::spawn_blocking(move || peer::owner(peer, address)).await;
    if owner.ok().flatten() != Some(uid) {
        let _ = refuse(stream).await;
        return;
    }
    let service = service_fn(|request: http::Request<Incoming>| {
        let response = answers.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        // The whole connection is bounded instead.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A client that sends nonsense or goes away is no fault of ours.
    let _ = served.await;
}

/// Says no to another user, who gets no more of our time than [`REFUSAL_TIME`].
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let body =
        error_document("WrongUser", "these credentials are for processes of the user who started tryaudex");
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nConnection: close\r\n";
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    stream.shutdown().await?;
    // What was sent and is not read would reset the connection before the answer is seen.
    let (mut sent, mut rest) = (Vec::new(), stream.take(MAX_HEAD_BYTES as u64));
    let _ = timeout(REFUSAL_TIME, rest.read_to_end(&mut sent)).await;
    Ok(())
}
