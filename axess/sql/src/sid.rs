use crate::db::{Db, Row, args, misuse, on_a_database, transaction};
use axess_core::store::{LogoutKey, Owner, SidBinding, SidStore, StoreError};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// The most bytes of [`SidBinding::issuer`].
const MAX_ISSUER_BYTES: usize = 512;
/// The most bytes of [`SidBinding::sid`] and of [`SidBinding::subject`].
const MAX_NAME_BYTES: usize = 255;

const BIND: &str = "INSERT INTO axess_sid (tenant_id, issuer_digest, lineage, sid_digest, subject_digest, user_id,
        issuer, sid, subject, expires_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (tenant_id, issuer_digest, lineage) DO UPDATE SET
        sid_digest = excluded.sid_digest, subject_digest = excluded.subject_digest, user_id = excluded.user_id,
        sid = excluded.sid, subject = excluded.subject, expires_at = excluded.expires_at";
const FIND_BY_SID: &str =
    "SELECT tenant_id, user_id, issuer, sid, subject, lineage, expires_at FROM axess_sid
    WHERE tenant_id = ? AND sid_digest = ? AND expires_at > ? ORDER BY lineage";
const FIND_BY_SID_ANYWHERE: &str =
    "SELECT tenant_id, user_id, issuer, sid, subject, lineage, expires_at FROM axess_sid
    WHERE sid_digest = ? AND expires_at > ? ORDER BY tenant_id, lineage";
const FIND_BY_SUBJECT: &str =
    "SELECT tenant_id, user_id, issuer, sid, subject, lineage, expires_at FROM axess_sid
    WHERE tenant_id = ? AND subject_digest = ? AND expires_at > ? ORDER BY lineage";
const FIND_BY_SUBJECT_ANYWHERE: &str =
    "SELECT tenant_id, user_id, issuer, sid, subject, lineage, expires_at FROM axess_sid
    WHERE subject_digest = ? AND expires_at > ? ORDER BY tenant_id, lineage";
const UNBIND: &str = "DELETE FROM axess_sid WHERE tenant_id = ? AND issuer_digest = ? AND lineage = ?";
const CLEANUP: &str = "DELETE FROM axess_sid WHERE expires_at <= ?
    {first tenant_id, issuer_digest, lineage FROM axess_sid ORDER BY expires_at LIMIT ?}";
const NOTE: &str = "INSERT INTO axess_sid_logout (logout, logged_out_at, expires_at) VALUES (?, ?, ?)
    ON CONFLICT (logout) DO UPDATE SET
        logged_out_at = CASE WHEN excluded.logged_out_at > axess_sid_logout.logged_out_at
            THEN excluded.logged_out_at ELSE axess_sid_logout.logged_out_at END,
        expires_at = CASE WHEN excluded.expires_at > axess_sid_logout.expires_at
            THEN excluded.expires_at ELSE axess_sid_logout.expires_at END";
const LAST: &str = "SELECT logged_out_at FROM axess_sid_logout WHERE logout = ? AND expires_at > ?";
const FORGET: &str = "DELETE FROM axess_sid_logout WHERE expires_at <= ?
    {first logout FROM axess_sid_logout ORDER BY expires_at LIMIT ?}";

/// Finds sessions in a database by what an identity provider calls them.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-sids-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::SidStore;
/// use axess_identity::TenantId;
/// use axess_sql::{Db, SqlSidStore};
/// let store = SqlSidStore::new(Db::connect(&url).await.unwrap());
/// store.init_schema().await.unwrap();
/// let (tenant, now) = (TenantId::from_parts(0, [1; 10]), chrono::DateTime::UNIX_EPOCH);
/// let found = store.find_by_sid(Some(tenant), "https://login.example.com".into(), "08a5019c".into(), now).await;
/// assert!(found.unwrap().is_empty());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlSidStore {
    db: Db,
}

on_a_database!(SqlSidStore);

impl SidStore for SqlSidStore {
    async fn bind(&self, binding: SidBinding) -> Result<(), StoreError> {
        let SidBinding { owner, issuer, sid, subject, lineage, expires_at } = binding;
        if issuer.len() > MAX_ISSUER_BYTES {
            return Err(misuse("an issuer has at most 512 bytes"));
        }
        if sid.as_ref().map_or(0, String::len).max(subject.len()) > MAX_NAME_BYTES {
            return Err(misuse("a provider's sessions and users have names of at most 255 bytes"));
        }
        let Owner { tenant_id, user_id } = owner;
        let sid_digest = sid.as_ref().map(|sid| digest([&issuer, sid]));
        let subject_digest = digest([&issuer, &subject]);
        let mut args = args![tenant_id, digest([&issuer]), lineage, sid_digest, subject_digest, user_id];
        args.extend(args![issuer, sid, subject, expires_at]);
        transaction!(self.db, tx => { tx.execute(BIND, args.clone()).await.map(drop) })
    }

    async fn find_by_sid(
        &self,
        tenant_id: Option<TenantId>,
        issuer: String,
        sid: String,
        now: DateTime<Utc>,
    ) -> Result<Vec<SidBinding>, StoreError> {
        let digest = digest([&issuer, &sid]);
        let rows = match tenant_id {
            Some(tenant_id) => self.db.fetch_all(FIND_BY_SID, args![tenant_id, digest, now]).await?,
            None => self.db.fetch_all(FIND_BY_SID_ANYWHERE, args![digest, now]).await?,
        };
        rows.iter().map(binding).collect()
    }

    async fn find_by_subject(
        &self,
        tenant_id: Option<TenantId>,
        issuer: String,
        subject: String,
        now: DateTime<Utc>,
    ) -> Result<Vec<SidBinding>, StoreError> {
        let digest = digest([&issuer, &subject]);
        let rows = match tenant_id {
            Some(tenant_id) => self.db.fetch_all(FIND_BY_SUBJECT, args![tenant_id, digest, now]).await?,
            None => self.db.fetch_all(FIND_BY_SUBJECT_ANYWHERE, args![digest, now]).await?,
        };
        rows.iter().map(binding).collect()
    }

    async fn unbind(
        &self,
        tenant_id: TenantId,
        issuer: String,
        lineage: SessionId,
    ) -> Result<(), StoreError> {
        let args = args![tenant_id, digest([&issuer]), lineage];
        transaction!(self.db, tx => { tx.execute(UNBIND, args.clone()).await.map(drop) })
    }

    async fn note_logout(
        &self,
        key: LogoutKey,
        at: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let args = args![*key.as_bytes(), at, until];
        transaction!(self.db, tx => { tx.execute(NOTE, args.clone()).await.map(drop) })
    }

    async fn last_logout(
        &self,
        key: LogoutKey,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = self.db.fetch_optional(LAST, args![*key.as_bytes(), now]).await?;
        row.map(|row| row.get("logged_out_at")).transpose()
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        transaction!(self.db, tx => {
            let deleted = tx.execute(CLEANUP, args![now, limit]).await?;
            let rest = limit.saturating_sub(usize::try_from(deleted).unwrap_or(usize::MAX));
            Ok(deleted + tx.execute(FORGET, args![now, rest]).await?)
        })
    }
}

/// Returns what a list of texts is indexed by: two different lists never read the same.
fn digest<const N: usize>(texts: [&str; N]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    digest.finalize().into()
}

fn binding(row: &Row) -> Result<SidBinding, StoreError> {
    Ok(SidBinding {
        owner: row.owner()?,
        issuer: row.get("issuer")?,
        sid: row.find("sid")?,
        subject: row.get("subject")?,
        lineage: row.get("lineage")?,
        expires_at: row.get("expires_at")?,
    })
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        crate::plans::check(&[BIND, FIND_BY_SID, FIND_BY_SUBJECT, UNBIND, CLEANUP]).await;
        crate::plans::check(&[FIND_BY_SID_ANYWHERE, FIND_BY_SUBJECT_ANYWHERE, NOTE, LAST, FORGET]).await;
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_ne!(digest(["a"]), digest(["a", ""]));
    }
}
