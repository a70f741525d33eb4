use crate::verdicts::{decoded, parse};
use axess_jose::{
    Algorithm, JoseError, Jws, Limits, SigningKey, VerificationKey,
    dpop::{DpopExpectations, verify_proof},
    jwe::{DecryptionKey, JweAllowed, decrypt},
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
