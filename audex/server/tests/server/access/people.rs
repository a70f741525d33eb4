//! Accounts, as administrators manage them.

use super::door::{Door, PASSWORD};
use serde_json::json;

#[tokio::test]
async fn somebody_is_invited_enrols_and_gets_other_roles() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "Bob@Example.com".to_lowercase().as_str(), &["security"]).await;
    assert_eq!(bob.browser.get("/me").await.body["roles"], json!(["security"]));
    assert_eq!(bob.browser.get("/people").await.code(), (403, "forbidden"));
    assert_eq!(
        bob.browser.post("/people", json!({ "email": "x@example.com" })).await.code(),
        (403, "forbidden")
    );
    let own = format!("/people/{}", bob.id);
    assert_eq!(bob.browser.patch(&own, json!({ "roles": ["admin"] })).await.code(), (403, "forbidden"));
    assert_eq!(bob.browser.post(&format!("{own}/invite"), json!({})).await.code(), (403, "forbidden"));
    // At once, without another login.
    let change = json!({ "roles": ["auditor", "security"], "groups": ["team:data"], "display_name": "Bob" });
    let changed = admin.browser.patch(&own, change).await;
    assert_eq!((changed.status, &changed.body["display_name"]), (200, &json!("Bob")));
    let me = bob.browser.get("/me").await.body;
    assert_eq!((&me["roles"], &me["groups"]), (&json!(["auditor", "security"]), &json!(["team:data"])));
    assert_eq!(bob.browser.get("/people").await.status, 200);
    let again = admin.browser.post("/people", json!({ "email": "BOB@example.com" })).await;
    assert_eq!(again.code(), (409, "conflict"));
}

#[tokio::test]
async fn a_disabled_account_can_do_nothing_from_that_moment() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    let second = door.log_in(&bob).await;
    let (_, token) = door.token(&bob, &["read"]).await;
    assert_eq!(door.get("/me", &token).await.status, 200);
    let link = format!("/people/{}", bob.id);
    let off = admin.browser.patch(&link, json!({ "disabled": true })).await;
    assert_eq!((off.status, &off.body["disabled"]), (200, &json!(true)));
    for browser in [&bob.browser, &second] {
        assert_eq!(browser.get("/me").await.code(), (401, "unauthenticated"));
    }
    assert_eq!(door.get("/me", &token).await.status, 401);
    let login = json!({ "email": bob.email, "password": PASSWORD });
    assert_eq!(door.browser().post("/login", login).await.code(), (401, "login_failed"));
    assert_eq!(admin.browser.post(&format!("{link}/invite"), json!({})).await.code(), (409, "disabled"));
    let on = admin.browser.patch(&link, json!({ "disabled": false })).await;
    assert_eq!(on.status, 200);
    assert!(!bob.browser.is_signed_in().await, "sessions do not come back");
    assert_eq!(door.get("/me", &token).await.status, 401, "nor do tokens");
    door.log_in(&bob).await;
}

#[tokio::test]
async fn what_a_disabled_account_has_is_ended_and_the_answer_says_how_much() {
    let door = Door::with(|settings| settings.rules = crate::site::approvals(1)).await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    let (_, token) = door.token(&bob, &["read", "request"]).await;
    let asked = async |allow: &str| {
        let body = json!({ "provider": "local", "allow": allow });
        door.program(reqwest::Method::POST, "/credentials", &token, Some(body)).await
    };
    let (issued, waiting) = (asked("orders:Read").await, asked("orders:Delete").await);
    assert_eq!((issued.status, waiting.status), (200, 202), "{issued:?} {waiting:?}");
    let link = format!("/people/{}", bob.id);
    let renamed = admin.browser.patch(&link, json!({ "display_name": "Bob" })).await;
    assert!(renamed.body.get("ended").is_none(), "{renamed:?}");
    let off = admin.browser.patch(&link, json!({ "disabled": true })).await;
    assert_eq!(off.body["ended"], json!({ "sessions": 1, "requests": 1, "service_tokens": [] }), "{off:?}");
    let text = |answer: &super::door::Answer| answer.body["session_id"].as_str().unwrap().to_owned();
    let session = format!("/sessions/{}", text(&issued));
    for _ in 0..2_400 {
        if admin.browser.get(&session).await.body["status"] != "active" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!(admin.browser.get(&session).await.body["status"], "revoked");
    let request = admin.browser.get(&format!("/approvals/{}", text(&waiting))).await;
    assert_eq!(request.body["status"], "withdrawn", "{request:?}");
    // Again is no fault, and finds nothing.
    let again = admin.browser.patch(&link, json!({ "disabled": true })).await;
    assert_eq!(
        again.body["ended"],
        json!({ "sessions": 0, "requests": 0, "service_tokens": [] }),
        "{again:?}"
    );
}

#[tokio::test]
async fn somebody_who_administers_is_always_left() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let own = format!("/people/{}", admin.id);
    for change in [json!({ "disabled": true }), json!({ "roles": [] }), json!({ "roles": ["auditor"] })] {
        assert_eq!(admin.browser.patch(&own, change).await.code(), (409, "last_admin"));
    }
    // One who was invited and never came is none; nor is a service.
    let body = json!({ "email": "second@example.com", "roles": ["admin"] });
    let invited = admin.browser.post("/people", body).await;
    let robot = json!({ "email": "robot", "kind": "service", "roles": ["admin"] });
    assert_eq!(admin.browser.post("/people", robot).await.status, 201);
    assert_eq!(admin.browser.patch(&own, json!({ "disabled": true })).await.code(), (409, "last_admin"));
    let second = door.enrol(invited.body["enrolment"]["url"].as_str().unwrap(), "second@example.com").await;
    assert_eq!(second.browser.patch(&own, json!({ "disabled": true })).await.status, 200);
    assert!(!admin.browser.is_signed_in().await);
    let own = format!("/people/{}", second.id);
    assert_eq!(second.browser.patch(&own, json!({ "roles": [] })).await.code(), (409, "last_admin"));
}

#[tokio::test]
async fn of_two_administrators_who_disable_each_other_one_is_left() {
    let door = Door::new().await;
    let first = door.admin().await;
    let second = door.invited(&first, "second@example.com", &["admin"]).await;
    let (one, other) = (format!("/people/{}", first.id), format!("/people/{}", second.id));
    let off = json!({ "disabled": true });
    let both = tokio::join!(first.browser.patch(&other, off.clone()), second.browser.patch(&one, off));
    let left = [first.browser.is_signed_in().await, second.browser.is_signed_in().await];
    assert_eq!(left.into_iter().filter(|is_left| *is_left).count(), 1, "{both:?}");
}

#[tokio::test]
async fn whoever_is_invited_anew_begins_anew() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &["security"]).await;
    let link = admin.browser.post(&format!("/people/{}/invite", bob.id), json!({})).await;
    assert_eq!(link.status, 200);
    assert!(!bob.browser.is_signed_in().await);
    let login = json!({ "email": bob.email, "password": PASSWORD });
    assert_eq!(door.browser().post("/login", login).await.code(), (401, "login_failed"));
    let url = link.body["enrolment"]["url"].as_str().unwrap();
    let path = url.strip_prefix(&door.url).unwrap();
    let browser = door.browser();
    let same = browser.post(path, json!({ "password": PASSWORD })).await;
    assert_eq!(same.code(), (422, "weak_password"), "it was used before");
    let begun = browser.post(path, json!({ "password": "another lantern, quite blue, in fog" })).await;
    assert_eq!(begun.body["status"], "totp_required");
    let (totp, codes) = door.enrol_totp(&browser).await;
    assert_eq!(browser.get("/me").await.body["roles"], json!(["security"]));
    assert_ne!(door.code(&totp), door.code(&bob.totp));
    assert!(codes.iter().all(|code| !bob.recovery_codes.contains(code)));
}

#[tokio::test]
async fn names_that_imitate_or_break_are_refused() {
    let door = Door::new().await;
    let admin = door.admin().await;
    for body in [
        json!({}),
        json!({ "email": "" }),
        json!({ "email": "nobody" }),
        json!({ "email": "a@b@c" }),
        json!({ "email": "\u{430}dmin@example.com" }),
        json!({ "email": "zero\u{200d}width@example.com" }),
        json!({ "email": "a#b@example.com" }),
        json!({ "email": "robot@services" }),
        json!({ "email": "line\r\nbreak@example.com" }),
        json!({ "email": "x@example.com", "roles": ["two words"] }),
        json!({ "email": "x@example.com", "roles": [""] }),
        json!({ "email": "x@example.com", "groups": ["a\nb"] }),
        json!({ "email": "x@example.com", "groups": vec!["g"; 51] }),
        json!({ "email": "x@example.com", "kind": "robot" }),
        json!({ "email": "x@example.com", "admin": true }),
        json!({ "email": "sp ace", "kind": "service" }),
        json!({ "email": "../x", "kind": "service" }),
        json!({ "email": "@services", "kind": "service" }),
    ] {
        let answer = admin.browser.post("/people", body.clone()).await;
        assert_eq!(answer.code(), (400, "invalid_request"), "{body}");
    }
    assert_eq!(admin.browser.get("/people").await.body["items"].as_array().unwrap().len(), 1);
    for path in ["/people/x", "/people/01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(admin.browser.patch(path, json!({ "roles": [] })).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn what_administrators_do_is_recorded() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    admin.browser.patch(&format!("/people/{}", bob.id), json!({ "roles": ["security"] })).await;
    let (_, token) = door.token(&admin, &["read"]).await;
    let mut text = String::new();
    for _ in 0..600 {
        text = door.get("/audit", &token).await.body.to_string();
        if text.contains("token.made") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    for told in ["person.added", "person.invited", "person.changed", "token.made", "bob@example.com"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    for secret in [token.as_str(), PASSWORD, "/enrol/"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
