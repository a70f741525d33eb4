use super::*;
use crate::{AuthzStore, ResourceUid, ToCedarEntity, Verdict, fixture::*};
use axess_rng::MockRng;
use std::{
    num::NonZeroU64,
    sync::{Arc, Mutex},
};

fn table() -> DecisionTable {
    let cases = [(1, "read", "a"), (2, "read", "a"), (1, "delete", "a"), (1, "edit", "s"), (1, "read", "o")];
    DecisionTable {
        entities: entities(),
        contexts: [("plain".to_owned(), context())].into(),
        cases: cases
            .map(|(number, action, id)| DecisionCase {
                principal: user(number).cedar_uid(),
                action: action.into(),
                resource: ResourceUid::new("Document", id).unwrap(),
                context: "plain".into(),
                expect: None,
            })
            .into(),
    }
}

#[test]
fn who_and_what_are_the_single_decisions() {
    let mut set = entities();
    set.add_parents(&user(2).cedar_uid(), [ResourceUid::role("viewer")]);
    let store = store(POLICIES);
    let graph = store.graph(&set).unwrap();
    let people = [user(1).cedar_uid(), user(2).cedar_uid(), user(3).cedar_uid()];
    let a = uid(r#"Document::"a""#);
    assert_eq!(store.who_can(&people, &"read".into(), &a, &context(), &graph), [&people[0], &people[1]]);
    assert_eq!(store.who_can(&people, &"edit".into(), &a, &context(), &graph), [&people[0]]);
    let actions = store.actions();
    assert_eq!(actions, ["delete", "edit", "read"].map(Into::into));
    let resources = [a, uid(r#"Document::"s""#)];
    let can = store.what_can(&people[0], &actions, &resources, &context(), &graph);
    let can: Vec<(&str, &str)> =
        can.into_iter().map(|(action, resource)| (action.name(), resource.id())).collect();
    assert_eq!(can, [("edit", "a"), ("read", "a"), ("read", "s")]);
}

#[test]
fn a_diff_tells_who_gains_and_who_loses() {
    let (old, new) =
        (store(POLICIES), store("@id(\"all\") permit (principal, action == Action::\"delete\", resource);"));
    let diff = PolicyDiff::between(&old, &new, &table()).unwrap();
    let short = |changes: &[DecisionChange]| -> Vec<String> {
        changes.iter().map(|change| change.question.split(" | ").nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(short(&diff.gains), [r#"Action::"delete""#]);
    assert_eq!(short(&diff.losses), [r#"Action::"read""#]);
    assert!(diff.to_string().contains("-> allow [all]\nloses  "), "{diff}");
    assert!(PolicyDiff::between(&old, &old, &table()).unwrap().is_empty());
}

#[test]
fn a_table_reports_every_wrong_answer() {
    let store = store(POLICIES);
    let mut table = table();
    table.cases[0].expect = Some(Verdict::Allow);
    table.cases[1].expect = Some(Verdict::Deny);
    table.check(&store).unwrap();
    table.cases[2].expect = Some(Verdict::Allow);
    table.cases[3].expect = Some(Verdict::Allow);
    let Err(TableError::Wrong(wrong)) = table.check(&store) else { panic!("nothing is wrong") };
    assert_eq!(wrong.len(), 2);
    assert!(
        wrong[0].ends_with("deny: a policy forbids it [delete-needs-key] (expected allow)"),
        "{}",
        wrong[0]
    );
    let json = serde_json::to_string(&table).unwrap();
    assert_eq!(DecisionTable::from_json(&json).unwrap(), table);
    table.cases[0].context = "nowhere".into();
    let json = serde_json::to_string(&table).unwrap();
    assert!(matches!(DecisionTable::from_json(&json), Err(TableError::UnknownContext(_))));
}

#[test]
fn a_golden_text_shows_the_first_change() {
    let store = store(POLICIES);
    let golden = table().golden(&store).unwrap();
    let ends: Vec<&str> = golden.lines().map(|line| line.split(" | plain | ").nth(1).unwrap()).collect();
    let isolation = "deny | axess.tenant-isolation";
    assert_eq!(
        ends,
        [
            "allow | owners",
            "deny | ",
            "deny | delete-needs-key",
            "deny | secret-needs-fresh-login",
            isolation
        ]
    );
    table().check_golden(&store, &golden).unwrap();
    let changed = golden.replacen("deny | delete-needs-key", "allow | owners", 1);
    assert!(matches!(table().check_golden(&store, &changed), Err(TableError::Golden { line: 3, .. })));
    let shorter = golden.lines().next().unwrap();
    assert!(matches!(table().check_golden(&store, shorter), Err(TableError::Golden { line: 2, .. })));
}

#[tokio::test]
async fn a_shadow_reports_a_sample_of_its_differences_and_decides_nothing() {
    let found: Arc<Mutex<Vec<ShadowDifference>>> = Arc::default();
    let report = {
        let found = found.clone();
        move |difference| found.lock().unwrap().push(difference)
    };
    let active = AuthzStore::new(store(POLICIES));
    let candidate = || store("forbid (principal, action, resource);");
    let shadow = |one_in| {
        let rng = Arc::new(MockRng::new(7));
        Some(Arc::new(Shadow::new(
            candidate(),
            NonZeroU64::new(one_in).unwrap(),
            rng,
            Arc::new(report.clone()),
        )))
    };
    let ask = async |document: &str| {
        let session = active.session(user(1), Arc::new(Provider(Ok(entities()))), context());
        session.decide("read", &ResourceUid::new("Document", document).unwrap()).await.unwrap()
    };
    active.set_shadow(shadow(1));
    assert!(ask("a").await.is_allow());
    assert!(!ask("o").await.is_allow(), "both deny");
    assert_eq!(found.lock().unwrap().len(), 1);
    active.set_shadow(shadow(10));
    for _ in 0..500 {
        assert!(ask("a").await.is_allow());
    }
    let sampled = found.lock().unwrap().len() - 1;
    assert!((20..=90).contains(&sampled), "{sampled} of 500");
    active.set_shadow(None);
    ask("a").await;
    assert_eq!(found.lock().unwrap().len() - 1, sampled);
}
