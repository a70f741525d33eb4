//! The signed files of an archive, and what a crash left of them.

use super::{
    disk::{
        self, Root, damaged, length, parse_scope, read_paper, remove, scope_name, sync_folder, write_paper,
    },
    lines::{self, Totals},
    signed::{Head, Index, Manifest, Paper, Scopes},
};
use crate::{
    archive::{ArchiveError, ArchiveRange},
    chain::{AuditPublicKey, AuditSigningKey},
};
use axess_core::store::AuditScope;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, fs, path::Path};

/// The version of every file.
const VERSION: u8 = 1;

/// The folder and the keys of an archive.
pub(super) struct Papers {
    pub(super) root: Root,
    pub(super) key: AuditSigningKey,
    pub(super) trusted: Vec<AuditPublicKey>,
}

/// Returns a hash as manifests have it.
pub(super) fn digest_text(sha256: Sha256) -> String {
    URL_SAFE_NO_PAD.encode(sha256.finalize())
}

impl Papers {
    fn read<P: Paper>(&self, path: &Path) -> Result<Option<P>, ArchiveError> {
        read_paper(path, &self.trusted)
    }

    /// Reads the manifest of a day.
    pub(super) fn manifest(
        &self,
        scope: AuditScope,
        day: NaiveDate,
    ) -> Result<Option<Manifest>, ArchiveError> {
        let path = self.root.manifest(scope, day);
        let manifest: Option<Manifest> = self.read(&path)?;
        if let Some(manifest) = &manifest
            && (manifest.day != day || manifest.scope != scope_name(scope))
        {
            return Err(damaged(&path, format!("it is that of {} of {}", manifest.day, manifest.scope)));
        }
        let promised = self.index(scope)?.and_then(|index| index.days.get(&day).copied()).unwrap_or(0);
        match &manifest {
            Some(manifest) if manifest.number < promised => {
                Err(damaged(&path, format!("it is number {} of {promised}", manifest.number)))
            }
            None if promised > 0 => Err(damaged(&path, "it is gone")),
            _ => Ok(manifest),
        }
    }

    fn index(&self, scope: AuditScope) -> Result<Option<Index>, ArchiveError> {
        let path = self.root.index(scope);
        let index: Option<Index> = self.read(&path)?;
        match index {
            Some(index) if index.scope != scope_name(scope) => {
                Err(damaged(&path, format!("it is that of {}", index.scope)))
            }
            index => Ok(index),
        }
    }

    /// Writes a day's manifest, and then the index that promises it.
    pub(super) fn write_manifest(&self, scope: AuditScope, manifest: &Manifest) -> Result<(), ArchiveError> {
        write_paper(&self.root.manifest(scope, manifest.day), manifest, &self.key)?;
        self.promise(scope, manifest)
    }

    /// Brings the index up to date with a manifest.
    pub(super) fn promise(&self, scope: AuditScope, manifest: &Manifest) -> Result<(), ArchiveError> {
        let path = self.root.index(scope);
        let Some(mut index) = self.index(scope)? else { return Err(damaged(&path, "it is gone")) };
        if index.days.insert(manifest.day, manifest.number) == Some(manifest.number) {
            return Ok(());
        }
        index.number += 1;
        write_paper(&path, &index, &self.key)
    }

    /// Makes the folder of a scope: its index first, then its name in the list, and then its days.
    pub(super) fn ensure_scope(&self, scope: AuditScope) -> Result<(), ArchiveError> {
        let name = scope_name(scope);
        let mut scopes = self.scope_list()?;
        if scopes.scopes.contains(&name) {
            return Ok(());
        }
        disk::create_folder(&self.root.folder(scope))?;
        sync_folder(&self.root.0)?;
        if self.index(scope)?.is_none() {
            let index =
                Index { v: VERSION, scope: name.clone(), number: 0, purged: None, days: Default::default() };
            write_paper(&self.root.index(scope), &index, &self.key)?;
        }
        scopes.scopes.insert(name);
        scopes.number += 1;
        write_paper(&self.root.scopes(), &scopes, &self.key)
    }

    fn scope_list(&self) -> Result<Scopes, ArchiveError> {
        let scopes = self.read(&self.root.scopes())?;
        Ok(scopes.unwrap_or(Scopes { v: VERSION, number: 0, scopes: BTreeSet::new() }))
    }

    pub(super) fn scopes(&self) -> Result<Vec<AuditScope>, ArchiveError> {
        let listed = self.scope_list()?.scopes;
        let mut scopes: Vec<_> = listed.iter().filter_map(|name| parse_scope(name)).collect();
        scopes.extend(self.root.folders()?);
        scopes.sort_unstable();
        scopes.dedup();
        Ok(scopes)
    }

    /// Lists the days that are promised, and those that are there.
    pub(super) fn days(&self, scope: AuditScope) -> Result<Vec<NaiveDate>, ArchiveError> {
        let promised = self.index(scope)?.map(|index| index.days).unwrap_or_default();
        let mut days: BTreeSet<_> = promised.into_keys().collect();
        days.extend(self.root.days_with(scope, ".json")?);
        Ok(days.into_iter().collect())
    }

    /// Deletes days: first from the index, so that nobody misses them, then their files.
    pub(super) fn purge(&self, scope: AuditScope, range: ArchiveRange) -> Result<u64, ArchiveError> {
        let days: Vec<_> = self.days(scope)?.into_iter().filter(|day| range.contains(*day)).collect();
        let mut events = 0;
        for day in &days {
            events += self.manifest(scope, *day)?.map_or(0, |manifest| manifest.events);
        }
        if let Some(mut index) = self.index(scope)? {
            let before = index.clone();
            index.days.retain(|day, _| !range.contains(*day));
            if range.from.is_none() && !days.is_empty() {
                index.purged = index.purged.max(Some(range.until));
            }
            if index != before {
                index.number += 1;
                write_paper(&self.root.index(scope), &index, &self.key)?;
            }
        }
        let mut files = self.root.days_with(scope, ".jsonl.gz")?;
        files.extend(self.root.days_with(scope, ".rewritten")?);
        for day in files.into_iter().chain(days).filter(|day| range.contains(*day)) {
            remove(&self.root.rewritten(scope, day))?;
            remove(&self.root.lines(scope, day))?;
            remove(&self.root.manifest(scope, day))?;
        }
        Ok(events)
    }

    /// Remembers which day is written to, before it is.
    pub(super) fn set_pending(&self, scope: AuditScope, day: NaiveDate) -> Result<(), ArchiveError> {
        let pending = format!("{}/{day}\n", scope_name(scope));
        let path = self.root.pending();
        if fs::read(&path).is_ok_and(|known| known == pending.as_bytes()) {
            return Ok(());
        }
        // An earlier failure may have left that one half-written.
        self.recover_pending()?;
        disk::replace(&path, pending.as_bytes())
    }

    /// Repairs the day that was last written to.
    pub(super) fn recover_pending(&self) -> Result<(), ArchiveError> {
        let Ok(pending) = fs::read_to_string(self.root.pending()) else { return Ok(()) };
        let place = pending.trim_end().split_once('/');
        let place = place.and_then(|(scope, day)| Some((parse_scope(scope)?, day.parse().ok()?)));
        match place.map_or(Ok(()), |(scope, day)| self.recover(scope, day)) {
            // What somebody else did to one day is for a verification to find, and no reason not to archive the next.
            Err(ArchiveError::Damaged { path, what }) => {
                tracing::error!(file = disk::name_of(&path), what, "the archive was changed");
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Repairs a day: finishes a rewriting that was decided, and cuts off a batch that was not.
    pub(super) fn recover(&self, scope: AuditScope, day: NaiveDate) -> Result<(), ArchiveError> {
        let (path, rewritten) = (self.root.lines(scope, day), self.root.rewritten(scope, day));
        let Some(mut manifest) = self.manifest(scope, day)? else {
            remove(&rewritten)?;
            return remove(&path);
        };
        if manifest.replaces.is_some() {
            if sha256_of(&rewritten, manifest.bytes)?.as_ref() == Some(&manifest.sha256) {
                fs::rename(&rewritten, &path).map_err(|error| disk::at(&path, error))?;
                sync_folder(&self.root.folder(scope))?;
            } else if sha256_of(&path, manifest.bytes)?.as_ref() != Some(&manifest.sha256) {
                return Err(damaged(&path, "its rewritten lines are gone"));
            }
            manifest.replaces = None;
            self.write_manifest(scope, &manifest)?;
        }
        remove(&rewritten)?;
        self.promise(scope, &manifest)?;
        match length(&path)? {
            Some(length) if length == manifest.bytes => Ok(()),
            Some(length) if length > manifest.bytes => {
                let file = disk::open_for_writing(&path)?;
                let cut = file.set_len(manifest.bytes).and_then(|()| file.sync_all());
                tracing::warn!(
                    file = disk::name_of(&path),
                    bytes = length - manifest.bytes,
                    "what was left of a batch was cut off the archive"
                );
                cut.map_err(|error| disk::at(&path, error))
            }
            Some(length) => Err(damaged(&path, format!("it has {length} bytes of {}", manifest.bytes))),
            None => Err(damaged(&path, "it is gone")),
        }
    }
}

/// Hashes a file of exactly this length; `None` for any other.
fn sha256_of(path: &Path, bytes: u64) -> Result<Option<String>, ArchiveError> {
    if length(path)? != Some(bytes) {
        return Ok(None);
    }
    let mut sha256 = Sha256::new();
    let mut file = fs::File::open(path).map_err(|error| disk::at(path, error))?;
    std::io::copy(&mut file, &mut sha256_writer(&mut sha256)).map_err(|error| disk::at(path, error))?;
    Ok(Some(digest_text(sha256)))
}

fn sha256_writer(sha256: &mut Sha256) -> impl std::io::Write + '_ {
    struct Writer<'a>(&'a mut Sha256);
    impl std::io::Write for Writer<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    Writer(sha256)
}

/// Makes the manifest that follows another.
pub(super) fn next_manifest(
    (scope, day): (AuditScope, NaiveDate),
    number: u64,
    totals: &Totals,
    (bytes, sha256): (u64, Sha256),
    archived_at: DateTime<Utc>,
) -> Manifest {
    Manifest {
        v: VERSION,
        scope: scope_name(scope),
        day,
        number,
        events: totals.events,
        bytes,
        sha256: digest_text(sha256),
        first: totals.first,
        last: totals.last.0,
        last_event: totals.last.1,
        archived_at,
        head_before: totals.before.map(Head::of),
        head_after: totals.after.map(Head::of),
        replaces: None,
    }
}

/// Compares a manifest with the lines it describes.
pub(super) fn check_lines(
    path: &Path,
    manifest: &Manifest,
    totals: Option<&lines::Totals>,
    sha256: Sha256,
) -> Result<(), ArchiveError> {
    if digest_text(sha256) != manifest.sha256 {
        return Err(damaged(path, "its SHA-256 is not that of its manifest"));
    }
    let Some(totals) = totals else { return Err(damaged(path, "it has no lines")) };
    let known = Totals::of(manifest);
    if (totals.events, totals.first, totals.last) != (known.events, known.first, known.last)
        || (totals.before, totals.after) != (known.before, known.after)
    {
        return Err(damaged(path, "its lines are not those its manifest counts"));
    }
    Ok(())
}
