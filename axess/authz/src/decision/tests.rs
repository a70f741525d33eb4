use super::*;
use crate::{AuthzQuery, Entity, EntitySet, StandardRequestContext, ToCedarEntity, fixture::*};
use axess_identity::FactorKind;
use chrono::TimeDelta;
use proptest::prelude::*;

/// Two policies that are legal and fail while they are evaluated: an overflow, and an entity that is not there.
const OVERFLOW: &str = "resource.size + 9223372036854775807 > 0";
const ABSENT: &str = "resource.owner.tenant_id == \"x\"";

fn deny(decision: &AuthzDecision) -> (&DenyReason, &[String]) {
    match decision {
        AuthzDecision::Deny { reason, policies } => (reason, policies),
        AuthzDecision::Allow { .. } => panic!("allowed"),
    }
}

#[test]
fn permit_all_beside_an_erroring_policy_is_a_denial() {
    let alice = user(1);
    let all = "@id(\"all\") permit (principal, action, resource);";
    assert!(decide(&store(all), &alice, "read", r#"Document::"a""#, &context()).is_allow());
    for effect in ["permit", "forbid"] {
        let policies =
            format!("{all}\n@id(\"bad\") {effect} (principal, action, resource) when {{ {OVERFLOW} }};");
        let decision = decide(&store(&policies), &alice, "read", r#"Document::"a""#, &context());
        let (reason, forbidding) = deny(&decision);
        let DenyReason::EvaluationFailed { failures } = reason else { panic!("{reason}") };
        assert_eq!((failures.len(), failures[0].policy.as_str()), (1, "bad"), "{effect}");
        assert!(failures[0].message.contains("overflow"), "{}", failures[0].message);
        assert!(forbidding.is_empty() && decision.determining() == ["bad"]);
    }
}

#[test]
fn an_entity_that_was_not_loaded_is_a_denial_that_names_it() {
    let policies = format!(
        "permit (principal, action, resource);\nforbid (principal, action, resource) when {{ {ABSENT} }};"
    );
    let stranger = user(9);
    let alice = user(1);
    let resource = document("x", &stranger);
    let store = store(&policies);
    let graph = store.graph(&[alice.to_cedar_entity(), resource.clone()].into_iter().collect()).unwrap();
    let (principal, context) = (alice.cedar_uid(), context());
    let query = AuthzQuery {
        principal: &principal,
        action: &"read".into(),
        resource: &resource.uid,
        context: &context,
    };
    let decision = store.decide(query, &graph);
    let (DenyReason::EvaluationFailed { failures }, _) = deny(&decision) else { panic!("{decision}") };
    assert_eq!(failures[0].missing, Some(stranger.cedar_uid()));
    for (principal, resource, missing) in [
        (&principal, uid(r#"Document::"gone""#), uid(r#"Document::"gone""#)),
        (&stranger.cedar_uid(), resource.uid.clone(), stranger.cedar_uid()),
    ] {
        let decision = store.decide(AuthzQuery { principal, resource: &resource, ..query }, &graph);
        assert_eq!(deny(&decision).0, &DenyReason::EntityNotFound { uid: missing });
    }
}

#[test]
fn reasons_and_policies_are_those_that_decided() {
    let store = store(POLICIES);
    let (alice, bob) = (user(1), user(2));
    let fresh = context().with_factors([FactorKind::Fido2], noon());
    let allowed = decide(&store, &alice, "delete", r#"Document::"a""#, &fresh);
    assert_eq!(allowed, AuthzDecision::Allow { policies: vec!["owners".into()] });
    let table = [
        (&bob, "read", "a", DenyReason::NoPermit, vec![]),
        (&alice, "delete", "a", DenyReason::Forbidden, vec!["delete-needs-key"]),
        (&alice, "read", "o", DenyReason::Forbidden, vec!["axess.tenant-isolation"]),
        (&alice, "edit", "s", DenyReason::Forbidden, vec!["secret-needs-fresh-login"]),
    ];
    for (principal, action, document, reason, policies) in table {
        let decision = decide(&store, principal, action, &format!("Document::{document:?}"), &context());
        assert_eq!(
            deny(&decision),
            (&reason, policies.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice())
        );
    }
}

#[test]
fn a_request_that_does_not_fit_the_schema_is_a_denial() {
    let store = store(POLICIES);
    let alice = user(1);
    let decision = decide(&store, &alice, "fly", r#"Document::"a""#, &context());
    assert!(matches!(deny(&decision).0, DenyReason::InvalidRequest { .. }), "{decision}");
    let me = alice.cedar_uid().to_string();
    let decision = decide(&store, &alice, "read", &me, &context());
    assert!(matches!(deny(&decision).0, DenyReason::InvalidRequest { .. }), "{decision}");
    let far = StandardRequestContext::new(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    let decision = decide(&store, &alice, "read", r#"Document::"a""#, &far);
    assert!(matches!(deny(&decision).0, DenyReason::InvalidRequest { .. }), "{decision}");
}

#[test]
fn entities_must_fit_the_schema() {
    let store = store(POLICIES);
    let alice = user(1);
    for bad in [
        document("a", &alice).with_attr("undeclared", 1),
        document("a", &alice).with_attr("size", "ten"),
        document("a", &alice).with_parent(alice.cedar_uid()),
        Entity::new(uid(r#"Nothing::"a""#)),
    ] {
        let error = store.graph(&[bad.clone()].into_iter().collect()).unwrap_err();
        assert!(matches!(error, EntityError::Unfit { .. }), "{bad:?}");
    }
    let many: EntitySet =
        (0..=crate::MAX_ENTITIES).map(|number| Entity::new(ResourceUid::role(number.to_string()))).collect();
    assert_eq!(store.graph(&many).unwrap_err(), EntityError::TooMany);
}

#[test]
fn a_resource_of_the_whole_deployment_is_exempt_from_isolation_only_when_marked() {
    let store = store("permit (principal, action, resource);");
    let alice = user(1);
    let elsewhere = document("x", &alice).with_attr("tenant_id", tenant(2).to_string());
    let shared = elsewhere.clone().with_parent(ResourceUid::deployment());
    for (resource, allowed) in [(elsewhere, false), (shared, true)] {
        let graph = store.graph(&[alice.to_cedar_entity(), resource.clone()].into_iter().collect()).unwrap();
        let (principal, context) = (alice.cedar_uid(), context());
        let query = AuthzQuery {
            principal: &principal,
            action: &"read".into(),
            resource: &resource.uid,
            context: &context,
        };
        assert_eq!(store.decide(query, &graph).is_allow(), allowed);
    }
}

#[test]
fn the_deepest_policy_is_decided_explained_and_translated_on_a_small_stack() {
    let chain = vec!["resource.public"; 31].join(" || ");
    let nested = format!("{}resource.public{}", "!(".repeat(30), ")".repeat(30));
    let policies = format!(
        "permit (principal, action, resource) when {{ {chain} }};
         permit (principal, action, resource) when {{ {nested} }};
         permit (principal, action, resource) when {{ resource.size == 10 }};"
    );
    let on_a_small_stack = move || {
        let store = store(&policies);
        let alice = user(1);
        assert!(decide(&store, &alice, "read", r#"Document::"a""#, &context()).is_allow());
        let (principal, resource, context) = (alice.cedar_uid(), uid(r#"Document::"a""#), context());
        let graph = store.graph(&entities()).unwrap();
        let query = AuthzQuery {
            principal: &principal,
            action: &"read".into(),
            resource: &resource,
            context: &context,
        };
        assert_eq!(store.explain(query, &graph).policies.len(), 4);
        let rows = crate::RowMapping::new("Document", "id")
            .with_attr("tenant_id", crate::Column::text("tenant_id"))
            .with_attr("public", crate::Column::bool("public"))
            .with_attr("size", crate::Column::long("size"))
            .never_in("Shared");
        store.list_filter(&principal, &"read".into(), &context, &graph, &rows).unwrap();
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(on_a_small_stack).unwrap().join().unwrap();
}

fn step_up(action: &str, document: &str, context: &StandardRequestContext) -> Option<StepUp> {
    let (store, alice, resource) =
        (store(POLICIES), user(1).cedar_uid(), ResourceUid::new("Document", document).unwrap());
    let graph = store.graph(&entities()).unwrap();
    let query = AuthzQuery { principal: &alice, action: &action.into(), resource: &resource, context };
    let step_up = store.step_up(query, &graph, &StepUpOptions::default());
    if let Some(cure) = &step_up {
        let age = cure.max_age.map_or(TimeDelta::days(30), |age| TimeDelta::from_std(age).unwrap());
        let cured = context.stepped_up(&cure.factors, Some(noon() - age));
        assert!(store.decide(AuthzQuery { context: &cured, ..query }, &graph).is_allow(), "{cure:?}");
    }
    step_up
}

#[test]
fn the_smallest_step_up_is_found() {
    let stale =
        context().with_factors([FactorKind::Password, FactorKind::Totp], noon() - TimeDelta::hours(1));
    let quarter = Some(std::time::Duration::from_secs(900));
    assert_eq!(step_up("edit", "s", &stale), Some(StepUp { factors: [].into(), max_age: quarter }));
    assert_eq!(step_up("edit", "s", &context()), Some(StepUp { factors: [].into(), max_age: quarter }));
    assert_eq!(
        step_up("delete", "a", &stale),
        Some(StepUp { factors: [FactorKind::Fido2].into(), max_age: None })
    );
    assert_eq!(step_up("read", "a", &stale), None, "allowed as it is");
    assert_eq!(step_up("read", "o", &stale), None, "no proof moves a tenant");
}

#[test]
fn a_step_up_may_take_several_factors() {
    let policies = r#"permit (principal, action, resource)
        when { context.mfa && context.factors_completed.contains("totp") };"#;
    let (store, alice, resource) = (store(policies), user(1).cedar_uid(), uid(r#"Document::"a""#));
    let graph = store.graph(&entities()).unwrap();
    let context = context();
    let query =
        AuthzQuery { principal: &alice, action: &"read".into(), resource: &resource, context: &context };
    let cure = store.step_up(query, &graph, &StepUpOptions::default()).unwrap();
    assert_eq!(cure, StepUp { factors: [FactorKind::Password, FactorKind::Totp].into(), max_age: None });
    assert_eq!(cure.acr_values().as_deref(), Some("password totp"));
    let less = StepUpOptions::new([FactorKind::Totp]);
    assert_eq!(store.step_up(query, &graph, &less), None);
}

#[test]
fn an_explanation_shows_clauses_and_facts() {
    let (store, alice, resource) = (store(POLICIES), user(1).cedar_uid(), uid(r#"Document::"s""#));
    let graph = store.graph(&entities()).unwrap();
    let context = context();
    let query =
        AuthzQuery { principal: &alice, action: &"edit".into(), resource: &resource, context: &context };
    let explanation = store.explain(query, &graph);
    let outcomes: Vec<_> =
        explanation.policies.iter().map(|one| (one.policy.id.as_str(), &one.outcome)).collect();
    assert_eq!(
        outcomes,
        [
            ("axess.tenant-isolation", &PolicyOutcome::NotSatisfied),
            ("owners", &PolicyOutcome::Satisfied),
            ("secret-needs-fresh-login", &PolicyOutcome::Satisfied),
        ]
    );
    let secret = &explanation.policies[2];
    assert_eq!(secret.facts["resource.kind"], "\"secret\"");
    assert_eq!(secret.clauses.len(), 3);
    assert!(
        explanation.to_string().contains("forbid secret-needs-fresh-login (app.cedar:12): forbids\n"),
        "{explanation}"
    );
}

proptest! {
    /// The engine alone would allow some of these; one failing policy is enough to deny.
    #[test]
    fn one_failing_policy_always_denies(
        policies in prop::collection::vec((any::<bool>(), 0..4_usize), 0..6)
    ) {
        let conditions = ["true", "false", OVERFLOW, "resource.public"];
        let text: String = policies.iter().map(|(permit, condition)| {
            let effect = if *permit { "permit" } else { "forbid" };
            // The first clause keeps the validator from seeing through constants.
            format!("{effect} (principal, action, resource) when {{ resource.size == 10 }} when {{ {} }};\n", conditions[*condition])
        }).collect();
        let decision = decide(&store(&text), &user(1), "read", r#"Document::"a""#, &context());
        let fails = policies.iter().any(|(_, condition)| *condition == 2);
        let permits = policies.contains(&(true, 0));
        let forbids = policies.contains(&(false, 0));
        prop_assert_eq!(decision.is_allow(), permits && !forbids && !fails, "{}", text);
    }
}
