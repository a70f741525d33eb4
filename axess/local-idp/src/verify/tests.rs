//! What attackers send, and what we never made.

mod ground;

use super::*;
use crate::{
    MAX_TOKEN_BYTES, MintClaims,
    jwk::text,
    mint::compact,
    test_issuer::{API, ISSUER, claims, config, open, seeded},
};
use axess_clock::MockClock;
use axess_rng::MockRng;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ground::Ground;
use proptest::prelude::*;
use serde_json::json;
use std::sync::LazyLock;

static GROUND: LazyLock<Ground> = LazyLock::new(|| Ground::new(crate::SigningAlgorithm::Es256));

#[test]
fn every_algorithm_is_accepted_for_its_own_key_only() {
    for algorithm in crate::SigningAlgorithm::ALL {
        let ground = Ground::new(algorithm);
        assert_eq!(ground.check(&ground.good()).unwrap().subject(), "a");
        for other in ["none", "None", "NONE", "", "HS256", "PS256", "ES384", "ES256K", "EdDSA ", "es256"] {
            ground.refuses(other, &ground.with_header(|header| header["alg"] = other.into()), "Algorithm");
        }
        for other in crate::SigningAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            let token = ground.with_header(|header| header["alg"] = other.as_str().into());
            ground.refuses(other.as_str(), &token, "Algorithm");
        }
    }
}

#[test]
fn unsigned_tokens_are_refused() {
    let ground = &*GROUND;
    let kid = ground.key().key.key_id();
    for alg in ["none", "ES256"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"JWT"}}"#);
        let unsigned =
            format!("{}.{}.", text(header.as_bytes()), text(ground.payload().to_string().as_bytes()));
        ground.refuses(alg, &unsigned, if alg == "none" { "Algorithm" } else { "Signature" });
        ground.refuses(alg, unsigned.trim_end_matches('.'), "Malformed");
    }
}

/// The public key, in every form an attacker has it, is no HMAC key (CVE-2015-9235 and its kin).
#[test]
fn an_hmac_with_the_public_key_is_refused() {
    for algorithm in [crate::SigningAlgorithm::Es256, crate::SigningAlgorithm::Rs256] {
        let ground = Ground::new(algorithm);
        let jwk = serde_json::to_vec(ground.key().key.public_jwk()).unwrap();
        let numbers = serde_json::to_value(ground.key().key.public_jwk()).unwrap();
        let raw = URL_SAFE_NO_PAD.decode(numbers["n"].as_str().or(numbers["x"].as_str()).unwrap()).unwrap();
        let kid = ground.key().key.key_id();
        for alg in ["HS256", algorithm.as_str()] {
            for secret in [jwk.as_slice(), raw.as_slice(), b"", kid.as_bytes()] {
                let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"JWT"}}"#);
                let payload = ground.payload().to_string();
                let signed = format!("{}.{}", text(header.as_bytes()), text(payload.as_bytes()));
                let mac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
                let token =
                    format!("{signed}.{}", text(aws_lc_rs::hmac::sign(&mac, signed.as_bytes()).as_ref()));
                ground.refuses(alg, &token, if alg == "HS256" { "Algorithm" } else { "Signature" });
            }
        }
    }
}

#[test]
fn a_kid_is_looked_up_and_nothing_else() {
    let ground = &*GROUND;
    for kid in [
        "",
        "../../../../dev/null",
        "/etc/passwd",
        "' OR '1'='1",
        "|id",
        "%00",
        "https://evil.example/jwks.json",
        "0",
        &"k".repeat(4_000),
    ] {
        ground.refuses(kid, &ground.with_header(|header| header["kid"] = kid.into()), "UnknownKey");
    }
    let own = ground.key().key.key_id();
    let padded = ground.with_header(|header| header["kid"] = format!("{own} ").into());
    ground.refuses("padded", &padded, "UnknownKey");
    for kid in [json!(null), json!(1), json!([own]), json!({ "kid": own })] {
        ground.refuses("no text", &ground.with_header(|header| header["kid"] = kid), "Malformed");
    }
    let without = ground.with_header(|header| drop(header.as_object_mut().unwrap().remove("kid")));
    ground.refuses("without", &without, "Header");
}

#[test]
fn a_header_says_nothing_but_what_we_write() {
    let ground = &*GROUND;
    let evil = crate::LocalIdpSigningKey::generate(crate::SigningAlgorithm::Es256, &MockRng::new(6)).unwrap();
    for (name, value) in [
        ("jwk", serde_json::to_value(evil.public_jwk()).unwrap()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("p2c", json!(2_147_483_647)),
        ("cty", json!("JWT")),
        ("nonce", json!("1")),
        ("ALG", json!("none")),
    ] {
        let verdict = if ["crit", "b64", "zip"].contains(&name) { "Malformed" } else { "Header" };
        ground.refuses(name, &ground.with_header(|header| header[name] = value), verdict);
    }
    for (name, verdict) in [("alg", "Malformed"), ("typ", "Header")] {
        let token = ground.with_header(|header| drop(header.as_object_mut().unwrap().remove(name)));
        ground.refuses(name, &token, verdict);
    }
    // An embedded key that really signed: neither the stranger's id nor ours helps.
    for kid in [evil.key_id(), ground.key().key.key_id()] {
        let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" });
        let payload = ground.payload().to_string();
        let signed = format!("{}.{}", text(header.to_string().as_bytes()), text(payload.as_bytes()));
        let token = format!("{signed}.{}", text(&evil.sign(signed.as_bytes()).unwrap()));
        ground.refuses("stranger", &token, if kid == evil.key_id() { "UnknownKey" } else { "Signature" });
    }
}

#[test]
fn duplicate_members_are_refused_in_both_parts() {
    let ground = &*GROUND;
    let kid = ground.key().key.key_id();
    let payload = ground.payload().to_string();
    for header in [
        format!(r#"{{"alg":"ES256","alg":"ES256","kid":"{kid}","typ":"JWT"}}"#),
        format!(r#"{{"alg":"ES256","kid":"x","kid":"{kid}","typ":"JWT"}}"#),
        format!(r#"{{"alg":"ES256","\u006bid":"x","kid":"{kid}","typ":"JWT"}}"#),
    ] {
        ground.refuses("header", &ground.signed(&header, &payload), "Malformed");
    }
    let header = format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"JWT"}}"#);
    let now = ground.now.timestamp();
    for extra in
        [r#""sub":"admin""#.to_owned(), format!(r#""exp":{}"#, now + 9_999), r#""x":{"y":1,"y":2}"#.into()]
    {
        let doubled = payload.replacen('{', &format!("{{{extra},"), 1);
        ground.refuses(&extra, &ground.signed(&header, &doubled), "Claims");
    }
}

#[test]
fn types_do_not_pass_for_each_other() {
    let ground = &*GROUND;
    for typ in ["at+jwt", "jwt", "application/JWT", "dpop+jwt", "secevent+jwt", "logout+jwt", "JWT ", ""] {
        ground.refuses(typ, &ground.with_header(|header| header["typ"] = typ.into()), "Type");
    }
}

/// RFC 9068 §2.2 wants a client in an access token.
#[test]
fn an_access_token_names_its_client() {
    let ground = &*GROUND;
    let leeway = TimeDelta::zero();
    let expected = Expected { issuer: ISSUER, audience: Some(API), token_type: None, leeway };
    let mut payload = ground.payload();
    for (client, good) in [(json!("cli"), true), (json!(7), false), (json!(null), false)] {
        payload["client_id"] = client;
        let token = compact(ground.key(), "at+jwt", &payload.to_string()).unwrap();
        assert_eq!(check(&token, &ground.ring, &expected, ground.now).is_ok(), good);
    }
    let without = compact(ground.key(), "at+jwt", &ground.payload().to_string()).unwrap();
    let refused = check(&without, &ground.ring, &expected, ground.now);
    assert!(matches!(refused, Err(VerifyError::Claims)), "{refused:?}");
}

#[test]
fn claims_are_checked() {
    let ground = &*GROUND;
    let now = ground.now.timestamp();
    for (name, value, expected) in [
        ("iss", json!("https://id.example.com/"), "Issuer"),
        ("iss", json!("https://evil.example"), "Issuer"),
        ("iss", json!([ISSUER]), "Issuer"),
        ("aud", json!("https://api.example.com/"), "Audience"),
        ("aud", json!([]), "Audience"),
        ("aud", json!(["https://other.example"]), "Audience"),
        ("aud", json!([API, 1]), "Claims"),
        ("aud", json!(null), "Claims"),
        ("exp", json!(now), "Expired"),
        ("exp", json!(now - 1), "Expired"),
        ("exp", json!(0), "Expired"),
        ("exp", json!(-1), "Expired"),
        ("exp", json!((now + 300).to_string()), "Claims"),
        ("exp", json!(1e300), "Claims"),
        ("exp", json!(u64::MAX), "Claims"),
        ("exp", json!(i64::MAX), "Claims"),
        ("exp", json!(null), "Claims"),
        ("iat", json!(now + 11), "NotYet"),
        ("iat", json!("now"), "Claims"),
        ("nbf", json!(now + 11), "NotYet"),
        ("nbf", json!(true), "Claims"),
        ("sub", json!(7), "Claims"),
        ("jti", json!(7), "Claims"),
    ] {
        let token = ground.with_payload(|payload| payload[name] = value.clone());
        ground.refuses(&format!("{name}={value}"), &token, expected);
    }
    for (name, expected) in [
        ("iss", "Issuer"),
        ("sub", "Claims"),
        ("aud", "Claims"),
        ("exp", "Claims"),
        ("iat", "Claims"),
        ("jti", "Claims"),
    ] {
        let token = ground.with_payload(|payload| drop(payload.as_object_mut().unwrap().remove(name)));
        ground.refuses(name, &token, expected);
    }
    for (name, value) in [("exp", now + 1), ("iat", now + 10), ("nbf", now + 10), ("nbf", i64::MIN)] {
        let token = ground.with_payload(|payload| payload[name] = value.into());
        assert!(ground.check(&token).is_ok(), "{name}={value}");
    }
    let several = ground.with_payload(|payload| payload["aud"] = json!(["https://other.example", API]));
    assert_eq!(ground.check(&several).unwrap().audiences().len(), 2);
}

#[test]
fn other_shapes_are_refused() {
    let ground = &*GROUND;
    let good = ground.good();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let own = text(ground.payload().to_string().replace("\"a\"", "\"admin\"").as_bytes());
    let other = Ground::new(crate::SigningAlgorithm::Es256);
    for (name, token, expected) in [
        ("nothing", String::new(), "Malformed"),
        ("one part", header.to_owned(), "Malformed"),
        ("two parts", format!("{header}.{payload}"), "Malformed"),
        ("four parts", format!("{good}.{signature}"), "Malformed"),
        ("an empty fourth part", format!("{good}."), "Malformed"),
        ("five parts, as JWE has", format!("{header}.a.b.{payload}.{signature}"), "Malformed"),
        ("a detached payload", format!("{header}..{signature}"), "Signature"),
        ("a swapped payload", format!("{header}.{own}.{signature}"), "Signature"),
        (
            "a swapped signature",
            format!("{header}.{payload}.{}", other.good().rsplit('.').next().unwrap()),
            "Signature",
        ),
        ("another's token", other.good(), "UnknownKey"),
        ("zero signature (CVE-2022-21449)", format!("{header}.{payload}.{}", text(&[0; 64])), "Signature"),
        (
            "signature in DER",
            format!("{header}.{payload}.{}", text(&[0x30, 6, 2, 1, 1, 2, 1, 1])),
            "Signature",
        ),
        ("no signature", format!("{header}.{payload}."), "Signature"),
        ("padding", format!("{header}.{payload}.{signature}=="), "Malformed"),
        ("a space in front", format!(" {good}"), "Malformed"),
        ("a line break at the end", format!("{good}\n"), "Malformed"),
        ("the other alphabet", format!("{header}.{payload}.{}+/", &signature[..84]), "Malformed"),
        (
            "JSON serialisation",
            format!(r#"{{"payload":"{payload}","signature":"{signature}"}}"#),
            "Malformed",
        ),
        ("not ASCII", format!("{header}.{payload}.é"), "Malformed"),
        ("too long", format!("{header}.{}.{signature}", "A".repeat(MAX_TOKEN_BYTES)), "Malformed"),
        ("dots", ".".repeat(MAX_TOKEN_BYTES), "Malformed"),
        ("an empty header", format!("{}.{payload}.{signature}", text(b"{}")), "Malformed"),
        ("a header that is a list", format!("{}.{payload}.{signature}", text(b"[]")), "Malformed"),
    ] {
        ground.refuses(name, &token, expected);
    }
    for payload in ["", "[]", "\"a\"", "null", "{", "{} {}", "\u{feff}{}"] {
        ground.refuses(payload, &compact(ground.key(), "JWT", payload).unwrap(), "Claims");
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(4_000), "]".repeat(4_000));
    ground.refuses("deep", &compact(ground.key(), "JWT", &deep).unwrap(), "Claims");
}

/// Base64 can spell some bytes in several ways; only one of them is taken.
#[test]
fn no_character_can_be_another() {
    for algorithm in crate::SigningAlgorithm::ALL {
        let ground = Ground::new(algorithm);
        let good = ground.good();
        for at in 0..good.len() {
            for replacement in [b'A', b'B', b'_', b'.', b'='] {
                let mut token = good.clone().into_bytes();
                if token[at] == replacement {
                    continue;
                }
                token[at] = replacement;
                let token = String::from_utf8(token).unwrap();
                assert!(ground.check(&token).is_err(), "{algorithm}, byte {at}");
            }
        }
    }
}

#[tokio::test]
async fn a_bound_token_is_no_bearer_token() {
    let clock = MockClock::default();
    let idp = seeded(1, &clock).await;
    let (own, other) = (Confirmation::Jkt([1; 32]), Confirmation::Jkt([2; 32]));
    let bound = idp.mint(&claims().with_confirmation(own)).await.unwrap();
    let bearer = idp.mint(&claims()).await.unwrap();
    let verifier = idp.verifier(API);
    assert!(verifier.verify_bound(bound.token.expose(), own).await.is_ok());
    assert!(verifier.verify(bearer.token.expose()).await.is_ok());
    let refused = [
        verifier.verify(bound.token.expose()).await,
        verifier.verify_bound(bound.token.expose(), other).await,
        verifier.verify_bound(bound.token.expose(), Confirmation::CertificateSha256([1; 32])).await,
        verifier.verify_bound(bearer.token.expose(), own).await,
    ];
    assert!(refused.iter().all(|result| matches!(result, Err(VerifyError::Bound))), "{refused:?}");
}

#[tokio::test]
async fn an_access_token_needs_a_verifier_for_it() {
    let idp = seeded(1, &MockClock::default()).await;
    let claims = MintClaims::access_token("alice", "cli", TimeDelta::minutes(1)).with_audience(API);
    let minted = idp.mint(&claims.with_scope("read")).await.unwrap();
    let refused = idp.verifier(API).verify(minted.token.expose()).await;
    assert!(matches!(refused, Err(VerifyError::Type)));
    let verified =
        idp.verifier(API).of_type(TokenType::AccessToken).verify(minted.token.expose()).await.unwrap();
    assert_eq!((verified.client_id(), verified.scope()), (Some("cli"), Some("read")));
    assert_eq!(verified.key_id(), minted.key_id);
    assert_eq!((verified.expires_at(), verified.jwt_id()), (minted.expires_at, &*minted.jwt_id));
}

#[tokio::test]
async fn an_issuer_does_not_take_its_neighbours_tokens() {
    let clock = MockClock::default();
    let store = crate::MemoryLocalIdpKeyStore::new();
    let one = open(config(crate::SigningAlgorithm::EdDsa), store.clone(), &clock).await;
    let mut other = config(crate::SigningAlgorithm::EdDsa);
    other.issuer = "https://id.example.com/other".parse().unwrap();
    let other = open(other, store, &clock).await;
    let token = other.mint(&claims()).await.unwrap().token;
    let refused = one.verifier(API).verify(token.expose()).await;
    assert!(matches!(refused, Err(VerifyError::Issuer)), "with the same keys: {refused:?}");
}

proptest! {
    #[test]
    fn no_text_is_accepted_or_panics(token in ".{0,200}") {
        prop_assert!(GROUND.check(&token).is_err());
    }

    #[test]
    fn no_three_parts_are_accepted_or_panic(
        header in prop::collection::vec(any::<u8>(), 0..80),
        payload in prop::collection::vec(any::<u8>(), 0..80),
        signature in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let token = format!("{}.{}.{}", text(&header), text(&payload), text(&signature));
        prop_assert!(GROUND.check(&token).is_err());
    }

    #[test]
    fn no_payload_of_ours_panics(payload in prop::collection::vec(any::<u8>(), 0..120), typ in "[ -~&&[^\"\\\\]]{0,12}") {
        let signed = format!(
            "{}.{}",
            text(format!(r#"{{"alg":"ES256","kid":"{}","typ":"{typ}"}}"#, GROUND.key().key.key_id()).as_bytes()),
            text(&payload)
        );
        let token = format!("{signed}.{}", text(&GROUND.key().key.sign(signed.as_bytes()).unwrap()));
        prop_assert!(GROUND.check(&token).is_err());
    }

    #[test]
    fn one_changed_byte_is_refused(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let good = GROUND.good();
        let mut token = good.clone().into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != with);
        token[at] = with;
        if let Ok(token) = String::from_utf8(token) {
            prop_assert!(GROUND.check(&token).is_err());
        }
    }
}
