mod mapping;
mod predicate;
mod sql;
mod translate;

#[cfg(test)]
mod tests;

pub use mapping::{Column, ColumnKind, RowMapping};
pub use sql::{Dialect, SqlFilter};

use crate::{ActionUid, DenyReason, EntityGraph, PolicyStore, ResourceUid, StandardRequestContext};
use cedar_policy::{EntityTypeName, PartialEntities, PartialEntityUid, PartialRequest};
use predicate::Predicate;
use translate::Translator;

/// The most comparisons in one filter: databases limit how deep an expression may be.
pub const MAX_FILTER_ATOMS: usize = 400;

/// Which rows of a table a principal may act on.
///
/// It is what remains of the policies when everything but the resource is known, translated to conditions on columns.
/// A row is selected exactly when deciding it alone would allow it. What cannot be translated exactly is refused as a
/// whole, never approximated. Rows that are no legal entities (a required column without a value) are not selected.
///
/// ```
/// use axess_authz::*;
/// let app = PolicyBundle::new("app")
///     .with_file("app.cedarschema", r#"
///         entity Document = { tenant_id: String, owner: User };
///         action "read" appliesTo { principal: [User], resource: [Document], context: RequestContext };
///     "#)
///     .with_file("app.cedar", "permit (principal, action, resource) when { resource.owner == principal };");
/// let store = PolicyStore::compose(vec![PolicyBundle::base(), app]).unwrap();
/// let alice = ResourceUid::new("User", "alice").unwrap();
/// let facts = EntitySet::from_iter([Entity::new(alice.clone()).with_attr("tenant_id", "t1")]);
/// let context = StandardRequestContext::new(chrono::DateTime::UNIX_EPOCH);
/// let rows = RowMapping::new("Document", "id")
///     .with_attr("tenant_id", Column::text("tenant_id"))
///     .with_attr("owner", Column::entity("owner_id", "User"));
/// let filter = store.list_filter(&alice, &"read".into(), &context, &store.graph(&facts).unwrap(), &rows).unwrap();
/// let sql = filter.to_sql(Dialect::Sqlite, 1);
/// assert!(sql.text.contains(r#"("owner_id" COLLATE BINARY = ?)"#));
/// assert!(sql.params.contains(&SqlParam::Text("alice".into())));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RowFilter {
    predicate: Predicate,
    policies: Vec<String>,
}

/// A value of a column or a parameter.
///
/// ```
/// use axess_authz::SqlParam;
/// assert_eq!(SqlParam::from("a"), SqlParam::Text("a".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SqlParam {
    /// A text; also the id of an entity.
    Text(String),
    /// A whole number.
    Long(i64),
    /// A truth value; never a parameter, only a value of a row.
    Bool(bool),
}

/// Says why policies cannot be turned into a filter.
///
/// ```
/// use axess_authz::FilterError;
/// let error = FilterError::Untranslatable { policy: "quota".into(), what: "arithmetic".into() };
/// assert_eq!(error.to_string(), "policy \"quota\" cannot be turned into a filter: arithmetic");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The request does not fit the schema, or its principal is unknown.
    #[error("the request cannot be evaluated: {0}")]
    Request(DenyReason),
    /// A name of a column is not one or two identifiers.
    #[error("{0:?} is not the name of a column")]
    Column(String),
    /// A policy asks something that columns cannot answer exactly.
    #[error("policy {policy:?} cannot be turned into a filter: {what}")]
    Untranslatable {
        /// Which policy.
        policy: String,
        /// What it asks.
        what: String,
    },
    /// The filter passes [`MAX_FILTER_ATOMS`].
    #[error("the filter has more than {MAX_FILTER_ATOMS} comparisons")]
    TooLarge,
    /// Partial evaluation failed.
    #[error("the policies cannot be evaluated in part: {0}")]
    Evaluation(String),
}

impl RowFilter {
    /// Tells whether no row can be selected; a query is then not needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.predicate == Predicate::Const(false)
    }

    /// Returns the ids of the policies that the filter is made of, ordered.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// Applies the filter to one row, as a database would; `value` returns the value of a column, `None` for NULL.
    #[must_use]
    pub fn matches(&self, value: impl Fn(&str) -> Option<SqlParam>) -> bool {
        self.predicate.evaluate(&value) == Some(true)
    }

    /// Writes the filter as a condition of SQL, to stand in a `WHERE` beside others.
    ///
    /// `first_parameter` is the number of the first placeholder, for the dialect that numbers them. Values are never
    /// part of the text.
    #[must_use]
    pub fn to_sql(&self, dialect: Dialect, first_parameter: usize) -> SqlFilter {
        sql::write(&self.predicate, dialect, first_parameter)
    }
}

impl PolicyStore {
    /// Turns the policies into a filter for the rows that `principal` may do `action` to.
    ///
    /// `graph` holds the principal and what is known about it; no resource is needed.
    ///
    /// # Errors
    ///
    /// [`FilterError`] when the request does not fit the schema, or a policy that may matter cannot be translated.
    pub fn list_filter(
        &self,
        principal: &ResourceUid,
        action: &ActionUid,
        context: &StandardRequestContext,
        graph: &EntityGraph,
        rows: &RowMapping,
    ) -> Result<RowFilter, FilterError> {
        rows.check()?;
        if !graph.contains(principal) {
            return Err(FilterError::Request(DenyReason::EntityNotFound { uid: principal.clone() }));
        }
        let request = self.partial_request(principal, action, context, rows)?;
        let failed = |error: &dyn std::error::Error| FilterError::Evaluation(error.to_string());
        let entities = PartialEntities::from_concrete(graph.entities.clone(), &self.schema);
        let entities = entities.map_err(|error| failed(&error))?;
        let response = self.set.tpe(&request, &entities, &self.schema).map_err(|error| failed(&error))?;

        // What fails or forbids whatever the resource is denies every row.
        let errors: Vec<String> =
            response.error_permits().chain(response.error_forbids()).map(ToString::to_string).collect();
        let forbids: Vec<String> = response.true_forbids().map(ToString::to_string).collect();
        for policies in [errors, forbids] {
            if !policies.is_empty() {
                return Ok(RowFilter::new(Predicate::Const(false), policies));
            }
        }
        let mut policies: Vec<String> = response.true_permits().map(ToString::to_string).collect();
        let mut permits: Vec<Predicate> = policies.iter().map(|_| Predicate::Const(true)).collect();
        let mut all = Vec::new();
        let translator = Translator { rows, graph };
        for policy in response.residual_policies() {
            let predicate = translator.policy(&policy)?;
            policies.push(policy.id().to_string());
            match policy.effect() {
                cedar_policy::Effect::Permit => permits.push(predicate),
                cedar_policy::Effect::Forbid => all.push(Predicate::not(predicate)),
            }
        }
        all.push(Predicate::or(permits));
        let predicate = Predicate::and(all);
        if predicate.atoms() > MAX_FILTER_ATOMS {
            return Err(FilterError::TooLarge);
        }
        Ok(RowFilter::new(predicate.of_legal_rows(), policies))
    }

    fn partial_request(
        &self,
        principal: &ResourceUid,
        action: &ActionUid,
        context: &StandardRequestContext,
        rows: &RowMapping,
    ) -> Result<PartialRequest, FilterError> {
        let context = self.context(action, context).map_err(FilterError::Request)?;
        let unfit = |message: String| FilterError::Request(DenyReason::InvalidRequest { message });
        let resource: EntityTypeName =
            rows.entity_type.parse().map_err(|_| unfit(rows.entity_type.clone()))?;
        let principal = PartialEntityUid::from_concrete(principal.cedar().clone());
        let resource = PartialEntityUid::new(resource, None);
        PartialRequest::new(principal, action.cedar().clone(), resource, Some(context), &self.schema)
            .map_err(|error| unfit(error.to_string()))
    }
}

impl RowFilter {
    fn new(predicate: Predicate, mut policies: Vec<String>) -> Self {
        policies.sort();
        Self { predicate, policies }
    }
}

impl From<&str> for SqlParam {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
