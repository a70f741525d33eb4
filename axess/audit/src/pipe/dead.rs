use super::{PipeError, folder};
use crate::{AuditRecord, chain::Entry};
use axess_identity::EventId;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Lines, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// How much of the end of a file is looked through for events that were put there before a crash.
const TAIL: u64 = 4 * 1_024 * 1_024;
/// How many of them are remembered.
const MAX_KNOWN: usize = 65_536;
/// How many dead letters are delivered together again.
const REDELIVERY_BATCH: usize = 64;

/// An event that a sink refused for good, as it is kept in `dead/<sink>.jsonl`.
///
/// ```
/// use axess_audit::pipe::DeadLetter;
/// let line = r#"{"at":"2026-01-01T00:00:00Z","sink":"siem","event_id":"00000000-0000-7000-8000-000000000001",
///     "reason":"too long","notice":"00000000-0000-7000-8000-000000000002","line":"{}"}"#;
/// let letter: DeadLetter = serde_json::from_str(line).unwrap();
/// assert_eq!(letter.reason, "too long");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// When it was given up.
    pub at: DateTime<Utc>,
    /// The sink.
    pub sink: String,
    /// The event.
    pub event_id: EventId,
    /// Why.
    pub reason: String,
    /// The `AuditEventDeadLettered` event that tells of it; absent when the refused event was such an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<EventId>,
    /// The bytes the sink refused: the entry of the log, or the event where there is no log.
    pub line: String,
}

/// What came of delivering dead letters again.
///
/// ```
/// let done = axess_audit::pipe::Redelivered { delivered: 3, left: 0 };
/// assert_eq!(done.left, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Redelivered {
    /// How many the sink has taken now.
    pub delivered: u64,
    /// How many stay.
    pub left: u64,
}

impl DeadLetter {
    /// Reads the event back.
    pub(super) fn record(&self) -> Result<AuditRecord, PipeError> {
        let line = Bytes::from(self.line.clone().into_bytes());
        match Entry::parse(&line) {
            Ok(entry) => {
                let event = Bytes::copy_from_slice(entry.event());
                let record = AuditRecord::from_event(event).map_err(PipeError::NotAnEvent)?;
                Ok(AuditRecord { line: Some(line), ..record })
            }
            Err(_) => AuditRecord::from_event(line).map_err(PipeError::NotAnEvent),
        }
    }
}

/// The dead letters of one sink.
#[derive(Debug)]
pub(super) struct DeadLetters {
    path: PathBuf,
    sink: String,
    max_bytes: u64,
    bytes: u64,
    /// Events near the end of the file, with what tells of them: after a crash an event may come here twice.
    known: HashMap<EventId, Option<EventId>>,
}

impl DeadLetters {
    /// Opens the file of a sink, and cuts off what a crash left half written: that event is still to be delivered.
    pub(super) fn open(folder: &Path, sink: &str, max_bytes: u64) -> Result<Self, PipeError> {
        folder::create(folder)?;
        let path = folder.join(format!("{sink}.jsonl"));
        let mut dead = Self { path, sink: sink.to_owned(), max_bytes, bytes: 0, known: HashMap::new() };
        dead.repair()?;
        Ok(dead)
    }

    /// Returns what tells of an event that is here already.
    pub(super) fn find(&self, event_id: EventId) -> Option<Option<EventId>> {
        self.known.get(&event_id).copied()
    }

    /// Adds an event, durably.
    pub(super) fn add(&mut self, letter: &DeadLetter) -> Result<(), PipeError> {
        let mut line = serde_json::to_vec(letter).map_err(PipeError::NotAnEvent)?;
        line.push(b'\n');
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.bytes.saturating_add(length) > self.max_bytes {
            return Err(PipeError::DeadLettersFull(self.sink.clone()));
        }
        let is_new = self.bytes == 0;
        let written = self.write(&line);
        if written.is_err() {
            // Half a line must not stand before the next one.
            _ = self.repair();
        }
        written.map_err(PipeError::file(&self.path))?;
        if is_new {
            self.path.parent().map_or(Ok(()), folder::sync)?;
        }
        self.bytes = self.bytes.saturating_add(length);
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(letter.event_id, letter.notice);
        Ok(())
    }

    /// Begins to offer every dead letter again, oldest first.
    pub(super) fn offer(&self) -> Result<Option<Offer>, PipeError> {
        let Some(file) = self.open_to_read()? else { return Ok(None) };
        let left = left_path(&self.path);
        let kept =
            folder::options().write(true).truncate(true).open(&left).map_err(PipeError::file(&left))?;
        Ok(Some(Offer { lines: BufReader::new(file).lines(), kept, done: Redelivered::default() }))
    }

    /// Keeps those that were not taken, and only them.
    pub(super) fn finish(&mut self, offer: Offer) -> Result<Redelivered, PipeError> {
        offer.kept.sync_data().map_err(PipeError::file(&self.path))?;
        std::fs::rename(left_path(&self.path), &self.path).map_err(PipeError::file(&self.path))?;
        self.repair()?;
        Ok(offer.done)
    }

    fn open_to_read(&self) -> Result<Option<File>, PipeError> {
        match File::open(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(PipeError::file(&self.path)(error)),
        }
    }

    fn write(&self, line: &[u8]) -> std::io::Result<()> {
        let mut file = folder::options().append(true).open(&self.path)?;
        file.write_all(line)?;
        file.sync_data()
    }

    fn repair(&mut self) -> Result<(), PipeError> {
        self.known.clear();
        self.bytes = 0;
        let Some(mut file) = self.open_to_read()? else { return Ok(()) };
        let (length, tail) = end_of(&mut file).map_err(PipeError::file(&self.path))?;
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let torn = u64::try_from(tail.len() - whole).unwrap_or(u64::MAX);
        self.bytes = length.saturating_sub(torn);
        if torn > 0 {
            let cut = folder::options().write(true).open(&self.path).and_then(|file| {
                file.set_len(self.bytes)?;
                file.sync_data()
            });
            cut.map_err(PipeError::file(&self.path))?;
        }
        for line in tail.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n') {
            if let Ok(letter) = serde_json::from_slice::<DeadLetter>(line) {
                self.known.insert(letter.event_id, letter.notice);
            }
        }
        Ok(())
    }
}

/// Dead letters on their way to their sink again.
#[derive(Debug)]
pub(super) struct Offer {
    lines: Lines<BufReader<File>>,
    kept: File,
    done: Redelivered,
}

/// Some of them: every line, with the event it holds.
pub(super) type Letters = Vec<(String, Option<AuditRecord>)>;

impl Offer {
    /// Returns the next letters; none at the end.
    pub(super) fn next(&mut self) -> Result<Letters, PipeError> {
        let read = |line: String| {
            let letter = serde_json::from_str::<DeadLetter>(&line).ok();
            let record = letter.and_then(|letter| letter.record().ok());
            (line, record)
        };
        let lines = self.lines.by_ref().take(REDELIVERY_BATCH).map(|line| line.map(read));
        lines.collect::<std::io::Result<Letters>>().map_err(PipeError::file(PathBuf::new()))
    }

    /// Counts a letter as taken, or keeps it.
    pub(super) fn answer(&mut self, line: &str, is_taken: bool) -> Result<(), PipeError> {
        if is_taken {
            self.done.delivered += 1;
            return Ok(());
        }
        self.done.left += 1;
        writeln!(self.kept, "{line}").map_err(PipeError::file(PathBuf::new()))
    }
}

fn end_of(file: &mut File) -> std::io::Result<(u64, Vec<u8>)> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok((length, tail))
}

fn left_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".left");
    PathBuf::from(name)
}
