//! Requests nobody means well with.

use super::{
    browser::Browser,
    probe::ProbeStore,
    site::Site,
    wire::{PATIENCE, Server},
};
use axess_core::memory::InMemorySessionStore;
use axess_events::AuthEvent;
use http::StatusCode;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const MEBIBYTE: usize = 1024 * 1024;

/// Sends bytes as they are and returns the status line, empty when the connection ended without one.
async fn raw(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let talking = async {
        // A server that has seen enough hangs up in the middle of it.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    };
    timeout(PATIENCE, talking).await.expect("the server keeps the connection")
}

fn request(headers: &[u8]) -> Vec<u8> {
    let mut request = b"GET /write HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n".to_vec();
    request.extend_from_slice(headers);
    request.extend_from_slice(b"\r\n");
    request
}

#[tokio::test]
async fn malformed_requests_end_before_anything_is_stored() {
    let site = Site::new().await;
    let server = Server::start(site.app()).await;
    let mut large = b"Cookie: a=".to_vec();
    large.resize(MEBIBYTE, b'x');
    large.extend_from_slice(b"\r\n");
    for (what, headers) in [
        ("one MiB in one header", large),
        ("one MiB in many headers", b"X-A: aaaaaaaaaaaaaaaa\r\n".repeat(MEBIBYTE / 23)),
        ("a NUL", b"Cookie: __Host-session=\0\r\n".to_vec()),
        ("a bare carriage return", b"Cookie: a=b\rSet-Cookie: c=d\r\n".to_vec()),
        ("a folded line", b"Cookie: a=b;\r\n c=d\r\n".to_vec()),
        ("a space before the colon", b"Cookie : a=b\r\n".to_vec()),
    ] {
        let status = raw(&server, &request(&headers)).await;
        let refused = status.is_empty() || status.starts_with("HTTP/1.1 4");
        assert!(refused && site.store.len() == 0, "{what}: {status}, {} rows", site.store.len());
    }
    assert_eq!(
        raw(&server, &request(b"Cookie: a=b\r\n")).await,
        "HTTP/1.1 204 No Content",
        "it still serves"
    );
    assert_eq!(site.store.len(), 1);
}

#[tokio::test]
async fn a_cookie_that_is_no_text_counts_as_none() {
    let site = Site::new().await;
    let server = Server::start(site.app()).await;
    for cookie in [
        &b"Cookie: __Host-session=\xff\xfe\x80\r\n"[..],
        b"Cookie: \xff=\xff; __Host-session=\xc3\x28\r\n",
        b"Cookie: ;;;;=;=;==;\xf0\x9f\x8d\xaa\r\n",
        b"Cookie: __Host-session\r\n",
        b"Cookie:\r\n",
        b"Cookie: __Host-session=\t\r\n",
    ] {
        assert_eq!(raw(&server, &request(cookie)).await, "HTTP/1.1 204 No Content");
    }
    assert_eq!(site.store.len(), 6, "each is a guest of its own");
}

#[tokio::test]
async fn what_is_kept_of_a_request_is_bounded() {
    let site = Site::new().await;
    let mut browser = site.browser().with_header("user-agent", "curl");
    browser.get("/write").await;
    let thief = Browser::new(site.app()).with_cookie(browser.cookie.unwrap());
    let thief =
        thief.with_header("user-agent", "x".repeat(MEBIBYTE)).with_header("x-large", "x".repeat(MEBIBYTE));
    assert_eq!({ thief }.get("/read").await.status, StatusCode::OK);
    let events = site.audit.events();
    let [event] = events.as_slice() else { panic!("{} events", events.len()) };
    assert!(matches!(event.payload, AuthEvent::SessionFingerprintMismatch(_)));
    assert_eq!(event.user_agent.as_ref().unwrap().as_str().len(), 512);
}

#[tokio::test]
async fn a_flood_of_new_sessions_fills_the_store_and_no_more() {
    const CAPACITY: usize = 200;
    let site = Site::with_store(ProbeStore::around(InMemorySessionStore::with_capacity(CAPACITY))).await;
    let mut alice = site.alice().await;
    let mut refused = 0;
    for _ in 0..3_000 {
        let reply = site.browser().get("/write").await;
        match reply.status {
            StatusCode::NO_CONTENT => assert!(reply.session_cookie().is_some()),
            StatusCode::SERVICE_UNAVAILABLE => {
                assert_eq!(reply.session_cookie(), None);
                refused += 1;
            }
            other => panic!("{other}"),
        }
        assert!(site.store.len() <= CAPACITY);
    }
    assert_eq!((site.store.len(), refused), (CAPACITY, 3_000 - (CAPACITY - 1)));
    // Who was there before is served: reads, writes and a new id need no room.
    assert_eq!(alice.get("/write").await.status, StatusCode::NO_CONTENT);
    assert_eq!(alice.post("/rotate").await.status, StatusCode::NO_CONTENT);
    assert_eq!(alice.get("/whoami").await.body, "authenticated");
    // And a day later there is room again.
    site.clock.advance(Duration::from_secs(86_400));
    assert_eq!(site.browser().get("/write").await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.store.len(), 1);
}
