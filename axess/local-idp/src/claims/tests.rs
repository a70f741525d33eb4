use super::*;
use crate::{
    MAX_TOKEN_BYTES, MintError,
    test_issuer::{API, ISSUER, claims, seeded},
};
use axess_clock::{Clock, MockClock};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

fn parts(token: &str) -> (Value, Value) {
    let part =
        |at| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap());
    (part(0).unwrap(), part(1).unwrap())
}

async fn mint(claims: &MintClaims) -> Result<(Value, Value), MintError> {
    Ok(parts(seeded(1, &MockClock::default()).await.mint(claims).await?.token.expose()))
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, _| json!([inner]))
}

#[tokio::test]
async fn a_plain_token_has_exactly_these_members() {
    let clock = MockClock::default();
    let minted = seeded(1, &clock).await.mint(&claims()).await.unwrap();
    let (header, payload) = parts(minted.token.expose());
    assert_eq!(header, json!({ "alg": "ES256", "kid": minted.key_id, "typ": "JWT" }));
    let now = clock.now().timestamp();
    assert_eq!(
        payload,
        json!({
            "iss": ISSUER, "sub": "worker-1", "aud": API, "iat": now, "exp": now + 300, "jti": minted.jwt_id,
        })
    );
    let id: uuid::Uuid = minted.jwt_id.parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
}

#[tokio::test]
async fn an_access_token_is_the_one_of_rfc_9068() {
    let claims = MintClaims::access_token("alice", "cli", Expiry::Default)
        .with_audience(API)
        .with_scope("read write")
        .with_confirmation(Confirmation::Jkt([0; 32]))
        .with_actor(
            Actor::new("agent").with_issuer("https://b.example").on_behalf_of(Actor::new("scheduler")),
        )
        .with_authorization_details(json!([{ "type": "aws", "actions": ["s3:GetObject"] }]))
        .with_custom_claim("tenant", "acme");
    let (header, payload) = mint(&claims).await.unwrap();
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(payload["client_id"], "cli");
    assert_eq!(payload["scope"], "read write");
    assert_eq!(payload["cnf"], json!({ "jkt": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }));
    let chain = json!({ "sub": "agent", "iss": "https://b.example", "act": { "sub": "scheduler" } });
    assert_eq!(payload["act"], chain);
    assert_eq!(payload["authorization_details"][0]["actions"][0], "s3:GetObject");
    assert_eq!(payload["tenant"], "acme");
    let lifetime = payload["exp"].as_i64().unwrap() - payload["iat"].as_i64().unwrap();
    assert_eq!(lifetime, 900, "15 minutes by default");
}

#[tokio::test]
async fn a_jwt_svid_has_the_workload_as_subject() {
    let workload = "spiffe://prod.example.com/svc/billing".parse().unwrap();
    let claims = MintClaims::jwt_svid(&workload, Expiry::Default)
        .with_audience("sts.amazonaws.com")
        .with_audiences(["second"])
        .with_confirmation(Confirmation::CertificateSha256([255; 32]));
    let (header, payload) = mint(&claims).await.unwrap();
    assert_eq!(header["typ"], "JWT");
    assert_eq!(payload["sub"], "spiffe://prod.example.com/svc/billing");
    assert_eq!(payload["aud"], json!(["sts.amazonaws.com", "second"]));
    assert_eq!(payload["cnf"], json!({ "x5t#S256": "__________________________________________8" }));
}

#[tokio::test]
async fn claims_that_break_a_rule_are_refused() {
    let base = claims;
    let actors = (0..4).fold(Actor::new("a"), |previous, _| Actor::new("b").on_behalf_of(previous));
    let subject = |subject: &str| MintClaims::new(subject, Expiry::Default).with_audience(API);
    let many = |count: usize| base().with_audiences((1..count).map(|n| n.to_string()));
    let client = |client: &str| MintClaims::access_token("a", client, Expiry::Default).with_audience(API);
    let details = |details: Value| base().with_authorization_details(details);
    let custom =
        |count: usize| (0..count).fold(base(), |claims, n| claims.with_custom_claim(n.to_string(), n));
    for (claims, fault) in [
        (subject(""), Some(ClaimsFault::Subject)),
        (subject("a\nb"), Some(ClaimsFault::Subject)),
        (subject("a\u{85}b"), Some(ClaimsFault::Subject)),
        (subject(&"a".repeat(2_048)), None),
        (subject(&"a".repeat(2_049)), Some(ClaimsFault::Subject)),
        (base().with_audience(""), Some(ClaimsFault::Audience)),
        (base().with_audience(API), Some(ClaimsFault::Audience)),
        (many(16), None),
        (many(17), Some(ClaimsFault::Audience)),
        (base().with_jwt_id(""), Some(ClaimsFault::JwtId)),
        (base().with_jwt_id("a b"), Some(ClaimsFault::JwtId)),
        (base().with_jwt_id("a".repeat(129)), Some(ClaimsFault::JwtId)),
        (client(""), Some(ClaimsFault::ClientId)),
        (client("c\u{e9}"), Some(ClaimsFault::ClientId)),
        (client(&"c".repeat(257)), Some(ClaimsFault::ClientId)),
        (base().with_scope(""), Some(ClaimsFault::Scope)),
        (base().with_scope("a  b"), Some(ClaimsFault::Scope)),
        (base().with_scope("a\"b"), Some(ClaimsFault::Scope)),
        (base().with_scope("a".repeat(2_049)), Some(ClaimsFault::Scope)),
        (details(json!([])), Some(ClaimsFault::AuthorizationDetails)),
        (details(json!({ "type": "aws" })), Some(ClaimsFault::AuthorizationDetails)),
        (details(json!([{ "actions": [] }])), Some(ClaimsFault::AuthorizationDetails)),
        (details(json!([{ "type": "aws", "x": nested(17) }])), Some(ClaimsFault::AuthorizationDetails)),
        (
            details(json!([{ "type": "aws", "x": "a".repeat(6_144) }])),
            Some(ClaimsFault::AuthorizationDetails),
        ),
        (base().with_actor(Actor::new("")), Some(ClaimsFault::Actor)),
        (base().with_actor(Actor::new("a").with_issuer("")), Some(ClaimsFault::Actor)),
        (base().with_actor(actors), Some(ClaimsFault::Actor)),
        (base().with_custom_claim("exp", 9_999_999_999_u64), Some(ClaimsFault::Reserved("exp".into()))),
        (base().with_custom_claim("may_act", 1), Some(ClaimsFault::Reserved("may_act".into()))),
        (base().with_custom_claim("a", 1).with_custom_claim("a", 2), Some(ClaimsFault::Twice("a".into()))),
        (base().with_custom_claim("", 1), Some(ClaimsFault::Custom)),
        (base().with_custom_claim("a".repeat(65), 1), Some(ClaimsFault::Custom)),
        (base().with_custom_claim("a", nested(16)), None),
        (base().with_custom_claim("a", nested(17)), Some(ClaimsFault::Custom)),
        (custom(32), None),
        (custom(33), Some(ClaimsFault::Custom)),
    ] {
        match (mint(&claims).await, fault) {
            (Ok(_), None) => {}
            (Err(MintError::Claims(found)), Some(fault)) => assert_eq!(found, fault),
            (result, fault) => panic!("{result:?}, expected {fault:?}"),
        }
    }
}

#[test]
fn every_reserved_name_is_refused() {
    for name in rules::RESERVED {
        let claims = claims().with_custom_claim(name, 1);
        assert_eq!(claims.to_payload(), Err(ClaimsFault::Reserved(name.into())));
    }
}

#[tokio::test]
async fn times_are_bounded() {
    let clock = MockClock::default();
    let now = clock.now();
    let (second, hour) = (TimeDelta::seconds(1), TimeDelta::hours(1));
    let of = |expiry: Expiry| MintClaims::new("a", expiry).with_audience(API);
    for (claims, good) in [
        (of(Expiry::After(hour)), true),
        (of(Expiry::After(hour + second)), false),
        (of(Expiry::After(TimeDelta::zero())), false),
        (of(Expiry::After(TimeDelta::milliseconds(999))), false),
        (of(Expiry::After(TimeDelta::MAX)), false),
        (of(Expiry::After(TimeDelta::MIN)), false),
        (of(Expiry::At(now + second)), true),
        (of(Expiry::At(now)), false),
        (of(Expiry::At(DateTime::<Utc>::MAX_UTC)), false),
        (of(Expiry::After(hour)).with_issued_at(now - second), false),
        (of(Expiry::After(hour - second)).with_issued_at(now - second), true),
        (of(Expiry::Default).with_issued_at(now + second), false),
        (of(Expiry::Default).with_not_before(now + TimeDelta::minutes(15) - second), true),
        (of(Expiry::Default).with_not_before(now + TimeDelta::minutes(15)), false),
    ] {
        let minted = seeded(1, &clock).await.mint(&claims).await;
        match minted {
            Ok(minted) => assert!(good && minted.expires_at <= now + hour, "{claims:?}"),
            Err(MintError::Lifetime { most }) => assert!(!good && most == hour, "{claims:?}"),
            Err(error) => panic!("{error:?}: {claims:?}"),
        }
    }
}

#[tokio::test]
async fn a_token_that_no_verifier_would_take_is_not_minted() {
    let wide = (0..5).fold(claims(), |claims, n| claims.with_custom_claim(n.to_string(), "a".repeat(2_000)));
    match mint(&wide).await {
        Err(MintError::TooLong(bytes)) => assert!(bytes > MAX_TOKEN_BYTES),
        other => panic!("{other:?}"),
    }
}
