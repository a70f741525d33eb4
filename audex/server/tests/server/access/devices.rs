//! A program that logs in by a person's browser.

use super::door::{Answer, Door, Enrolled};
use chrono::TimeDelta;
use serde_json::json;

async fn begin(door: &Door) -> (String, String) {
    let begun = door.browser().post("/login/device", json!({ "client": "tryaudex on laptop" })).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(begun.body["verification_uri"], json!(format!("{}/device", door.url)));
    assert_eq!((&begun.body["interval"], &begun.body["expires_in"]), (&json!(5), &json!(600)));
    let text = |name: &str| begun.body[name].as_str().unwrap().to_owned();
    (text("device_code"), text("user_code"))
}

async fn ask(door: &Door, code: &str) -> Answer {
    door.clock.jump(TimeDelta::seconds(5));
    door.browser().post("/login/device/token", json!({ "device_code": code })).await
}

fn error(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["error"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_program_gets_a_token_once_its_person_said_yes() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let (device, code) = begin(&door).await;
    assert_eq!(error(&ask(&door, &device).await), (400, "authorization_pending"));
    let typed = code.to_lowercase().replace('-', " ");
    let seen = admin.browser.post("/login/device/look", json!({ "user_code": typed })).await;
    assert_eq!(
        (&seen.body["client"], &seen.body["client_ip"]),
        (&json!("tryaudex on laptop"), &json!("127.0.0.1"))
    );
    let yes = json!({ "user_code": typed, "allow": true });
    assert_eq!(admin.browser.post("/login/device/confirm", yes.clone()).await.status, 204);
    assert_eq!(admin.browser.post("/login/device/confirm", yes).await.status, 404, "it is answered");
    let token = ask(&door, &device).await;
    assert_eq!(
        (token.status, &token.body["token_type"], &token.body["expires_in"]),
        (200, &json!("Bearer"), &json!(43_200))
    );
    assert_eq!(token.body["scope"], "read request");
    let bearer = token.body["access_token"].as_str().unwrap();
    assert_eq!(door.get("/me", bearer).await.body["identity"], "admin@example.com");
    assert_eq!(error(&ask(&door, &device).await), (400, "expired_token"), "once");
    door.clock.jump(TimeDelta::hours(12));
    assert_eq!(door.get("/me", bearer).await.status, 401);
}

#[tokio::test]
async fn of_many_that_ask_at_once_one_gets_it() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let (device, code) = begin(&door).await;
    admin.browser.post("/login/device/confirm", json!({ "user_code": code, "allow": true })).await;
    let body = json!({ "device_code": device });
    let all = futures_util::future::join_all((0..8).map(|_| {
        let (browser, body) = (door.browser(), body.clone());
        async move { browser.post("/login/device/token", body).await.status }
    }))
    .await;
    assert_eq!(all.iter().filter(|status| **status == 200).count(), 1, "{all:?}");
}

#[tokio::test]
async fn no_is_no_and_time_is_time() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let (device, code) = begin(&door).await;
    assert_eq!(
        admin
            .browser
            .post("/login/device/confirm", json!({ "user_code": code, "allow": false }))
            .await
            .status,
        204
    );
    assert_eq!(error(&ask(&door, &device).await), (400, "access_denied"));

    let (device, code) = begin(&door).await;
    door.clock.jump(TimeDelta::minutes(10));
    assert_eq!(
        admin.browser.post("/login/device/confirm", json!({ "user_code": code, "allow": true })).await.status,
        404
    );
    assert_eq!(error(&ask(&door, &device).await), (400, "expired_token"));

    for wrong in ["", "x", &"A".repeat(43), "'; DROP TABLE axess_key_value; --"] {
        assert_eq!(error(&ask(&door, wrong).await), (400, "expired_token"), "{wrong}");
    }
    for wrong in ["AAAA-AAAA", "", "BCDF-GHJK"] {
        let answer =
            admin.browser.post("/login/device/confirm", json!({ "user_code": wrong, "allow": true })).await;
        assert_eq!(answer.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_so() {
    let door = Door::new().await;
    let (device, _) = begin(&door).await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let answer = door.browser().post("/login/device/token", json!({ "device_code": device })).await;
        told.push(error(&answer).1.to_owned());
    }
    assert_eq!(told, ["authorization_pending", "authorization_pending", "slow_down", "slow_down"]);
}

#[tokio::test]
async fn somebody_who_was_disabled_meanwhile_gets_nothing() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    let (device, code) = begin(&door).await;
    bob.browser.post("/login/device/confirm", json!({ "user_code": code, "allow": true })).await;
    admin.browser.patch(&format!("/people/{}", bob.id), json!({ "disabled": true })).await;
    assert_eq!(error(&ask(&door, &device).await), (400, "access_denied"));
}

#[tokio::test]
async fn a_program_gets_what_it_asked_for_as_far_as_its_person_may() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    let granted = async |who: &Enrolled, scope: Option<&str>| {
        let mut body = json!({ "client": "tryaudex" });
        if let Some(scope) = scope {
            body["scope"] = json!(scope);
        }
        let begun = door.browser().post("/login/device", body).await;
        assert_eq!(begun.status, 200, "{begun:?}");
        let yes = json!({ "user_code": begun.body["user_code"], "allow": true });
        assert_eq!(who.browser.post("/login/device/confirm", yes).await.status, 204);
        ask(&door, begun.body["device_code"].as_str().unwrap()).await
    };
    // Nobody administers by chance.
    assert_eq!(granted(&admin, None).await.body["scope"], "read request");
    assert_eq!(granted(&admin, Some("administer read")).await.body["scope"], "administer read");
    assert_eq!(granted(&bob, Some("read administer read")).await.body["scope"], "read");
    assert_eq!(error(&granted(&bob, Some("administer")).await), (400, "access_denied"));
    // What hides or turns around would be shown to whoever confirms.
    for wrong in ["evil\u{202e}exe", "try\u{200b}audex", "a\nb", "", " ", &"x".repeat(101)] {
        let begun = door.browser().post("/login/device", json!({ "client": wrong })).await;
        assert_eq!((begun.status, begun.body["field"].as_str()), (400, Some("client")), "{wrong:?}");
    }
    for wrong in ["root", "", " ", "read,request"] {
        let begun = door.browser().post("/login/device", json!({ "scope": wrong })).await;
        assert_eq!((begun.status, begun.body["field"].as_str()), (400, Some("scope")), "{wrong:?}");
    }
}
