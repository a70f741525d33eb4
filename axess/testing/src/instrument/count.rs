use super::{Instrumented, Probe};
use axess_core::store::StoreError;
use std::sync::{Arc, Mutex, PoisonError};

/// An identity or factor store that logs its calls.
pub type CountingBackend<B> = Instrumented<B, CallLog>;
/// A session store that logs its calls.
pub type CountingSessionStore<S> = Instrumented<S, CallLog>;

/// The names of the storage verbs that were called, in order.
///
/// Clones share the log.
///
/// ```
/// use axess_testing::CallLog;
/// assert!(CallLog::default().take().is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CallLog(Arc<Mutex<Vec<&'static str>>>);

impl CallLog {
    /// Returns the calls since the last time, and forgets them.
    #[must_use]
    pub fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Probe for CallLog {
    async fn before(&self, verb: &'static str) -> Result<(), StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(verb);
        Ok(())
    }

    async fn after(&self, _: &'static str) -> Result<(), StoreError> {
        Ok(())
    }
}
