use crate::db::{Db, args, misuse, on_a_database, transaction};
use axess_core::store::{Store, StoreError, StoreFuture};
use chrono::{DateTime, Utc};

/// The most bytes of a key.
const MAX_KEY_BYTES: usize = 255;

const GET: &str = "SELECT payload FROM axess_key_value WHERE name = ? AND expires_at > ?";
const SET: &str = "INSERT INTO axess_key_value (name, payload, expires_at) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at";
const DELETE: &str = "DELETE FROM axess_key_value WHERE name = ?";
const CLEANUP: &str = "DELETE FROM axess_key_value WHERE expires_at <= ?
    {first name FROM axess_key_value ORDER BY expires_at LIMIT ?}";

/// Keeps values by key in a database.
///
/// A key has at most 255 bytes; all stores on one database share their keys. Values that have ended stay until
/// [`cleanup_expired`](Self::cleanup_expired).
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-values-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::Store;
/// use axess_sql::{Db, SqlStore};
/// let store = SqlStore::new(Db::connect(&url).await.unwrap());
/// store.init_schema().await.unwrap();
/// let now = chrono::DateTime::UNIX_EPOCH;
/// store.set("greeting".into(), b"hello".to_vec(), now + chrono::TimeDelta::minutes(1)).await.unwrap();
/// assert_eq!(store.get("greeting".into(), now).await.unwrap().as_deref(), Some(&b"hello"[..]));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlStore {
    db: Db,
}

on_a_database!(SqlStore);

impl SqlStore {
    /// Deletes at most `limit` values that ended before `now`, and returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the database fails.
    pub async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        transaction!(self.db, tx => { tx.execute(CLEANUP, args![now, limit]).await })
    }
}

impl Store<String, Vec<u8>> for SqlStore {
    fn get(&self, key: String, now: DateTime<Utc>) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let row = self.db.fetch_optional(GET, args![key.into_bytes(), now]).await?;
            row.map(|row| row.get("payload")).transpose()
        })
    }

    fn set(&self, key: String, value: Vec<u8>, expires_at: DateTime<Utc>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            if key.len() > MAX_KEY_BYTES {
                return Err(misuse("a key has at most 255 bytes"));
            }
            let args = args![key.into_bytes(), value, expires_at];
            transaction!(self.db, tx => { tx.execute(SET, args.clone()).await.map(drop) })
        })
    }

    fn delete(&self, key: String) -> StoreFuture<'_, bool> {
        Box::pin(async move {
            let args = args![key.into_bytes()];
            let deleted = transaction!(self.db, tx => { tx.execute(DELETE, args.clone()).await })?;
            Ok(deleted > 0)
        })
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        crate::plans::check(&[GET, SET, DELETE, CLEANUP]).await;
    }
}
