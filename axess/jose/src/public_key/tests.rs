use super::*;

fn read(jwk: Value) -> Result<PublicNumbers, JoseError> {
    PublicNumbers::from_jwk(jwk.as_object().unwrap())
}

fn modulus(bytes: usize) -> Vec<u8> {
    let mut n = vec![0xff; bytes];
    n[0] = 0x80;
    n
}

#[test]
fn rsa_keys_are_long_enough_and_have_a_usual_exponent() {
    let rsa = |n: &[u8], e: &[u8]| {
        read(json!({"kty": "RSA", "n": base64url::encode(n), "e": base64url::encode(e)}))
    };
    let usual: &[u8] = &[1, 0, 1];
    for (n, e, good) in [
        (modulus(256), usual, true),
        (modulus(1_024), usual, true),
        (modulus(256), &[0xff, 0xff, 0xff, 0xff], true),
        (modulus(255), usual, false),
        (modulus(128), usual, false),
        (modulus(1_025), usual, false),
        (vec![], usual, false),
        // 2047 bits; a leading zero; even.
        ([&[0x7f][..], &[0xff; 255]].concat(), usual, false),
        ([&[0][..], &modulus(256)].concat(), usual, false),
        ([&[0x80][..], &[0; 255]].concat(), usual, false),
        // Exponents: one, three, even, with a leading zero, none, longer than is taken.
        (modulus(256), &[1], false),
        (modulus(256), &[3], false),
        (modulus(256), &[0xff, 0xff], false),
        (modulus(256), &[1, 0, 0], false),
        (modulus(256), &[1, 0, 2], false),
        (modulus(256), &[0, 1, 0, 1], false),
        (modulus(256), &[], false),
        (modulus(256), &[1, 0, 0, 0, 1], false),
    ] {
        assert_eq!(rsa(&n, e).is_ok(), good, "{} {e:x?}", n.len());
    }
}

#[test]
fn coordinates_have_their_full_length() {
    for (bytes, good) in [(32, true), (31, false), (33, false), (0, false), (48, false)] {
        let numbers = base64url::encode(&vec![7; bytes]);
        let full = base64url::encode(&[7; 32]);
        assert_eq!(
            read(json!({"kty": "EC", "crv": "P-256", "x": numbers, "y": full})).is_ok(),
            good,
            "{bytes}"
        );
        assert_eq!(
            read(json!({"kty": "EC", "crv": "P-256", "x": full, "y": numbers})).is_ok(),
            good,
            "{bytes}"
        );
        assert_eq!(read(json!({"kty": "OKP", "crv": "Ed25519", "x": numbers})).is_ok(), good, "{bytes}");
    }
}

#[test]
fn other_kinds_of_keys_are_refused() {
    let (short, long) = (base64url::encode(&[7; 32]), base64url::encode(&modulus(256)));
    for jwk in [
        json!({}),
        json!({"kty": "oct", "k": short}),
        json!({"kty": "rsa", "n": long, "e": "AQAB"}),
        json!({"kty": 1, "n": long, "e": "AQAB"}),
        json!({"kty": "RSA", "n": long}),
        json!({"kty": "RSA", "e": "AQAB"}),
        json!({"kty": "RSA", "n": format!("{long}="), "e": "AQAB"}),
        json!({"kty": "RSA", "n": long, "e": "AQ AB"}),
        json!({"kty": "RSA", "n": long, "e": 65_537}),
        json!({"kty": "EC", "crv": "P-521", "x": short, "y": short}),
        json!({"kty": "EC", "crv": "secp256k1", "x": short, "y": short}),
        json!({"kty": "EC", "x": short, "y": short}),
        json!({"kty": "EC", "crv": "P-256", "x": short}),
        json!({"kty": "OKP", "crv": "X25519", "x": short}),
        json!({"kty": "OKP", "crv": "Ed448", "x": short}),
    ] {
        assert!(matches!(read(jwk.clone()), Err(JoseError::KeyRefused(_))), "{jwk}");
    }
}

#[test]
fn jwk_and_thumbprint_agree() {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let numbers = read(jwk.clone()).unwrap();
    assert_eq!(Value::Object(numbers.to_jwk()), jwk);
    // RFC 8037 appendix A.3.
    assert_eq!(numbers.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}
