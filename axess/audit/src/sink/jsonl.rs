mod files;
mod recent;

use super::{BROKEN_LINE, EventSink, SinkError, SinkFuture, check_name, first_broken_line};
use crate::AuditRecord;
use axess_clock::Clock;
use axess_identity::EventId;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use files::Files;
use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// The settings of a [`JsonlSink`].
///
/// ```
/// use axess_audit::sink::JsonlConfig;
/// let config = JsonlConfig::new("/var/lib/app/audit-copy");
/// assert_eq!(config.max_file, 64 * 1024 * 1024);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonlConfig {
    /// The sink's name.
    pub name: String,
    /// The folder of the files, and of nothing else.
    pub folder: PathBuf,
    /// After how many bytes a file is followed by the next one. One batch is never parted.
    pub max_file: u64,
    /// Whether each day (UTC, when it is written) has a file of its own.
    pub by_day: bool,
}

/// Why a [`JsonlSink`] cannot be opened.
///
/// ```
/// use axess_audit::sink::JsonlError;
/// let error = JsonlError::InUse("/var/lib/app/audit-copy".into());
/// assert_eq!(error.to_string(), "another process writes to /var/lib/app/audit-copy");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum JsonlError {
    /// What is wrong with a setting.
    #[error("{0}")]
    Setting(&'static str),
    /// Somebody else has the folder.
    #[error("another process writes to {path}", path = .0.display())]
    InUse(PathBuf),
    /// A file or folder cannot be made, read or repaired.
    #[error("{path} cannot be used", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Appends events to JSONL files: one line each, the log's entry where there is a log, else the event.
///
/// `Ok` means that the lines are written and flushed to disk. After a crash at any byte the next [`JsonlSink::open`]
/// removes a torn last line, and an event that is delivered again is not written again: the sink reads the ids of the
/// last 65 536 lines back. A write that fails (a full disk) is undone.
///
/// Files are named `2026-01-31-00000001.jsonl`, in the order of their names; a name never goes back when the clock does.
/// They are readable by their owner only, and a lock keeps a second process out. Old files are the operator's to move or
/// delete, the newest excepted.
///
/// ```
/// use axess_audit::sink::{EventSink, JsonlConfig, JsonlError, JsonlSink};
/// use axess_clock::SystemClock;
/// use std::sync::Arc;
/// # let folder = std::env::temp_dir().join(format!("axess-doc-jsonl-{}", std::process::id()));
/// let sink = JsonlSink::open(JsonlConfig::new(&folder), Arc::new(SystemClock)).unwrap();
/// assert_eq!(sink.name(), "jsonl");
/// let second = JsonlSink::open(JsonlConfig::new(&folder), Arc::new(SystemClock));
/// assert!(matches!(second, Err(JsonlError::InUse(_))));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// ```
#[derive(Debug)]
pub struct JsonlSink {
    name: String,
    files: Arc<Mutex<Files>>,
    clock: Arc<dyn Clock>,
}

impl JsonlConfig {
    /// Makes settings with the name `jsonl`, 64 MiB a file and a new file each day.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { name: "jsonl".into(), folder: folder.into(), max_file: 64 * 1024 * 1024, by_day: true }
    }
}

impl JsonlSink {
    /// Opens the folder, which is made if it is missing, and repairs the newest file.
    ///
    /// It blocks while it reads up to 65 536 lines.
    ///
    /// # Errors
    ///
    /// [`JsonlError`].
    pub fn open(config: JsonlConfig, clock: Arc<dyn Clock>) -> Result<Self, JsonlError> {
        check_name(&config.name).map_err(JsonlError::Setting)?;
        let name = config.name.clone();
        Ok(Self { name, files: Arc::new(Mutex::new(Files::open(config)?)), clock })
    }

    async fn append(&self, batch: &[AuditRecord]) -> Result<(), SinkError> {
        let broken = first_broken_line(batch);
        let whole = batch.get(..broken.unwrap_or(batch.len())).unwrap_or_default();
        let lines: Vec<(EventId, Bytes)> =
            whole.iter().map(|record| (record.event_id(), record.body().clone())).collect();
        let (files, now) = (Arc::clone(&self.files), self.clock.now());
        // Goes on when this future is dropped; the next batch waits for it.
        let task = tokio::task::spawn_blocking(move || write(&files, &lines, now));
        task.await.map_err(SinkError::retry)?.map_err(SinkError::retry)?;
        broken.map_or(Ok(()), |index| Err(SinkError::Refused { index, reason: BROKEN_LINE.into() }))
    }
}

impl EventSink for JsonlSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
        Box::pin(self.append(batch))
    }
}

fn write(files: &Mutex<Files>, lines: &[(EventId, Bytes)], now: DateTime<Utc>) -> Result<(), JsonlError> {
    // Files undo what a panic may have left half done, as after a failed write.
    files.lock().unwrap_or_else(PoisonError::into_inner).append(lines, now)
}
