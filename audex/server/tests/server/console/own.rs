//! What is somebody's own is not theirs to decide.

use crate::{
    access::door::{Door, Enrolled},
    site::approvals,
};
use reqwest::Method;
use serde_json::json;

async fn page(who: &Enrolled, path: &str) -> String {
    let answer = who.browser.send(Method::GET, path, None, &[("accept", "text/html")]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_asked_with_the_token_of_a_service_is_not_for_whoever_made_the_token() {
    let door = Door::with(|settings| settings.rules = approvals(1)).await;
    let admin = door.admin().await;
    let cleo = door.invited(&admin, "cleo@example.com", &["admin", "security"]).await;
    let dan = door.invited(&admin, "dan@example.com", &["security"]).await;
    let service = cleo.browser.post("/people", json!({ "email": "deploy", "kind": "service" })).await;
    let body = json!({ "name": "nightly", "owner": service.body["id"], "scopes": ["request", "read"] });
    let made = cleo.browser.post("/tokens", body).await;
    let token = made.body["token"].as_str().unwrap_or_else(|| panic!("{made:?}"));
    let ask = json!({ "allow": "orders:DeleteOrder", "provider": "local", "reason": "cleaning up" });
    let asked = door.program(Method::POST, "/credentials", token, Some(ask)).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let request = format!("/console/requests/{}", asked.body["session_id"].as_str().unwrap());
    for (who, is_theirs) in [(&cleo, false), (&dan, true)] {
        let home = page(who, "/console").await;
        assert_eq!(home.contains(&request), is_theirs, "{}: {home}", who.email);
        let shown = page(who, &request).await;
        assert_eq!(shown.contains("id=\"vote\""), is_theirs, "{}", who.email);
    }
}
