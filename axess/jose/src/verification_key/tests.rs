use super::*;
use crate::{
    JwkSet, SigningKey,
    forge::{EC, RSA},
};
use serde_json::json;

fn with(key: &SigningKey, changes: &[(&str, Value)]) -> Result<VerificationKey, JoseError> {
    let mut jwk = key.public_jwk();
    for (name, value) in changes {
        jwk[*name] = value.clone();
    }
    VerificationKey::from_jwk(&jwk)
}

#[test]
fn purpose_is_honoured() {
    for (changes, good) in [
        (&[("use", json!("sig"))][..], true),
        (&[("use", json!("enc"))], false),
        (&[("use", json!("SIG"))], false),
        (&[("use", json!(null))], false),
        (&[("key_ops", json!(["verify"]))], true),
        (&[("key_ops", json!(["sign", "verify"]))], true),
        (&[("key_ops", json!(["sign"]))], false),
        (&[("key_ops", json!(["encrypt"]))], false),
        (&[("key_ops", json!(["verify", "verify"]))], false),
        (&[("key_ops", json!(["verify", 1]))], false),
        (&[("key_ops", json!("verify"))], false),
        (&[("key_ops", json!([]))], false),
        (&[("use", json!("enc")), ("key_ops", json!(["verify"]))], false),
        (&[("kid", json!(1))], false),
        (&[("alg", json!("RS256"))], false),
        (&[("alg", json!("HS256"))], false),
        (&[("alg", json!("none"))], false),
        (&[("alg", json!("ECDH-ES"))], false),
        (&[("alg", json!(null))], false),
        (&[("d", json!("AAAA"))], false),
        (&[("k", json!("AAAA"))], false),
        (&[("unknown", json!({"a": 1}))], true),
    ] {
        assert_eq!(with(&EC, changes).is_ok(), good, "{changes:?}");
    }
    assert!(VerificationKey::from_jwk(&json!([])).is_err());
}

#[test]
fn an_algorithm_in_the_jwk_pins_it() {
    let mut jwk = RSA.public_jwk();
    let pinned = VerificationKey::from_jwk(&jwk).unwrap();
    assert!(
        pinned.allows(Algorithm::Rs256)
            && !pinned.allows(Algorithm::Ps256)
            && !pinned.allows(Algorithm::Rs512)
    );
    jwk.as_object_mut().unwrap().remove("alg");
    let any = VerificationKey::from_jwk(&jwk).unwrap();
    assert_eq!(Algorithm::ALL.iter().filter(|algorithm| any.allows(**algorithm)).count(), 6);
    let fapi = any.clone().pinned_to(&Algorithm::FAPI).unwrap();
    assert_eq!(
        format!("{fapi:?}"),
        format!("VerificationKey {{ kid: Some({:?}), algorithms: [\"PS256\"], .. }}", RSA.kid())
    );
    assert!(matches!(any.pinned_to(&[Algorithm::Es256]), Err(JoseError::AlgorithmRefused)));
}

#[test]
fn a_point_must_be_on_its_curve() {
    let mut jwk = EC.public_jwk();
    let (x, y) = (jwk["x"].clone(), jwk["y"].clone());
    jwk["y"] = x.clone();
    assert!(VerificationKey::from_jwk(&jwk).is_err());
    (jwk["x"], jwk["y"]) = (y, x);
    assert!(VerificationKey::from_jwk(&jwk).is_err());
    let zero = crate::base64url::encode(&[0; 32]);
    (jwk["x"], jwk["y"]) = (json!(zero), json!(zero));
    assert!(VerificationKey::from_jwk(&jwk).is_err());
}

const RSA_PEM: &str = include_str!("../../tests/keys/rsa-public.pem");
const EC_PEM: &str = include_str!("../../tests/keys/ec-public.pem");
const ED_PEM: &str = include_str!("../../tests/keys/ed25519-public.pem");
const CERTIFICATE: &str = include_str!("../../tests/keys/certificate.pem");

#[test]
fn pem_keys_and_certificates() {
    for (pem, algorithms) in [(RSA_PEM, 6), (EC_PEM, 1), (ED_PEM, 1), (CERTIFICATE, 6)] {
        let key = VerificationKey::from_pem(Some("name"), pem).unwrap();
        assert_eq!(key.kid(), Some("name"));
        assert_eq!(Algorithm::ALL.iter().filter(|algorithm| key.allows(**algorithm)).count(), algorithms);
    }
    let private = crate::forge::pem("PRIVATE KEY", &[1, 2, 3]);
    for pem in [
        "",
        "nonsense",
        &private,
        &RSA_PEM.replace("PUBLIC", "RSA PUBLIC"),
        &CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY"),
    ] {
        assert!(matches!(VerificationKey::from_pem(None, pem), Err(JoseError::KeyRefused(_))), "{pem}");
    }
    assert!(VerificationKey::from_pem(None, &EC_PEM.replace("PUBLIC KEY", "CERTIFICATE")).is_err());
}

#[test]
fn a_broken_der_is_no_key_and_no_panic() {
    for pem in [RSA_PEM, EC_PEM, ED_PEM, CERTIFICATE] {
        let (label, der) = crate::der::pem(pem).unwrap();
        for cut in (0..der.len()).step_by(3) {
            let mut read = Reader::new(&der[..cut]);
            assert!(read.read(SEQUENCE).is_none(), "{label} {cut}");
        }
        for at in 0..der.len().min(120) {
            let mut changed = der.clone();
            changed[at] ^= 0x55;
            // Whatever comes out, it comes out: some bytes are part of a name or a date.
            let _ = der::certificate_key(&changed).map(PublicNumbers::from_spki);
            let mut outer = Reader::new(&changed);
            let _ = outer.read(SEQUENCE).map(PublicNumbers::from_spki);
        }
    }
}

#[test]
fn a_set_keeps_what_is_usable() {
    let (ec, rsa) = (EC.public_jwk(), RSA.public_jwk());
    let encryption = json!({"kty": "RSA", "use": "enc", "kid": "e", "n": rsa["n"], "e": "AQAB"});
    let set = json!({"keys": [ec, rsa, encryption, {"kty": "oct", "k": "AAAA"}, 1, null, {"kty": "EC"}], "other": 1});
    let set = JwkSet::parse(set.to_string().as_bytes()).unwrap();
    assert_eq!((set.len(), set.skipped(), set.is_empty()), (2, 5, false));
    assert!(set.find(Some(EC.kid()), Algorithm::Es256).is_some());
    assert!(set.find(Some(EC.kid()), Algorithm::Rs256).is_none());
    assert!(set.find(Some("e"), Algorithm::Rs256).is_none());
    assert_eq!(set.find(None, Algorithm::Rs256).unwrap().kid(), Some(RSA.kid()));
    assert!(set.find(None, Algorithm::EdDsa).is_none());
    assert!(set.names(RSA.kid()) && !set.names("e"));
}

#[test]
fn an_ambiguous_name_finds_nothing() {
    let one = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("same").public_jwk();
    let other = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("same").public_jwk();
    let rsa = {
        let mut jwk = RSA.public_jwk();
        jwk["kid"] = json!("same");
        jwk
    };
    let set = |keys: &[&Value]| JwkSet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap();
    assert!(set(&[&one, &other]).find(Some("same"), Algorithm::Es256).is_none());
    assert!(set(&[&one, &other]).find(None, Algorithm::Es256).is_none());
    assert!(set(&[&one, &one]).find(Some("same"), Algorithm::Es256).is_some(), "one key, published twice");
    // Another type of key may share the name (RFC 7517 §4.5).
    assert!(set(&[&one, &rsa]).find(Some("same"), Algorithm::Es256).is_some());
    assert!(set(&[&one, &rsa]).find(Some("same"), Algorithm::Rs256).is_some());
}

#[test]
fn a_set_is_bounded_and_strict() {
    let keys = |count: usize| json!({"keys": vec![EC.public_jwk(); count]}).to_string();
    assert_eq!(JwkSet::parse(keys(100).as_bytes()).unwrap().len(), 100);
    assert!(matches!(JwkSet::parse(keys(101).as_bytes()), Err(JoseError::TooLarge)));
    let large = vec![b' '; 10_000_000];
    assert!(matches!(JwkSet::parse(&large), Err(JoseError::TooLarge)));
    for text in
        ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, r#"{"Keys":[]}"#, "<html>", "\u{0}"]
    {
        assert!(matches!(JwkSet::parse(text.as_bytes()), Err(JoseError::Malformed(_))), "{text}");
    }
    assert!(JwkSet::parse(br#"{"keys":[]}"#).unwrap().is_empty());
}
