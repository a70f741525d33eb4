//! Downgrades of the FAPI 2.0 profile, by a provider or by whoever stands in its place.

use axess_factors::federated::{FederationError, FederationOptions};
use axess_jose::{Algorithm, SigningKey};
use axess_oauth::{ClientAuth, FapiConfig, OAuthProviderConfig, SenderConstraint};
use serde_json::{Value, json};
use std::sync::Arc;

use super::is_weaker;
use crate::hostile::{CALLBACK, CLIENT, Hostile, Login, Reply};

fn config(hostile: &Hostile, fapi: FapiConfig) -> OAuthProviderConfig {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    OAuthProviderConfig::discover(&hostile.base, CLIENT, ClientAuth::PrivateKeyJwt(Arc::new(key)), CALLBACK)
        .with_userinfo(false)
        .with_fapi(fapi)
}

async fn begin(hostile: &Hostile, fapi: FapiConfig) -> Result<Login<'_>, FederationError> {
    hostile.reply("/par", Reply::new(201, "application/json", r#"{"request_uri":"urn:x","expires_in":60}"#));
    Login::begin_with(hostile, config(hostile, fapi), &FederationOptions::default()).await
}

#[tokio::test]
async fn a_provider_that_cannot_do_it_is_refused_at_the_beginning() {
    let hostile = Hostile::start().await;
    let dpop = FapiConfig::new(SenderConstraint::DPoP);
    assert!(begin(&hostile, dpop).await.is_ok());
    let jarm = FapiConfig { require_jarm: true, ..dpop };
    type Change = fn(&mut Value);
    let cases: [(FapiConfig, Change); 6] = [
        (dpop, |it| it["pushed_authorization_request_endpoint"] = Value::Null),
        (dpop, |it| it["authorization_response_iss_parameter_supported"] = json!(false)),
        (dpop, |it| it["dpop_signing_alg_values_supported"] = json!(["RS256"])),
        (dpop, |it| it["dpop_signing_alg_values_supported"] = Value::Null),
        (jarm, |it| it["response_modes_supported"] = json!(["query"])),
        (dpop, |it| it["code_challenge_methods_supported"] = json!(["plain"])),
    ];
    for (fapi, change) in cases {
        hostile.describe(change);
        let refused = begin(&hostile, fapi).await.err().unwrap();
        assert!(is_weaker(&refused), "{refused:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_nothing_is_refused() {
    let hostile = Hostile::start().await;
    let login = begin(&hostile, FapiConfig::new(SenderConstraint::DPoP)).await.unwrap();
    let key = axess_oauth::DpopKey::from_secret(&login.pending.private["dpop_key"].as_str().unwrap().into())
        .unwrap();
    let token = |cnf: Value| hostile.key.sign("at+jwt", &json!({ "sub": "alice", "cnf": cnf })).unwrap();
    let bound = token(json!({ "jkt": key.thumbprint() }));
    let opaque = "opaque".to_owned();
    let serve = |kind: &str, access_token: &str| {
        let mut claims = login.claims();
        claims["at_hash"] = json!(Algorithm::Es256.half_hash(access_token));
        let id_token = hostile.key.sign("JWT", &claims).unwrap();
        login.answer_code(|it| {
            (it["token_type"], it["access_token"], it["id_token"]) =
                (json!(kind), json!(access_token), json!(id_token));
        });
    };
    for good in [&bound, &opaque] {
        serve("DPoP", good);
        assert_eq!(login.complete().await.unwrap().tokens.unwrap().token_type, "DPoP");
    }
    let weak = [
        ("Bearer", bound.clone()),
        ("Bearer", opaque),
        ("DPoP", token(Value::Null)),
        ("DPoP", token(json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }))),
        ("DPoP", token(json!({ "x5t#S256": key.thumbprint() }))),
    ];
    for (kind, access_token) in weak {
        serve(kind, &access_token);
        let refused = login.complete().await.expect_err(kind);
        assert!(is_weaker(&refused), "{kind}: {refused:?}");
    }
}

#[tokio::test]
async fn an_id_token_lives_shortly_and_an_answer_names_its_issuer() {
    let hostile = Hostile::start().await;
    let fapi = FapiConfig { max_id_token_lifetime_secs: 120, ..FapiConfig::new(SenderConstraint::DPoP) };
    let login = begin(&hostile, fapi).await.unwrap();
    let complete = async |lifetime: i64| {
        let mut claims = login.claims();
        claims["exp"] = json!(claims["iat"].as_i64().unwrap() + lifetime);
        let id_token = hostile.key.sign("JWT", &claims).unwrap();
        login.answer_code(|it| (it["token_type"], it["id_token"]) = (json!("DPoP"), json!(id_token)));
        login.complete().await
    };
    assert!(complete(120).await.is_ok());
    assert!(is_weaker(&complete(121).await.unwrap_err()));
    let mut parameters = login.parameters();
    parameters.retain(|(name, _)| name != "iss");
    assert!(matches!(login.complete_with(parameters).await, Err(FederationError::MixUp)));
}

#[tokio::test]
async fn a_pushed_request_needs_a_name() {
    let hostile = Hostile::start().await;
    let begin = async |reply: Reply| {
        hostile.reply("/par", reply);
        let config = config(&hostile, FapiConfig::new(SenderConstraint::DPoP));
        Login::begin_with(&hostile, config, &FederationOptions::default()).await.err()
    };
    let long = format!(r#"{{"request_uri":"{}"}}"#, "x".repeat(3_000));
    for body in [r#"{"request_uri":""}"#, &long] {
        let refused = begin(Reply::new(201, "application/json", body)).await.unwrap();
        assert!(matches!(refused, FederationError::Malformed { .. }), "{refused:?}");
    }
    let refused = begin(Reply::new(201, "application/json", "{}")).await.unwrap();
    assert!(matches!(refused, FederationError::Unavailable { .. }), "{refused:?}");
    let refused = begin(Reply::new(401, "application/json", r#"{"error":"invalid_client"}"#)).await.unwrap();
    assert!(matches!(refused, FederationError::ClientRejected { .. }), "{refused:?}");
}
