use crate::db::{Db, Row, args, column::Column, corrupt, on_a_database, transaction, try_again};
use axess_core::{
    ratelimit::{Admission, BucketKey, GcraDecision, RateQuota, gcra_decide},
    store::{RateLimitBuckets, StoreError},
};
use chrono::{DateTime, TimeDelta, Timelike, Utc};

/// How often a bucket that somebody else used in between is tried again before it is locked.
const ATTEMPTS: u32 = 4;
const NANOS_PER_MICRO: u32 = 1_000;

const LOAD: &str = "SELECT tat, tat_nanos FROM axess_rate_bucket WHERE bucket = ?";
const CREATE: &str =
    "INSERT INTO axess_rate_bucket (bucket, tat, tat_nanos) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
const REPLACE: &str = "UPDATE axess_rate_bucket SET tat = ?, tat_nanos = ?
    WHERE bucket = ? AND tat = ? AND tat_nanos = ?";
/// Takes the lock, also of a bucket that was never used; a known bucket stays as it is.
const HOLD: &str = "INSERT INTO axess_rate_bucket (bucket, tat, tat_nanos) VALUES (?, ?, ?)
    ON CONFLICT (bucket) DO UPDATE SET bucket = excluded.bucket";
const STORE: &str = "UPDATE axess_rate_bucket SET tat = ?, tat_nanos = ? WHERE bucket = ?";
const CLEANUP: &str = "DELETE FROM axess_rate_bucket WHERE tat <= ? AND (tat < ? OR tat_nanos <= ?)
    {first bucket FROM axess_rate_bucket ORDER BY tat, tat_nanos LIMIT ?}";

/// Keeps the buckets of rate limiters in a database, so that all instances count together.
///
/// A request that is admitted takes two round trips, a refused one takes one. The new state is written only over the one
/// that was decided on; a bucket that is used so much that this fails again and again is locked for the decision.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-buckets-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::{ratelimit::{Admission, BucketKey, RateQuota}, store::RateLimitBuckets};
/// use axess_sql::{Db, SqlRateLimitBuckets};
/// let buckets = SqlRateLimitBuckets::new(Db::connect(&url).await.unwrap());
/// buckets.init_schema().await.unwrap();
/// let (key, quota) = (BucketKey::new("login", "alice"), RateQuota::new(1, std::time::Duration::from_secs(60)));
/// let now = chrono::DateTime::UNIX_EPOCH;
/// assert_eq!(buckets.admit(key, quota, now).await.unwrap(), Admission::Admitted);
/// assert_ne!(buckets.admit(key, quota, now).await.unwrap(), Admission::Admitted);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlRateLimitBuckets {
    db: Db,
}

on_a_database!(SqlRateLimitBuckets);

impl SqlRateLimitBuckets {
    /// Decides on what it reads, unless somebody else changed it in between.
    async fn try_admit(
        &self,
        key: BucketKey,
        quota: &RateQuota,
        now: DateTime<Utc>,
    ) -> Result<Option<Admission>, StoreError> {
        let row = self.db.fetch_optional(LOAD, args![key]).await?;
        let known = row.map(|row| tat(&row)).transpose()?;
        let (admission, new) = decide(known, now, quota);
        let ((micros, nanos), new_state) = (split(new), known != Some(new));
        let written = match known {
            _ if !new_state => 1,
            None => self.db.execute(CREATE, args![key, micros, nanos]).await?,
            Some(old) => {
                let (old_micros, old_nanos) = split(old);
                self.db.execute(REPLACE, args![micros, nanos, key, old_micros, old_nanos]).await?
            }
        };
        Ok((written > 0).then_some(admission))
    }

    async fn admit_locked(
        &self,
        key: BucketKey,
        quota: &RateQuota,
        now: DateTime<Utc>,
    ) -> Result<Admission, StoreError> {
        transaction!(self.db, tx => {
            // A bucket that was never used is like one that is full again just now.
            let (micros, nanos) = split(now);
            tx.execute(HOLD, args![key, micros, nanos]).await?;
            let row = tx.fetch_optional(LOAD, args![key]).await?;
            let known = row.map(|row| tat(&row)).transpose()?;
            let (admission, new) = decide(known, now, quota);
            let (micros, nanos) = split(new);
            tx.execute(STORE, args![micros, nanos, key]).await?;
            Ok(admission)
        })
    }
}

impl RateLimitBuckets for SqlRateLimitBuckets {
    async fn admit(
        &self,
        key: BucketKey,
        quota: RateQuota,
        now: DateTime<Utc>,
    ) -> Result<Admission, StoreError> {
        for attempt in 1..=ATTEMPTS {
            match self.try_admit(key, &quota, now).await {
                Ok(Some(admission)) => return Ok(admission),
                Ok(None) => {}
                Err(error) if try_again(&error, attempt).await => {}
                Err(error) => return Err(error),
            }
        }
        self.admit_locked(key, &quota, now).await
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let (micros, nanos) = split(now);
        let args = args![micros, micros, nanos, limit];
        transaction!(self.db, tx => { tx.execute(CLEANUP, args.clone()).await })
    }
}

impl Column for BucketKey {
    type Raw = Vec<u8>;

    fn into_raw(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_raw(_: Vec<u8>) -> Option<Self> {
        // A digest: it is compared, never read back.
        None
    }
}

fn decide(known: Option<DateTime<Utc>>, now: DateTime<Utc>, quota: &RateQuota) -> (Admission, DateTime<Utc>) {
    match gcra_decide(known, now, quota) {
        GcraDecision::Allowed { new_tat } => (Admission::Admitted, new_tat),
        GcraDecision::Denied { retry_after, new_tat } => (Admission::Refused { retry_after }, new_tat),
    }
}

/// Splits a time into whole microseconds and the nanoseconds that are left: intervals of requests are not round.
fn split(time: DateTime<Utc>) -> (i64, u32) {
    (time.timestamp_micros(), time.nanosecond() % NANOS_PER_MICRO)
}

fn tat(row: &Row) -> Result<DateTime<Utc>, StoreError> {
    let (micros, nanos): (DateTime<Utc>, u32) = (row.get("tat")?, row.get("tat_nanos")?);
    micros.checked_add_signed(TimeDelta::nanoseconds(nanos.into())).ok_or_else(|| corrupt("tat"))
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        crate::plans::check(&[LOAD, CREATE, REPLACE, HOLD, STORE, CLEANUP]).await;
    }

    #[test]
    fn times_before_1970_are_split_downwards() {
        let time = DateTime::from_timestamp_nanos(-1);
        assert_eq!(split(time), (-1, 999));
        assert_eq!(split(DateTime::UNIX_EPOCH), (0, 0));
    }
}
