use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// Bounds on a pool. At the default parameters 256 workers already need 16 GiB.
const MAX_WORKERS: usize = 256;
const MAX_QUEUE: usize = 65_536;

/// What one run is assumed to take when a caller is told how long to wait.
const ASSUMED_RUN: Duration = Duration::from_millis(100);

/// `Retry-After` has a resolution of one second, and nobody waits longer than half a minute for a login.
const MIN_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(30);

/// Runs key derivations, a bounded number at a time, and refuses work it cannot start soon.
///
/// Each run holds tens of MiB and a whole core, so the pool, not the number of requests, decides how much memory
/// logins can take: `workers` times the memory of one run. A caller that goes away frees its place in the queue at
/// once; a run that has started cannot be stopped and keeps its place until it is done.
///
/// ```
/// use axess_factors::KdfPool;
/// let pool = KdfPool::new(2, 64);
/// assert_eq!(pool.runs(), 0);
/// ```
#[derive(Debug)]
pub struct KdfPool {
    gate: Option<Gate>,
    runs: Arc<AtomicU64>,
}

/// Says why a key derivation was not done.
///
/// ```
/// use axess_factors::KdfError;
/// use std::time::Duration;
/// let error = KdfError::Overloaded { retry_after: Duration::from_secs(2) };
/// assert_eq!(error.to_string(), "too many password checks are waiting");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum KdfError {
    /// The queue is full. Nothing was computed; answer 503.
    #[error("too many password checks are waiting")]
    Overloaded {
        /// How long to wait before another attempt.
        retry_after: Duration,
    },
    /// The machine has no memory for another run. Nothing was computed.
    #[error("there is not enough memory for a password check")]
    OutOfMemory,
    /// The runtime is shutting down.
    #[error("the worker of a password check stopped")]
    Stopped(#[source] tokio::task::JoinError),
}

#[derive(Debug)]
struct Gate {
    /// One permit for everybody in the pool, running or waiting.
    places: Arc<Semaphore>,
    /// One permit for everybody running.
    workers: Arc<Semaphore>,
    retry_after: Duration,
}

impl KdfPool {
    /// Creates a pool that runs at most `workers` derivations at once while at most `queue` callers wait.
    ///
    /// `workers` counts as the nearest of 1 to 256, `queue` of 0 to 65536. The pool uses Tokio's blocking threads and
    /// must be awaited inside a Tokio runtime.
    #[must_use]
    pub fn new(workers: usize, queue: usize) -> Self {
        let (workers, queue) = (workers.clamp(1, MAX_WORKERS), queue.min(MAX_QUEUE));
        let rounds = u32::try_from(queue / workers).unwrap_or(u32::MAX);
        Self {
            gate: Some(Gate {
                places: Arc::new(Semaphore::new(workers + queue)),
                workers: Arc::new(Semaphore::new(workers)),
                retry_after: ASSUMED_RUN.saturating_mul(rounds).clamp(MIN_RETRY, MAX_RETRY),
            }),
            runs: Arc::default(),
        }
    }

    /// Creates a pool that runs every derivation at once on the caller's own task.
    ///
    /// Deterministic and without a bound: for tests and simulations.
    #[must_use]
    pub fn inline() -> Self {
        Self { gate: None, runs: Arc::default() }
    }

    /// Returns how many derivations were started, ever.
    ///
    /// Tests compare it to show that two paths do equal work.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }

    /// Runs `job` as soon as there is room.
    ///
    /// # Errors
    ///
    /// [`KdfError::Overloaded`] at once if the queue is full, [`KdfError::Stopped`] if the runtime shuts down.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, KdfError> {
        let Some(gate) = &self.gate else {
            self.runs.fetch_add(1, Ordering::SeqCst);
            return Ok(job());
        };
        let overloaded = || KdfError::Overloaded { retry_after: gate.retry_after };
        let place = Arc::clone(&gate.places).try_acquire_owned().map_err(|_| overloaded())?;
        // Fails only on a closed semaphore, and nobody closes this one.
        let worker = Arc::clone(&gate.workers).acquire_owned().await.map_err(|_| overloaded())?;
        let runs = Arc::clone(&self.runs);
        tokio::task::spawn_blocking(move || {
            // Both permits live as long as the run, even if the caller is gone.
            let _held = (place, worker);
            runs.fetch_add(1, Ordering::SeqCst);
            job()
        })
        .await
        .map_err(KdfError::Stopped)
    }
}

#[cfg(test)]
mod tests;
