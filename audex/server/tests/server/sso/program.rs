//! The login of a program on the machine of the browser.

use crate::{
    access::door::{Browser, Door},
    site::approvals,
};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const THERE: &str = "http://127.0.0.1:49152/login";
const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more-";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

fn asking(redirect_uri: &str) -> String {
    format!(
        "/login/program?redirect_uri={redirect_uri}&state=s-1&code_challenge={}&code_challenge_method=S256&client=laptop&scope=read",
        challenge()
    )
}

/// Opens the page and returns the token of its form.
async fn page(browser: &Browser, path: &str) -> (String, String) {
    let answer = browser.send(Method::GET, path, None, &[("accept", "text/html")]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let policy = answer.header("content-security-policy").unwrap().to_owned();
    let text = answer.body.as_str().unwrap();
    let (_, rest) = text.split_once("name=\"csrf\" value=\"").unwrap();
    (rest.split('"').next().unwrap().to_owned(), policy)
}

async fn decide(
    browser: &Browser,
    csrf: &str,
    redirect_uri: &str,
    decision: &str,
) -> crate::access::door::Answer {
    let challenge = challenge();
    let fields = [
        ("csrf", csrf),
        ("redirect_uri", redirect_uri),
        ("state", "s-1"),
        ("code_challenge", &challenge),
        ("client", "laptop"),
        ("scope", "read"),
        ("decision", decision),
    ];
    browser.form("/console/program", &fields).await
}

async fn redeem(door: &Door, code: &str, verifier: &str, redirect_uri: &str) -> (u16, Value) {
    let body = json!({ "code": code, "code_verifier": verifier, "redirect_uri": redirect_uri });
    let answer = door.browser().post("/login/program/token", body).await;
    (answer.status, answer.body)
}

fn code_of(location: &str) -> String {
    let (_, rest) = location.split_once("?code=").unwrap_or_else(|| panic!("{location}"));
    rest.split('&').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_program_gets_a_token_by_way_of_the_browser() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let (csrf, policy) = page(&admin.browser, &asking(THERE)).await;
    assert!(policy.contains("form-action 'self' http://127.0.0.1:49152;"), "{policy}");
    let answer = decide(&admin.browser, &csrf, THERE, "allow").await;
    let location = answer.header("location").unwrap();
    assert!(
        location.starts_with("http://127.0.0.1:49152/login?code=") && location.ends_with("&state=s-1"),
        "{location}"
    );
    let code = code_of(location);
    let (status, given) = redeem(&door, &code, VERIFIER, THERE).await;
    assert_eq!((status, &given["scope"]), (200, &json!("read")), "{given}");
    let token = given["access_token"].as_str().unwrap();
    assert_eq!(door.get("/me", token).await.body["identity"], "admin@example.com");
    assert_eq!(redeem(&door, &code, VERIFIER, THERE).await.0, 400, "once");
}

#[tokio::test]
async fn a_stolen_code_gets_nothing() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let (csrf, _) = page(&admin.browser, &asking(THERE)).await;
    for (verifier, there, wait) in [
        ("another-verifier-of-forty-three-characters-or", THERE, 0),
        ("short", THERE, 0),
        (VERIFIER, "http://127.0.0.1:49153/login", 0),
        (VERIFIER, THERE, 61),
    ] {
        let answer = decide(&admin.browser, &csrf, THERE, "allow").await;
        let code = code_of(answer.header("location").unwrap());
        door.clock.jump(TimeDelta::seconds(wait));
        let (status, body) = redeem(&door, &code, verifier, there).await;
        assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")), "{verifier} {there}");
        // Whoever showed it used it up.
        assert_eq!(redeem(&door, &code, VERIFIER, THERE).await.0, 400);
    }
    assert_eq!(redeem(&door, "made-up", VERIFIER, THERE).await.1["error"], "invalid_grant");
    let denied = decide(&admin.browser, &csrf, THERE, "deny").await;
    assert_eq!(denied.header("location"), Some("http://127.0.0.1:49152/login?error=access_denied&state=s-1"));
}

#[tokio::test]
async fn the_browser_is_sent_nowhere_else() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let (csrf, _) = page(&admin.browser, &asking(THERE)).await;
    for evil in [
        "https://evil.example/x",
        "http://127.0.0.1:1@evil.example/",
        "http://localhost:1/",
        "/console",
        "javascript:alert(1)",
    ] {
        let shown = admin.browser.get(&asking(evil)).await;
        assert_eq!(
            (shown.code(), &shown.body["field"]),
            ((400, "invalid_request"), &json!("redirect_uri")),
            "{evil}"
        );
        let answer = decide(&admin.browser, &csrf, evil, "allow").await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{evil}");
    }
    let plain = asking(THERE).replace("S256", "plain");
    assert_eq!(admin.browser.get(&plain).await.body["field"], "code_challenge_method");
    // Another site cannot answer for somebody.
    let forged = decide(&admin.browser, "made-up", THERE, "allow").await;
    assert_eq!(forged.status, 403);
    // Long after the login it asks for the second factor first.
    door.clock.jump(TimeDelta::minutes(16));
    let late = admin.browser.send(Method::GET, &asking(THERE), None, &[("accept", "text/html")]).await;
    assert_eq!(late.status, 303);
    let next = late.header("location").unwrap();
    assert!(next.starts_with("/login/totp?next=/login/program%3F"), "{next}");
}

/// What the page says of a key that the program brings.
#[tokio::test]
async fn the_page_says_what_becomes_of_the_key() {
    let door = Door::with(|settings| settings.rules = approvals(1)).await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &["security"]).await;
    let jwk = || {
        let pair = Ed25519KeyPair::generate().unwrap();
        json!({ "crv": "Ed25519", "kty": "OKP", "x": URL_SAFE_NO_PAD.encode(pair.public_key()) })
    };
    let own = jwk();
    let x = own["x"].as_str().unwrap();
    let encoded = format!("%7B%22crv%22:%22Ed25519%22,%22kty%22:%22OKP%22,%22x%22:%22{x}%22%7D");
    let shown = async |browser: &Browser, scope: &str| {
        let path =
            format!("{}&jwk={encoded}", asking(THERE).replace("scope=read", &format!("scope={scope}")));
        let answer = browser.send(Method::GET, &path, None, &[("accept", "text/html")]).await;
        let text = answer.body.as_str().unwrap().to_owned();
        (text.contains("It adds"), text.contains("takes no more"))
    };
    assert_eq!(shown(&bob.browser, "read+approve").await, (true, false));
    assert_eq!(shown(&bob.browser, "read").await, (false, false));
    assert_eq!(
        shown(&admin.browser, "read+approve").await,
        (false, false),
        "who approves nothing signs nothing"
    );
    let keys = async || bob.browser.get("/me/keys").await.body["items"].as_array().unwrap().len();
    let allow = async |scope: &str| {
        let (csrf, _) = page(&bob.browser, &asking(THERE)).await;
        let (challenge, jwk) = (challenge(), own.to_string());
        let fields = [
            ("csrf", csrf.as_str()),
            ("redirect_uri", THERE),
            ("state", "s-1"),
            ("code_challenge", &challenge),
            ("client", "laptop"),
            ("scope", scope),
            ("jwk", &jwk),
            ("decision", "allow"),
        ];
        assert_eq!(bob.browser.form("/console/program", &fields).await.status, 303);
        keys().await
    };
    assert_eq!(allow("read").await, 0);
    assert_eq!(allow("read approve").await, 1);
    assert_eq!(allow("read approve").await, 1);
    assert_eq!(shown(&bob.browser, "read+approve").await, (false, false), "it is there");
    let cleo = door.invited(&admin, "cleo@example.com", &["security"]).await;
    let path = format!("{}&jwk={encoded}", asking(THERE).replace("scope=read", "scope=approve"));
    let taken = cleo.browser.send(Method::GET, &path, None, &[("accept", "text/html")]).await;
    assert!(taken.body.as_str().unwrap().contains("belongs to another account"), "{taken:?}");
    let id = bob.browser.get("/me/keys").await.body["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(bob.browser.delete(&format!("/me/keys/{id}")).await.status, 204);
    for name in 0..8 {
        let body = json!({ "name": format!("key {name}"), "jwk": jwk() });
        assert_eq!(bob.browser.post("/me/keys", body).await.status, 201);
    }
    assert_eq!(shown(&bob.browser, "read+approve").await, (false, true));
    assert_eq!(allow("read approve").await, 8);
    let begin = json!({ "client": "laptop", "scope": "read approve", "jwk": own });
    let begun = door.browser().post("/login/device", begin).await;
    let code = json!({ "user_code": begun.body["user_code"] });
    let looked = bob.browser.post("/login/device/look", code).await;
    assert!(looked.status == 200 && looked.body.get("key").is_none(), "{looked:?}");
}
