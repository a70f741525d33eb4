mod keys;

use super::*;
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use serde_json::json;
use std::sync::LazyLock;

const ISSUER: &str = "https://builds.example.com";
const AUDIENCE: &str = "audex";
const SUBJECT: &str = "repo:team/app:ref:refs/heads/main";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An issuer with a key of each kind.
struct Issuer {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

static ISSUED: LazyLock<Issuer> = LazyLock::new(|| Issuer {
    ed: Ed25519KeyPair::generate().unwrap(),
    ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
    rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
});

impl Issuer {
    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        match algorithm {
            "EdDSA" => self.ed.sign(message).as_ref().to_vec(),
            "ES256" => self.ec.sign(&rng, message).unwrap().as_ref().to_vec(),
            _ => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature).unwrap();
                signature
            }
        }
    }

    fn jwks(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let public = self.rsa.public_key();
        json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "alg": "EdDSA", "x": b64(self.ed.public_key()) },
            { "kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "x": b64(&point[1..33]), "y": b64(&point[33..]) },
            { "kty": "RSA", "kid": "rsa", "alg": "RS256",
              "n": b64(public.modulus().big_endian_without_leading_zero()),
              "e": b64(public.exponent().big_endian_without_leading_zero()) },
        ]})
    }

    fn keys(&self) -> Vec<PublicKey> {
        read_keys(self.jwks().to_string().as_bytes()).unwrap()
    }
}

fn claims() -> Value {
    let at = now().timestamp();
    json!({ "iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": at - 60, "exp": at + 600 })
}

fn with(name: &str, value: Value) -> Value {
    let mut changed = claims();
    changed[name] = value;
    changed
}

fn without(name: &str) -> Value {
    let mut changed = claims();
    changed.as_object_mut().unwrap().remove(name);
    changed
}

/// Signs texts as they are.
fn token_of(algorithm: &str, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", b64(header), b64(claims));
    format!("{signed}.{}", b64(ISSUED.sign(algorithm, signed.as_bytes())))
}

fn token(algorithm: &str, kid: &str, claims: &Value) -> String {
    let header = json!({ "alg": algorithm, "kid": kid, "typ": "JWT" });
    token_of(algorithm, &header.to_string(), &claims.to_string())
}

/// What the verifier says: finds the key by its name, as its caller does.
fn verify(token: &str) -> Result<String, JwtFault> {
    let unverified = Unverified::parse(token)?;
    let keys = ISSUED.keys();
    let key = keys.iter().find(|key| key.id() == unverified.key_id()).ok_or(JwtFault::UnknownKey)?;
    unverified.verify(key, AUDIENCE, now())
}

#[test]
fn tokens_of_each_algorithm_are_taken() {
    for (algorithm, kid) in [("EdDSA", "ed"), ("ES256", "ec"), ("RS256", "rsa")] {
        assert_eq!(verify(&token(algorithm, kid, &claims())).as_deref(), Ok(SUBJECT), "{algorithm}");
    }
}

#[test]
fn a_changed_byte_is_noticed_wherever_it_is() {
    let good = token("EdDSA", "ed", &claims());
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // The last character has four bits that are not of the signature; base64url is read strictly.
        assert!(verify(&changed).is_err(), "{at}");
    }
}

#[test]
fn the_key_decides_the_algorithm() {
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "kid": kid }).to_string();
    // None at all, in every spelling, with and without a signature.
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let signed = format!("{}.{}", b64(header(alg, "ed")), b64(claims().to_string()));
        assert_eq!(verify(&format!("{signed}.")), Err(JwtFault::Algorithm), "{alg}");
        assert_eq!(
            verify(&token_of("EdDSA", &header(alg, "ed"), &claims().to_string())),
            Err(JwtFault::Algorithm)
        );
    }
    // A public key as the secret of an HMAC.
    let signed = format!("{}.{}", b64(header("HS256", "rsa")), b64(claims().to_string()));
    for secret in [ISSUED.jwks()["keys"][2].to_string(), ISSUED.jwks()["keys"][2]["n"].to_string()] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let forged = format!("{signed}.{}", b64(aws_lc_rs::hmac::sign(&key, signed.as_bytes())));
        assert_eq!(verify(&forged), Err(JwtFault::Algorithm));
    }
    // The algorithm of another key, or one of the same key that it does not have here.
    for (alg, kid) in [
        ("ES256", "ed"),
        ("EdDSA", "rsa"),
        ("RS256", "ec"),
        ("PS256", "rsa"),
        ("RS512", "rsa"),
        ("ES384", "ec"),
    ] {
        let by = if alg.starts_with("ES") { "ES256" } else { "EdDSA" };
        assert_eq!(
            verify(&token_of(by, &header(alg, kid), &claims().to_string())),
            Err(JwtFault::Algorithm),
            "{alg}"
        );
    }
    // The right name, and the signature of another key.
    assert_eq!(
        verify(&token_of("EdDSA", &header("ES256", "ec"), &claims().to_string())),
        Err(JwtFault::Signature)
    );
}

#[test]
fn a_token_brings_no_key_along() {
    let attacker = Ed25519KeyPair::generate().unwrap();
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": b64(attacker.public_key()) });
    let own = |name: &str, value: Value| {
        let mut header = json!({ "alg": "EdDSA", "kid": "ed", "typ": "JWT" });
        header[name] = value;
        let signed = format!("{}.{}", b64(header.to_string()), b64(claims().to_string()));
        format!("{signed}.{}", b64(attacker.sign(signed.as_bytes())))
    };
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("p2c", json!(2_000_000_000)),
        ("enc", json!("A256GCM")),
        ("epk", json!({})),
    ] {
        assert_eq!(verify(&own(name, value)), Err(JwtFault::Header), "{name}");
    }
    // What is only a thumbprint changes nothing: the signature is still the attacker's.
    assert_eq!(verify(&own("x5t", json!("AAAA"))), Err(JwtFault::Signature));
    assert_eq!(verify(&own("kid", json!("ed"))), Err(JwtFault::Signature));
}

#[test]
fn the_name_of_a_key_is_looked_up_and_nothing_else() {
    for kid in [
        "../../dev/null",
        "/proc/self/environ",
        "ed' OR '1'='1",
        "ed\u{0}",
        " ed",
        "ED",
        "",
        "https://evil.example/key",
        "| whoami",
    ] {
        assert_eq!(verify(&token("EdDSA", kid, &claims())), Err(JwtFault::UnknownKey), "{kid}");
    }
    assert_eq!(verify(&token("EdDSA", &"k".repeat(600), &claims())), Err(JwtFault::Header));
    let nameless = token_of("EdDSA", r#"{"alg":"EdDSA"}"#, &claims().to_string());
    assert_eq!(verify(&nameless), Err(JwtFault::Header));
    // A key that is asked about another token than the one that names it.
    let keys = ISSUED.keys();
    let token = token("EdDSA", "ed", &claims());
    let other = keys.iter().find(|key| key.id() == "ec").unwrap();
    assert_eq!(Unverified::parse(&token).unwrap().verify(other, AUDIENCE, now()), Err(JwtFault::UnknownKey));
}

#[test]
fn signatures_that_say_nothing_are_refused() {
    let signed = |alg: &str, kid: &str| {
        format!("{}.{}", b64(json!({ "alg": alg, "kid": kid }).to_string()), b64(claims().to_string()))
    };
    for (alg, kid, lengths) in [
        ("ES256", "ec", [0, 63, 64, 65]),
        ("EdDSA", "ed", [0, 63, 64, 65]),
        ("RS256", "rsa", [0, 1, 255, 256]),
    ] {
        for length in lengths {
            for byte in [0_u8, 0xff] {
                let forged = format!("{}.{}", signed(alg, kid), b64(vec![byte; length]));
                assert_eq!(verify(&forged), Err(JwtFault::Signature), "{alg} {length} {byte}");
            }
        }
    }
    // r = s = the order of P-256, which is zero modulo itself.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap()).collect();
    let forged = format!("{}.{}", signed("ES256", "ec"), b64([order.clone(), order].concat()));
    assert_eq!(verify(&forged), Err(JwtFault::Signature));
    // An ASN.1 signature is none of JWS.
    let message = signed("ES256", "ec");
    let der = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        ISSUED.ec.to_pkcs8v1().unwrap().as_ref(),
    )
    .unwrap()
    .sign(&SystemRandom::new(), message.as_bytes())
    .unwrap();
    assert_eq!(verify(&format!("{message}.{}", b64(der))), Err(JwtFault::Signature));
}

#[test]
fn the_shape_is_strict() {
    let good = token("EdDSA", "ed", &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for malformed in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{header}.{payload}..{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!("{good}="),
        format!("{header}=.{payload}.{signature}"),
        format!("{good}\n"),
        format!(" {good}"),
        good.replace('.', " . "),
        format!("{header}.{}.{signature}", payload.replace(['-', '_'], "+")) + "+",
        "a".repeat(MAX_TOKEN + 1),
    ] {
        assert!(verify(&malformed).is_err(), "{malformed}");
    }
    let long = with("padding", json!("x".repeat(MAX_TOKEN)));
    assert_eq!(verify(&token("EdDSA", "ed", &long)), Err(JwtFault::Malformed));
}

#[test]
fn nothing_is_there_twice() {
    let at = now().timestamp();
    let header = r#"{"alg":"EdDSA","kid":"ed"}"#;
    for twice in [
        r#"{"alg":"none","alg":"EdDSA","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"ec","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"ed","\u0061lg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","kid":"ed","ALG":"none"}"#,
        r#"{"alg":["EdDSA"],"kid":"ed"}"#,
        r#"["EdDSA","ed"]x"#,
        r#"{"alg":"EdDSA","kid":"ed"}{"alg":"none"}"#,
    ] {
        assert_eq!(
            verify(&token_of("EdDSA", twice, &claims().to_string())),
            Err(JwtFault::Header),
            "{twice}"
        );
    }
    for twice in [
        format!(
            r#"{{"iss":"{ISSUER}","sub":"x","sub":"{SUBJECT}","aud":"audex","iat":{at},"exp":{}}}"#,
            at + 60
        ),
        format!(
            r#"{{"iss":"{ISSUER}","sub":"{SUBJECT}","aud":"x","aud":"audex","iat":{at},"exp":{}}}"#,
            at + 60
        ),
        format!(
            r#"{{"iss":"{ISSUER}","sub":"{SUBJECT}","aud":"audex","iat":{at},"exp":1,"e\u0078p":{}}}"#,
            at + 60
        ),
        format!(
            r#"{{"iss":"x","iss":"{ISSUER}","sub":"{SUBJECT}","aud":"audex","iat":{at},"exp":{}}}"#,
            at + 60
        ),
    ] {
        assert_eq!(verify(&token_of("EdDSA", header, &twice)), Err(JwtFault::Claims), "{twice}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(2_000), "]".repeat(2_000));
    assert_eq!(verify(&token_of("EdDSA", header, &deep)), Err(JwtFault::Claims));
}

#[test]
fn it_is_for_us_and_for_now() {
    let at = now().timestamp();
    let cases = [
        (with("aud", json!("somebody else")), Err(JwtFault::Audience)),
        (with("aud", json!("AUDEX")), Err(JwtFault::Audience)),
        (with("aud", json!(["x", AUDIENCE])), Ok(SUBJECT)),
        (with("aud", json!([])), Err(JwtFault::Audience)),
        (with("aud", json!([AUDIENCE, 7])), Err(JwtFault::Claims)),
        (with("aud", json!({ "audex": true })), Err(JwtFault::Claims)),
        (with("aud", json!(vec![AUDIENCE; 17])), Err(JwtFault::Claims)),
        (without("aud"), Err(JwtFault::Claims)),
        (without("iss"), Err(JwtFault::Claims)),
        (without("sub"), Err(JwtFault::Claims)),
        (without("exp"), Err(JwtFault::Claims)),
        (without("iat"), Err(JwtFault::Claims)),
        (with("sub", json!("")), Err(JwtFault::Claims)),
        (with("sub", json!("line\nbreak")), Err(JwtFault::Claims)),
        (with("sub", json!("x".repeat(513))), Err(JwtFault::Claims)),
        (with("exp", json!(at - 29)), Ok(SUBJECT)),
        (with("exp", json!(at - 30)), Err(JwtFault::Expired)),
        (with("exp", json!(0)), Err(JwtFault::Expired)),
        (with("exp", json!(at as f64 + 5.5)), Ok(SUBJECT)),
        (with("exp", json!(-1)), Err(JwtFault::Claims)),
        (with("exp", json!("2030-01-01")), Err(JwtFault::Claims)),
        (with("exp", json!(1e300)), Err(JwtFault::Claims)),
        (with("exp", json!(u64::MAX)), Err(JwtFault::Claims)),
        (with("exp", json!(i64::MAX)), Err(JwtFault::Claims)),
        (with("exp", json!(at + 90_000)), Err(JwtFault::TooOld)),
        (with("exp", json!(253_402_300_799_i64)), Err(JwtFault::TooOld)),
        (with("iat", json!(at + 30)), Ok(SUBJECT)),
        (with("iat", json!(at + 31)), Err(JwtFault::NotYet)),
        (with("iat", json!(at - 86_401)), Err(JwtFault::TooOld)),
        (with("nbf", json!(at + 30)), Ok(SUBJECT)),
        (with("nbf", json!(at + 31)), Err(JwtFault::NotYet)),
        (with("nbf", json!("soon")), Err(JwtFault::Claims)),
    ];
    for (claims, expected) in cases {
        let verdict = verify(&token("EdDSA", "ed", &claims));
        assert_eq!(verdict, expected.map(str::to_owned), "{claims}");
    }
}

#[test]
fn other_types_of_tokens_are_none() {
    for (typ, is_taken) in [
        ("JWT", true),
        ("at+jwt", true),
        ("jwt", true),
        ("dpop+jwt", false),
        ("logout+jwt", false),
        ("", false),
    ] {
        let header = json!({ "alg": "EdDSA", "kid": "ed", "typ": typ }).to_string();
        assert_eq!(verify(&token_of("EdDSA", &header, &claims().to_string())).is_ok(), is_taken, "{typ}");
    }
}
