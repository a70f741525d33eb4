//! Downgrades of the FAPI 2.0 profile, by a provider or by whoever stands in its place.

use axess_factors::federated::{FederationError, FederationOptions};
use axess_jose::{Algorithm, Expectations, SigningKey, TypRule, VerificationKey, s256, verify};
use axess_oauth::{
    ClientAssertionAudience, ClientAuth, ClientCertificate, FapiConfig, OAuthProviderConfig, SenderConstraint,
};
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc};

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
async fn signed_answers_that_the_profile_leaves_open_are_demanded_where_they_are_asked_for() {
    let hostile = Hostile::start().await;
    hostile.reply("/par", Reply::new(201, "application/json", r#"{"request_uri":"urn:x","expires_in":60}"#));
    let begin = async || {
        let config = config(&hostile, FapiConfig::new(SenderConstraint::DPoP)).with_signed_responses();
        Login::begin_with(&hostile, config, &FederationOptions::default()).await.map(drop)
    };
    hostile.describe(|it| it["response_modes_supported"] = json!(["query"]));
    assert!(is_weaker(&begin().await.unwrap_err()), "it signs none");
    hostile.describe(|it| it["authorization_response_iss_parameter_supported"] = json!(false));
    begin().await.expect("a signed answer names its issuer");
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

#[tokio::test]
async fn a_pushed_request_lives_shortly_and_was_made() {
    let hostile = Hostile::start().await;
    let begin = async |is_fapi: bool, status: u16, body: &str| {
        hostile.reply("/par", Reply::new(status, "application/json", body));
        let config = match is_fapi {
            true => config(&hostile, FapiConfig::new(SenderConstraint::DPoP)),
            false => hostile.config().with_pushed_requests(),
        };
        Login::begin_with(&hostile, config, &FederationOptions::default()).await.map(drop)
    };
    let body = |expires_in: &str| format!(r#"{{"request_uri":"urn:x"{expires_in}}}"#);
    for (expires_in, fapi_takes, others_take) in [
        (r#","expires_in":1"#, true, true),
        (r#","expires_in":599"#, true, true),
        (r#","expires_in":600"#, false, true),
        (r#","expires_in":18446744073709551615"#, false, true),
        ("", false, true),
        (r#","expires_in":0"#, false, false),
        (r#","expires_in":-1"#, false, false),
        (r#","expires_in":"soon""#, false, false),
    ] {
        assert_eq!(begin(true, 201, &body(expires_in)).await.is_ok(), fapi_takes, "FAPI {expires_in}");
        assert_eq!(begin(false, 201, &body(expires_in)).await.is_ok(), others_take, "{expires_in}");
    }
    assert!(is_weaker(&begin(true, 201, &body(r#","expires_in":600"#)).await.unwrap_err()));
    // RFC 9126 §2.2 has 201; who is not strict takes 200, and nobody takes anything else.
    let good = body(r#","expires_in":60"#);
    for (status, fapi_takes, others_take) in [(201, true, true), (200, false, true), (202, false, false)] {
        assert_eq!(begin(true, status, &good).await.is_ok(), fapi_takes, "FAPI {status}");
        assert_eq!(begin(false, status, &good).await.is_ok(), others_take, "{status}");
    }
}

#[tokio::test]
async fn an_assertion_of_ours_is_for_the_issuer_alone_and_for_one_try() {
    let hostile = Hostile::start().await;
    // A server that always wants another nonce is asked twice.
    let wants = Reply::new(400, "application/json", r#"{"error":"use_dpop_nonce"}"#);
    let nonce = ("dpop-nonce", "a-nonce".to_owned());
    hostile.reply("/par", Reply { headers: [wants.headers.clone(), vec![nonce]].concat(), ..wants });
    let key = Arc::new(SigningKey::generate(Algorithm::Es256).unwrap());
    let auth = ClientAuth::PrivateKeyJwt(key.clone());
    let config = OAuthProviderConfig::discover(&hostile.base, CLIENT, auth, CALLBACK)
        .with_fapi(FapiConfig::new(SenderConstraint::DPoP));
    assert!(Login::begin_with(&hostile, config, &FederationOptions::default()).await.is_err());
    let bodies = hostile.seen("/par");
    assert_eq!(bodies.len(), 2, "one login, and two tries");
    let (key, mut seen) = (VerificationKey::from_jwk(&key.public_jwk()).unwrap(), HashSet::new());
    for body in bodies {
        let form = reqwest::Url::parse(&format!("http://x/?{body}")).unwrap();
        let given = |name: &str| {
            let found: Vec<_> = form.query_pairs().filter(|(other, _)| other == name).collect();
            assert_eq!(found.len(), 1, "{name}");
            found[0].1.clone().into_owned()
        };
        assert_eq!(given("client_id"), CLIENT);
        assert_eq!(given("client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        let expected = Expectations {
            typ: TypRule::Any,
            ..Expectations::new(CLIENT, &hostile.base, &[Algorithm::Es256])
        };
        let now = axess_clock::Clock::now(&hostile.clock);
        let claims = verify(&given("client_assertion"), &key, &expected, now).unwrap();
        // One text: a list could name another server too.
        assert_eq!(claims.get("aud"), Some(&json!(hostile.base)));
        assert_eq!((claims.str("iss"), claims.str("sub")), (Some(CLIENT), Some(CLIENT)));
        let (issued, expires) = (claims.time("iat").unwrap(), claims.time("exp").unwrap());
        assert_eq!(((expires - issued).num_seconds(), issued.timestamp()), (60, now.timestamp()));
        assert!(seen.insert(claims.str("jti").unwrap().to_owned()), "an assertion came twice");
    }
}

/// A client certificate, and how tokens name it.
fn certificate() -> (ClientCertificate, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap().self_signed(&key).unwrap();
    (ClientCertificate::new(made.pem(), key.serialize_pem()), s256(made.der()))
}

#[tokio::test]
async fn a_token_that_is_bound_to_another_certificate_is_refused() {
    let mut hostile = Hostile::start().await;
    let (own, thumbprint) = certificate();
    hostile.certificate = Some(own);
    let login = begin(&hostile, FapiConfig::new(SenderConstraint::Mtls)).await.unwrap();
    let serve = |kind: &str, cnf: Option<Value>| {
        let mut claims = json!({ "sub": "alice" });
        if let Some(cnf) = cnf {
            claims["cnf"] = cnf;
        }
        let access_token = hostile.key.sign("at+jwt", &claims).unwrap();
        let mut claims = login.claims();
        claims["at_hash"] = json!(Algorithm::Es256.half_hash(&access_token));
        let id_token = hostile.key.sign("JWT", &claims).unwrap();
        login.answer_code(|it| {
            (it["token_type"], it["access_token"], it["id_token"]) =
                (json!(kind), json!(access_token), json!(id_token));
        });
    };
    serve("Bearer", Some(json!({ "x5t#S256": thumbprint })));
    assert_eq!(login.complete().await.unwrap().tokens.unwrap().token_type, "Bearer");
    let (_, foreign) = certificate();
    for cnf in [
        None,
        Some(json!(null)),
        Some(json!({})),
        Some(json!({ "x5t#S256": foreign })),
        Some(json!({ "x5t#S256": thumbprint.to_uppercase() })),
        Some(json!({ "x5t#S256": [thumbprint] })),
        Some(json!({ "x5t#S256": null })),
        Some(json!({ "jkt": thumbprint })),
        Some(json!({ "x5t": thumbprint })),
        Some(json!(thumbprint)),
    ] {
        serve("Bearer", cnf.clone());
        let refused = login.complete().await.expect_err("a token that others could use");
        assert!(is_weaker(&refused), "{cnf:?}: {refused:?}");
    }
    serve("DPoP", Some(json!({ "x5t#S256": thumbprint })));
    assert!(matches!(login.complete().await, Err(FederationError::Malformed { .. })));
}

#[tokio::test]
async fn an_assertion_is_for_the_token_endpoint_where_that_is_said() {
    for (audience, expected) in
        [(ClientAssertionAudience::Issuer, ""), (ClientAssertionAudience::TokenEndpoint, "/token")]
    {
        let hostile = Hostile::start().await;
        let key = Arc::new(SigningKey::generate(Algorithm::Es256).unwrap());
        let auth = ClientAuth::PrivateKeyJwt(key.clone());
        let config = OAuthProviderConfig::discover(&hostile.base, CLIENT, auth, CALLBACK)
            .with_pushed_requests()
            .with_client_assertion_audience(audience);
        hostile.reply("/par", Reply::new(400, "application/json", r#"{"error":"invalid_request"}"#));
        assert!(Login::begin_with(&hostile, config, &FederationOptions::default()).await.is_err());
        let body = hostile.seen("/par").pop().unwrap();
        let form = reqwest::Url::parse(&format!("http://x/?{body}")).unwrap();
        let assertion = form.query_pairs().find(|(name, _)| name == "client_assertion").unwrap().1;
        let claims = axess_jose::Jws::parse(&assertion, Default::default()).unwrap().unverified_claims();
        assert_eq!(claims.unwrap()["aud"], json!(format!("{}{expected}", hostile.base)), "{audience:?}");
    }
}
