//! A log in its folder.

use super::{
    Verifier,
    lines::{Lines, Piece},
    report::{FindingKind, VerifyReport},
};
use crate::chain::{
    checkpoint::{MAX_CHECKPOINT_BYTES, SignedCheckpoint},
    entry::MAX_LINE_BYTES,
    keys::{AuditMacKey, AuditPublicKey},
    link::LogId,
};
use axess_core::store::AuditScope;
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

pub(crate) const LOG_FILE: &str = "log.json";
pub(crate) const CHECKPOINTS_FILE: &str = "checkpoints.jsonl";
pub(crate) const SEGMENT_SUFFIX: &str = ".jsonl";
pub(crate) const SEGMENT_DIGITS: usize = 12;
const MAX_LOG_FILE_BYTES: u64 = 4_096;

/// How many checkpoints are read ahead of their entries; those that were signed together are read together.
const AHEAD: usize = 4_096;

/// How often a verification begins anew because the log's files were changed under it by its own retention or erasure.
const ATTEMPTS: usize = 5;

/// What a verification trusts, and what it looks at.
///
/// ```
/// use axess_audit::chain::{AuditSigningKey, VerifyOptions};
/// let key = AuditSigningKey::from_bytes([1; 32]).public_key();
/// let options = VerifyOptions { keys: vec![key], ..VerifyOptions::default() };
/// assert!(options.only.is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The keys whose checkpoints are trusted.
    pub keys: Vec<AuditPublicKey>,
    /// The keys entries are authenticated with; none checks no MAC.
    pub macs: Vec<AuditMacKey>,
    /// Checkpoints kept elsewhere, which the log must fulfil.
    pub known: Vec<SignedCheckpoint>,
    /// Looks at one chain only: for the extract of a tenant.
    pub only: Option<AuditScope>,
}

/// Says why a folder could not be verified.
///
/// ```
/// use axess_audit::chain::{VerifyError, VerifyOptions, verify_folder};
/// let empty = tempfile::tempdir().unwrap();
/// let error = verify_folder(empty.path(), &VerifyOptions::default()).unwrap_err();
/// assert!(matches!(error, VerifyError::NoLog { .. }));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no log in the folder.
    #[error("{} holds no log", path.display())]
    NoLog {
        /// The folder.
        path: PathBuf,
    },
    /// There is no entry of the chain in the log.
    #[error("{} holds no entry of the chain {chain}", path.display())]
    NoChain {
        /// The folder.
        path: PathBuf,
        /// The chain's name.
        chain: String,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Verifies the log in a folder.
///
/// The log may be written to meanwhile: what is not yet a whole line is reported as such, and checkpoints are read
/// before the entries they were made after. Blocks on reading files.
///
/// # Errors
///
/// [`VerifyError`] when the folder holds no log, or a file of it cannot be read.
pub fn verify_folder(path: &Path, options: &VerifyOptions) -> Result<VerifyReport, VerifyError> {
    let mut attempt = 1;
    loop {
        let folder = Folder::open(path)?;
        let mut walk = Walk::new(&folder, options)?;
        let steady = walk.run()?;
        let report = walk.verifier.finish();
        let no_root = report.findings.iter().any(|finding| finding.kind == FindingKind::Unattested);
        if attempt >= ATTEMPTS || (steady && !(no_root && report.checkpoints > 0)) {
            return Ok(report);
        }
        attempt += 1;
    }
}

/// Returns the name of a segment's file.
pub(crate) fn segment_name(segment: u64) -> String {
    format!("{segment:0SEGMENT_DIGITS$}{SEGMENT_SUFFIX}")
}

/// The files of a log.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// Whose log it is; what is wrong with the file that says so.
    pub(crate) log: Result<LogId, String>,
}

#[derive(serde::Deserialize)]
struct LogFile {
    v: u64,
    id: LogId,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, VerifyError> {
        let folder = Self { path: path.to_owned(), log: Err(format!("{LOG_FILE} is missing")) };
        let Some(file) = folder.file(LOG_FILE)? else {
            let empty = folder.segments()?.is_empty() && folder.file(CHECKPOINTS_FILE)?.is_none();
            return if empty { Err(VerifyError::NoLog { path: path.to_owned() }) } else { Ok(folder) };
        };
        let mut text = Vec::new();
        let read = file.take(MAX_LOG_FILE_BYTES).read_to_end(&mut text);
        read.map_err(|source| VerifyError::Io { path: path.join(LOG_FILE), source })?;
        let log = match serde_json::from_slice::<LogFile>(&text) {
            Ok(file) if file.v == 1 => Ok(file.id),
            Ok(file) => Err(format!("{LOG_FILE} has the version {}, which is not known", file.v)),
            Err(error) => Err(format!("{LOG_FILE} is not that of a log: {error}")),
        };
        Ok(Self { log, ..folder })
    }

    /// Opens a file; `None` when there is none.
    pub(crate) fn file(&self, name: &str) -> Result<Option<File>, VerifyError> {
        let path = self.path.join(name);
        // A pipe would block at opening.
        let opened = fs::metadata(&path).and_then(|metadata| {
            if metadata.is_file() { File::open(&path) } else { Err(io::Error::other("not a file")) }
        });
        match opened {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some).map_err(|source| VerifyError::Io { path, source }),
        }
    }

    /// Returns the numbers of the segments, in order.
    pub(crate) fn segments(&self) -> Result<Vec<u64>, VerifyError> {
        let io_error = |source| VerifyError::Io { path: self.path.clone(), source };
        let mut numbers = Vec::new();
        for item in fs::read_dir(&self.path).map_err(io_error)? {
            let name = item.map_err(io_error)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(SEGMENT_SUFFIX)?.parse().ok());
            numbers.extend(number.filter(|number| name.to_str() == Some(&segment_name(*number))));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

struct Walk<'f> {
    folder: &'f Folder,
    verifier: Verifier,
    checkpoints: Option<Lines<File>>,
}

impl<'f> Walk<'f> {
    fn new(folder: &'f Folder, options: &VerifyOptions) -> Result<Self, VerifyError> {
        let checkpoints = folder.file(CHECKPOINTS_FILE)?.map(|file| Lines::new(file, MAX_CHECKPOINT_BYTES));
        let mut verifier = Verifier::new(options.keys.clone()).with_mac_keys(options.macs.clone());
        verifier = match options.only {
            Some(scope) => verifier.with_only(scope),
            None => verifier,
        };
        match &folder.log {
            Ok(log) => verifier = verifier.with_log(*log),
            Err(what) => verifier.feed_file_fault(what.clone()),
        }
        Ok(Self { folder, verifier: verifier.with_known_checkpoints(options.known.clone()), checkpoints })
    }

    /// Reads everything; tells whether the files stayed in their places meanwhile.
    fn run(&mut self) -> Result<bool, VerifyError> {
        let mut steady = true;
        let mut segments = self.folder.segments()?;
        let mut at = 0;
        while let Some(segment) = segments.get(at).copied() {
            at += 1;
            let Some(file) = self.folder.file(&segment_name(segment))? else {
                steady = false;
                continue;
            };
            let mut lines = Lines::new(file, MAX_LINE_BYTES);
            let newest = at == segments.len();
            let mut left = self.read(segment, &mut lines)?;
            if newest {
                segments.extend(self.folder.segments()?.into_iter().filter(|later| *later > segment));
                steady &= self.same_file(segment, lines.get_ref())?;
            }
            let last = at == segments.len();
            if newest && !last {
                // It was written to until the next one was begun.
                left = self.read(segment, &mut lines)?;
            }
            match left {
                0 => {}
                bytes if last => self.verifier.feed_torn_tail(segment, lines.upcoming(), bytes),
                _ => self.verifier.feed_unended(segment, lines.upcoming()),
            }
        }
        while self.read_checkpoint()? {}
        Ok(steady)
    }

    /// Reads a segment as far as it goes; returns how many bytes of a line stand at its end.
    fn read(&mut self, segment: u64, lines: &mut Lines<File>) -> Result<u64, VerifyError> {
        loop {
            while self.verifier.wants_checkpoint(AHEAD) && self.read_checkpoint()? {}
            let number = lines.upcoming();
            let piece = lines.next().map_err(|source| VerifyError::Io {
                path: self.folder.path.join(segment_name(segment)),
                source,
            })?;
            match piece {
                Piece::End(left) => return Ok(left),
                Piece::Line(line) if number == 1 => self.verifier.feed_header(segment, line),
                Piece::Line(line) => self.verifier.feed_line(segment, number, line),
                Piece::TooLong if number == 1 => self.verifier.feed_header(segment, &[]),
                Piece::TooLong => self.verifier.feed_too_long(segment, number),
            }
        }
    }

    /// Reads one checkpoint; tells whether there was one.
    fn read_checkpoint(&mut self) -> Result<bool, VerifyError> {
        let Some(lines) = &mut self.checkpoints else { return Ok(false) };
        let number = lines.upcoming();
        let piece = lines
            .next()
            .map_err(|source| VerifyError::Io { path: self.folder.path.join(CHECKPOINTS_FILE), source })?;
        match piece {
            // Part of a line at the end is a write that is under way, or that a crash cut short.
            Piece::End(_) => {
                self.checkpoints = None;
                return Ok(false);
            }
            Piece::Line(line) => self.verifier.feed_checkpoint_line(number, line),
            Piece::TooLong => self.verifier.feed_checkpoint_line(number, &[]),
        }
        Ok(true)
    }

    /// Tells whether a file still stands where it was opened: an erasure replaces segments.
    fn same_file(&self, segment: u64, file: &File) -> Result<bool, VerifyError> {
        let path = self.folder.path.join(segment_name(segment));
        let there = match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            there => there.map_err(|source| VerifyError::Io { path: path.clone(), source })?,
        };
        let open = file.metadata().map_err(|source| VerifyError::Io { path, source })?;
        Ok(same(&there, &open))
    }
}

#[cfg(unix)]
fn same(a: &fs::Metadata, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}
