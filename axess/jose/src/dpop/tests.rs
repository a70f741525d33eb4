use super::*;
use crate::{
    base64url,
    forge::{EC, RSA, now, token},
};
use serde_json::Value;

const URI: &str = "https://server.example.com/token";

fn jwk() -> Value {
    let mut jwk = EC.public_jwk();
    for name in ["kid", "alg", "use"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    jwk
}

fn claims() -> Value {
    json!({"jti": "e1j3V_bKic8-LAEB", "htm": "POST", "htu": URI, "iat": now().timestamp()})
}

/// Returns the name of the verdict on a proof with this header and these claims, both signed.
fn fate(header: &Value, claims: &Value, expected: &DpopExpectations<'_>) -> String {
    name(verify_proof(&token(&EC, &header.to_string(), &claims.to_string()), expected, now()))
}

fn name(result: Result<DpopProof, JoseError>) -> String {
    match result {
        Ok(_) => "Ok".to_owned(),
        Err(error) => format!("{error:?}").replace("(\"", " ").replace("\")", ""),
    }
}

fn header() -> Value {
    json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk()})
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

#[test]
fn a_proof_of_ours_passes() {
    let proof = proof(&EC, "GET", "https://api.example.com/a?b=c#d", Some("n-1"), Some("token"), "id", now())
        .unwrap();
    let expected = DpopExpectations {
        nonce: Some("n-1"),
        access_token: Some("token"),
        ..DpopExpectations::new("GET", "https://API.example.com:443/a?other=query")
    };
    let checked = verify_proof(&proof, &expected, now()).unwrap();
    assert_eq!(
        checked,
        DpopProof {
            thumbprint: EC.thumbprint(),
            jti: "id".into(),
            issued_at: now(),
            usable_until: now() + TimeDelta::seconds(70),
            nonce: Some("n-1".into()),
        }
    );
    let jws = Jws::parse(&proof, LIMITS).unwrap();
    assert_eq!((jws.kid(), jws.header().get("jwk")), (None, Some(&jwk())), "no name, and no private part");
    assert!(!format!("{expected:?}").contains("token"));
}

#[test]
fn the_key_in_the_header_is_public_and_asymmetric() {
    let expected = DpopExpectations::new("POST", URI);
    assert_eq!(fate(&header(), &claims(), &expected), "Ok");
    let private = with(jwk(), "d", json!("AAAA"));
    let short = json!({"kty": "RSA", "n": base64url::encode(&[0xff; 128]), "e": "AQAB"});
    for (jwk, verdict) in [
        (private, "KeyRefused"),
        (json!({"kty": "oct", "k": "AAAA"}), "KeyRefused"),
        (short, "KeyRefused"),
        (with(jwk(), "use", json!("enc")), "KeyRefused"),
        (with(jwk(), "crv", json!("P-384")), "KeyRefused"),
        (json!("key"), "KeyRefused"),
        (json!(null), "KeyRefused"),
        (without(RSA.public_jwk(), "alg"), "AlgorithmRefused"),
    ] {
        let verdict_of = fate(&with(header(), "jwk", jwk.clone()), &claims(), &expected);
        assert!(verdict_of.starts_with(verdict), "{jwk}: {verdict_of}");
    }
    let other = crate::SigningKey::generate(Algorithm::Es256).unwrap();
    let not_its_own = with(header(), "jwk", without(other.public_jwk(), "kid"));
    assert_eq!(fate(&not_its_own, &claims(), &expected), "SignatureInvalid");
    assert!(fate(&without(header(), "jwk"), &claims(), &expected).starts_with("Malformed"));
}

#[test]
fn type_and_algorithm() {
    let expected = DpopExpectations::new("POST", URI);
    for typ in [json!("JWT"), json!("at+jwt"), json!("dpop"), json!("")] {
        assert_eq!(fate(&with(header(), "typ", typ), &claims(), &expected), "TypeMismatch");
    }
    assert_eq!(fate(&without(header(), "typ"), &claims(), &expected), "TypeMismatch");
    for alg in ["none", "HS256", "ES256K"] {
        assert_eq!(fate(&with(header(), "alg", json!(alg)), &claims(), &expected), "AlgorithmRefused");
    }
    let only = DpopExpectations { algorithms: &[Algorithm::EdDsa], ..expected };
    assert_eq!(fate(&header(), &claims(), &only), "AlgorithmRefused");
}

#[test]
fn a_proof_is_for_one_request() {
    let expected = DpopExpectations::new("POST", URI);
    for (claim, value, verdict) in [
        ("htm", json!("GET"), "ClaimMismatch htm"),
        ("htm", json!("post"), "ClaimMismatch htm"),
        ("htm", json!(1), "MissingClaim htm"),
        ("htu", json!("HTTPS://SERVER.example.com:443/token"), "Ok"),
        ("htu", json!("https://server.example.com/%74oken?x=y"), "Ok"),
        ("htu", json!("https://server.example.com/tokens"), "ClaimMismatch htu"),
        ("htu", json!("https://server.example.com/token/"), "ClaimMismatch htu"),
        ("htu", json!("http://server.example.com/token"), "ClaimMismatch htu"),
        ("htu", json!("https://server.example.com:8443/token"), "ClaimMismatch htu"),
        ("htu", json!("https://server.example.com.evil.example/token"), "ClaimMismatch htu"),
        ("htu", json!("https://server.example.com@evil.example/token"), "ClaimMismatch htu"),
        ("htu", json!("/token"), "ClaimMismatch htu"),
        ("htu", json!(""), "ClaimMismatch htu"),
        ("jti", json!(""), "ClaimMismatch jti"),
        ("jti", json!("x".repeat(513)), "ClaimMismatch jti"),
        ("jti", json!("x".repeat(512)), "Ok"),
    ] {
        assert_eq!(
            fate(&header(), &with(claims(), claim, value.clone()), &expected),
            verdict,
            "{claim} {value}"
        );
    }
    for claim in ["jti", "htm", "htu", "iat"] {
        let verdict = fate(&header(), &without(claims(), claim), &expected);
        assert_eq!(verdict, format!("MissingClaim {claim}"), "{claim}");
    }
    // Where such a path leads is the router's to say, and they differ.
    for dotted in ["/a/../token", "/a/%2e%2e/token", "/./token", "/token/%2E", "/.."] {
        let dotted = format!("https://server.example.com{dotted}");
        let dotted_request = DpopExpectations::new("POST", &dotted);
        for said in [URI, "https://server.example.com/", &dotted] {
            let claims = with(claims(), "htu", json!(said));
            assert_eq!(fate(&header(), &claims, &dotted_request), "ClaimMismatch htu", "{dotted} {said}");
        }
    }
    // Nothing to compare with is no match.
    let nowhere = DpopExpectations::new("POST", "/token");
    assert_eq!(fate(&header(), &with(claims(), "htu", json!("/token")), &nowhere), "ClaimMismatch htu");
}

#[test]
fn the_window_of_iat() {
    let expected = DpopExpectations::new("POST", URI);
    let at = now().timestamp();
    for (iat, verdict) in [
        (json!(at - 60), "Ok"),
        (json!(at - 61), "TooOld"),
        (json!(at + 10), "Ok"),
        (json!(at + 11), "NotYetValid"),
        (json!(at as f64 - 60.5), "TooOld"),
        (json!(0), "TooOld"),
        (json!("0"), "Malformed"),
        (json!(-5), "Malformed"),
        (json!(i64::MAX), "Malformed"),
    ] {
        let found = fate(&header(), &with(claims(), "iat", iat.clone()), &expected);
        assert!(found.starts_with(verdict), "{iat}: {found}");
    }
}

#[test]
fn the_nonce_is_the_one_that_was_given() {
    let expected = DpopExpectations { nonce: Some("n-1"), ..DpopExpectations::new("POST", URI) };
    assert_eq!(fate(&header(), &with(claims(), "nonce", json!("n-1")), &expected), "Ok");
    assert_eq!(fate(&header(), &claims(), &expected), "NonceMismatch");
    for nonce in [json!("n-2"), json!("N-1"), json!(""), json!(1), json!(null)] {
        assert_eq!(fate(&header(), &with(claims(), "nonce", nonce), &expected), "NonceMismatch");
    }
    let none = DpopExpectations::new("POST", URI);
    assert_eq!(fate(&header(), &with(claims(), "nonce", json!("any")), &none), "Ok");
}

#[test]
fn a_proof_is_for_one_access_token() {
    let expected = DpopExpectations { access_token: Some("token"), ..DpopExpectations::new("POST", URI) };
    let ath = |token: &str| with(claims(), "ath", json!(s256(token.as_bytes())));
    assert_eq!(fate(&header(), &ath("token"), &expected), "Ok");
    assert_eq!(fate(&header(), &ath("another"), &expected), "ClaimMismatch ath");
    assert_eq!(fate(&header(), &claims(), &expected), "MissingClaim ath");
    assert_eq!(fate(&header(), &with(claims(), "ath", json!("token")), &expected), "ClaimMismatch ath");
}

#[test]
fn proofs_are_small() {
    let long = with(claims(), "x", json!("x".repeat(8 * 1024)));
    assert_eq!(fate(&header(), &long, &DpopExpectations::new("POST", URI)), "TooLarge");
}

#[test]
fn a_proof_is_remembered_for_longer_than_it_is_taken() {
    for ahead in [0, 10] {
        let expected =
            DpopExpectations { ahead: TimeDelta::seconds(ahead), ..DpopExpectations::new("POST", URI) };
        let proof = proof(&EC, "POST", URI, None, None, "id", now()).unwrap();
        let last = now() + expected.max_age;
        let checked = verify_proof(&proof, &expected, last).unwrap();
        assert!(checked.usable_until > last, "{ahead}");
        let late = verify_proof(&proof, &expected, last + TimeDelta::milliseconds(1));
        assert!(matches!(late, Err(JoseError::TooOld)), "{ahead}");
    }
}
