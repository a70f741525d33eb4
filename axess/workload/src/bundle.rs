use axess_jose::{BoxFuture, FetchDocument, FetchError, FetchedDocument, Limits, MAX_JWK_SET_BYTES, json};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// How deep a bundle may be nested.
const MAX_DEPTH: usize = 16;

/// Fetches a JWK set, or a SPIFFE bundle, whose keys for JWT-SVIDs say so in their `use` (Trust Domain and Bundle §4.2.2).
///
/// Keys for anything else stay what they are, and verify nothing here. A bundle's hint says how long it is good for, where that
/// is shorter than what the answer said (§4.1.2).
pub(crate) struct BundleSource(pub(crate) Arc<dyn FetchDocument>);

impl FetchDocument for BundleSource {
    fn fetch<'a>(&'a self, url: &'a str, limit: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
        Box::pin(async move { Ok(as_key_set(self.0.fetch(url, limit).await?)) })
    }
}

/// A document that is no set stays as it is: whoever reads it next says what is wrong.
fn as_key_set(document: FetchedDocument) -> FetchedDocument {
    let limits = Limits { max_bytes: MAX_JWK_SET_BYTES, max_depth: MAX_DEPTH };
    let Ok(mut set) = json::object(&document.bytes, limits) else { return document };
    let hint = set.get("spiffe_refresh_hint").and_then(Value::as_u64).map(Duration::from_secs);
    let max_age = [document.max_age, hint].into_iter().flatten().min();
    let keys = set.get_mut("keys").and_then(Value::as_array_mut);
    let mut is_bundle = false;
    for usage in keys.into_iter().flatten().filter_map(|key| key.get_mut("use")) {
        if usage == "jwt-svid" {
            *usage = "sig".into();
            is_bundle = true;
        }
    }
    let bytes = match is_bundle {
        true => Value::Object(set).to_string().into_bytes(),
        false => document.bytes,
    };
    FetchedDocument { bytes, max_age }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_jose::JwkSet;

    const POINT: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    fn fetched(bytes: &str, max_age: Option<u64>) -> FetchedDocument {
        let max_age = max_age.map(Duration::from_secs);
        as_key_set(FetchedDocument { bytes: bytes.into(), max_age })
    }

    #[test]
    fn keys_for_jwt_svids_are_signing_keys_and_others_are_not() {
        let key = |kid: &str, usage: &str| format!(r#"{{{POINT},"kid":"{kid}"{usage}}}"#);
        let keys = [
            key("jwt", r#","use":"jwt-svid""#),
            key("x509", r#","use":"x509-svid""#),
            key("loud", r#","use":"JWT-SVID""#),
            key("list", r#","use":["jwt-svid"]"#),
            key("sig", r#","use":"sig""#),
            key("none", ""),
        ];
        let bundle = format!(r#"{{"spiffe_sequence":7,"keys":[{}]}}"#, keys.join(","));
        let set = JwkSet::parse(&fetched(&bundle, None).bytes).unwrap();
        for (kid, is_there) in
            [("jwt", true), ("x509", false), ("loud", false), ("list", false), ("sig", true), ("none", true)]
        {
            assert_eq!(set.names(kid), is_there, "{kid}");
        }
    }

    #[test]
    fn the_shorter_of_hint_and_answer_counts() {
        for (hint, said, kept) in [
            (r#","spiffe_refresh_hint":60"#, None, Some(60)),
            (r#","spiffe_refresh_hint":60"#, Some(300), Some(60)),
            (r#","spiffe_refresh_hint":300"#, Some(60), Some(60)),
            (r#","spiffe_refresh_hint":"60""#, Some(300), Some(300)),
            (r#","spiffe_refresh_hint":-1"#, None, None),
            ("", Some(300), Some(300)),
            ("", None, None),
        ] {
            let document = fetched(&format!(r#"{{"keys":[]{hint}}}"#), said);
            assert_eq!(document.max_age, kept.map(Duration::from_secs), "{hint} {said:?}");
        }
    }

    #[test]
    fn what_is_no_bundle_stays_as_it_came() {
        for bytes in
            ["", "no JSON", "[]", r#"{"keys":1}"#, r#"{"keys":[],"keys":[]}"#, r#"{ "keys": [ 1, {} ] }"#]
        {
            assert_eq!(fetched(bytes, None).bytes, bytes.as_bytes(), "{bytes}");
        }
    }
}
