use super::*;
use crate::JsonPayload;
use axess_events::Actor;
use axess_identity::TenantId;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn envelope(fields: Value) -> AuthEventEnvelope<JsonPayload> {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    let payload = JsonPayload { event_type: "Made".into(), fields };
    AuthEventEnvelope::new(EventId::from_parts(0, [1; 10]), chrono::DateTime::UNIX_EPOCH, payload)
}

fn event(rest: &str) -> String {
    format!(r#"{{"event_id":"00000000-0000-7101-8101-010101010101","event_type":"Made"{rest}}}"#)
}

#[test]
fn fields_are_sorted_at_every_depth() {
    let fields = json!({ "zeta": { "b": [{ "d": 1, "c": 2 }], "a": null }, "alpha": 1.5, "Ä": "ü\n\u{1}\"" });
    let made = envelope(fields).with_tenant(TenantId::from_parts(0, [3; 10])).with_actor(Actor::System);
    let text = String::from_utf8(canonical(&made).unwrap().to_vec()).unwrap();
    let expected = concat!(
        r#"{"actor":{"kind":"system"},"alpha":1.5,"event_id":"00000000-0000-7101-8101-010101010101","#,
        r#""event_type":"Made","occurred_at":"1970-01-01T00:00:00.000000Z","#,
        r#""tenant_id":"00000000-0000-7303-8303-030303030303","zeta":{"a":null,"b":[{"c":2,"d":1}]},"#,
        r#""Ä":"ü\n\u0001\""}"#,
    );
    assert_eq!(text, expected);
    check_canonical(text.as_bytes()).unwrap();
}

#[test]
fn a_payload_cannot_stand_in_for_the_envelope() {
    let twice = json!({ "event_id": "00000000-0000-7000-8000-00000000000f" });
    assert!(matches!(canonical(&envelope(twice)), Err(CanonicalError::Duplicate)));
    let twice = json!({ "occurred_at": "2026-01-01T00:00:00Z" });
    assert!(matches!(canonical(&envelope(twice)), Err(CanonicalError::Duplicate)));
}

#[test]
fn only_one_spelling_is_canonical() {
    check_canonical(event("").as_bytes()).unwrap();
    for good in
        [r#","f":[]"#, r#","f":{}"#, r#","f":-0.0"#, r#","f":1e16"#, r#","f":"é\u001f\t""#, r#","f":"""#]
    {
        check_canonical(event(good).as_bytes()).unwrap();
    }
    let bad = [
        r#", "f":1"#,
        r#","f": 1"#,
        r#","f":01"#,
        r#","f":+1"#,
        r#","f":1."#,
        r#","f":.5"#,
        r#","f":1E5"#,
        r#","f":-"#,
        r#","f":nul"#,
        r#","f":"\/""#,
        r#","f":"\u0041""#,
        r#","f":"\u000a""#,
        r#","f":"\u001F""#,
        r#","f":"\x""#,
        r#","f":[1,]"#,
        r#","f":[,1]"#,
        r#","f":{"a":1,}"#,
        r#","f":"open"#,
        r#","f":1}"#,
        r#","f":{"a":1,"a":2}"#,
        r#","f":{"b":1,"a":2}"#,
        r#","f":1,"f":2"#,
        r#","a":1"#,
        r#","f":"\ud800""#,
        ",\"f\":\"\t\"",
        ",\"f\":\"\u{7f}\"}",
    ];
    for rest in bad {
        assert!(check_canonical(event(rest).as_bytes()).is_err(), "{rest}");
    }
    for whole in ["", "{}", "[]", "null", "{", "\u{feff}{}", r#"{"event_id":"x","event_type":"y"}"#] {
        assert!(check_canonical(whole.as_bytes()).is_err(), "{whole}");
    }
    let upper = event("").replace("-7101-8101-", "-7101-8A01-");
    assert!(matches!(check_canonical(upper.as_bytes()), Err(CanonicalError::Unnamed)));
    assert!(check_canonical(b"{\"event_id\":\"\xff\"}").is_err());
}

#[test]
fn keys_sort_by_what_they_stand_for() {
    // Escaped, the line feed is two characters that sort behind a space.
    let fields = json!({ " ": 1, "\n": 2, "\"": 3, "~": 4 });
    let text = String::from_utf8(canonical(&envelope(fields)).unwrap().to_vec()).unwrap();
    assert!(text.starts_with(r#"{"\n":2," ":1,"\"":3,"event_id""#) && text.ends_with(r#""~":4}"#), "{text}");
    assert!(check_canonical(event("").replacen('{', r#"{" ":1,"\n":2,"#, 1).as_bytes()).is_err());
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| format!(r#","f":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    check_canonical(event(&nested(MAX_EVENT_DEPTH - 1)).as_bytes()).unwrap();
    let deep = event(&nested(MAX_EVENT_DEPTH));
    assert!(matches!(check_canonical(deep.as_bytes()), Err(CanonicalError::TooDeep)));
    let deeper = serde_json::from_str(&format!(r#"{{"f":{}{}}}"#, "[".repeat(100), "]".repeat(100))).unwrap();
    assert!(matches!(canonical(&envelope(deeper)), Err(CanonicalError::TooDeep)));

    let filler = |length: usize| event(&format!(r#","f":"{}""#, "x".repeat(length)));
    let room = MAX_EVENT_BYTES - filler(0).len();
    check_canonical(filler(room).as_bytes()).unwrap();
    assert!(matches!(check_canonical(filler(room + 1).as_bytes()), Err(CanonicalError::TooLong)));
    let long = envelope(json!({ "f": "x".repeat(MAX_EVENT_BYTES) }));
    assert!(matches!(canonical(&long), Err(CanonicalError::TooLong)));
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_made_canonical_is_canonical_and_the_same_value(fields in prop::collection::btree_map("[^e].{0,8}", values(), 0..6)) {
        let fields: Map<String, Value> = fields.into_iter().filter(|(name, _)| !is_of_envelope(name)).collect();
        let made = envelope(Value::Object(fields));
        let bytes = canonical(&made).unwrap();
        check_canonical(&bytes).unwrap();
        // Numbers are compared as text: reading a float may lose its last bit.
        let again = String::from_utf8(bytes.to_vec()).unwrap();
        prop_assert_eq!(again.len(), serde_json::to_string(&made).unwrap().len());
        prop_assert_eq!(scan_event(&bytes).unwrap().event_id, made.event_id);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = check_canonical(&bytes);
        let _ = crate::chain::Entry::parse(&bytes).is_ok();
        let _ = crate::chain::SignedCheckpoint::parse(&bytes).is_ok();
        let _ = crate::chain::SegmentHeader::parse(&bytes).is_ok();
    }

    #[test]
    fn no_json_like_text_panics(text in r#"[{}\[\]",:0-9eE.\\u+ a-f-]{0,60}"#) {
        let _ = check_canonical(event(&text).as_bytes());
    }
}

fn is_of_envelope(name: &str) -> bool {
    matches!(
        name,
        "actor" | "tenant_id" | "occurred_at" | "request_id" | "trace_id" | "client_ip" | "user_agent"
    )
}
