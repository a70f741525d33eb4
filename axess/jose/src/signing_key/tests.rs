use super::*;
use crate::forge::{RSA, verifying};
use serde_json::json;

#[test]
fn every_key_comes_back_from_its_bytes_and_verifies_its_own() {
    for algorithm in Algorithm::ALL {
        let key = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => {
                SigningKey::generate(algorithm).unwrap()
            }
            _ => SigningKey::from_pkcs8(algorithm, &RSA.to_pkcs8().unwrap()).unwrap(),
        };
        let again = SigningKey::from_pkcs8(algorithm, &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.public_jwk(), key.public_jwk());
        let mut signature = key.sign_bytes(b"message").unwrap();
        let public = verifying(&again);
        assert!(public.verify(algorithm, b"message", &signature).is_ok(), "{algorithm}");
        assert!(public.verify(algorithm, b"massage", &signature).is_err(), "{algorithm}");
        signature[7] ^= 1;
        assert!(public.verify(algorithm, b"message", &signature).is_err(), "{algorithm}");
    }
}

#[test]
fn others_verify_what_we_sign() {
    use jsonwebtoken::{DecodingKey, Validation, decode, jwk::Jwk};
    for algorithm in
        [Algorithm::Rs256, Algorithm::Ps384, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa]
    {
        let key = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps384 => {
                SigningKey::from_pkcs8(algorithm, &RSA.to_pkcs8().unwrap()).unwrap()
            }
            _ => SigningKey::generate(algorithm).unwrap(),
        };
        let token = key.sign("JWT", &json!({"exp": 4_000_000_000_u64, "aud": "us"})).unwrap();
        let jwk: Jwk = serde_json::from_value(key.public_jwk()).unwrap();
        let mut validation = Validation::new(algorithm.name().parse().unwrap());
        validation.set_audience(&["us"]);
        let decoded = decode::<Value>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap();
        assert_eq!(decoded.header.kid.as_deref(), Some(key.kid()));
        assert_eq!(decoded.header.typ.as_deref(), Some("JWT"));
    }
}

#[test]
fn we_verify_what_others_sign() {
    use jsonwebtoken::{EncodingKey, Header, encode};
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let theirs = EncodingKey::from_ec_der(&key.to_pkcs8().unwrap());
    let token =
        encode(&Header::new(jsonwebtoken::Algorithm::ES256), &json!({"sub": "alice"}), &theirs).unwrap();
    let payload =
        crate::Jws::parse(&token, crate::Limits::default()).unwrap().verify(&verifying(&key)).unwrap();
    assert_eq!(payload, br#"{"sub":"alice"}"#);
}

#[test]
fn a_key_of_another_kind_is_refused() {
    let der = |algorithm| SigningKey::generate(algorithm).unwrap().to_pkcs8().unwrap();
    let (p256, p384, ed, rsa) =
        (der(Algorithm::Es256), der(Algorithm::Es384), der(Algorithm::EdDsa), RSA.to_pkcs8().unwrap());
    for (algorithm, der) in [
        (Algorithm::EdDsa, &p256),
        (Algorithm::Es384, &p256),
        (Algorithm::Es256, &p384),
        (Algorithm::Es256, &ed),
        (Algorithm::Ps512, &ed),
        (Algorithm::Es256, &rsa),
        (Algorithm::EdDsa, &rsa),
    ] {
        assert!(
            matches!(SigningKey::from_pkcs8(algorithm, der), Err(JoseError::KeyRefused(_))),
            "{algorithm}"
        );
    }
    assert!(SigningKey::from_pkcs8(Algorithm::Es256, b"").is_err());
}

/// The key of RFC 8037 appendix A.1.
fn private_ed() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

#[test]
fn private_jwks() {
    let mut jwk = private_ed();
    let key = SigningKey::from_jwk(Algorithm::EdDsa, &jwk).unwrap();
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    jwk["kid"] = json!("mine");
    assert_eq!(SigningKey::from_jwk(Algorithm::EdDsa, &jwk).unwrap().kid(), "mine");
    for (name, value) in [
        ("alg", json!("ES256")),
        ("alg", json!(null)),
        ("use", json!("enc")),
        ("kid", json!(1)),
        ("d", json!("")),
        ("d", json!(null)),
        ("x", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("crv", json!("Ed448")),
        ("kty", json!("EC")),
    ] {
        let mut changed = private_ed();
        changed[name] = value.clone();
        assert!(
            matches!(SigningKey::from_jwk(Algorithm::EdDsa, &changed), Err(JoseError::KeyRefused(_))),
            "{name} {value}"
        );
    }
    assert!(SigningKey::from_jwk(Algorithm::Es256, &private_ed()).is_err());
    assert!(SigningKey::from_jwk(Algorithm::EdDsa, &json!("key")).is_err());
}

#[test]
fn claims_are_an_object() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    for claims in [json!([]), json!("text"), json!(1), json!(null)] {
        assert!(matches!(key.sign("JWT", &claims), Err(JoseError::Malformed(_))), "{claims}");
    }
}

#[test]
fn pem_is_read_and_debug_shows_no_key() {
    let key = SigningKey::generate(Algorithm::Es384).unwrap();
    let pem = |label: &str| crate::forge::pem(label, &key.to_pkcs8().unwrap());
    let again = SigningKey::from_pkcs8_pem(Algorithm::Es384, &pem("PRIVATE KEY")).unwrap();
    assert_eq!(again.thumbprint(), key.thumbprint());
    for label in ["EC PRIVATE KEY", "PUBLIC KEY", "ENCRYPTED PRIVATE KEY"] {
        assert!(
            matches!(
                SigningKey::from_pkcs8_pem(Algorithm::Es384, &pem(label)),
                Err(JoseError::KeyRefused(_))
            ),
            "{label}"
        );
    }
    assert_eq!(format!("{key:?}"), format!("SigningKey {{ kid: {:?}, alg: Es384, .. }}", key.kid()));
}
