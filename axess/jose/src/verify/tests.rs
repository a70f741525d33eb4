use super::*;
use crate::{
    Algorithm, Limits, SigningKey, TypRule,
    forge::{AUDIENCE, EC, ISSUER, RSA, claims, honest, now, token, verifying},
};
use chrono::TimeDelta;
use serde_json::{Value, json};

fn expected() -> Expectations {
    Expectations::new(ISSUER, AUDIENCE, &[Algorithm::Es256])
}

/// Verifies honest claims with these changes; null takes a claim away.
fn fate(changes: &[(&str, Value)], expected: &Expectations) -> Result<Claims, JoseError> {
    let mut claims = claims();
    for (name, value) in changes {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(*name)),
            value => claims[*name] = value.clone(),
        }
    }
    verify(&honest(&EC, &claims), &verifying(&EC), expected, now())
}

/// Returns the name of the variant.
fn name(result: Result<Claims, JoseError>) -> String {
    match result {
        Ok(_) => "Ok".to_owned(),
        Err(error) => format!("{error:?}").split(['(', ' ']).next().unwrap().to_owned(),
    }
}

#[test]
fn an_honest_token_says_what_it_says() {
    let claims =
        fate(&[("jti", json!("id")), ("email_verified", json!(true)), ("auth_time", json!(5))], &expected())
            .unwrap();
    assert_eq!((claims.issuer(), claims.subject(), claims.id()), (Some(ISSUER), Some("alice"), Some("id")));
    assert_eq!(claims.audience(), [AUDIENCE]);
    assert_eq!(
        (claims.issued_at(), claims.expires_at()),
        (Some(now()), Some(now() + TimeDelta::seconds(300)))
    );
    assert_eq!(
        (claims.not_before(), claims.bool("email_verified"), claims.str("email_verified")),
        (None, Some(true), None)
    );
    assert_eq!(claims.time("auth_time").unwrap().timestamp(), 5);
    assert_eq!((claims.algorithm(), claims.kid()), (Algorithm::Es256, Some(EC.kid())));
    #[derive(serde::Deserialize)]
    struct Ours {
        sub: String,
    }
    assert_eq!(claims.deserialize::<Ours>().unwrap().sub, "alice");
    assert!(claims.deserialize::<Vec<String>>().is_err());
    assert!(!format!("{claims:?}").contains("alice"));
    assert_eq!(claims.as_map().len(), claims.clone().into_map().len());
}

#[test]
fn issuer_and_audience_are_exact() {
    let aud = |value: Value| name(fate(&[("aud", value)], &expected()));
    for (value, verdict) in [
        (json!(AUDIENCE), "Ok"),
        (json!([AUDIENCE]), "Ok"),
        (json!(["other", AUDIENCE]), "Ok"),
        (json!("client-10"), "AudienceMismatch"),
        (json!("CLIENT-1"), "AudienceMismatch"),
        (json!(["other"]), "AudienceMismatch"),
        (json!(""), "AudienceMismatch"),
        (json!([]), "MissingClaim"),
        (Value::Null, "MissingClaim"),
        (json!([AUDIENCE, 1]), "Malformed"),
        (json!([[AUDIENCE]]), "Malformed"),
        (json!({"a": AUDIENCE}), "Malformed"),
        (json!(1), "Malformed"),
        (json!(vec![AUDIENCE; 65]), "Malformed"),
    ] {
        assert_eq!(aud(value.clone()), verdict, "{value}");
    }
    for (value, verdict) in [
        (json!("https://login.example.com/"), "IssuerMismatch"),
        (json!("https://LOGIN.example.com"), "IssuerMismatch"),
        (json!(""), "IssuerMismatch"),
        (Value::Null, "MissingClaim"),
        (json!([ISSUER]), "Malformed"),
    ] {
        assert_eq!(name(fate(&[("iss", value.clone())], &expected())), verdict, "{value}");
    }
    let several = Expectations { audience: Some(vec!["a".into(), AUDIENCE.into()]), ..expected() };
    assert_eq!(name(fate(&[], &several)), "Ok");
    let unchecked = Expectations { issuer: None, audience: None, ..expected() };
    assert_eq!(name(fate(&[("iss", Value::Null), ("aud", Value::Null)], &unchecked)), "Ok");
}

#[test]
fn times_at_their_boundaries() {
    let at = now().timestamp();
    let strict = Expectations {
        max_age: Some(TimeDelta::seconds(600)),
        max_lifetime: Some(TimeDelta::seconds(900)),
        ..expected()
    };
    for (claim, seconds, verdict) in [
        // 60 seconds past the end are taken, and not one more.
        ("exp", json!(at - 59), "Ok"),
        ("exp", json!(at - 60), "Expired"),
        ("exp", json!(at as f64 - 59.5), "Ok"),
        ("exp", json!(at as f64 - 60.5), "Expired"),
        ("exp", json!(0), "Expired"),
        ("exp", json!(at + 900), "Ok"),
        ("exp", json!(at + 901), "LifetimeTooLong"),
        ("nbf", json!(at + 10), "Ok"),
        ("nbf", json!(at + 11), "NotYetValid"),
        ("nbf", json!(at as f64 + 10.5), "NotYetValid"),
        ("nbf", json!(0), "Ok"),
        ("iat", json!(at + 10), "Ok"),
        ("iat", json!(at + 11), "NotYetValid"),
        ("iat", json!(at - 600), "Ok"),
        ("iat", Value::Null, "MissingClaim"),
        ("exp", Value::Null, "MissingClaim"),
        ("exp", json!("1728000300"), "Malformed"),
        ("exp", json!(-1), "Malformed"),
        ("exp", json!(1e300), "Malformed"),
        ("exp", json!(253_402_300_800_i64), "Malformed"),
        ("exp", json!(u64::MAX), "Malformed"),
        ("exp", json!(true), "Malformed"),
        ("nbf", json!("now"), "Malformed"),
        ("iat", json!([1]), "Malformed"),
    ] {
        assert_eq!(name(fate(&[(claim, seconds.clone())], &strict)), verdict, "{claim} {seconds}");
    }
    // Age alone: 600 seconds and the leeway.
    let old = Expectations { max_lifetime: None, ..strict.clone() };
    assert_eq!(name(fate(&[("iat", json!(at - 660))], &old)), "Ok");
    assert_eq!(name(fate(&[("iat", json!(at - 661))], &old)), "TooOld");
    assert_eq!(name(fate(&[("exp", json!(253_402_300_799_i64))], &old)), "Ok", "the last second there is");
    let exact = Expectations { leeway: TimeDelta::zero(), ahead: TimeDelta::zero(), ..expected() };
    assert_eq!(name(fate(&[("exp", json!(at))], &exact)), "Expired");
    assert_eq!(name(fate(&[("exp", json!(at + 1)), ("nbf", json!(at))], &exact)), "Ok");
    assert_eq!(name(fate(&[("nbf", json!(at + 1))], &exact)), "NotYetValid");
}

#[test]
fn a_clock_that_is_wrong_refuses() {
    let token = honest(&EC, &claims());
    let at = |when| name(verify(&token, &verifying(&EC), &expected(), when));
    assert_eq!(at(now() - TimeDelta::hours(1)), "NotYetValid");
    assert_eq!(at(now() + TimeDelta::hours(1)), "Expired");
    assert_eq!(at(DateTime::UNIX_EPOCH), "NotYetValid");
}

#[test]
fn required_claims_are_there() {
    let nonce = Expectations { required: vec!["exp", "nonce"], ..expected() };
    assert!(matches!(fate(&[], &nonce), Err(JoseError::MissingClaim("nonce"))));
    assert_eq!(name(fate(&[("nonce", json!("n"))], &nonce)), "Ok");
    let null = token(&EC, r#"{"alg":"ES256"}"#, &claims().to_string().replace("\"alice\"", "null"));
    let result = verify(&null, &verifying(&EC), &expected(), now());
    assert_eq!(name(result), "Malformed", "null is no text");
    for claim in ["sub", "jti", "iss"] {
        assert_eq!(name(fate(&[(claim, json!(1))], &expected())), "Malformed", "{claim}");
    }
}

#[test]
fn one_type_cannot_pass_for_another() {
    let typed = |typ: &str| EC.sign(typ, &claims()).unwrap();
    let verdict =
        |token: &str, typ| name(verify(token, &verifying(&EC), &Expectations { typ, ..expected() }, now()));
    let access = TypRule::OneOf(&["at+jwt"]);
    for (typ, plain, is_access) in [
        ("JWT", "Ok", "TypeMismatch"),
        ("jwt", "Ok", "TypeMismatch"),
        ("application/jwt", "Ok", "TypeMismatch"),
        ("at+jwt", "TypeMismatch", "Ok"),
        ("AT+JWT", "TypeMismatch", "Ok"),
        ("Application/at+jwt", "TypeMismatch", "Ok"),
        ("logout+jwt", "TypeMismatch", "TypeMismatch"),
        ("application/application/at+jwt", "TypeMismatch", "TypeMismatch"),
        ("at+jwt ", "TypeMismatch", "TypeMismatch"),
        ("", "TypeMismatch", "TypeMismatch"),
    ] {
        assert_eq!(verdict(&typed(typ), TypRule::Plain), plain, "{typ}");
        assert_eq!(verdict(&typed(typ), access), is_access, "{typ}");
        assert_eq!(verdict(&typed(typ), TypRule::Any), "Ok", "{typ}");
    }
    let untyped = token(&EC, r#"{"alg":"ES256"}"#, &claims().to_string());
    assert_eq!(verdict(&untyped, TypRule::Plain), "Ok");
    assert_eq!(verdict(&untyped, access), "TypeMismatch");
}

#[test]
fn only_expected_algorithms() {
    let token = honest(&RSA, &claims());
    assert_eq!(name(verify(&token, &verifying(&RSA), &expected(), now())), "AlgorithmRefused");
    let both = Expectations { algorithms: vec![Algorithm::Es256, Algorithm::Rs256], ..expected() };
    assert_eq!(name(verify(&token, &verifying(&RSA), &both, now())), "Ok");
    let none = Expectations { algorithms: vec![], ..expected() };
    assert_eq!(name(verify(&token, &verifying(&RSA), &none, now())), "AlgorithmRefused");
}

#[test]
fn a_payload_is_one_strict_object() {
    let base = claims().to_string();
    let twice = base.replace("\"sub\":", "\"sub\":\"admin\",\"sub\":");
    let escaped = base.replace("\"sub\":", "\"\\u0073ub\":\"admin\",\"sub\":");
    let deep = base.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(200), "]".repeat(200)), 1);
    for payload in [twice.as_str(), &escaped, &deep, "[]", "", "null", "{", &format!("{base} {base}")] {
        let token = token(&EC, r#"{"alg":"ES256"}"#, payload);
        assert_eq!(name(verify(&token, &verifying(&EC), &expected(), now())), "Malformed", "{payload}");
    }
    let small = Expectations { limits: Limits { max_bytes: 100, ..Limits::default() }, ..expected() };
    assert_eq!(name(fate(&[], &small)), "TooLarge");
}

#[test]
fn nothing_is_read_before_the_signature() {
    // A payload that is no JSON, signed by somebody else: the signature is what is wrong with it.
    let attacker = SigningKey::generate(Algorithm::Es256).unwrap();
    let forged = token(&attacker, r#"{"alg":"ES256"}"#, "not json");
    assert_eq!(name(verify(&forged, &verifying(&EC), &expected(), now())), "SignatureInvalid");
}
