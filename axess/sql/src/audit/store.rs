use super::{ROWS_PER_INSERT, checked_body};
use crate::{
    db::{Db, Row, Value, args, corrupt, in_list, misuse, on_a_database, transaction},
    identity::NIL,
};
use axess_core::store::{AuditOrder, AuditQuery, AuditRow, AuditScope, AuditStore, StoreError};
use axess_identity::{EventId, TenantId};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// The most rows one page returns.
const MAX_PAGE: usize = 1_000;
/// The most bytes the name of an event has.
const MAX_TYPE: usize = 128;
/// How many events one statement deletes.
const IDS_PER_DELETE: usize = 250;

const INSERT: &str =
    "INSERT INTO axess_audit (event_id, tenant_id, user_id, event_type, happened_at, body) VALUES ";

/// Spells the statement that finds events: a condition, what comes after the last row, and the order.
macro_rules! select {
    ($more:literal, newest) => {
        select!($more, " AND (happened_at < ? OR event_id < ?) ORDER BY happened_at DESC, event_id DESC")
    };
    ($more:literal, oldest) => {
        select!($more, " AND (happened_at > ? OR event_id > ?) ORDER BY happened_at, event_id")
    };
    ($more:literal, $order:literal) => {
        concat!(
            "SELECT event_id, tenant_id, user_id, event_type, happened_at, body FROM axess_audit
            WHERE tenant_id = ?",
            $more,
            " AND happened_at >= ? AND happened_at <= ?",
            $order,
            " LIMIT ?"
        )
    };
}

/// Spells it in both orders.
macro_rules! ordered {
    ($order:expr, $more:literal) => {
        match $order {
            AuditOrder::NewestFirst => select!($more, newest),
            AuditOrder::OldestFirst => select!($more, oldest),
        }
    };
}

/// One step from scope to scope: the index has them together.
const NEXT_SCOPE: &str = "SELECT tenant_id FROM axess_audit WHERE tenant_id > ? ORDER BY tenant_id LIMIT 1";

const REPLACE: &str =
    "UPDATE axess_audit SET user_id = ?, body = ? WHERE event_id = ? AND tenant_id = ? AND body = ?";

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

    async fn scopes(&self, after: Option<AuditScope>, limit: usize) -> Result<Vec<AuditScope>, StoreError> {
        // Every id comes after no bytes at all.
        let mut last = after.map_or_else(Vec::new, |scope| tenant(scope).to_vec());
        let mut scopes = Vec::new();
        while scopes.len() < limit.min(MAX_PAGE) {
            let found = self.db.fetch_all(NEXT_SCOPE, args![last]).await?;
            let Some(row) = found.first() else { break };
            let id: [u8; 16] = row.get("tenant_id")?;
            scopes.push(scope(TenantId::from_uuid(Uuid::from_bytes(id))));
            last = id.to_vec();
        }
        Ok(scopes)
    }

    async fn replace(&self, row: AuditRow, expected: Bytes) -> Result<bool, StoreError> {
        checked_body(&row.body)?;
        let tenant_id = tenant(AuditScope::of(row.tenant_id));
        let args = args![row.user_id, row.body, row.event_id, tenant_id, expected];
        Ok(self.db.execute(REPLACE, args).await? > 0)
    }

    async fn delete(&self, scope: AuditScope, mut events: Vec<EventId>) -> Result<u64, StoreError> {
        // Two that delete the same events meet them in the same order.
        events.sort_unstable();
        let tenant_id = tenant(scope);
        transaction!(self.db, tx => {
            let mut deleted = 0;
            for chunk in events.chunks(IDS_PER_DELETE) {
                let sql = delete(chunk.len());
                let ids = chunk.iter().flat_map(|event_id| args![*event_id]);
                deleted += tx.execute(sql, args![tenant_id].into_iter().chain(ids).collect()).await?;
            }
            Ok(deleted)
        })
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

/// Returns the statement that deletes that many events of a scope.
fn delete(events: usize) -> String {
    format!("DELETE FROM axess_audit WHERE tenant_id = ? AND event_id IN {}", in_list(events))
}

/// Returns the statement for what is looked for. Times without a bound are bounded by the ends of time.
fn select(query: AuditQuery) -> (&'static str, Vec<Value>) {
    let mut args = args![tenant(query.scope)];
    let sql = match (query.user_id, query.event_type) {
        (None, None) => ordered!(query.order, ""),
        (Some(user_id), None) => {
            args.extend(args![user_id]);
            ordered!(query.order, " AND user_id = ?")
        }
        (None, Some(event_type)) => {
            args.extend(args![event_type.into_bytes()]);
            ordered!(query.order, " AND event_type = ?")
        }
        (Some(user_id), Some(event_type)) => {
            args.extend(args![user_id, event_type.into_bytes()]);
            ordered!(query.order, " AND user_id = ? AND event_type = ?")
        }
    };
    let first = query.from.unwrap_or(DateTime::<Utc>::MIN_UTC);
    // Any moment before it, so that it is rounded to one that can be stored.
    let before = |until: DateTime<Utc>| until.checked_sub_signed(TimeDelta::nanoseconds(1));
    let last = query.until.map_or(DateTime::<Utc>::MAX_UTC, |until| before(until).unwrap_or(until));
    let newest = (DateTime::<Utc>::MAX_UTC, EventId::from_uuid(Uuid::max()));
    let oldest = (DateTime::<Utc>::MIN_UTC, EventId::from_uuid(Uuid::nil()));
    let limit = query.limit.min(MAX_PAGE);
    match query.order {
        AuditOrder::NewestFirst => {
            let (at, event_id) = query.after.unwrap_or(newest);
            args.extend(args![first, last.min(at), at, event_id, limit]);
        }
        AuditOrder::OldestFirst => {
            let (at, event_id) = query.after.unwrap_or(oldest);
            args.extend(args![first.max(at), last, at, event_id, limit]);
        }
    }
    (sql, args)
}

fn tenant(scope: AuditScope) -> [u8; 16] {
    match scope {
        AuditScope::Tenant(tenant_id) => tenant_id.as_uuid().into_bytes(),
        AuditScope::System => NIL,
    }
}

fn scope(tenant_id: TenantId) -> AuditScope {
    AuditScope::of((!tenant_id.as_uuid().is_nil()).then_some(tenant_id))
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
    let user = axess_identity::UserId::from_parts(0, [0; 10]);
    let mut statements: Vec<_> = [DELETE_BEFORE, NEXT_SCOPE, REPLACE, delete(2).leak()].into();
    for order in [AuditOrder::NewestFirst, AuditOrder::OldestFirst] {
        for user_id in [None, Some(user)] {
            for event_type in [None, Some("a".to_owned())] {
                let all = AuditQuery::new(AuditScope::System, 1);
                statements.push(select(AuditQuery { user_id, event_type, order, ..all }).0);
            }
        }
    }
    statements
}
