//! Who is still to be told what: rows of the transaction that they tell of, until they are delivered.

use super::{
    Store, StoreFault,
    sql::{Row, Value, args},
    tx::Tx,
    writer::Work,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// How many notices wait for one destination; for one more, the oldest goes.
const MOST: u32 = 256;

/// How many destinations are looked at.
const DESTINATIONS: u32 = 1_000;

const INSERT: &str =
    "INSERT INTO audex_notices (id, destination, created_at, attempts, next_at, until, sealed)
    VALUES ($1, $2, $3, 0, $3, $4, $5)";
const DROP_OLDEST: &str =
    "DELETE FROM audex_notices WHERE destination = $1 AND id IN (SELECT id FROM audex_notices
    WHERE destination = $1 ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $2)";
const DUE: &str = "SELECT destination, MIN(next_at) AS next_at FROM audex_notices WHERE until > $1
    GROUP BY destination ORDER BY 2 LIMIT $2";
const HOLD: &str =
    "UPDATE audex_notices SET next_at = $3 WHERE next_at <= $2 AND id IN (SELECT id FROM audex_notices
    WHERE destination = $1 AND next_at <= $2 AND until > $2 ORDER BY created_at, id LIMIT $4)
    RETURNING id, created_at, attempts, sealed";
const RETRY: &str =
    "UPDATE audex_notices SET attempts = attempts + 1, next_at = $3 WHERE id = $1 AND next_at = $2";
const END: &str = "DELETE FROM audex_notices WHERE id = $1";
const FREE: &str = "UPDATE audex_notices SET next_at = $1 WHERE next_at > $1";
const SWEEP: &str = "DELETE FROM audex_notices WHERE until <= $1";

/// Something to tell somebody, to be written with what it tells of.
///
/// ```
/// use audex_server::store::NewNotice;
/// fn is_for_slack(notice: &NewNotice) -> bool {
///     notice.destination.starts_with("slack-")
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotice {
    /// Which one: the same however often it is sent.
    pub id: Uuid,
    /// For whom. Of each destination 256 are kept, the newest ones.
    pub destination: String,
    /// Since when it is to be told.
    pub created_at: DateTime<Utc>,
    /// Until when it is worth telling.
    pub until: DateTime<Utc>,
    /// What is told, sealed: the store does not read it.
    pub sealed: Vec<u8>,
}

/// A notice that its holder is to deliver, and nobody else for now.
///
/// ```
/// use audex_server::store::HeldNotice;
/// fn is_new(notice: &HeldNotice) -> bool {
///     notice.attempts == 0
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldNotice {
    /// Which one.
    pub id: Uuid,
    /// How many times it was sent in vain.
    pub attempts: usize,
    /// What is told, sealed.
    pub sealed: Vec<u8>,
    created_at: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Store {
    /// Returns for which destinations something waits, and when it is next to be sent: soonest first.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn notices_due(&self, now: DateTime<Utc>) -> Result<Vec<(String, DateTime<Utc>)>, StoreFault> {
        let rows = self.pool.fetch_all(DUE, args![now, DESTINATIONS]).await?;
        rows.iter().map(|row| Ok((row.text("destination")?, row.time("next_at")?))).collect()
    }

    /// Takes hold of what is due for a destination, oldest first: until then, nobody else is given it.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn hold_notices(
        &self,
        destination: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        most: u32,
    ) -> Result<Vec<HeldNotice>, StoreFault> {
        let mut held = self.write(Hold { destination: destination.to_owned(), now, until, most }).await?;
        held.sort_unstable_by_key(|one| (one.created_at, one.id));
        Ok(held)
    }

    /// Has a notice sent once more, not before a time; nothing happens where the hold has ended.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn retry_notice(&self, notice: &HeldNotice, at: DateTime<Utc>) -> Result<(), StoreFault> {
        self.write(Statement { sql: RETRY, args: args![notice.id, notice.until, at] }).await.map(drop)
    }

    /// Deletes a notice that was delivered, or is given up.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn end_notice(&self, id: Uuid) -> Result<(), StoreFault> {
        self.write(Statement { sql: END, args: args![id] }).await.map(drop)
    }

    /// Deletes the notices that are not worth telling any more, and returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn sweep_notices(&self, now: DateTime<Utc>) -> Result<u64, StoreFault> {
        let swept = self.write(Statement { sql: SWEEP, args: args![now] }).await?;
        if swept > 0 {
            tracing::warn!(notices = swept, "notifications were given up: it is too late for them");
        }
        Ok(swept)
    }

    /// Frees what was held by a server that is gone: where only one uses the database, all of them are.
    pub(super) async fn free_notices(&self, now: DateTime<Utc>) -> Result<(), StoreFault> {
        if self.is_shared() {
            return Ok(());
        }
        self.write(Statement { sql: FREE, args: args![now] }).await.map(drop)
    }
}

/// Writes what is to be told.
pub(super) async fn keep(tx: &mut Tx, notices: &[NewNotice]) -> Result<(), StoreFault> {
    for NewNotice { id, destination, created_at, until, sealed } in notices {
        let args = args![*id, &**destination, *created_at, *until, sealed.clone()];
        tx.execute(INSERT, args).await?;
        let dropped = tx.execute(DROP_OLDEST, args![&**destination, MOST, MOST]).await?;
        if dropped > 0 {
            let sink = destination.split('-').next().unwrap_or_default();
            tracing::warn!(sink, notices = dropped, "notifications were dropped: too many wait");
        }
    }
    Ok(())
}

struct Hold {
    destination: String,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    most: u32,
}

impl Work for Hold {
    type Out = Vec<HeldNotice>;

    fn is_evidence(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx) -> Result<Vec<HeldNotice>, StoreFault> {
        let args = args![&*self.destination, self.now, self.until, self.most];
        let rows = tx.fetch_all(HOLD, args).await?;
        let held = |row: &Row| {
            Ok(HeldNotice {
                id: row.uuid("id")?,
                attempts: usize::try_from(row.count("attempts")?).unwrap_or(usize::MAX),
                sealed: row.bytes("sealed")?,
                created_at: row.time("created_at")?,
                until: self.until,
            })
        };
        rows.iter().map(held).collect()
    }
}

/// One statement by itself; how many rows it changed.
struct Statement {
    sql: &'static str,
    args: Vec<Value>,
}

impl Work for Statement {
    type Out = u64;

    fn is_evidence(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx) -> Result<u64, StoreFault> {
        tx.execute(self.sql, self.args.clone()).await
    }
}
