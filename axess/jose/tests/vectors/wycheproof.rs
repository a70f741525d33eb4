use crate::verdicts::{Skips, cases, compare, parse};
use axess_jose::{
    JoseError, JwkSet, Jws, Limits, VerificationKey,
    jwe::{DecryptionKey, JweAllowed, decrypt},
};
use serde_json::{Value, json};

const HMAC: &str = "a shared secret: no algorithm here has one";
const AES_192: &str = "AES-192: nobody we talk to uses it";

fn verified(set: &JwkSet, token: &str) -> Result<(), JoseError> {
    let jws = Jws::parse(token, Limits::default())?;
    let key = set.find(jws.kid(), jws.algorithm()).ok_or(JoseError::KeyUnknown)?;
    jws.verify(key).map(drop)
}

fn set(keys: &Value) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

#[test]
fn json_web_keys() {
    const SKIPS: Skips = &[(2, HMAC), (13, HMAC)];
    let file = parse(include_str!("../../../../vectors/wycheproof/json_web_key.json"));
    let seen = compare(cases(&file), SKIPS, |group, test| {
        verified(&set(&group["public"]["keys"]), test["jws"].as_str().unwrap()).is_ok()
    });
    assert_eq!(seen, 20);
}

/// The keys of these are refused, and not only their tokens.
#[test]
fn bad_keys_are_refused_as_keys() {
    let file = parse(include_str!("../../../../vectors/wycheproof/json_web_key.json"));
    let mut refused = 0;
    for (group, test) in cases(&file) {
        if [6, 7, 8, 9, 19, 20, 21, 22, 23, 24].contains(&test["tcId"].as_i64().unwrap()) {
            let key = VerificationKey::from_jwk(&group["public"]["keys"][0]);
            assert!(matches!(key, Err(JoseError::KeyRefused(_))), "{}", test["comment"]);
            refused += 1;
        }
    }
    assert_eq!(refused, 10);
}

#[test]
fn json_web_signatures() {
    const SKIPS: Skips = &[(1, HMAC)];
    let file = parse(include_str!("../../../../vectors/wycheproof/json_web_signature.json"));
    let seen = compare(cases(&file), SKIPS, |group, test| {
        verified(&set(&json!([group["public"]])), test["jws"].as_str().unwrap()).is_ok()
    });
    assert_eq!(seen, 39);
}

#[test]
fn json_web_encryption() {
    const SKIPS: Skips = &[(53, AES_192)];
    let file = parse(include_str!("../../../../vectors/wycheproof/json_web_encryption.json"));
    let seen = compare(cases(&file), SKIPS, |group, test| {
        let key = DecryptionKey::from_jwk(&group["private"]).unwrap();
        let opened = decrypt(test["jwe"].as_str().unwrap(), &[key], &JweAllowed::default());
        opened.is_ok_and(|plain| {
            assert_eq!(data_encoding::HEXLOWER.encode(&plain), test["pt"].as_str().unwrap());
            true
        })
    });
    assert_eq!(seen, 24);
}
