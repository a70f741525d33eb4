//! Documents as handlers see them. Nothing here knows who may do what; whoever calls has asked.

use axess::authz::{Column, Dialect, RowFilter, RowMapping, SqlParam};
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow, Row, SqlitePool, sqlite::SqliteRow};

pub(crate) const ENTITY_TYPE: &str = "Document";
/// The most documents of one list.
const MAX_LISTED: i64 = 500;

#[derive(Clone)]
pub(crate) struct Documents(SqlitePool);

/// A line of a list.
#[derive(Serialize)]
pub(crate) struct Listed {
    id: String,
    title: String,
    classification: String,
}

/// A whole document.
#[derive(Serialize)]
pub(crate) struct Document {
    #[serde(flatten)]
    listed: Listed,
    body: String,
}

impl Documents {
    pub(crate) fn of(pool: SqlitePool) -> Self {
        Self(pool)
    }

    /// Says which column holds which fact, for the rows of [`list`](Self::list).
    pub(crate) fn columns() -> RowMapping {
        RowMapping::new(ENTITY_TYPE, "id")
            .with_attr("tenant_id", Column::text("tenant_id"))
            .with_attr("owner", Column::entity("owner_id", "User"))
            .with_attr("classification", Column::text("classification"))
            .with_attr("folder", Column::entity("folder_id", "Folder").nullable())
            .with_attr("shared_with", Column::entity("shared_with", "Group").nullable())
    }

    /// Lists what a filter selects: one query, whatever the policies say.
    pub(crate) async fn list(&self, filter: &RowFilter) -> Result<Vec<Listed>, sqlx::Error> {
        if filter.is_empty() {
            return Ok(Vec::new());
        }
        let condition = filter.to_sql(Dialect::Sqlite, 1);
        // The text is made of the names of columns above; values are parameters.
        let sql = AssertSqlSafe(format!(
            "SELECT id, title, classification FROM documents WHERE {} ORDER BY id LIMIT {MAX_LISTED}",
            condition.text
        ));
        let query = condition.params.into_iter().fold(sqlx::query_as(sql), |query, param| match param {
            SqlParam::Text(text) => query.bind(text),
            SqlParam::Long(number) => query.bind(number),
            SqlParam::Bool(value) => query.bind(value),
        });
        query.fetch_all(&self.0).await
    }

    pub(crate) async fn load(&self, id: &str) -> Result<Option<Document>, sqlx::Error> {
        let query = sqlx::query_as("SELECT id, title, classification, body FROM documents WHERE id = ?1");
        query.bind(id).fetch_optional(&self.0).await
    }

    pub(crate) async fn save_body(&self, id: &str, body: &str) -> Result<(), sqlx::Error> {
        let query = sqlx::query("UPDATE documents SET body = ?2 WHERE id = ?1");
        query.bind(id).bind(body).execute(&self.0).await.map(drop)
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM documents WHERE id = ?1").bind(id).execute(&self.0).await.map(drop)
    }
}

impl FromRow<'_, SqliteRow> for Listed {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let column = |name| row.try_get(name);
        Ok(Self { id: column("id")?, title: column("title")?, classification: column("classification")? })
    }
}

impl FromRow<'_, SqliteRow> for Document {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self { listed: Listed::from_row(row)?, body: row.try_get("body")? })
    }
}
