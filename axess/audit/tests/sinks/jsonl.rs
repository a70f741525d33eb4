use crate::events::{Events, fails, noon, refused_at, text};
use axess_audit::{
    AuditRecord,
    sink::{EventSink as _, JsonlConfig, JsonlError, JsonlSink, SinkError},
};
use axess_clock::MockClock;
use axess_peers::{find_program, skip};
use chrono::TimeDelta;
use serde_json::json;
use std::{
    collections::HashSet,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

fn clock() -> MockClock {
    MockClock::new(noon())
}

fn open_at(folder: &Path, clock: &MockClock) -> JsonlSink {
    JsonlSink::open(JsonlConfig::new(folder), Arc::new(clock.clone())).unwrap()
}

fn open(folder: &Path) -> JsonlSink {
    open_at(folder, &clock())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    files
}

fn content(folder: &Path) -> String {
    files(folder).iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

fn lines(batch: &[AuditRecord]) -> String {
    batch.iter().map(|record| format!("{}\n", text(record))).collect()
}

#[tokio::test]
async fn each_event_is_one_line_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("new/folder");
    let events = Events::of("jsonl once");
    let mut batch = events.entries(20);
    // Without a log, and with a field that looks like the log's.
    batch.push(events.event(21, json!({ "event": { "event_id": "no id" }, "seq": 4 })));
    batch.push(events.event(22, json!({ "event": 5 })));
    let sink = open(&folder);
    sink.deliver(&batch[..12]).await.unwrap();
    sink.deliver(&batch).await.unwrap();
    let twice = [batch[3].clone(), batch[3].clone()];
    sink.deliver(&twice).await.unwrap();
    sink.deliver(&[]).await.unwrap();
    drop(sink);
    open(&folder).deliver(&batch).await.unwrap();
    assert_eq!(content(&folder), lines(&batch));

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&files(&folder)[0]), mode(&folder.join("lock"))), (0o700, 0o600, 0o600));
}

#[tokio::test]
async fn a_tear_at_any_byte_is_repaired() {
    let events = Events::of("jsonl torn");
    let batch = events.entries(2);
    let whole = lines(&batch);
    for length in 0..=whole.len() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("2026-01-01-00000001.jsonl");
        fs::write(&file, &whole.as_bytes()[..length]).unwrap();
        let sink = open(folder.path());
        assert!(content(folder.path()).is_empty() || content(folder.path()).ends_with('\n'), "{length}");
        sink.deliver(&batch).await.unwrap();
        assert_eq!(content(folder.path()), whole, "{length}");
    }
    // Blocks that were never written read as zeros after a power failure.
    let folder = tempfile::tempdir().unwrap();
    let zeros = [whole.as_bytes(), &[0; 100_000]].concat();
    fs::write(folder.path().join("2026-01-01-00000001.jsonl"), zeros).unwrap();
    open(folder.path()).deliver(&batch).await.unwrap();
    assert_eq!(content(folder.path()), whole);
}

#[tokio::test]
async fn files_follow_each_other_by_size_and_day() {
    let folder = tempfile::tempdir().unwrap();
    let (events, clock) = (Events::of("jsonl rotation"), clock());
    let batch = events.entries(30);
    let max_file = 3 * lines(&batch[..1]).len() as u64;
    let config = || JsonlConfig { max_file, ..JsonlConfig::new(folder.path()) };
    let sink = JsonlSink::open(config(), Arc::new(clock.clone())).unwrap();
    for one in batch[..6].chunks(1) {
        sink.deliver(one).await.unwrap();
    }
    clock.set(noon() + TimeDelta::days(1));
    sink.deliver(&batch[6..7]).await.unwrap();
    // Back in time: the name does not go back, and nothing is parted.
    clock.set(noon() - TimeDelta::days(9));
    sink.deliver(&batch[7..8]).await.unwrap();
    sink.deliver(&batch[8..18]).await.unwrap();
    drop(sink);
    let sink = JsonlSink::open(config(), Arc::new(clock.clone())).unwrap();
    sink.deliver(&batch).await.unwrap();
    assert_eq!(content(folder.path()), lines(&batch));
    let names: Vec<String> = files(folder.path())
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let expected = [
        "2026-01-01-00000001",
        "2026-01-01-00000002",
        "2026-01-02-00000003",
        "2026-01-02-00000004",
        "2026-01-02-00000005",
    ];
    assert_eq!(names, expected);
    let counts: Vec<usize> =
        files(folder.path()).iter().map(|file| fs::read_to_string(file).unwrap().lines().count()).collect();
    assert_eq!(counts, [3, 3, 2, 10, 12]);
}

#[tokio::test]
async fn one_process_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let sink = open(folder.path());
    let second = JsonlSink::open(JsonlConfig::new(folder.path()), Arc::new(clock()));
    assert!(matches!(second, Err(JsonlError::InUse(path)) if path == folder.path()));
    let Some(flock) = find_program("flock") else {
        return skip("audit jsonl::one_process_has_the_folder", "flock is missing");
    };
    let locks = || {
        let mut command = Command::new(&flock);
        command.arg("-n").arg(folder.path().join("lock")).arg("true").status().unwrap().success()
    };
    assert!(!locks(), "another program got the lock");
    drop(sink);
    assert!(locks());
}

#[tokio::test]
async fn what_is_no_line_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let events = Events::of("jsonl broken");
    let mut batch = events.entries(5);
    let pretty = serde_json::to_string_pretty(&events.json(3, json!({}))).unwrap();
    batch[2] = AuditRecord::from_event(pretty.into()).unwrap();
    let sink = open(folder.path());
    let (error, said) = fails(&sink, &batch).await;
    assert_eq!((refused_at(&error), said.contains("line feed")), (Some(2), true), "{said}");
    assert_eq!(content(folder.path()), lines(&batch[..2]));
    sink.deliver(&batch[3..]).await.unwrap();
    assert_eq!(content(folder.path()), lines(&batch[..2]) + &lines(&batch[3..]));
}

/// What a test tells itself when it runs once more, in a process of its own.
const FOLDER: &str = "AXESS_TEST_JSONL_FOLDER";

fn again(name: &str, folder: &Path, shell: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{shell} exec \"$0\" --exact {name} --nocapture")]);
    command.arg(std::env::current_exe().unwrap()).env(FOLDER, folder);
    command
}

#[tokio::test]
async fn a_write_that_fails_is_undone() {
    const NAME: &str = "jsonl::a_write_that_fails_is_undone";
    let events = Events::of("");
    let batch: Vec<AuditRecord> =
        (1..=40).map(|number| events.entry(number, json!({ "note": "x".repeat(1_000) }))).collect();
    if let Some(folder) = std::env::var_os(FOLDER) {
        // Files may have 16 KiB here: the third batch is torn by the limit, as a full disk would.
        let folder = PathBuf::from(folder);
        let sink = open(&folder);
        sink.deliver(&batch[..5]).await.unwrap();
        sink.deliver(&batch[5..10]).await.unwrap();
        for _ in 0..3 {
            let (error, said) = fails(&sink, &batch[10..20]).await;
            assert!(matches!(error, SinkError::Retry { .. }), "{said}");
            assert!(said.contains("jsonl cannot be used"), "{said}");
            assert_eq!(content(&folder), lines(&batch[..10]));
        }
        // What fits is still taken.
        sink.deliver(&batch[10..11]).await.unwrap();
        assert_eq!(content(&folder), lines(&batch[..11]));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The limit kills whoever does not ignore its signal.
    let status =
        again(NAME, folder.path(), "ulimit -f 16; trap '' XFSZ;").stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    assert_eq!(content(folder.path()).lines().count(), 11);
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_and_nothing_doubled_by_kills() {
    const NAME: &str = "jsonl::nothing_acknowledged_is_lost_and_nothing_doubled_by_kills";
    const ROUNDS: u32 = 15;
    const BATCH: u32 = 7;
    // The same ids in every process.
    let events = Events::of("").in_tenant(None);
    let entry = |number| {
        let event = json!({ "event_id": uuid_of(number), "note": "y".repeat(number as usize % 300) });
        events.entry(number, event)
    };
    if let Some(folder) = std::env::var_os(FOLDER) {
        let sink = open(Path::new(&folder));
        let first: u32 = std::env::var("AXESS_TEST_JSONL_FIRST").unwrap().parse().unwrap();
        for start in (first..).step_by(BATCH as usize) {
            let batch: Vec<AuditRecord> = (start..start + BATCH).map(entry).collect();
            sink.deliver(&batch).await.unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "\nacknowledged {}", start + BATCH).unwrap();
            out.flush().unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut next = 0;
    for round in 0..ROUNDS {
        let mut command = again(NAME, folder.path(), "");
        command.env("AXESS_TEST_JSONL_FIRST", next.to_string()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let reader = BufReader::new(child.stdout.take().unwrap());
        let (begun, begins) = std::sync::mpsc::channel();
        let watch = std::thread::spawn(move || {
            let lines = reader.lines().map_while(Result::ok);
            let numbers = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
            numbers.inspect(|_| begun.send(()).unwrap()).last()
        });
        begins.recv().unwrap();
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 13)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        next = watch.join().unwrap().unwrap();
    }
    // As the next process would go on.
    let last: Vec<AuditRecord> = (next..next + BATCH).map(entry).collect();
    open(folder.path()).deliver(&last).await.unwrap();
    let content = content(folder.path());
    let expected: String = lines(&(0..next + BATCH).map(entry).collect::<Vec<_>>());
    assert!(next > 0 && content.starts_with(&expected), "{next}");
    let ids: HashSet<&str> = content.lines().collect();
    assert_eq!(ids.len(), content.lines().count(), "a line stands there twice");
}

fn uuid_of(number: u32) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}
