//! `kill -9`, again and again: what was acknowledged arrives, and an idempotent receiver has it once.

use crate::kit::*;
use axess_audit::{
    AuditRecord,
    chain::AuditKeys,
    log::{AuditLog, AuditLogConfig},
    pipe::{AuditPipe, AuditPipeConfig, BufferStrategy},
    sink::{EventSink, SinkError, SinkFuture},
};
use axess_clock::SystemClock;
use axess_rng::{MockRng, SystemRng, random_below};
use std::{
    collections::HashSet,
    env,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Tells the test program to be the process that is killed: a folder, a number of the life, how many events in all.
const CHILD: &str = "AXESS_AUDIT_PIPE_CHILD";
/// How many operations are under way at once.
const OPERATIONS: u64 = 512;
/// The numbers of one life.
const LIFE: u64 = 1 << 32;

/// A receiver that knows what it has: a file of numbers.
pub(crate) struct FileSink {
    path: PathBuf,
    known: Mutex<(u64, HashSet<u64>)>,
}

impl FileSink {
    pub(crate) fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self { path, known: Mutex::default() })
    }

    fn take(&self, batch: &[AuditRecord]) -> std::io::Result<()> {
        let mut known = self.known.lock().unwrap();
        let (length, numbers) = &mut *known;
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(&self.path)?;
        if file.metadata()?.len() != *length {
            // Another process wrote, or died while it wrote.
            *length = file.metadata()?.len() / 8 * 8;
            file.set_len(*length)?;
            numbers.clear();
            numbers.extend(read_numbers(&mut file)?);
        }
        let mut bytes = Vec::with_capacity(batch.len() * 8);
        for number in batch.iter().map(number).filter(|n| *n != OTHER && numbers.insert(*n)) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        file.write_all(&bytes)?;
        *length += bytes.len() as u64;
        Ok(())
    }
}

impl EventSink for FileSink {
    fn name(&self) -> &str {
        "file"
    }

    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
        Box::pin(async move { self.take(batch).map_err(SinkError::retry) })
    }
}

fn read_numbers(file: &mut File) -> std::io::Result<Vec<u64>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number)).collect())
}

pub(crate) fn numbers_in(path: &Path) -> Vec<u64> {
    File::open(path).map(|mut file| read_numbers(&mut file).unwrap()).unwrap_or_default()
}

/// Returns the event id of every entry of a log, from its files.
fn ids_in(log: &Path) -> Vec<String> {
    let is_segment = |path: &PathBuf| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit())
    };
    let files = fs::read_dir(log).unwrap().map(|file| file.unwrap().path()).filter(is_segment);
    let mut ids = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        ids.extend(text.lines().filter_map(|line| {
            let (_, rest) = line.split_once("\"event_id\":\"")?;
            rest.split_once('"').map(|(id, _)| id.to_owned())
        }));
    }
    ids
}

pub(crate) fn open(folder: &Path) -> AuditLog {
    let keys = AuditKeys::generate(&MockRng::new(1));
    let config = AuditLogConfig::new(folder.join("log"));
    AuditLog::open(config, keys, Arc::new(SystemClock), Arc::new(SystemRng)).unwrap()
}

pub(crate) fn settings(folder: &Path) -> AuditPipeConfig {
    AuditPipeConfig::new(BufferStrategy::FsBacked { log: open(folder) })
        .with_sink(FileSink::new(folder.join("received")))
        .with_max_buffer_size(100_000)
        .with_batch(2_048)
        .with_takeover_every(Duration::from_millis(50))
}

pub(crate) async fn pipe(folder: &Path) -> AuditPipe {
    AuditPipe::start(settings(folder), Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap()
}

/// What is killed: emits until as many events are acknowledged as there should be in all, and says which.
#[test]
fn life() {
    let Ok(order) = env::var(CHILD) else { return };
    let mut order = order.split('|');
    let folder = PathBuf::from(order.next().unwrap());
    let (life, all): (u64, u64) =
        (order.next().unwrap().parse().unwrap(), order.next().unwrap().parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(live(&folder, life, all));
}

async fn live(folder: &Path, life: u64, all: u64) {
    let before = numbers_in(&folder.join("acknowledged")).len() as u64;
    let acknowledged =
        OpenOptions::new().create(true).append(true).open(folder.join("acknowledged")).unwrap();
    let acknowledged = Arc::new(Mutex::new((acknowledged, Vec::new())));
    let (next, wanted) = (Arc::new(AtomicU64::new(0)), all.saturating_sub(before));
    let pipe = pipe(folder).await;
    let operations: Vec<_> = (0..OPERATIONS)
        .map(|_| {
            let (pipe, next, acknowledged) = (pipe.clone(), Arc::clone(&next), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= wanted {
                        break;
                    }
                    let n = life * LIFE + n;
                    pipe.emit(event(n, (n % 16) as u8)).await.unwrap();
                    let (file, pending) = &mut *acknowledged.lock().unwrap();
                    pending.extend_from_slice(&n.to_le_bytes());
                    if pending.len() >= 1_024 {
                        file.write_all(pending).unwrap();
                        pending.clear();
                    }
                }
            })
        })
        .collect();
    for operation in operations {
        operation.await.unwrap();
    }
    {
        let (file, pending) = &mut *acknowledged.lock().unwrap();
        file.write_all(pending).unwrap();
    }
    let report = pipe.shutdown(Duration::from_secs(120)).await.unwrap();
    assert_eq!(report.waiting, 0, "{:?}", pipe.stats());
}

/// Starts a life in a process of its own.
pub(crate) fn begin(folder: &Path, life: u64, all: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::life", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{}|{life}|{all}", folder.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait(mut child: Child, limit: Duration) -> ExitStatus {
    let until = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("the last life takes longer than {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A life that does not outlive its test, whatever becomes of that.
struct Mortal(Child);

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Kills a life when it has acknowledged some events more, at a moment that the dice choose.
fn kill_in_mid_work(folder: &Path, child: &mut Child, dice: &MockRng) {
    let acknowledged = folder.join("acknowledged");
    let size = || fs::metadata(&acknowledged).map_or(0, |file| file.len());
    let before = size();
    let until = Instant::now() + Duration::from_secs(30);
    while size() == before {
        assert!(Instant::now() < until, "a life acknowledges nothing");
        assert!(child.try_wait().unwrap().is_none(), "a life ended by itself");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(random_below(dice, 300)));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Has `all` events emitted in lives that are killed `kills` times, and looks at what arrived.
fn lives(kills: u64, all: u64, limit: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let dice = MockRng::new(kills);
    for life in 0..kills {
        // It has more to do than it can: it ends because it is killed, on whatever machine.
        let mut child = Mortal(begin(folder.path(), life, LIFE));
        kill_in_mid_work(folder.path(), &mut child.0, &dice);
    }
    let in_killed_lives = numbers_in(&folder.path().join("acknowledged")).len() as u64;
    let last = begin(folder.path(), kills, all.max(in_killed_lives + 1_000));
    assert!(wait(last, limit).success());
    let acknowledged = numbers_in(&folder.path().join("acknowledged"));
    let received = numbers_in(&folder.path().join("received"));
    let distinct: HashSet<u64> = received.iter().copied().collect();
    assert!(acknowledged.len() as u64 >= all);
    assert_eq!(distinct.len(), received.len(), "something arrived twice");
    let lost = acknowledged.iter().filter(|n| !distinct.contains(n)).count();
    assert_eq!(lost, 0, "of {} acknowledged events", acknowledged.len());
    // An operation that was killed before its answer may have left its event: no more than were under way.
    let unanswered = received.len() - acknowledged.len();
    assert!(unanswered as u64 <= kills * (OPERATIONS + 128), "{unanswered} events from nowhere");
    // The receiver leaves out what it has; the log itself must have each event once.
    let mut ids = ids_in(&folder.path().join("log"));
    let entries = ids.len();
    assert!(entries >= received.len());
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), entries, "something is in the log twice");
}

#[test]
fn killed_in_a_loop_nothing_acknowledged_is_lost_and_nothing_arrives_twice() {
    lives(15, 20_000, Duration::from_secs(300));
}

#[test]
fn a_million_events_through_the_log_with_kills_none_lost_none_twice() {
    lives(6, 1_000_000, Duration::from_secs(900));
}
