use super::{
    Api,
    client::{delete_order, get_order, id_of},
};
use crate::site::{Site, approvals};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn each_fault_of_a_body_names_its_member() {
    let site = Site::new().await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let with = |name: &str, value: Value| {
        let mut body = get_order();
        body[name] = value;
        body
    };
    let cases = [
        (json!({}), "provider"),
        (json!({"provider": "local"}), "allow"),
        (with("provider", json!("alibaba")), "provider"),
        (with("provider", json!(7)), "provider"),
        (with("allow", json!("")), "allow"),
        (with("allow", json!([1])), "allow"),
        (with("allow", json!("a".repeat(20_000))), "allow"),
        (with("allow", json!("orders:Get\u{0}")), "allow"),
        (with("ttl", json!("soon")), "ttl"),
        (with("ttl", json!(15)), "ttl"),
        (with("ttl", json!("90")), "ttl"),
        (with("budget", json!("much")), "budget"),
        (with("budget", json!(-1)), "budget"),
        (with("budget", json!({})), "budget"),
        (with("reason", json!("r".repeat(501))), "reason"),
        (with("target", json!("t".repeat(2_049))), "target"),
        (with("callback", json!("http://example.com/")), "callback"),
        (with("callback", json!("https://10.0.0.1/")), "callback"),
        (with("resource", json!("x")), "resource"),
        (json!([]), ""),
    ];
    for (body, field) in cases {
        let problem = alice.post("/credentials", &body).await.refused(400, "invalid_request");
        assert_eq!(problem["field"], field, "{body}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    assert_eq!(alice.get("/sessions").await.is(200)["items"], json!([]));
    site.stop().await;
}

#[tokio::test]
async fn what_is_no_json_is_refused_whole() {
    let site = Site::new().await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let twice = r#"{"provider": "local", "allow": "orders:GetOrder", "allow": "orders:*"}"#.to_owned();
    let bodies = [
        "nonsense".to_owned(),
        "{\"provider\": ".to_owned(),
        "[".repeat(60_000),
        format!("{{\"allow\": {}1{}}}", "[".repeat(100), "]".repeat(100)),
        twice,
    ];
    for body in bodies {
        alice.call(Method::POST, "/credentials", &[], Some(body)).await.refused(400, "invalid_request");
    }
    let large =
        json!({"provider": "local", "allow": "orders:GetOrder", "reason": "r".repeat(70_000)}).to_string();
    alice.call(Method::POST, "/credentials", &[], Some(large)).await.refused(413, "body_too_large");
    site.stop().await;
}

#[tokio::test]
async fn paths_and_methods_that_there_are_not_are_problems_too() {
    let site = Site::new().await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    for path in
        ["/nothing", "/credentials/", "/credentials/x/y/z", "/v1/credentials", "/..%2f..%2fetc/passwd"]
    {
        alice.get(path).await.refused(404, "no_such_route");
    }
    let cases = [
        (Method::DELETE, "/credentials", "POST"),
        (Method::GET, "/credentials/plan", "POST"),
        (Method::POST, "/sessions", "GET,HEAD"),
        (Method::PUT, "/openapi.json", "GET,HEAD"),
    ];
    for (method, path, allowed) in cases {
        let answer = alice.call(method, path, &[], None).await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allowed, "{path}");
    }
    site.stop().await;
}

#[tokio::test]
async fn ids_that_name_nothing_are_not_there() {
    let site = Site::with(|settings| settings.rules = approvals(1)).await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &[]).await);
    let id = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    let unknown = "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6";
    let wrong = ["x", &id[..7], "a1b2c3d4", unknown, "%00", "%ff", "..%2f", &format!("{id}0"), "%25", "'--"];
    for name in wrong {
        for path in
            [format!("/credentials/{name}"), format!("/sessions/{name}"), format!("/approvals/{name}")]
        {
            let answer = alice.get(&path).await;
            assert_eq!(answer.status, 404, "{path}: {answer:?}");
            assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        }
    }
    for name in [id.clone(), id[..8].to_owned(), id.to_uppercase(), id[..13].to_owned()] {
        assert_eq!(id_of(&alice.get(&format!("/approvals/{name}")).await.is(200)), id, "{name}");
    }
    site.stop().await;
}

#[tokio::test]
async fn strangers_are_told_to_log_in_and_no_more() {
    let site = Site::new().await;
    let id = "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6";
    for bearer in ["", "audx_nobody", "eyJhbGciOiJub25lIn0.e30."] {
        let stranger = Api::at(&site.url, bearer);
        for path in ["/sessions", "/approvals/pending", "/audit", "/audit/export?format=csv"] {
            let answer = stranger.get(path).await;
            assert_eq!(answer.status, 401, "{bearer} {path}: {answer:?}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
        }
        for path in ["/credentials", "/credentials/plan", "/credentials/batch"] {
            let answer = stranger.post(path, &json!({"nonsense": 1})).await;
            assert_eq!(answer.status, 401, "{bearer} {path}: {answer:?}");
        }
        for verb in ["approve", "deny", "withdraw"] {
            let path = format!("/approvals/{id}/{verb}");
            let answer = stranger.post(&path, &json!({"comment": "x"})).await;
            assert_eq!(answer.status, 401, "{bearer} {path}: {answer:?}");
        }
    }
    site.stop().await;
}

#[tokio::test]
async fn health_tells_strangers_yes_or_no() {
    let site = Site::new().await;
    let stranger = Api::at(&site.url, "");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(stranger.get(path).await.is(200), json!({"status": "ok"}));
    }
    site.app.store.close().await;
    // That a write succeeded counts for a second.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(stranger.get("/healthz").await.is(200), json!({"status": "ok"}));
    let problem = stranger.get("/readyz").await.refused(503, "not_ready");
    assert_eq!(problem.as_object().unwrap().len(), 4, "no detail: {problem}");
    site.stop().await;
}

#[tokio::test]
async fn a_server_whose_events_do_not_reach_the_log_is_not_ready() {
    use axess::{
        backends::sqlite::AuditOutbox as Rows,
        identity::EventId,
        rng::SystemRng,
        store::{AuditOutbox, OutboxRecord},
    };
    use chrono::TimeDelta;
    let site = Site::new().await;
    let stranger = Api::at(&site.url, "");
    // What is no event goes into this folder, before what comes after it is moved.
    let blocked = site.app.settings.audit_folder().join("dead");
    std::fs::write(&blocked, "").unwrap();
    let rows = Rows::new(site.app.store.db().clone());
    let wait = async |minutes: i64| {
        let at = site.app.clock.now() - TimeDelta::minutes(minutes);
        let body = bytes::Bytes::from_static(b"no event");
        let record = OutboxRecord { event_id: EventId::generate(at, &SystemRng), tenant_id: None, at, body };
        AuditOutbox::append(&rows, vec![record]).await.unwrap();
    };
    let until = async |status: u16, depth: usize| {
        for _ in 0..1_200 {
            if site.app.evidence.depth() == depth && stranger.get("/readyz").await.status == status {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("never {status} with {depth} events, but {}", site.app.evidence.depth());
    };
    wait(4).await;
    until(200, 1).await;
    wait(6).await;
    until(503, 2).await;
    let problem = stranger.get("/readyz").await.refused(503, "not_ready");
    assert_eq!(problem.as_object().unwrap().len(), 4, "no detail: {problem}");
    std::fs::remove_file(&blocked).unwrap();
    until(200, 0).await;
    site.stop().await;
}

#[tokio::test]
async fn a_limit_answers_as_documented() {
    use audex_core::rate::RateRule;
    let site = Site::with(|settings| {
        settings.rules.rates = vec![RateRule {
            identity: "team:devops".to_owned(),
            max_requests: 2,
            window: chrono::TimeDelta::hours(1),
            max_concurrent: None,
        }];
    })
    .await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &["team:devops"], &[]).await);
    for _ in 0..2 {
        alice.post("/credentials", &get_order()).await.is(200);
    }
    let answer = alice.post("/credentials", &get_order()).await;
    let problem = answer.refused(429, "rate_limit_exceeded");
    assert_eq!(problem["error"], "rate_limit_exceeded");
    let seconds = problem["retry_after"].as_u64().unwrap();
    assert!((1..=3_600).contains(&seconds), "{problem}");
    assert_eq!(answer.header("retry-after"), seconds.to_string());
    site.stop().await;
}
