//! ID tokens that are somebody else's, of another time, or nobody's.

use axess_factors::federated::{FederationError, FederationOptions};
use axess_jose::{
    Algorithm, SigningKey,
    jwe::{ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement, encrypt},
};
use axess_rng::SystemRng;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};
use std::time::Duration;

use super::{Expected, is_malformed, is_weaker};
use crate::hostile::{CLIENT, Hostile, Login};

type Change = fn(&mut Value, i64);

const CASES: [(&str, Change, Expected); 24] = [
    ("another nonce", |it, _| it["nonce"] = json!("x"), |e| matches!(e, FederationError::NonceMismatch)),
    (
        "no nonce",
        |it, _| drop(it.as_object_mut().unwrap().remove("nonce")),
        |e| matches!(e, FederationError::NonceMismatch),
    ),
    (
        "a nonce that is no text",
        |it, _| it["nonce"] = json!([1]),
        |e| matches!(e, FederationError::NonceMismatch),
    ),
    (
        "another audience",
        |it, _| it["aud"] = json!("other"),
        |e| matches!(e, FederationError::AudienceMismatch),
    ),
    ("no audience", |it, _| drop(it.as_object_mut().unwrap().remove("aud")), is_malformed),
    (
        "an audience that begins like ours",
        |it, _| it["aud"] = json!("client2"),
        |e| matches!(e, FederationError::AudienceMismatch),
    ),
    (
        "several audiences without a party",
        |it, _| it["aud"] = json!([CLIENT, "other"]),
        |e| matches!(e, FederationError::AudienceMismatch),
    ),
    ("another party", |it, _| it["azp"] = json!("other"), |e| matches!(e, FederationError::AudienceMismatch)),
    (
        "several audiences and another party",
        |it, _| (it["aud"], it["azp"]) = (json!([CLIENT, "o"]), json!("o")),
        |e| matches!(e, FederationError::AudienceMismatch),
    ),
    (
        "a party that is no text",
        |it, _| it["azp"] = json!([CLIENT]),
        |e| matches!(e, FederationError::AudienceMismatch),
    ),
    (
        "another issuer",
        |it, _| it["iss"] = json!("https://evil.example"),
        |e| matches!(e, FederationError::IssuerMismatch),
    ),
    (
        "an issuer with a slash",
        |it, _| it["iss"] = json!(format!("{}/", it["iss"].as_str().unwrap())),
        |e| matches!(e, FederationError::IssuerMismatch),
    ),
    (
        "the hash of another access token",
        |it, _| it["at_hash"] = json!("77QmUPtjPfzWtF2AnpK9RQ"),
        is_malformed,
    ),
    ("the hash of another code", |it, _| it["c_hash"] = json!("77QmUPtjPfzWtF2AnpK9RQ"), is_malformed),
    ("a hash that is no text", |it, _| it["at_hash"] = json!(1), is_malformed),
    (
        "over",
        |it, now| (it["iat"], it["exp"]) = (json!(now - 120), json!(now - 11)),
        |e| matches!(e, FederationError::TooOld),
    ),
    ("no end", |it, _| drop(it.as_object_mut().unwrap().remove("exp")), is_malformed),
    ("issued an hour ago", |it, now| it["iat"] = json!(now - 3600), |e| matches!(e, FederationError::TooOld)),
    (
        "issued in a minute",
        |it, now| it["iat"] = json!(now + 61),
        |e| matches!(e, FederationError::NotYetValid),
    ),
    (
        "good from tomorrow on",
        |it, now| it["nbf"] = json!(now + 86_400),
        |e| matches!(e, FederationError::NotYetValid),
    ),
    ("no time of issue", |it, _| drop(it.as_object_mut().unwrap().remove("iat")), is_malformed),
    ("no subject", |it, _| drop(it.as_object_mut().unwrap().remove("sub")), is_malformed),
    ("an empty subject", |it, _| it["sub"] = json!(""), is_malformed),
    ("a subject that is a number", |it, _| it["sub"] = json!(1), is_malformed),
];

#[tokio::test]
async fn a_claim_that_does_not_fit_is_refused() {
    let hostile = Hostile::start().await;
    for (name, change, expected) in CASES {
        let login = Login::begin(&hostile).await;
        let mut claims = login.claims();
        change(&mut claims, login.context().now.timestamp());
        login.serve(&claims);
        let refused = login.complete().await.expect_err(name);
        assert!(expected(&refused), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn several_audiences_do_where_we_are_the_party() {
    let hostile = Hostile::start().await;
    let login = Login::begin(&hostile).await;
    let mut claims = login.claims();
    (claims["aud"], claims["azp"]) = (json!([CLIENT, "other"]), json!(CLIENT));
    login.serve(&claims);
    assert!(login.complete().await.is_ok());
}

#[tokio::test]
async fn a_signature_that_is_not_the_providers_is_refused() {
    let hostile = Hostile::start().await;
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let login = Login::begin(&hostile).await;
    let claims = login.claims();
    let honest = hostile.key.sign("JWT", &claims).unwrap();
    let (head, signature) = honest.rsplit_once('.').unwrap();
    let (header, payload) = head.split_once('.').unwrap();
    let forged = SigningKey::generate(Algorithm::Es256).unwrap();
    let unknown = forged.sign("JWT", &claims).unwrap();
    let same_name = forged.with_kid("one");
    let mut other = claims.clone();
    other["sub"] = json!("root");
    let hmac = part(&json!({ "alg": "HS256", "kid": "one", "typ": "JWT" }));
    let none = part(&json!({ "alg": "none", "typ": "JWT" }));
    let cases: Vec<(&str, String, Expected)> = vec![
        ("no algorithm", format!("{none}.{payload}."), |e| matches!(e, FederationError::AlgorithmRefused)),
        ("a shared secret", format!("{hmac}.{payload}.{signature}"), |e| {
            matches!(e, FederationError::AlgorithmRefused)
        }),
        ("another key of that name", same_name.sign("JWT", &claims).unwrap(), |e| {
            matches!(e, FederationError::SignatureInvalid)
        }),
        ("a key nobody published", unknown, |e| matches!(e, FederationError::KeyUnknown)),
        ("a key in the header", same_name.sign_with_jwk("JWT", &claims).unwrap(), |e| {
            matches!(e, FederationError::SignatureInvalid | FederationError::KeyUnknown)
        }),
        ("another payload", format!("{header}.{}.{signature}", part(&other)), |e| {
            matches!(e, FederationError::SignatureInvalid)
        }),
        ("no signature", format!("{head}."), |e| {
            matches!(e, FederationError::SignatureInvalid) || is_malformed(e)
        }),
        ("an access token", hostile.key.sign("at+jwt", &claims).unwrap(), is_malformed),
        ("a logout token", hostile.key.sign("logout+jwt", &claims).unwrap(), is_malformed),
        ("nothing like a token", "x".to_owned(), is_malformed),
    ];
    for (name, token, expected) in cases {
        login.serve_token(&token);
        let refused = login.complete().await.expect_err(name);
        assert!(expected(&refused), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn an_algorithm_that_is_not_configured_is_refused() {
    let hostile = Hostile::start().await;
    let config = hostile.config().with_algorithms([Algorithm::EdDsa]);
    let login = Login::begin_with(&hostile, config, &FederationOptions::default()).await.unwrap();
    assert!(matches!(login.complete().await, Err(FederationError::AlgorithmRefused)));
}

#[tokio::test]
async fn a_login_that_must_be_fresh_says_when_it_was() {
    let hostile = Hostile::start().await;
    let fresh = FederationOptions { max_age: Some(Duration::from_secs(60)), ..FederationOptions::default() };
    let forced = FederationOptions { force: true, ..FederationOptions::default() };
    let now = axess_clock::Clock::now(&hostile.clock).timestamp();
    let cases: [(&FederationOptions, Value, Option<Expected>); 7] = [
        (&fresh, json!(now - 60), None),
        (&fresh, json!(now - 71), Some(|e| matches!(e, FederationError::AuthenticationTooOld))),
        (&fresh, Value::Null, Some(is_malformed)),
        (&fresh, json!("today"), Some(is_malformed)),
        (&forced, json!(now), None),
        // `prompt=login` was taken out of the request on the way.
        (&forced, json!(now - 3600), Some(|e| matches!(e, FederationError::AuthenticationTooOld))),
        (&forced, Value::Null, Some(is_malformed)),
    ];
    for (options, auth_time, expected) in cases {
        let login = Login::begin_with(&hostile, hostile.config(), options).await.unwrap();
        assert!(login.url.contains("max_age="), "{}", login.url);
        let mut claims = login.claims();
        claims["auth_time"] = auth_time.clone();
        login.serve(&claims);
        match (login.complete().await, expected) {
            (Ok(_), None) => {}
            (Err(refused), Some(expected)) if expected(&refused) => {}
            (found, _) => panic!("{auth_time}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn a_context_that_was_asked_for_must_be_met() {
    let hostile = Hostile::start().await;
    let wanted = |values: &[&str]| FederationOptions {
        acr_values: values.iter().map(|value| (*value).to_owned()).collect(),
        ..FederationOptions::default()
    };
    let config = || hostile.config().with_required_acr(["gold", "silver"]);
    for (values, acr, is_good) in [
        (&["gold"][..], json!("gold"), true),
        (&["gold"], json!("silver"), false),
        (&[], json!("silver"), true),
        (&[], json!("bronze"), false),
        (&[], Value::Null, false),
    ] {
        let login = Login::begin_with(&hostile, config(), &wanted(values)).await.unwrap();
        let mut claims = login.claims();
        claims["acr"] = acr.clone();
        login.serve(&claims);
        let found = login.complete().await;
        assert!(
            if is_good { found.is_ok() } else { matches!(found, Err(FederationError::AcrNotMet)) },
            "{acr}"
        );
    }
    // One login cannot ask for less than the configuration does.
    let Err(refused) = Login::begin_with(&hostile, config(), &wanted(&["bronze"])).await else { panic!() };
    assert!(is_weaker(&refused), "{refused}");
}

#[tokio::test]
async fn what_is_inside_an_envelope_is_verified_too() {
    let hostile = Hostile::start().await;
    let key = || DecryptionKey::generate(KeyManagement::EcdhEsA256Kw).unwrap();
    let (ours, others) = (key(), key());
    let public = |key: &DecryptionKey| EncryptionKey::from_jwk(&key.public_jwk()).unwrap();
    let (to_us, to_others) = (public(&ours), public(&others));
    let seal = |token: &str, to: &EncryptionKey| {
        encrypt(token.as_bytes(), to, KeyManagement::EcdhEsA256Kw, ContentEncryption::A256Gcm, &SystemRng)
            .unwrap()
    };
    let config = hostile.config().with_decryption_keys([ours]);
    let login = Login::begin_with(&hostile, config, &FederationOptions::default()).await.unwrap();
    let honest = hostile.key.sign("JWT", &login.claims()).unwrap();
    let forged = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("one");
    login.serve_token(&seal(&honest, &to_us));
    assert!(login.complete().await.is_ok());
    let cases: [(&str, String, Expected); 4] = [
        ("forged", seal(&forged.sign("JWT", &login.claims()).unwrap(), &to_us), |e| {
            matches!(e, FederationError::SignatureInvalid)
        }),
        ("claims without a signature", seal(&login.claims().to_string(), &to_us), is_malformed),
        ("for somebody else", seal(&honest, &to_others), |e| {
            matches!(e, FederationError::KeyUnknown) || is_malformed(e)
        }),
        ("not encrypted", honest.clone(), is_weaker),
    ];
    for (name, token, expected) in cases {
        login.serve_token(&token);
        let refused = login.complete().await.expect_err(name);
        assert!(expected(&refused), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn how_old_an_id_token_may_be_is_configured() {
    let hostile = Hostile::start().await;
    for (seconds, good, old) in [(None, 299, 312), (Some(60), 59, 72), (Some(3600), 3599, 3612)] {
        let config = hostile.config();
        let config = match seconds {
            Some(seconds) => config.with_max_id_token_age(std::time::Duration::from_secs(seconds)),
            None => config,
        };
        let login = Login::begin_with(&hostile, config, &FederationOptions::default()).await.unwrap();
        for (age, is_good) in [(good, true), (old, false)] {
            let mut claims = login.claims();
            claims["iat"] = json!(claims["iat"].as_i64().unwrap() - age);
            login.serve(&claims);
            match login.complete().await {
                Ok(_) => assert!(is_good, "{seconds:?} {age}"),
                Err(error) => {
                    assert!(
                        !is_good && matches!(error, FederationError::TooOld),
                        "{seconds:?} {age}: {error}"
                    );
                }
            }
        }
    }
}
