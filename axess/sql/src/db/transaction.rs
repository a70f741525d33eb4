use super::{Db, Dialect, Lease, Row, Value, classify, error::lost_a_race, unit::Joined};
use axess_core::store::{StoreError, StoreErrorKind};
use std::{borrow::Cow, error::Error, time::Duration};
use tokio::sync::OwnedSemaphorePermit;

/// How often a transaction that lost against another one is run again.
const MAX_ATTEMPTS: u32 = 10;
/// How long it waits before that, times the number of attempts so far.
const BACKOFF: Duration = Duration::from_millis(3);

/// A transaction: all of it happens, or nothing.
///
/// Its first statement takes the locks (`{lock}`), so that what it reads afterwards is what it changes. Dropped before it
/// has ended, its connection is closed, which undoes everything. In a unit of work it is a savepoint of the unit's transaction.
pub(crate) enum Tx {
    Own { lease: Lease, _turn: Option<OwnedSemaphorePermit> },
    Joined(Joined),
}

/// Runs a block in a transaction, again when it lost against another transaction.
///
/// `transaction!(db, tx => { ...; Ok(value) })`. The block may run several times; `?` ends and undoes it.
macro_rules! transaction {
    ($db:expr, $tx:ident => $body:block) => {{
        let db: &$crate::db::Db = &$db;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut running = match db.begin().await {
                Ok(running) => running,
                Err(error) if $crate::db::try_again(&error, attempt).await => continue,
                Err(error) => break Err(error),
            };
            let outcome = db
                .limited_block(async {
                    let $tx = &mut running;
                    $body
                })
                .await;
            match running.end(db, outcome).await {
                Err(error) if $crate::db::try_again(&error, attempt).await => {}
                ended => break ended,
            }
        }
    }};
}
pub(crate) use transaction;

/// Tells whether a failed transaction should run again, after waiting a little.
pub(crate) async fn try_again(error: &StoreError, attempt: u32) -> bool {
    let lost = error.source().and_then(|source| source.downcast_ref()).is_some_and(lost_a_race);
    if lost && attempt < MAX_ATTEMPTS {
        tokio::time::sleep(BACKOFF.saturating_mul(attempt)).await;
        return true;
    }
    false
}

impl Db {
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        if let Some(mut unit) = self.join(true).await? {
            let begun = self.limited_block(unit.command("SAVEPOINT axess_step")).await;
            unit.checked(begun)?;
            return Ok(Tx::Joined(unit));
        }
        let (lease, turn) = self.begin_alone().await?;
        Ok(Tx::Own { lease, _turn: turn })
    }

    pub(super) async fn begin_alone(&self) -> Result<(Lease, Option<OwnedSemaphorePermit>), StoreError> {
        let turn = self.writer_turn().await?;
        let mut lease = self.lease().await?;
        let begin = match lease.dialect() {
            // A transaction that reads first and writes later would fail when another wrote in between.
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres | Dialect::MySql => "BEGIN",
        };
        self.limited(lease.command(begin)).await?;
        Ok((lease, turn))
    }

    pub(crate) async fn limited_block<T>(
        &self,
        block: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.timeout, block).await {
            Ok(done) => done,
            Err(elapsed) => Err(StoreError::new(StoreErrorKind::Timeout, elapsed)),
        }
    }
}

impl Tx {
    /// Runs one statement and returns how many rows it changed (or, on MySQL, matched).
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Value>,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Own { lease, .. } => lease.execute(&sql.into(), args).await.map_err(classify),
            Self::Joined(unit) => unit.execute(&sql.into(), args).await,
        }
    }

    /// Reads at most one row.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        match self {
            Self::Own { lease, .. } => lease.fetch_optional(&sql.into(), args).await.map_err(classify),
            Self::Joined(unit) => unit.fetch_optional(&sql.into(), args).await,
        }
    }

    /// Reads all rows; the statement bounds how many.
    pub(crate) async fn fetch_all(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Own { lease, .. } => lease.fetch_all(&sql.into(), args).await.map_err(classify),
            Self::Joined(unit) => unit.fetch_all(&sql.into(), args).await,
        }
    }

    /// Commits what went well and undoes what did not.
    pub(crate) async fn end<T>(self, db: &Db, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match self {
            Self::Own { lease, .. } => end_own(lease, db, outcome).await,
            Self::Joined(unit) => end_joined(unit, db, outcome).await,
        }
    }
}

async fn end_own<T>(mut lease: Lease, db: &Db, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    match outcome {
        Ok(value) => {
            db.limited(lease.command("COMMIT")).await?;
            lease.settle();
            Ok(value)
        }
        Err(error) => {
            // Out of time means that something is still under way; closing the connection is what undoes it then.
            if error.kind() != StoreErrorKind::Timeout && lease.command("ROLLBACK").await.is_ok() {
                lease.settle();
            }
            Err(error)
        }
    }
}

/// Ends the savepoint; what it wrote becomes visible with the unit.
async fn end_joined<T>(mut unit: Joined, db: &Db, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    match outcome {
        Ok(value) => {
            let released = db.limited_block(unit.command("RELEASE SAVEPOINT axess_step")).await;
            unit.checked(released)?;
            Ok(value)
        }
        Err(error) => {
            let is_idle = error.kind() != StoreErrorKind::Timeout;
            if !is_idle || unit.command("ROLLBACK TO SAVEPOINT axess_step").await.is_err() {
                unit.give_up();
            }
            Err(error)
        }
    }
}
