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
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};

/// What the handlers of a test saw.
type Count = Arc<AtomicUsize>;

/// How long anything may take before the test is given up: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// What handlers and their test tell each other.
#[derive(Clone)]
struct Desk {
    /// How many requests that take their time have begun.
    begun: Count,
    /// How many slow requests were finished, or pieces were made.
    finished: Count,
    /// Lets slow requests go on.
    go_on: Arc<Semaphore>,
}

/// A router that is being served.
struct Served {
    address: SocketAddr,
    meters: Meters,
    desk: Desk,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(limits: ServeLimits) -> Self {
        let (begun, finished, go_on) = (Count::default(), Count::default(), Arc::new(Semaphore::new(0)));
        let desk = Desk { begun, finished, go_on };
        let router = router(desk.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let meters = Meters::new();
        let until = async { drop(stopped.await) };
        let task = tokio::spawn(serve_router(router, listener, limits, meters.clone(), until));
        Self { address, meters, desk, stop: Some(stop), task }
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

    /// Waits until so many requests that take their time have begun.
    async fn has_begun(&self, count: usize) {
        until(|| self.desk.begun.load(Ordering::SeqCst) >= count).await;
    }

    fn finished(&self) -> usize {
        self.desk.finished.load(Ordering::SeqCst)
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
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
    }
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it never happens");
}

/// Reads to the end; a connection that is reset has ended too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("the connection stays open");
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
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await;
        let count = read.expect("no answer comes").unwrap();
        assert!(count > 0, "the connection ended in the middle of an answer: {whole}");
        text.extend_from_slice(&buffer[..count]);
    }
}

fn router(desk: Desk) -> Router {
    async fn slow(State(desk): State<Desk>) -> &'static str {
        desk.begun.fetch_add(1, Ordering::SeqCst);
        desk.go_on.acquire().await.unwrap().forget();
        desk.finished.fetch_add(1, Ordering::SeqCst);
        "done"
    }
    async fn never(State(desk): State<Desk>) {
        desk.begun.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
    Router::new()
        .route("/", get(async || "hello"))
        .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/slow", get(slow).post(slow))
        .route("/never", get(never).post(never))
        .route(
            "/panic",
            get(async || -> () { panic!("on purpose") }).post(async || -> () { panic!("on purpose") }),
        )
        .route(
            "/endless",
            get(async |State(Desk { finished: made, .. }): State<Desk>| {
                Body::from_stream(futures_util::stream::repeat_with(move || {
                    made.fetch_add(1, Ordering::SeqCst);
                    Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 65_536]))
                }))
            }),
        )
        .with_state(desk)
}
