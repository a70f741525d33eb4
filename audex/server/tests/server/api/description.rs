//! OpenAPI: what is described is what there is, and what is answered is what is described.

use super::{
    Answer, Api,
    client::{delete_order, get_order, id_of},
};
use crate::site::{Site, approvals};
use axess_peers::{skip, tools_folder};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
};

/// Validates the document, then each answer against what the document says about its route and status.
const JUDGE: &str = include_str!("judge.py");

fn judge(test: &str, document: &Value, answers: &[Value]) -> Option<String> {
    let tools = tools_folder().map(|tools| tools.join("openapi")).filter(|folder| folder.is_dir());
    let Some(tools) = tools else {
        skip(test, "no openapi-spec-validator (cargo xtask peers install)");
        return None;
    };
    let mut python = Command::new("python3");
    python.args(["-S", "-c", JUDGE]).env("PYTHONPATH", tools);
    let mut python =
        python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let input = json!({"document": document, "answers": answers}).to_string();
    python.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    assert!(output.status.success(), "{}", text(output.stderr));
    Some(text(output.stdout))
}

fn operations(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let verbs = ["get", "post", "put", "patch", "delete"];
        let there = verbs.into_iter().filter(|verb| item.get(verb).is_some());
        there.map(|verb| format!("{} {path}", verb.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = serde_json::to_value(audex_server::api::openapi::document()).unwrap();
    // Pages are for people: they describe themselves.
    let is_page = |method: &str, path: &str| {
        let begins = |stems: &[&str]| stems.iter().any(|stem| path.starts_with(stem));
        path == "/"
            // Browsers are sent there by identity providers.
            || matches!(path, "/oidc/callback" | "/acs" | "/saml/slo")
            || begins(&["/console", "/assets", "/device"])
            || (method == "GET" && begins(&["/login", "/enrol"]))
    };
    let routes = audex_server::access::manifest();
    let routed: BTreeSet<String> = routes
        .routes()
        .iter()
        .filter(|route| !is_page(&route.method, &route.path))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(operations(&document), routed);
}

#[test]
fn the_description_is_complete() {
    let document = serde_json::to_value(audex_server::api::openapi::document()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let schemes: Vec<&String> =
        document["components"]["securitySchemes"].as_object().unwrap().keys().collect();
    assert_eq!(schemes, ["session", "token"]);
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (verb, operation) in item.as_object().unwrap() {
            let place = format!("{verb} {path}");
            assert!(names.insert(operation["operationId"].to_string()), "{place}: the name is taken");
            assert!(operation["responses"].get("431").is_some(), "{place}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{place}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                // What has too large a head is refused before it is a request.
                if !matches!(status.as_bytes(), [b'2' | b'3', ..] | b"431") {
                    let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(schema, "#/components/schemas/Problem", "{place} {status}");
                    assert!(
                        response["x-codes"].as_array().is_some_and(|codes| !codes.is_empty()),
                        "{place} {status}"
                    );
                }
            }
        }
    }
}

#[test]
fn an_independent_validator_takes_it() {
    let document = serde_json::to_value(audex_server::api::openapi::document()).unwrap();
    let Some(said) = judge("an_independent_validator_takes_it", &document, &[]) else { return };
    assert_eq!(said.trim(), "the document is valid; 0 answers fit");
    let mut broken = document;
    broken["paths"]["/credentials"]["post"]["responses"]["200"]
        .as_object_mut()
        .unwrap()
        .remove("description");
    assert_ne!(judge("an_independent_validator_takes_it", &broken, &[]).unwrap().trim(), said.trim());
}

/// Notes what was answered, with the pattern of its route.
fn noted(method: &str, path: &str, answer: &Answer) -> Value {
    json!({
        "method": method, "path": path, "status": answer.status.as_u16(),
        "type": answer.header("content-type"), "body": answer.json(),
    })
}

#[tokio::test]
async fn answers_are_as_they_are_described() {
    let site = Site::with(|settings| settings.rules = approvals(1)).await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &["auditor"]).await);
    let bob = Api::of(&site, &site.someone("bob@example.com", &[], &["security"]).await);
    let document = alice.get("/openapi.json").await.is(200);
    let mut answers = Vec::new();
    let mut note = |method: &str, path: &str, answer: Answer| {
        answers.push(noted(method, path, &answer));
        answer.json()
    };
    let issued = note("post", "/credentials", alice.post("/credentials", &get_order()).await);
    let waiting = note("post", "/credentials", alice.post("/credentials", &delete_order()).await);
    note("post", "/credentials", alice.post("/credentials", &json!({})).await);
    let late = json!({"provider": "local", "allow": "orders:GetOrder", "ttl": "12h"});
    note("post", "/credentials", alice.post("/credentials", &late).await);
    note("post", "/credentials/plan", alice.post("/credentials/plan", &delete_order()).await);
    note("post", "/credentials/plan", alice.post("/credentials/plan", &get_order()).await);
    let batch = json!([get_order(), delete_order(), late]);
    note("post", "/credentials/batch", alice.post("/credentials/batch", &batch).await);
    let (id, pending) = (id_of(&issued), id_of(&waiting));
    note("get", "/credentials/{id}", alice.get(&format!("/credentials/{pending}")).await);
    note("get", "/credentials/{id}", alice.get("/credentials/00000000").await);
    note("get", "/approvals/pending", bob.get("/approvals/pending?limit=1").await);
    note("get", "/approvals/{id}", bob.get(&format!("/approvals/{pending}")).await);
    let agree = json!({"comment": "agreed"});
    note(
        "post",
        "/approvals/{id}/approve",
        alice.post(&format!("/approvals/{pending}/approve"), &agree).await,
    );
    note("post", "/approvals/{id}/approve", bob.post(&format!("/approvals/{pending}/approve"), &agree).await);
    note("post", "/approvals/{id}/deny", bob.post(&format!("/approvals/{pending}/deny"), &agree).await);
    note("get", "/credentials/{id}", alice.get(&format!("/credentials/{pending}")).await);
    let other = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
    note(
        "post",
        "/approvals/{id}/withdraw",
        alice.post(&format!("/approvals/{other}/withdraw"), &json!({})).await,
    );
    note(
        "post",
        "/credentials/{id}/refresh",
        alice.post(&format!("/credentials/{id}/refresh"), &json!({})).await,
    );
    note("get", "/sessions", alice.get("/sessions?limit=1").await);
    note("post", "/sessions/{id}/revoke", alice.post(&format!("/sessions/{id}/revoke"), &json!({})).await);
    note(
        "post",
        "/credentials/{id}/revoke",
        alice.post(&format!("/credentials/{id}/revoke"), &json!({})).await,
    );
    note("get", "/credentials/{id}", alice.get(&format!("/credentials/{id}")).await);
    note("get", "/sessions/{id}", alice.get(&format!("/sessions/{id}")).await);
    note("get", "/sessions", alice.get("/sessions?limit=0").await);
    note("get", "/audit", alice.get("/audit?limit=5").await);
    note("get", "/audit/export", alice.get("/audit/export?format=json").await);
    note("get", "/healthz", alice.get("/healthz").await);
    note("get", "/readyz", alice.get("/readyz").await);
    note("get", "/sessions", Api::at(&site.url, "").get("/sessions").await);
    let count = answers.len();
    let Some(said) = judge("answers_are_as_they_are_described", &document, &answers) else { return };
    assert_eq!(said.trim(), format!("the document is valid; {count} answers fit"));
    site.stop().await;
}
