//! Where the files of an archive are, and the writes that must not go wrong silently.

use super::signed::{self, Paper};
use crate::{
    archive::ArchiveError,
    chain::{AuditPublicKey, AuditSigningKey},
};
use axess_core::store::AuditScope;
use chrono::NaiveDate;
use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The largest signed paper that is read.
const MAX_PAPER: u64 = 64 * 1024 * 1024;

/// The folder of the events of no tenant.
const SYSTEM: &str = "system";

/// The folder of an archive.
#[derive(Debug, Clone)]
pub(super) struct Root(pub(super) PathBuf);

impl Root {
    pub(super) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    pub(super) fn scopes(&self) -> PathBuf {
        self.0.join("scopes.json")
    }

    /// Names the day that was last written to, which a crash may have left half-written.
    pub(super) fn pending(&self) -> PathBuf {
        self.0.join("pending")
    }

    pub(super) fn folder(&self, scope: AuditScope) -> PathBuf {
        self.0.join(scope_name(scope))
    }

    pub(super) fn index(&self, scope: AuditScope) -> PathBuf {
        self.folder(scope).join("index.json")
    }

    pub(super) fn lines(&self, scope: AuditScope, day: NaiveDate) -> PathBuf {
        self.folder(scope).join(format!("{day}.jsonl.gz"))
    }

    pub(super) fn manifest(&self, scope: AuditScope, day: NaiveDate) -> PathBuf {
        self.folder(scope).join(format!("{day}.json"))
    }

    /// Where a day is written before it takes the place of the day's file.
    pub(super) fn rewritten(&self, scope: AuditScope, day: NaiveDate) -> PathBuf {
        self.folder(scope).join(format!("{day}.rewritten"))
    }

    /// Lists the scopes that have a folder.
    pub(super) fn folders(&self) -> Result<Vec<AuditScope>, ArchiveError> {
        let names = names(&self.0)?;
        let mut scopes: Vec<_> = names.iter().filter_map(|name| parse_scope(name)).collect();
        scopes.sort_unstable();
        Ok(scopes)
    }

    /// Lists the days that have a file with this ending.
    pub(super) fn days_with(&self, scope: AuditScope, ending: &str) -> Result<Vec<NaiveDate>, ArchiveError> {
        let names = names(&self.folder(scope))?;
        let mut days: Vec<_> =
            names.iter().filter_map(|name| name.strip_suffix(ending)?.parse().ok()).collect();
        days.sort_unstable();
        Ok(days)
    }
}

/// Returns the name of a scope's folder, which is that of its chain.
pub(super) fn scope_name(scope: AuditScope) -> String {
    match scope {
        AuditScope::System => SYSTEM.to_owned(),
        AuditScope::Tenant(id) => id.to_string(),
    }
}

/// Reads the name of a scope, in its one spelling.
pub(super) fn parse_scope(name: &str) -> Option<AuditScope> {
    let scope = if name == SYSTEM { AuditScope::System } else { AuditScope::Tenant(name.parse().ok()?) };
    (scope_name(scope) == name).then_some(scope)
}

/// Lists the names in a folder; none when it is not there.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, ArchiveError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(folder, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| at(folder, error))?.file_name();
        names.extend(name.to_str().map(str::to_owned));
    }
    Ok(names)
}

/// Says which file it was.
pub(super) fn at(path: &Path, source: io::Error) -> ArchiveError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            ArchiveError::Full { path, source }
        }
        _ => ArchiveError::Io { path, source },
    }
}

pub(super) fn damaged(path: &Path, what: impl Into<String>) -> ArchiveError {
    ArchiveError::Damaged { path: path.to_owned(), what: what.into() }
}

pub(super) fn create_folder(path: &Path) -> Result<(), ArchiveError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| at(path, error))
}

/// Opens a file for writing and makes it when it is not there.
pub(super) fn open_for_writing(path: &Path) -> Result<File, ArchiveError> {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    open.map_err(|error| at(path, error))
}

/// Forces the names in a folder to the disk.
pub(super) fn sync_folder(path: &Path) -> Result<(), ArchiveError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| at(path, error))
}

/// Puts a file in place in one step.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
    let beside = path.with_added_extension("tmp");
    let written = open_for_writing(&beside).and_then(|mut file| {
        let write = file.set_len(0).and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
        write.map_err(|error| at(&beside, error))
    });
    let placed = written.and_then(|()| fs::rename(&beside, path).map_err(|error| at(path, error)));
    if placed.is_err() {
        // What is left is overwritten by the next attempt.
        let _ = fs::remove_file(&beside);
        return placed;
    }
    path.parent().map_or(Ok(()), sync_folder)
}

/// Removes a file; one that is not there is no error.
pub(super) fn remove(path: &Path) -> Result<(), ArchiveError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path, error)),
        _ => Ok(()),
    }
}

/// Returns a file's length; `None` when it is not there.
pub(super) fn length(path: &Path) -> Result<Option<u64>, ArchiveError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path, error)),
    }
}

/// Writes a signed paper.
pub(super) fn write_paper<P: Paper>(
    path: &Path,
    paper: &P,
    key: &AuditSigningKey,
) -> Result<(), ArchiveError> {
    let bytes = signed::sign(paper, key).map_err(|error| ArchiveError::Other(Box::new(error)))?;
    replace(path, &bytes)
}

/// Reads a signed paper; `None` when it is not there.
pub(super) fn read_paper<P: Paper>(path: &Path, keys: &[AuditPublicKey]) -> Result<Option<P>, ArchiveError> {
    match length(path)? {
        None => return Ok(None),
        Some(length) if length > MAX_PAPER => return Err(damaged(path, "it is too long")),
        Some(_) => {}
    }
    let bytes = fs::read(path).map_err(|error| at(path, error))?;
    signed::open(&bytes, keys).map(Some).map_err(|what| damaged(path, what))
}

/// Returns a file's name, for reports.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned()
}
