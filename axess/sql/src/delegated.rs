use crate::db::{Db, Row, Value, args, corrupt, misuse, on_a_database, transaction};
use axess_core::store::{
    DelegatedCredentialStore, DelegatedRow, Expected, MAX_DOWNSTREAM_BYTES, Owner, SaveOutcome, StoreError,
    Stored,
};

const LOAD: &str = "SELECT downstream, version, payload, updated_at FROM axess_delegated
    WHERE tenant_id = ? AND user_id = ? AND downstream = ?";
const INSERT: &str =
    "INSERT INTO axess_delegated (tenant_id, user_id, downstream, version, payload, updated_at)
    VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE axess_delegated SET version = ?, payload = ?, updated_at = ?
    WHERE tenant_id = ? AND user_id = ? AND downstream = ? AND version = ?";
const PUT: &str = "INSERT INTO axess_delegated (tenant_id, user_id, downstream, version, payload, updated_at)
    VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT (tenant_id, user_id, downstream) DO UPDATE SET
    version = axess_delegated.version + 1, payload = excluded.payload, updated_at = excluded.updated_at";
const DELETE: &str = "DELETE FROM axess_delegated WHERE tenant_id = ? AND user_id = ? AND downstream = ?";
const LIST: &str =
    "SELECT downstream FROM axess_delegated WHERE tenant_id = ? AND user_id = ? ORDER BY downstream";
const DELETE_ALL: &str = "DELETE FROM axess_delegated WHERE tenant_id = ? AND user_id = ?";

/// Keeps credentials for acting on behalf of users elsewhere in a database.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-delegated-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::{DelegatedCredentialStore, Owner};
/// use axess_identity::{TenantId, UserId};
/// use axess_sql::{Db, SqlDelegatedCredentialStore};
/// let store = SqlDelegatedCredentialStore::new(Db::connect(&url).await.unwrap());
/// store.init_schema().await.unwrap();
/// let owner = Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
/// assert!(store.find_downstreams(owner).await.unwrap().is_empty());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlDelegatedCredentialStore {
    db: Db,
}

on_a_database!(SqlDelegatedCredentialStore);

impl SqlDelegatedCredentialStore {
    /// Runs one statement, again when it lost against another: on MySQL, an insert against a deletion may.
    async fn write(&self, sql: &'static str, args: Vec<Value>) -> Result<u64, StoreError> {
        transaction!(self.db, tx => { tx.execute(sql, args.clone()).await })
    }
}

impl DelegatedCredentialStore for SqlDelegatedCredentialStore {
    async fn load_credential(
        &self,
        owner: Owner,
        downstream: String,
    ) -> Result<Option<Stored<DelegatedRow>>, StoreError> {
        let args = args![owner.tenant_id, owner.user_id, downstream.into_bytes()];
        let Some(row) = self.db.fetch_optional(LOAD, args).await? else { return Ok(None) };
        let (downstream, payload) = (name(&row)?, row.get("payload")?);
        let value = DelegatedRow { downstream, payload, updated_at: row.get("updated_at")? };
        Ok(Some(Stored { value, version: row.get("version")? }))
    }

    async fn save_credential(
        &self,
        owner: Owner,
        row: DelegatedRow,
        expected: Expected,
    ) -> Result<SaveOutcome, StoreError> {
        let Owner { tenant_id, user_id } = owner;
        let DelegatedRow { downstream, payload, updated_at } = row;
        if downstream.len() > MAX_DOWNSTREAM_BYTES {
            return Err(misuse("a downstream's name has at most 128 bytes"));
        }
        let key = downstream.into_bytes();
        let (sql, args) = match expected {
            Expected::Absent => (INSERT, args![tenant_id, user_id, key, payload, updated_at]),
            Expected::Any => (PUT, args![tenant_id, user_id, key, payload, updated_at]),
            Expected::Version(version) => {
                let next = version.saturating_add(1);
                (UPDATE, args![next, payload, updated_at, tenant_id, user_id, key, version])
            }
        };
        match self.write(sql, args).await? {
            // An upsert has written, whatever the database says about how many rows that were.
            0 if expected != Expected::Any => Ok(SaveOutcome::Conflict),
            _ => Ok(SaveOutcome::Saved),
        }
    }

    async fn revoke_credential(&self, owner: Owner, downstream: String) -> Result<bool, StoreError> {
        let args = args![owner.tenant_id, owner.user_id, downstream.into_bytes()];
        Ok(self.write(DELETE, args).await? > 0)
    }

    async fn find_downstreams(&self, owner: Owner) -> Result<Vec<String>, StoreError> {
        let rows = self.db.fetch_all(LIST, args![owner.tenant_id, owner.user_id]).await?;
        rows.iter().map(name).collect()
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        self.write(DELETE_ALL, args![owner.tenant_id, owner.user_id]).await
    }
}

fn name(row: &Row) -> Result<String, StoreError> {
    String::from_utf8(row.get("downstream")?).map_err(|_| corrupt("downstream"))
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        crate::plans::check(&[LOAD, INSERT, UPDATE, PUT, DELETE, LIST, DELETE_ALL]).await;
    }
}
