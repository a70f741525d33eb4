use crate::verdicts::{Counted, cases, compare, parse};
use axess_jose::{
    JoseError, JwkSet, Jws, Limits, VerificationKey,
    jwe::{DecryptionKey, JweAllowed, decrypt},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const SECRET: &str = "a shared secret: no algorithm here has one";
const P521: &str = "P-521: nobody we talk to uses it";
const PINNED: &str = "its key is for PS256, and the token says PS384: a key has one algorithm";
const AES_192: &str = "AES-192: nobody we talk to uses it";
const PADDING: &str = "RSA1_5: a padding oracle";
const ZIP: &str = "compression: a kilobyte that becomes a gigabyte";

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
    let file = parse(include_str!("../../../../vectors/wycheproof/json_web_key.json"));
    let is_secret = |group: &Value, _: &Value| (group["public"]["keys"][0]["kty"] == "oct").then_some(SECRET);
    let counted = compare(&file, is_secret, |group, test| {
        verified(&set(&group["public"]["keys"]), test["jws"].as_str().unwrap()).is_ok()
    });
    assert_eq!(counted, Counted { cases: 26, skipped: 4 });
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
    let file = parse(include_str!("../../../../vectors/wycheproof/json_web_signature.json"));
    let skip = |group: &Value, test: &Value| match (&group["public"]["kty"], &group["public"]["alg"]) {
        (kty, _) if kty == "oct" => Some(SECRET),
        (_, alg) if alg == "ES521" => Some(P521),
        (_, alg) if alg == "PS256" => {
            header(&test["jws"]).is_some_and(|it| it["alg"] == "PS384").then_some(PINNED)
        }
        _ => None,
    };
    let counted = compare(&file, skip, |group, test| {
        verified(&set(&json!([group["public"]])), test["jws"].as_str().unwrap()).is_ok()
    });
    assert_eq!(counted, Counted { cases: 401, skipped: 14 });
}

#[test]
fn json_web_encryption() {
    let file = parse(include_str!("../../../../vectors/wycheproof/json_web_encryption.json"));
    let skip = |group: &Value, test: &Value| {
        let header = header(&test["jwe"])?;
        let name = |member: &str| header[member].as_str().unwrap_or_default().to_owned();
        let is_192 = [name("alg"), name("enc")].iter().any(|name| name.contains("192"));
        match group["private"]["kty"].as_str() {
            Some("oct") => Some(SECRET),
            _ if name("alg") == "RSA1_5" => Some(PADDING),
            _ if !name("zip").is_empty() => Some(ZIP),
            _ => is_192.then_some(AES_192),
        }
    };
    let counted = compare(&file, skip, |group, test| {
        let keys: Vec<_> = DecryptionKey::from_jwk(&group["private"]).into_iter().collect();
        let opened = decrypt(test["jwe"].as_str().unwrap(), &keys, &JweAllowed::default());
        opened.is_ok_and(|plain| {
            assert_eq!(data_encoding::HEXLOWER.encode(&plain), test["pt"].as_str().unwrap());
            true
        })
    });
    assert_eq!(counted, Counted { cases: 139, skipped: 36 });
}

fn header(token: &Value) -> Option<Value> {
    let header = token.as_str().unwrap().split('.').next()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
}
