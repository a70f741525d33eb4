use crate::db::{Db, Row, args, on_a_database, transaction};
use axess_core::store::{Owner, SessionEntry, SessionRegistry, StoreError};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, Utc};

/// Tracks valid sessions in a database.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-registry-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_sql::{Db, SqlSessionRegistry};
/// let registry = SqlSessionRegistry::new(Db::connect(&url).await.unwrap());
/// registry.init_schema().await.unwrap();
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlSessionRegistry {
    db: Db,
}

on_a_database!(SqlSessionRegistry);

impl SessionRegistry for SqlSessionRegistry {
    async fn register(&self, entry: SessionEntry, replaces: Option<SessionId>) -> Result<(), StoreError> {
        let Owner { tenant_id, user_id } = entry.owner;
        transaction!(self.db, tx => {
            if let Some(old) = replaces {
                let sql = "DELETE FROM axess_session_registry WHERE tenant_id = ? AND user_id = ? AND id = ?";
                tx.execute(sql, args![tenant_id, user_id, old]).await?;
            }
            let sql = "INSERT INTO axess_session_registry (tenant_id, user_id, id, created_at, expires_at)
                       VALUES (?, ?, ?, ?, ?)
                       ON CONFLICT (tenant_id, user_id, id)
                       DO UPDATE SET created_at = excluded.created_at, expires_at = excluded.expires_at";
            let args = args![tenant_id, user_id, entry.id, entry.created_at, entry.expires_at];
            tx.execute(sql, args).await.map(drop)
        })
    }

    async fn deregister(&self, owner: Owner, id: SessionId) -> Result<(), StoreError> {
        let sql = "DELETE FROM axess_session_registry WHERE tenant_id = ? AND user_id = ? AND id = ?";
        self.db.execute(sql, args![owner.tenant_id, owner.user_id, id]).await.map(drop)
    }

    async fn is_valid(&self, owner: Owner, id: SessionId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let sql = "SELECT id FROM axess_session_registry
                   WHERE tenant_id = ? AND user_id = ? AND id = ? AND expires_at > ?";
        let args = args![owner.tenant_id, owner.user_id, id, now];
        Ok(self.db.fetch_optional(sql, args).await?.is_some())
    }

    async fn find_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SessionEntry>, StoreError> {
        let sql = "SELECT id, created_at, expires_at FROM axess_session_registry
                   WHERE tenant_id = ? AND user_id = ? AND expires_at > ?
                   ORDER BY created_at DESC, id LIMIT ?";
        let args = args![owner.tenant_id, owner.user_id, now, limit];
        let entry = |row: &Row| {
            Ok(SessionEntry {
                id: row.get("id")?,
                owner,
                created_at: row.get("created_at")?,
                expires_at: row.get("expires_at")?,
            })
        };
        self.db.fetch_all(sql, args).await?.iter().map(entry).collect()
    }

    async fn invalidate_user(&self, owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError> {
        let (tenant_id, user_id) = (owner.tenant_id, owner.user_id);
        match keep {
            None => {
                let sql = "DELETE FROM axess_session_registry WHERE tenant_id = ? AND user_id = ?";
                self.db.execute(sql, args![tenant_id, user_id]).await
            }
            Some(keep) => {
                let sql =
                    "DELETE FROM axess_session_registry WHERE tenant_id = ? AND user_id = ? AND id <> ?";
                self.db.execute(sql, args![tenant_id, user_id, keep]).await
            }
        }
    }

    async fn invalidate_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        self.db.execute("DELETE FROM axess_session_registry WHERE tenant_id = ?", args![tenant_id]).await
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let sql = "DELETE FROM axess_session_registry WHERE expires_at <= ?
                   {first tenant_id, user_id, id FROM axess_session_registry ORDER BY expires_at LIMIT ?}";
        self.db.execute(sql, args![now, limit]).await
    }
}
