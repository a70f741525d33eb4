use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::{TcpListener, TcpSocket};

/// What a receiver got.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// A receiver of webhooks.
#[derive(Debug, Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    kept: Arc<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    got: Mutex<Vec<Got>>,
    answers: Mutex<VecDeque<(StatusCode, Option<String>)>>,
}

impl Got {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Takes an address at which nobody listens yet, and that nobody else is given meanwhile.
pub(super) fn away() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

impl Receiver {
    pub(super) async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// Receives where somebody else did, or nobody yet.
    pub(super) fn on(listener: TcpListener) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::new(Kept::default());
        let router = Router::new().fallback(receive).with_state(Arc::clone(&kept));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, kept }
    }

    /// Answers the next requests so, and all after them with 204.
    pub(super) fn will_answer(&self, answers: &[(u16, Option<&str>)]) {
        let answers = answers
            .iter()
            .map(|&(status, place)| (StatusCode::from_u16(status).unwrap(), place.map(str::to_owned)));
        self.kept.answers.lock().unwrap().extend(answers);
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.kept.got.lock().unwrap().clone()
    }

    /// Waits until so many came.
    pub(super) async fn wait_for(&self, count: usize) -> Vec<Got> {
        self.wait_long_for(count, Duration::from_secs(60)).await
    }

    pub(super) async fn wait_long_for(&self, count: usize, long: Duration) -> Vec<Got> {
        for _ in 0..long.as_millis() / 25 {
            let got = self.got();
            if got.len() >= count {
                return got;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{count} were expected: {:?}", self.got());
    }
}

async fn receive(State(kept): State<Arc<Kept>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1_000_000).await.unwrap().to_vec();
    kept.got.lock().unwrap().push(Got { path: parts.uri.path().to_owned(), headers: parts.headers, body });
    match kept.answers.lock().unwrap().pop_front() {
        None => StatusCode::NO_CONTENT.into_response(),
        Some((status, None)) => status.into_response(),
        Some((status, Some(place))) => (status, [("location", place)]).into_response(),
    }
}
