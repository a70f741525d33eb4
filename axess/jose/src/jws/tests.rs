use super::*;
use crate::{
    SigningKey,
    forge::{EC, RSA, token, verifying},
};

const PAYLOAD: &str = r#"{"sub":"alice"}"#;

fn parse(token: &str) -> Result<Jws<'_>, JoseError> {
    Jws::parse(token, Limits::default())
}

/// Returns how a token fares that is signed with a good key under this header.
fn fate(key: &SigningKey, header: &str) -> Result<Vec<u8>, JoseError> {
    parse(&token(key, header, PAYLOAD))?.verify(&verifying(key))
}

#[test]
fn none_is_no_algorithm_however_it_is_written() {
    for name in ["none", "None", "NONE", "nOnE", "nonE", "", " none", "none\\u0000"] {
        let header = format!(r#"{{"alg":"{name}"}}"#);
        let whole = token(&EC, &header, PAYLOAD);
        assert!(matches!(parse(&whole), Err(JoseError::AlgorithmRefused)), "{name}");
        let (unsigned, _) = whole.rsplit_once('.').unwrap();
        assert!(parse(&format!("{unsigned}.")).is_err(), "{name}, without a signature");
    }
    for header in [r#"{}"#, r#"{"alg":null}"#, r#"{"alg":["ES256"]}"#, r#"{"Alg":"ES256"}"#, r#"{"alg":1}"#] {
        assert!(matches!(fate(&EC, header), Err(JoseError::Malformed(_))), "{header}");
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    use aws_lc_rs::hmac;
    let (jwk, pem) = (RSA.public_jwk(), RSA.public_jwk()["n"].as_str().unwrap().to_owned());
    for secret in [jwk.to_string().into_bytes(), pem.into_bytes()] {
        let header = base64url::encode(br#"{"alg":"HS256"}"#);
        let signed = format!("{header}.{}", base64url::encode(PAYLOAD.as_bytes()));
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        let forged = format!("{signed}.{}", base64url::encode(mac.as_ref()));
        assert!(matches!(parse(&forged), Err(JoseError::AlgorithmRefused)));
    }
}

#[test]
fn the_key_decides_the_algorithm() {
    // The same RSA key, and a good signature of another scheme than it is pinned to.
    let header = r#"{"alg":"PS256"}"#;
    let pss = SigningKey::from_pkcs8(Algorithm::Ps256, &RSA.to_pkcs8().unwrap()).unwrap();
    let token = token(&pss, header, PAYLOAD);
    assert!(parse(&token).unwrap().verify(&verifying(&pss)).is_ok());
    assert!(matches!(parse(&token).unwrap().verify(&verifying(&RSA)), Err(JoseError::AlgorithmRefused)));
    // A signature under the name of another algorithm of the same key.
    let any = VerificationKey::from_jwk(&without_alg(&RSA)).unwrap();
    assert!(parse(&token).unwrap().verify(&any).is_ok(), "nothing pins it");
    assert!(matches!(fate_with(&any, r#"{"alg":"RS384"}"#), Err(JoseError::SignatureInvalid)));
    assert!(matches!(fate_with(&any, r#"{"alg":"ES256"}"#), Err(JoseError::AlgorithmRefused)));
}

fn fate_with(key: &VerificationKey, header: &str) -> Result<Vec<u8>, JoseError> {
    parse(&token(&RSA, header, PAYLOAD))?.verify(key)
}

fn without_alg(key: &SigningKey) -> Value {
    let mut jwk = key.public_jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    jwk
}

#[test]
fn a_key_in_the_header_is_no_key() {
    let attacker = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk = attacker.public_jwk();
    for member in [
        format!(r#""jwk":{jwk}"#),
        r#""jku":"https://attacker.example/keys""#.to_owned(),
        r#""x5u":"https://attacker.example/cert""#.to_owned(),
        r#""x5c":["MIIB"]"#.to_owned(),
    ] {
        let header = format!(r#"{{"alg":"ES256",{member}}}"#);
        let forged = token(&attacker, &header, PAYLOAD);
        assert!(
            matches!(parse(&forged).unwrap().verify(&verifying(&EC)), Err(JoseError::SignatureInvalid)),
            "{member}"
        );
        assert!(fate(&EC, &header).is_ok(), "it may be there: {member}");
    }
}

#[test]
fn kid_is_an_opaque_name() {
    for kid in [
        "../../../../dev/null",
        "' OR 1=1 --",
        "http://169.254.169.254/",
        "|id",
        "\\u0000",
        "",
        &"k".repeat(5_000),
    ] {
        let forged = token(&EC, &format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#), PAYLOAD);
        assert!(
            matches!(parse(&forged).unwrap().verify(&verifying(&EC)), Err(JoseError::KeyUnknown)),
            "{kid}"
        );
    }
    let named = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, EC.kid());
    assert!(fate(&EC, &named).is_ok());
    for kid in ["1", "null", r#"["a"]"#, "{}"] {
        let header = format!(r#"{{"alg":"ES256","kid":{kid}}}"#);
        assert!(matches!(fate(&EC, &header), Err(JoseError::Malformed(_))), "{kid}");
    }
}

#[test]
fn psychic_signatures() {
    let signed = |alg: &str| {
        let header = base64url::encode(format!(r#"{{"alg":"{alg}"}}"#).as_bytes());
        format!("{header}.{}", base64url::encode(PAYLOAD.as_bytes()))
    };
    // The order of P-256, which is zero in its field.
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let one = [&[0; 31][..], &[1]].concat();
    for signature in [
        vec![0; 64],
        [&[0; 32][..], &one].concat(),
        [&one[..], &[0; 32]].concat(),
        [&order[..], &order].concat(),
        [&order[..], &one].concat(),
        vec![],
        vec![0; 63],
        vec![0; 65],
        // DER instead of two numbers.
        vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00],
    ] {
        let forged = format!("{}.{}", signed("ES256"), base64url::encode(&signature));
        assert!(matches!(parse(&forged).unwrap().verify(&verifying(&EC)), Err(JoseError::SignatureInvalid)));
    }
    for signature in [vec![0; 256], vec![], one, [&[0; 255][..], &[1]].concat()] {
        let forged = format!("{}.{}", signed("RS256"), base64url::encode(&signature));
        assert!(matches!(parse(&forged).unwrap().verify(&verifying(&RSA)), Err(JoseError::SignatureInvalid)));
    }
}

#[test]
fn what_changes_the_meaning_of_the_rest_is_refused() {
    for member in [
        r#""crit":["exp"],"exp":1"#,
        r#""crit":["b64"],"b64":false"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""zip":"DEF""#,
        r#""typ":1"#,
        r#""typ":null"#,
    ] {
        let header = format!(r#"{{"alg":"ES256",{member}}}"#);
        assert!(matches!(fate(&EC, &header), Err(JoseError::Malformed(_))), "{member}");
    }
    assert!(
        fate(&EC, r#"{"alg":"ES256","x-of-ours":{"a":[1]},"cty":"json"}"#).is_ok(),
        "what is not known is not looked at"
    );
    for alg in ["PBES2-HS256+A128KW", "dir", "RSA-OAEP", "A128KW", "ECDH-ES"] {
        let header = format!(r#"{{"alg":"{alg}","p2c":2147483647,"p2s":"AAAA"}}"#);
        assert!(matches!(fate(&EC, &header), Err(JoseError::AlgorithmRefused)), "{alg}");
    }
}

#[test]
fn duplicate_members_of_a_header_are_refused() {
    for header in [
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"alg":"ES256","\u0061lg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"a","kid":"b"}"#,
        r#"{"alg":"ES256","x":1,"x":1}"#,
        r#"{"alg":"ES256","x":{"y":1,"y":2}}"#,
        r#"{"alg":"ES256"}{"alg":"ES256"}"#,
        r#"{"alg":"ES256"} x"#,
        r#"[{"alg":"ES256"}]"#,
        r#""ES256""#,
        "",
    ] {
        assert!(matches!(fate(&EC, header), Err(JoseError::Malformed(_))), "{header}");
    }
}

#[test]
fn there_are_three_parts_of_strict_base64url() {
    let good = token(&EC, r#"{"alg":"ES256"}"#, PAYLOAD);
    let key = verifying(&EC);
    assert!(parse(&good).unwrap().verify(&key).is_ok());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!(".{good}"),
        format!("{header}..{payload}.{signature}"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}=.{signature}"),
        format!("{good}=="),
        format!("{header}.{payload}.{signature}\u{0}"),
        format!("{header}. {payload}.{signature}"),
        format!("Bearer {good}"),
        format!("{header}.{payload}.é"),
    ] {
        let verdict = parse(&bad).and_then(|jws| jws.verify(&key));
        assert!(verdict.is_err(), "{bad:?}");
    }
    // The last symbol of the signature has four bits that do not count: 15 other spellings of the same bytes.
    let (start, last) = signature.split_at(signature.len() - 1);
    let others = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars();
    let taken = others
        .filter(|other| parse(&format!("{header}.{payload}.{start}{other}")).is_ok())
        .collect::<String>();
    assert_eq!(taken.len(), 4, "{taken}");
    assert!(taken.contains(last));
}

#[test]
fn size_and_depth_are_bounded() {
    let limits = Limits { max_bytes: 400, max_depth: 3 };
    let with = |header: &str| token(&EC, header, PAYLOAD);
    let fits = |header: &str| Jws::parse(&with(header), limits).map(drop);
    assert!(fits(r#"{"alg":"ES256","x":[[1]]}"#).is_ok());
    assert!(matches!(fits(r#"{"alg":"ES256","x":[[[1]]]}"#), Err(JoseError::Malformed(_))));
    let long = format!(r#"{{"alg":"ES256","x":"{}"}}"#, "x".repeat(400));
    assert!(matches!(fits(&long), Err(JoseError::TooLarge)));
    let endless = "a".repeat(10_000_000);
    assert!(matches!(parse(&endless), Err(JoseError::TooLarge)));
    let deep = format!(r#"{{"alg":"ES256","x":{}{}}}"#, "[".repeat(9_000), "]".repeat(9_000));
    assert!(fate(&EC, &deep).is_err());
}

#[test]
fn unverified_claims_are_strict_too() {
    let peek = |payload: &str| {
        parse(&token(&EC, r#"{"alg":"ES256"}"#, payload)).unwrap().unverified_claims().is_ok()
    };
    assert!(peek(r#"{"iss":"a"}"#));
    for payload in [r#"{"iss":"a","iss":"b"}"#, "[]", "", "\"a\"", r#"{"iss":"a"}{}"#] {
        assert!(!peek(payload), "{payload}");
    }
}

#[test]
fn any_change_is_noticed() {
    let good = token(&EC, r#"{"alg":"ES256"}"#, PAYLOAD);
    let key = verifying(&EC);
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(parse(&changed).and_then(|jws| jws.verify(&key)).is_err(), "{at}");
    }
}

#[test]
fn debug_shows_nothing_of_the_token() {
    let good = token(&EC, r#"{"alg":"ES256","kid":"secret-name"}"#, PAYLOAD);
    assert_eq!(format!("{:?}", parse(&good).unwrap()), "Jws { alg: Es256, .. }");
}
