//! Verifying an archive with nothing but the public keys.

use super::{
    disk::{Root, length, names, parse_scope, read_paper, scope_name},
    lines::{self, Totals},
    papers::check_lines,
    signed::{Index, Manifest, Scopes},
};
use crate::{archive::ArchiveError, chain::AuditPublicKey};
use axess_core::store::AuditScope;
use chrono::NaiveDate;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    path::{Path, PathBuf},
};

/// What a verification of an archive found.
///
/// ```
/// use axess_audit::archive::ArchiveReport;
/// assert!(ArchiveReport::default().is_whole());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArchiveReport {
    /// The scopes that were read.
    pub scopes: u64,
    /// The days that are as they were written.
    pub days: u64,
    /// Their events.
    pub events: u64,
    /// Counts the changes of each scope's index. An archive that was put back to an earlier state as a whole has lower ones
    /// than a report kept elsewhere.
    pub index_numbers: BTreeMap<String, u64>,
    /// What is wrong.
    pub findings: Vec<ArchiveFinding>,
}

/// One thing that is wrong with an archive.
///
/// ```
/// use axess_audit::archive::{ArchiveFinding, ArchiveFindingKind};
/// let (file, what) = ("system/2026-01-31.json".into(), "it is gone".into());
/// let finding = ArchiveFinding { kind: ArchiveFindingKind::Missing, file, what };
/// assert_eq!(finding.to_string(), "system/2026-01-31.json: it is gone");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFinding {
    /// What kind of thing.
    pub kind: ArchiveFindingKind,
    /// The file, below the archive's folder.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

/// What kind of thing is wrong with an archive.
///
/// ```
/// use axess_audit::archive::ArchiveFindingKind;
/// assert_ne!(ArchiveFindingKind::Missing, ArchiveFindingKind::Edited);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArchiveFindingKind {
    /// A file that is promised is not there.
    Missing,
    /// A file is shorter than its manifest says.
    Truncated,
    /// A file is longer than its manifest says: a batch a crash cut off, which the next start removes, or an addition.
    Unattested,
    /// A file is not what its manifest says, or holds what its manifest does not.
    Edited,
    /// A file is that of another day or scope.
    Swapped,
    /// A file is an earlier one than its index promises.
    RolledBack,
    /// A signature is wrong, or of a key that was not given.
    BadSignature,
    /// Nothing says what a file is.
    Unknown,
}

impl ArchiveReport {
    /// Tells whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for ArchiveFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.what)
    }
}

/// Reads a whole archive and compares it with what was signed: finds edited, swapped, truncated and missing files and days.
///
/// Blocks. Nobody may write to the archive meanwhile. The keys are those that signed it, older ones included. Whether the
/// entries of a chain follow each other is for the log's verifier: see [`restore_chain`](super::restore_chain).
///
/// # Errors
///
/// [`ArchiveError`] when a file that is there cannot be read.
pub fn verify_archive(folder: &Path, keys: &[AuditPublicKey]) -> Result<ArchiveReport, ArchiveError> {
    let mut check = Check { root: Root(folder.to_owned()), keys, report: ArchiveReport::default() };
    check.all()?;
    Ok(check.report)
}

struct Check<'k> {
    root: Root,
    keys: &'k [AuditPublicKey],
    report: ArchiveReport,
}

impl Check<'_> {
    fn all(&mut self) -> Result<(), ArchiveError> {
        let list = self.root.scopes();
        let listed: BTreeSet<String> = match self.paper::<Scopes>(&list)? {
            Some(paper) => paper.scopes,
            None => BTreeSet::new(),
        };
        let there = self.root.folders()?;
        if !there.is_empty() && length(&list)?.is_none() {
            self.find(ArchiveFindingKind::Missing, &list, "it is gone");
        }
        let mut scopes: Vec<_> = listed.iter().filter_map(|name| parse_scope(name)).collect();
        scopes.extend(there);
        scopes.sort_unstable();
        scopes.dedup();
        for name in names(&self.root.0)? {
            let known =
                ["lock", "pending", "scopes.json", "scopes.json.tmp", "pending.tmp"].contains(&&*name);
            if !known && parse_scope(&name).is_none() {
                let path = self.root.0.join(name);
                self.find(ArchiveFindingKind::Unknown, &path, "it is no file of an archive");
            }
        }
        scopes.into_iter().try_for_each(|scope| self.scope(scope))
    }

    fn scope(&mut self, scope: AuditScope) -> Result<(), ArchiveError> {
        self.report.scopes += 1;
        let path = self.root.index(scope);
        let index = match self.paper::<Index>(&path)? {
            Some(index) if index.scope != scope_name(scope) => {
                self.find(ArchiveFindingKind::Swapped, &path, format!("it is that of {}", index.scope));
                None
            }
            None if length(&path)?.is_none() => {
                self.find(ArchiveFindingKind::Missing, &path, "it is gone");
                None
            }
            index => index,
        };
        if let Some(index) = &index {
            self.report.index_numbers.insert(index.scope.clone(), index.number);
        }
        let promised = index.as_ref().map(|index| index.days.clone()).unwrap_or_default();
        let purged = index.as_ref().and_then(|index| index.purged);
        let mut days: BTreeSet<_> = promised.keys().copied().collect();
        days.extend(self.root.days_with(scope, ".json")?);
        days.extend(self.root.days_with(scope, ".jsonl.gz")?);
        for day in days {
            match promised.get(&day) {
                // What a deletion, cut off by a crash, has left; the next one takes it.
                None if purged.is_some_and(|purged| day < purged) => {}
                number => self.day(scope, day, number.copied().unwrap_or(0))?,
            }
        }
        self.strangers(scope)
    }

    fn day(&mut self, scope: AuditScope, day: NaiveDate, promised: u64) -> Result<(), ArchiveError> {
        let (paper, path) = (self.root.manifest(scope, day), self.root.lines(scope, day));
        let Some(manifest) = self.paper::<Manifest>(&paper)? else {
            if length(&paper)?.is_none() {
                self.find(ArchiveFindingKind::Missing, &paper, "it is gone");
            }
            return Ok(());
        };
        if manifest.day != day || manifest.scope != scope_name(scope) {
            let what = format!("it is that of {} of {}", manifest.day, manifest.scope);
            self.find(ArchiveFindingKind::Swapped, &paper, what);
            return Ok(());
        }
        if manifest.number < promised {
            let what = format!("it is number {}, and number {promised} was written", manifest.number);
            self.find(ArchiveFindingKind::RolledBack, &paper, what);
            return Ok(());
        }
        match length(&path)? {
            None => self.find(ArchiveFindingKind::Missing, &path, "it is gone"),
            Some(bytes) if bytes < manifest.bytes => {
                let what = format!("it has {bytes} bytes of {}", manifest.bytes);
                self.find(ArchiveFindingKind::Truncated, &path, what);
            }
            Some(bytes) => {
                if bytes > manifest.bytes {
                    let what = format!("{} bytes are not in its manifest", bytes - manifest.bytes);
                    self.find(ArchiveFindingKind::Unattested, &path, what);
                }
                self.lines(scope, &manifest, &path)?;
            }
        }
        Ok(())
    }

    fn lines(&mut self, scope: AuditScope, manifest: &Manifest, path: &Path) -> Result<(), ArchiveError> {
        let (mut totals, mut ids, mut foreign) = (None, HashSet::new(), None);
        let read = lines::read(path, manifest.bytes, |_, line| {
            let Some(line) = line else { return Ok(()) };
            match lines::facts(&line) {
                Some(facts) if (facts.scope, facts.at.date_naive()) == (scope, manifest.day) => {
                    totals = Some(Totals::add(totals, &facts));
                    if !ids.insert(facts.event_id) {
                        foreign = Some((
                            ArchiveFindingKind::Edited,
                            format!("event {} is there twice", facts.event_id),
                        ));
                    }
                }
                Some(facts) => {
                    let what = format!("event {} belongs elsewhere", facts.event_id);
                    foreign = Some((ArchiveFindingKind::Swapped, what));
                }
                None => foreign = Some((ArchiveFindingKind::Edited, "a line is not an event".to_owned())),
            }
            Ok(())
        });
        if let Some((kind, what)) = foreign {
            self.find(kind, path, what);
            return Ok(());
        }
        let checked = read.and_then(|sha256| check_lines(path, manifest, totals.as_ref(), sha256));
        match checked {
            Ok(()) => {
                self.report.days += 1;
                self.report.events += manifest.events;
            }
            Err(ArchiveError::Damaged { what, .. }) => {
                self.find(ArchiveFindingKind::Edited, path, what);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Finds files nobody wrote.
    fn strangers(&mut self, scope: AuditScope) -> Result<(), ArchiveError> {
        let folder = self.root.folder(scope);
        for name in names(&folder)? {
            let stem = [".jsonl.gz", ".json.tmp", ".json", ".rewritten"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let known = stem.is_some_and(|stem| stem == "index" || stem.parse::<NaiveDate>().is_ok());
            if !known {
                self.find(ArchiveFindingKind::Unknown, &folder.join(name), "it is no file of an archive");
            }
        }
        Ok(())
    }

    fn paper<P: super::signed::Paper>(&mut self, path: &Path) -> Result<Option<P>, ArchiveError> {
        match read_paper(path, self.keys) {
            Err(ArchiveError::Damaged { what, .. }) => {
                self.find(ArchiveFindingKind::BadSignature, path, what);
                Ok(None)
            }
            outcome => outcome,
        }
    }

    fn find(&mut self, kind: ArchiveFindingKind, path: &Path, what: impl Into<String>) {
        let file = path.strip_prefix(&self.root.0).unwrap_or(path).to_owned();
        self.report.findings.push(ArchiveFinding { kind, file, what: what.into() });
    }
}
