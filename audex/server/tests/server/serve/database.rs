//! A database that goes away, stands still, and comes back.

#![expect(clippy::disallowed_methods, reason = "how long it really takes is what is looked at")]

use crate::site::{Site, Someone};
use axess_peers::{Kind, Server, skip};
use std::time::{Duration, Instant};

const BODY: &str = r#"{"allow": "orders:Read", "ttl": "15m", "provider": "local"}"#;

/// Asks for a credential; returns the status, the code of a problem, and how long it took.
async fn issue(site: &Site, someone: &Someone) -> (u16, String, Duration) {
    let began = Instant::now();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(120)).build().unwrap();
    let request = client.post(format!("{}/credentials", site.url)).bearer_auth(&someone.bearer);
    let response = request.body(BODY).send().await.unwrap();
    let status = response.status().as_u16();
    let body: serde_json::Value = response.json().await.unwrap();
    (status, body["code"].as_str().unwrap_or_default().to_owned(), began.elapsed())
}

async fn ready(site: &Site) -> u16 {
    reqwest::get(format!("{}/readyz", site.url)).await.unwrap().status().as_u16()
}

/// Asks until it is issued again.
async fn back(site: &Site, someone: &Someone) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        let (status, code, _) = issue(site, someone).await;
        if status == 200 {
            return;
        }
        assert_eq!(status, 503, "{code}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("it does not come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_it_says_so_and_with_it_goes_on() {
    if let Some(reason) = Kind::Postgres.missing() {
        return skip("without_its_database_it_says_so_and_with_it_goes_on", &reason);
    }
    let mut database =
        tokio::task::spawn_blocking(|| Server::start_durable(Kind::Postgres)).await.unwrap().unwrap();
    let url = database.url();
    let site = Site::with(|settings| settings.database = Some(url)).await;
    let alice = site.someone("alice@example.com", &[], &[]).await;
    assert_eq!(issue(&site, &alice).await.0, 200);
    assert_eq!(ready(&site).await, 200);

    database.kill().unwrap();
    // Longer than a write counts that succeeded.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for _ in 0..3 {
        let (status, code, took) = issue(&site, &alice).await;
        assert_eq!((status, code.as_str()), (503, "unavailable"));
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
    assert_eq!(ready(&site).await, 503);
    // What needs no database is answered as ever.
    let alive = reqwest::get(format!("{}/healthz", site.url)).await.unwrap();
    assert_eq!(alive.status(), 200);
    database.restart().unwrap();
    back(&site, &alice).await;
    assert_eq!(ready(&site).await, 200);

    // One that stands still says nothing at all.
    database.pause();
    let (status, code, took) = issue(&site, &alice).await;
    assert_eq!(status, 503, "{code}");
    assert!(took < Duration::from_secs(60), "{took:?}");
    database.resume();
    back(&site, &alice).await;
    site.stop().await;
}
