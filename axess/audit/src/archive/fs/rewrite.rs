//! Rewriting a day: all of it or nothing, and never a moment in which the day and its manifest do not fit.

use super::{
    disk::{at, damaged, open_for_writing, sync_folder},
    lines::{self, Totals},
    papers::{Papers, check_lines, next_manifest},
    signed::Manifest,
};
use crate::archive::{ArchiveError, Rewrite};
use axess_core::store::AuditScope;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

pub(super) fn rewrite(
    papers: &Papers,
    scope: AuditScope,
    day: NaiveDate,
    mut rewrite: Rewrite,
) -> Result<u64, ArchiveError> {
    papers.recover(scope, day)?;
    let Some(manifest) = papers.manifest(scope, day)? else { return Ok(0) };
    let (path, beside) = (papers.root.lines(scope, day), papers.root.rewritten(scope, day));
    // Most days are only looked at.
    let Some(first) = first_change(&path, &manifest, &mut rewrite)? else { return Ok(0) };
    papers.set_pending(scope, day)?;
    let mut new = Rewritten::begin(&beside)?;
    let (mut totals, mut index, mut first) = (None, 0, Some(first));
    let sha256 = lines::read(&path, manifest.bytes, |archived_at, line| {
        let Some(line) = line else { return new.end_member(archived_at) };
        let facts = lines::facts(&line).ok_or_else(|| damaged(&path, "a line is not an event"))?;
        totals = Some(Totals::add(totals, &facts));
        let changed = match first.take_if(|first| first.0 == index) {
            Some((_, changed)) => Some(changed),
            None if first.is_some() => None,
            None => rewrite(&line).filter(|new| *new != line),
        };
        index += 1;
        if let Some(changed) = &changed {
            let same = lines::facts(changed).is_some_and(|new| {
                (new.event_id, new.scope, new.at, new.link) == (facts.event_id, scope, facts.at, facts.link)
            });
            if !same || changed.contains(&b'\n') {
                return Err(ArchiveError::NotAnEvent { event_id: facts.event_id });
            }
            new.changed += 1;
        }
        new.member.push(changed.unwrap_or(line));
        Ok(())
    })?;
    check_lines(&path, &manifest, totals.as_ref(), sha256)?;
    let (Some(totals), true) = (totals, new.changed > 0) else {
        return super::disk::remove(&beside).map(|()| 0);
    };
    new.file.sync_all().map_err(|error| at(&beside, error))?;
    // From here on it will be done, now or by the next start.
    let mut next = next_manifest(
        (scope, day),
        manifest.number + 1,
        &totals,
        (new.bytes, new.sha256.clone()),
        manifest.archived_at,
    );
    next.replaces = Some(manifest.sha256);
    papers.write_manifest(scope, &next)?;
    fs::rename(&beside, &path).map_err(|error| at(&path, error))?;
    sync_folder(&papers.root.folder(scope))?;
    next.replaces = None;
    papers.write_manifest(scope, &next)?;
    Ok(new.changed)
}

/// Passes lines on until one is to be changed, and returns its place and what it is to be.
fn first_change(
    path: &Path,
    manifest: &Manifest,
    rewrite: &mut Rewrite,
) -> Result<Option<(u64, Bytes)>, ArchiveError> {
    let (mut totals, mut index, mut first) = (None, 0, None);
    let sha256 = lines::read(path, manifest.bytes, |_, line| {
        let Some(line) = line else { return Ok(()) };
        let facts = lines::facts(&line).ok_or_else(|| damaged(path, "a line is not an event"))?;
        totals = Some(Totals::add(totals, &facts));
        if first.is_none() {
            first = rewrite(&line).filter(|new| *new != line).map(|new| (index, new));
        }
        index += 1;
        Ok(())
    })?;
    check_lines(path, manifest, totals.as_ref(), sha256)?;
    Ok(first)
}

/// The file that will take the day's place.
struct Rewritten {
    path: PathBuf,
    file: fs::File,
    sha256: Sha256,
    bytes: u64,
    member: Vec<Bytes>,
    changed: u64,
}

impl Rewritten {
    fn begin(path: &Path) -> Result<Self, ArchiveError> {
        let file = open_for_writing(path)?;
        file.set_len(0).map_err(|error| at(path, error))?;
        let (sha256, member) = (Sha256::new(), Vec::new());
        Ok(Self { path: path.to_owned(), file, sha256, bytes: 0, member, changed: 0 })
    }

    /// Writes the lines since the last member, archived when they were.
    fn end_member(&mut self, archived_at: DateTime<Utc>) -> Result<(), ArchiveError> {
        let lines = std::mem::take(&mut self.member);
        let packed = lines::pack(&lines, archived_at).and_then(|packed| {
            self.file.write_all(&packed)?;
            Ok(packed)
        });
        let packed = packed.map_err(|error| at(&self.path, error))?;
        self.sha256.update(&packed);
        self.bytes += u64::try_from(packed.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}
