//! Logging in, and everything somebody else may try there.

use super::door::{Door, PASSWORD};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_login_needs_both_factors_each_time() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let browser = door.log_in(&admin).await;
    assert!(browser.is_signed_in().await);
    assert_eq!(browser.get("/me").await.body["authenticated_by"], "session");
    // The code that was used is used.
    let other = door.browser();
    other.post("/login", json!({ "email": admin.email, "password": PASSWORD })).await;
    let replayed = other.post("/login/totp", json!({ "code": door.code(&admin.totp) })).await;
    assert_eq!(replayed.code(), (401, "login_failed"));
    // A recovery code works once.
    let code = json!({ "code": admin.recovery_codes[0] });
    assert_eq!(other.post("/login/recovery", code.clone()).await.body["status"], "signed_in");
    let third = door.browser();
    third.post("/login", json!({ "email": admin.email, "password": PASSWORD })).await;
    assert_eq!(third.post("/login/recovery", code).await.code(), (401, "login_failed"));
    assert_eq!(
        door.browser().post("/login/totp", json!({ "code": "123456" })).await.code(),
        (401, "no_login_in_progress")
    );

    assert_eq!(browser.post("/logout", json!({})).await.status, 204);
    assert!(!browser.is_signed_in().await);
    assert_eq!(browser.post("/logout", json!({})).await.status, 204);
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let mut answers = Vec::new();
    for (email, password) in [
        (admin.email.as_str(), "wrong"),
        ("nobody@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("not an address \u{202e}", "wrong"),
        ("", ""),
    ] {
        let browser = door.browser();
        let answer = browser.post("/login", json!({ "email": email, "password": password })).await;
        assert_eq!(answer.code(), (401, "login_failed"), "{email}");
        answers.push(answer.body);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    // Locked after so many tries, which looks the same, and the right password does not help.
    for _ in 0..12 {
        let answer =
            door.browser().post("/login", json!({ "email": admin.email, "password": "wrong" })).await;
        assert_eq!(answer.body, answers[0]);
    }
    let right = door.browser().post("/login", json!({ "email": admin.email, "password": PASSWORD })).await;
    assert_eq!(right.body, answers[0]);
}

#[tokio::test]
async fn the_session_changes_its_name_with_every_step() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let browser = door.browser();
    let first = browser.post("/login", json!({ "email": admin.email, "password": PASSWORD })).await;
    let second = browser.post("/login/totp", json!({ "code": door.next_code(&admin.totp) })).await;
    let cookies: Vec<&str> =
        [&first, &second].iter().map(|answer| answer.header("set-cookie").unwrap()).collect();
    assert_ne!(cookies[0].split(';').next(), cookies[1].split(';').next());
    for cookie in cookies {
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    }
    // What was known before the login opens nothing.
    let stolen = first.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let thief = door.browser().send(Method::GET, "/me", None, &[("cookie", &stolen)]).await;
    assert_eq!(thief.status, 401);
}

#[tokio::test]
async fn forms_lead_on_and_only_within_the_server() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let browser = door.browser();
    let wrong = [("email", admin.email.as_str()), ("password", "wrong"), ("next", "/sessions?a=b")];
    let answer = browser.form("/login", &wrong).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/login?failed=1&next=/sessions%3Fa%3Db"))
    );
    let right = [("email", admin.email.as_str()), ("password", PASSWORD), ("next", "/sessions?a=b")];
    let answer = browser.form("/login", &right).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/login/totp?next=/sessions%3Fa%3Db")));
    let code = door.next_code(&admin.totp);
    let answer = browser.form("/login/totp", &[("code", &code), ("next", "/sessions?a=b")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/sessions?a=b")));
    for evil in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let code = door.next_code(&admin.totp);
        let answer = browser.form("/login/totp", &[("code", &code), ("next", evil)]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{evil}");
    }
}

#[tokio::test]
async fn other_sites_cannot_act_in_a_browser() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let body = json!({ "email": "mallory@example.com", "roles": ["admin"] });
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[],
    ] {
        let answer = admin.browser.send(Method::POST, "/people", Some(body.clone()), headers).await;
        assert_eq!(answer.code(), (403, "csrf_rejected"), "{headers:?}");
    }
    let own = admin.browser.send(Method::POST, "/people", Some(body), &[("origin", &door.url)]).await;
    assert_eq!(own.status, 201);
    // A form of another site that logs somebody in as the attacker.
    let login = json!({ "email": admin.email, "password": PASSWORD });
    let answer =
        door.browser().send(Method::POST, "/login", Some(login), &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(answer.code(), (403, "csrf_rejected"));
}

#[tokio::test]
async fn a_form_or_text_is_no_json() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let answer = admin.browser.form("/people", &[("email", "x@example.com")]).await;
    assert_eq!(answer.status, 415, "{answer:?}");
}

#[tokio::test]
async fn what_needs_a_fresh_proof_asks_for_it_again() {
    let door = Door::new().await;
    let admin = door.admin().await;
    door.clock.jump(TimeDelta::minutes(16));
    assert!(admin.browser.is_signed_in().await);
    let token = || json!({ "name": "late" });
    for (path, body) in [
        ("/tokens", token()),
        ("/people", json!({ "email": "x@example.com" })),
        ("/me/keys", json!({ "name": "x", "jwk": {} })),
        ("/login/device/confirm", json!({ "user_code": "BCDF-GHJK", "allow": true })),
    ] {
        let answer = admin.browser.post(path, body).await;
        assert_eq!(answer.code(), (401, "step_up_required"), "{path}");
        assert_eq!(answer.body["max_age"], 900);
    }
    assert_eq!(
        admin.browser.post("/login/totp", json!({ "code": "000000" })).await.code(),
        (401, "login_failed")
    );
    assert_eq!(admin.browser.post("/tokens", token()).await.code(), (401, "step_up_required"));
    let code = door.next_code(&admin.totp);
    assert_eq!(admin.browser.post("/login/totp", json!({ "code": code })).await.body["status"], "signed_in");
    assert_eq!(admin.browser.post("/tokens", token()).await.status, 201);
}

#[tokio::test]
async fn guessing_is_slowed_down_for_each_address() {
    let door = Door::new().await;
    let mut refused = None;
    for number in 0..80 {
        let body = json!({ "email": format!("user{number}@example.com"), "password": "wrong" });
        let forged = format!("198.51.100.{number}");
        let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-for", forged.as_str())];
        let answer = door.browser().send(Method::POST, "/login", Some(body), &headers).await;
        match answer.status {
            401 => {}
            429 => {
                refused = Some((number, answer));
                break;
            }
            other => panic!("{other}"),
        }
    }
    let (number, answer) = refused.unwrap();
    assert_eq!(number, 60);
    assert_eq!(answer.code(), (429, "rate_limit_exceeded"));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.header("retry-after").is_some());
    // Whatever else could be guessed counts together; what could not does not.
    for path in ["/login/totp", "/login/recovery", "/enrol/x", "/login/device", "/console/login"] {
        assert_eq!(door.browser().post(path, json!({})).await.status, 429, "{path}");
    }
    // A program that waits for its person is not concerned.
    let waits = door.browser().post("/login/device/token", json!({ "device_code": "x" })).await;
    assert_eq!((waits.status, &waits.body["error"]), (400, &json!("expired_token")));
    assert_eq!(door.browser().get("/me").await.status, 401);
    assert_eq!(door.browser().get("/login").await.status, 200);
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let door = Door::new().await;
    let admin = door.admin().await;
    door.clock.jump(TimeDelta::hours(11));
    assert!(admin.browser.is_signed_in().await);
    door.clock.jump(TimeDelta::days(8));
    assert!(!admin.browser.is_signed_in().await);
}

#[tokio::test]
async fn strangers_who_fail_keep_nobody_out_for_longer_than_a_quarter_of_an_hour() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let login = |password: &str| json!({ "email": admin.email, "password": password });
    for _ in 0..4 {
        for _ in 0..5 {
            assert_eq!(door.browser().post("/login", login("wrong")).await.status, 401);
        }
        let locked = door.browser().post("/login", login(PASSWORD)).await;
        assert_eq!(locked.code(), (401, "login_failed"));
        door.clock.jump(TimeDelta::minutes(15));
    }
    let right = door.browser().post("/login", login(PASSWORD)).await;
    assert_eq!(right.body["status"], "second_factor_required", "{right:?}");
}
