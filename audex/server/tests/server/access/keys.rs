//! The keys with which approvers sign.

use super::door::Door;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

fn jwk() -> Value {
    let pair = Ed25519KeyPair::generate().unwrap();
    json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.public_key()) })
}

#[tokio::test]
async fn keys_are_added_listed_and_removed_by_their_owner() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let bob = door.invited(&admin, "bob@example.com", &[]).await;
    let first = jwk();
    let added = admin.browser.post("/me/keys", json!({ "name": "laptop", "jwk": first })).await;
    assert_eq!(added.status, 201, "{added:?}");
    let id = added.body["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 43);
    assert_eq!(added.body["jwk"]["x"], first["x"]);
    assert_eq!(
        admin.browser.post("/me/keys", json!({ "name": "again", "jwk": first })).await.code(),
        (409, "conflict")
    );
    // A key is one person's.
    assert_eq!(
        bob.browser.post("/me/keys", json!({ "name": "mine", "jwk": first })).await.code(),
        (409, "conflict")
    );
    assert_eq!(bob.browser.delete(&format!("/me/keys/{id}")).await.status, 404);
    assert_eq!(bob.browser.get("/me/keys").await.body, json!({ "items": [] }));
    for _ in 1..8 {
        assert_eq!(admin.browser.post("/me/keys", json!({ "name": "more", "jwk": jwk() })).await.status, 201);
    }
    assert_eq!(
        admin.browser.post("/me/keys", json!({ "name": "nine", "jwk": jwk() })).await.code(),
        (409, "too_many")
    );
    assert_eq!(admin.browser.get("/me/keys").await.body["items"].as_array().unwrap().len(), 8);
    assert_eq!(admin.browser.delete(&format!("/me/keys/{id}")).await.status, 204);
    assert_eq!(admin.browser.get("/me/keys").await.body["items"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn a_private_key_is_sent_back() {
    let door = Door::new().await;
    let admin = door.admin().await;
    let mut private = jwk();
    private["d"] = json!("c2VjcmV0");
    for jwk in [private, json!("x"), json!([]), json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" })] {
        let answer = admin.browser.post("/me/keys", json!({ "name": "x", "jwk": jwk })).await;
        assert_eq!((answer.code(), answer.body["field"].as_str()), ((400, "invalid_request"), Some("jwk")));
        assert!(!answer.body.to_string().contains("c2VjcmV0"));
    }
    assert_eq!(admin.browser.post("/me/keys", json!({ "name": "x" })).await.code(), (400, "invalid_request"));
}
