use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// Cases that are valid and that we refuse, with the reason: a case that passes after all, or is not there, fails.
pub(crate) type Skips = &'static [(i64, &'static str)];

pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn decoded(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// Compares our verdicts with those of a file, case by case; returns how many there were.
pub(crate) fn compare<'a>(
    cases: impl Iterator<Item = (&'a Value, &'a Value)>,
    skips: Skips,
    ours: impl Fn(&Value, &Value) -> bool,
) -> usize {
    let (mut seen, mut skipped) = (0, Vec::new());
    for (group, test) in cases {
        let (id, accepted) = (test["tcId"].as_i64().unwrap(), ours(group, test));
        seen += 1;
        if let Some((_, reason)) = skips.iter().find(|(skip, _)| *skip == id) {
            assert!(!accepted, "{id} is skipped ({reason}), and passes");
            assert_eq!(test["result"], "valid", "{id} need not be skipped");
            skipped.push(id);
            continue;
        }
        assert_eq!(accepted, test["result"] == "valid", "{id} {}", test["comment"]);
    }
    assert_eq!(skipped, skips.iter().map(|(id, _)| *id).collect::<Vec<_>>(), "every skip is a case");
    seen
}

/// Walks through the groups and tests of a Wycheproof file.
pub(crate) fn cases(file: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let groups = file["testGroups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["tests"].as_array().unwrap().iter().map(move |test| (group, test)))
}
