use super::{Db, Dialect, Lease, Row, Value, classify, error::lost_a_race};
use axess_core::store::{StoreError, StoreErrorKind};
use std::{borrow::Cow, error::Error, time::Duration};
use tokio::sync::SemaphorePermit;

/// How often a transaction that lost against another one is run again.
const MAX_ATTEMPTS: u32 = 10;
/// How long it waits before that, times the number of attempts so far.
const BACKOFF: Duration = Duration::from_millis(3);

/// A transaction: all of it happens, or nothing.
///
/// Its first statement takes the locks (`{lock}`), so that what it reads afterwards is what it changes. Dropped before it
/// has ended, its connection is closed, which undoes everything.
pub(crate) struct Tx<'d> {
    lease: Lease,
    _turn: Option<SemaphorePermit<'d>>,
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
    pub(crate) async fn begin(&self) -> Result<Tx<'_>, StoreError> {
        let turn = self.writer_turn().await?;
        let mut lease = self.lease().await?;
        let begin = match lease.dialect() {
            // A transaction that reads first and writes later would fail when another wrote in between.
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres | Dialect::MySql => "BEGIN",
        };
        self.limited(lease.command(begin)).await?;
        Ok(Tx { lease, _turn: turn })
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

impl Tx<'_> {
    /// Runs one statement and returns how many rows it changed (or, on MySQL, matched).
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Value>,
    ) -> Result<u64, StoreError> {
        self.lease.execute(&sql.into(), args).await.map_err(classify)
    }

    /// Reads at most one row.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        self.lease.fetch_optional(&sql.into(), args).await.map_err(classify)
    }

    /// Reads all rows; the statement bounds how many.
    pub(crate) async fn fetch_all(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.lease.fetch_all(&sql.into(), args).await.map_err(classify)
    }

    /// Commits what went well and undoes what did not.
    pub(crate) async fn end<T>(mut self, db: &Db, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match outcome {
            Ok(value) => {
                db.limited(self.lease.command("COMMIT")).await?;
                self.lease.settle();
                Ok(value)
            }
            Err(error) => {
                // Out of time means that something is still under way; closing the connection is what undoes it then.
                if error.kind() != StoreErrorKind::Timeout && self.lease.command("ROLLBACK").await.is_ok() {
                    self.lease.settle();
                }
                Err(error)
            }
        }
    }
}
