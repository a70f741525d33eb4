//! The client goes away in the middle of a request.

use super::{
    probe::Call,
    site::{Service, Site},
    wire::{Server, until},
};
use axess_http::{AuthSession, FingerprintPolicy};
use axum::{Router, extract::State, routing::get};
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
    time::sleep,
};

/// How long a handler waits in the middle.
const LATER: Duration = Duration::from_millis(300);
/// How long a client waits before it goes away.
const SOON: Duration = Duration::from_millis(50);

/// How handlers came and went.
#[derive(Default)]
struct Handlers {
    begun: AtomicUsize,
    finished: AtomicUsize,
    gone: AtomicUsize,
}

/// Counts a handler as gone when it is dropped, finished or not.
struct Going(Arc<Handlers>);

impl Drop for Going {
    fn drop(&mut self) {
        self.0.gone.fetch_add(1, Ordering::SeqCst);
    }
}

type Ports = State<(Service, Arc<Handlers>)>;

fn app(site: &Site) -> (Router, Arc<Handlers>) {
    async fn later(handlers: &Arc<Handlers>) {
        let _going = Going(Arc::clone(handlers));
        handlers.begun.fetch_add(1, Ordering::SeqCst);
        sleep(LATER).await;
        handlers.finished.fetch_add(1, Ordering::SeqCst);
    }
    async fn write(session: AuthSession, State((_, handlers)): Ports) {
        session.set_custom("before", "green").unwrap();
        later(&handlers).await;
        session.set_custom("after", "red").unwrap();
    }
    async fn look(session: AuthSession, State((_, handlers)): Ports) {
        session.get_custom::<String>("before").unwrap();
        later(&handlers).await;
    }
    async fn log_in(session: AuthSession, State((service, handlers)): Ports) {
        let password = "correct horse battery staple";
        let outcome = service.login_with_password(&session, "alice", "default", password).await.unwrap();
        assert!(outcome.is_authenticated());
        session.set_custom("color", "green").unwrap();
        later(&handlers).await;
    }
    async fn fall(session: AuthSession, State((_, handlers)): Ports) {
        session.set_custom("before", "green").unwrap();
        let _going = Going(handlers);
        panic!("a handler with a bug");
    }
    let handlers = Arc::new(Handlers::default());
    let app = Router::new()
        .route("/write", get(write))
        .route("/look", get(look))
        .route("/log-in", get(log_in))
        .route("/fall", get(fall))
        .with_state((Arc::clone(&site.service), Arc::clone(&handlers)))
        .layer(site.layer());
    (app, handlers)
}

/// Asks for `path`, and hangs up without waiting for the answer.
async fn hang_up(server: &Server, path: &str, handlers: &Handlers) {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n\r\n").as_bytes()).await.unwrap();
    until("the handler begins", async || handlers.begun.load(Ordering::SeqCst) == 1).await;
    sleep(SOON).await;
    assert_eq!(handlers.gone.load(Ordering::SeqCst), 0, "the client left too late to matter");
}

#[tokio::test]
async fn what_a_handler_began_to_write_is_written_without_the_client() {
    let site = Site::new().await;
    let (app, handlers) = app(&site);
    let server = Server::start(app).await;
    hang_up(&server, "/write", &handlers).await;
    until("the row is written", async || site.store.len() == 1).await;
    assert_eq!(handlers.finished.load(Ordering::SeqCst), 1, "the handler went on to its end");
    let id = site.store.written().id;
    let session = site.layer().sessions().open(Some(id), Default::default()).await.unwrap();
    assert_eq!(session.get_custom("before").unwrap(), Some("green".to_owned()));
    assert_eq!(session.get_custom("after").unwrap(), Some("red".to_owned()));
}

#[tokio::test]
async fn a_login_is_finished_without_the_client() {
    let site = Site::new().await;
    let (app, handlers) = app(&site);
    let server = Server::start(app).await;
    hang_up(&server, "/log-in", &handlers).await;
    assert_eq!(site.store.written().version, 1, "the login itself is written at once");
    until("what came after is written too", async || site.store.written().version == 2).await;
    let id = site.store.written().id;
    let session = site.layer().sessions().open(Some(id), Default::default()).await.unwrap();
    assert!(session.is_authenticated());
    assert_eq!(session.get_custom("color").unwrap(), Some("green".to_owned()));
}

#[tokio::test]
async fn a_handler_that_only_reads_is_cancelled() {
    let site = Site::new().await;
    let (app, handlers) = app(&site);
    let server = Server::start(app).await;
    hang_up(&server, "/look", &handlers).await;
    until("the handler is gone", async || handlers.gone.load(Ordering::SeqCst) == 1).await;
    sleep(LATER + SOON).await;
    assert_eq!(handlers.finished.load(Ordering::SeqCst), 0, "nothing goes on for nobody");
    assert_eq!(site.store.len(), 0);
}

#[tokio::test]
async fn a_stolen_session_is_ended_even_if_the_thief_hangs_up() {
    for policy in [FingerprintPolicy::Reauth, FingerprintPolicy::Revoke] {
        let site = Site::new().await;
        let mut alice = site.alice().await;
        let server = Server::start(site.app_with(&site.layer().with_fingerprint_policy(policy))).await;
        site.store.slow_writes(LATER);
        site.store.calls();
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let cookie = alice.cookie.clone().unwrap();
        let request =
            format!("GET /read HTTP/1.1\r\nHost: app.test\r\nUser-Agent: thief\r\nCookie: {cookie}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        until("the store is at work", async || site.store.calls().iter().any(|call| *call != Call::Load))
            .await;
        drop(stream);
        sleep(LATER + SOON).await;
        assert_eq!(alice.get("/whoami").await.body, "guest", "{policy:?}");
    }
}

#[tokio::test]
async fn what_a_handler_wrote_before_it_panicked_is_not_kept() {
    let site = Site::new().await;
    let (app, handlers) = app(&site);
    let server = Server::start(app).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET /fall HTTP/1.1\r\nHost: app.test\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The connection ends without an answer.
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!((answer.len(), handlers.gone.load(Ordering::SeqCst)), (0, 1));
    sleep(SOON).await;
    assert_eq!(site.store.len(), 0, "half of a broken handler's work");
}
