//! WebSockets with a client of somebody else's: who gets one, and how it ends with its session.

use super::{
    browser::Browser,
    site::Site,
    wire::{PATIENCE, Server, until},
};
use axess_http::{AuthWebSocketUpgrade, RevocableSocket, SocketRevoked};
use axum::{
    Router,
    extract::ws::Message as Sent,
    response::Response,
    routing::{any, get},
};
use futures_util::{SinkExt, StreamExt};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

/// How often the server looks at a session.
const INTERVAL: Duration = Duration::from_millis(40);

type Socket = WebSocketStream<TcpStream>;

/// Sends back what it gets.
async fn echo(upgrade: AuthWebSocketUpgrade) -> Response {
    let user = upgrade.info().user_id;
    upgrade.check_every(INTERVAL).on_upgrade(async move |mut socket: RevocableSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            let answer = match message {
                Sent::Text(text) if text == "who" => Sent::Text(user.to_string().into()),
                other => other,
            };
            if socket.send(answer).await.is_err() {
                break;
            }
        }
        // Asking again changes nothing.
        assert!(socket.recv().await.is_none());
    })
}

/// Sends and never listens.
fn ticker(ended: Arc<AtomicBool>) -> Router {
    let handler = async move |upgrade: AuthWebSocketUpgrade| {
        upgrade.check_every(INTERVAL).on_upgrade(async move |mut socket: RevocableSocket| {
            loop {
                match socket.send(Sent::Text("tick".into())).await {
                    Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
                    Err(SocketRevoked::SessionEnded) => break,
                    Err(SocketRevoked::Connection(error)) => panic!("{error}"),
                }
            }
            ended.store(true, Ordering::SeqCst);
        })
    };
    Router::new().route("/ticks", get(handler))
}

async fn serve(site: &Site) -> Server {
    Server::start(site.routes().route("/echo", any(echo)).layer(site.layer())).await
}

async fn connect(server: &Server, path: &str, browser: &Browser) -> Result<Socket, Error> {
    let mut request = format!("ws://{}{path}", server.addr).into_client_request().unwrap();
    if let Some(cookie) = &browser.cookie {
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
    }
    let stream = TcpStream::connect(server.addr).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn ask(socket: &mut Socket, text: &str) -> String {
    socket.send(Message::text(text)).await.unwrap();
    match timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
        Message::Text(text) => text.to_string(),
        other => panic!("no text: {other:?}"),
    }
}

/// Waits for the end of the connection and returns the close frame; `within` is how long the server has for it.
async fn close_of(socket: &mut Socket, within: Duration) -> (CloseCode, String) {
    let closing = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return (frame.code, frame.reason.to_string()),
                Some(Ok(Message::Text(_) | Message::Ping(_))) => {}
                other => panic!("no close frame: {other:?}"),
            }
        }
    };
    timeout(within, closing).await.expect("the connection is still open")
}

/// The refusal of a handshake.
fn status(refused: Result<Socket, Error>) -> u16 {
    match refused {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("not refused: {other:?}"),
    }
}

fn revoked() -> (CloseCode, String) {
    (CloseCode::Policy, "session ended".to_owned())
}

#[tokio::test]
async fn an_authenticated_session_gets_a_connection() {
    let site = Site::new().await;
    let server = serve(&site).await;
    let bob = site.bob().await;
    let mut socket = connect(&server, "/echo", &bob).await.unwrap();
    assert_eq!(ask(&mut socket, "hello").await, "hello");
    assert_eq!(ask(&mut socket, "who").await, site.bob_as_owner().user_id.to_string());
    // It lives through several looks at the session.
    tokio::time::sleep(INTERVAL * 4).await;
    assert_eq!(ask(&mut socket, "still here").await, "still here");
    socket.close(None).await.unwrap();
    site.store.calls();
    until("the watcher ends with its connection", async || {
        site.store.calls();
        tokio::time::sleep(INTERVAL * 3).await;
        site.store.calls().is_empty()
    })
    .await;
}

#[tokio::test]
async fn nobody_else_gets_one() {
    let site = Site::new().await;
    let server = serve(&site).await;
    let mut visitor = site.browser();
    visitor.get("/write").await;
    for browser in [site.browser(), visitor, site.bob_halfway().await] {
        assert_eq!(status(connect(&server, "/echo", &browser).await), 401);
    }
    let bare = Server::start(Router::new().route("/echo", any(echo))).await;
    assert_eq!(status(connect(&bare, "/echo", &site.alice().await).await), 500, "no session layer");
    // An authenticated request that is no handshake.
    let app = Router::new().route("/echo", any(echo)).layer(site.layer());
    assert_eq!(site.alice().await.at(app).get("/echo").await.status.as_u16(), 400);
}

#[tokio::test]
async fn a_logout_elsewhere_closes_the_connection() {
    let site = Site::new().await;
    let server = serve(&site).await;
    let mut alice = site.alice().await;
    let mut socket = connect(&server, "/echo", &alice).await.unwrap();
    let mut other = connect(&server, "/echo", &site.bob().await).await.unwrap();
    assert_eq!(ask(&mut socket, "hello").await, "hello");
    alice.post("/logout").await;
    assert_eq!(close_of(&mut socket, PATIENCE).await, revoked());
    assert_eq!(ask(&mut other, "hello").await, "hello", "somebody else's stays");
}

#[tokio::test]
async fn a_busy_connection_ends_all_the_same() {
    let site = Site::new().await;
    let server = serve(&site).await;
    let mut alice = site.alice().await;
    let socket = connect(&server, "/echo", &alice).await.unwrap();
    alice.post("/logout").await;
    // There is always a message waiting to be read. The close frame itself may be lost behind what is unread.
    let (mut sink, mut stream) = socket.split();
    let flood = async {
        while sink.send(Message::text("more")).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let read = async { while matches!(stream.next().await, Some(Ok(Message::Text(_)))) {} };
    timeout(PATIENCE, futures_util::future::join(flood, read)).await.expect("it is still served");
}

#[tokio::test]
async fn a_new_id_or_an_end_from_outside_closes_the_connection() {
    let site = Site::new().await;
    let server = serve(&site).await;
    let mut alice = site.alice().await;
    let mut socket = connect(&server, "/echo", &alice).await.unwrap();
    alice.post("/rotate").await;
    assert_eq!(close_of(&mut socket, PATIENCE).await, revoked());

    let mut socket = connect(&server, "/echo", &alice).await.unwrap();
    alice.post("/ceremony").await;
    assert_eq!(close_of(&mut socket, PATIENCE).await, revoked(), "in a ceremony nobody counts as logged in");

    let mut socket = connect(&server, "/echo", &site.bob().await).await.unwrap();
    site.layer().sessions().end_for_user(site.bob_as_owner(), None).await.unwrap();
    assert_eq!(close_of(&mut socket, PATIENCE).await, revoked());

    site.clock.advance(Duration::from_secs(60));
    let mut socket = connect(&server, "/echo", &site.bob().await).await.unwrap();
    site.clock.advance(Duration::from_secs(86_400));
    assert_eq!(close_of(&mut socket, PATIENCE).await, revoked(), "expired");
}

#[tokio::test]
async fn a_store_that_is_down_three_times_closes_the_connection() {
    let site = Site::new().await;
    let server = serve(&site).await;
    let mut socket = connect(&server, "/echo", &site.alice().await).await.unwrap();
    for _ in 0..3 {
        // Two failures in a row, several times over: each success starts the count again.
        site.store.fail_loads(2);
        until("both failures are used up", async || site.store.loads_to_fail() == 0).await;
        site.store.calls();
        until("it looks again", async || !site.store.calls().is_empty()).await;
    }
    assert_eq!(ask(&mut socket, "still here").await, "still here");
    site.store.fail_loads(usize::MAX);
    assert_eq!(close_of(&mut socket, PATIENCE).await, revoked());
    assert_eq!(usize::MAX - site.store.loads_to_fail(), 3);
}

#[tokio::test]
async fn a_connection_that_only_sends_notices_too() {
    let site = Site::new().await;
    let ended = Arc::new(AtomicBool::new(false));
    let server = Server::start(ticker(Arc::clone(&ended)).layer(site.layer())).await;
    let mut alice = site.alice().await;
    let mut socket = connect(&server, "/ticks", &alice).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("tick"));
    alice.post("/logout").await;
    assert_eq!(close_of(&mut socket, PATIENCE).await, revoked());
    until("the handler is told", async || ended.load(Ordering::SeqCst)).await;
}

#[tokio::test]
async fn a_handler_that_looks_away_is_stopped() {
    struct Going(Arc<AtomicBool>);
    impl Drop for Going {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let site = Site::new().await;
    let gone = Arc::new(AtomicBool::new(false));
    let going = Arc::clone(&gone);
    let handler = async move |upgrade: AuthWebSocketUpgrade| {
        let going = Going(Arc::clone(&going));
        upgrade.check_every(INTERVAL).on_upgrade(async move |_socket: RevocableSocket| {
            let _going = going;
            std::future::pending().await
        })
    };
    let server = Server::start(Router::new().route("/", get(handler)).layer(site.layer())).await;
    let mut alice = site.alice().await;
    let mut socket = connect(&server, "/", &alice).await.unwrap();
    tokio::time::sleep(INTERVAL * 3).await;
    assert!(!gone.load(Ordering::SeqCst), "its session is fine");
    alice.post("/logout").await;
    let end = timeout(PATIENCE, socket.next()).await.expect("the connection is still open");
    assert!(!matches!(end, Some(Ok(Message::Text(_) | Message::Binary(_)))), "{end:?}");
    until("the handler is gone", async || gone.load(Ordering::SeqCst)).await;
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_the_connection() {
    let site = Site::new().await;
    let server = serve(&site).await;
    let mut socket = connect(&server, "/echo", &site.alice().await).await.unwrap();
    let full = "x".repeat(64 * 1024);
    assert_eq!(ask(&mut socket, &full).await, full);
    // The server may be gone before all of it is sent.
    let _ = socket.send(Message::text("x".repeat(64 * 1024 + 1))).await;
    let next = timeout(PATIENCE, socket.next()).await.unwrap();
    assert!(!matches!(next, Some(Ok(Message::Text(_)))), "{next:?}");
}
