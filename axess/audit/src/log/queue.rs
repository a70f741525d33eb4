//! Entries that wait for the writer thread.

use super::{
    LogError, LogPosition, MAX_BATCH_BYTES, NewEntry,
    core::{Core, lock},
};
use crate::chain::CheckpointReason;
use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// A bounded queue from any number of tasks to one thread.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// Wakes the writer thread.
    filled: Condvar,
    /// Wakes the thread that forces to the disk when it must end.
    ended: Condvar,
    room: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

#[derive(Debug)]
struct Job {
    entry: NewEntry,
    done: oneshot::Sender<Result<LogPosition, LogError>>,
    _room: OwnedSemaphorePermit,
}

impl Queue {
    pub(super) fn new(size: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            filled: Condvar::new(),
            ended: Condvar::new(),
            room: Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Hands an entry to the writer thread and waits until it is in the log.
    ///
    /// Dropped while it waits for room, the entry is not appended; dropped later, it is.
    pub(super) async fn record(&self, entry: NewEntry) -> Result<LogPosition, LogError> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| LogError::Closed)?;
        let (done, outcome) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.closed {
                return Err(LogError::Closed);
            }
            waiting.jobs.push_back(Job { entry, done, _room: room });
        }
        self.filled.notify_one();
        outcome.await.unwrap_or(Err(LogError::Closed))
    }

    /// Takes no more entries; those that wait are still written.
    pub(super) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.room.close();
        self.filled.notify_all();
        self.ended.notify_all();
    }

    /// Returns how many entries wait.
    pub(super) fn len(&self) -> usize {
        lock(&self.waiting).jobs.len()
    }

    /// Waits for entries and takes them; none when the queue is closed and empty.
    fn take(&self, most: usize) -> Option<Vec<Job>> {
        let waiting = lock(&self.waiting);
        let idle = |waiting: &mut Waiting| waiting.jobs.is_empty() && !waiting.closed;
        let mut waiting = self.filled.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        let fits = |job: &&Job| {
            bytes += job.entry.event.len();
            bytes <= MAX_BATCH_BYTES
        };
        let count = waiting.jobs.iter().take(most).take_while(fits).count();
        (count > 0).then(|| waiting.jobs.drain(..count).collect())
    }

    /// Waits for a while; false when the queue was closed.
    fn sleep(&self, period: Duration) -> bool {
        let waiting = lock(&self.waiting);
        let open = |waiting: &mut Waiting| !waiting.closed;
        let woken = self.ended.wait_timeout_while(waiting, period, open);
        !woken.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}

/// Takes no more entries when the writer thread ends, for whatever reason, so that nobody waits for it.
struct CloseAtEnd<'q>(&'q Queue);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
        lock(&self.0.waiting).jobs.clear();
    }
}

impl Core {
    /// Writes what comes through the queue until it is closed, then signs the last checkpoint.
    pub(super) fn write_queued(&self) -> Result<(), LogError> {
        let _close = CloseAtEnd(&self.queue);
        while let Some(jobs) = self.queue.take(self.config.max_batch.clamp(1, super::MAX_BATCH_ENTRIES)) {
            let (entries, waiting): (Vec<_>, Vec<_>) =
                jobs.into_iter().map(|Job { entry, done, _room }| (entry, (done, _room))).unzip();
            let (outcomes, due) = self.append_each(&entries);
            for ((done, _room), outcome) in waiting.into_iter().zip(outcomes) {
                // Nobody may be waiting any more.
                let _ = done.send(outcome);
            }
            self.checkpoint_if(due);
        }
        self.checkpoint(CheckpointReason::Shutdown).map(drop)
    }

    /// Forces entries to the disk every `period` until the queue is closed.
    pub(super) fn sync_periodically(&self, period: Duration) {
        while self.queue.sleep(period) {
            if let Err(error) = self.sync_behind() {
                tracing::error!(%error, "the audit log was not forced to the disk");
            }
        }
    }
}
