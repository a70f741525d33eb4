use super::{ROWS_PER_INSERT, checked_body};
use crate::db::{Db, Row, SqlConnection, Value, args, classify, in_list, on_a_database, transaction};
use axess_core::store::{AuditOutbox, OutboxDepth, OutboxEntry, OutboxRecord, StoreError};
use std::collections::HashSet;

/// The most records one call reads.
const MAX_PEEK: usize = 1_000;
/// How many records one statement removes.
const ROWS_PER_DELETE: usize = 500;

const INSERT: &str = "INSERT INTO axess_audit_outbox (event_id, tenant_id, happened_at, body) VALUES ";

const PEEK: &str = "SELECT sequence, event_id, tenant_id, happened_at, body FROM axess_audit_outbox
    ORDER BY sequence LIMIT ?";

const DEPTH: &str = "SELECT (SELECT COUNT(*) FROM axess_audit_outbox) AS records,
    (SELECT MIN(happened_at) FROM axess_audit_outbox) AS oldest";

/// Keeps audit events in a database until every sink has them.
///
/// An event has at most 256 KiB; one call reads at most 1000.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-outbox-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::AuditOutbox;
/// use axess_sql::{Db, SqlAuditOutbox};
/// let outbox = SqlAuditOutbox::new(Db::connect(&url).await.unwrap());
/// outbox.init_schema().await.unwrap();
/// assert!(outbox.peek(10).await.unwrap().is_empty());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlAuditOutbox {
    db: Db,
}

on_a_database!(SqlAuditOutbox);

impl SqlAuditOutbox {
    /// Adds records in a transaction of the application's own: they are there when it commits, and not otherwise.
    ///
    /// The tables must exist ([`Db::migrate`]). A record whose event is there already is left out.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// async fn pay(pool: &sqlx::SqlitePool, event: axess_core::store::OutboxRecord) -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut transaction = pool.begin().await?;
    ///     sqlx::query("UPDATE account SET cents = cents - 500 WHERE id = 7").execute(&mut *transaction).await?;
    ///     axess_sql::SqlAuditOutbox::append_in(&mut *transaction, vec![event]).await?;
    ///     Ok(transaction.commit().await?)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the transaction should be given up then.
    pub async fn append_in<'c>(
        connection: impl Into<SqlConnection<'c>>,
        records: Vec<OutboxRecord>,
    ) -> Result<(), StoreError> {
        let mut connection = connection.into();
        for (sql, args) in inserts(records)? {
            connection.execute(&sql, args).await.map_err(classify)?;
        }
        Ok(())
    }
}

impl AuditOutbox for SqlAuditOutbox {
    async fn append(&self, records: Vec<OutboxRecord>) -> Result<(), StoreError> {
        let inserts = inserts(records)?;
        transaction!(self.db, tx => {
            for (sql, args) in &inserts {
                tx.execute(sql.clone(), args.clone()).await?;
            }
            Ok(())
        })
    }

    async fn peek(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.db.fetch_all(PEEK, args![limit.min(MAX_PEEK)]).await?.iter().map(read).collect()
    }

    async fn complete(&self, sequences: Vec<u64>) -> Result<(), StoreError> {
        for chunk in sequences.chunks(ROWS_PER_DELETE) {
            let sql = format!("DELETE FROM axess_audit_outbox WHERE sequence IN {}", in_list(chunk.len()));
            self.db.execute(sql, chunk.iter().flat_map(|sequence| args![*sequence]).collect()).await?;
        }
        Ok(())
    }

    async fn depth(&self) -> Result<OutboxDepth, StoreError> {
        let row = self.db.fetch_optional(DEPTH, args![]).await?;
        row.map_or(Ok(OutboxDepth::default()), |row| {
            Ok(OutboxDepth { records: row.get("records")?, oldest: row.find("oldest")? })
        })
    }
}

/// Returns the statements that add records, each event once.
fn inserts(records: Vec<OutboxRecord>) -> Result<Vec<(String, Vec<Value>)>, StoreError> {
    records.iter().try_for_each(|record| checked_body(&record.body))?;
    let mut known = HashSet::new();
    let records: Vec<_> = records.into_iter().filter(|record| known.insert(record.event_id)).collect();
    let insert = |chunk: &[OutboxRecord]| {
        let sql = format!("{INSERT}{} ON CONFLICT DO NOTHING", vec![in_list(4); chunk.len()].join(", "));
        (sql, chunk.iter().flat_map(columns).collect())
    };
    Ok(records.chunks(ROWS_PER_INSERT).map(insert).collect())
}

fn columns(record: &OutboxRecord) -> Vec<Value> {
    args![record.event_id, record.tenant_id, record.at, record.body.clone()]
}

fn read(row: &Row) -> Result<OutboxEntry, StoreError> {
    let record = OutboxRecord {
        event_id: row.get("event_id")?,
        tenant_id: row.find("tenant_id")?,
        at: row.get("happened_at")?,
        body: row.get("body")?,
    };
    Ok(OutboxEntry { sequence: row.get("sequence")?, record })
}
