use axess_factors::federated::{Assurance, FederatedIdentity, FederationError};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The most groups, and ways to have authenticated, that are kept; the rest is dropped, and the log says how many.
const MAX_GROUPS: usize = 1000;
/// Claims about the token rather than the user.
const PROTOCOL: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "azp",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "auth_time",
];

/// Adds what the userinfo endpoint says to what was signed for this login, which wins.
///
/// Of the login itself only what is signed speaks. An address and whether it is verified come from one document: else the
/// verified address of one would vouch for another one that anybody may type.
pub(super) fn merged(mut signed: Map<String, Value>, userinfo: Map<String, Value>) -> Map<String, Value> {
    let has_address = ["email", "email_verified"].iter().any(|name| signed.contains_key(*name));
    for (name, value) in userinfo {
        let is_of_login = PROTOCOL.contains(&name.as_str()) || matches!(name.as_str(), "acr" | "amr");
        let is_of_address = matches!(name.as_str(), "email" | "email_verified");
        if !(is_of_login || is_of_address && has_address) {
            signed.entry(name).or_insert(value);
        }
    }
    signed
}

/// Sorts verified claims into an identity; the rest become its attributes.
pub(super) fn from_claims(
    issuer: &str,
    mut claims: Map<String, Value>,
    groups_claim: &str,
) -> Result<FederatedIdentity, FederationError> {
    let subject = text(&claims, "sub").ok_or(FederationError::Malformed { what: "there is no subject" })?;
    let mut identity = FederatedIdentity::new(issuer, subject, Assurance::IdToken);
    identity.session_id = text(&claims, "sid");
    identity.auth_time = moment(claims.get("auth_time"));
    // Some providers write it as text.
    let is_verified = |value: &Value| value.as_bool().unwrap_or_else(|| value.as_str() == Some("true"));
    identity.email_verified = claims.remove("email_verified").is_some_and(|value| is_verified(&value));
    identity.email = take(&mut claims, "email").and_then(|address| address.parse().ok());
    identity.email_verified &= identity.email.is_some();
    identity.display_name = take(&mut claims, "name");
    identity.username = take(&mut claims, "preferred_username");
    identity.acr = take(&mut claims, "acr");
    identity.amr = claims.remove("amr").map(|value| texts("amr", value)).unwrap_or_default();
    identity.groups = claims.remove(groups_claim).map(|value| texts("groups", value)).unwrap_or_default();
    claims.retain(|name, _| !PROTOCOL.contains(&name.as_str()));
    identity.attributes = claims;
    identity.check()?;
    Ok(identity)
}

fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    claims.get(name)?.as_str().map(str::to_owned)
}

fn take(claims: &mut Map<String, Value>, name: &str) -> Option<String> {
    match claims.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Returns a list of texts; one alone counts as a list of it.
fn texts(what: &'static str, value: Value) -> Vec<String> {
    let mut texts: Vec<String> = match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values
            .into_iter()
            .filter_map(|value| match value {
                Value::String(text) => Some(text),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    if let Some(dropped) = texts.len().checked_sub(MAX_GROUPS).filter(|dropped| *dropped > 0) {
        tracing::warn!(what, kept = MAX_GROUPS, dropped, "a provider lists more of a user than is kept");
        texts.truncate(MAX_GROUPS);
    }
    texts
}

/// Reads a time up to the year 9999; what is no such time is not kept, because nobody could read it back.
pub(super) fn moment(value: Option<&Value>) -> Option<DateTime<Utc>> {
    const LAST_SECOND: i64 = 253_402_300_799;
    let number = value?.as_number()?;
    let seconds = number.as_i64().or_else(|| Some(number.as_f64()? as i64))?;
    DateTime::from_timestamp((0..=LAST_SECOND).contains(&seconds).then_some(seconds)?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity(claims: Value) -> FederatedIdentity {
        let Value::Object(claims) = claims else { panic!("no object") };
        from_claims("https://a.example", claims, "groups").unwrap()
    }

    #[test]
    fn claims_find_their_places() {
        let identity = identity(json!({
            "iss": "https://a.example", "sub": "1", "aud": "c", "exp": 2, "iat": 1, "nonce": "n", "sid": "s", "auth_time": 7,
            "email": "a@example.com", "email_verified": true, "name": "A", "preferred_username": "a", "acr": "x", "amr": ["pwd"],
            "groups": ["g", 1, "h"], "locale": "de",
        }));
        assert_eq!((identity.subject.as_str(), identity.session_id.as_deref()), ("1", Some("s")));
        assert_eq!(identity.email.unwrap().as_str(), "a@example.com");
        assert!(identity.email_verified);
        assert_eq!(identity.groups, ["g", "h"]);
        assert_eq!((identity.acr.as_deref(), identity.amr), (Some("x"), vec!["pwd".to_owned()]));
        assert_eq!(identity.auth_time.unwrap().timestamp(), 7);
        assert_eq!(Value::Object(identity.attributes), json!({ "locale": "de" }));
    }

    #[test]
    fn an_address_is_verified_only_when_it_is_said_and_can_be_one() {
        let cases = [
            (json!({ "email": "a@example.com", "email_verified": "true" }), true),
            (json!({ "email": "a@example.com", "email_verified": "false" }), false),
            (json!({ "email": "a@example.com", "email_verified": 1 }), false),
            (json!({ "email": "a@example.com" }), false),
            (json!({ "email": "nobody", "email_verified": true }), false),
            (json!({ "email_verified": true }), false),
        ];
        for (mut claims, is_verified) in cases {
            claims["sub"] = json!("1");
            assert_eq!(identity(claims.clone()).email_verified, is_verified, "{claims}");
        }
    }

    #[test]
    fn there_is_no_identity_without_a_subject() {
        for claims in
            [json!({}), json!({ "sub": "" }), json!({ "sub": 1 }), json!({ "sub": "x".repeat(256) })]
        {
            let Value::Object(claims) = claims else { panic!("no object") };
            assert!(from_claims("https://a.example", claims, "groups").is_err());
        }
    }

    #[test]
    fn an_address_and_its_verification_come_from_one_document() {
        let object = |value: Value| value.as_object().cloned().unwrap();
        let userinfo = || {
            object(json!({ "email": "mallory@a.example", "email_verified": true, "name": "Mallory",
            "sid": "theirs", "auth_time": 1, "acr": "gold", "amr": ["hwk"] }))
        };
        let signed = object(json!({ "sub": "m", "email": "boss@a.example" }));
        let identity = from_claims("https://a.example", merged(signed, userinfo()), "groups").unwrap();
        assert_eq!(identity.email.as_ref().unwrap().as_str(), "boss@a.example");
        assert!(!identity.email_verified, "of another address");
        assert_eq!(identity.display_name.as_deref(), Some("Mallory"));
        assert!(identity.session_id.is_none() && identity.auth_time.is_none(), "nobody signed that");
        assert!(identity.acr.is_none() && identity.amr.is_empty());
        let whole =
            from_claims("https://a.example", merged(object(json!({ "sub": "m" })), userinfo()), "groups")
                .unwrap();
        assert!(whole.email_verified && whole.email.unwrap().as_str() == "mallory@a.example");
    }

    #[test]
    fn a_time_that_is_none_is_not_kept() {
        for (time, kept) in [
            (json!(7), Some(7)),
            (json!(7.9), Some(7)),
            (json!(1_767_225_600_000_i64), None),
            (json!(1e300), None),
            (json!(-1), None),
            (json!("7"), None),
        ] {
            let found = identity(json!({ "sub": "1", "auth_time": time })).auth_time;
            assert_eq!(found.map(|at| at.timestamp()), kept, "{time}");
        }
    }

    /// Counts what is logged.
    #[derive(Clone, Default)]
    struct Log(std::sync::Arc<std::sync::atomic::AtomicUsize>);

    impl tracing::Subscriber for Log {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() <= tracing::Level::WARN
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            assert!(event.fields().any(|field| field.name() == "dropped"));
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn groups_that_are_dropped_are_in_the_log() {
        for (listed, kept, lines) in [(1_000, 1_000, 0), (1_001, 1_000, 1)] {
            let groups: Vec<String> = (0..listed).map(|n| format!("g{n}")).collect();
            let log = Log::default();
            let found = tracing::subscriber::with_default(log.clone(), || {
                identity(json!({ "sub": "1", "groups": groups })).groups
            });
            assert_eq!((found.len(), found.last().unwrap().as_str()), (kept, "g999"));
            assert_eq!(log.0.load(std::sync::atomic::Ordering::SeqCst), lines, "{listed}");
        }
    }
}
