use super::{Instrumented, Probe};
use crate::schedule::pause;
use axess_core::store::StoreError;

/// A store that pauses before and after each call, so that a seeded run interleaves the calls of its tasks.
pub type Yielding<S> = Instrumented<S, YieldPoints>;

/// Lets other tasks go first, before and after each storage call.
///
/// For [`schedule::run`](crate::schedule::run).
///
/// ```
/// use axess_core::memory::InMemorySessionStore;
/// use axess_testing::{YieldPoints, Yielding};
/// let store: Yielding<InMemorySessionStore> = Yielding::new(InMemorySessionStore::new(), YieldPoints);
/// assert!(store.inner().is_empty());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct YieldPoints;

impl Probe for YieldPoints {
    async fn before(&self, _: &'static str) -> Result<(), StoreError> {
        pause().await;
        Ok(())
    }

    async fn after(&self, _: &'static str) -> Result<(), StoreError> {
        pause().await;
        Ok(())
    }
}
