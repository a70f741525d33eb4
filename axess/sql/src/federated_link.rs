use crate::db::{Db, Row, Value, args, misuse, on_a_database, transaction};
use axess_core::store::{
    Expected, FederatedLink, FederatedLinkStore, Owner, SaveOutcome, StoreError, Stored,
};
use axess_identity::TenantId;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// The most bytes of [`FederatedLink::issuer`].
const MAX_ISSUER_BYTES: usize = 512;
/// The most bytes of [`FederatedLink::subject`].
const MAX_SUBJECT_BYTES: usize = 255;

macro_rules! columns {
    () => {
        "tenant_id, user_id, version, issuer, subject, provider, linked_at, last_used_at"
    };
}

const FIND: &str =
    concat!("SELECT ", columns!(), " FROM axess_federated_link WHERE tenant_id = ? AND identity_digest = ?");
const LIST: &str =
    concat!("SELECT ", columns!(), " FROM axess_federated_link WHERE tenant_id = ? AND user_id = ?");
const INSERT: &str =
    "INSERT INTO axess_federated_link (user_id, issuer, subject, provider, linked_at, last_used_at,
        tenant_id, identity_digest, version)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE axess_federated_link
    SET user_id = ?, issuer = ?, subject = ?, provider = ?, linked_at = ?, last_used_at = ?, version = version + 1
    WHERE tenant_id = ? AND identity_digest = ? AND version = ?";
const PUT: &str =
    "INSERT INTO axess_federated_link (user_id, issuer, subject, provider, linked_at, last_used_at,
        tenant_id, identity_digest, version)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (tenant_id, identity_digest) DO UPDATE SET
        user_id = excluded.user_id, provider = excluded.provider, linked_at = excluded.linked_at,
        last_used_at = excluded.last_used_at, version = axess_federated_link.version + 1";
const TOUCH: &str = "UPDATE axess_federated_link SET last_used_at = ?
    WHERE tenant_id = ? AND identity_digest = ? AND user_id = ?";
const DELETE: &str =
    "DELETE FROM axess_federated_link WHERE tenant_id = ? AND identity_digest = ? AND user_id = ?";
const DELETE_OF_USER: &str = "DELETE FROM axess_federated_link WHERE tenant_id = ? AND user_id = ?";
const DELETE_OF_TENANT: &str = "DELETE FROM axess_federated_link WHERE tenant_id = ?";

/// Keeps in a database which identities at providers belong to which accounts.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-links-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::FederatedLinkStore;
/// use axess_identity::TenantId;
/// use axess_sql::{Db, SqlFederatedLinkStore};
/// let store = SqlFederatedLinkStore::new(Db::connect(&url).await.unwrap());
/// store.init_schema().await.unwrap();
/// let tenant = TenantId::from_parts(0, [1; 10]);
/// let found = store.find_link(tenant, "https://login.example.com".into(), "248289761001".into()).await;
/// assert!(found.unwrap().is_none());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlFederatedLinkStore {
    db: Db,
}

on_a_database!(SqlFederatedLinkStore);

impl SqlFederatedLinkStore {
    /// Runs one statement, again when it lost against another: on MySQL, an insert against a deletion may.
    async fn write(&self, sql: &'static str, args: Vec<Value>) -> Result<u64, StoreError> {
        transaction!(self.db, tx => { tx.execute(sql, args.clone()).await })
    }
}

impl FederatedLinkStore for SqlFederatedLinkStore {
    async fn find_link(
        &self,
        tenant_id: TenantId,
        issuer: String,
        subject: String,
    ) -> Result<Option<Stored<FederatedLink>>, StoreError> {
        let args = args![tenant_id, digest(&issuer, &subject)];
        let Some(row) = self.db.fetch_optional(FIND, args).await? else { return Ok(None) };
        Ok(Some(Stored { value: read(&row)?, version: row.get("version")? }))
    }

    async fn find_links(&self, owner: Owner) -> Result<Vec<FederatedLink>, StoreError> {
        let rows = self.db.fetch_all(LIST, args![owner.tenant_id, owner.user_id]).await?;
        let mut links = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        // Databases differ in how they sort text.
        links.sort_by(|a, b| (&a.issuer, &a.subject).cmp(&(&b.issuer, &b.subject)));
        Ok(links)
    }

    async fn save_link(&self, link: FederatedLink, expected: Expected) -> Result<SaveOutcome, StoreError> {
        let FederatedLink { owner, issuer, subject, provider, linked_at, last_used_at } = link;
        if issuer.len() > MAX_ISSUER_BYTES || subject.len() > MAX_SUBJECT_BYTES {
            return Err(misuse("an issuer has at most 512 bytes and a subject 255"));
        }
        let digest = digest(&issuer, &subject);
        let mut args = args![owner.user_id, issuer, subject, provider, linked_at, last_used_at];
        args.extend(args![owner.tenant_id, digest]);
        let sql = match expected {
            Expected::Absent => INSERT,
            Expected::Any => PUT,
            Expected::Version(version) => {
                args.extend(args![version]);
                UPDATE
            }
        };
        match self.write(sql, args).await? {
            // An upsert has written, whatever the database says about how many rows that were.
            0 if expected != Expected::Any => Ok(SaveOutcome::Conflict),
            _ => Ok(SaveOutcome::Saved),
        }
    }

    async fn touch_link(
        &self,
        owner: Owner,
        issuer: String,
        subject: String,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let args = args![at, owner.tenant_id, digest(&issuer, &subject), owner.user_id];
        Ok(self.write(TOUCH, args).await? > 0)
    }

    async fn delete_link(&self, owner: Owner, issuer: String, subject: String) -> Result<bool, StoreError> {
        let args = args![owner.tenant_id, digest(&issuer, &subject), owner.user_id];
        Ok(self.write(DELETE, args).await? > 0)
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        self.write(DELETE_OF_USER, args![owner.tenant_id, owner.user_id]).await
    }

    async fn delete_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        self.write(DELETE_OF_TENANT, args![tenant_id]).await
    }
}

/// Returns what an identity is found by: two different ones never read the same.
fn digest(issuer: &str, subject: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for text in [issuer, subject] {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    digest.finalize().into()
}

fn read(row: &Row) -> Result<FederatedLink, StoreError> {
    Ok(FederatedLink {
        owner: row.owner()?,
        issuer: row.get("issuer")?,
        subject: row.get("subject")?,
        provider: row.get("provider")?,
        linked_at: row.get("linked_at")?,
        last_used_at: row.find("last_used_at")?,
    })
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        let writes = [INSERT, UPDATE, PUT, TOUCH, DELETE, DELETE_OF_USER, DELETE_OF_TENANT];
        crate::plans::check(&writes).await;
        crate::plans::check(&[FIND, LIST]).await;
    }

    #[test]
    fn issuer_and_subject_do_not_run_into_each_other() {
        assert_ne!(digest("ab", "c"), digest("a", "bc"));
    }
}
