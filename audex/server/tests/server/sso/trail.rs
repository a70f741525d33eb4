//! What an auditor reads of sign-ons that were refused.

use crate::access::door::{Door, Enrolled};
use serde_json::Value;

/// Somebody who may read the audit log, and how much of it they have seen.
pub(super) struct Auditor {
    who: Enrolled,
    seen: usize,
}

impl Auditor {
    /// Lets one in, with a password of their own.
    pub(super) async fn at(door: &Door) -> Self {
        let admin = door.admin().await;
        Self { who: door.invited(&admin, "auditor@example.com", &["auditor"]).await, seen: 0 }
    }

    /// Checks that since the last time one thing of the provider's was refused, for this reason, and that none of the `secrets`
    /// is anywhere in what can be read.
    pub(super) async fn refused(&mut self, reason: &str, secrets: &[&str]) {
        let answer = self.who.browser.get("/audit?event_type=federation_refused").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let refused = answer.body["items"].as_array().unwrap();
        assert_eq!(refused.len(), self.seen + 1, "{reason}: {refused:?}");
        self.seen += 1;
        // Newest first.
        let last = &refused[0];
        assert_eq!((&last["provider"], &last["detail"]["reason"]), (&"sso".into(), &reason.into()), "{last}");
        let everything = self.who.browser.get("/audit?limit=1000").await;
        assert_eq!((everything.status, &everything.body["next"]), (200, &Value::Null));
        let text = everything.body.to_string();
        assert!(text.contains("federation_refused"), "{text}");
        for secret in secrets {
            assert!(secret.len() > 10, "{secret:?} may stand for something else");
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

/// Finds a parameter of an address.
pub(super) fn parameter(url: &str, name: &str) -> String {
    let url = reqwest::Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(of, _)| of == name).map(|(_, value)| value.into_owned());
    found.unwrap_or_else(|| panic!("no {name} in {url}"))
}

/// Returns an address with another value of a parameter.
pub(super) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let mut changed = reqwest::Url::parse(url).unwrap();
    let pairs: Vec<(String, String)> = changed.query_pairs().into_owned().collect();
    assert!(pairs.iter().any(|(of, was)| of == name && was != value), "no {name} in {url}");
    changed
        .query_pairs_mut()
        .clear()
        .extend_pairs(pairs.iter().map(|(of, was)| (of, if of == name { value } else { was })));
    changed.into()
}
