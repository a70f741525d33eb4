use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn decoded(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// How many cases a file has, and how many of them are good for its author and refused here for a reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) cases: usize,
    pub(crate) skipped: usize,
}

/// Compares our verdicts with those of a file, case by case.
///
/// `skip` says of a group and a case why we refuse it though it is good. Whatever else differs fails: a case that is skipped and
/// passes, and one that is refused without a reason.
pub(crate) fn compare(
    file: &Value,
    skip: impl Fn(&Value, &Value) -> Option<&'static str>,
    ours: impl Fn(&Value, &Value) -> bool,
) -> Counted {
    let (mut counted, mut wrong) = (Counted { cases: 0, skipped: 0 }, Vec::new());
    for (group, test) in cases(file) {
        let accepted = ours(group, test);
        let reason = skip(group, test).filter(|_| test["result"] == "valid");
        counted.cases += 1;
        counted.skipped += usize::from(reason.is_some());
        if accepted != (test["result"] == "valid" && reason.is_none()) {
            wrong.push((test["tcId"].as_i64().unwrap(), test["comment"].clone(), accepted, reason));
        }
    }
    assert!(wrong.is_empty(), "verdicts that differ: {wrong:#?}");
    counted
}

/// Walks through the groups and tests of a Wycheproof file.
pub(crate) fn cases(file: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let groups = file["testGroups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["tests"].as_array().unwrap().iter().map(move |test| (group, test)))
}
