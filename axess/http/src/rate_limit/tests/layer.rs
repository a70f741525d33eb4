use super::*;
use crate::PeerAddr;
use axess_clock::MockClock;
use axum::{Router, body::Body, routing::get};
use http::{Request, Response, StatusCode};
use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};
use tower::ServiceExt;

fn config(clock: &MockClock) -> RateLimitConfigBuilder {
    RateLimitConfig::builder().max_requests(2).window(secs(60)).clock(Arc::new(clock.clone()))
}

async fn send(app: &Router, path: &str, ip: &str) -> Response<Body> {
    let ip: IpAddr = ip.parse().unwrap();
    let request = Request::builder().uri(path).extension(PeerAddr(ip));
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn statuses(app: &Router, path: &str, ip: &str, n: usize) -> Vec<u16> {
    let mut all = Vec::new();
    for _ in 0..n {
        all.push(send(app, path, ip).await.status().as_u16());
    }
    all
}

#[tokio::test]
async fn the_refusal_says_when_to_come_back_and_nothing_else() {
    let clock = MockClock::default();
    let app: Router = Router::new()
        .route("/login", get(|| async { "in" }))
        .layer(RateLimitLayer::new(config(&clock).build()));
    assert_eq!(statuses(&app, "/login", "192.0.2.1", 2).await, [200, 200]);
    clock.advance(Duration::from_millis(500));

    let refused = send(&app, "/login", "192.0.2.1").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let mut headers: Vec<(&str, &str)> = refused
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .filter(|(name, _)| *name != "content-length")
        .collect();
    headers.sort_unstable();
    // 29.5 s are left, rounded up.
    assert_eq!(
        headers,
        [("cache-control", "no-store"), ("content-type", "application/json"), ("retry-after", "30")]
    );
    let body = axum::body::to_bytes(refused.into_body(), 1_000).await.unwrap();
    assert_eq!(body, r#"{"error":"rate limit exceeded"}"#);

    assert_eq!(statuses(&app, "/login", "192.0.2.2", 1).await, [200], "another caller");
    clock.advance(Duration::from_millis(29_499));
    assert_eq!(statuses(&app, "/login", "192.0.2.1", 1).await, [429]);
    clock.advance(Duration::from_millis(1));
    assert_eq!(statuses(&app, "/login", "192.0.2.1", 2).await, [200, 429]);
}

#[tokio::test]
async fn retry_after_is_at_least_a_second() {
    let clock = MockClock::default();
    let config = config(&clock).max_requests(1).window(Duration::from_millis(10)).build();
    let app: Router = Router::new().route("/", get(|| async {})).layer(RateLimitLayer::new(config));
    send(&app, "/", "192.0.2.1").await;
    assert_eq!(send(&app, "/", "192.0.2.1").await.headers()["retry-after"], "1");
}

#[tokio::test]
async fn routes_below_one_layer_share_it_and_route_layers_stay_apart() {
    let clock = MockClock::default();
    let layer = RateLimitLayer::new(config(&clock).build());
    let app: Router = Router::new()
        .route("/a", get(|| async {}))
        .route("/b", get(|| async {}))
        .layer(layer)
        .merge(
            Router::new()
                .route("/c", get(|| async {}))
                .route_layer(RateLimitLayer::new(config(&clock).build())),
        )
        .route("/free", get(|| async {}));
    assert_eq!(statuses(&app, "/a", "192.0.2.1", 1).await, [200]);
    assert_eq!(statuses(&app, "/b", "192.0.2.1", 2).await, [200, 429]);
    assert_eq!(statuses(&app, "/a", "192.0.2.1", 1).await, [429]);
    assert_eq!(statuses(&app, "/c", "192.0.2.1", 3).await, [200, 200, 429]);
    assert_eq!(statuses(&app, "/free", "192.0.2.1", 5).await, [200; 5]);
    assert_eq!(statuses(&app, "/nowhere", "192.0.2.1", 5).await, [404; 5], "a route layer leaves 404 alone");
}

#[tokio::test]
async fn a_shared_store_keeps_names_apart_and_joins_equal_ones() {
    let clock = MockClock::default();
    let store = BucketStore::default();
    let limited = |path: &str, name: &str| {
        let config = config(&clock).name(name).store(store.clone()).build();
        Router::new().route(path, get(|| async {})).layer(RateLimitLayer::new(config))
    };
    let app: Router = limited("/a", "one").merge(limited("/b", "one")).merge(limited("/c", "two"));
    assert_eq!(statuses(&app, "/a", "192.0.2.1", 2).await, [200, 200]);
    assert_eq!(statuses(&app, "/b", "192.0.2.1", 1).await, [429]);
    assert_eq!(statuses(&app, "/c", "192.0.2.1", 1).await, [200]);
}

#[tokio::test]
async fn hooks_hear_of_every_refusal_and_every_evaluation() {
    let clock = MockClock::default();
    let (seen, evaluated) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU32::new(0)));
    let (log, count) = (Arc::clone(&seen), Arc::clone(&evaluated));
    let config = config(&clock)
        .name("login")
        .on_reject(Arc::new(move |r: &RateLimitRejection<'_>| {
            let line = format!(
                "{} {} {:?} {:?} {}",
                r.limiter,
                r.key_kind,
                r.client_ip,
                r.matched_path,
                r.retry_after_secs()
            );
            log.lock().unwrap().push(line);
        }))
        .on_evaluate(Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }))
        .build();
    let app: Router = Router::new().route("/u/{id}", get(|| async {})).layer(RateLimitLayer::new(config));
    statuses(&app, "/u/x%0d%0ay", "192.0.2.1", 3).await;
    assert_eq!(evaluated.load(Ordering::Relaxed), 3);
    assert_eq!(*seen.lock().unwrap(), [r#"login peer_ip Some(192.0.2.1) Some("/u/{id}") 30"#]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_through_the_layer_admit_exactly_the_quota() {
    let clock = MockClock::default();
    let config = config(&clock).max_requests(10).build();
    let app: Router = Router::new().route("/", get(|| async {})).layer(RateLimitLayer::new(config));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { send(&app, "/", "192.0.2.1").await.status() })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += usize::from(task.await.unwrap() == StatusCode::OK);
    }
    assert_eq!(admitted, 10);
}
