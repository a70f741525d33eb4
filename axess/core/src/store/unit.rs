use super::StoreError;
use std::{any::Any, fmt, pin::Pin, sync::Arc};
use tokio::sync::{Mutex, OwnedMutexGuard};

tokio::task_local! {
    static CURRENT: UnitOfWork;
}

/// What a database keeps open for a [`UnitOfWork`]: its transaction.
///
/// Dropped without a commit, it undoes what was written.
///
/// ```
/// use axess_core::store::{PendingWork, StoreError};
/// use std::pin::Pin;
/// struct Nothing;
/// impl PendingWork for Nothing {
///     fn commit(self: Box<Self>) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>> {
///         Box::pin(async { Ok(()) })
///     }
/// }
/// # let _: Box<dyn PendingWork> = Box::new(Nothing);
/// ```
pub trait PendingWork: Any + Send {
    /// Makes everything that was written visible and durable, or nothing.
    fn commit(self: Box<Self>) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;
}

/// Holds a unit's open transaction, or nothing when nothing was written yet.
///
/// ```
/// fn is_untouched(slot: &axess_core::store::UnitSlot) -> bool {
///     slot.is_none()
/// }
/// ```
pub type UnitSlot = OwnedMutexGuard<Option<Box<dyn PendingWork>>>;

/// Makes several writes one atomic step, where one database keeps them.
///
/// They are what an operation changes, and the event that says so. The unit belongs to the task, so no store needs to be told. A store that knows units writes into the unit's
/// transaction, which the first write opens; stores that do not, and other databases than that of the first write, write as
/// ever. It must be short: the first write's locks are held until the end.
///
/// ```
/// use axess_core::store::{StoreError, UnitOfWork};
/// # async fn example() -> Result<(), StoreError> {
/// let answer = UnitOfWork::run(async {
///     // store.save(...).await?; outbox.append(...).await?;
///     Ok::<_, StoreError>(42)
/// })
/// .await?;
/// assert_eq!(answer, 42);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct UnitOfWork {
    pending: Arc<Mutex<Option<Box<dyn PendingWork>>>>,
}

impl UnitOfWork {
    /// Runs `work`; commits what it wrote when it succeeds, and undoes it when it fails or is dropped.
    ///
    /// Inside another unit it is a part of that one.
    ///
    /// # Errors
    ///
    /// That of `work`; else that of the commit, after which nothing was written.
    pub async fn run<T, E: From<StoreError>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        if Self::current().is_some() {
            return work.await;
        }
        let unit = Self::default();
        let outcome = CURRENT.scope(unit.clone(), work).await?;
        if let Some(pending) = unit.pending.lock_owned().await.take() {
            pending.commit().await?;
        }
        Ok(outcome)
    }

    /// Returns the unit that the current task runs in: for stores.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Waits for the other calls of this unit and returns its transaction.
    pub async fn slot(&self) -> UnitSlot {
        Arc::clone(&self.pending).lock_owned().await
    }
}

impl fmt::Debug for UnitOfWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnitOfWork").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Counts its end: 1 for a commit, 100 for being undone.
    struct Probe(Arc<AtomicU32>, bool);

    impl PendingWork for Probe {
        fn commit(mut self: Box<Self>) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>> {
            self.1 = true;
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(()) })
        }
    }

    impl Drop for Probe {
        fn drop(&mut self) {
            self.0.fetch_add(if self.1 { 0 } else { 100 }, Ordering::Relaxed);
        }
    }

    async fn write(ends: &Arc<AtomicU32>) {
        let mut slot = UnitOfWork::current().unwrap().slot().await;
        slot.get_or_insert_with(|| Box::new(Probe(Arc::clone(ends), false)));
    }

    #[tokio::test]
    async fn a_unit_commits_once_and_only_when_its_work_succeeded() {
        let ends = Arc::new(AtomicU32::new(0));
        let nested = UnitOfWork::run(async {
            write(&ends).await;
            let inner = async {
                write(&ends).await;
                Ok::<_, StoreError>(())
            };
            UnitOfWork::run(inner).await
        });
        nested.await.unwrap();
        assert_eq!(ends.load(Ordering::Relaxed), 1);

        let failing = UnitOfWork::run(async {
            write(&ends).await;
            Err::<(), _>(StoreError::bare(StoreErrorKind::Unavailable))
        });
        failing.await.unwrap_err();
        assert_eq!(ends.load(Ordering::Relaxed), 101);

        let given_up = UnitOfWork::run(async {
            write(&ends).await;
            std::future::pending::<Result<(), StoreError>>().await
        });
        let limit = std::time::Duration::from_millis(10);
        tokio::time::timeout(limit, given_up).await.unwrap_err();
        assert_eq!(ends.load(Ordering::Relaxed), 201);
        assert!(UnitOfWork::current().is_none());
    }
}
