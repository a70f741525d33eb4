//! Logout tokens that are forged, old, or something else.

use axess_clock::Clock;
use axess_factors::federated::FederationError;
use axess_jose::{Algorithm, SigningKey};
use axess_oauth::OAuthProviderConfig;
use serde_json::{Value, json};

use super::{Expected, is_malformed};
use crate::hostile::{CALLBACK, CLIENT, Hostile, Reply};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn honest(hostile: &Hostile) -> Value {
    let now = hostile.clock.now().timestamp();
    json!({
        "iss": hostile.base, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "j1", "sub": "alice", "sid": "s1",
        "events": { EVENT: {} },
    })
}

fn without(claims: &mut Value, name: &str) {
    if let Value::Object(members) = claims {
        members.remove(name);
    }
}

type Change = fn(&mut Value, i64);

const CASES: [(&str, Change, Expected); 15] = [
    ("a nonce", |it, _| it["nonce"] = json!("n"), is_malformed),
    ("no event", |it, _| without(it, "events"), is_malformed),
    ("another event", |it, _| it["events"] = json!({ "x": {} }), is_malformed),
    ("an event that is no object", |it, _| it["events"] = json!({ EVENT: true }), is_malformed),
    ("no name", |it, _| without(it, "jti"), is_malformed),
    ("a long name", |it, _| it["jti"] = json!("j".repeat(300)), is_malformed),
    ("no time of issue", |it, _| without(it, "iat"), is_malformed),
    (
        "nobody",
        |it, _| {
            without(it, "sub");
            without(it, "sid");
        },
        is_malformed,
    ),
    (
        "another issuer",
        |it, _| it["iss"] = json!("https://evil.example"),
        |e| matches!(e, FederationError::IssuerMismatch),
    ),
    (
        "another audience",
        |it, _| it["aud"] = json!("other"),
        |e| matches!(e, FederationError::AudienceMismatch),
    ),
    (
        "several audiences",
        |it, _| it["aud"] = json!([CLIENT, "other"]),
        |e| matches!(e, FederationError::AudienceMismatch),
    ),
    ("another party", |it, _| it["azp"] = json!("other"), |e| matches!(e, FederationError::AudienceMismatch)),
    ("over", |it, now| it["exp"] = json!(now - 61), |e| matches!(e, FederationError::TooOld)),
    (
        "six minutes old, though it has not ended",
        |it, now| it["iat"] = json!(now - 361),
        |e| matches!(e, FederationError::TooOld),
    ),
    ("from the future", |it, now| it["iat"] = json!(now + 61), |e| matches!(e, FederationError::NotYetValid)),
];

#[tokio::test]
async fn a_logout_token_is_one_and_of_now() {
    let hostile = Hostile::start().await;
    let provider = hostile.client(hostile.config());
    let now = hostile.clock.now();
    let verify = async |typ: &str, claims: &Value| {
        provider.verify_logout_jwt(&hostile.key.sign(typ, claims).unwrap()).await
    };
    for typ in ["logout+jwt", "JWT"] {
        let notice = verify(typ, &honest(&hostile)).await.unwrap();
        assert_eq!(notice.subject.as_deref(), Some("alice"));
        assert_eq!(notice.session_ids, ["s1"]);
        let (jti, until) = notice.replay.unwrap();
        assert_eq!(jti, "j1");
        // Remembered for as long as it would be taken again.
        assert!(until > now);
    }
    for (name, change, expected) in CASES {
        let mut claims = honest(&hostile);
        change(&mut claims, now.timestamp());
        let refused = verify("logout+jwt", &claims).await.expect_err(name);
        assert!(expected(&refused), "{name}: {refused:?}");
    }
    for typ in ["at+jwt", "dpop+jwt"] {
        assert!(is_malformed(&verify(typ, &honest(&hostile)).await.unwrap_err()), "{typ}");
    }
    let forged = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("one");
    let forged = forged.sign("logout+jwt", &honest(&hostile)).unwrap();
    let refused = provider.verify_logout_jwt(&forged).await.unwrap_err();
    assert!(matches!(refused, FederationError::SignatureInvalid), "{refused:?}");
}

#[tokio::test]
async fn a_logout_token_is_taken_up_to_its_borders() {
    let hostile = Hostile::start().await;
    let provider = hostile.client(hostile.config());
    let now = hostile.clock.now();
    // Five minutes and a clock that is a minute off.
    let rows: [(&str, &str, i64, bool); 8] = [
        ("issued five minutes ago", "iat", -300, true),
        ("issued six minutes ago, less a second", "iat", -359, true),
        ("issued more than six minutes ago", "iat", -361, false),
        ("issued in a minute", "iat", 60, true),
        ("issued in more than a minute", "iat", 61, false),
        ("over for less than a minute", "exp", -59, true),
        ("over for more than a minute", "exp", -61, false),
        ("begins in a minute", "nbf", 60, true),
    ];
    for (name, claim, seconds, is_taken) in rows {
        let mut claims = honest(&hostile);
        claims[claim] = json!(now.timestamp() + seconds);
        let token = hostile.key.sign("logout+jwt", &claims).unwrap();
        let found = provider.verify_logout_jwt(&token).await;
        assert_eq!(found.is_ok(), is_taken, "{name}: {found:?}");
    }
    // Eight kilobytes.
    let token = |filler: usize| {
        let mut claims = honest(&hostile);
        claims["filler"] = json!("x".repeat(filler));
        hostile.key.sign("logout+jwt", &claims).unwrap()
    };
    let more = (5_000..8_192).find(|filler| token(*filler).len() > 8_192).unwrap();
    let (just_below, just_above) = (token(more - 1), token(more));
    assert!((8_191..=8_192).contains(&just_below.len()) && (8_193..=8_194).contains(&just_above.len()));
    assert!(provider.verify_logout_jwt(&just_below).await.is_ok());
    assert!(is_malformed(&provider.verify_logout_jwt(&just_above).await.unwrap_err()));
}

#[tokio::test]
async fn a_logout_token_cannot_be_taken_again_after_it_was_forgotten() {
    let hostile = Hostile::start().await;
    let provider = hostile.client(hostile.config());
    let now = hostile.clock.now();
    let mut claims = honest(&hostile);
    without(&mut claims, "exp");
    for ends_in in [None, Some(120), Some(3_600)] {
        hostile.clock.set(now);
        claims["jti"] = json!(format!("j{ends_in:?}"));
        if let Some(seconds) = ends_in {
            claims["exp"] = json!(now.timestamp() + seconds);
        }
        let token = hostile.key.sign("logout+jwt", &claims).unwrap();
        let notice = provider.verify_logout_jwt(&token).await.unwrap();
        let (_, until) = notice.replay.unwrap();
        hostile.clock.set(until);
        assert!(provider.verify_logout_jwt(&token).await.is_err(), "{ends_in:?}");
    }
}

#[tokio::test]
async fn a_tenant_of_many_ends_its_own_sessions_alone() {
    const OURS: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
    const STRANGER: &str = "99999999-2222-3333-4444-555555555555";
    let hostile = Hostile::start().await;
    let base = &hostile.base;
    let metadata = json!({
        "issuer": format!("{base}/{{tenantid}}/v2.0"), "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"), "jwks_uri": format!("{base}/jwks"),
    });
    hostile.reply("/organizations/v2.0/.well-known/openid-configuration", Reply::json(&metadata));
    let config =
        OAuthProviderConfig::discover(&format!("{base}/organizations/v2.0"), CLIENT, "secret", CALLBACK);
    let provider = hostile.client(config.with_entra_tenants([OURS]));
    let verify = async |issuer: &str, tenant: Option<&str>| {
        let mut claims = honest(&hostile);
        claims["iss"] = json!(format!("{base}/{issuer}/v2.0"));
        tenant.into_iter().for_each(|tenant| claims["tid"] = json!(tenant));
        let token = hostile.key.sign("logout+jwt", &claims).unwrap();
        provider.verify_logout_jwt(&token).await
    };
    let notice = verify(OURS, Some(OURS)).await.unwrap();
    assert_eq!(notice.subject, Some(format!("{OURS}/alice")));
    for (issuer, tenant) in [
        (STRANGER, Some(STRANGER)),
        (STRANGER, Some(OURS)),
        (OURS, Some(STRANGER)),
        (OURS, None),
        ("organizations", Some(OURS)),
    ] {
        let refused = verify(issuer, tenant).await.map(drop).unwrap_err();
        assert!(matches!(refused, FederationError::IssuerMismatch), "{issuer} {tenant:?}: {refused:?}");
    }
}
