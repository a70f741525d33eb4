//! Taking part in a [`UnitOfWork`]: one transaction for everything the unit writes to one database.

use super::{Db, Lease, Row, Value, classify, try_again};
use axess_core::store::{PendingWork, StoreError, StoreErrorKind, UnitOfWork, UnitSlot};
use std::{any::Any, pin::Pin};
use tokio::sync::OwnedSemaphorePermit;

/// The transaction of a unit.
struct OpenUnit {
    db: Db,
    lease: Lease,
    _turn: Option<OwnedSemaphorePermit>,
    /// A statement failed outside a savepoint, or something may still be under way: it can only be undone.
    is_broken: bool,
}

impl PendingWork for OpenUnit {
    fn commit(mut self: Box<Self>) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>> {
        Box::pin(async move {
            if self.is_broken {
                return Err(broken());
            }
            self.db.limited(self.lease.command("COMMIT")).await?;
            self.lease.settle();
            Ok(())
        })
    }
}

/// A unit's transaction, for one call.
pub(crate) struct Joined {
    slot: UnitSlot,
}

impl Db {
    /// Returns the transaction of the unit that the task runs in, if it is one on this database.
    ///
    /// One that does not exist yet is begun for a writer, but not for a reader.
    pub(super) async fn join(&self, writes: bool) -> Result<Option<Joined>, StoreError> {
        let Some(unit) = UnitOfWork::current() else { return Ok(None) };
        let mut slot = match tokio::time::timeout(self.timeout, unit.slot()).await {
            Ok(slot) => slot,
            Err(elapsed) => return Err(StoreError::new(StoreErrorKind::Timeout, elapsed)),
        };
        if slot.is_none() && writes {
            *slot = Some(Box::new(self.open_unit().await?));
        }
        let mut joined = Joined { slot };
        Ok(match joined.open() {
            Some(open) if open.is_broken => return Err(broken()),
            Some(open) if open.db.is_same(self) => Some(joined),
            _ => None,
        })
    }

    async fn open_unit(&self) -> Result<OpenUnit, StoreError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.begin_alone().await {
                Ok((lease, turn)) => {
                    return Ok(OpenUnit { db: self.clone(), lease, _turn: turn, is_broken: false });
                }
                Err(error) if try_again(&error, attempt).await => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Joined {
    pub(super) async fn execute(&mut self, sql: &str, args: Vec<Value>) -> Result<u64, StoreError> {
        let open = self.open().ok_or_else(broken)?;
        let done = open.lease.execute(sql, args).await;
        done.map_err(classify)
    }

    pub(super) async fn fetch_optional(
        &mut self,
        sql: &str,
        args: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        let open = self.open().ok_or_else(broken)?;
        let row = open.lease.fetch_optional(sql, args).await;
        row.map_err(classify)
    }

    pub(super) async fn fetch_all(&mut self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let open = self.open().ok_or_else(broken)?;
        let rows = open.lease.fetch_all(sql, args).await;
        rows.map_err(classify)
    }

    pub(super) async fn command(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let open = self.open().ok_or_else(broken)?;
        let done = open.lease.command(sql).await;
        done.map_err(classify)
    }

    /// Hands on what a call said; after a failure the unit can only be undone.
    pub(super) fn checked<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if outcome.is_err() {
            self.give_up();
        }
        outcome
    }

    pub(super) fn give_up(&mut self) {
        if let Some(open) = self.open() {
            open.is_broken = true;
        }
    }

    fn open(&mut self) -> Option<&mut OpenUnit> {
        let pending: &mut dyn Any = &mut **self.slot.as_mut()?;
        pending.downcast_mut()
    }
}

fn broken() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "an earlier call of the same unit of work failed")
}
