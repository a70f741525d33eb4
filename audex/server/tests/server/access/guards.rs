//! Every route of the server, against somebody who is nobody and somebody who may nothing.

use super::door::Door;
use audex_server::access::manifest;
use axess::Guard;
use reqwest::Method;
use serde_json::{Value, json};

/// An id that is none of anything.
const NO_ID: &str = "0a0b0c0d-0000-4000-8000-000000000000";

fn path(route: &str) -> String {
    route.replace("{token}", "x").replace("{name}", "x").replace("{id}", NO_ID)
}

/// What a route wants to be sent, so that it gets as far as asking who may.
fn body(path: &str) -> Value {
    match path {
        "/credentials" | "/credentials/plan" => json!({ "allow": "local:read", "provider": "local" }),
        "/credentials/batch" => json!([{ "allow": "local:read", "provider": "local" }]),
        "/people" => json!({ "email": "new@example.com" }),
        path if path.ends_with("/approve") || path.ends_with("/deny") => json!({ "comment": "because" }),
        _ => json!({}),
    }
}

#[test]
fn the_guards_are_those_that_were_reviewed() {
    let now = manifest().to_string();
    let reviewed = include_str!("../../../routes.txt");
    assert!(now == reviewed, "review the change, then copy it to routes.txt:\n{now}");
}

#[test]
fn whatever_is_open_to_everybody_and_changes_something_is_limited() {
    for route in manifest().routes() {
        let is_open = matches!(route.guard, Guard::Public | Guard::Guest | Guard::Partial | Guard::Authn);
        let changes = !matches!(route.method.as_str(), "GET" | "HEAD");
        let ends = route.path.ends_with("/logout");
        let stems = [
            "/login",
            "/enrol",
            "/device",
            "/console/login",
            "/console/enrol",
            "/console/authenticator",
            "/console/device",
            "/acs",
            "/oidc/",
            "/saml/",
        ];
        let is_limited = stems.iter().any(|stem| route.path.starts_with(stem));
        assert!(!is_open || !changes || ends || is_limited, "{route}");
    }
}

#[tokio::test]
async fn nobody_gets_anywhere() {
    let door = Door::new().await;
    let mut guarded = 0;
    for route in manifest().routes() {
        if matches!(route.guard, Guard::Public) {
            continue;
        }
        guarded += 1;
        let method: Method = route.method.parse().unwrap();
        let body = (method != Method::GET).then(|| body(&route.path));
        let path = path(&route.path);
        let answer =
            door.browser().send(method.clone(), &path, body, &[("sec-fetch-site", "same-origin")]).await;
        // At some doors an address may knock only so often.
        assert!(matches!(answer.status, 401 | 429), "{route}: {answer:?}");
        let is_problem = answer.header("content-type") == Some("application/problem+json");
        assert!(is_problem, "{route}: {answer:?}");
    }
    assert!(guarded > 40, "{guarded}");
}

/// Routes that everybody who is somebody may use: they are about the caller alone.
const OWN: [&str; 8] = [
    "/me",
    "/console",
    // What it lists is what the caller may see, which is nothing here.
    "/console/approvals",
    "/console/help",
    "/console/new",
    "/console/policies",
    "/credentials/{id}",
    "/approvals/pending",
];

#[tokio::test]
async fn a_token_without_scopes_of_use_gets_nowhere() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    // Bob approves nothing, so this may nothing.
    let (_, token) = door.token(&bob, &["approve"]).await;
    let (mut asked, mut faults) = (0, Vec::new());
    for route in manifest().routes() {
        let is_asked = matches!(route.guard, Guard::Accepted(_)) && !OWN.contains(&route.path.as_str());
        if !is_asked {
            continue;
        }
        asked += 1;
        let method: Method = route.method.parse().unwrap();
        let body = (method != Method::GET).then(|| body(&route.path));
        let answer = door.program(method, &path(&route.path), &token, body).await;
        let refused = matches!(answer.status, 403 | 404);
        // A form of the console is read before anything else is looked at.
        let is_form = route.path.starts_with("/console") && matches!(answer.status, 400 | 415);
        // A batch says it for each of its items.
        let text = answer.body.to_string();
        let is_refused_inside = route.path == "/credentials/batch"
            && text.contains(r#""code":"forbidden""#)
            && !text.contains(r#""credentials""#);
        if !refused && !is_form && !is_refused_inside {
            faults.push(format!("{route}: {}", answer.status));
        }
    }
    assert_eq!(faults, [""; 0]);
    assert!(asked > 20, "{asked}");
}
