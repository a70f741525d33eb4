//! Storage wrappers: one wrapper, and three things to do around each call (count it, fail it, pause at it).

mod count;
mod fault;
mod pause;
pub(crate) mod verbs;

pub use count::{CallLog, CountingBackend, CountingSessionStore};
pub use fault::{FaultPlan, FaultyBackend, FaultyStore};
pub use pause::{YieldPoints, Yielding};

use axess_core::store::StoreError;
use std::future::Future;

/// Is told of every storage call and may fail or delay it.
///
/// ```
/// use axess_core::store::StoreError;
/// use axess_testing::Probe;
/// struct Nothing;
/// impl Probe for Nothing {
///     async fn before(&self, _verb: &'static str) -> Result<(), StoreError> {
///         Ok(())
///     }
///     async fn after(&self, _verb: &'static str) -> Result<(), StoreError> {
///         Ok(())
///     }
/// }
/// ```
pub trait Probe: Send + Sync + 'static {
    /// Is called before the call reaches the store; an error keeps it from getting there.
    fn before(&self, verb: &'static str) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Is called when the store has done it; an error takes the place of the answer.
    fn after(&self, verb: &'static str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A store with a [`Probe`] around every verb; it implements whichever storage traits the store does.
///
/// ```
/// use axess_core::{memory::InMemorySessionStore, store::SessionStore};
/// use axess_identity::SessionId;
/// use axess_testing::{CallLog, Instrumented};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let log = CallLog::default();
/// let store = Instrumented::new(InMemorySessionStore::new(), log.clone());
/// store.load(SessionId::from_bytes([0; 16]), chrono::DateTime::UNIX_EPOCH).await?;
/// assert_eq!(log.take(), ["load"]);
/// # Ok::<(), axess_core::store::StoreError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Instrumented<S, P> {
    inner: S,
    probe: P,
}

impl<S, P> Instrumented<S, P> {
    /// Wraps `inner`.
    ///
    /// Give several stores clones of one probe to see their calls as one sequence.
    pub fn new(inner: S, probe: P) -> Self {
        Self { inner, probe }
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Returns the probe.
    pub fn probe(&self) -> &P {
        &self.probe
    }
}
