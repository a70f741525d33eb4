//! The audit trail: what is searched, and what is on its way.

mod outbox;
mod store;

pub use outbox::SqlAuditOutbox;
pub use store::SqlAuditStore;

#[cfg(all(test, feature = "sqlite"))]
pub(crate) use store::statements;

use crate::db::misuse;
use axess_core::store::StoreError;

/// The most bytes one event has.
const MAX_BODY: usize = 256 * 1024;
/// How many rows one statement adds: with the longest events it stays below what MySQL takes by default (16 MiB).
const ROWS_PER_INSERT: usize = 32;

fn checked_body(body: &[u8]) -> Result<(), StoreError> {
    if body.len() > MAX_BODY { Err(misuse("an event has at most 256 KiB")) } else { Ok(()) }
}
