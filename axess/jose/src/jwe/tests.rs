use super::*;
use crate::forge::{RSA, pem};
use axess_rng::{MockRng, SystemRng};
use serde_json::json;
use std::sync::LazyLock;

static RSA_KEY: LazyLock<DecryptionKey> =
    LazyLock::new(|| DecryptionKey::generate(KeyManagement::RsaOaep256).unwrap());
static EC_KEY: LazyLock<DecryptionKey> =
    LazyLock::new(|| DecryptionKey::generate(KeyManagement::EcdhEs).unwrap());

const PLAIN: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.e30.c2ln";

fn sealed(key: &DecryptionKey, algorithm: KeyManagement, encryption: ContentEncryption) -> String {
    let recipient = EncryptionKey::from_jwk(&key.public_jwk()).unwrap();
    encrypt(PLAIN, &recipient, algorithm, encryption, &SystemRng).unwrap()
}

/// Returns the private JWK of a key of ours under another algorithm, by way of PKCS #8.
fn p384() -> Value {
    // RFC 7520 §5.4.1.
    json!({
        "kty": "EC", "kid": "peregrin.took@tuckborough.example", "use": "enc", "crv": "P-384",
        "x": "YU4rRUzdmVqmRtWOs2OpDE_T5fsNIodcG8G5FWPrTPMyxpzsSOGaQLpe2FpxBmu2",
        "y": "A8-yxCHxkfBz3hKZfI1jUYMjUhsEveZ9THuwFjH2sCNdtksRJU7D5-SkgaFL1ETP",
        "d": "iTx2pk7wW-GqJkHcEkFQb2EFyYcO7RugmaW3mRrQVAOUiPommT0IdnYK2xDlZh-j"
    })
}

#[test]
fn every_combination_comes_back() {
    let p384 = DecryptionKey::from_jwk(&p384()).unwrap();
    let any_ec = {
        let mut jwk = self::p384();
        jwk.as_object_mut().unwrap().remove("use");
        DecryptionKey::from_jwk(&jwk).unwrap()
    };
    for encryption in ContentEncryption::ALL {
        for (key, algorithm) in [
            (&*RSA_KEY, KeyManagement::RsaOaep256),
            (&*EC_KEY, KeyManagement::EcdhEs),
            (&p384, KeyManagement::EcdhEs),
            (&p384, KeyManagement::EcdhEsA128Kw),
            (&any_ec, KeyManagement::EcdhEsA256Kw),
        ] {
            let token = sealed(key, algorithm, encryption);
            let opened = decrypt(&token, std::slice::from_ref(key), &JweAllowed::default());
            assert_eq!(opened.unwrap(), PLAIN, "{} {}", algorithm.name(), encryption.name());
            assert!(is_encrypted(&token) && !is_encrypted("a.b.c"));
        }
    }
}

#[test]
fn rsa_oaep_with_sha1_comes_back() {
    let text = pem("PRIVATE KEY", &RSA.to_pkcs8().unwrap());
    let key = DecryptionKey::from_pkcs8_pem(&text).unwrap();
    let token = sealed(&key, KeyManagement::RsaOaep, ContentEncryption::A128Gcm);
    assert_eq!(decrypt(&token, &[key], &JweAllowed::default()).unwrap(), PLAIN);
    for bad in ["", &text.replace("PRIVATE KEY", "RSA PRIVATE KEY")] {
        assert!(matches!(DecryptionKey::from_pkcs8_pem(bad), Err(JoseError::KeyRefused(_))));
    }
    let ed = crate::SigningKey::generate(crate::Algorithm::EdDsa).unwrap().to_pkcs8().unwrap();
    let ed = pem("PRIVATE KEY", &ed);
    assert!(matches!(DecryptionKey::from_pkcs8_pem(&ed), Err(JoseError::KeyRefused(_))));
}

#[test]
fn any_change_is_noticed_and_not_explained() {
    for (key, algorithm, encryption) in [
        (&*EC_KEY, KeyManagement::EcdhEs, ContentEncryption::A128CbcHs256),
        (&*EC_KEY, KeyManagement::EcdhEs, ContentEncryption::A256Gcm),
        (&*RSA_KEY, KeyManagement::RsaOaep256, ContentEncryption::A256CbcHs512),
    ] {
        let good = sealed(key, algorithm, encryption);
        let header = good.find('.').unwrap();
        for at in (header + 1)..good.len() {
            let mut bytes = good.clone().into_bytes();
            if bytes[at] == b'.' {
                continue;
            }
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            let refused = decrypt(&changed, std::slice::from_ref(key), &JweAllowed::default()).unwrap_err();
            assert!(
                matches!(refused, JoseError::DecryptionFailed | JoseError::Malformed("a part's base64url")),
                "{at} {refused}"
            );
        }
    }
}

/// Replaces the header of a good token.
fn fate(change: impl Fn(&mut Value)) -> JoseError {
    let good = sealed(&EC_KEY, KeyManagement::EcdhEs, ContentEncryption::A256Gcm);
    let (header, rest) = good.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&base64url::decode(header).unwrap()).unwrap();
    change(&mut header);
    let token = format!("{}.{rest}", base64url::encode(header.to_string().as_bytes()));
    decrypt(&token, std::slice::from_ref(&*EC_KEY), &JweAllowed::default()).unwrap_err()
}

#[test]
fn algorithms_that_are_not_taken() {
    for alg in [
        "none",
        "RSA1_5",
        "dir",
        "A128KW",
        "A256GCMKW",
        "PBES2-HS256+A128KW",
        "ECDH-ES+A192KW",
        "RSA-OAEP-512",
        "ecdh-es",
    ] {
        assert!(matches!(fate(|header| header["alg"] = json!(alg)), JoseError::AlgorithmRefused), "{alg}");
    }
    for enc in ["none", "A192GCM", "A192CBC-HS384", "C20P", "A256gcm"] {
        assert!(matches!(fate(|header| header["enc"] = json!(enc)), JoseError::AlgorithmRefused), "{enc}");
    }
    let good = sealed(&EC_KEY, KeyManagement::EcdhEs, ContentEncryption::A256Gcm);
    let key = std::slice::from_ref(&*EC_KEY);
    let rsa_only = JweAllowed { algorithms: vec![KeyManagement::RsaOaep256], ..JweAllowed::default() };
    let cbc_only = JweAllowed { encryptions: vec![ContentEncryption::A128CbcHs256], ..JweAllowed::default() };
    for allowed in [rsa_only, cbc_only] {
        assert!(matches!(decrypt(&good, key, &allowed), Err(JoseError::AlgorithmRefused)));
    }
}

#[test]
fn headers_that_are_not_taken() {
    for (name, value) in [
        ("zip", json!("DEF")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("kid", json!(1)),
        ("alg", json!(null)),
        ("enc", json!(1)),
        ("apu", json!("a=")),
        ("apv", json!(1)),
        ("epk", json!(null)),
        ("epk", json!("key")),
    ] {
        assert!(
            matches!(fate(|header| header[name] = value.clone()), JoseError::Malformed(_)),
            "{name} {value}"
        );
    }
    assert!(matches!(fate(|header| header["kid"] = json!("another")), JoseError::KeyUnknown));
    // Authenticated, though nobody looks at it.
    assert!(matches!(fate(|header| header["cty"] = json!("JWT")), JoseError::DecryptionFailed));
}

#[test]
fn points_off_the_curve() {
    let zero = base64url::encode(&[0; 32]);
    let x = EC_KEY.public_jwk()["x"].clone();
    for (name, value) in [
        ("y", json!(zero)),
        ("x", json!(zero)),
        ("y", x),
        ("crv", json!("P-384")),
        ("crv", json!("P-521")),
        ("kty", json!("OKP")),
    ] {
        let refused = fate(|header| header["epk"][name] = value.clone());
        assert!(
            matches!(refused, JoseError::DecryptionFailed | JoseError::KeyRefused(_)),
            "{name} {value} {refused}"
        );
    }
    // A point of another curve than the key's.
    let other = DecryptionKey::from_jwk(&p384()).unwrap().public_jwk();
    assert!(matches!(fate(|header| header["epk"] = other.clone()), JoseError::DecryptionFailed));
}

#[test]
fn an_encrypted_key_where_there_should_be_none() {
    let good = sealed(&EC_KEY, KeyManagement::EcdhEs, ContentEncryption::A256Gcm);
    let bad = good.replacen("..", ".AAAA.", 1);
    assert!(matches!(
        decrypt(&bad, std::slice::from_ref(&*EC_KEY), &JweAllowed::default()),
        Err(JoseError::Malformed(_))
    ));
}

#[test]
fn form_and_size() {
    let key = std::slice::from_ref(&*EC_KEY);
    let good = sealed(&EC_KEY, KeyManagement::EcdhEs, ContentEncryption::A256Gcm);
    for bad in [
        String::new(),
        "....".into(),
        format!("{good}."),
        format!(" {good}"),
        format!("{good}="),
        good.replacen('.', "", 1),
    ] {
        assert!(matches!(decrypt(&bad, key, &JweAllowed::default()), Err(JoseError::Malformed(_))), "{bad}");
    }
    let small = JweAllowed { limits: Limits { max_bytes: 64, max_depth: 8 }, ..JweAllowed::default() };
    assert!(matches!(decrypt(&good, key, &small), Err(JoseError::TooLarge)));
    assert!(matches!(
        decrypt(&"a".repeat(10_000_000), key, &JweAllowed::default()),
        Err(JoseError::TooLarge)
    ));
}

#[test]
fn keys_are_found_by_name_and_kind() {
    let token = sealed(&EC_KEY, KeyManagement::EcdhEs, ContentEncryption::A256Gcm);
    let strangers: Vec<_> = (0..3).map(|_| DecryptionKey::generate(KeyManagement::EcdhEs).unwrap()).collect();
    assert!(matches!(decrypt(&token, &strangers, &JweAllowed::default()), Err(JoseError::KeyUnknown)));
    assert!(matches!(decrypt(&token, &[], &JweAllowed::default()), Err(JoseError::KeyUnknown)));
    assert!(matches!(
        decrypt(&token, std::slice::from_ref(&*RSA_KEY), &JweAllowed::default()),
        Err(JoseError::KeyUnknown)
    ));
    let posing = DecryptionKey::generate(KeyManagement::EcdhEs).unwrap().with_kid(EC_KEY.kid().unwrap());
    assert!(matches!(decrypt(&token, &[posing], &JweAllowed::default()), Err(JoseError::DecryptionFailed)));
}

#[test]
fn keys_for_something_else() {
    for change in [
        ("use", json!("sig")),
        ("alg", json!("ES256")),
        ("alg", json!(1)),
        ("kid", json!(1)),
        ("d", json!("AAAA")),
        ("crv", json!("P-521")),
    ] {
        let mut jwk = p384();
        jwk[change.0] = change.1.clone();
        assert!(matches!(DecryptionKey::from_jwk(&jwk), Err(JoseError::KeyRefused(_))), "{change:?}");
    }
    let mut other_point = p384();
    (other_point["x"], other_point["y"]) = (p384()["y"].clone(), p384()["x"].clone());
    assert!(DecryptionKey::from_jwk(&other_point).is_err());
    assert!(matches!(EncryptionKey::from_jwk(&p384()), Err(JoseError::KeyRefused(_))), "it is private");
    let recipient = EncryptionKey::from_jwk(&EC_KEY.public_jwk()).unwrap();
    let refused =
        encrypt(PLAIN, &recipient, KeyManagement::EcdhEsA128Kw, ContentEncryption::A256Gcm, &SystemRng);
    assert!(matches!(refused, Err(JoseError::AlgorithmRefused)), "its `alg` is another");
    assert!(!format!("{:?} {recipient:?}", *EC_KEY).contains("\"d\""));
}

#[test]
fn the_content_key_comes_from_the_injected_generator() {
    let recipient = EncryptionKey::from_jwk(&RSA_KEY.public_jwk()).unwrap();
    let seal = |seed| {
        let how = (KeyManagement::RsaOaep256, ContentEncryption::A256Gcm);
        let token = encrypt(PLAIN, &recipient, how.0, how.1, &MockRng::new(seed)).unwrap();
        token.split('.').skip(2).collect::<Vec<_>>().join(".")
    };
    assert_eq!(seal(1), seal(1));
    assert_ne!(seal(1), seal(2));
}
