use crate::db::{Db, args, on_a_database, transaction, try_again};
use axess_core::store::{Claim, JtiReplayStore, ReplayKey, StoreError, StoreErrorKind};
use chrono::{DateTime, Utc};

/// How often a claim is looked at again after somebody else changed it in between.
const ATTEMPTS: u32 = 10;

const TAKE: &str = "INSERT INTO axess_replay (claim, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING";
const LOOK: &str = "SELECT expires_at FROM axess_replay WHERE claim = ?";
const TAKE_OVER: &str = "UPDATE axess_replay SET expires_at = ? WHERE claim = ? AND expires_at <= ?";
const CLEANUP: &str = "DELETE FROM axess_replay WHERE expires_at <= ?
    {first claim FROM axess_replay ORDER BY expires_at LIMIT ?}";

/// Remembers in a database what was used, so that it is not used twice.
///
/// A first use takes one round trip, a second one two.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-replay-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::{Claim, JtiReplayStore, ReplayKey};
/// use axess_sql::{Db, SqlJtiReplayStore};
/// let store = SqlJtiReplayStore::new(Db::connect(&url).await.unwrap());
/// store.init_schema().await.unwrap();
/// let (key, now) = (ReplayKey::new("https://login.example.com", "f47ac10b"), chrono::DateTime::UNIX_EPOCH);
/// let until = now + chrono::TimeDelta::minutes(5);
/// assert_eq!(store.claim(key, until, now).await.unwrap(), Claim::Fresh);
/// assert_eq!(store.claim(key, until, now).await.unwrap(), Claim::Replayed);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlJtiReplayStore {
    db: Db,
}

on_a_database!(SqlJtiReplayStore);

impl SqlJtiReplayStore {
    /// Decides, unless somebody else changed the row in between.
    async fn try_claim(
        &self,
        key: ReplayKey,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Claim>, StoreError> {
        let key = *key.as_bytes();
        if self.db.execute(TAKE, args![key, until]).await? > 0 {
            return Ok(Some(Claim::Fresh));
        }
        let Some(row) = self.db.fetch_optional(LOOK, args![key]).await? else { return Ok(None) };
        if row.get::<DateTime<Utc>>("expires_at")? > now {
            return Ok(Some(Claim::Replayed));
        }
        let taken = self.db.execute(TAKE_OVER, args![until, key, now]).await? > 0;
        Ok(taken.then_some(Claim::Fresh))
    }
}

impl JtiReplayStore for SqlJtiReplayStore {
    async fn claim(
        &self,
        key: ReplayKey,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Claim, StoreError> {
        for attempt in 1..=ATTEMPTS {
            match self.try_claim(key, until, now).await {
                Ok(Some(claim)) => return Ok(claim),
                Ok(None) => {}
                Err(error) if try_again(&error, attempt).await => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::bare(StoreErrorKind::Unavailable))
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        transaction!(self.db, tx => { tx.execute(CLEANUP, args![now, limit]).await })
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        crate::plans::check(&[TAKE, LOOK, TAKE_OVER, CLEANUP]).await;
    }
}
