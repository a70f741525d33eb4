use super::*;

#[test]
fn keys_that_verify_nothing_here_are_left_out() {
    let good = ISSUED.jwks()["keys"][0].clone();
    let changed = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let short = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let modulus = short.public_key().modulus().big_endian_without_leading_zero();
    for unfit in [
        changed("use", json!("enc")),
        changed("alg", json!("ES256")),
        changed("alg", json!("HS256")),
        changed("kid", json!("")),
        changed("kid", Value::Null),
        changed("crv", json!("X25519")),
        changed("d", json!("AAAA")),
        changed("kty", json!("oct")),
        json!({ "kty": "oct", "kid": "ed", "k": b64("a secret of 32 bytes, to be sure!"), "alg": "HS256" }),
        json!({ "kty": "RSA", "kid": "weak", "n": b64(&modulus[..128]), "e": "AQAB" }),
        json!({ "kty": "RSA", "kid": "huge", "n": b64(vec![0xff; 4_096]), "e": "AQAB" }),
        json!({ "kty": "EC", "crv": "P-384", "kid": "ec", "x": b64([1; 48]), "y": b64([1; 48]) }),
        json!("a key"),
    ] {
        let keys = read_keys(json!({ "keys": [unfit] }).to_string().as_bytes()).unwrap();
        assert!(keys.is_empty(), "{keys:?}");
    }
    // Of two of one name the first counts; and nobody makes us look at more than so many.
    let other = Ed25519KeyPair::generate().unwrap();
    let same_name = changed("x", json!(b64(other.public_key())));
    let keys = read_keys(json!({ "keys": [good, same_name] }).to_string().as_bytes()).unwrap();
    assert_eq!(keys.len(), 1);
    let many: Vec<Value> = (0..500).map(|number| changed("kid", json!(number.to_string()))).collect();
    assert_eq!(read_keys(json!({ "keys": many }).to_string().as_bytes()).unwrap().len(), MAX_KEYS);
    for text in ["", "[]", "{}", r#"{"keys":{}}"#] {
        assert!(read_keys(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn a_pattern_fits_whole_subjects() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("*", "anything", true),
        ("repo:team/*", "repo:team/app", true),
        ("repo:team/*", "repo:team", false),
        ("repo:team/*", "xrepo:team/app", false),
        ("repo:*/app:ref:*", "repo:team/app:ref:main", true),
        ("*:main", "repo:main", true),
        ("*:main", "repo:main2", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*a", "aba", true),
        ("a*b*a", "ab", false),
        ("a**b", "ab", true),
        ("exact", "exact", true),
        ("exact", "exactly", false),
        ("ä*", "äö", true),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
    }
    // No pattern takes for ever.
    assert!(!fits(&"*a".repeat(200), &"b".repeat(512)));
}
