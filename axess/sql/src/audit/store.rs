use super::{ROWS_PER_INSERT, checked_body};
use crate::{
    db::{Db, Row, Value, args, corrupt, in_list, misuse, on_a_database, transaction},
    identity::NIL,
};
use axess_core::store::{AuditQuery, AuditRow, AuditScope, AuditStore, StoreError};
use axess_identity::{EventId, TenantId};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// The most rows one page returns.
const MAX_PAGE: usize = 1_000;
/// The most bytes the name of an event has.
const MAX_TYPE: usize = 128;

const INSERT: &str =
    "INSERT INTO axess_audit (event_id, tenant_id, user_id, event_type, happened_at, body) VALUES ";

macro_rules! select {
    ($more:literal) => {
        concat!(
            "SELECT event_id, tenant_id, user_id, event_type, happened_at, body FROM axess_audit
            WHERE tenant_id = ?",
            $more,
            " AND happened_at >= ? AND happened_at <= ? AND (happened_at < ? OR event_id < ?)
            ORDER BY happened_at DESC, event_id DESC LIMIT ?"
        )
    };
}

const DELETE_BEFORE: &str =
    "DELETE FROM axess_audit WHERE tenant_id = ? AND happened_at < ? AND event_id IN (SELECT event_id FROM (
        SELECT event_id FROM axess_audit WHERE tenant_id = ? AND happened_at < ?
        ORDER BY happened_at, event_id LIMIT ?
    ) AS batch)";

/// Keeps audit events in a database, for search.
///
/// An event has at most 256 KiB; its tenant is not the nil id, which stands for "none". A page has at most 1000 rows.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-audit-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::{AuditQuery, AuditScope, AuditStore};
/// use axess_sql::{Db, SqlAuditStore};
/// let store = SqlAuditStore::new(Db::connect(&url).await.unwrap());
/// store.init_schema().await.unwrap();
/// assert!(store.query(AuditQuery::new(AuditScope::System, 10)).await.unwrap().is_empty());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlAuditStore {
    db: Db,
}

on_a_database!(SqlAuditStore);

impl AuditStore for SqlAuditStore {
    async fn append(&self, mut rows: Vec<AuditRow>) -> Result<u64, StoreError> {
        for row in &rows {
            if row.event_type.len() > MAX_TYPE {
                return Err(misuse("the name of an event has at most 128 bytes"));
            }
            if row.tenant_id.is_some_and(|tenant_id| tenant_id.as_uuid().is_nil()) {
                return Err(misuse("the nil id names no tenant"));
            }
            checked_body(&row.body)?;
        }
        // Two that add the same events meet them in the same order.
        rows.sort_by_key(|row| row.event_id);
        transaction!(self.db, tx => {
            let mut added = 0;
            for chunk in rows.chunks(ROWS_PER_INSERT) {
                let sql = format!("{INSERT}{} ON CONFLICT DO NOTHING", vec![in_list(6); chunk.len()].join(", "));
                added += tx.execute(sql, chunk.iter().flat_map(columns).collect()).await?;
            }
            Ok(added)
        })
    }

    async fn query(&self, query: AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        let (sql, args) = select(query);
        self.db.fetch_all(sql, args).await?.iter().map(read).collect()
    }

    async fn delete_before(
        &self,
        scope: AuditScope,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let tenant_id = tenant(scope);
        self.db.execute(DELETE_BEFORE, args![tenant_id, before, tenant_id, before, limit]).await
    }
}

/// Returns the statement for what is looked for. Times without a bound are bounded by the ends of time.
fn select(query: AuditQuery) -> (&'static str, Vec<Value>) {
    let mut args = args![tenant(query.scope)];
    let sql = match (query.user_id, query.event_type) {
        (None, None) => select!(""),
        (Some(user_id), None) => {
            args.extend(args![user_id]);
            select!(" AND user_id = ?")
        }
        (None, Some(event_type)) => {
            args.extend(args![event_type.into_bytes()]);
            select!(" AND event_type = ?")
        }
        (Some(user_id), Some(event_type)) => {
            args.extend(args![user_id, event_type.into_bytes()]);
            select!(" AND user_id = ? AND event_type = ?")
        }
    };
    let from = query.from.unwrap_or(DateTime::<Utc>::MIN_UTC);
    // Any moment before it, so that it is rounded to one that can be stored.
    let before = |until: DateTime<Utc>| until.checked_sub_signed(TimeDelta::nanoseconds(1));
    let last = query.until.map_or(DateTime::<Utc>::MAX_UTC, |until| before(until).unwrap_or(until));
    let (at, event_id) = match query.after {
        Some((at, event_id)) => (at, event_id),
        None => (DateTime::<Utc>::MAX_UTC, EventId::from_uuid(Uuid::max())),
    };
    args.extend(args![from, last.min(at), at, event_id, query.limit.min(MAX_PAGE)]);
    (sql, args)
}

fn tenant(scope: AuditScope) -> [u8; 16] {
    match scope {
        AuditScope::Tenant(tenant_id) => tenant_id.as_uuid().into_bytes(),
        AuditScope::System => NIL,
    }
}

fn columns(row: &AuditRow) -> Vec<Value> {
    args![
        row.event_id,
        tenant(AuditScope::of(row.tenant_id)),
        row.user_id,
        row.event_type.clone().into_bytes(),
        row.at,
        row.body.clone(),
    ]
}

fn read(row: &Row) -> Result<AuditRow, StoreError> {
    let tenant_id: TenantId = row.get("tenant_id")?;
    Ok(AuditRow {
        event_id: row.get("event_id")?,
        tenant_id: (!tenant_id.as_uuid().is_nil()).then_some(tenant_id),
        user_id: row.find("user_id")?,
        event_type: String::from_utf8(row.get("event_type")?).map_err(|_| corrupt("event_type"))?,
        at: row.get("happened_at")?,
        body: row.get("body")?,
    })
}

/// Returns every statement that reads.
#[cfg(all(test, feature = "sqlite"))]
pub(crate) fn statements() -> Vec<&'static str> {
    let queries =
        [None, Some(axess_identity::UserId::from_parts(0, [0; 10]))].into_iter().flat_map(|user_id| {
            [None, Some("a".to_owned())].map(|event_type| AuditQuery {
                user_id,
                event_type,
                ..AuditQuery::new(AuditScope::System, 1)
            })
        });
    queries.map(|query| select(query).0).chain([DELETE_BEFORE]).collect()
}
