use super::{
    JsonlConfig, JsonlError,
    recent::{MAX_RECENT, Recent},
};
use axess_identity::EventId;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The name of the file that is locked.
const LOCK: &str = "lock";
const ENDING: &str = ".jsonl";
/// How much of a torn file is looked at in one step, from its end.
const STEP: u64 = 64 * 1024;

/// The files of one folder, and the newest of them open at its end.
#[derive(Debug)]
pub(super) struct Files {
    config: JsonlConfig,
    recent: Recent,
    newest: Option<Newest>,
    _lock: File,
}

#[derive(Debug)]
struct Newest {
    name: Name,
    path: PathBuf,
    file: File,
    /// How much of it is whole lines that were flushed.
    length: u64,
    /// More may stand in it, of a write that failed.
    is_torn: bool,
}

/// What a file is called: the day it was begun, and a number that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    number: u64,
    day: NaiveDate,
}

/// As much of a line as tells which event it is: of an entry of the log, or of an event.
#[derive(Deserialize)]
struct Line {
    event_id: Option<EventId>,
    /// In an event it is a field of the application's, of any kind.
    event: Option<serde_json::Value>,
}

impl Files {
    pub(super) fn open(config: JsonlConfig) -> Result<Self, JsonlError> {
        let folder = config.folder.clone();
        make_folder(&folder).map_err(at(&folder))?;
        let path = folder.join(LOCK);
        let lock = open_file(&path).map_err(at(&path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JsonlError::InUse(folder.clone()),
            TryLockError::Error(source) => JsonlError::File { path: path.clone(), source },
        })?;
        let mut files = Self { config, recent: Recent::default(), newest: None, _lock: lock };
        let names = files.names()?;
        if let Some(name) = names.last() {
            files.newest = Some(files.reopen(*name)?);
        }
        files.remember(&names)?;
        Ok(files)
    }

    /// Writes the lines that are not there yet, and flushes them.
    pub(super) fn append(
        &mut self,
        lines: &[(EventId, Bytes)],
        now: DateTime<Utc>,
    ) -> Result<(), JsonlError> {
        let mut text = Vec::new();
        let mut new = HashSet::new();
        for (event_id, line) in lines {
            if !self.recent.has(*event_id) && new.insert(*event_id) {
                text.extend_from_slice(line);
                text.push(b'\n');
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let newest = self.file_for(text.len() as u64, now)?;
        newest.append(&text).map_err(at(&newest.path))?;
        for (event_id, _) in lines {
            self.recent.add(*event_id);
        }
        Ok(())
    }

    /// Returns the file for that many more bytes: the newest, or the next one.
    fn file_for(&mut self, more: u64, now: DateTime<Utc>) -> Result<&mut Newest, JsonlError> {
        let today = now.date_naive();
        let next = match &self.newest {
            None => Some(Name { number: 1, day: today }),
            Some(newest) => {
                let is_full = newest.length > 0 && newest.length + more > self.config.max_file;
                let is_over = self.config.by_day && newest.name.day < today;
                let next = || Name { number: newest.name.number + 1, day: newest.name.day.max(today) };
                (is_full || is_over).then(next)
            }
        };
        if let Some(name) = next {
            // What the last file has beyond its lines must not stay: nobody would look at it again.
            if let Some(newest) = &mut self.newest {
                newest.repair().map_err(at(&newest.path))?;
            }
            let opened = self.reopen(name)?;
            // The name of a new file is flushed with its folder.
            File::open(&self.config.folder)
                .and_then(|folder| folder.sync_all())
                .map_err(at(&self.config.folder))?;
            self.newest = Some(opened);
        }
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        self.newest.as_mut().ok_or_else(|| at(&self.config.folder)(missing()))
    }

    /// Opens a file for appending, made if it is missing, without what stands after its last line.
    fn reopen(&self, name: Name) -> Result<Newest, JsonlError> {
        let path = self.path(name);
        let open = || -> io::Result<Newest> {
            let mut file = open_file(&path)?;
            let length = end_of_lines(&mut file)?;
            let mut newest = Newest { name, path: path.clone(), file, length, is_torn: true };
            newest.repair()?;
            Ok(newest)
        };
        open().map_err(at(&path))
    }

    /// Learns the ids of the last events, from the newest file back.
    fn remember(&mut self, names: &[Name]) -> Result<(), JsonlError> {
        let mut found: Vec<Vec<EventId>> = Vec::new();
        let mut count = 0;
        for name in names.iter().rev() {
            let path = self.path(*name);
            let ids = ids_of(&path).map_err(at(&path))?;
            count += ids.len();
            found.push(ids);
            if count >= MAX_RECENT {
                break;
            }
        }
        for event_id in found.into_iter().rev().flatten() {
            self.recent.add(event_id);
        }
        Ok(())
    }

    /// Lists the files, oldest first.
    fn names(&self) -> Result<Vec<Name>, JsonlError> {
        let entries = fs::read_dir(&self.config.folder).map_err(at(&self.config.folder))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(at(&self.config.folder))?;
            names.extend(entry.file_name().to_str().and_then(Name::parse));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn path(&self, name: Name) -> PathBuf {
        self.config.folder.join(format!("{}-{:08}{ENDING}", name.day, name.number))
    }
}

impl Newest {
    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        self.repair()?;
        self.is_torn = true;
        let written = self.file.write_all(text).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A flush that failed may have lost any of it; what the file shows now is no proof.
            let _ = self.repair();
            return Err(error);
        }
        self.length += text.len() as u64;
        self.is_torn = false;
        Ok(())
    }

    /// Cuts off what is no whole, flushed line.
    fn repair(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            self.file.sync_data()?;
            self.is_torn = false;
        }
        Ok(())
    }
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let (day, number) = text.strip_suffix(ENDING)?.rsplit_once('-')?;
        Some(Self { day: day.parse().ok()?, number: number.parse().ok()? })
    }
}

/// Returns how far the file is whole lines.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut buffer = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        buffer.clear();
        Read::by_ref(file).take(end - start).read_to_end(&mut buffer)?;
        if let Some(last) = buffer.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Returns the ids of the events of a file. A line that is none of ours has none.
fn ids_of(path: &Path) -> io::Result<Vec<EventId>> {
    let mut ids = Vec::new();
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let line: Option<Line> = serde_json::from_slice(&line?).ok();
        ids.extend(
            line.and_then(|line| {
                line.event_id.or_else(|| line.event?.get("event_id")?.as_str()?.parse().ok())
            }),
        );
    }
    Ok(ids)
}

/// Makes the folder if it is missing, and flushes its own name.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A folder may be written but not read by us; then it is the operating system's to flush it.
    let _ = File::open(above).and_then(|above| above.sync_all());
    Ok(())
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn at(path: &Path) -> impl Fn(io::Error) -> JsonlError + '_ {
    |source| JsonlError::File { path: path.to_owned(), source }
}
