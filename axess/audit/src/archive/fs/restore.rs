//! Turning an archive back into a log that its verifier accepts.

use super::{
    disk::{Root, at, create_folder, damaged, names, read_paper},
    lines,
    signed::Manifest,
};
use crate::{
    archive::ArchiveError,
    chain::{AuditPublicKey, CHECKPOINTS_FILE, Heads, LOG_FILE, Link, LogId, SignedCheckpoint},
};
use axess_core::store::AuditScope;
use bytes::Bytes;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// How many entries may stand before the one that comes first: events are archived in the order in which they happened,
/// which is nearly the order of their chain.
const MAX_EARLY: usize = 100_000;

/// What was restored.
///
/// ```
/// use axess_audit::archive::RestoreReport;
/// assert_eq!(RestoreReport::default().missing, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RestoreReport {
    /// The entries, each the next one of its chain.
    pub entries: u64,
    /// The checkpoints that cover them.
    pub checkpoints: u64,
    /// The place of the first entry that is not in the archive although later ones are: the restored log ends before it. At the
    /// newest end of an archive that can be an entry that is not old enough yet.
    pub missing: Option<u64>,
    /// The entries behind that one.
    pub behind_missing: u64,
    /// Events that came from no log.
    pub without_line: u64,
}

/// Writes the chain of a scope as the folder of a log, which `axess-audit verify` accepts.
///
/// `log` is the folder the events were recorded in, or what was kept of it: `log.json` and `checkpoints.jsonl` are enough;
/// entries that its segments still have follow those of the archive. So do those of `more`, lines of the same chain from
/// anywhere else: the store that is searched has what is too young for the archive and too old for the log. The event that
/// vouches for an erasure may be among them.
///
/// Blocks. `to` is a new folder. Nobody may write to the archive meanwhile. The result is verified with
/// [`VerifyOptions::only`](crate::chain::VerifyOptions) set to the scope.
///
/// # Errors
///
/// [`ArchiveError`]; [`Damaged`](ArchiveError::Damaged) when a manifest is not signed with one of the keys.
pub fn restore_chain(
    archive: &Path,
    scope: AuditScope,
    keys: &[AuditPublicKey],
    log: &Path,
    more: impl IntoIterator<Item = Bytes>,
    to: &Path,
) -> Result<RestoreReport, ArchiveError> {
    #[derive(Deserialize)]
    struct Named {
        id: LogId,
    }
    let root = Root(archive.to_owned());
    let name = log.join(LOG_FILE);
    let description = fs::read(&name).map_err(|error| at(&name, error))?;
    let Named { id } =
        serde_json::from_slice(&description).map_err(|_| damaged(&name, "it does not name a log"))?;
    create_folder(to)?;
    if !names(to)?.is_empty() {
        let full = std::io::Error::from(std::io::ErrorKind::DirectoryNotEmpty);
        return Err(at(to, full));
    }
    let mut out = Restored::begin(to, id, scope)?;
    let mut days = Vec::new();
    for day in root.days_with(scope, ".json")? {
        days.extend(read_paper::<Manifest>(&root.manifest(scope, day), keys)?);
    }
    let links = days.iter().filter_map(|day| day.describe().head_before);
    out.next = links.map(|link| link.seq + 1).min().unwrap_or(1);
    for day in &days {
        let path = root.lines(scope, day.day);
        lines::read(&path, day.bytes, |_, line| match line {
            Some(line) => out.take(line),
            None => Ok(()),
        })?;
    }
    more.into_iter().try_for_each(|line| out.take(line.slice(..line.trim_ascii_end().len())))?;
    take_segments(&mut out, log)?;
    let mut report = out.end()?;
    write_new(&to.join(LOG_FILE), &description)?;
    report.checkpoints = copy_checkpoints(scope, log, to, out.last)?;
    Ok(report)
}

struct Restored {
    path: std::path::PathBuf,
    file: BufWriter<File>,
    heads: Heads,
    scope: AuditScope,
    next: u64,
    last: Option<Link>,
    early: BTreeMap<u64, (Link, Bytes)>,
    dropped: u64,
    report: RestoreReport,
}

impl Restored {
    fn begin(to: &Path, log: LogId, scope: AuditScope) -> Result<Self, ArchiveError> {
        let path = to.join("000000000001.jsonl");
        let mut heads = Heads::new(log);
        let mut file = BufWriter::new(create_new(&path)?);
        file.write_all(&heads.begin_segment(1)).map_err(|error| at(&path, error))?;
        Ok(Self {
            path,
            file,
            heads,
            scope,
            next: 1,
            last: None,
            early: BTreeMap::new(),
            dropped: 0,
            report: RestoreReport::default(),
        })
    }

    fn take(&mut self, line: Bytes) -> Result<(), ArchiveError> {
        let facts = lines::facts(&line);
        if facts.is_some_and(|facts| facts.scope != self.scope) {
            return Ok(());
        }
        let Some((link, _)) = facts.and_then(|facts| facts.link) else {
            self.report.without_line += 1;
            return Ok(());
        };
        if link.seq < self.next {
            return Ok(());
        }
        if self.early.len() < MAX_EARLY || link.seq == self.next {
            self.early.insert(link.seq, (link, line));
        } else {
            self.dropped += 1;
        }
        while let Some((link, line)) = self.early.remove(&self.next) {
            let written = self.file.write_all(&line).and_then(|()| self.file.write_all(b"\n"));
            written.map_err(|error| at(&self.path, error))?;
            self.heads.advance(self.scope, link);
            (self.last, self.next) = (Some(link), self.next + 1);
            self.report.entries += 1;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<RestoreReport, ArchiveError> {
        self.file.flush().map_err(|error| at(&self.path, error))?;
        let behind_missing = self.dropped + u64::try_from(self.early.len()).unwrap_or(u64::MAX);
        let missing = (behind_missing > 0).then_some(self.next);
        Ok(RestoreReport { missing, behind_missing, ..self.report })
    }
}

/// Takes the entries that the log still has.
fn take_segments(out: &mut Restored, log: &Path) -> Result<(), ArchiveError> {
    let mut segments = names(log)?;
    segments.retain(|name| name.strip_suffix(".jsonl").is_some_and(|stem| stem.parse::<u64>().is_ok()));
    segments.sort_unstable();
    for name in segments {
        let path = log.join(name);
        let lines = BufReader::new(File::open(&path).map_err(|error| at(&path, error))?).split(b'\n');
        // The first line is the segment's header.
        for line in lines.skip(1) {
            let line = Bytes::from(line.map_err(|error| at(&path, error))?);
            // The last one may be on its way.
            if lines::facts(&line).is_some() {
                out.take(line)?;
            }
        }
    }
    Ok(())
}

/// Copies the checkpoints of the chain up to its last restored entry: later ones promise what is not in the archive yet.
fn copy_checkpoints(
    scope: AuditScope,
    log: &Path,
    to: &Path,
    last: Option<Link>,
) -> Result<u64, ArchiveError> {
    let (from, to) = (log.join(CHECKPOINTS_FILE), to.join(CHECKPOINTS_FILE));
    let mut out = BufWriter::new(create_new(&to)?);
    let mut copied = 0;
    let lines = BufReader::new(File::open(&from).map_err(|error| at(&from, error))?).split(b'\n');
    for line in lines {
        let line = line.map_err(|error| at(&from, error))?;
        let Ok(checkpoint) = SignedCheckpoint::parse(&line) else { continue };
        let checkpoint = checkpoint.checkpoint;
        if checkpoint.scope == Some(scope) && last.is_some_and(|last| checkpoint.seq <= last.seq) {
            let written = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
            written.map_err(|error| at(&to, error))?;
            copied += 1;
        }
    }
    out.flush().map_err(|error| at(&to, error))?;
    Ok(copied)
}

fn create_new(path: &Path) -> Result<File, ArchiveError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| at(path, error))
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
    create_new(path)?.write_all(bytes).map_err(|error| at(path, error))
}
