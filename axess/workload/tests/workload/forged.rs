//! What others wrote to break libraries like this (JOSE), through the resolver.

use super::ground::{BILLING, Ground, RSA, encoded, said, signed};
use axess_jose::{Algorithm, SigningKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

fn hs256(secret: &[u8], header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", encoded(header), encoded(payload));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", encoded(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn no_algorithm_and_no_shared_secret_are_taken() {
    let ground = Ground::new();
    let payload = ground.claims().to_string();
    for name in ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "ES512", "ES256K", "dir", "RSA-OAEP"] {
        let header = json!({ "alg": name, "typ": "JWT", "kid": "ec" }).to_string();
        let unsigned = format!("{}.{}.", encoded(&header), encoded(&payload));
        assert_eq!(said(&ground.resolve(&unsigned).await), "AlgorithmRefused", "{name} without a signature");
        assert_eq!(said(&ground.resolve(&ground.raw(&header, &payload)).await), "AlgorithmRefused", "{name}");
    }
    // The public key as the secret, in each form that it is published or written down in.
    let jwk = RSA.public_jwk();
    let spki = RSA.verification_key().unwrap();
    let modulus = jwk["n"].as_str().unwrap();
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": "rsa" }).to_string();
    let set = json!({ "keys": [jwk] }).to_string();
    for secret in
        [jwk.to_string().as_bytes(), set.as_bytes(), modulus.as_bytes(), spki.thumbprint().as_bytes(), b"x"]
    {
        let token = hs256(secret, &header, &payload);
        assert_eq!(said(&ground.resolve(&token).await), "AlgorithmRefused");
    }
    assert_eq!(ground.published.asked(), 0, "none of these costs a request for keys");
    assert_eq!(said(&ground.resolve(&ground.good()).await), "good");
}

#[tokio::test]
async fn only_the_published_keys_count() {
    let ground = Ground::new();
    let payload = ground.claims().to_string();
    let attacker = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("evil");
    let evil = "http://127.0.0.1:1/keys";
    for (row, members) in [
        ("embedded jwk", json!({ "jwk": attacker.public_jwk() })),
        ("jku", json!({ "jku": evil })),
        ("x5u", json!({ "x5u": evil })),
        ("x5c", json!({ "x5c": [STANDARD.encode(b"a certificate")] })),
        ("all", json!({ "jwk": attacker.public_jwk(), "jku": evil, "x5u": evil })),
    ] {
        for (kid, why) in [("evil", "KeyNotFound"), ("ec", "SignatureInvalid")] {
            let mut header = members.clone();
            header["alg"] = "ES256".into();
            header["kid"] = kid.into();
            let token = signed(&attacker, &header.to_string(), &payload);
            assert_eq!(said(&ground.resolve(&token).await), why, "{row}, kid {kid}");
        }
    }
    for kid in [
        "../../../../dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "ec' OR '1'='1",
        "x' UNION SELECT 'key';--",
        "ec\u{0}",
        "EC",
        "ec ",
        "https://evil.example/key",
        &"k".repeat(4_000),
    ] {
        let header = json!({ "alg": "ES256", "kid": kid }).to_string();
        assert_eq!(said(&ground.resolve(&ground.raw(&header, &payload)).await), "KeyNotFound", "{kid}");
    }
    for header in [r#"{"alg":"ES256"}"#, r#"{"alg":"ES256","kid":""}"#, r#"{"alg":"ES256","kid":7}"#] {
        assert_eq!(said(&ground.resolve(&ground.raw(header, &payload)).await), "Malformed", "{header}");
    }
}

#[tokio::test]
async fn an_algorithm_is_the_keys() {
    let ground = Ground::new();
    let payload = ground.claims().to_string();
    // Psychic signatures (CVE-2022-21449): both halves zero, or the order of the curve.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> =
        (0..order.len()).step_by(2).map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap()).collect();
    let header = json!({ "alg": "ES256", "kid": "ec" }).to_string();
    let head = format!("{}.{}", encoded(&header), encoded(&payload));
    for signature in
        [vec![0; 64], [order.clone(), order].concat(), vec![], vec![0; 63], vec![0; 65], vec![0; 4_000]]
    {
        let token = format!("{head}.{}", encoded(&signature));
        assert_eq!(said(&ground.resolve(&token).await), "SignatureInvalid", "{} bytes", signature.len());
    }
    for (row, header, key, why) in [
        (
            "RSA's name on the curve's key",
            json!({ "alg": "RS256", "kid": "ec" }),
            &ground.key,
            "AlgorithmRefused",
        ),
        ("the curve's name on RSA's key", json!({ "alg": "ES256", "kid": "rsa" }), &*RSA, "AlgorithmRefused"),
        ("not one that is taken", json!({ "alg": "PS256", "kid": "rsa" }), &*RSA, "AlgorithmRefused"),
        ("not one of SPIFFE", json!({ "alg": "EdDSA", "kid": "ec" }), &ground.key, "AlgorithmRefused"),
        ("honest", json!({ "alg": "RS256", "kid": "rsa" }), &*RSA, "good"),
    ] {
        let token = signed(key, &header.to_string(), &payload);
        assert_eq!(said(&ground.resolve(&token).await), why, "{row}");
    }
}

#[tokio::test]
async fn what_others_would_read_otherwise_is_not_read() {
    let ground = Ground::new();
    let payload = ground.claims().to_string();
    let header = r#"{"alg":"ES256","kid":"ec"}"#;
    let good = ground.raw(header, &payload);
    assert_eq!(said(&ground.resolve(&good).await), "good");
    let [head, body, tail] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let payload_but = |more: &str| format!("{{{more},{}", &payload[1..]);
    let now = ground.now();
    let deep = format!(r#"{{"deep":{}{},{}"#, "[".repeat(40), "]".repeat(40), &payload[1..]);
    let rows = [
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{good}.{tail}")),
        ("five parts, as if encrypted", format!("{head}.{body}.{tail}.{body}.{tail}")),
        ("a dot at the end", format!("{good}.")),
        ("padding", format!("{head}=.{body}.{tail}")),
        ("padding of the signature", format!("{good}==")),
        ("the other alphabet", format!("{head}.{body}.{}+/", &tail[2..])),
        ("a line break", format!("{head}.{body}\n.{tail}")),
        ("a space before", format!(" {good}")),
        ("JSON serialisation", json!({ "protected": head, "payload": body, "signature": tail }).to_string()),
        ("alg twice", ground.raw(r#"{"alg":"none","alg":"ES256","kid":"ec"}"#, &payload)),
        ("kid twice", ground.raw(r#"{"alg":"ES256","kid":"evil","kid":"ec"}"#, &payload)),
        ("sub twice", ground.raw(header, &payload_but(&format!(r#""sub":"{BILLING}""#)))),
        ("exp twice", ground.raw(header, &payload_but(&format!(r#""exp":{}"#, now + 9)))),
        ("twice inside", ground.raw(header, &payload_but(r#""x":{"a":1,"a":2}"#))),
        ("twice by an escape", ground.raw(header, &payload_but(&format!(r#""\u0073ub":"{BILLING}""#)))),
        ("crit", ground.raw(r#"{"alg":"ES256","kid":"ec","crit":["exp"]}"#, &payload)),
        ("b64", ground.raw(r#"{"alg":"ES256","kid":"ec","b64":false,"crit":["b64"]}"#, &payload)),
        ("zip", ground.raw(r#"{"alg":"ES256","kid":"ec","zip":"DEF"}"#, &payload)),
        ("typ is no text", ground.raw(r#"{"alg":"ES256","kid":"ec","typ":7}"#, &payload)),
        ("alg is a list", ground.raw(r#"{"alg":["ES256"],"kid":"ec"}"#, &payload)),
        ("a payload that is a list", ground.raw(header, &format!("[{payload}]"))),
        ("two payloads", ground.raw(header, &format!("{payload}{payload}"))),
        ("no UTF-8", ground.raw(header, "\u{fffd}").replace(&encoded("\u{fffd}"), &encoded(b"\xff"))),
        ("too deep", ground.raw(header, &deep)),
        ("too long", ground.raw(header, &payload_but(&format!(r#""x":"{}""#, "x".repeat(16_000))))),
        ("far too long", "x".repeat(10_000_000)),
    ];
    for (row, token) in rows {
        // These two changed what is signed, and the signature is looked at first.
        let is_unsigned = ["a line break", "no UTF-8"].contains(&row);
        let why = if is_unsigned { "SignatureInvalid" } else { "Malformed" };
        assert_eq!(said(&ground.resolve(&token).await), why, "{row}");
    }
    let p2c = r#"{"alg":"PBES2-HS256+A128KW","p2c":2000000000,"kid":"ec"}"#;
    assert_eq!(said(&ground.resolve(&ground.raw(p2c, &payload)).await), "AlgorithmRefused");
}

#[tokio::test]
async fn nothing_of_a_token_is_in_an_error() {
    let ground = Ground::new();
    let secret = "spiffe://prod.example.com/svc/SECRET/acme";
    let claims = [
        json!({ "sub": secret, "aud": "SECRET" }),
        json!({ "sub": format!("{secret}/") }),
        json!({ "sub": "spiffe://SECRET.example.com/x" }),
        json!({ "sub": "spiffe://secret.example.com/SECRET" }),
        json!({ "sub": secret, "exp": "SECRET" }),
        json!({ "sub": secret, "exp": 1 }),
        json!({ "sub": "spiffe://prod.example.com/SECRET" }),
    ];
    for changes in claims {
        let token = ground.token(&ground.claims_but(changes));
        let error = ground.resolve(&token).await.unwrap_err();
        let told = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
        assert!(!told.to_lowercase().contains("secret") && !told.contains("eyJ"), "{told}");
    }
}
