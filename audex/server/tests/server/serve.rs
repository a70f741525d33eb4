//! The accept loop with clients that do not behave. Raw sockets: a client that behaves cannot do these things.

mod bodies;
mod crash;
mod crowd;
mod database;
mod ends;
mod heads;
pub(crate) mod killable;
mod starved;

use audex_server::{serve::serve_router, settings::ServeLimits, telemetry::Meters};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, State},
    routing::{get, post},
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// What the handlers of a test saw.
type Count = Arc<AtomicUsize>;

/// A router that is being served.
struct Served {
    address: SocketAddr,
    meters: Meters,
    /// How many slow requests were finished.
    finished: Count,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(limits: ServeLimits) -> Self {
        let finished = Count::default();
        let router = router(Arc::clone(&finished));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let meters = Meters::new();
        let until = async { drop(stopped.await) };
        let task = tokio::spawn(serve_router(router, listener, limits, meters.clone(), until));
        Self { address, meters, finished, stop: Some(stop), task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own, and reads until its end.
    async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        rest(&mut stream).await
    }

    /// Makes a good request; panics unless it is answered well.
    async fn ask(&self) {
        let answer = self.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }

    fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has ended in good order.
    async fn ended(self) {
        tokio::time::timeout(Duration::from_secs(60), self.task).await.unwrap().unwrap().unwrap();
    }
}

/// Reads to the end; a connection that is reset has ended too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let _ = tokio::time::timeout(Duration::from_secs(20), read).await.expect("the connection stays open");
    String::from_utf8(bytes).unwrap()
}

/// Reads one answer whose length is told.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    loop {
        let whole = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head.to_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length: ").and_then(|length| length.parse::<usize>().ok())
            });
            if body.len() >= length.unwrap() {
                return whole;
            }
        }
        let mut buffer = [0; 4_096];
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut buffer)).await;
        let count = read.expect("no answer comes").unwrap();
        assert!(count > 0, "the connection ended in the middle of an answer: {whole}");
        text.extend_from_slice(&buffer[..count]);
    }
}

fn router(finished: Count) -> Router {
    async fn slow(State(finished): State<Count>) -> &'static str {
        tokio::time::sleep(Duration::from_millis(500)).await;
        finished.fetch_add(1, Ordering::SeqCst);
        "done"
    }
    Router::new()
        .route("/", get(async || "hello"))
        .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/slow", get(slow).post(slow))
        .route("/never", get(std::future::pending::<()>).post(std::future::pending::<()>))
        .route(
            "/panic",
            get(async || -> () { panic!("on purpose") }).post(async || -> () { panic!("on purpose") }),
        )
        .route(
            "/endless",
            get(async |State(made): State<Count>| {
                Body::from_stream(futures_util::stream::repeat_with(move || {
                    made.fetch_add(1, Ordering::SeqCst);
                    Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 65_536]))
                }))
            }),
        )
        .with_state(finished)
}
