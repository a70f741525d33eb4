//! What happens to a session that has begun: each change is of the session as it is within the transaction.

use super::{LOAD, SessionChange, unknown};
use crate::store::{
    StoreFault,
    handovers::{Sealed, keep},
    limits::Limits,
    requests::give_back,
    sql::args,
    tx::{Counted, Tx},
    writer::Work,
    written,
};
use audex_core::{
    IssueError,
    session::{SessionId, SessionRecord, Step},
};
use axess::{rng::SecureRng, store::OutboxRecord};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Reads a session that nobody else changes until the transaction ends.
const LOCK: &str = "UPDATE audex_sessions SET version = version + 1 WHERE id = $1 RETURNING version, record";

/// Does a step to a session.
pub(super) struct Save {
    pub(super) id: SessionId,
    pub(super) step: Step,
    pub(super) sealed: Option<Sealed>,
    pub(super) now: DateTime<Utc>,
    pub(super) rng: Arc<dyn SecureRng>,
}

impl Work for Save {
    type Out = Result<SessionRecord, IssueError>;

    async fn run(&self, tx: &mut Tx) -> Result<Self::Out, StoreFault> {
        let Some(row) = tx.fetch_optional(LOCK, args![self.id]).await? else {
            return Ok(Err(unknown(self.id)));
        };
        let mut record: SessionRecord = row.json("record")?;
        let was_over = record.status.is_over();
        let told = match record.take(&self.step, self.now) {
            Ok(told) => told,
            Err(error) => return Ok(Err(error)),
        };
        SessionChange::new(&record, row.int("version")?)?.apply(tx).await?;
        if matches!(self.step, Step::Ended { gives_back: true, .. }) && !was_over {
            give_back(tx, self.id).await?;
        }
        let told = told.iter().map(|(who, event)| (Some(who), event.clone()));
        tx.record(&written(self.now, &*self.rng, told)?);
        // What is kept of a session that is over is deleted at the end.
        keep(tx, self.sealed.as_ref()).await?;
        Ok(Ok(record))
    }
}

/// Asks for another credential of a session.
pub(super) struct Renew {
    pub(super) id: SessionId,
    pub(super) limits: Limits,
    pub(super) events: Vec<OutboxRecord>,
    pub(super) now: DateTime<Utc>,
}

impl Work for Renew {
    type Out = Result<(), IssueError>;

    fn counts(&self) -> Vec<Counted<'_>> {
        self.limits.counted(self.now)
    }

    async fn run(&self, tx: &mut Tx) -> Result<Self::Out, StoreFault> {
        let Some(row) = tx.fetch_optional(LOAD, args![self.id]).await? else {
            return Ok(Err(unknown(self.id)));
        };
        let record: SessionRecord = row.json("record")?;
        if let Err(error) = record.check_room(self.now) {
            return Ok(Err(error));
        }
        if let Err(limited) = tx.admit(&self.limits, self.now, true, false).await? {
            return Ok(Err(IssueError::Limited(limited)));
        }
        tx.record(&self.events);
        Ok(Ok(()))
    }
}
