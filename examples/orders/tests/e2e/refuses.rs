use crate::{
    issuer::{AUDIENCE, granting, issuer, token},
    service::Service,
};
use axess_local_idp::{LocalIdp, MintClaims};
use chrono::TimeDelta;
use reqwest::Method;
use std::time::Duration;

const ISSUER: &str = "http://127.0.0.1:7425";

fn everything() -> MintClaims {
    granting(&["orders:*"], &["*"])
}

async fn read(service: &Service, token: &str) -> u16 {
    service.status(token, Method::GET, "/orders/eu/17").await
}

/// Replaces a part of a token: header, claims or signature.
fn with_part(token: &str, index: usize, part: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[index] = part;
    parts.join(".")
}

#[tokio::test]
async fn only_good_tokens_of_the_issuer_count() {
    let (ours, other) = (issuer(ISSUER).await, issuer(ISSUER).await);
    let service = Service::of(&ours, ISSUER).await;
    let good = token(&ours, everything()).await;
    assert_eq!(read(&service, &good).await, 200);

    let weaker = token(&ours, granting(&["orders:Read"], &["us/*"])).await;
    let claims = good.split('.').nth(1).unwrap();
    let elsewhere = MintClaims::access_token("a", "b", TimeDelta::minutes(1)).with_audience("other");
    let plain = MintClaims::new("a", TimeDelta::minutes(1)).with_audience(AUDIENCE);
    let table = [
        ("signed with another key", token(&other, everything()).await),
        ("for another audience", token(&ours, elsewhere).await),
        ("of another type", token(&ours, plain).await),
        ("claims of another token", with_part(&weaker, 1, claims)),
        // {"alg":"none","typ":"at+jwt"} and the same with HS256
        ("not signed", with_part(&good, 0, "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0")),
        ("signed with a shared key", with_part(&good, 0, "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9")),
        ("without a signature", with_part(&good, 2, "")),
        ("no token", "lanterns".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, token) in table {
        assert_eq!(read(&service, &token).await, 401, "{what}");
    }
    for header in [None, Some(good.as_str()), Some("Basic YTpi"), Some("Bearer")] {
        let answer = service.ask(Method::GET, "/orders/eu/17", header).await;
        assert_eq!(answer.status(), 401, "{header:?}");
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    }
}

#[tokio::test]
async fn another_issuers_name_is_refused() {
    let issuer = issuer("http://127.0.0.1:7426").await;
    let service = Service::of(&issuer, ISSUER).await;
    assert_eq!(read(&service, &token(&issuer, everything()).await).await, 401);
}

#[tokio::test]
async fn a_token_ends() {
    let issuer = issuer(ISSUER).await;
    let service = Service::of(&issuer, ISSUER).await;
    let details = serde_json::json!([{ "type": "audex", "actions": ["orders:*"], "locations": ["*"] }]);
    let short = MintClaims::access_token("a", "b", TimeDelta::seconds(6));
    let token = token(&issuer, short.with_audience(AUDIENCE).with_authorization_details(details)).await;
    assert_eq!(read(&service, &token).await, 200);
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(read(&service, &token).await, 401);
}

#[tokio::test]
async fn without_keys_nobody_is_let_in_and_nobody_is_sent_away_for_good() {
    let issuer = issuer(ISSUER).await;
    let service = Service::start(ISSUER, None);
    let token = token(&issuer, everything()).await;
    assert_eq!(read(&service, &token).await, 503);
    service.publish(&issuer).await;
    assert_eq!(read(&service, &token).await, 503, "strangers can make it read the keys again and again");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(read(&service, &token).await, 200);
}

#[tokio::test]
async fn keys_come_over_http_and_new_ones_are_found() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ours: LocalIdp = issuer(&url).await;
    let router = ours.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let service = Service::start(&url, Some(&format!("{url}/jwks.json")));
    assert_eq!(read(&service, &token(&ours, everything()).await).await, 200);
    let old = token(&ours, everything()).await;
    ours.rotate().await.unwrap();
    let new = token(&ours, everything()).await;
    assert_ne!(old.split('.').next(), new.split('.').next(), "both were signed with one key");
    assert_eq!(read(&service, &new).await, 401, "strangers can make it ask for the keys again and again");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(read(&service, &new).await, 200);
    assert_eq!(read(&service, &old).await, 200);
}
