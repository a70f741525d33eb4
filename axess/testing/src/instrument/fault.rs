use super::{Instrumented, Probe};
use axess_core::store::{StoreError, StoreErrorKind};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// An identity or factor store that fails on plan.
pub type FaultyBackend<B> = Instrumented<B, FaultPlan>;
/// A session store that fails on plan.
pub type FaultyStore<S> = Instrumented<S, FaultPlan>;

/// Which storage calls fail, and how.
///
/// Clones share the count of calls.
///
/// ```
/// use axess_core::store::StoreErrorKind;
/// use axess_testing::FaultPlan;
/// let plan = FaultPlan::nth(3, StoreErrorKind::Timeout).after();
/// assert_eq!(plan.fired(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct FaultPlan {
    trigger: Trigger,
    kind: StoreErrorKind,
    after: bool,
    calls: Arc<AtomicUsize>,
    fired: Arc<AtomicUsize>,
}

#[derive(Debug, Clone, Copy)]
enum Trigger {
    Nth(usize),
    Verb(&'static str),
}

impl FaultPlan {
    /// Fails the `n`th call (from 1), once.
    #[must_use]
    pub fn nth(n: usize, kind: StoreErrorKind) -> Self {
        Self::new(Trigger::Nth(n), kind)
    }

    /// Fails every call of one verb.
    #[must_use]
    pub fn verb(verb: &'static str, kind: StoreErrorKind) -> Self {
        Self::new(Trigger::Verb(verb), kind)
    }

    /// Fails after the store has done its work: the answer got lost.
    #[must_use]
    pub fn after(self) -> Self {
        Self { after: true, ..self }
    }

    /// Returns how many calls failed so far.
    #[must_use]
    pub fn fired(&self) -> usize {
        self.fired.load(Ordering::SeqCst)
    }

    fn new(trigger: Trigger, kind: StoreErrorKind) -> Self {
        Self { trigger, kind, after: false, calls: Arc::default(), fired: Arc::default() }
    }

    fn judge(&self, verb: &'static str) -> Result<(), StoreError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let fails = match self.trigger {
            Trigger::Nth(n) => n == call,
            Trigger::Verb(name) => name == verb,
        };
        if !fails {
            return Ok(());
        }
        self.fired.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::new(self.kind, "a fault was asked for"))
    }
}

impl Probe for FaultPlan {
    async fn before(&self, verb: &'static str) -> Result<(), StoreError> {
        if self.after { Ok(()) } else { self.judge(verb) }
    }

    async fn after(&self, verb: &'static str) -> Result<(), StoreError> {
        if self.after { self.judge(verb) } else { Ok(()) }
    }
}
