use crate::verdicts::{decoded, parse};
use axess_jose::{
    Algorithm, JoseError, Jws, Limits, SigningKey, VerificationKey,
    dpop::{DpopExpectations, verify_proof},
    jwe::{DecryptionKey, EncryptionKey, JweAllowed, decrypt},
};
use chrono::{DateTime, TimeDelta};
use serde_json::Value;

/// Says how an example that is good by its RFC fares here: `valid`, or why it is refused.
fn jws_verdict(example: &Value) -> Result<Vec<u8>, JoseError> {
    let jws = Jws::parse(example["token"].as_str().unwrap(), Limits::default())?;
    jws.verify(&VerificationKey::from_jwk(&example["key"])?)
}

/// Compares verdicts on the examples of a file with what it says; returns the names of those that are valid.
fn compare(text: &str, verdict: impl Fn(&Value) -> Result<Vec<u8>, JoseError>, content: &str) -> Vec<String> {
    let mut valid = Vec::new();
    for example in parse(text).as_array().unwrap() {
        let (name, result) = (example["name"].as_str().unwrap(), example["result"].as_str().unwrap());
        match (verdict(example), result) {
            (Ok(bytes), "valid") => {
                assert_eq!(bytes, decoded(&example[content]), "{name}");
                valid.push(name.to_owned());
            }
            (Err(JoseError::Malformed(_)), "refused: crit" | "refused: zip") => {}
            (Err(JoseError::AlgorithmRefused), refused) if refused.starts_with("refused: ") => {}
            (other, _) => panic!("{name} is {result}, and {other:?}"),
        }
    }
    valid
}

#[test]
fn rfc7515_appendices() {
    let valid = compare(include_str!("../../../../vectors/jose-rfc/rfc7515.json"), jws_verdict, "payload");
    assert_eq!(valid, ["A.2", "A.3"]);
}

#[test]
fn rfc7520_signatures() {
    let valid =
        compare(include_str!("../../../../vectors/jose-rfc/rfc7520-jws.json"), jws_verdict, "payload");
    assert_eq!(valid, ["4.1", "4.2"]);
}

fn jwe_verdict(example: &Value) -> Result<Vec<u8>, JoseError> {
    // The keys of what is refused are shared secrets, of which there are none here.
    let key: Vec<_> = DecryptionKey::from_jwk(&example["key"]).into_iter().collect();
    decrypt(example["token"].as_str().unwrap(), &key, &JweAllowed::default())
}

#[test]
fn rfc7516_appendices() {
    let valid = compare(include_str!("../../../../vectors/jose-rfc/rfc7516.json"), jwe_verdict, "plain");
    assert_eq!(valid, ["A.1"]);
}

#[test]
fn rfc7520_encryption() {
    let valid = compare(include_str!("../../../../vectors/jose-rfc/rfc7520-jwe.json"), jwe_verdict, "plain");
    assert_eq!(valid, ["5.2", "5.4", "5.5"]);
}

#[test]
fn rfc7638_thumbprint() {
    let file = parse(include_str!("../../../../vectors/jose-rfc/rfc7638.json"));
    let key = VerificationKey::from_jwk(&file[0]["key"]).unwrap();
    assert_eq!(key.thumbprint(), file[0]["thumbprint"].as_str().unwrap());
}

#[test]
fn rfc8037_ed25519() {
    let file = parse(include_str!("../../../../vectors/jose-rfc/rfc8037.json"));
    let example = &file[0];
    let key = SigningKey::from_jwk(Algorithm::EdDsa, &example["private"]).unwrap();
    assert_eq!(key.thumbprint(), example["thumbprint"].as_str().unwrap());
    // Ed25519 draws nothing: the signature can be made again.
    let token = example["token"].as_str().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(key.sign_bytes(signed.as_bytes()).unwrap(), decoded(&signature.into()));
    let payload =
        Jws::parse(token, Limits::default()).unwrap().verify(&key.verification_key().unwrap()).unwrap();
    assert_eq!(payload, decoded(&example["payload"]));
}

#[test]
fn rfc9449_proofs() {
    let file = parse(include_str!("../../../../vectors/jose-rfc/rfc9449.json"));
    for example in file.as_array().unwrap() {
        let text = |name: &str| example[name].as_str();
        let now =
            DateTime::from_timestamp(example["iat"].as_i64().unwrap(), 0).unwrap() + TimeDelta::seconds(5);
        let expected = DpopExpectations {
            access_token: text("access_token"),
            ..DpopExpectations::new(text("method").unwrap(), text("uri").unwrap())
        };
        let proof = verify_proof(text("token").unwrap(), &expected, now).unwrap();
        assert_eq!(proof.jti, text("jti").unwrap());
        if let Some(jkt) = text("jkt") {
            assert_eq!(proof.thumbprint, jkt);
        }
        assert!(verify_proof(text("token").unwrap(), &expected, now + TimeDelta::minutes(2)).is_err());
    }
}

/// The keys of RFC 7517: public and private ones are taken for what they say they are for, shared secrets are not.
///
/// Members about certificates (appendix B) are no part of a key.
#[test]
fn rfc7517_keys() {
    let file = parse(include_str!("../../../../vectors/jose-rfc/rfc7517.json"));
    for example in file.as_array().unwrap() {
        let (name, result, key) = (&example["name"], example["result"].as_str().unwrap(), &example["key"]);
        let signs = VerificationKey::from_jwk(key);
        let encrypts = EncryptionKey::from_jwk(key);
        let is_private = result.starts_with("private");
        assert_eq!(signs.is_ok(), result == "signature", "{name}");
        assert_eq!(encrypts.is_ok(), result == "encryption", "{name}");
        assert_eq!(
            SigningKey::from_jwk(Algorithm::Rs256, key).is_ok(),
            result == "private, signature",
            "{name}"
        );
        assert_eq!(DecryptionKey::from_jwk(key).is_ok(), result == "private, encryption", "{name}");
        if let Some(thumbprint) = example["thumbprint"].as_str() {
            let mut public = key.clone();
            for member in ["d", "p", "q", "dp", "dq", "qi", "use", "alg"] {
                public.as_object_mut().unwrap().remove(member);
            }
            assert_eq!(VerificationKey::from_jwk(&public).unwrap().thumbprint(), thumbprint, "{name}");
            assert_eq!(is_private, key.get("d").is_some(), "{name}");
        }
    }
    assert_eq!(file.as_array().unwrap().len(), 8);
}

/// The tokens of RFC 7519 and RFC 7517 C, and the unencoded payloads of RFC 7797: none has an algorithm or a form that is taken.
#[test]
fn rfc7519_and_rfc7797_are_refused() {
    let valid = compare(include_str!("../../../../vectors/jose-rfc/rfc7797.json"), jws_verdict, "payload");
    assert!(valid.is_empty());
    let either = |example: &Value| match example["token"].as_str().unwrap().split('.').count() {
        3 => jws_verdict(example),
        _ => jwe_verdict(example),
    };
    assert!(compare(include_str!("../../../../vectors/jose-rfc/rfc7519.json"), either, "payload").is_empty());
}
