use audex_policy::{Grant, GrantDiff, Provider, Request, compile::aws, explain, lint};
use proptest::prelude::*;
use serde_json::Value;

use crate::model::{Case, cases, fits_action, fits_resource};

/// Decides by a document: a statement that denies wins.
fn document_allows(document: &Value, action: &str, resource: &str) -> bool {
    let one_of = |value: &Value, fits: &dyn Fn(&str) -> bool| match value {
        Value::String(text) => fits(text),
        Value::Array(list) => list.iter().any(|item| fits(item.as_str().unwrap())),
        other => panic!("{other}"),
    };
    let has = |effect: &str| {
        document["Statement"].as_array().unwrap().iter().any(|statement| {
            statement["Effect"] == effect
                && one_of(&statement["Action"], &|pattern| fits_action(pattern, action))
                && one_of(&statement["Resource"], &|pattern| fits_resource(pattern, resource))
        })
    };
    has("Allow") && !has("Deny")
}

proptest! {
    #[test]
    fn granted_is_asked_within_each_ceiling_and_not_denied(case in cases()) {
        let narrowing = case.narrowed();
        for (action, resource) in Case::points() {
            let granted = narrowing.grant.allows(action, resource);
            prop_assert_eq!(granted, case.is_granted(action, resource), "{} {}", action, resource);
            if case.is_asked(action, resource) && !granted {
                let is_told = narrowing.cuts.iter().any(|cut| cut.asked.matches(action, resource));
                prop_assert!(is_told, "{} {} was cut without a word", action, resource);
            }
        }
        if narrowing.cuts.is_empty() {
            let request = case.request();
            prop_assert_eq!(narrowing.grant.allow(), request.set());
        }
    }

    #[test]
    fn narrowing_again_changes_nothing(case in cases()) {
        let grant = case.narrowed().grant;
        prop_assume!(!grant.is_empty());
        let again = Request::builder(Provider::Aws)
            .allow(&grant.allow().to_string())
            .accept_unknown_actions()
            .build()
            .unwrap();
        prop_assert_eq!(case.narrowed_from(&again).grant, grant);
    }

    #[test]
    fn order_does_not_count(case in cases()) {
        prop_assert_eq!(case.turned().narrowed().grant, case.narrowed().grant);
    }

    #[test]
    fn documents_allow_what_was_granted(case in cases()) {
        let grant = case.narrowed().grant;
        if let Ok(policy) = aws::session_policy(&grant) {
            prop_assert!(policy.document.chars().count() <= aws::MAX_POLICY);
            let document: Value = serde_json::from_str(&policy.document).unwrap();
            for (action, resource) in Case::points() {
                let allowed = document_allows(&document, action, resource);
                prop_assert_eq!(allowed, case.is_granted(action, resource), "{} {}", action, resource);
            }
        }
    }

    #[test]
    fn grants_are_written_and_read(case in cases()) {
        let grant = case.narrowed().grant;
        let json = serde_json::to_string(&grant).unwrap();
        prop_assert_eq!(serde_json::from_str::<Grant>(&json).unwrap(), grant);
    }

    #[test]
    fn differences_name_whatever_changes(one in cases(), two in cases()) {
        let (old, new) = (one.narrowed().grant, two.narrowed().grant);
        let diff = GrantDiff::between(&old, &new);
        for (action, resource) in Case::points() {
            let (before, after) = (old.allows(action, resource), new.allows(action, resource));
            prop_assert!(before || !after || diff.added.allows(action, resource), "{} {}", action, resource);
            prop_assert!(!before || after || diff.removed.allows(action, resource), "{} {}", action, resource);
        }
        prop_assert!(GrantDiff::between(&new, &new).is_empty());
        prop_assert!(!explain(&new).is_empty());
        let findings = lint(&new);
        prop_assert!(findings.windows(2).all(|pair| pair[0].severity >= pair[1].severity));
    }
}
