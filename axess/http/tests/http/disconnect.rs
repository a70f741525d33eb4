//! The client goes away in the middle of a request.

use super::{
    probe::Call,
    site::{Service, Site},
    wire::{Server, until},
};
use axess_http::{AuthSession, FingerprintPolicy};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::get,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::sleep,
};

/// How requests and their handlers came and went.
struct Traffic {
    /// Handlers that wait in the middle.
    waiting: AtomicUsize,
    /// Handlers that came to their end.
    finished: AtomicUsize,
    /// Handlers that are gone, finished or not.
    gone: AtomicUsize,
    /// Requests the server gave up.
    abandoned: AtomicUsize,
    /// Lets handlers go on.
    go_on: Semaphore,
}

impl Traffic {
    fn count(counter: &AtomicUsize) -> usize {
        counter.load(Ordering::SeqCst)
    }

    /// What a handler does between its beginning and its end.
    async fn wait(self: &Arc<Self>) {
        let _going = Going(Arc::clone(self));
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.go_on.acquire().await.unwrap().forget();
        self.finished.fetch_add(1, Ordering::SeqCst);
    }

    /// Asks for `path` and hangs up when the handler waits; returns when the server has noticed.
    async fn hang_up(&self, server: &Server, path: &str) {
        let mut stream = ask(server, path, "").await;
        until("the handler waits", async || Self::count(&self.waiting) == 1).await;
        assert_eq!(Self::count(&self.abandoned), 0);
        // Reading what is not there yet keeps the connection open until here.
        assert!(tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await.is_err());
        drop(stream);
        until("the server notices", async || Self::count(&self.abandoned) == 1).await;
    }
}

struct Going(Arc<Traffic>);

impl Drop for Going {
    fn drop(&mut self) {
        self.0.gone.fetch_add(1, Ordering::SeqCst);
    }
}

/// Counts a request as abandoned unless it is answered.
struct Unanswered(Option<Arc<Traffic>>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(traffic) = &self.0 {
            traffic.abandoned.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn watch(State(traffic): State<Arc<Traffic>>, request: Request, next: Next) -> Response {
    let mut unanswered = Unanswered(Some(traffic));
    let response = next.run(request).await;
    unanswered.0 = None;
    response
}

type Ports = State<(Service, Arc<Traffic>)>;

async fn write(session: AuthSession, State((_, traffic)): Ports) {
    session.set_custom("before", "green").unwrap();
    traffic.wait().await;
    session.set_custom("after", "red").unwrap();
}

async fn look(session: AuthSession, State((_, traffic)): Ports) {
    session.get_custom::<String>("before").unwrap();
    traffic.wait().await;
}

async fn log_in(session: AuthSession, State((service, traffic)): Ports) {
    let password = "correct horse battery staple";
    let outcome = service.login_with_password(&session, "alice", "default", password).await.unwrap();
    assert!(outcome.is_authenticated());
    session.set_custom("color", "green").unwrap();
    traffic.wait().await;
}

async fn fall(session: AuthSession, State((_, traffic)): Ports) {
    session.set_custom("before", "green").unwrap();
    let _going = Going(traffic);
    panic!("a handler with a bug");
}

/// Serves handlers that wait in the middle, behind the session layer.
async fn serve(site: &Site) -> (Server, Arc<Traffic>) {
    let traffic = Arc::new(Traffic {
        waiting: AtomicUsize::new(0),
        finished: AtomicUsize::new(0),
        gone: AtomicUsize::new(0),
        abandoned: AtomicUsize::new(0),
        go_on: Semaphore::new(0),
    });
    let app = Router::new()
        .route("/write", get(write))
        .route("/look", get(look))
        .route("/log-in", get(log_in))
        .route("/fall", get(fall))
        .with_state((Arc::clone(&site.service), Arc::clone(&traffic)))
        .layer(site.layer())
        .layer(from_fn_with_state(Arc::clone(&traffic), watch));
    (Server::start(app).await, traffic)
}

/// Sends a request and does not wait for the answer.
async fn ask(server: &Server, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn what_a_handler_began_to_write_is_written_without_the_client() {
    let site = Site::new().await;
    let (server, traffic) = serve(&site).await;
    traffic.hang_up(&server, "/write").await;
    assert_eq!((Traffic::count(&traffic.gone), site.store.len()), (0, 0), "the handler is still at it");
    traffic.go_on.add_permits(1);
    until("the row is written", async || site.store.len() == 1).await;
    assert_eq!(Traffic::count(&traffic.finished), 1, "the handler went on to its end");
    let id = site.store.written().id;
    let session = site.layer().sessions().open(Some(id), Default::default()).await.unwrap();
    assert_eq!(session.get_custom("before").unwrap(), Some("green".to_owned()));
    assert_eq!(session.get_custom("after").unwrap(), Some("red".to_owned()));
}

#[tokio::test]
async fn a_login_is_finished_without_the_client() {
    let site = Site::new().await;
    let (server, traffic) = serve(&site).await;
    traffic.hang_up(&server, "/log-in").await;
    assert_eq!(site.store.written().version, 1, "the login itself is written at once");
    traffic.go_on.add_permits(1);
    until("what came after is written too", async || site.store.written().version == 2).await;
    let id = site.store.written().id;
    let session = site.layer().sessions().open(Some(id), Default::default()).await.unwrap();
    assert!(session.is_authenticated());
    assert_eq!(session.get_custom("color").unwrap(), Some("green".to_owned()));
}

#[tokio::test]
async fn a_handler_that_only_reads_is_cancelled() {
    let site = Site::new().await;
    let (server, traffic) = serve(&site).await;
    traffic.hang_up(&server, "/look").await;
    until("the handler is gone", async || Traffic::count(&traffic.gone) == 1).await;
    traffic.go_on.add_permits(1);
    sleep(Duration::from_millis(50)).await;
    assert_eq!(Traffic::count(&traffic.finished), 0, "nothing goes on for nobody");
    assert_eq!((site.store.len(), traffic.go_on.available_permits()), (0, 1));
}

#[tokio::test]
async fn a_stolen_session_is_ended_even_if_the_thief_hangs_up() {
    for policy in [FingerprintPolicy::Reauth, FingerprintPolicy::Revoke] {
        let site = Site::new().await;
        let alice = site.alice().await;
        let server = Server::start(site.app_with(&site.layer().with_fingerprint_policy(policy))).await;
        site.store.slow_writes(Duration::from_millis(300));
        site.store.calls();
        let headers = format!("User-Agent: thief\r\nCookie: {}\r\n", alice.cookie.clone().unwrap());
        let stream = ask(&server, "/read", &headers).await;
        until("the store is at work", async || site.store.calls().iter().any(|call| *call != Call::Load))
            .await;
        drop(stream);
        until("the session is over", async || alice.clone().get("/whoami").await.body == "guest").await;
    }
}

#[tokio::test]
async fn what_a_handler_wrote_before_it_panicked_is_not_kept() {
    let site = Site::new().await;
    let (server, traffic) = serve(&site).await;
    let mut answer = Vec::new();
    // The connection ends without an answer.
    let _ = ask(&server, "/fall", "").await.read_to_end(&mut answer).await;
    assert_eq!((answer.len(), Traffic::count(&traffic.gone)), (0, 1));
    sleep(Duration::from_millis(50)).await;
    assert_eq!(site.store.len(), 0, "half of a broken handler's work");
}
