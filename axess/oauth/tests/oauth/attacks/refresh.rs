//! What an ID token that comes with a refresh must have kept (OpenID Connect Core 1.0 §12.2).

use axess_factors::federated::{FederatedTokens, FederationError};
use serde_json::{Value, json};

use super::{Expected, is_malformed};
use crate::hostile::{CLIENT, Hostile, Login};

type Change = fn(&mut Value);

fn no_nonce(claims: &mut Value) {
    claims.as_object_mut().unwrap().remove("nonce");
}

const CASES: [(&str, Change, Option<Expected>); 10] = [
    ("the same nonce", |_| (), None),
    ("no nonce", no_nonce, None),
    ("another nonce", |it| it["nonce"] = json!("x"), Some(|e| matches!(e, FederationError::NonceMismatch))),
    (
        "a party that was not there",
        |it| it["azp"] = json!(CLIENT),
        Some(|e| matches!(e, FederationError::AudienceMismatch)),
    ),
    ("somebody else", |it| it["sub"] = json!("bob"), Some(is_malformed)),
    (
        "a later authentication",
        |it| it["auth_time"] = json!(it["auth_time"].as_i64().unwrap() + 1),
        Some(is_malformed),
    ),
    (
        "an earlier authentication",
        |it| it["auth_time"] = json!(it["auth_time"].as_i64().unwrap() - 1),
        Some(is_malformed),
    ),
    (
        "the same authentication, written otherwise",
        |it| it["auth_time"] = json!(it["auth_time"].as_f64().unwrap()),
        None,
    ),
    ("nothing of the authentication", |it| drop(it.as_object_mut().unwrap().remove("auth_time")), None),
    (
        "another issuer",
        |it| it["iss"] = json!("https://evil.example"),
        Some(|e| matches!(e, FederationError::IssuerMismatch)),
    ),
];

#[tokio::test]
async fn a_refreshed_token_keeps_user_party_and_nonce() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    login.answer_code(|answer| answer["refresh_token"] = json!("r"));
    let first = login.complete().await.unwrap().tokens.unwrap();
    for (name, change, expected) in CASES {
        let mut claims = login.claims();
        change(&mut claims);
        login.serve(&claims);
        match (login.provider.refresh(&first, "alice").await, expected) {
            (Ok(next), None) => {
                let kept = next.refresh_token.unwrap();
                assert!(kept.ct_eq("r") && next.id_token.is_some(), "{name}: the old one stays good");
            }
            (Err(refused), Some(expected)) if expected(&refused) => {}
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
    // Without the token of the login there is nothing a nonce could be compared with.
    let forgotten = FederatedTokens { id_token: None, ..first.clone() };
    login.serve(&login.claims());
    let refused = login.provider.refresh(&forgotten, "alice").await.unwrap_err();
    assert!(matches!(refused, FederationError::NonceMismatch), "{refused:?}");
    let mut claims = login.claims();
    no_nonce(&mut claims);
    login.serve(&claims);
    assert!(login.provider.refresh(&forgotten, "alice").await.is_ok());
    // Whose tokens they were is still known.
    claims["sub"] = json!("bob");
    login.serve(&claims);
    let refused = login.provider.refresh(&forgotten, "alice").await.unwrap_err();
    assert!(is_malformed(&refused), "{refused:?}");
    let none = FederatedTokens { refresh_token: None, ..first };
    let refused = login.provider.refresh(&none, "alice").await.unwrap_err();
    assert!(matches!(refused, FederationError::Configuration { .. }), "{refused:?}");
}
