//! The dead letters of the log's pipe: `dead/<sink>.jsonl` beside the log.
//!
//! The pipe may append to such a file at any moment. So nothing is moved: what takes the place of a letter is appended, as
//! the pipe appends, and then the old one is overwritten with spaces, its line feed too, which makes it white space before the
//! next letter. After a crash in between both are there, and the next erasure finds the old one. Only a redelivery replaces
//! the file; that it did is noticed afterwards.

use super::{
    AuditErasure, ErasureError, ErasureReport,
    plan::{Plan, Unplanned},
    scrub::{ScrubError, Subjects},
    tiers::{Each, PAGE, PAGE_BYTES, trimmed, unplanned},
};
use crate::{export::record_of, pipe::DeadLetter};
use axess_core::store::AuditScope;
use bytes::Bytes;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What the process that delivers holds.
const DISPATCH_LOCK: &str = "dispatch.lock";

/// One line of a file.
struct Letter {
    at: u64,
    length: usize,
    /// Absent when the line is none.
    letter: Option<DeadLetter>,
    body: Bytes,
    /// Whose event it is; nobody's when that cannot be read.
    scope: AuditScope,
}

/// Reads the lines of a file in turn.
struct Reader {
    lines: BufReader<File>,
    at: u64,
}

/// What was done to the files.
#[derive(Default)]
struct Done {
    rewritten: u64,
    contested: u64,
}

impl AuditErasure {
    /// Goes through the events of a scope among the dead letters.
    pub(super) async fn each_letter(&self, scope: AuditScope, each: &mut Each) -> Result<(), ErasureError> {
        let Some(log) = &self.log else { return Ok(()) };
        let folder = log.path().to_owned();
        for path in blocking(move || files(&folder)).await? {
            let opened = path.clone();
            let mut reader = blocking(move || Reader::open(&opened).map_err(failed(&opened))).await?;
            loop {
                let path = path.clone();
                let read = move || {
                    let letters = reader.next().map_err(failed(&path))?;
                    Ok((reader, letters))
                };
                let (again, letters) = blocking(read).await?;
                reader = again;
                if letters.is_empty() {
                    break;
                }
                for letter in letters.iter().filter(|letter| letter.scope == scope) {
                    each(&letter.body, None)?;
                }
            }
        }
        Ok(())
    }

    /// Rewrites the dead letters as planned.
    pub(super) async fn rewrite_letters(
        &self,
        scope: AuditScope,
        subjects: &Arc<Subjects>,
        plan: &Arc<Plan>,
        report: &mut ErasureReport,
    ) -> Result<(), ErasureError> {
        let Some(log) = &self.log else { return Ok(()) };
        let (folder, plan, subjects) = (log.path().to_owned(), Arc::clone(plan), Arc::clone(subjects));
        let rewrite = move || {
            let mut done = Done::default();
            for path in files(&folder)? {
                drop_unfinished(&folder, &path).map_err(failed(&path))?;
                rewrite_file(&path, &mut done, |letter| changed(letter, scope, &subjects, &plan))?;
            }
            Ok(done)
        };
        let done = blocking(rewrite).await?;
        report.dead_letters += done.rewritten;
        report.conflicts += done.contested;
        Ok(())
    }
}

impl Reader {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { lines: BufReader::new(File::open(path)?), at: 0 })
    }

    /// Reads the next letters; none at the end, or before a line that is not whole.
    fn next(&mut self) -> io::Result<Vec<Letter>> {
        let (mut letters, mut bytes) = (Vec::new(), 0);
        while letters.len() < PAGE && bytes < PAGE_BYTES {
            let mut line = Vec::new();
            let length = self.lines.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            letters.push(Letter::new(self.at, length, &line));
            self.at += u64::try_from(length).unwrap_or(u64::MAX);
            bytes += length;
        }
        Ok(letters)
    }
}

impl Letter {
    fn new(at: u64, length: usize, line: &[u8]) -> Self {
        let letter: Option<DeadLetter> = serde_json::from_slice(line).ok();
        let body = letter.as_ref().map_or(line.trim_ascii(), |letter| letter.line.as_bytes());
        let body = trimmed(&Bytes::copy_from_slice(body));
        let scope = record_of(&body).map_or(AuditScope::System, |record| record.scope());
        Self { at, length, letter, body, scope }
    }
}

/// Returns the line that takes the place of a letter; `None` when it stays.
fn changed(
    letter: &Letter,
    scope: AuditScope,
    subjects: &Subjects,
    plan: &Plan,
) -> Result<Option<Vec<u8>>, ErasureError> {
    let Some(old) = letter.letter.as_ref().filter(|_| letter.scope == scope) else { return Ok(None) };
    let new = match plan.rewritten(&letter.body, subjects) {
        // Counted when it was to be found.
        Err(Unplanned::Line | Unplanned::Event(ScrubError::Read(_))) => None,
        outcome => outcome.map_err(|why| unplanned(old.event_id, why))?,
    };
    let new = new.filter(|new| *new != letter.body);
    let reason = subjects.replaced(&old.reason).map(|(reason, _)| reason);
    if new.is_none() && reason.is_none() {
        return Ok(None);
    }
    let new = DeadLetter {
        line: new.map_or_else(|| old.line.clone(), |new| String::from_utf8_lossy(&new).into_owned()),
        reason: reason.unwrap_or_else(|| old.reason.clone()),
        ..old.clone()
    };
    let refused = |source| ErasureError::Event { event_id: old.event_id, source: Box::new(source) };
    let mut line = serde_json::to_vec(&new).map_err(refused)?;
    line.push(b'\n');
    Ok(Some(line))
}

fn rewrite_file(
    path: &Path,
    done: &mut Done,
    mut change: impl FnMut(&Letter) -> Result<Option<Vec<u8>>, ErasureError>,
) -> Result<(), ErasureError> {
    let mut reader = Reader::open(path).map_err(failed(path))?;
    let mut end = OpenOptions::new().append(true).open(path).map_err(failed(path))?;
    let mut inside = OpenOptions::new().write(true).open(path).map_err(failed(path))?;
    let same = is_same(reader.lines.get_ref(), &end).and_then(|same| Ok(same && is_same(&end, &inside)?));
    if !same.map_err(failed(path))? {
        done.contested += 1;
        return Ok(());
    }
    loop {
        let letters = reader.next().map_err(failed(path))?;
        if letters.is_empty() {
            break;
        }
        let (mut new, mut old) = (Vec::new(), Vec::new());
        for letter in &letters {
            if let Some(line) = change(letter)? {
                new.extend(line);
                old.push((letter.at, letter.length));
            }
        }
        if !old.is_empty() {
            replace(&mut end, &new, &mut inside, &old).map_err(failed(path))?;
            done.rewritten += u64::try_from(old.len()).unwrap_or(u64::MAX);
        }
    }
    let now = File::open(path).and_then(|now| is_same(&now, &end)).map_err(failed(path))?;
    if !now || unfinished(path).exists() {
        done.contested += 1;
    }
    Ok(())
}

/// Appends the new lines, and blanks the old ones when those are safe.
fn replace(end: &mut File, new: &[u8], inside: &mut File, old: &[(u64, usize)]) -> io::Result<()> {
    end.write_all(new)?;
    end.sync_data()?;
    for (at, length) in old {
        inside.seek(SeekFrom::Start(*at))?;
        inside.write_all(&vec![b' '; *length])?;
    }
    inside.sync_data()
}

/// Lists the files of dead letters.
fn files(folder: &Path) -> Result<Vec<PathBuf>, ErasureError> {
    let folder = folder.join("dead");
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed(&folder))?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>().map_err(failed(&folder))?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    paths.sort();
    Ok(paths)
}

/// Removes what a redelivery left that a crash cut off, unless one may be under way.
fn drop_unfinished(folder: &Path, path: &Path) -> io::Result<()> {
    let unfinished = unfinished(path);
    if !unfinished.exists() {
        return Ok(());
    }
    let lock =
        OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(DISPATCH_LOCK))?;
    match lock.try_lock() {
        Ok(()) => fs::remove_file(unfinished),
        Err(fs::TryLockError::WouldBlock) => Ok(()),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Where a redelivery puts what is left.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".left");
    PathBuf::from(name)
}

#[cfg(unix)]
fn is_same(one: &File, other: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

#[cfg(not(unix))]
fn is_same(_: &File, _: &File) -> io::Result<bool> {
    // A file that is open cannot be replaced there.
    Ok(true)
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ErasureError {
    let path = path.to_owned();
    move |source| ErasureError::DeadLetters { path: path.clone(), source }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ErasureError> + Send + 'static,
) -> Result<T, ErasureError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ErasureError::Stopped)?
}
