#![expect(clippy::disallowed_methods, reason = "how long it really takes is what is looked at")]
use super::eventually;
use crate::site::Site;
use audex_server::{
    settings::TelemetrySettings,
    telemetry::{Traces, span},
};
use axess_peers::{CollectedSpan, Kind, Server, skip};
use std::time::{Duration, Instant};
use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const BODY: &str = r#"{"allow": "orders:Read", "ttl": "15m", "provider": "local"}"#;

fn settings(endpoint: &str, service: &str, rate: f64) -> TelemetrySettings {
    TelemetrySettings {
        otlp_endpoint: Some(endpoint.to_owned()),
        service_name: service.to_owned(),
        trace_sample_rate: rate,
    }
}

async fn collector(test: &str) -> Option<Server> {
    if let Some(reason) = Kind::Otlp.missing() {
        skip(test, &reason);
        return None;
    }
    Some(tokio::task::spawn_blocking(|| Server::start(Kind::Otlp)).await.unwrap().unwrap())
}

/// Sends what waits. It blocks, and the client of gRPC needs the runtime meanwhile.
async fn close(traces: Traces) {
    tokio::task::spawn_blocking(move || traces.close(Duration::from_secs(10))).await.unwrap();
}

/// Waits for a span of that name, and returns all.
async fn spans(server: &Server, service: &str, name: &str) -> Vec<CollectedSpan> {
    let collector = server.collector().unwrap();
    let found = eventually(async || {
        let mut all = collector.spans().unwrap();
        all.retain(|span| span.service == service);
        all.iter().any(|span| span.name == name).then_some(all)
    });
    found.await.unwrap_or_else(|| panic!("no span `{name}` came: {:?}", collector.spans()))
}

#[tokio::test]
async fn a_request_goes_on_with_the_trace_of_its_caller() {
    let Some(server) = collector("a_request_goes_on_with_the_trace_of_its_caller").await else { return };
    let grpc = format!("grpc://127.0.0.1:{}", server.collector().unwrap().grpc_port());
    for (service, endpoint) in [("by http", server.url()), ("by gRPC", grpc)] {
        let traces = Traces::open(&settings(&endpoint, service, 1.0)).unwrap().unwrap();
        let guard = tracing_subscriber::registry().with(traces.layer()).set_default();
        let site = Site::new().await;
        let alice = site.someone("alice@example.com", &[], &[]).await;
        let request =
            reqwest::Client::new().post(format!("{}/credentials", site.url)).bearer_auth(&alice.bearer);
        let traceparent = format!("00-{TRACE}-{PARENT}-01");
        let response = request.header("traceparent", traceparent).body(BODY).send().await.unwrap();
        assert_eq!(response.status(), 200);
        site.stop().await;
        drop(guard);
        close(traces).await;

        let mut all = spans(&server, service, "POST /credentials").await;
        let secrets = [alice.bearer.as_str(), "alice@example.com", "eyJ"];
        let written = format!("{all:?}");
        assert!(!secrets.iter().any(|secret| written.contains(secret)), "{written}");
        // Opening the server is no part of the request.
        all.retain(|span| span.trace_id == TRACE);
        let named = |name: &str| {
            all.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {all:?}"))
        };
        let request = named("POST /credentials");
        assert_eq!((request.kind.as_str(), request.parent_id.as_str()), ("SPAN_KIND_SERVER", PARENT));
        assert_eq!(request.attributes["http.route"], "/credentials");
        assert_eq!(request.attributes["http.response.status_code"], "200");
        let session = named("session.create");
        assert_eq!(session.parent_id, request.id);
        assert_eq!(session.attributes["audex.provider"], "local");
        named("credential.issue");
        let database = named("db.operation");
        assert_eq!(database.kind, "SPAN_KIND_CLIENT");
        assert!(!database.attributes["db.operation.name"].is_empty());
    }
}

#[tokio::test]
async fn what_the_caller_samples_is_sampled_and_of_the_rest_a_part() {
    let Some(server) = collector("what_the_caller_samples_is_sampled_and_of_the_rest_a_part").await else {
        return;
    };
    for (service, rate) in [("none", 0.0), ("some", 0.5), ("all", 1.0)] {
        let traces = Traces::open(&settings(&server.url(), service, rate)).unwrap().unwrap();
        let guard = tracing_subscriber::registry().with(traces.layer()).set_default();
        for _ in 0..200 {
            drop(span::database("probe"));
        }
        drop(guard);
        close(traces).await;
    }
    let mut all = spans(&server, "all", "db.operation").await;
    for _ in 0..50 {
        if all.len() >= 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        all = spans(&server, "all", "db.operation").await;
    }
    assert_eq!(all.len(), 200);
    let some = spans(&server, "some", "db.operation").await.len();
    assert!(some > 50 && some < 150, "{some} of 200");
    let everything = server.collector().unwrap().spans().unwrap();
    assert!(!everything.iter().any(|span| span.service == "none"));
}

/// One that does not answer, one that is not there, and one that takes the connection and says nothing.
#[tokio::test]
async fn a_collector_that_is_gone_costs_no_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for endpoint in ["http://127.0.0.1:9", "grpc://127.0.0.1:9", &silent, &silent.replace("http", "grpc")] {
        let traces = Traces::open(&settings(endpoint, "lost", 1.0)).unwrap().unwrap();
        let guard = tracing_subscriber::registry().with(traces.layer()).set_default();
        let began = Instant::now();
        // More than the queue takes.
        for _ in 0..20_000 {
            drop(span::database("probe"));
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{endpoint}: {:?}", began.elapsed());
        drop(guard);
        let began = Instant::now();
        tokio::task::spawn_blocking(move || traces.close(Duration::from_secs(1))).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(8), "{endpoint}: {:?}", began.elapsed());
    }
}
