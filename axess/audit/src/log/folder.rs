//! The folder of a log: its names, its lock, and how far readers may read.

use super::{LogError, disk};
use crate::chain::{LOG_FILE, LogId, SEGMENT_DIGITS, SEGMENT_SUFFIX, segment_name};
use axess_rng::{SecureRng, random_array};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

const LOCK_FILE: &str = "lock";
/// One copy of the mark, with its line feed.
const MARK_BYTES: usize = 63;
/// How often a mark is read that is being written.
const MARK_ATTEMPTS: usize = 1_000;
/// How many times, and how long apart, it is looked whether the lock is free: others hold it for a flush or two.
const LOCK_WAITS: [(usize, Duration); 2] =
    [(2_000, Duration::from_micros(50)), (15_000, Duration::from_micros(600))];
const VERSION: u32 = 1;
/// What is put in place, beside the segments, without its extension.
const OURS: [&str; 2] = ["log", "heads"];

/// A log's folder, with its lock file open.
///
/// The lock file is locked while the log is changed. Its content says how far the active segment may be read: a line
/// that is not acknowledged yet, and may be taken back, lies behind that.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock_path: PathBuf,
    lock: File,
    identity: (u64, u64),
}

/// How far the log may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The active segment.
    pub(super) segment: u64,
    /// How many bytes of it.
    pub(super) bytes: u64,
    /// How many entries that is.
    pub(super) entries: u64,
}

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(super) struct Locked<'f>(&'f File);

/// The content of `log.json`.
#[derive(Serialize, Deserialize)]
struct About {
    v: u32,
    id: Uuid,
    created_at: String,
}

impl Folder {
    /// Makes the folder when it is not there, and opens it.
    pub(super) fn open(path: &Path) -> Result<Self, LogError> {
        disk::create_folder(path).map_err(LogError::io("make the folder", path))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = disk::open_or_create(&lock_path).map_err(LogError::io("open", &lock_path))?;
        let meta = lock.metadata().map_err(LogError::io("look at", &lock_path))?;
        Ok(Self { path: path.to_owned(), lock_path, lock, identity: (meta.dev(), meta.ino()) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Waits until no other handle, here or in another process, holds the lock; about 10 seconds.
    pub(super) fn lock(&self) -> Result<Locked<'_>, LogError> {
        let mut waits = LOCK_WAITS.into_iter().flat_map(|(count, wait)| std::iter::repeat_n(wait, count));
        loop {
            let error = match self.lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => ErrorKind::TimedOut.into(),
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => error,
                Err(TryLockError::Error(error)) => return Err(LogError::io("lock", &self.lock_path)(error)),
            };
            match waits.next() {
                Some(wait) => std::thread::sleep(wait),
                None => return Err(LogError::io("lock", &self.lock_path)(error)),
            }
        }
        let locked = Locked(&self.lock);
        self.check_same()?;
        Ok(locked)
    }

    /// Fails when the folder at the path is no longer the one that was opened.
    fn check_same(&self) -> Result<(), LogError> {
        match fs::metadata(&self.lock_path) {
            Ok(meta) if (meta.dev(), meta.ino()) == self.identity => Ok(()),
            Ok(_) => Err(LogError::Gone(self.path.clone())),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(LogError::Gone(self.path.clone()))
            }
            Err(error) => Err(LogError::io("look at", &self.lock_path)(error)),
        }
    }

    pub(super) fn segment_path(&self, number: u64) -> PathBuf {
        self.path.join(segment_name(number))
    }

    /// Returns the numbers of the segments, ascending.
    pub(super) fn segments(&self) -> Result<Vec<u64>, LogError> {
        let mut numbers: Vec<u64> = files(&self.path)?.iter().filter_map(|name| number_of(name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Tells whether there are segments in a folder, which need not be there.
    pub(super) fn has_segments(path: &Path) -> Result<bool, LogError> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(LogError::io("look at", path)(error)),
            Ok(_) => Ok(files(path)?.iter().any(|name| number_of(name).is_some())),
        }
    }

    /// Removes what a crash left of files that were to be put in place. The lock must be held.
    pub(super) fn clear(&self) -> Result<(), LogError> {
        for name in files(&self.path)? {
            let Some(stem) = name.strip_suffix(disk::BESIDE).and_then(|stem| stem.strip_suffix('.')) else {
                continue;
            };
            if OURS.contains(&stem) || segment_number(stem).is_some() {
                let path = self.path.join(&name);
                fs::remove_file(&path).map_err(LogError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Returns the log's id; makes one for a new log. The lock must be held.
    ///
    /// A lost or torn `log.json` is restored from `id_in_segments`, the id that the segments name.
    pub(super) fn identify(
        &self,
        id_in_segments: Option<LogId>,
        now: DateTime<Utc>,
        rng: &(impl SecureRng + ?Sized),
    ) -> Result<LogId, LogError> {
        let path = self.path.join(LOG_FILE);
        let written = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(LogError::io("read", &path)(error)),
        };
        let about: Option<About> = written.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
        if let Some(about) = about {
            if about.v != VERSION {
                return Err(LogError::damaged(&path, format!("version {} is not known here", about.v)));
            }
            if id_in_segments.is_some_and(|id| id != LogId::from_uuid(about.id)) {
                return Err(LogError::damaged(&path, "the segments are of another log"));
            }
            return Ok(LogId::from_uuid(about.id));
        }
        let fresh = uuid::Builder::from_random_bytes(random_array(rng)).into_uuid();
        let id = id_in_segments.map_or(fresh, |id| id.as_uuid());
        let about = About { v: VERSION, id, created_at: now.to_rfc3339_opts(SecondsFormat::Micros, true) };
        let mut bytes =
            serde_json::to_vec(&about).map_err(|error| LogError::damaged(&path, error.to_string()))?;
        bytes.push(b'\n');
        disk::replace(&path, &bytes).map_err(LogError::io("write", &path))?;
        if let Some(above) = self.path.parent().filter(|above| !above.as_os_str().is_empty()) {
            // Not every folder above may be read; then its owner makes the name safe.
            let _ = disk::sync_folder(above);
        }
        Ok(LogId::from_uuid(id))
    }

    /// Tells readers how far they may read. The lock must be held.
    pub(super) fn publish(&self, mark: Mark) -> Result<(), LogError> {
        let one = mark.to_text();
        disk::write_at(&self.lock, format!("{one}{one}").as_bytes(), 0)
            .map_err(LogError::io("write", &self.lock_path))
    }

    /// Returns how far the log may be read; none when nobody has said so in a readable way.
    pub(super) fn published(&self) -> Result<Option<Mark>, LogError> {
        let mut bytes = [0; 2 * MARK_BYTES];
        for _ in 0..MARK_ATTEMPTS {
            match self.lock.read_exact_at(&mut bytes, 0) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(LogError::io("read", &self.lock_path)(error)),
            }
            // Two copies tell a mark from one that is half written.
            let (first, second) = bytes.split_at(MARK_BYTES);
            if first == second {
                return Ok(Mark::from_text(first));
            }
            std::thread::yield_now();
        }
        Ok(None)
    }
}

fn files(folder: &Path) -> Result<Vec<String>, LogError> {
    let failed = |error| LogError::io("list", folder)(error);
    let mut names = Vec::new();
    for item in fs::read_dir(folder).map_err(failed)? {
        names.extend(item.map_err(failed)?.file_name().into_string());
    }
    Ok(names)
}

/// Returns the number of the segment that a file's name is of.
fn number_of(name: &str) -> Option<u64> {
    segment_number(name.strip_suffix(SEGMENT_SUFFIX)?)
}

fn segment_number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|_| digits.len() == SEGMENT_DIGITS)
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing the file would release it as well.
        let _: io::Result<()> = self.0.unlock();
    }
}

impl Mark {
    fn to_text(self) -> String {
        format!("{:020} {:020} {:020}\n", self.segment, self.bytes, self.entries)
    }

    fn from_text(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
        let mut numbers = text.split(' ').map(|number| number.parse::<u64>().ok());
        let mark = Self { segment: numbers.next()??, bytes: numbers.next()??, entries: numbers.next()?? };
        numbers.next().is_none().then_some(mark)
    }
}
