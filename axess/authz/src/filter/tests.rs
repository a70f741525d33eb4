use super::*;
use crate::{Entity, EntitySet, ToCedarEntity, fixture::*};

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
    let alice = user(1);
    let mut set: EntitySet = ["f1", "f2"]
        .map(|id| {
            Entity::new(ResourceUid::new("Folder", id).unwrap()).with_attr("tenant_id", tenant(1).to_string())
        })
        .into_iter()
        .collect();
    set.insert(alice.to_cedar_entity());
    set.add_parents(&alice.cedar_uid(), [ResourceUid::role("viewer"), ResourceUid::group("g1")]);
    set.insert(Entity::new(ResourceUid::group("g1")).with_parent(ResourceUid::group("g2")));
    set
}

fn filter(store: &PolicyStore) -> Result<RowFilter, FilterError> {
    let graph = store.graph(&facts()).unwrap();
    store.list_filter(&user(1).cedar_uid(), &"read".into(), &context(), &graph, &mapping())
}

#[test]
fn what_has_no_exact_counterpart_is_refused() {
    for (condition, what) in [
        ("resource.size + 1 > 3", "resource"),
        ("resource.owner.tenant_id == \"t\"", "owner"),
        ("resource.owner in Group::\"g\"", "in"),
        ("resource has reviewers && Group::\"unknown\" in resource.reviewers", "unknown"),
        ("resource has kind && resource.kind == \"a\\0b\"", "\\0"),
        ("resource has kind && resource.kind like \"a\\0*\"", "like"),
        ("resource in Group::\"x\" || resource.public && resource.owner.tenant_id == \"x\"", "owner"),
    ] {
        let store =
            store(&format!("@id(\"p\") permit (principal, action, resource) when {{ {condition} }};"));
        let Err(FilterError::Untranslatable { policy, what: message }) = filter(&store) else {
            panic!("{condition} was translated: {:?}", filter(&store))
        };
        assert!(policy == "p" && message.contains(what), "{condition}: {message}");
    }
    let store = store("permit (principal, action, resource) when { resource.public };");
    let graph = store.graph(&facts()).unwrap();
    let alice = user(1).cedar_uid();
    let list = |rows: &RowMapping| store.list_filter(&alice, &"read".into(), &context(), &graph, rows);
    let without = RowMapping::new("Document", "id")
        .never_in("Shared")
        .with_attr("tenant_id", Column::text("tenant_id"));
    assert!(matches!(list(&without), Err(FilterError::Untranslatable { .. })), "public has no column");
    let wrong = without.clone().with_attr("public", Column::long("public"));
    assert!(matches!(list(&wrong), Err(FilterError::Untranslatable { .. })), "public is no number");
    for name in ["id; DROP TABLE x", "a.b.c", "", "1a", "a\"b", "ä"] {
        assert_eq!(
            list(&without.clone().with_attr("public", Column::bool(name))),
            Err(FilterError::Column(name.into()))
        );
    }
    let nowhere = RowMapping::new("Nowhere", "id");
    assert!(matches!(list(&nowhere), Err(FilterError::Request(_))));
}

#[test]
fn an_error_that_no_row_can_avoid_selects_nothing() {
    let overflow = "permit (principal, action, resource);
        forbid (principal, action, resource) when { 9223372036854775807 + (if context.mfa then 1 else 2) > 0 };";
    let filter = filter(&store(overflow)).unwrap();
    assert!(filter.is_empty(), "{filter:?}");
}

#[test]
fn an_attribute_is_trusted_only_where_its_presence_is_checked() {
    let rows = mapping().with_attr("size", Column::long("size").nullable());
    let store = store("permit (principal, action, resource) when { resource.size > 1 };");
    let graph = store.graph(&facts()).unwrap();
    let error =
        store.list_filter(&user(1).cedar_uid(), &"read".into(), &context(), &graph, &rows).unwrap_err();
    assert!(error.to_string().contains("may be absent"), "{error}");
}

#[test]
fn rows_that_are_no_entities_are_not_selected() {
    let store = store("permit (principal, action, resource) when { resource.public || resource.size < 10 };");
    let filter = filter(&store).unwrap();
    let row = |missing: &'static str| {
        move |column: &str| match column {
            _ if column == missing => None,
            "tenant_id" => Some(SqlParam::Text(tenant(1).to_string())),
            "size" => Some(SqlParam::Long(1)),
            "public" => Some(SqlParam::Bool(true)),
            _ => None,
        }
    };
    assert!(filter.matches(row("")));
    assert!(!filter.matches(row("size")));
    assert!(!filter.matches(row("public")));
    assert!(!filter.matches(row("tenant_id")));
}

#[test]
fn each_dialect_has_its_text() {
    let store = store(
        "permit (principal, action, resource) when { resource.public && resource has kind && resource.kind like \"a%*?\" };
         permit (principal, action, resource) when { resource has reviewers && principal in resource.reviewers };
         forbid (principal, action, resource) when { resource.size >= 5 };",
    );
    let graph = store.graph(&facts()).unwrap();
    let rows = mapping().never_in("Shared");
    let filter = store.list_filter(&user(1).cedar_uid(), &"read".into(), &context(), &graph, &rows).unwrap();
    assert_eq!(filter.policies(), ["app.cedar#1", "app.cedar#2", "app.cedar#3", "axess.tenant-isolation"]);
    for (dialect, parts) in [
        (
            Dialect::Sqlite,
            [
                "(\"public\" <> 0)",
                "(\"kind\" GLOB ?)",
                "\"reviewers\" COLLATE BINARY IN (?, ?)",
                "(\"size\" <= ?)",
            ],
        ),
        (
            Dialect::Postgres,
            [
                "(\"public\")",
                "(\"kind\" COLLATE \"C\" LIKE $",
                "\"reviewers\" COLLATE \"C\" IN ($",
                "(\"size\" <= $",
            ],
        ),
        (
            Dialect::MySql,
            [
                "(`public` <> 0)",
                "(CAST(CONVERT(`kind` USING utf8mb4) AS BINARY) LIKE CAST(CONVERT(? USING utf8mb4) AS BINARY) ESCAPE '!')",
                "(`reviewers` IN (?, ?) AND CAST(CONVERT(`reviewers` USING utf8mb4) AS BINARY) IN (CAST(CONVERT(? USING",
                "(`size` <= ?)",
            ],
        ),
    ] {
        let sql = filter.to_sql(dialect, 3);
        for part in parts {
            let part = if part.contains("size") { part.replace("<=", "<") } else { part.to_owned() };
            assert!(sql.text.contains(&part), "{dialect:?} {part}\n{}", sql.text);
        }
        let holes = sql.text.matches(if dialect == Dialect::Postgres { '$' } else { '?' }).count();
        assert_eq!(holes, sql.params.len());
        if dialect == Dialect::Postgres {
            assert!(sql.text.contains("$3") && !sql.text.contains("$2"), "{}", sql.text);
        }
    }
    let pattern = |dialect| {
        let params = filter.to_sql(dialect, 1).params;
        params
            .into_iter()
            .find(|param| matches!(param, SqlParam::Text(text) if text.starts_with('a')))
            .unwrap()
    };
    assert_eq!(pattern(Dialect::Sqlite), "a%*[?]".into());
    assert_eq!(pattern(Dialect::Postgres), "a!%%?".into());
}

#[test]
fn a_filter_is_bounded() {
    let items: Vec<String> = (0..=MAX_FILTER_ATOMS).map(|number| format!("\"k{number}\"")).collect();
    let condition = format!("resource has kind && [{}].contains(resource.kind)", items.join(", "));
    let store = store(&format!("permit (principal, action, resource) when {{ {condition} }};"));
    assert_eq!(filter(&store), Err(FilterError::TooLarge));
}

#[test]
fn a_forbid_that_holds_for_every_row_selects_nothing() {
    for condition in ["true", "resource is Document", "principal in Role::\"viewer\"", "!context.mfa"] {
        let policies = format!(
            "permit (principal, action, resource);
             @id(\"never\") forbid (principal, action, resource) when {{ {condition} }};"
        );
        let filter = filter(&store(&policies)).unwrap();
        assert!(filter.is_empty() && filter.policies() == ["never"], "{condition}: {filter:?}");
    }
}
