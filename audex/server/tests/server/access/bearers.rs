//! API tokens at the door.

use super::door::{Answer, Door};
use chrono::TimeDelta;
use reqwest::{Client, Method};
use serde_json::json;

#[tokio::test]
async fn whatever_does_not_work_looks_the_same() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let eve = door.invited(&admin, "eve@example.com", &[]).await;
    let (revoked_id, revoked) = door.token(&admin, &["read"]).await;
    let (_, of_disabled) = door.token(&eve, &["read"]).await;
    let (_, expired) = door.token(&admin, &["read"]).await;
    let (_, good) = door.token(&admin, &["read"]).await;
    assert_eq!(admin.browser.delete(&format!("/tokens/{revoked_id}")).await.status, 204);
    let off = admin.browser.patch(&format!("/people/{}", eve.id), json!({ "disabled": true })).await;
    assert_eq!(off.status, 200, "{off:?}");

    let mut answers: Vec<Answer> = Vec::new();
    let unknown = format!("audx_{}", "A".repeat(43));
    let cut = good[..good.len() - 1].to_owned();
    for token in
        [&revoked, &of_disabled, &unknown, &cut, "audx_", "audx", "x", "a.b.c", "a.b", &format!("{good}A")]
    {
        answers.push(door.get("/me", token).await);
    }
    door.clock.jump(TimeDelta::days(31));
    answers.push(door.get("/me", &expired).await);
    for answer in &answers {
        assert_eq!(answer.code(), (401, "unauthenticated"));
        assert_eq!(answer.body, answers[0].body);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

async fn raw(door: &Door, authorization: &[&str], cookie: Option<&str>) -> u16 {
    let mut request = Client::builder().no_proxy().build().unwrap().get(format!("{}/me", door.url));
    for value in authorization {
        request = request.header("authorization", *value);
    }
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_bearer_comes_before_any_cookie() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let (_, token) = door.token(&admin, &["read"]).await;
    let browser = door.browser();
    browser.post("/login", json!({ "email": admin.email, "password": super::door::PASSWORD })).await;
    let signed = browser.post("/login/totp", json!({ "code": door.next_code(&admin.totp) })).await;
    let cookie = signed.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(raw(&door, &[], Some(&cookie)).await, 200);
    let good = format!("Bearer {token}");
    for (authorization, status) in [
        (&[good.as_str()][..], 200),
        (&[&format!("bearer {token}")], 200),
        (&["Bearer wrong"], 401),
        (&["Bearer"], 401),
        (&["Bearer "], 401),
        (&[&good, &good], 401),
        (&[&good, "Basic YTpi"], 401),
        (&[&format!("Bearer {token} x")], 401),
        // Another scheme is nothing to us: the session counts.
        (&["Basic YTpi"], 200),
    ] {
        assert_eq!(raw(&door, authorization, Some(&cookie)).await, status, "{authorization:?}");
    }
}

#[tokio::test]
async fn scopes_take_away_and_never_give() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    let (_, reads) = door.token(&admin, &["read"]).await;
    let (_, administers) = door.token(&admin, &["administer"]).await;
    let (_, everything) = door.token(&bob, &["request", "approve", "read", "administer"]).await;
    assert_eq!(door.get("/people", &reads).await.status, 200);
    assert_eq!(door.get("/people", &administers).await.code(), (403, "forbidden"));
    assert_eq!(door.get("/people", &everything).await.code(), (403, "forbidden"));
    let (ask, plan) = ("/credentials", json!({ "allow": "local:read", "provider": "local" }));
    for token in [&reads, &administers] {
        let refused = door.program(Method::POST, ask, token, Some(plan.clone())).await;
        assert_eq!(refused.code(), (403, "forbidden"));
    }
    assert_eq!(door.program(Method::POST, ask, &everything, Some(plan)).await.status, 200);
    // What the owner may is looked at when it is used.
    let raised = admin.browser.patch(&format!("/people/{}", bob.id), json!({ "roles": ["admin"] })).await;
    assert_eq!(raised.status, 200);
    assert_eq!(door.get("/people", &everything).await.status, 200);
    admin.browser.patch(&format!("/people/{}", bob.id), json!({ "roles": [] })).await;
    assert_eq!(door.get("/people", &everything).await.status, 403);
}

#[tokio::test]
async fn a_token_makes_no_tokens_no_keys_and_no_people() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &["security"]).await;
    let of_bob = format!("/people/{}", bob.id);
    let invite = format!("{of_bob}/invite");
    let (_, token) = door.token(&admin, &["request", "approve", "read", "administer"]).await;
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    for (method, path, body) in [
        (Method::POST, "/tokens", json!({ "name": "longer" })),
        (Method::POST, "/me/keys", json!({ "name": "mine", "jwk": jwk })),
        (Method::DELETE, "/me/keys/x", json!({})),
        (Method::POST, "/login/device/confirm", json!({ "user_code": "BCDF-GHJK", "allow": true })),
        // Who stole an administrator's token takes nobody's account over with it.
        (Method::POST, "/people", json!({ "email": "new@example.com", "roles": ["admin"] })),
        (Method::PATCH, &of_bob, json!({ "roles": ["admin"] })),
        (Method::POST, &invite, json!({})),
    ] {
        let answer = door.program(method, path, &token, Some(body)).await;
        assert_eq!(answer.code(), (403, "forbidden"), "{path}");
    }
    assert!(bob.browser.is_signed_in().await);
    assert_eq!(bob.browser.get("/me").await.body["roles"], json!(["security"]));
}

#[tokio::test]
async fn guesses_are_counted_for_each_address_and_no_token_that_works_suffers() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let (_, good) = door.token(&admin, &["read"]).await;
    let wrong = format!("audx_{}", "B".repeat(43));
    for _ in 0..60 {
        assert_eq!(door.get("/me", &wrong).await.status, 401);
    }
    let refused = door.get("/me", &wrong).await;
    assert_eq!(refused.code(), (429, "rate_limit_exceeded"));
    assert!(refused.body["retry_after"].as_u64().unwrap() >= 1);
    assert_eq!(door.get("/me", &good).await.status, 200, "somebody else of this address guessed");
    assert_eq!(door.get("/me", &wrong).await.status, 429);
    assert!(admin.browser.is_signed_in().await, "a browser of the same address is not concerned");
    door.clock.jump(TimeDelta::seconds(2));
    assert_eq!(door.get("/me", &wrong).await.status, 401);
}

#[tokio::test]
async fn a_curl_needs_no_content_type_and_no_origin() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let (_, token) = door.token(&admin, &["request"]).await;
    let request = Client::builder().no_proxy().build().unwrap().post(format!("{}/credentials", door.url));
    let request = request
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(r#"{"allow": "local:read", "provider": "local"}"#);
    assert_eq!(request.send().await.unwrap().status(), 200);
}
