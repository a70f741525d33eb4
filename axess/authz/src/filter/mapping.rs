use super::FilterError;
use std::collections::BTreeMap;

/// Says which column of a table holds which fact of an entity.
///
/// Every attribute that a policy looks at needs a column; one without a column makes the policy untranslatable.
///
/// ```
/// use axess_authz::{Column, RowMapping};
/// let documents = RowMapping::new("Document", "d.id")
///     .with_attr("tenant_id", Column::text("d.tenant_id"))
///     .with_attr("owner", Column::entity("d.owner_id", "User"))
///     .with_attr("kind", Column::text("d.kind").nullable())
///     .with_ancestor("Folder", "d.folder_id")
///     .never_in("Shared");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowMapping {
    pub(super) entity_type: String,
    pub(super) id: Column,
    pub(super) attrs: BTreeMap<String, Column>,
    pub(super) ancestors: BTreeMap<String, Option<Column>>,
}

/// One column, perhaps with the name of its table: `owner_id` or `d.owner_id`.
///
/// ```
/// use axess_authz::{Column, ColumnKind};
/// assert_eq!(Column::entity("owner_id", "User").kind, ColumnKind::Entity("User".into()));
/// assert!(Column::text("kind").nullable().nullable);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// The name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it may be NULL, which is how an optional attribute is absent.
    pub nullable: bool,
}

/// What a column holds.
///
/// ```
/// use axess_authz::ColumnKind;
/// assert_ne!(ColumnKind::Text, ColumnKind::Long);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnKind {
    /// A `String`, compared byte by byte.
    Text,
    /// A `Long`.
    Long,
    /// A `Bool`; a number other than zero where the database has no truth values.
    Bool,
    /// The id, as text, of an entity of this type.
    Entity(String),
}

impl RowMapping {
    /// Maps the rows of a table to entities of a type, by the column of their ids.
    pub fn new(entity_type: impl Into<String>, id: impl Into<String>) -> Self {
        let entity_type = entity_type.into();
        let id = Column::entity(id, entity_type.clone());
        Self { entity_type, id, attrs: BTreeMap::new(), ancestors: BTreeMap::new() }
    }

    /// Says which column holds an attribute.
    #[must_use]
    pub fn with_attr(mut self, attr: impl Into<String>, column: Column) -> Self {
        self.attrs.insert(attr.into(), column);
        self
    }

    /// Says which column holds the id of the one ancestor of a type; NULL when a row has none.
    ///
    /// Only for a hierarchy of one level: when an ancestor of that type can lie in another one, or a row can have two, the
    /// column does not tell, and the filter would be wrong.
    #[must_use]
    pub fn with_ancestor(mut self, entity_type: impl Into<String>, column: impl Into<String>) -> Self {
        let entity_type = entity_type.into();
        let column = Column::entity(column, entity_type.clone()).nullable();
        self.ancestors.insert(entity_type, Some(column));
        self
    }

    /// Says that no row of the table has an ancestor of a type.
    #[must_use]
    pub fn never_in(mut self, entity_type: impl Into<String>) -> Self {
        self.ancestors.insert(entity_type.into(), None);
        self
    }

    /// Returns the type of the entities.
    #[must_use]
    pub fn entity_type(&self) -> &str {
        &self.entity_type
    }

    pub(super) fn check(&self) -> Result<(), FilterError> {
        let all = self.attrs.values().chain(self.ancestors.values().flatten()).chain([&self.id]);
        match all.into_iter().find(|column| !is_name(&column.name)) {
            Some(column) => Err(FilterError::Column(column.name.clone())),
            None => Ok(()),
        }
    }
}

/// The text of a filter is made of these names, so nothing else is let in.
fn is_name(name: &str) -> bool {
    let identifier = |part: &str| {
        let first = part.bytes().next();
        first.is_some_and(|c| c.is_ascii_alphabetic() || c == b'_')
            && part.len() <= 64
            && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    };
    name.split('.').count() <= 2 && name.split('.').all(identifier)
}

impl Column {
    /// A column of text.
    pub fn text(name: impl Into<String>) -> Self {
        Self::new(name, ColumnKind::Text)
    }

    /// A column of whole numbers.
    pub fn long(name: impl Into<String>) -> Self {
        Self::new(name, ColumnKind::Long)
    }

    /// A column of truth values.
    pub fn bool(name: impl Into<String>) -> Self {
        Self::new(name, ColumnKind::Bool)
    }

    /// A column of ids of entities of one type.
    pub fn entity(name: impl Into<String>, entity_type: impl Into<String>) -> Self {
        Self::new(name, ColumnKind::Entity(entity_type.into()))
    }

    /// Says that the column may be NULL.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        Self { name: name.into(), kind, nullable: false }
    }
}
