use crate::store::{StoreError, StoreErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most rows any of the small in-memory stores keeps.
const MAX_ROWS: usize = 1_000_000;

/// Shared rows behind one lock: what every small in-memory store is made of.
#[derive(Debug)]
pub(super) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Refuses a row too many: a full store never drops what somebody relies on.
pub(super) fn room_for(rows: usize, more: usize) -> Result<(), StoreError> {
    match rows.saturating_add(more) <= MAX_ROWS {
        true => Ok(()),
        false => Err(StoreError::bare(StoreErrorKind::Full)),
    }
}

/// Returns a count as the verbs report it.
pub(super) fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
