//! When a token is good, to the second.

use super::ground::Ground;
use serde_json::{Value, json};
use std::time::Duration;

/// Thirty seconds apart, tokens of the last ten minutes.
fn ground() -> Ground {
    Ground::with(|config| config.max_token_age = Duration::from_secs(600), |resolver| resolver)
}

#[tokio::test]
async fn borders_are_where_they_are_said_to_be() {
    let ground = ground();
    let now = ground.now();
    let rows: &[(&str, Value, &str)] = &[
        ("ends in the last second of the skew", json!({ "iat": now - 100, "exp": now - 29 }), "good"),
        ("ended with the skew", json!({ "iat": now - 100, "exp": now - 30 }), "Expired"),
        ("a fraction before that", json!({ "iat": now - 100, "exp": now as f64 - 29.999 }), "good"),
        ("issued at the edge of the skew", json!({ "iat": now + 30, "exp": now + 90 }), "good"),
        ("issued beyond it", json!({ "iat": now + 31, "exp": now + 90 }), "NotYetValid"),
        ("begins at the edge of the skew", json!({ "nbf": now + 30 }), "good"),
        ("begins beyond it", json!({ "nbf": now + 31 }), "NotYetValid"),
        ("began long ago", json!({ "nbf": now - 9_999_999 }), "good"),
        ("as old as may be", json!({ "iat": now - 630 }), "good"),
        ("older", json!({ "iat": now - 631 }), "TooOld"),
        ("older, whenever it ends", json!({ "iat": now - 631, "exp": now + 9_999_999 }), "TooOld"),
        ("lasts long", json!({ "exp": now + 9_999_999 }), "good"),
    ];
    for (row, changes, why) in rows {
        assert_eq!(ground.verdict(changes.clone()).await, *why, "{row}");
    }
}

#[tokio::test]
async fn a_token_ends_on_the_clock() {
    let ground = ground();
    let token = ground.good();
    for (seconds, why) in
        [(0, "good"), (329, "good"), (1, "Expired"), (-330, "good"), (-30, "good"), (-1, "NotYetValid")]
    {
        ground.later(seconds);
        let verdict = super::ground::said(&ground.resolve(&token).await);
        assert_eq!(verdict, why, "{seconds} later");
    }
}

#[tokio::test]
async fn times_must_be_there_and_be_times() {
    let ground = ground();
    for name in ["exp", "iat"] {
        assert_eq!(ground.verdict(json!({ name: null })).await, "MissingClaim", "{name}");
    }
    for name in ["exp", "iat", "nbf"] {
        for value in [
            json!("1767225600"),
            json!(-1),
            json!(1e300),
            json!(-1e300),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(253_402_300_800_i64),
            json!(true),
            json!([1_767_225_600]),
            json!({}),
        ] {
            assert_eq!(ground.verdict(json!({ name: value })).await, "Malformed", "{name} {value}");
        }
        let text = ground.claims_but(json!({ name: 7 })).to_string();
        let null = text.replace(&format!("\"{name}\":7"), &format!("\"{name}\":null"));
        let token = ground.raw(r#"{"alg":"ES256","kid":"ec"}"#, &null);
        let verdict = ground.resolve(&token).await;
        assert!(verdict.is_err(), "{name} is null");
    }
}

#[tokio::test]
async fn without_skew_there_is_none() {
    let ground = Ground::with(|config| config.clock_skew = Duration::ZERO, |resolver| resolver);
    let now = ground.now();
    for (changes, why) in [
        (json!({ "exp": now + 1 }), "good"),
        (json!({ "exp": now }), "Expired"),
        (json!({ "iat": now + 1 }), "NotYetValid"),
        (json!({ "iat": now - 3_600 }), "good"),
        (json!({ "iat": now - 3_601 }), "TooOld"),
    ] {
        assert_eq!(ground.verdict(changes.clone()).await, why, "{changes}");
    }
}
