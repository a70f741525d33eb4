//! What operators see and do: health, counters, sweeps, the end of the process.

use crate::{browser::Browser, home::Home, site::Site, sqlite3};
use reqwest::Method;
use serde_json::json;
use std::{
    fs::File,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

const LOGIN: &str = r#"{"username":"alice","password":"purple otters juggle at noon"}"#;
const CUT_OFF: &str = "what was under way took too long and is cut off";

#[tokio::test]
async fn health_follows_the_database() {
    let home = Home::new();
    let site = home.start();
    let browser = Browser::at(&site);
    assert_eq!(browser.get("/health").await, (200, json!({"status": "healthy", "sessions": "available"})));
    // Written over in place, as a failing disk would: the program has the files open.
    for name in ["app.db", "app.db-wal", "app.db-shm"] {
        let file = File::options().write(true).open(home.file(name)).unwrap();
        let garbage = vec![0x5a; usize::try_from(file.metadata().unwrap().len()).unwrap()];
        file.write_all_at(&garbage, 0).unwrap();
    }
    let unhealthy = (503, json!({"status": "unhealthy", "sessions": "unavailable"}));
    assert_eq!(browser.get("/health").await, unhealthy);
    assert_eq!(browser.log_in("alice", "purple otters juggle at noon").await.0, 503);
    assert_eq!(browser.get("/").await.0, 200, "what needs no database is served");
    let metrics = browser.get("/metrics").await.1;
    assert!(!metrics.as_str().unwrap().contains("\naxess_store_failures_total 0\n"), "{metrics}");
}

#[tokio::test]
async fn a_busy_database_is_unhealthy_until_it_is_free() {
    if !sqlite3::is_there("a_busy_database_is_unhealthy_until_it_is_free") {
        return;
    }
    let home = Home::new();
    let site = home.start();
    let browser = Browser::at(&site);
    let lock = sqlite3::Lock::take(&home);
    assert_eq!(browser.get("/health").await.0, 503);
    lock.let_go();
    let mut status = 503;
    for _ in 0..600 {
        status = browser.get("/health").await.0;
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status, 200, "it recovers by itself");
}

#[tokio::test]
async fn counters_are_in_the_text_format() {
    let site = Home::new().start();
    let browser = Browser::at(&site);
    browser.log_in_as_alice().await;
    browser.log_in("alice", "wrong").await;
    let response = browser.send(Method::GET, "/metrics", None).await;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
    let text = response.text().await.unwrap();
    for line in [
        "# TYPE axess_logins_completed_total counter",
        "axess_logins_completed_total{method=\"password\"} 1",
        "axess_factors_verified_total{factor=\"password\"} 1",
        "axess_factors_failed_total{factor=\"password\"} 1",
        "axess_logouts_total 1",
        "axess_store_failures_total 0",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
    }
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("axess_") || name.starts_with("app_"), "{line}");
        value.parse::<f64>().unwrap();
    }
}

#[tokio::test]
async fn what_has_expired_is_swept() {
    let home = Home::new().with("SESSION_SECONDS", "1").with("SWEEP_SECONDS", "1");
    let mut site = home.start();
    let browser = Browser::at(&site);
    browser.log_in_as_alice().await;
    site.soon("a sweep", |site| {
        let swept = site.events("deleted what had expired");
        swept.iter().any(|event| event["what"] == "sessions" && event["rows"] == 1).then_some(())
    });
    assert!(!browser.is_in().await);
    let metrics = browser.get("/metrics").await.1;
    assert!(metrics.as_str().unwrap().contains("\napp_rows_swept_total{what=\"sessions\"} 1\n"), "{metrics}");
}

/// Connects, and makes sure that the program has noticed: one request is answered.
fn connected(site: &Site) -> TcpStream {
    let mut connection = TcpStream::connect(site.url("").replace("http://", "")).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    connection.write_all(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    connection
}

/// Begins a login, and leaves out the end; its handler waits for that.
fn half_a_login(connection: &mut TcpStream) {
    let (begin, end) = LOGIN.split_at(20);
    let head =
        "POST /login HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nexpect: 100-continue";
    let length = begin.len() + end.len();
    write!(connection, "{head}\r\ncontent-length: {length}\r\n\r\n").unwrap();
    // After what is left of the answer before.
    let mut read = Vec::new();
    while !read.ends_with(b"HTTP/1.1 100 Continue\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
    connection.write_all(begin.as_bytes()).unwrap();
}

#[test]
fn a_stop_answers_what_is_under_way_first() {
    let home = Home::new();
    let mut site = home.start();
    let (_idle, mut busy) = (connected(&site), connected(&site));
    half_a_login(&mut busy);
    site.signal("TERM");
    site.soon("it stops", |site| site.log().contains("stopping: ").then_some(()));
    let (_, end) = LOGIN.split_at(20);
    busy.write_all(end.as_bytes()).unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(
        answer.contains("HTTP/1.1 200 OK") && answer.ends_with(r#"{"status":"authenticated"}"#),
        "{answer}"
    );
    let status = site.ended();
    assert!(status.success(), "{status}: {}", site.log());
    assert!(site.events(CUT_OFF).is_empty());
    assert!(!home.file("app.db-wal").exists(), "the database was closed");
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let mut site = Home::new().with("DRAIN_SECONDS", "1").start();
    let mut slow = connected(&site);
    half_a_login(&mut slow);
    #[expect(clippy::disallowed_methods, reason = "the time that passes is what is tested")]
    let began = Instant::now();
    site.signal("INT");
    let status = site.ended();
    assert!(status.success(), "{status}: {}", site.log());
    assert!((1..60).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(site.events(CUT_OFF).len(), 1);
}

#[tokio::test]
async fn a_throwaway_run_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let home = Home::new()
        .without(&["DATABASE_URL", "AUDIT_FILE", "SIGNING_KEY", "ENVELOPE_KEY", "SMTP_URL", "DEMO_ACCOUNTS"])
        .with("TMPDIR", temporary.path().to_str().unwrap());
    let site = home.start();
    let alice = Browser::at(&site);
    alice.log_in_as_alice().await;
    let files = || std::fs::read_dir(temporary.path()).unwrap().count();
    assert_eq!(files(), 1);
    site.stop();
    assert_eq!(files(), 0);
    let site = home.start();
    assert!(!alice.again(&site).is_in().await, "its keys were its own");
}
