use crate::db::{Db, args, misuse, on_a_database};
use axess_core::store::{LeaderLock, Lease, StoreError, StoreErrorKind};
use chrono::{DateTime, TimeDelta, Utc};

/// The most bytes of the name of a lease, and of its holder.
const MAX_BYTES: usize = 255;
/// How often a lease that somebody else changed in between is looked at again.
const ATTEMPTS: u32 = 16;

const LOAD: &str = "SELECT holder, fence, expires_at FROM axess_lease WHERE name = ?";
const CREATE: &str =
    "INSERT INTO axess_lease (name, holder, fence, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
const RENEW: &str =
    "UPDATE axess_lease SET expires_at = ? WHERE name = ? AND fence = ? AND holder = ? AND expires_at > ?";
const TAKE_OVER: &str = "UPDATE axess_lease SET holder = ?, fence = ?, expires_at = ?
    WHERE name = ? AND fence = ? AND (holder IS NULL OR expires_at <= ?)";
const RELEASE: &str = "UPDATE axess_lease SET holder = NULL WHERE name = ? AND holder = ?";

/// Elects one of several instances that share a database.
///
/// Names of leases and of holders have at most 255 bytes. Times are those of the callers: their clocks must agree within a
/// small part of a lease.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-leases-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::LeaderLock;
/// use axess_sql::{Db, SqlLeaderLock};
/// let lock = SqlLeaderLock::new(Db::connect(&url).await.unwrap());
/// lock.init_schema().await.unwrap();
/// let (ttl, now) = (chrono::TimeDelta::seconds(30), chrono::DateTime::UNIX_EPOCH);
/// assert!(lock.acquire("cleanup".into(), "instance-1".into(), ttl, now).await.unwrap().is_some());
/// assert!(lock.acquire("cleanup".into(), "instance-2".into(), ttl, now).await.unwrap().is_none());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlLeaderLock {
    db: Db,
}

on_a_database!(SqlLeaderLock);

impl SqlLeaderLock {
    /// Decides, unless somebody else changed the lease in between.
    async fn try_acquire(&self, wish: &Wish) -> Result<Decided, StoreError> {
        let Wish { name, holder, now, until } = wish;
        let (name, holder) = (name.clone(), holder.clone());
        let taken = |written: u64, fence| match written {
            0 => Decided::Again,
            _ => Decided::Now(Some(Lease { fence, until: *until })),
        };
        let Some(row) = self.db.fetch_optional(LOAD, args![name.clone()]).await? else {
            let written = self.db.execute(CREATE, args![name, holder, 1_u64, *until]).await?;
            return Ok(taken(written, 1));
        };
        let fence: u64 = row.get("fence")?;
        let over = row.get::<DateTime<Utc>>("expires_at")? <= *now;
        let held_by: Option<Vec<u8>> = row.find("holder")?.filter(|_| !over);
        if held_by.as_ref() == Some(&holder) {
            let written = self.db.execute(RENEW, args![*until, name, fence, holder, *now]).await?;
            return Ok(taken(written, fence));
        }
        if held_by.is_some() {
            return Ok(Decided::Now(None));
        }
        let next = fence.saturating_add(1);
        let written = self.db.execute(TAKE_OVER, args![holder, next, *until, name, fence, *now]).await?;
        Ok(taken(written, next))
    }
}

/// Who wants which lease, when, and until when.
struct Wish {
    name: Vec<u8>,
    holder: Vec<u8>,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
}

enum Decided {
    Now(Option<Lease>),
    Again,
}

impl LeaderLock for SqlLeaderLock {
    async fn acquire(
        &self,
        name: String,
        holder: String,
        ttl: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<Lease>, StoreError> {
        if name.len().max(holder.len()) > MAX_BYTES {
            return Err(misuse("the names of a lease and of its holder have at most 255 bytes"));
        }
        let Some(until) = now.checked_add_signed(ttl) else {
            return Err(misuse("a lease ends at a time that can be written down"));
        };
        let wish = Wish { name: name.into_bytes(), holder: holder.into_bytes(), now, until };
        for _ in 0..ATTEMPTS {
            if let Decided::Now(lease) = self.try_acquire(&wish).await? {
                return Ok(lease);
            }
        }
        Err(StoreError::bare(StoreErrorKind::Unavailable))
    }

    async fn release(&self, name: String, holder: String) -> Result<bool, StoreError> {
        Ok(self.db.execute(RELEASE, args![name.into_bytes(), holder.into_bytes()]).await? > 0)
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        crate::plans::check(&[LOAD, CREATE, RENEW, TAKE_OVER, RELEASE]).await;
    }
}
