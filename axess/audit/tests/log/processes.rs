//! Several processes on one folder. Each is this test program, run again for the same test.

use crate::fixture::{Place, entry, ids, long_entry, read_after, read_all};
use axess_audit::log::{AuditLog, AuditLogConfig, CheckpointEvery, LogPosition};
use axess_identity::EventId;
use axess_rng::{SystemRng, random_below};
use std::{
    collections::HashSet,
    env,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

pub(crate) const FOLDER: &str = "AXESS_AUDIT_TEST_FOLDER";
const ACKNOWLEDGED: &str = "acknowledged ";

/// Returns the log's folder when this process is a child of a test.
pub(crate) fn folder_of_child() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

/// A process that appends, and a thread that collects what it was told.
pub(crate) struct Writer {
    child: Child,
    told: JoinHandle<Vec<EventId>>,
    count: Arc<AtomicUsize>,
}

impl Writer {
    /// Runs `test` of this program again, in a process of its own.
    pub(crate) fn start(test: &str, place: &Place) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env(FOLDER, &place.path);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let told = thread::spawn(move || {
            let ids = lines.lines().map_while(Result::ok);
            let ids = ids.filter_map(|line| line.split_once(ACKNOWLEDGED)?.1.parse().ok());
            ids.inspect(|_| {
                counted.fetch_add(1, Ordering::SeqCst);
            })
            .collect()
        });
        Self { child, told, count }
    }

    /// Waits until it was told that so many entries are safe.
    pub(crate) fn wait_for(&self, entries: usize) {
        for _ in 0..60_000 {
            if self.count.load(Ordering::SeqCst) >= entries {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("a writer writes nothing");
    }

    /// Kills it (SIGKILL) and returns the entries it was told are safe.
    pub(crate) fn kill(mut self) -> Vec<EventId> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.told.join().unwrap()
    }

    /// Waits until it ends by itself.
    pub(crate) fn finish(mut self) -> Vec<EventId> {
        assert!(self.child.wait().unwrap().success());
        self.told.join().unwrap()
    }
}

/// The configuration of the children: everything happens often.
pub(crate) fn busy(path: PathBuf) -> (Place, AuditLogConfig) {
    let place = Place::at(path);
    let checkpoint_every = CheckpointEvery { entries: 40, interval: Duration::MAX };
    let config = AuditLogConfig { segment_bytes: 300_000, checkpoint_every, ..place.config() };
    (place, config)
}

fn tell(ids: impl IntoIterator<Item = EventId>) {
    // One write, so that a line is whole or not there.
    let lines: String = ids.into_iter().map(|id| format!("{ACKNOWLEDGED}{id}\n")).collect();
    std::io::stdout().lock().write_all(lines.as_bytes()).unwrap();
}

/// Appends in every way there is, `rounds` times, and tells each entry that is safe.
pub(crate) fn append_and_tell(log: &AuditLog, rounds: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut tasks = Vec::new();
    for task in 0..4 {
        let log = log.clone();
        tasks.push(runtime.spawn(async move {
            for round in 0..rounds {
                let entry = entry(Some(task), round);
                let id = entry.event_id;
                log.record(entry).await.unwrap();
                tell([id]);
            }
        }));
    }
    for round in 0..rounds {
        // Now and then a batch of several hundred KiB, which a kill may tear.
        let large = random_below(&SystemRng, 4) == 0;
        let (count, note) = if large { (100, 4_000) } else { (2, 10) };
        let batch: Vec<_> = (0..count).map(|_| long_entry(None, round, note)).collect();
        let ids: Vec<_> = batch.iter().map(|entry| entry.event_id).collect();
        log.append(batch).unwrap();
        tell(ids);
    }
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Fails unless each of these is in the log exactly once and nothing is in it twice.
#[track_caller]
pub(crate) fn assert_each_once(log: &AuditLog, told: &[EventId]) {
    let found = ids(&read_all(log));
    let distinct: HashSet<_> = found.iter().copied().collect();
    assert_eq!(found.len(), distinct.len(), "an entry is there twice");
    let lost: Vec<_> = told.iter().filter(|id| !distinct.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged entries are lost: {lost:?}", lost.len(), told.len());
}

fn share(test: &str, processes: usize) {
    if let Some(path) = folder_of_child() {
        let (place, config) = busy(path);
        let log = place.open_with(config);
        append_and_tell(&log, 25);
        return log.close().unwrap();
    }
    let place = Place::new();
    let writers: Vec<_> = (0..processes).map(|_| Writer::start(test, &place)).collect();
    let told: Vec<_> = writers.into_iter().flat_map(Writer::finish).collect();
    assert!(told.len() >= processes * 25 * 6);
    let log = place.open();
    assert_each_once(&log, &told);
    assert_eq!(read_all(&log).len(), told.len());
    log.close().unwrap();
    place.assert_whole();
    assert_eq!(place.verify().unattested(), 0);
}

#[test]
fn two_processes_share_a_log() {
    share("processes::two_processes_share_a_log", 2);
}

#[test]
fn four_processes_share_a_log() {
    share("processes::four_processes_share_a_log", 4);
}

#[test]
fn handles_and_threads_of_one_process_share_a_log_through_rotations() {
    let place = Place::new();
    let small = AuditLogConfig { segment_bytes: 3_000, ..place.config() };
    let handles = [place.open_with(small.clone()), place.open_with(small)];
    let reader = place.open();
    let count = thread::scope(|scope| {
        for (index, log) in handles.iter().enumerate() {
            for thread in 0..3 {
                scope.spawn(move || {
                    for n in 0..40 {
                        log.append(vec![entry(Some((index * 3 + thread) as u8), n)]).unwrap();
                    }
                });
            }
        }
        // Reads behind the writers, over every change of segment.
        let mut read = Vec::new();
        while read.len() < 240 {
            let position = read.last().map_or(LogPosition::default(), |(position, _)| *position);
            let more = reader.read(position, 7, 1 << 20).unwrap();
            read.extend(more.iter().map(|entry| (entry.position, entry.record.event_id())));
        }
        read
    });
    let all = read_after(&reader, LogPosition::default());
    assert_eq!(count.iter().map(|(_, id)| *id).collect::<Vec<_>>(), ids(&all));
    handles.iter().for_each(|log| log.close().unwrap());
    place.assert_whole();
}
