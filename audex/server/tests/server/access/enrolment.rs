//! From a one-time link to a login.

use super::door::{Door, PASSWORD};
use chrono::TimeDelta;
use serde_json::json;

#[tokio::test]
async fn the_first_administrator_enrols_with_a_link_that_works_once() {
    let door = Door::new().await;
    let link = door.app.access.first_admin("Admin@Example.com").await.unwrap().unwrap();
    let path = link.url.strip_prefix(&door.url).unwrap().to_owned();
    let browser = door.browser();
    // A mail scanner that follows it uses nothing up.
    for _ in 0..3 {
        assert!(door.browser().get(&path).await.status < 500);
    }
    for weak in ["short", "password", "admin@example.com"] {
        let refused = browser.post(&path, json!({ "password": weak })).await;
        assert_eq!(refused.code(), (422, "weak_password"), "{weak}");
    }
    assert_eq!(door.browser().post(&path, json!({ "password": PASSWORD })).await.code(), (410, "link_used"));
    let begun = browser.post(&path, json!({ "password": PASSWORD })).await;
    assert_eq!(begun.body, json!({ "status": "totp_required" }));
    // One factor is not enough for anything but the second.
    assert_eq!(browser.get("/me").await.code(), (401, "second_factor_required"));
    assert_eq!(browser.get("/sessions").await.status, 401);
    assert_eq!(browser.post("/people", json!({ "email": "x@example.com" })).await.status, 401);
    let (_, codes) = door.enrol_totp(&browser).await;
    assert_eq!(codes.len(), 10);
    let me = browser.get("/me").await;
    assert_eq!((me.status, &me.body["roles"]), (200, &json!(["admin"])));
    assert_eq!(me.body["identity"], "admin@example.com");
    assert_eq!(browser.get("/people").await.status, 200);

    assert!(door.app.access.first_admin("second@example.com").await.unwrap().is_none());
    for other in [browser, door.browser()] {
        assert_eq!(other.post(&path, json!({ "password": PASSWORD })).await.code(), (410, "link_used"));
    }
}

#[tokio::test]
async fn a_link_lasts_an_hour_in_development_and_is_replaced_by_the_next_start() {
    let door = Door::new().await;
    let first = door.app.access.first_admin("admin@example.com").await.unwrap().unwrap();
    let second = door.app.access.first_admin("admin@example.com").await.unwrap().unwrap();
    let path = |url: &str| url.strip_prefix(&door.url).unwrap().to_owned();
    let (first, second_path) = (path(&first.url), path(&second.url));
    assert_eq!(door.browser().post(&first, json!({ "password": PASSWORD })).await.code(), (410, "link_used"));
    door.clock.jump(TimeDelta::minutes(60));
    assert_eq!(
        door.browser().post(&second_path, json!({ "password": PASSWORD })).await.code(),
        (410, "link_used")
    );
    let third = door.app.access.first_admin("admin@example.com").await.unwrap().unwrap();
    assert!(!format!("{third:?}").contains("/enrol/"), "a link is a secret");
    door.enrol(&third.url, "admin@example.com").await;
}

#[tokio::test]
async fn links_of_strangers_are_none() {
    let door = Door::new().await;
    for token in ["x", &"A".repeat(43), &"A".repeat(44), &"A".repeat(4_000), "totp%2fcode"] {
        let answer = door.browser().post(&format!("/enrol/{token}"), json!({ "password": PASSWORD })).await;
        assert_eq!(answer.code(), (410, "link_used"), "{token}");
    }
}

#[tokio::test]
async fn an_enrolment_that_was_broken_off_goes_on_with_the_password() {
    let door = Door::new().await;
    let link = door.app.access.first_admin("admin@example.com").await.unwrap().unwrap();
    let path = link.url.strip_prefix(&door.url).unwrap().to_owned();
    let begun = door.browser().post(&path, json!({ "password": PASSWORD })).await;
    assert_eq!(begun.body["status"], "totp_required");
    let later = door.browser();
    let login = later.post("/login", json!({ "email": "admin@example.com", "password": PASSWORD })).await;
    assert_eq!(login.body, json!({ "status": "enrolment_required" }));
    assert_eq!(later.get("/me").await.code(), (401, "second_factor_required"));
    let wrong = later.post("/enrol/totp", json!({})).await;
    assert_eq!(wrong.status, 200);
    for _ in 0..2 {
        let wrong = later.post("/enrol/totp/code", json!({ "code": "000000" })).await;
        assert_eq!(wrong.code(), (422, "wrong_code"));
    }
    let (totp, _) = door.enrol_totp(&later).await;
    assert!(later.is_signed_in().await);
    // From now on there is no way around the second factor, and it cannot be replaced with the password alone.
    let thief = door.browser();
    let first = thief.post("/login", json!({ "email": "admin@example.com", "password": PASSWORD })).await;
    assert_eq!(first.body["status"], "second_factor_required");
    assert_eq!(thief.post("/enrol/totp", json!({})).await.status, 401);
    assert!(!thief.is_signed_in().await);
    let code = door.next_code(&totp);
    assert_eq!(thief.post("/login/totp", json!({ "code": code })).await.body["status"], "signed_in");
}

#[tokio::test]
async fn a_browser_that_used_a_link_has_half_an_hour() {
    let door = Door::new().await;
    let link = door.app.access.first_admin("admin@example.com").await.unwrap().unwrap();
    let path = link.url.strip_prefix(&door.url).unwrap().to_owned();
    let browser = door.browser();
    assert_eq!(browser.post(&path, json!({ "password": "weak" })).await.status, 422);
    door.clock.jump(TimeDelta::minutes(30));
    assert_eq!(browser.post(&path, json!({ "password": PASSWORD })).await.code(), (410, "link_used"));
}

#[tokio::test]
async fn a_new_invitation_ends_what_whoever_used_the_old_one_holds() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let added = admin.browser.post("/people", json!({ "email": "bob@example.com" })).await;
    let path = |url: &serde_json::Value| url.as_str().unwrap().strip_prefix(&door.url).unwrap().to_owned();
    let old = path(&added.body["enrolment"]["url"]);
    let thief = door.browser();
    assert_eq!(thief.post(&old, json!({ "password": "weak" })).await.status, 422);
    let invite = format!("/people/{}/invite", added.body["id"].as_str().unwrap());
    let again = admin.browser.post(&invite, json!({})).await;
    assert_eq!(thief.post(&old, json!({ "password": PASSWORD })).await.code(), (410, "link_used"));
    let new = again.body["enrolment"]["url"].as_str().unwrap();
    // Nor does it come back once the owner has enrolled.
    door.enrol(new, "bob@example.com").await;
    assert_eq!(thief.post(&old, json!({ "password": PASSWORD })).await.code(), (410, "link_used"));
}
