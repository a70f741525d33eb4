//! Requests that do not come from a user who means well.

use crate::{
    browser::{Browser, answer, refused, said, second_factor_required},
    home::Home,
    phone,
    site::Site,
};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

const PASSWORD: &str = "four grey herons in a row";

/// Returns everything a client sees of an answer but ids and cookies.
async fn seen(response: Response) -> (u16, Vec<String>, Value) {
    let mut headers: Vec<String> = response.headers().keys().map(ToString::to_string).collect();
    headers.sort();
    let (status, body) = answer(response).await;
    (status, headers, body)
}

async fn asks(site: &Site, path: &str, body: Value) -> (u16, Vec<String>, Value) {
    seen(Browser::at(site).send(Method::POST, path, Some(body)).await).await
}

#[tokio::test]
async fn nobody_learns_which_addresses_have_accounts_or_exist() {
    let Some(home) = Home::with_mail_server("nobody_learns_which_addresses_have_accounts_or_exist") else {
        return;
    };
    let mut site = home.start();
    let [carol, stranger, bounce, later] =
        ["carol", "stranger", "bounce", "tempfail"].map(|name| home.address(name));
    Browser::at(&site).sign_up(&mut site, &carol, PASSWORD).await;

    let signup =
        async |email: &str| asks(&site, "/signup", json!({"email": email, "password": PASSWORD})).await;
    let fresh = signup(&stranger).await;
    assert_eq!((fresh.0, &fresh.2), (200, &json!({"status": "code_sent"})));
    for address in [&carol, &bounce, &later] {
        assert_eq!(signup(address).await, fresh, "{address}");
    }
    let forgotten = async |name: &str| asks(&site, "/password/forgotten", json!({"username": name})).await;
    let known = forgotten(&carol).await;
    for name in [stranger.as_str(), "alice", "", "a\u{0}b", &bounce] {
        assert_eq!(forgotten(name).await, known, "{name}");
    }
    let notice = site.mail_to(&carol);
    assert!(notice.contains("has an account") && !notice.contains("Code:"), "{notice}");
    assert!(site.mail_to(&carol).contains("Subject: Reset your password"));
    assert_eq!(site.mails_to(&stranger).len(), 1, "the sign-up's; nobody there to reset a password for");

    let failed = |site: &mut Site| {
        let failed = site.events("a mail was given up");
        (failed.len() == 2).then_some(failed)
    };
    let failed = format!("{:?}", site.soon("two failed mails", failed));
    assert!(failed.contains("the mail server answered 550"), "{failed}");
    assert!(failed.contains("the mail server answered 451"), "{failed}");
    assert!(!site.log().contains(".example.com"), "no address in {}", site.log());
}

#[tokio::test]
async fn guesses_are_refused_and_limited() {
    let home = Home::new().with("TRIES_PER_MINUTE", "3");
    let site = home.start();
    let browser = Browser::at(&site);
    for (name, password) in [("alice", "wrong"), ("nobody", "wrong"), ("alice", "purple otters")] {
        assert_eq!(browser.log_in(name, password).await, refused());
    }
    let form = json!({"username": "alice", "password": "purple otters juggle at noon"});
    let limited = Browser::at(&site).send(Method::POST, "/login", Some(form)).await;
    assert_eq!(limited.status(), 429);
    let wait: u64 = limited.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(
        browser.post("/password/forgotten", json!({"username": "alice"})).await.0,
        429,
        "one budget for all"
    );
    assert_eq!(browser.get("/").await.0, 200);
    assert_eq!(home.recorded("RateLimitRejected")[0]["route"], "/login");
    let metrics = browser.get("/metrics").await.1;
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("\naxess_rate_limit_rejected_total 2\n"), "{metrics}");
    assert!(metrics.contains("\naxess_factors_failed_total{factor=\"password\"} 3\n"), "{metrics}");
}

#[tokio::test]
async fn a_second_factor_cannot_be_guessed_skipped_or_replayed() {
    if !phone::is_there("a_second_factor_cannot_be_guessed_skipped_or_replayed") {
        return;
    }
    let site = Home::new().start();
    let log_in = async || {
        let browser = Browser::at(&site);
        let answer = browser.log_in("bob", "nine lanterns over the harbour").await;
        assert_eq!(answer, second_factor_required());
        browser
    };
    let (one, two, three) = (log_in().await, log_in().await, log_in().await);
    for path in ["/totp", "/password"] {
        let body = json!({"current": "nine lanterns over the harbour", "new": PASSWORD});
        assert_eq!(one.post(path, body).await.0, 401, "{path}");
    }
    let (now, _) = phone::codes(phone::BOBS_SECRET);
    let answers = tokio::join!(
        one.code("/login/totp", &now),
        two.code("/login/totp", &now),
        three.code("/login/totp", &now)
    );
    let admitted =
        [answers.0, answers.1, answers.2].into_iter().filter(|answer| *answer == said("authenticated"));
    assert_eq!(admitted.count(), 1, "of three at the same time, one");

    let guesser = log_in().await;
    let (now, next) = phone::codes(phone::BOBS_SECRET);
    let wrong = if now.starts_with('0') { "1" } else { "0" }.to_owned() + &now[1..];
    for code in ["", "no code", wrong.as_str()] {
        assert_eq!(guesser.code("/login/totp", code).await, refused(), "{code}");
    }
    let locked = log_in().await;
    assert_eq!(
        locked.code("/login/totp", &next).await,
        refused(),
        "after three guesses not even the right one"
    );
    let metrics = locked.get("/metrics").await.1;
    assert!(metrics.as_str().unwrap().contains("\naxess_lockouts_total{lever=\"user\"} "), "{metrics}");
}

#[tokio::test]
async fn other_sites_cannot_act_for_a_user() {
    let home = Home::new();
    let site = home.start();
    let browser = Browser::at(&site);
    let form = json!({"username": "alice", "password": "purple otters juggle at noon"});
    let logged_in = browser.send(Method::POST, "/login", Some(form)).await;
    let cookie = logged_in.cookies().find(|cookie| cookie.name() == "session").unwrap();
    let cookie = format!("session={}", cookie.value());
    let plain = Client::builder().no_proxy().build().unwrap();
    let forged = |headers: &[(&'static str, &str)]| {
        let request = plain.post(site.url("/logout")).header("cookie", &cookie);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send()
    };
    for headers in [
        &[][..],
        &[("origin", "https://evil.example.com")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ] {
        let refused = answer(forged(headers).await.unwrap()).await;
        assert_eq!((refused.0, &refused.1["code"]), (403, &json!("csrf_rejected")), "{headers:?}");
    }
    assert!(browser.is_in().await, "nothing was ended");
    assert_eq!(home.recorded("CsrfRejected").len(), 5);
    assert_eq!(forged(&[("origin", &site.url(""))]).await.unwrap().status(), 200);
    assert!(!browser.is_in().await);
}

#[tokio::test]
async fn misplaced_and_malformed_requests_are_the_callers_fault() {
    let site = Home::new().start();
    let (guest, alice) = (Browser::at(&site), Browser::at(&site));
    alice.log_in_as_alice().await;
    for path in ["/signup", "/signup/code", "/password/forgotten", "/password/forgotten/code"] {
        assert_eq!(alice.post(path, json!({})).await.0, 409, "{path}");
        assert!((400..500).contains(&guest.post(path, json!([])).await.0), "{path}");
    }
    assert_eq!(guest.code("/signup/code", "12345678").await.0, 401, "nobody signs up");
    let huge = json!({"username": "alice", "password": "x".repeat(20_000)});
    assert_eq!(guest.post("/login", huge).await.0, 413);
    for address in ["nobody", "a@b@c", "a\nbcc: x@example.com", ""] {
        let signup = guest.post("/signup", json!({"email": address, "password": PASSWORD})).await;
        assert_eq!(signup.0, 422, "{address:?}: {signup:?}");
    }
    for name in ["", "a\u{0}b", "a b", &"x".repeat(10_000)] {
        assert_eq!(guest.log_in(name, PASSWORD).await, refused(), "{name:?}");
    }
    assert_eq!(guest.get("/nowhere").await.0, 404);
    assert!(alice.is_in().await);
}
