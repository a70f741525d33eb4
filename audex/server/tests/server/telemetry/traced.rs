#![expect(clippy::disallowed_methods, reason = "how long it really takes is what is looked at")]
use super::eventually;
use crate::{
    api::{Api, delete_order, id_of},
    site::{Site, approvals},
};
use audex_server::{
    settings::TelemetrySettings,
    telemetry::{Traces, span},
};
use axess_peers::{CollectedSpan, Kind, Server, skip};
use serde_json::json;
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
        let answer: serde_json::Value = response.json().await.unwrap();
        let id = answer["session_id"].as_str().unwrap().to_owned();
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
        assert_eq!(session.attributes["audex.session_id"], id);
        assert_eq!(named("credential.issue").parent_id, session.id);
        let database = named("db.operation");
        assert_eq!(database.kind, "SPAN_KIND_CLIENT");
        assert!(!database.attributes["db.operation.name"].is_empty());
    }
}

#[tokio::test]
async fn each_step_of_an_approval_and_a_refresh_is_seen() {
    let Some(server) = collector("each_step_of_an_approval_and_a_refresh_is_seen").await else { return };
    let service = "approvals";
    let traces = Traces::open(&settings(&server.url(), service, 1.0)).unwrap().unwrap();
    let guard = tracing_subscriber::registry().with(traces.layer()).set_default();
    let site = Site::with(|settings| settings.rules = approvals(1)).await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let bob = Api::of(&site, &site.someone("bob@example.com", &[], &["security"]).await);
    let id = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    let agreed = json!({"comment": "agreed"});
    bob.post(&format!("/approvals/{id}/approve"), &agreed).await.is(200);
    alice.get(&format!("/credentials/{id}")).await.is(200);
    alice.post(&format!("/credentials/{id}/refresh"), &json!({})).await.is(200);
    let other = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    alice.post(&format!("/approvals/{other}/withdraw"), &json!({})).await.is(200);
    site.stop().await;
    drop(guard);
    close(traces).await;

    let all = spans(&server, service, "approval.withdraw").await;
    let by_id = |id: &str| all.iter().find(|span| span.id == id);
    let under = |name: &str, session: &str, route: &str| {
        let is_it =
            |span: &&CollectedSpan| span.name == name && span.attributes["audex.session_id"] == session;
        let [span] = all.iter().filter(is_it).collect::<Vec<_>>()[..] else { panic!("{name}: {all:?}") };
        assert_eq!(by_id(&span.parent_id).unwrap().name, route, "{name}");
        span.id.clone()
    };
    under("approval.request", &id, "POST /credentials");
    under("approval.vote", &id, "POST /approvals/{id}/approve");
    under("approval.withdraw", &other, "POST /approvals/{id}/withdraw");
    let picked_up = under("approval.pickup", &id, "GET /credentials/{id}");
    let created = under("session.create", &id, "approval.pickup");
    assert_eq!(by_id(&created).unwrap().parent_id, picked_up);
    // Each credential that was minted is one span, and none is in another.
    let mut parents: Vec<&str> = all
        .iter()
        .filter(|span| span.name == "credential.issue")
        .map(|span| by_id(&span.parent_id).unwrap().name.as_str())
        .collect();
    parents.sort_unstable();
    assert_eq!(parents, ["POST /credentials/{id}/refresh", "session.create"]);
    let written = format!("{all:?}");
    assert!(
        !["alice@example.com", "bob@example.com", "agreed", "a duplicate"]
            .iter()
            .any(|text| written.contains(text)),
        "{written}"
    );
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
    for _ in 0..600 {
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
        assert!(began.elapsed() < Duration::from_secs(20), "{endpoint}: {:?}", began.elapsed());
        drop(guard);
        let began = Instant::now();
        tokio::task::spawn_blocking(move || traces.close(Duration::from_secs(1))).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(8), "{endpoint}: {:?}", began.elapsed());
    }
}
