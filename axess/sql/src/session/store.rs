use crate::db::{Db, Dialect, Row, Value, args, on_a_database, transaction};
use axess_core::store::{
    Owner, ROTATION_MEMORY, SaveOutcome, ScanCursor, ScanPage, SessionRow, SessionStore, SessionSummary,
    StoreError, StoreErrorKind,
};
use axess_identity::{SessionId, TenantId, UserId};
use chrono::{DateTime, Utc};

const INSERT: &str =
    "INSERT INTO axess_session (id, lineage, version, tenant_id, user_id, payload, created_at, expires_at, expires_hour)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

macro_rules! chain {
    () => {
        "SELECT lineage FROM axess_session WHERE id = ?
        UNION SELECT lineage FROM axess_session_rotation WHERE id = ? AND expires_at > ?"
    };
}

/// One statement: of a rotation under way it sees either the row before, for which it waits, or what it was rotated to.
const END: &str =
    concat!("DELETE FROM axess_session WHERE lineage IN (SELECT lineage FROM (", chain!(), ") AS chain)");

/// The same for MySQL, which reads, and locks, the whole table for the one above.
const END_JOINED: &str = concat!(
    "DELETE session FROM axess_session AS session JOIN (",
    chain!(),
    ") AS chain ON session.lineage = chain.lineage"
);

/// The user up to whom a batch of a tenant's sessions goes.
const BATCH_END: &str =
    "SELECT user_id FROM axess_session WHERE tenant_id = ? ORDER BY user_id LIMIT 1 OFFSET ?";
const DELETE_BATCH: &str = "DELETE FROM axess_session WHERE tenant_id = ? AND user_id <= ?";
const DELETE_FOR_TENANT: &str = "DELETE FROM axess_session WHERE tenant_id = ?";

/// How many sessions of a tenant are ended at a time.
const ENDED_AT_ONCE: usize = 1_000;

/// Keeps sessions in a database.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-sessions-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::SessionStore;
/// use axess_identity::SessionId;
/// use axess_sql::{Db, SqlSessionStore};
/// let store = SqlSessionStore::new(Db::connect(&url).await.unwrap());
/// store.init_schema().await.unwrap();
/// let nobody = store.load(SessionId::from_bytes([1; 16]), chrono::DateTime::UNIX_EPOCH).await.unwrap();
/// assert!(nobody.is_none());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlSessionStore {
    db: Db,
}

on_a_database!(SqlSessionStore);

impl SessionStore for SqlSessionStore {
    async fn load(&self, id: SessionId, now: DateTime<Utc>) -> Result<Option<SessionRow>, StoreError> {
        let sql = "SELECT id, lineage, version, tenant_id, user_id, payload, created_at, expires_at
                   FROM axess_session WHERE id = ? AND expires_at > ?";
        self.db.fetch_optional(sql, args![id, now]).await?.map(|row| session(&row)).transpose()
    }

    async fn insert(&self, row: SessionRow) -> Result<SaveOutcome, StoreError> {
        Ok(saved(self.db.execute(INSERT, columns(row)).await?))
    }

    async fn save(&self, row: SessionRow) -> Result<SaveOutcome, StoreError> {
        let sql = "UPDATE axess_session
                   SET lineage = ?, version = ?, tenant_id = ?, user_id = ?, payload = ?, created_at = ?, expires_at = ?,
                       expires_hour = ?
                   WHERE id = ? AND version = ?";
        let (tenant_id, user_id) = owner_columns(row.owner);
        let args = args![
            row.lineage,
            row.version,
            tenant_id,
            user_id,
            row.payload,
            row.created_at,
            row.expires_at,
            hour(row.expires_at),
            row.id,
            row.version.saturating_sub(1),
        ];
        Ok(saved(self.db.execute(sql, args).await?))
    }

    async fn cycle(
        &self,
        old: SessionId,
        expected: u64,
        row: SessionRow,
        now: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        let outcome = transaction!(self.db, tx => {
            // The row moves to its new id in place: whoever waits for it finds it gone, or follows it.
            let sql = "UPDATE axess_session
                       SET id = ?, lineage = ?, version = ?, tenant_id = ?, user_id = ?, payload = ?, created_at = ?, expires_at = ?,
                           expires_hour = ?
                       WHERE id = ? AND version = ?";
            let mut args = columns(row.clone());
            args.extend(args![old, expected]);
            if tx.execute(sql, args).await? == 0 {
                return Ok(SaveOutcome::Conflict);
            }
            let remember = "INSERT INTO axess_session_rotation (id, lineage, expires_at) VALUES (?, ?, ?)
                            ON CONFLICT (id) DO UPDATE SET lineage = excluded.lineage, expires_at = excluded.expires_at";
            tx.execute(remember, args![old, row.lineage, now + ROTATION_MEMORY]).await?;
            Ok(SaveOutcome::Saved)
        });
        match outcome {
            // The new id is taken; the transaction is undone.
            Err(error) if error.kind() == StoreErrorKind::Misuse => Ok(SaveOutcome::Conflict),
            other => other,
        }
    }

    async fn end(&self, id: SessionId, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let sql = match self.db.dialect() {
            Dialect::Sqlite | Dialect::Postgres => END,
            Dialect::MySql => END_JOINED,
        };
        self.db.execute(sql, args![id, id, now]).await
    }

    async fn find_sessions_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SessionSummary>, StoreError> {
        let sql = "SELECT id, created_at, expires_at FROM axess_session
                   WHERE tenant_id = ? AND user_id = ? AND expires_at > ?
                   ORDER BY created_at DESC, id LIMIT ?";
        let args = args![owner.tenant_id, owner.user_id, now, limit];
        let summary = |row: &Row| {
            Ok(SessionSummary {
                id: row.get("id")?,
                created_at: row.get("created_at")?,
                expires_at: row.get("expires_at")?,
            })
        };
        self.db.fetch_all(sql, args).await?.iter().map(summary).collect()
    }

    async fn end_for_user(&self, owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError> {
        let (tenant_id, user_id) = (owner.tenant_id, owner.user_id);
        match keep {
            None => {
                let sql = "DELETE FROM axess_session WHERE tenant_id = ? AND user_id = ?";
                self.db.execute(sql, args![tenant_id, user_id]).await
            }
            Some(keep) => {
                let sql = "DELETE FROM axess_session WHERE tenant_id = ? AND user_id = ? AND id <> ?";
                self.db.execute(sql, args![tenant_id, user_id, keep]).await
            }
        }
    }

    async fn end_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        let mut ended = 0;
        // A large tenant in one statement would run into the time limit, and again at the next try. A rotation changes no
        // user, so no session gets out of the way of its batch.
        loop {
            let end = self.db.fetch_optional(BATCH_END, args![tenant_id, ENDED_AT_ONCE]).await?;
            let end: Option<UserId> = end.map(|row| row.get("user_id")).transpose()?;
            let Some(user_id) = end else {
                return Ok(ended + self.db.execute(DELETE_FOR_TENANT, args![tenant_id]).await?);
            };
            ended += self.db.execute(DELETE_BATCH, args![tenant_id, user_id]).await?;
        }
    }

    async fn scan(
        &self,
        after: Option<ScanCursor>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let (after, limit) = (after.map(|cursor| cursor.0).unwrap_or_default(), limit.max(1));
        let sql = "SELECT id, lineage, version, tenant_id, user_id, payload, created_at, expires_at
                   FROM axess_session WHERE id > ? AND expires_at > ? ORDER BY id LIMIT ?";
        let rows = self.db.fetch_all(sql, args![after, now, limit]).await?;
        let rows = rows.iter().map(session).collect::<Result<Vec<_>, _>>()?;
        let last = rows.last().filter(|_| rows.len() == limit);
        let next = last.map(|row| ScanCursor(row.id.as_bytes().to_vec()));
        Ok(ScanPage { rows, next })
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let forget = "DELETE FROM axess_session_rotation WHERE expires_at <= ?
                      {first id FROM axess_session_rotation ORDER BY expires_at LIMIT ?}";
        self.db.execute(forget, args![now, limit]).await?;
        let delete = "DELETE FROM axess_session WHERE expires_hour < ?
                      {first id FROM axess_session ORDER BY expires_hour LIMIT ?}";
        let deleted = self.db.execute(delete, args![hour(now), limit]).await?;
        let left = limit.saturating_sub(usize::try_from(deleted).unwrap_or(usize::MAX));
        if left == 0 {
            return Ok(deleted);
        }
        // Of the current hour, those that are over.
        let delete =
            "DELETE FROM axess_session WHERE expires_hour = ? AND expires_at <= ? AND id IN (SELECT id FROM (
                          SELECT id FROM axess_session WHERE expires_hour = ? AND expires_at <= ? LIMIT ?
                      ) AS batch)";
        let args = args![hour(now), now, hour(now), now, left];
        Ok(deleted.saturating_add(self.db.execute(delete, args).await?))
    }
}

fn columns(row: SessionRow) -> Vec<Value> {
    let (tenant_id, user_id) = owner_columns(row.owner);
    let hour = hour(row.expires_at);
    args![
        row.id,
        row.lineage,
        row.version,
        tenant_id,
        user_id,
        row.payload,
        row.created_at,
        row.expires_at,
        hour
    ]
}

/// Returns the hour a time lies in, counted from the epoch.
fn hour(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(3_600)
}

fn owner_columns(owner: Option<Owner>) -> (Option<TenantId>, Option<UserId>) {
    (owner.map(|owner| owner.tenant_id), owner.map(|owner| owner.user_id))
}

fn session(row: &Row) -> Result<SessionRow, StoreError> {
    let owner = row.find("tenant_id")?.zip(row.find("user_id")?);
    Ok(SessionRow {
        id: row.get("id")?,
        lineage: row.get("lineage")?,
        version: row.get("version")?,
        owner: owner.map(|(tenant_id, user_id)| Owner { tenant_id, user_id }),
        payload: row.get("payload")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}

fn saved(rows: u64) -> SaveOutcome {
    match rows {
        0 => SaveOutcome::Conflict,
        _ => SaveOutcome::Saved,
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        crate::plans::check(&[END, BATCH_END, DELETE_BATCH, DELETE_FOR_TENANT]).await;
    }
}
