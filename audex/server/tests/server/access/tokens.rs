//! Making, listing and revoking API tokens.

use super::door::Door;
use audex_core::{Requester, audit::BrokerEvent};
use audex_server::model::{ApiToken, MAX_PAGE, PageQuery};
use axess::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_is_made_listed_used_and_revoked() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let made = admin.browser.post("/tokens", json!({ "name": "  nightly build " })).await;
    assert_eq!(made.status, 201);
    let token = made.body["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("audx_") && token.len() == 48);
    assert_eq!(made.body["name"], "nightly build");
    assert_eq!(made.body["scopes"], json!(["read", "request"]));
    let moment = |value: &Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let lasts = moment(&made.body["expires_at"]) - moment(&made.body["created_at"]);
    assert_eq!(lasts, TimeDelta::days(30));

    let me = door.get("/me", &token).await;
    assert_eq!((&me.body["authenticated_by"], &me.body["token_id"]), (&json!("token"), &made.body["id"]));
    let listed = admin.browser.get("/tokens").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    let row = &listed.body["items"][0];
    assert!(row.get("token").is_none() && row.get("digest").is_none());
    assert!(!listed.body.to_string().contains(&token));
    assert!(!row["last_used_at"].is_null(), "{row}");

    assert_eq!(door.program(Method::DELETE, "/tokens/current", &token, None).await.status, 204);
    assert_eq!(door.get("/me", &token).await.status, 401);
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(admin.browser.delete(&format!("/tokens/{id}")).await.status, 404, "it is over");
    assert!(!admin.browser.get("/tokens").await.body["items"][0]["revoked_at"].is_null());
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let door = Door::new().await;
    let admin = door.admin().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "a\nb" }), "name"),
        (json!({ "name": "a\n" }), "name"),
        (json!({ "name": "a\u{202e}b" }), "name"),
        (json!({ "name": "a\u{200b}b" }), "name"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": ["root"] }), "scopes"),
        (json!({ "name": "x", "expires_in_days": 0 }), "expires_in_days"),
        (json!({ "name": "x", "expires_in_days": 91 }), "expires_in_days"),
        (json!({ "name": "x", "owner": "nobody" }), "owner"),
    ] {
        let answer = admin.browser.post("/tokens", body.clone()).await;
        assert_eq!(
            (answer.code(), answer.body["field"].as_str()),
            ((400, "invalid_request"), Some(field)),
            "{body}"
        );
    }
    for number in 0..50 {
        let made = admin.browser.post("/tokens", json!({ "name": format!("number {number}") })).await;
        assert_eq!(made.status, 201);
    }
    assert_eq!(admin.browser.post("/tokens", json!({ "name": "one more" })).await.code(), (409, "too_many"));
}

#[tokio::test]
async fn there_is_room_for_fifty_however_many_are_over_and_whoever_asks_at_once() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let make = async |name: &str| admin.browser.post("/tokens", json!({ "name": name })).await;
    for number in 0..49 {
        assert_eq!(make(&format!("number {number}")).await.status, 201);
    }
    // More than fit on a page, all newer than those that work, and none of them does.
    let (token, _) = door.token(&admin, &["read"]).await;
    let listed = door.app.store.list_tokens(None, &PageQuery::default()).await.unwrap();
    let pattern = listed.items.iter().find(|one| one.id.to_string() == token).unwrap().clone();
    assert_eq!(admin.browser.delete(&format!("/tokens/{token}")).await.status, 204);
    for number in 0..=u8::try_from(MAX_PAGE).unwrap() {
        let over = ApiToken {
            id: uuid::Uuid::from_bytes([number; 16]),
            digest: [number; 32],
            created_at: door.clock.now() + TimeDelta::seconds(1),
            revoked_at: Some(door.clock.now()),
            ..pattern.clone()
        };
        let event = BrokerEvent::Administered {
            action: "token.made".to_owned(),
            subject: "x".to_owned(),
            detail: None,
        };
        let who = Requester::LocalUser { uid: 0, name: None };
        assert!(door.app.store.insert_token(&who, &over, 1_000, event).await.unwrap());
    }
    door.clock.jump(TimeDelta::seconds(2));
    for _ in 0..5 {
        let (one, other) = tokio::join!(make("one"), make("other"));
        let mut codes = [one.status, other.status];
        codes.sort_unstable();
        assert_eq!(codes, [201, 409]);
        let made = if one.status == 201 { one } else { other };
        let id = made.body["id"].as_str().unwrap();
        assert_eq!(admin.browser.delete(&format!("/tokens/{id}")).await.status, 204);
    }
}

#[tokio::test]
async fn nobody_touches_the_tokens_of_others_but_administrators() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &["auditor"]).await;
    let (of_admin, _) = door.token(&admin, &["read"]).await;
    let (of_bob, token) = door.token(&bob, &["read"]).await;
    assert_eq!(bob.browser.delete(&format!("/tokens/{of_admin}")).await.status, 404);
    assert_eq!(bob.browser.get(&format!("/tokens?owner={}", admin.id)).await.status, 403);
    assert_eq!(bob.browser.post("/tokens", json!({ "name": "x", "owner": admin.id })).await.status, 403);
    assert_eq!(door.program(Method::DELETE, &format!("/tokens/{of_admin}"), &token, None).await.status, 404);
    let (other_of_bob, _) = door.token(&bob, &["read"]).await;
    // A token that may not administer takes no other away, whoever has it by now.
    assert_eq!(
        door.program(Method::DELETE, &format!("/tokens/{other_of_bob}"), &token, None).await.status,
        404
    );
    assert_eq!(bob.browser.delete(&format!("/tokens/{other_of_bob}")).await.status, 204);
    let (id, itself) = door.token(&bob, &["request"]).await;
    for list in ["/tokens", "/me/keys"] {
        assert_eq!(door.get(list, &itself).await.code(), (403, "forbidden"), "{list}");
        assert_eq!(door.get(list, &token).await.status, 200, "{list}");
    }
    assert_eq!(door.program(Method::DELETE, &format!("/tokens/{id}"), &itself, None).await.status, 204);
    let (id, _) = door.token(&bob, &["read"]).await;
    let (_, administers) = door.token(&bob, &["administer"]).await;
    for (id, status) in [(&of_admin, 404), (&id, 204)] {
        let path = format!("/tokens/{id}");
        assert_eq!(door.program(Method::DELETE, &path, &administers, None).await.status, status);
    }
    // Nor does an administrator act in somebody's name.
    let for_bob = admin.browser.post("/tokens", json!({ "name": "x", "owner": bob.id })).await;
    assert_eq!(for_bob.code(), (400, "invalid_request"));
    let listed = admin.browser.get(&format!("/tokens?owner={}", bob.id)).await;
    assert!(listed.body["items"].as_array().unwrap().iter().any(|item| item["id"] == json!(of_bob)));
    assert_eq!(admin.browser.delete(&format!("/tokens/{of_bob}")).await.status, 204);
    assert_eq!(door.get("/me", &token).await.status, 401);
    assert_eq!(bob.browser.delete("/tokens/x").await.status, 404);
}

#[tokio::test]
async fn what_somebody_made_for_a_service_works_on_and_is_named() {
    let door = Door::new().await;
    let root = door.admin().await;
    let alice = door.invited(&root, "alice@example.com", &["admin"]).await;
    let added = root.browser.post("/people", json!({ "email": "deploy", "kind": "service" })).await;
    let deploy = added.body["id"].as_str().unwrap();
    let make = async |who: &super::door::Enrolled, name: &str| {
        let made = who.browser.post("/tokens", json!({ "name": name, "owner": deploy })).await;
        assert_eq!(made.body["maker"], json!({ "email": who.email, "disabled": false }), "{made:?}");
        (made.body["id"].as_str().unwrap().to_owned(), made.body["token"].as_str().unwrap().to_owned())
    };
    let (_, of_root) = make(&root, "by root").await;
    let (id, of_alice) = make(&alice, "by alice").await;
    let (gone, _) = make(&alice, "revoked").await;
    assert_eq!(root.browser.delete(&format!("/tokens/{gone}")).await.status, 204);
    // Their own ends with them.
    let (_, own) = door.token(&alice, &["read"]).await;
    let page = format!("/console/people/{}", alice.id);
    assert!(root.browser.get(&page).await.body.as_str().unwrap().contains("by alice"));
    let off = root.browser.patch(&format!("/people/{}", alice.id), json!({ "disabled": true })).await;
    let left = json!([{ "id": id, "name": "by alice", "owner_email": "deploy@services" }]);
    assert_eq!(off.body["ended"]["service_tokens"], left, "{off:?}");
    for (token, status) in [(&own, 401), (&of_alice, 200), (&of_root, 200)] {
        assert_eq!(door.get("/me", token).await.status, status);
    }
    let listed = root.browser.get(&format!("/tokens?owner={deploy}")).await;
    let maker = |name: &str| {
        let items = listed.body["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).map(|item| item["maker"].clone())
    };
    assert_eq!(maker("by alice"), Some(json!({ "email": "alice@example.com", "disabled": true })));
    assert_eq!(maker("by root"), Some(json!({ "email": root.email, "disabled": false })));
    let shown = root.browser.get(&format!("/console/people/{deploy}")).await;
    let shown = shown.body.as_str().unwrap();
    assert!(shown.contains("alice@example.com</bdi>, who is disabled"), "{shown}");
    assert!(!shown.contains(&format!("{}</bdi>, who is disabled", root.email)), "{shown}");
    let mine = root.browser.get("/tokens").await;
    assert!(mine.body["items"].as_array().unwrap().iter().all(|item| item["maker"].is_null()));
}

#[tokio::test]
async fn a_service_has_tokens_and_no_login() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let body =
        json!({ "email": "deploy", "kind": "service", "groups": ["team:devops"], "roles": ["security"] });
    let added = admin.browser.post("/people", body).await;
    assert_eq!((added.status, &added.body["email"]), (201, &json!("deploy@services")));
    assert!(added.body.get("enrolment").is_none());
    let id = added.body["id"].as_str().unwrap();
    assert_eq!(
        admin.browser.post(&format!("/people/{id}/invite"), json!({})).await.code(),
        (409, "no_login")
    );
    let made = admin.browser.post("/tokens", json!({ "name": "deploys", "owner": id })).await;
    assert_eq!(made.status, 201, "{made:?}");
    let token = made.body["token"].as_str().unwrap();
    let me = door.get("/me", token).await;
    assert_eq!((&me.body["kind"], &me.body["identity"]), (&json!("service"), &json!("deploy@services")));
    assert_eq!(me.body["groups"], json!(["team:devops"]));
    let login = json!({ "email": "deploy@services", "password": super::door::PASSWORD });
    assert_eq!(door.browser().post("/login", login).await.code(), (401, "login_failed"));
    admin.browser.patch(&format!("/people/{id}"), json!({ "disabled": true })).await;
    assert_eq!(door.get("/me", token).await.status, 401);
    // Its tokens were revoked, and do not come back with it.
    admin.browser.patch(&format!("/people/{id}"), json!({ "disabled": false })).await;
    assert_eq!(door.get("/me", token).await.status, 401);
}
