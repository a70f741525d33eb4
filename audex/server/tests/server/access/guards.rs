//! Every route of the server, against somebody who is nobody and somebody who may nothing.

use super::door::{Answer, Browser, Door, Enrolled};
use crate::site::approvals;
use audex_server::access::manifest;
use axess::{Guard, guard::GuardedRoute};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;

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
        // Forms are sent as forms, below.
        if !is_asked || is_form(route) {
            continue;
        }
        asked += 1;
        let method: Method = route.method.parse().unwrap();
        let body = (method != Method::GET).then(|| body(&route.path));
        let answer = door.program(method, &path(&route.path), &token, body).await;
        let refused = matches!(answer.status, 403 | 404);
        // A batch says it for each of its items.
        let text = answer.body.to_string();
        let is_refused_inside = route.path == "/credentials/batch"
            && text.contains(r#""code":"forbidden""#)
            && !text.contains(r#""credentials""#);
        if !refused && !is_refused_inside {
            faults.push(format!("{route}: {}", answer.status));
        }
    }
    assert_eq!(faults, [""; 0]);
    assert!(asked > 20, "{asked}");
}

/// Forms that are about whoever sends them alone: what they would do is theirs to do.
const OWN_FORMS: [&str; 3] = ["/console/me/tokens", "/console/new", "/console/program"];

fn is_form(route: &GuardedRoute) -> bool {
    route.path.starts_with("/console/") && route.method.as_str() == "POST"
}

/// What there is of an administrator's, each by its id.
struct Others {
    door: Door,
    admin: Enrolled,
    request: String,
    session: String,
    token: String,
    key: String,
}

impl Others {
    async fn new() -> Self {
        let door = Door::with(|settings| settings.rules = approvals(1)).await;
        let admin = door.admin().await;
        let ask = async |allow: &str| {
            let body = json!({ "allow": allow, "provider": "local", "reason": "because" });
            let asked = admin.browser.post("/credentials", body).await;
            assert!(matches!(asked.status, 200 | 202), "{asked:?}");
            asked.body["session_id"].as_str().unwrap().to_owned()
        };
        let (request, session) = (ask("orders:DeleteOrder").await, ask("orders:Read").await);
        let (token, _) = door.token(&admin, &["read"]).await;
        let jwk =
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let added = admin.browser.post("/me/keys", json!({ "name": "laptop", "jwk": jwk })).await;
        let key = added.body["id"].as_str().unwrap_or_else(|| panic!("{added:?}")).to_owned();
        Self { door, admin, request, session, token, key }
    }

    /// Where a form goes that is about something of the administrator's.
    fn path(&self, route: &str) -> String {
        let id = match route.split('/').nth(2).unwrap() {
            "requests" => &self.request,
            "sessions" => &self.session,
            "tokens" => &self.token,
            "me" => &self.key,
            "people" => &self.admin.id,
            _ => NO_ID,
        };
        route.replace("{id}", id)
    }
}

/// What a page of ours sends in each form, beside its token.
fn fields(route: &str) -> Vec<(&'static str, &'static str)> {
    match route {
        "/console/device" => vec![("user_code", "BCDF-GHJK"), ("decision", "allow")],
        "/console/enrol/totp" => vec![("code", "123456")],
        "/console/me/keys/{id}/remove"
        | "/console/people/{id}/invite"
        | "/console/requests/{id}/pick-up"
        | "/console/requests/{id}/withdraw" => vec![],
        "/console/me/tokens" | "/console/people/{id}/tokens" => {
            vec![("token_name", "nightly"), ("days", "30"), ("scope_read", "yes")]
        }
        "/console/new" => {
            vec![("provider", "local"), ("allow", "orders:Read"), ("act", "ask"), ("once", "0a")]
        }
        "/console/people" => vec![("email", "new@example.com"), ("name", "New"), ("roles", "admin")],
        "/console/people/{id}" => vec![("name", "New"), ("roles", ""), ("disabled", "yes")],
        "/console/program" => vec![
            ("redirect_uri", "http://127.0.0.1:49152/login"),
            ("state", "s"),
            ("code_challenge", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            ("client", "laptop"),
            ("decision", "allow"),
        ],
        "/console/requests/{id}/vote" => vec![("decision", "approve"), ("comment", "agreed")],
        "/console/sessions/{id}/revoke" => vec![("reason", "because")],
        "/console/tokens/{id}/revoke" => vec![("back", "/console/me")],
        other => panic!("what does {other} send?"),
    }
}

/// Returns the token that stands in the forms of somebody's pages.
async fn csrf(browser: &Browser) -> String {
    let page = browser.send(Method::GET, "/console/help", None, &[("accept", "text/html")]).await;
    let text = page.body.as_str().unwrap_or_else(|| panic!("{page:?}")).to_owned();
    let (_, rest) = text.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("{text}"));
    rest.split('"').next().unwrap().to_owned()
}

async fn send(browser: &Browser, route: &str, path: &str, csrf: &str) -> Answer {
    let mut sent = fields(route);
    sent.push(("csrf", csrf));
    browser.form(path, &sent).await
}

#[tokio::test]
async fn a_form_of_somebody_who_may_nothing_changes_nothing_of_others() {
    let others = Others::new().await;
    let bob = others.door.invited(&others.admin, "bob@example.com", &[]).await;
    let token = csrf(&bob.browser).await;
    let (mut sent, mut faults) = (0, Vec::new());
    for route in manifest().routes().iter().filter(|route| is_form(route)) {
        let is_asked = matches!(route.guard, Guard::Accepted(_)) && !OWN_FORMS.contains(&route.path.as_str());
        if !is_asked {
            continue;
        }
        sent += 1;
        let answer = send(&bob.browser, &route.path, &others.path(&route.path), &token).await;
        if !matches!(answer.status, 403 | 404) {
            faults.push(format!("{route}: {} {:?}", answer.status, answer.header("location")));
        }
        let text = answer.body.as_str().unwrap_or_default();
        assert!(!text.contains("form_too_old"), "{route}: it was not read: {text}");
    }
    assert_eq!(faults, [""; 0]);
    assert!(sent > 10, "{sent}");
    // The same forms work for whom they are about.
    let token = csrf(&others.admin.browser).await;
    for route in
        ["/console/requests/{id}/withdraw", "/console/sessions/{id}/revoke", "/console/me/keys/{id}/remove"]
    {
        let answer = send(&others.admin.browser, route, &others.path(route), &token).await;
        let there = answer.header("location").unwrap_or_default();
        assert!(answer.status == 303 && there.contains("?done="), "{route}: {answer:?}");
    }
}

#[tokio::test]
async fn nobody_sends_a_form() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let token = csrf(&admin.browser).await;
    for route in manifest().routes().iter().filter(|route| is_form(route)) {
        // Each from a browser of its own: what is limited is the address.
        let (path, stranger) = (path(&route.path), door.browser());
        let answer = send(&stranger, &route.path, &path, &token).await;
        let there = answer.header("location").unwrap_or_default();
        // An enrolment cannot be gone on with by logging in.
        let is_led = answer.status == 303 && there.starts_with("/login?next=");
        assert!(is_led || answer.status == 401 && matches!(route.guard, Guard::Authn), "{route}: {answer:?}");
        let same_origin = [("sec-fetch-site", "same-origin")];
        let answer = stranger.send(Method::POST, &path, None, &same_origin).await;
        assert_eq!(answer.status, 401, "{route}: {answer:?}");
    }
    // With a second factor of long ago, forms for people ask for another first.
    door.clock.jump(TimeDelta::minutes(16));
    let token = csrf(&admin.browser).await;
    let mut stale = 0;
    for route in manifest().routes().iter().filter(|route| is_form(route)) {
        if route.guard != Guard::Accepted("person") {
            continue;
        }
        stale += 1;
        let answer = send(&admin.browser, &route.path, &path(&route.path), &token).await;
        let there = answer.header("location").unwrap_or_default();
        assert!(answer.status == 303 && there.starts_with("/login/totp?next="), "{route}: {answer:?}");
    }
    assert!(stale > 6, "{stale}");
}

#[tokio::test]
async fn who_may_not_even_ask_is_refused_by_the_form() {
    let folder = tempfile::tempdir().unwrap();
    let admins = "@id(\"admins\")\npermit (principal is User, action, resource) when { principal in Role::\"admin\" };\n\
                  @id(\"all-read-their-own\")\npermit (principal, action == Action::\"read\", resource)\n\
                  when { resource has requester && resource.requester == principal.identity };\n";
    fs::write(folder.path().join("own.cedar"), admins).unwrap();
    let policies = folder.path().to_owned();
    let door = Door::with(|settings| settings.policies = Some(policies)).await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    for (who, status) in [(&admin, 200), (&bob, 403)] {
        let token = csrf(&who.browser).await;
        let answer = send(&who.browser, "/console/new", "/console/new", &token).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}
