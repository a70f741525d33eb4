use crate::{
    issuer::{access, granting, issuer, token, with_details},
    service::Service,
};
use reqwest::Method;
use serde_json::{Value, json};

const ISSUER: &str = "http://127.0.0.1:7425";

#[tokio::test]
async fn what_is_granted_is_done_and_nothing_else() {
    let issuer = issuer(ISSUER).await;
    let service = Service::of(&issuer, ISSUER).await;
    let reader = token(&issuer, granting(&["orders:Read"], &["eu/*"])).await;
    let answer = service.ask(Method::GET, "/orders/eu/17", Some(&format!("bearer {reader}"))).await;
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"item": "lanterns", "count": 9}));
    for (method, path, status) in [
        (Method::GET, "/orders/eu/99", 404),
        (Method::GET, "/orders/us/17", 403),
        (Method::GET, "/orders/us/99", 403),
        (Method::PUT, "/orders/eu/17", 403),
        (Method::DELETE, "/orders/eu/17", 403),
        (Method::GET, "/orders/eu", 403),
        // The path is decoded once, and what comes out is one name.
        (Method::GET, "/orders/us%2F17/..%2Feu", 403),
        (Method::GET, "/orders/*/17", 403),
    ] {
        assert_eq!(service.status(&reader, method.clone(), path).await, status, "{method} {path}");
    }
    let writer =
        token(&issuer, granting(&["orders:Write", "orders:Delete", "orders:List"], &["us/*", "us"])).await;
    for (method, path, status) in [
        (Method::PUT, "/orders/us/99", 204),
        (Method::GET, "/orders/us/99", 403),
        (Method::GET, "/orders/us", 200),
        (Method::DELETE, "/orders/us/99", 204),
        (Method::DELETE, "/orders/us/99", 404),
        (Method::DELETE, "/orders/eu/17", 403),
    ] {
        assert_eq!(service.status(&writer, method.clone(), path).await, status, "{method} {path}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_would_be_needed() {
    let issuer = issuer(ISSUER).await;
    let service = Service::of(&issuer, ISSUER).await;
    let nothing = token(&issuer, access()).await;
    let answer = service.ask(Method::GET, "/orders/eu/17", Some(&format!("Bearer {nothing}"))).await;
    assert_eq!(answer.status(), 403);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body, json!({"error": "insufficient_scope", "needs": "orders:Read=eu/17"}));
}

#[tokio::test]
async fn details_of_another_kind_grant_nothing() {
    let issuer = issuer(ISSUER).await;
    let service = Service::of(&issuer, ISSUER).await;
    for details in [
        json!([{ "type": "payment", "actions": ["orders:Read"], "locations": ["*"] }]),
        json!([{ "type": "audex", "actions": ["orders:Read"], "locations": [] }]),
        json!([{ "type": "audex", "actions": ["orders:Read"], "locations": ["*"], "unless": "x" }]),
    ] {
        let token = token(&issuer, with_details(details.clone())).await;
        assert_eq!(service.status(&token, Method::GET, "/orders/eu/17").await, 401, "{details}");
    }
}
