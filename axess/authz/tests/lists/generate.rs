//! Random policies that are legal, and random rows.

use axess_authz::{Entity, ResourceUid, SqlParam};
use proptest::prelude::*;

/// Texts that differ only in what a collation may ignore, or that a pattern may take for more than they are.
const KINDS: [&str; 8] = ["secret", "SECRET", "secret ", "sécret", "s*t", "s%t", "s[t]", "a\0b"];

/// The columns of the table, in their order.
pub(crate) const COLUMNS: [&str; 9] =
    ["id", "tenant_id", "owner", "size", "public", "kind", "reviewers", "folder", "shared"];

#[derive(Debug, Clone)]
pub(crate) struct Row {
    number: u8,
    tenant: u8,
    owner: u8,
    size: i64,
    public: bool,
    kind: Option<usize>,
    reviewers: Option<u8>,
    folder: Option<u8>,
    shared: bool,
}

impl Row {
    pub(crate) fn uid(&self) -> ResourceUid {
        ResourceUid::new("Document", format!("d{}", self.number)).unwrap()
    }

    pub(crate) fn entity(&self) -> Entity {
        let mut entity = Entity::new(self.uid())
            .with_attr("tenant_id", format!("t{}", self.tenant))
            .with_attr("owner", user(self.owner).to_json())
            .with_attr("size", self.size)
            .with_attr("public", self.public);
        if let Some(kind) = self.kind {
            entity = entity.with_attr("kind", KINDS[kind]);
        }
        if let Some(number) = self.reviewers {
            entity = entity.with_attr("reviewers", ResourceUid::group(format!("g{number}")).to_json());
        }
        if let Some(number) = self.folder {
            entity = entity.with_parent(ResourceUid::new("Folder", format!("f{number}")).unwrap());
        }
        if self.shared { entity.with_parent(ResourceUid::deployment()) } else { entity }
    }

    pub(crate) fn value(&self, column: &str) -> Option<SqlParam> {
        Some(match column {
            "id" => self.uid().id().into(),
            "tenant_id" => SqlParam::Text(format!("t{}", self.tenant)),
            "owner" => user(self.owner).id().into(),
            "size" => SqlParam::Long(self.size),
            "public" => SqlParam::Bool(self.public),
            "kind" => KINDS[self.kind?].into(),
            "reviewers" => SqlParam::Text(format!("g{}", self.reviewers?)),
            "folder" => SqlParam::Text(format!("f{}", self.folder?)),
            "shared" if self.shared => "deployment".into(),
            "shared" => return None,
            _ => panic!("no column {column}"),
        })
    }

    /// Tells whether a text of the row ends early for some databases.
    pub(crate) fn has_nul(&self) -> bool {
        self.kind.is_some_and(|kind| KINDS[kind].contains('\0'))
    }
}

pub(crate) fn user(number: u8) -> ResourceUid {
    ResourceUid::new("User", format!("u{number}")).unwrap()
}

pub(crate) fn row() -> impl Strategy<Value = Row> {
    let kinds = KINDS.len() - 1;
    // A kind with a NUL is left to a test of its own.
    let kind = prop::option::of(0..kinds);
    let group = prop::option::of(1..4_u8);
    let folder = prop::option::of(1..3_u8);
    (any::<u8>(), 1..3_u8, 1..3_u8, 0..6_i64, any::<bool>(), kind, group, folder, prop::bool::weighted(0.2))
        .prop_map(|(number, tenant, owner, size, public, kind, reviewers, folder, shared)| Row {
            number,
            tenant,
            owner,
            size,
            public,
            kind,
            reviewers,
            folder,
            shared,
        })
}

pub(crate) fn with_nul(row: Row) -> Row {
    Row { kind: Some(KINDS.len() - 1), ..row }
}

fn condition(arithmetic: bool) -> impl Strategy<Value = String> {
    let kind = |test: &str| format!("(resource has kind && resource.kind {test})");
    let compare = (prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]), 0..6_i64, any::<bool>());
    let leaf = prop_oneof![
        4 => prop::sample::select(vec![
            "true".to_owned(), "false".to_owned(),
            "resource.public".to_owned(),
            "resource.public == false".to_owned(),
            "resource.owner == principal".to_owned(),
            "resource.owner != principal".to_owned(),
            "resource has kind".to_owned(),
            "resource has reviewers".to_owned(),
            "(resource has reviewers && principal in resource.reviewers)".to_owned(),
            "(resource has reviewers && resource.reviewers == Group::\"g1\")".to_owned(),
            "resource in Folder::\"f1\"".to_owned(),
            "resource in [Folder::\"f1\", Folder::\"f2\"]".to_owned(),
            "resource is Document".to_owned(),
            "principal in Role::\"viewer\"".to_owned(),
            "principal in Role::\"admin\"".to_owned(),
            "context.mfa".to_owned(),
            "(if resource has kind then resource.kind == \"secret\" else resource.public)".to_owned(),
            "(resource has kind && [\"secret\", \"s*t\"].contains(resource.kind))".to_owned(),
            "resource.tenant_id == principal.tenant_id".to_owned(),
        ]),
        2 => prop::sample::select(KINDS[..KINDS.len() - 1].to_vec()).prop_map(move |text| kind(&format!("== {text:?}"))),
        2 => prop::sample::select(vec!["s*", "*t", "s\\*t", "s*t*", "*[*", "*?*", "*%*", "SEC*", "*"])
            .prop_map(move |pattern| kind(&format!("like \"{pattern}\""))),
        2 => compare.prop_map(|(op, number, turned)| {
            if turned { format!("{number} {op} resource.size") } else { format!("resource.size {op} {number}") }
        }),
        1 => any::<u8>().prop_map(|number| format!("resource == Document::\"d{number}\"")),
        u32::from(arithmetic) => (0..3_i64).prop_map(|number| format!("resource.size + {number} > 3")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} && {right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} || {right})")),
            inner.prop_map(|inner| format!("!({inner})")),
        ]
    })
}

pub(crate) fn policies(arithmetic: bool) -> impl Strategy<Value = String> {
    let one = (prop::bool::weighted(0.65), condition(arithmetic), prop::option::of(condition(false)));
    prop::collection::vec(one, 1..4).prop_map(|policies| {
        let text = policies.into_iter().map(|(permit, when, unless)| {
            let effect = if permit { "permit" } else { "forbid" };
            let unless = unless.map(|unless| format!(" unless {{ {unless} }}")).unwrap_or_default();
            format!("{effect} (principal, action, resource) when {{ {when} }}{unless};\n")
        });
        text.collect()
    })
}
