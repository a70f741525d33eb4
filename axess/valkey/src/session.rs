mod end;
mod list;
mod row;
mod write;

use crate::{Valkey, error::corrupt};
use axess_core::store::{
    Owner, SaveOutcome, ScanCursor, ScanPage, SessionRow, SessionStore, SessionSummary, StoreError,
};
use axess_identity::{SessionId, TenantId, UserId};
use chrono::{DateTime, Utc};

/// The most bytes of a session's payload.
pub const MAX_PAYLOAD_BYTES: usize = 256 * 1024;

/// How many calls one verb has under way at most.
const AT_ONCE: usize = 32;

/// How many rotations are followed. One lineage does not rotate as often while its rotations are remembered.
const MAX_HOPS: usize = 256;

/// Keeps sessions in Valkey or Redis.
///
/// Clones share them.
///
/// # How a rotation is atomic
///
/// The old id and the new one may lie on different servers, so no script can touch both. A rotation takes four steps:
///
/// 1. The new id is added to the indexes of its owner, which may name more than exists.
/// 2. The new row is written as *pending*, with the old id in it. A pending row does not exist for readers.
/// 3. A script on the old key replaces the old row, if its version is the expected one, by a *marker* that names the new id.
///    This is the moment of the rotation; before it nothing has happened, after it everything has.
/// 4. The new row is made a row.
///
/// Whoever stops between two steps leaves nothing wrong. After 1 and 2 there is an index entry or a pending row that nobody
/// can read and that goes by time. After 3 the first reader of the new row asks the old key, finds the marker and does
/// step 4 itself. Ending a session deletes rows, pending ones too, and follows markers; a deleted row is written by none of
/// the steps, so of an end and a rotation that race the end wins. A marker lives as long as the store remembers rotations,
/// and a pending row no longer than that, so a rotation that nobody read in that time, whose new id its caller was never
/// told, ends with it.
///
/// # Limits
///
/// Payloads above [`MAX_PAYLOAD_BYTES`] are refused ([`StoreErrorKind::Misuse`](axess_core::store::StoreErrorKind::Misuse)).
/// An id that was rotated away cannot be inserted while the rotation is remembered. `cleanup_expired` is not needed for
/// correctness nor, with an application that runs on real time, for space: it walks over every key of the server.
///
/// ```no_run
/// # use axess_core::store::StoreError;
/// use axess_core::store::SessionStore;
/// use axess_identity::SessionId;
/// use axess_valkey::{Valkey, ValkeySessionStore};
/// # async fn example(now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
/// let store = ValkeySessionStore::new(&Valkey::connect("redis://127.0.0.1").await?);
/// assert!(store.load(SessionId::from_bytes([0; 16]), now).await?.is_none());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ValkeySessionStore {
    valkey: Valkey,
}

impl ValkeySessionStore {
    /// Creates a store on this connection.
    #[must_use]
    pub fn new(valkey: &Valkey) -> Self {
        Self { valkey: valkey.clone() }
    }

    fn row_key(&self, id: SessionId) -> String {
        self.valkey.key(format_args!("session:row:{id}"))
    }

    fn index_key(&self, owner: Owner) -> String {
        self.valkey.owner_key("session:of", owner)
    }

    fn users_key(&self, tenant_id: TenantId) -> String {
        self.valkey.tenant_key("session:users", tenant_id)
    }

    /// Removes a session that is gone for good from its owner's index.
    async fn unlist(&self, owner: Option<Owner>, id: SessionId) {
        if let Some(owner) = owner {
            self.valkey.drop_entry(&self.index_key(owner), id.as_bytes()).await;
        }
    }
}

impl SessionStore for ValkeySessionStore {
    async fn load(&self, id: SessionId, now: DateTime<Utc>) -> Result<Option<SessionRow>, StoreError> {
        Ok(self.read(id, now).await?.filter(|row| row.expires_at > now))
    }

    async fn insert(&self, row: SessionRow) -> Result<SaveOutcome, StoreError> {
        self.insert_row(&row).await
    }

    async fn save(&self, row: SessionRow) -> Result<SaveOutcome, StoreError> {
        self.save_row(&row).await
    }

    async fn cycle(
        &self,
        old: SessionId,
        expected: u64,
        row: SessionRow,
        now: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        self.rotate(old, expected, &row, now).await
    }

    async fn end(&self, id: SessionId, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.end_lineage(id, now).await
    }

    async fn find_sessions_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SessionSummary>, StoreError> {
        self.list(owner, now, limit).await
    }

    async fn end_for_user(&self, owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError> {
        self.end_all_of(owner, keep).await
    }

    async fn end_for_tenant(&self, tenant_id: TenantId) -> Result<u64, StoreError> {
        let (key, mut ended) = (self.users_key(tenant_id), 0);
        let mut pages = self.valkey.users(&key);
        while let Some(owners) = pages.next_owners(tenant_id).await? {
            for owner in owners {
                ended += self.end_all_of(owner, None).await?;
            }
        }
        Ok(ended)
    }

    async fn scan(
        &self,
        after: Option<ScanCursor>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        self.scan_rows(after, now, limit).await
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        self.clean(now, limit).await
    }
}

/// Writes an owner as a script compares it: 32 bytes, or none.
fn owner_bytes(owner: Option<Owner>) -> Vec<u8> {
    let bytes = |owner: Owner| [owner.tenant_id.as_uuid().into_bytes(), owner.user_id.as_uuid().into_bytes()];
    owner.map(|owner| bytes(owner).concat()).unwrap_or_default()
}

fn owner_from(bytes: &[u8]) -> Result<Option<Owner>, StoreError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (tenant, user) = bytes.split_first_chunk().ok_or_else(corrupt)?;
    let user = uuid::Uuid::from_slice(user).map_err(|_| corrupt())?;
    let tenant_id = TenantId::from_uuid(uuid::Uuid::from_bytes(*tenant));
    Ok(Some(Owner { tenant_id, user_id: UserId::from_uuid(user) }))
}

fn id_from(bytes: &[u8]) -> Result<SessionId, StoreError> {
    Ok(SessionId::from_bytes(bytes.try_into().map_err(|_| corrupt())?))
}

#[cfg(test)]
mod tests;
