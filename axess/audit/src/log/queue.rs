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

/// How often a writer without work looks whether a checkpoint is due.
const IDLE: Duration = Duration::from_secs(1);

/// What the writer thread does next.
enum Next {
    Write(Vec<Job>),
    /// Nothing came for a while.
    Look,
    End,
}

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

    /// Waits for entries, for a while, and takes them.
    fn take(&self, most: usize) -> Next {
        let waiting = lock(&self.waiting);
        let idle = |waiting: &mut Waiting| waiting.jobs.is_empty() && !waiting.closed;
        let woken = self.filled.wait_timeout_while(waiting, IDLE, idle);
        let mut waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        if waiting.jobs.is_empty() {
            return if waiting.closed { Next::End } else { Next::Look };
        }
        let mut bytes = 0;
        let fits = |job: &&Job| {
            bytes += job.entry.event.len();
            bytes <= MAX_BATCH_BYTES
        };
        let count = waiting.jobs.iter().take(most).take_while(fits).count().max(1);
        Next::Write(waiting.jobs.drain(..count).collect())
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
        if std::thread::panicking() {
            tracing::error!("the writer of the audit log panicked; the log takes no more entries through it");
        }
        self.0.close();
        lock(&self.0.waiting).jobs.clear();
    }
}

impl Core {
    /// Writes what comes through the queue until it is closed, then signs the last checkpoint.
    pub(super) fn write_queued(&self) -> Result<(), LogError> {
        let _close = CloseAtEnd(&self.queue);
        let most = self.config.max_batch.clamp(1, super::MAX_BATCH_ENTRIES);
        let mut failing = false;
        loop {
            let jobs = match self.queue.take(most) {
                Next::Write(jobs) => jobs,
                Next::Look => {
                    let looked = self.tick();
                    // Once, and not each second for as long as it lasts.
                    if let (Err(error), false) = (&looked, failing) {
                        tracing::warn!(%error, "no checkpoint of the audit log was signed");
                    }
                    failing = looked.is_err();
                    continue;
                }
                Next::End => break,
            };
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
