//! What a pipe in memory could not deliver before its shutdown ran out of time.
//!
//! 1. The shutdown writes every event that waits, with the sinks it waits for, in order, in one step.
//! 2. The next start puts them before all new events.
//! 3. While they are delivered each sink has a cursor into the file, so that a crash does not start over.
//! 4. When the last sink has the last of them, the file goes.

use super::{
    PipeError,
    feed::{Progress, chain_of},
    folder::{self, FolderLock},
};
use crate::AuditRecord;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

const FILE: &str = "recovery.jsonl";
const LOCK: &str = "recovery.lock";

/// The folder of a pipe in memory, held for this process.
#[derive(Debug)]
pub(super) struct RecoveryLog {
    folder: PathBuf,
    names: Vec<String>,
    last: u64,
    /// The sinks that have not taken everything that was recovered.
    behind: Mutex<BTreeSet<usize>>,
    lock: Mutex<Option<FolderLock>>,
}

/// What an earlier run left.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    pub(super) lines: Vec<RecoveredLine>,
    /// How many lines could not be read.
    pub(super) unreadable: u64,
}

/// One event of an earlier run.
#[derive(Debug)]
pub(super) struct RecoveredLine {
    pub(super) place: u64,
    pub(super) record: AuditRecord,
    pub(super) sinks: BTreeSet<usize>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    sinks: Vec<String>,
    /// SHA-256 of the event, so that a damaged one is not taken for another.
    sum: String,
    event: String,
}

impl RecoveryLog {
    /// Takes the folder and reads what is there. A damaged file is set aside, whole, and its good lines are used.
    pub(super) fn open(
        folder: &Path,
        names: &[String],
        now: DateTime<Utc>,
    ) -> Result<(Self, Recovered), PipeError> {
        folder::create(folder)?;
        let lock = FolderLock::try_take(&folder.join(LOCK))?;
        let lock = lock.ok_or_else(|| PipeError::InUse(folder.to_owned()))?;
        let mut log = Self {
            folder: folder.to_owned(),
            names: names.to_vec(),
            last: 0,
            behind: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        };
        let recovered = log.read(now)?;
        log.last = recovered.lines.last().map_or(0, |line| line.place);
        if log.last > 0 {
            *log.behind() = (0..names.len()).collect();
        }
        Ok((log, recovered))
    }

    /// Returns how far a sink came with what was recovered.
    pub(super) fn load(&self, sink: usize) -> Result<Progress<u64>, PipeError> {
        let Some(path) = self.cursor(sink).filter(|_| self.last > 0) else { return Ok(Progress::new(0)) };
        let read = folder::read(&path)?;
        // Unreadable means that what was recovered is delivered again: twice is better than never.
        Ok(read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_else(|| Progress::new(0)))
    }

    /// Tells whether a sink has not taken everything that was recovered.
    pub(super) fn is_behind(&self, sink: usize) -> bool {
        self.behind().contains(&sink)
    }

    /// Keeps how far a sink came, as long as that is about recovered events.
    pub(super) fn save(&self, sink: usize, progress: &Progress<u64>) -> Result<(), PipeError> {
        let mut behind = self.behind();
        let Some(path) = self.cursor(sink).filter(|_| behind.contains(&sink)) else { return Ok(()) };
        let text = serde_json::to_vec(progress).map_err(PipeError::NotAnEvent)?;
        folder::replace(&path, |file| file.write_all(&text))?;
        let slowest = progress.lanes.iter().map(|lane| lane.at).fold(progress.at, u64::min);
        if slowest >= self.last {
            behind.remove(&sink);
        }
        if behind.is_empty() {
            folder::remove(&self.folder.join(FILE))?;
            self.remove_cursors()?;
        }
        Ok(())
    }

    /// Writes what waits in the place of what was there.
    pub(super) fn write(&self, left: &[(AuditRecord, BTreeSet<usize>)]) -> Result<(), PipeError> {
        let path = self.folder.join(FILE);
        self.behind().clear();
        // The cursors count lines of the old file. Without them a crash here means delivering those again.
        self.remove_cursors()?;
        if left.is_empty() {
            return folder::remove(&path);
        }
        folder::replace(&path, |file| {
            for (record, sinks) in left {
                let name = |sink: &usize| self.names.get(*sink).cloned();
                let line = Line {
                    sinks: sinks.iter().filter_map(name).collect(),
                    sum: sum(&record.event),
                    event: String::from_utf8_lossy(&record.event).into_owned(),
                };
                serde_json::to_writer(&mut *file, &line)?;
                file.write_all(b"\n")?;
            }
            Ok(())
        })?;
        folder::sync(&self.folder)
    }

    /// Lets another pipe have the folder.
    pub(super) fn release(&self) {
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn read(&self, now: DateTime<Utc>) -> Result<Recovered, PipeError> {
        let path = self.path();
        let mut recovered = Recovered::default();
        let Some(bytes) = folder::read(&path)? else { return Ok(recovered) };
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let place = recovered.lines.last().map_or(1, |line| line.place + 1);
            match self.line(line, place) {
                Some(line) => recovered.lines.push(line),
                None => recovered.unreadable += 1,
            }
        }
        if recovered.unreadable > 0 {
            let aside = self.folder.join(format!("recovery.{}.damaged", now.timestamp_millis()));
            tracing::error!(lines = recovered.unreadable, kept = %aside.display(), "the recovery log is damaged");
            std::fs::copy(&path, &aside).map_err(PipeError::file(&aside))?;
            let good = recovered.lines.iter().map(|line| (line.record.clone(), line.sinks.clone()));
            self.write(&good.collect::<Vec<_>>())?;
        }
        Ok(recovered)
    }

    fn line(&self, line: &[u8], place: u64) -> Option<RecoveredLine> {
        let line: Line = serde_json::from_slice(line).ok()?;
        if sum(line.event.as_bytes()) != line.sum {
            return None;
        }
        let record = AuditRecord::from_event(line.event.into_bytes().into()).ok()?;
        let known = |name: &String| self.names.iter().position(|known| known == name);
        let mut sinks: BTreeSet<usize> = line.sinks.iter().filter_map(known).collect();
        if sinks.is_empty() {
            // Its sinks are no longer there or have other names: better to all than to none.
            sinks = (0..self.names.len()).collect();
        }
        Some(RecoveredLine { place, record, sinks })
    }

    fn cursor(&self, sink: usize) -> Option<PathBuf> {
        self.names.get(sink).map(|name| self.folder.join(format!("recovery.{name}.json")))
    }

    fn remove_cursors(&self) -> Result<(), PipeError> {
        let mut cursors = (0..self.names.len()).filter_map(|sink| self.cursor(sink));
        cursors.try_for_each(|path| folder::remove(&path))
    }

    fn behind(&self) -> std::sync::MutexGuard<'_, BTreeSet<usize>> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recovered {
    /// Returns the events that one sink has not taken.
    pub(super) fn of(&self, sink: usize, progress: &Progress<u64>) -> impl Iterator<Item = &RecoveredLine> {
        let mine = move |line: &&RecoveredLine| line.sinks.contains(&sink);
        let progress = progress.clone();
        self.lines
            .iter()
            .filter(mine)
            .filter(move |line| !progress.has_taken(line.place, chain_of(&line.record)))
    }
}

fn sum(event: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(event))
}
