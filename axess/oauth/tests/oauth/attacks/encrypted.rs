//! Encrypted answers and userinfo: an envelope proves nothing, and what is inside is verified as if there were none.

use axess_clock::Clock;
use axess_factors::federated::{FederationError, FederationOptions};
use axess_jose::{
    Algorithm, SigningKey,
    jwe::{ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement, encrypt},
};
use axess_rng::SystemRng;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use super::{Expected, is_malformed, is_weaker};
use crate::hostile::{CLIENT, CODE, Hostile, Login, Reply};

fn seal(text: &str, to: &EncryptionKey) -> String {
    encrypt(text.as_bytes(), to, KeyManagement::EcdhEsA256Kw, ContentEncryption::A256Gcm, &SystemRng).unwrap()
}

fn key() -> (DecryptionKey, EncryptionKey) {
    let key = DecryptionKey::generate(KeyManagement::EcdhEsA256Kw).unwrap();
    let public = EncryptionKey::from_jwk(&key.public_jwk()).unwrap();
    (key, public)
}

/// A token that says that it is not signed.
fn unsigned(claims: &Value) -> String {
    let encode = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.", encode(json!({ "alg": "none" }).to_string()), encode(claims.to_string()))
}

/// The same envelope by another name.
fn named(sealed: &str, algorithm: &str) -> String {
    let header = json!({ "alg": algorithm, "enc": "A256GCM", "p2c": 1, "p2s": "c2FsdHNhbHQ" }).to_string();
    format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), sealed.split_once('.').unwrap().1)
}

fn is_refused_algorithm(error: &FederationError) -> bool {
    matches!(error, FederationError::AlgorithmRefused)
}

#[tokio::test]
async fn an_encrypted_answer_is_signed_inside() {
    let hostile = Hostile::start().await;
    let ((ours, to_us), (_, to_others)) = (key(), key());
    let config = hostile.config().with_signed_responses().with_decryption_keys([ours]);
    let login = Login::begin_with(&hostile, config, &FederationOptions::default()).await.unwrap();
    login.serve_token(&seal(&hostile.key.sign("JWT", &login.claims()).unwrap(), &to_us));
    let now = hostile.clock.now().timestamp();
    let state = login.pending.private["state"].clone();
    let claims = json!({ "iss": hostile.base, "aud": CLIENT, "exp": now + 60, "code": CODE, "state": state });
    let honest = hostile.key.sign("JWT", &claims).unwrap();
    let forged =
        SigningKey::generate(Algorithm::Es256).unwrap().with_kid("one").sign("JWT", &claims).unwrap();
    let complete = async |token: String| login.complete_with(vec![("response".to_owned(), token)]).await;
    assert_eq!(complete(seal(&honest, &to_us)).await.unwrap().subject, "alice");
    // The signature is what counts, so one that is only signed is as good.
    assert!(complete(honest.clone()).await.is_ok());
    let cases: Vec<(&str, String, Expected)> = vec![
        ("forged", seal(&forged, &to_us), |e| matches!(e, FederationError::SignatureInvalid)),
        ("signed with nothing", seal(&unsigned(&claims), &to_us), |e| {
            is_refused_algorithm(e) || is_malformed(e)
        }),
        ("not signed", seal(&claims.to_string(), &to_us), is_malformed),
        ("for somebody else", seal(&honest, &to_others), |e| {
            matches!(e, FederationError::KeyUnknown) || is_malformed(e)
        }),
        ("an envelope in one", seal(&seal(&honest, &to_us), &to_us), is_malformed),
        ("RSA1_5", named(&seal(&honest, &to_us), "RSA1_5"), is_refused_algorithm),
        ("dir", named(&seal(&honest, &to_us), "dir"), is_refused_algorithm),
        ("a password", named(&seal(&honest, &to_us), "PBES2-HS256+A128KW"), is_refused_algorithm),
    ];
    for (name, token, expected) in cases {
        let refused = complete(token).await.expect_err(name);
        assert!(expected(&refused), "{name}: {refused:?}");
    }
    assert!(is_weaker(&login.complete().await.unwrap_err()), "neither signed nor encrypted");

    let keyless = hostile.config().with_signed_responses();
    let login = Login::begin_with(&hostile, keyless, &FederationOptions::default()).await.unwrap();
    let refused =
        login.complete_with(vec![("response".to_owned(), seal(&honest, &to_us))]).await.unwrap_err();
    assert!(is_malformed(&refused), "{refused:?}");
}

#[tokio::test]
async fn encrypted_userinfo_is_about_the_same_user() {
    let hostile = Hostile::start().await;
    let ((ours, to_us), (_, to_others)) = (key(), key());
    let config = hostile.config().with_decryption_keys([ours]);
    let login = Login::begin_with(&hostile, config, &FederationOptions::default()).await.unwrap();
    login.serve_token(&seal(&hostile.key.sign("JWT", &login.claims()).unwrap(), &to_us));
    let ends = hostile.clock.now().timestamp() + 60;
    let about = |sub: &str| json!({ "iss": hostile.base, "aud": CLIENT, "sub": sub, "exp": ends, "email": "a@example.test" });
    let signed = |sub: &str| hostile.key.sign("JWT", &about(sub)).unwrap();
    let forged = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("one");
    let forged = forged.sign("JWT", &about("alice")).unwrap();
    let complete = async |token: String| {
        hostile.reply("/userinfo", Reply::new(200, "application/jwt", token));
        login.complete().await
    };
    for good in [signed("alice"), about("alice").to_string()] {
        let alice = complete(seal(&good, &to_us)).await.unwrap();
        assert_eq!(alice.email.unwrap().as_str(), "a@example.test");
    }
    let cases: Vec<(&str, String, Expected)> = vec![
        ("somebody else, signed", seal(&signed("bob"), &to_us), is_malformed),
        ("somebody else", seal(&about("bob").to_string(), &to_us), is_malformed),
        ("forged", seal(&forged, &to_us), |e| matches!(e, FederationError::SignatureInvalid)),
        ("signed with nothing", seal(&unsigned(&about("alice")), &to_us), |e| {
            is_refused_algorithm(e) || is_malformed(e)
        }),
        ("claims in the clear", about("alice").to_string(), is_malformed),
        ("twice the same member", seal(r#"{"sub":"bob","sub":"alice"}"#, &to_us), is_malformed),
        ("for somebody else", seal(&signed("alice"), &to_others), |e| {
            matches!(e, FederationError::KeyUnknown) || is_malformed(e)
        }),
        ("RSA1_5", named(&seal(&signed("alice"), &to_us), "RSA1_5"), is_refused_algorithm),
    ];
    for (name, token, expected) in cases {
        let refused = complete(token).await.expect_err(name);
        assert!(expected(&refused), "{name}: {refused:?}");
    }
}
