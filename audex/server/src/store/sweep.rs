//! What time brings about: sessions expire, requests lapse, and what a crash left is put right.

use super::{
    NewNotice, Store, StoreFault, notices,
    requests::LAPSED,
    sessions::SessionChange,
    sql::{Row, args},
    tx::Tx,
    writer::Work,
};
use crate::model::PendingRequest;
use audex_core::{
    approval::ApprovalState,
    audit::BrokerEvent,
    session::{Ending, SessionRecord, SessionStatus},
};
use axess::store::OutboxRecord;
use chrono::{DateTime, TimeDelta, Utc};

/// How many are dealt with in one transaction.
const BATCH: u32 = 200;

/// After how long a session without a credential was left by a server that is gone: none mints for so long.
const ABANDONED_AFTER: TimeDelta = TimeDelta::minutes(5);

/// How far in the future a counted request may be, before the clock was wrong when it was counted.
const TOO_FAR: TimeDelta = TimeDelta::days(1);

const EXPIRED: &str = "SELECT version, record FROM audex_sessions WHERE status = 0 AND deadline <= $1
    ORDER BY deadline LIMIT $2";
const ABANDONED: &str =
    "SELECT version, record FROM audex_sessions WHERE status = 0 AND bare = 1 AND created_at <= $1
    ORDER BY created_at LIMIT $2";
const OVERDUE: &str =
    "SELECT version, state, body FROM audex_requests WHERE state IN (0, 1) AND expires_at <= $1
    ORDER BY expires_at LIMIT $2";
const LAPSE: &str =
    "UPDATE audex_requests SET version = version + 1, state = $3 WHERE id = $1 AND version = $2";
const FORGIVE_COUNTS: &str = "UPDATE audex_counts SET counted_at = $1 WHERE counted_at > $2 AND name IN
    (SELECT name FROM audex_limits WHERE latest > $2)";
const FORGIVE_LIMITS: &str = "UPDATE audex_limits SET latest = $1 WHERE latest > $2";

impl Store {
    /// Ends the sessions whose deadline has passed, and those without a credential whose server is gone; returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreFault`]; what was ended before is.
    pub async fn expire_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreFault> {
        let expired = self.end_all(EXPIRED, now, now, SessionStatus::Expired, "the deadline passed").await?;
        let reason = "its server was gone before a credential was recorded; one may have been minted";
        let left = now - ABANDONED_AFTER;
        Ok(expired + self.end_all(ABANDONED, left, now, SessionStatus::Failed, reason).await?)
    }

    /// Lets requests lapse that nobody decided, or nobody picked up, in time, and keeps whom to `tell`; returns them.
    ///
    /// Of several servers that do so, one returns each.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn lapse_requests(
        &self,
        now: DateTime<Utc>,
        tell: impl Fn(&PendingRequest) -> Vec<NewNotice> + Send + Sync,
    ) -> Result<Vec<PendingRequest>, StoreFault> {
        let mut lapsed = Vec::new();
        loop {
            let rows = self.pool.fetch_all(OVERDUE, args![now, BATCH]).await?;
            let found = rows.len();
            let mut changes = Vec::with_capacity(found);
            for row in rows {
                let pending: PendingRequest = match row.json("body") {
                    Ok(pending) => pending,
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "a request cannot lapse");
                        continue;
                    }
                };
                let reason = match pending.approval.state() {
                    ApprovalState::Approved => "it was approved, and not picked up in time",
                    _ => "nobody decided in time",
                };
                let event =
                    BrokerEvent::ApprovalLapsed { session_id: pending.session_id, reason: reason.to_owned() };
                let (version, events) = (row.int("version")?, self.events(None, [event])?);
                let notices = tell(&pending);
                changes.push(Lapsing { version, pending, events, notices });
            }
            if changes.is_empty() {
                return Ok(lapsed);
            }
            lapsed.extend(self.write(Lapse { changes }).await?);
            if found < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                return Ok(lapsed);
            }
        }
    }

    /// Takes requests that were counted far in the future as of now: the clock was wrong, and is not any more.
    pub(super) async fn forgive(&self, now: DateTime<Utc>) -> Result<(), StoreFault> {
        self.write(Forgive { now }).await
    }

    async fn end_all(
        &self,
        select: &'static str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
        status: SessionStatus,
        reason: &str,
    ) -> Result<u64, StoreFault> {
        let mut ended = 0;
        loop {
            let rows = self.pool.fetch_all(select, args![until, BATCH]).await?;
            let is_last = rows.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            // One that cannot be read does not keep the others from it.
            let read = |row: &Row| match self.ended(row, now, status, reason) {
                Ok(ended) => Some(ended),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a session cannot be ended");
                    None
                }
            };
            let changes: Vec<_> = rows.iter().filter_map(read).collect();
            if changes.is_empty() {
                return Ok(ended);
            }
            ended += self.write(End { changes }).await?;
            if is_last {
                return Ok(ended);
            }
        }
    }

    /// Returns the end of a session, with the event that tells.
    fn ended(
        &self,
        row: &Row,
        now: DateTime<Utc>,
        status: SessionStatus,
        reason: &str,
    ) -> Result<(SessionChange, Vec<OutboxRecord>), StoreFault> {
        let mut record: SessionRecord = row.json("record")?;
        record.status = status;
        record.ended_at = Some(now);
        let code = (status == SessionStatus::Failed).then(|| "abandoned".to_owned());
        record.ending = Some(Ending { reason: Some(reason.to_owned()), code, ..Ending::default() });
        let events = self.events(Some(&record.requester), [record.ended(now)])?;
        Ok((SessionChange::new(&record, row.int("version")?)?, events))
    }
}

struct End {
    changes: Vec<(SessionChange, Vec<OutboxRecord>)>,
}

impl Work for End {
    type Out = u64;

    async fn run(&self, tx: &mut Tx) -> Result<u64, StoreFault> {
        let mut ended = 0;
        for (change, events) in &self.changes {
            if change.apply(tx).await? {
                tx.record(events);
                ended += 1;
            }
        }
        Ok(ended)
    }
}

struct Lapse {
    changes: Vec<Lapsing>,
}

struct Lapsing {
    version: i64,
    pending: PendingRequest,
    events: Vec<OutboxRecord>,
    notices: Vec<NewNotice>,
}

impl Work for Lapse {
    type Out = Vec<PendingRequest>;

    async fn run(&self, tx: &mut Tx) -> Result<Vec<PendingRequest>, StoreFault> {
        let mut lapsed = Vec::new();
        for Lapsing { version, pending, events, notices } in &self.changes {
            if tx.execute(LAPSE, args![pending.session_id, *version, LAPSED]).await? > 0 {
                tx.record(events);
                notices::keep(tx, notices).await?;
                lapsed.push(pending.clone());
            }
        }
        Ok(lapsed)
    }
}

struct Forgive {
    now: DateTime<Utc>,
}

impl Work for Forgive {
    type Out = ();

    fn is_evidence(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreFault> {
        tx.execute(FORGIVE_COUNTS, args![self.now, self.now + TOO_FAR]).await?;
        tx.execute(FORGIVE_LIMITS, args![self.now, self.now + TOO_FAR]).await.map(drop)
    }
}
