//! Everything is written by one task, many operations in one transaction, so that they share one wait for the disk.
//!
//! An operation that does not apply (a limit is reached, somebody was first) says so before it has written anything, and the
//! others of its transaction are not touched. When a statement fails, or all
//! together take too long, or another server is in the way, all is undone and each operation runs once more, alone.

use super::{
    StoreFault,
    sql::{Connection, Pool, STATEMENT_LIMIT},
    tx::{Counted, Tx},
};
use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{
        Mutex, Notify,
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    task::JoinHandle,
};

/// The most operations of one transaction.
const MAX_BATCH: usize = 256;

/// How many operations may wait.
const MAX_WAITING: usize = 8_192;

/// How long an operation may wait to be written, before it is given up.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// How long SQLite is left alone between two transactions: it has one writer at a time, and the logins write too.
const BREATH: Duration = Duration::from_micros(300);

/// The most events that may wait in the database for the audit log; beyond it nothing happens any more.
const MAX_BACKLOG: u64 = 1_000_000;

/// What stands for no time: none so late can be told.
const NONE_WAITS: i64 = i64::MAX;

/// One operation.
pub(crate) trait Work: Send + 'static {
    /// What its caller is told, also that it did not apply.
    type Out: Send;

    /// Under which names it counts, each once.
    fn counts(&self) -> Vec<Counted<'_>> {
        Vec::new()
    }

    /// Tells whether it leaves evidence, which needs room.
    fn is_evidence(&self) -> bool {
        true
    }

    /// Does it in a transaction that others may share. With an error the transaction is undone, and this runs again, alone.
    fn run(&self, tx: &mut Tx) -> impl Future<Output = Result<Self::Out, StoreFault>> + Send;
}

/// What waits to be written.
trait Job: Send {
    fn is_given_up(&self) -> bool;
    fn counts(&self) -> Vec<Counted<'_>>;
    fn run<'a>(
        &'a mut self,
        tx: &'a mut Tx,
    ) -> Pin<Box<dyn Future<Output = Result<(), StoreFault>> + Send + 'a>>;
    /// Tells the caller, once.
    fn answer(&mut self, outcome: Result<(), StoreFault>);
}

struct Waiting<W: Work> {
    work: W,
    done: Option<W::Out>,
    reply: Option<oneshot::Sender<Result<W::Out, StoreFault>>>,
}

impl<W: Work> Job for Waiting<W> {
    fn is_given_up(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn counts(&self) -> Vec<Counted<'_>> {
        self.work.counts()
    }

    fn run<'a>(
        &'a mut self,
        tx: &'a mut Tx,
    ) -> Pin<Box<dyn Future<Output = Result<(), StoreFault>> + Send + 'a>> {
        Box::pin(async move {
            self.done = Some(self.work.run(tx).await?);
            Ok(())
        })
    }

    fn answer(&mut self, outcome: Result<(), StoreFault>) {
        let Some(reply) = self.reply.take() else { return };
        let outcome = outcome.and_then(|()| self.done.take().ok_or_else(StoreFault::too_slow));
        // Whoever asked may be gone.
        let _ = reply.send(outcome);
    }
}

type Jobs = Vec<Box<dyn Job>>;

/// Where operations wait.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    backlog: Arc<AtomicU64>,
    /// When the oldest event happened that waits for the audit log, in microseconds.
    oldest: Arc<AtomicI64>,
    stop: Arc<Notify>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Box<dyn Job> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Writer {
    /// Starts the task that writes; it ends when it is closed, or when the last clone is dropped.
    pub(crate) fn start(pool: Pool) -> Self {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(Scribe { pool, connection: None }.write(waiting, Arc::clone(&stop)));
        Self {
            queue,
            backlog: Arc::default(),
            oldest: Arc::new(AtomicI64::new(NONE_WAITS)),
            stop,
            task: Arc::new(Mutex::new(Some(task))),
        }
    }

    /// Takes no more operations, and returns when those that wait are written.
    pub(crate) async fn close(&self) {
        self.stop.notify_one();
        if let Some(task) = self.task.lock().await.take() {
            // One that panicked has nothing left to wait for.
            let _ = task.await;
        }
    }

    /// Has an operation written, and returns when the disk has it.
    pub(crate) async fn write<W: Work>(&self, work: W) -> Result<W::Out, StoreFault> {
        if work.is_evidence() && self.backlog.load(Ordering::Relaxed) > MAX_BACKLOG {
            return Err(StoreFault::Busy);
        }
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Waiting { work, done: None, reply: Some(reply) });
        self.queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => StoreFault::Busy,
            TrySendError::Closed(_) => StoreFault::Unavailable("the store is closed".into()),
        })?;
        match tokio::time::timeout(WRITE_LIMIT, answer).await {
            Ok(Ok(outcome)) => outcome,
            // The task that writes is gone, or the database is so slow.
            Ok(Err(_)) | Err(_) => Err(StoreFault::too_slow()),
        }
    }

    /// Notes how many events wait for the audit log, and when the oldest of them happened.
    pub(crate) fn note_backlog(&self, events: u64, oldest: Option<DateTime<Utc>>) {
        self.backlog.store(events, Ordering::Relaxed);
        self.oldest.store(oldest.map_or(NONE_WAITS, |at| at.timestamp_micros()), Ordering::Relaxed);
    }

    /// Returns when the oldest event happened that waited when it was last counted.
    pub(crate) fn oldest_waiting(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.oldest.load(Ordering::Relaxed))
    }
}

/// How a transaction failed.
enum Failure {
    /// Nothing of it is there.
    Undone(StoreFault),
    /// Its end was not heard of.
    Unknown(StoreFault),
}

struct Scribe {
    pool: Pool,
    connection: Option<Connection>,
}

impl Scribe {
    async fn write(mut self, mut waiting: mpsc::Receiver<Box<dyn Job>>, stop: Arc<Notify>) {
        let mut jobs: Jobs = Vec::with_capacity(MAX_BATCH);
        loop {
            let came = tokio::select! {
                came = waiting.recv_many(&mut jobs, MAX_BATCH) => came,
                () = stop.notified() => {
                    // What waits already is written; then there is no more.
                    waiting.close();
                    continue;
                }
            };
            if came == 0 {
                break;
            }
            // Whoever no longer waits has been told that nothing happened.
            jobs.retain(|job| !job.is_given_up());
            if jobs.is_empty() {
                continue;
            }
            let is_shared = jobs.len() > 1;
            self.together(&mut jobs).await;
            jobs.clear();
            if is_shared && self.pool.is_sqlite() {
                tokio::time::sleep(BREATH).await;
            }
        }
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }

    async fn together(&mut self, jobs: &mut Jobs) {
        let had_one = self.connection.is_some();
        let mut outcome = self.transaction(jobs).await;
        if had_one && matches!(&outcome, Err(Failure::Undone(fault)) if fault.is_lost_connection()) {
            // One that the database ended meanwhile: a new one may work.
            self.connection = None;
            outcome = self.transaction(jobs).await;
        }
        match outcome {
            Ok(()) => jobs.iter_mut().for_each(|job| job.answer(Ok(()))),
            Err(Failure::Undone(fault)) if is_worth_another_try(&fault, jobs.len()) => self.alone(jobs).await,
            Err(Failure::Undone(fault) | Failure::Unknown(fault)) => fail(jobs, fault),
        }
    }

    /// Runs each in a transaction of its own: one of them has spoiled the one they shared, or another server has.
    async fn alone(&mut self, jobs: &mut Jobs) {
        for job in std::mem::take(jobs) {
            // Each may take long, and none waits for ever: so this ends.
            if job.is_given_up() {
                continue;
            }
            let mut one = vec![job];
            match self.transaction(&mut one).await {
                Ok(()) => one.iter_mut().for_each(|job| job.answer(Ok(()))),
                Err(Failure::Undone(fault) | Failure::Unknown(fault)) => fail(&mut one, fault),
            }
        }
    }

    async fn transaction(&mut self, jobs: &mut Jobs) -> Result<(), Failure> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => match tokio::time::timeout(STATEMENT_LIMIT, self.pool.connect()).await {
                Ok(connected) => connected.map_err(|error| Failure::Undone(error.into()))?,
                Err(_) => return Err(Failure::Undone(StoreFault::too_slow())),
            },
        };
        let mut tx = Tx::new(connection);
        let worked = tokio::time::timeout(STATEMENT_LIMIT, work(&mut tx, jobs)).await;
        let worked = worked.unwrap_or_else(|_| Err(StoreFault::too_slow()));
        let mut connection = tx.into_connection();
        if let Err(fault) = worked {
            self.undo(connection).await;
            return Err(Failure::Undone(fault));
        }
        match tokio::time::timeout(STATEMENT_LIMIT, connection.command("COMMIT")).await {
            Ok(Ok(())) => {
                self.connection = Some(connection);
                Ok(())
            }
            Ok(Err(error)) => {
                self.undo(connection).await;
                let fault = StoreFault::from(error);
                // Whoever was in the way of others has been undone for certain.
                Err(if fault.is_in_the_way() { Failure::Undone(fault) } else { Failure::Unknown(fault) })
            }
            Err(_) => {
                drop(connection);
                Err(Failure::Unknown(StoreFault::too_slow()))
            }
        }
    }

    /// Undoes a transaction, and keeps the connection if that works.
    async fn undo(&mut self, mut connection: Connection) {
        match tokio::time::timeout(STATEMENT_LIMIT, connection.command("ROLLBACK")).await {
            Ok(Ok(())) => self.connection = Some(connection),
            // What the database hears no more of, it undoes by itself.
            Ok(Err(_)) | Err(_) => drop(connection),
        }
    }
}

/// Tells whether operations may work alone whose transaction was undone.
fn is_worth_another_try(fault: &StoreFault, jobs: usize) -> bool {
    // What was too slow together need not be too slow alone; one that is alone already is.
    fault.is_in_the_way() || (jobs > 1 && (!fault.is_away() || fault.is_too_slow()))
}

async fn work(tx: &mut Tx, jobs: &mut Jobs) -> Result<(), StoreFault> {
    tx.begin().await?;
    // In order of their names, so that two servers take the locks in the same order.
    let mut counted: BTreeMap<&str, Counted<'_>> = BTreeMap::new();
    for one in jobs.iter().flat_map(|job| job.counts()) {
        counted.entry(one.name).and_modify(|known| known.is_capped |= one.is_capped).or_insert(one);
    }
    for one in counted.into_values() {
        tx.lock(one).await?;
    }
    // Whoever was told meanwhile that it took too long, is told the truth.
    for job in jobs.iter_mut().filter(|job| !job.is_given_up()) {
        job.run(tx).await?;
    }
    tx.flush().await
}

/// Tells everybody that it failed; the first one hears exactly why.
fn fail(jobs: &mut Jobs, fault: StoreFault) {
    let again: fn(&StoreFault) -> StoreFault = |fault| match fault {
        StoreFault::Unavailable(cause) => StoreFault::Unavailable(cause.to_string().into()),
        StoreFault::Conflict => StoreFault::Conflict,
        other => StoreFault::Refused(other.to_string().into()),
    };
    let copies: Vec<StoreFault> = jobs.iter().skip(1).map(|_| again(&fault)).collect();
    let faults = std::iter::once(fault).chain(copies);
    jobs.iter_mut().zip(faults).for_each(|(job, fault)| job.answer(Err(fault)));
}
