//! List filters against single decisions: interpreted, and run by real databases.

#[cfg(test)]
mod databases;
#[cfg(test)]
mod generate;

#[cfg(test)]
mod lists {
    use crate::generate::{Row, policies, row, user};
    use axess_authz::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    const SCHEMA: &str = r#"
        entity Folder in [Folder] = { tenant_id: String };
        entity Document in [Folder, Shared] = {
            tenant_id: String, owner: User, size: Long, public: Bool, kind?: String, reviewers?: Group,
        };
        action "read" appliesTo { principal: [User], resource: [Document], context: RequestContext };
    "#;

    pub(crate) fn store(policies: &str) -> PolicyStore {
        let app = PolicyBundle::new("app").with_file("a.cedarschema", SCHEMA).with_file("a.cedar", policies);
        PolicyStore::compose(vec![PolicyBundle::base(), app]).unwrap()
    }

    fn mapping() -> RowMapping {
        RowMapping::new("Document", "id")
            .with_attr("tenant_id", Column::text("tenant_id"))
            .with_attr("owner", Column::entity("owner", "User"))
            .with_attr("size", Column::long("size"))
            .with_attr("public", Column::bool("public"))
            .with_attr("kind", Column::text("kind").nullable())
            .with_attr("reviewers", Column::entity("reviewers", "Group").nullable())
            .with_ancestor("Folder", "folder")
            .with_ancestor("Shared", "shared")
    }

    /// What is known besides the rows: the principal and its groups, and the folders.
    fn facts() -> EntitySet {
        let alice = Entity::new(user(1))
            .with_attr("tenant_id", "t1")
            .with_parent(ResourceUid::role("viewer"))
            .with_parent(ResourceUid::group("g1"));
        let group = Entity::new(ResourceUid::group("g1")).with_parent(ResourceUid::group("g2"));
        let folders = ["f1", "f2"].map(|id| ResourceUid::new("Folder", id).unwrap());
        folders
            .map(|uid| Entity::new(uid).with_attr("tenant_id", "t1"))
            .into_iter()
            .chain([alice, group])
            .collect()
    }

    fn context() -> StandardRequestContext {
        StandardRequestContext::new(DateTime::UNIX_EPOCH)
    }

    pub(crate) fn filter(store: &PolicyStore) -> Result<RowFilter, FilterError> {
        let graph = store.graph(&facts()).unwrap();
        store.list_filter(&user(1), &"read".into(), &context(), &graph, &mapping())
    }

    /// What deciding a row alone says.
    pub(crate) fn decided(store: &PolicyStore, row: &Row) -> bool {
        let mut set = facts();
        set.insert(row.entity());
        let graph = store.graph(&set).unwrap();
        let (principal, resource, context) = (user(1), row.uid(), context());
        let query = AuthzQuery {
            principal: &principal,
            action: &"read".into(),
            resource: &resource,
            context: &context,
        };
        store.decide(query, &graph).is_allow()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_filter_selects_what_single_decisions_allow(
            policies in policies(true), rows in prop::collection::vec(row(), 8)
        ) {
            let store = store(&policies);
            match filter(&store) {
                Ok(filter) => for row in &rows {
                    let selected = filter.matches(|column| row.value(column));
                    prop_assert_eq!(selected, decided(&store, row), "{:?}\n{}\n{:?}", row, policies, filter);
                },
                // Only what fails at run time, or may, is refused.
                Err(error) => {
                    prop_assert!(matches!(error, FilterError::Untranslatable { .. }), "{}", error);
                    prop_assert!(policies.contains("resource.size + "), "{}\n{}", error, policies);
                }
            }
        }
    }
}
