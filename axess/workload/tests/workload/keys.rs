//! Keys that are late, gone, replaced, too many, or asked for by names nobody has.

use super::ground::{Ground, RSA, said};
use axess_jose::{Algorithm, FetchError, JwksPolicy, SigningKey};
use axess_workload::{JwtSvidError, JwtSvidFault};
use serde_json::json;
use std::{sync::Arc, time::Duration};

#[tokio::test]
async fn keys_that_cannot_be_had_are_nobodys_fault_who_calls() {
    let ground = Ground::new();
    ground.published.is_down();
    let refused = ground.resolve(&ground.good()).await.unwrap_err();
    assert!(matches!(&refused, JwtSvidError::KeysUnavailable(_)), "{refused:?}");
    assert_eq!(refused.fault(), JwtSvidFault::Backend);
    // Ten megabytes, and what is no set.
    for (row, bytes) in
        [("too large", vec![b' '; 10_000_000]), ("no JSON", b"<html>".to_vec()), ("empty", vec![])]
    {
        ground.later(6);
        ground.published.bytes(bytes);
        assert_eq!(said(&ground.resolve(&ground.good()).await), "KeysUnavailable", "{row}");
    }
    ground.later(6);
    ground.published.bytes(vec![b' '; 10_000_000]);
    let Err(JwtSvidError::KeysUnavailable(cause)) = ground.resolve(&ground.good()).await else { panic!() };
    assert!(matches!(*cause, FetchError::TooLarge), "{cause:?}");
    ground.later(6);
    ground.published.keys(&[ground.key.public_jwk()]);
    assert_eq!(said(&ground.resolve(&ground.good()).await), "good");
}

#[tokio::test]
async fn a_trust_domain_that_is_down_for_a_while_is_still_believed() {
    let ground = Ground::with(
        |_| {},
        |resolver| {
            let policy = JwksPolicy { keep_stale: Duration::from_secs(7_200), ..JwksPolicy::default() };
            resolver.with_jwks_policy(policy)
        },
    );
    assert_eq!(said(&ground.resolve(&ground.good()).await), "good");
    ground.published.is_down();
    ground.later(7_199);
    assert_eq!(said(&ground.resolve(&ground.good()).await), "good");
    ground.later(6);
    assert_eq!(said(&ground.resolve(&ground.good()).await), "KeysUnavailable");
}

#[tokio::test]
async fn a_replaced_key_is_noticed_and_an_old_one_forgotten() {
    let ground = Ground::new();
    let old = ground.good();
    assert_eq!(said(&ground.resolve(&old).await), "good");
    let next = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("next");
    // Under the same name, too: the issuer was set up anew.
    let renamed = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("ec");
    ground.published.keys(&[next.public_jwk(), renamed.public_jwk()]);
    ground.later(5);
    let by_next = next.sign("JWT", &ground.claims()).unwrap();
    assert_eq!(said(&ground.resolve(&by_next).await), "good", "a new name asks for the keys anew");
    assert_eq!(said(&ground.resolve(&renamed.sign("JWT", &ground.claims()).unwrap()).await), "good");
    assert_eq!(said(&ground.resolve(&old).await), "SignatureInvalid");
    assert_eq!(ground.published.asked(), 2);
    let again = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("next");
    ground.published.keys(&[again.public_jwk()]);
    ground.later(5);
    assert_eq!(said(&ground.resolve(&again.sign("JWT", &ground.claims()).unwrap()).await), "good");
    assert_eq!(said(&ground.resolve(&by_next).await), "SignatureInvalid");
    ground.published.keys(&[]);
    ground.later(3_600);
    assert_eq!(said(&ground.resolve(&again.sign("JWT", &ground.claims()).unwrap()).await), "KeyNotFound");
}

#[tokio::test]
async fn made_up_names_cost_one_request_in_five_seconds() {
    let ground = Ground::new();
    assert_eq!(said(&ground.resolve(&ground.good()).await), "good");
    for round in 1..=3 {
        ground.later(5);
        for n in 0..500 {
            let header = json!({ "alg": "ES256", "kid": format!("{round}-{n}") }).to_string();
            let token = ground.raw(&header, &ground.claims().to_string());
            assert_eq!(said(&ground.resolve(&token).await), "KeyNotFound");
        }
        assert_eq!(ground.published.asked(), 1 + round, "round {round}");
        assert_eq!(said(&ground.resolve(&ground.good()).await), "good", "who is honest notices nothing");
    }
}

#[tokio::test]
async fn wrong_signatures_cost_one_request_in_five_seconds() {
    let ground = Ground::new();
    let good = ground.good();
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    assert_eq!(said(&ground.resolve(&good).await), "good");
    for round in 1..=3 {
        ground.later(5);
        for _ in 0..200 {
            assert_eq!(said(&ground.resolve(&forged).await), "SignatureInvalid");
        }
        assert_eq!(ground.published.asked(), 1 + round, "round {round}");
    }
}

#[tokio::test]
async fn everybody_waits_for_the_same_slow_answer() {
    let ground = Arc::new(Ground::new());
    let slow = ground.published.is_slow();
    let token = ground.good();
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let (ground, token) = (Arc::clone(&ground), token.clone());
            tokio::spawn(async move { said(&ground.resolve(&token).await) })
        })
        .collect();
    // All of them have asked, and none has an answer.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(asking.iter().all(|one| !one.is_finished()));
    slow.notify_one();
    for one in asking {
        assert_eq!(one.await.unwrap(), "good");
    }
    assert_eq!(ground.published.asked(), 1);
}

#[tokio::test]
async fn a_caller_who_gives_up_leaves_nothing_broken() {
    let ground = Ground::new();
    let slow = ground.published.is_slow();
    let token = ground.good();
    let gave_up = tokio::time::timeout(Duration::from_millis(20), ground.resolve(&token)).await;
    assert!(gave_up.is_err());
    slow.notify_one();
    assert_eq!(said(&ground.resolve(&token).await), "good");
}

#[tokio::test]
async fn a_token_that_ends_while_keys_are_waited_for_is_over() {
    let ground = Arc::new(Ground::new());
    let slow = ground.published.is_slow();
    let (asking, token) = (Arc::clone(&ground), ground.good());
    let asking = tokio::spawn(async move { said(&asking.resolve(&token).await) });
    while ground.published.asked() == 0 {
        assert!(!asking.is_finished());
        tokio::task::yield_now().await;
    }
    ground.later(600);
    slow.notify_one();
    assert_eq!(asking.await.unwrap(), "Expired");
}

/// What a SPIFFE bundle endpoint serves: keys for both kinds of SVID.
#[tokio::test]
async fn a_bundle_of_spiffe_is_a_source_of_keys() {
    let ground = Ground::new();
    let with = |usage: &str| {
        let mut jwk = ground.key.public_jwk();
        let members = jwk.as_object_mut().unwrap();
        members.remove("alg");
        members.insert("use".to_owned(), usage.into());
        jwk
    };
    let mut x509 = RSA.public_jwk();
    x509["use"] = "x509-svid".into();
    ground.published.bytes(
        json!({ "keys": [x509, with("jwt-svid")], "spiffe_sequence": 12, "spiffe_refresh_hint": 300 })
            .to_string(),
    );
    assert_eq!(said(&ground.resolve(&ground.good()).await), "good");
    let by_x509 = RSA.sign("JWT", &ground.claims()).unwrap();
    assert_eq!(said(&ground.resolve(&by_x509).await), "KeyNotFound", "a key for certificates signs no token");
    for (usage, why) in [("x509-svid", "KeyNotFound"), ("enc", "KeyNotFound"), ("jwt-svid", "good")] {
        ground.published.keys(&[with(usage)]);
        ground.later(301);
        assert_eq!(said(&ground.resolve(&ground.good()).await), why, "{usage}: the hint is obeyed");
    }
}
