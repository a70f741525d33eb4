//! One day of a scope: what it has, and how a batch is added.

use super::{
    disk::{at, damaged, open_for_writing, sync_folder},
    lines::{self, Facts, Totals},
    papers::{Papers, check_lines, next_manifest},
    signed::Manifest,
};
use crate::{
    archive::{ArchiveBatch, ArchiveError, ArchivedEvent, body_digest},
    export::record_of,
};
use axess_core::store::AuditScope;
use axess_identity::EventId;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::{Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// The most bytes of lines in one gzip member.
const MAX_MEMBER: usize = 8 * 1024 * 1024;

/// What is known of the day that was last used.
pub(super) struct OpenDay {
    scope: AuditScope,
    day: NaiveDate,
    manifest: Option<Manifest>,
    sha256: Sha256,
    events: HashMap<EventId, Kept>,
    /// Whether all of it came from the disk.
    read_back: bool,
    /// What the file was when that was so.
    stamp: Option<Stamp>,
}

/// What the file system says of a file: another one after anything was done to it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

#[derive(Clone, Copy)]
struct Kept {
    archived_at: DateTime<Utc>,
    digest: [u8; 32],
}

/// Sorts a batch by day, as lines in the order in which they happened.
pub(super) fn by_day(batch: &ArchiveBatch) -> Result<BTreeMap<NaiveDate, Vec<(Facts, Bytes)>>, ArchiveError> {
    let mut days: BTreeMap<NaiveDate, Vec<(Facts, Bytes)>> = BTreeMap::new();
    for row in &batch.rows {
        let refused = || ArchiveError::NotAnEvent { event_id: row.event_id };
        let line = record_of(&row.body).map_err(|_| refused())?.body().clone();
        let facts = lines::facts(&line).ok_or_else(refused)?;
        let day = facts.at.date_naive();
        if (facts.event_id, facts.scope, day) != (row.event_id, batch.scope, row.at.date_naive()) {
            return Err(refused());
        }
        days.entry(day).or_default().push((facts, line));
    }
    for lines in days.values_mut() {
        lines.sort_by_key(|(facts, _)| (facts.at, facts.event_id));
        lines.dedup_by_key(|(facts, _)| facts.event_id);
    }
    Ok(days)
}

/// Returns what is known of a day.
pub(super) fn opened<'a>(
    open: &'a mut Option<OpenDay>,
    papers: &Papers,
    scope: AuditScope,
    day: NaiveDate,
) -> Result<&'a mut OpenDay, ArchiveError> {
    let known = open.take().filter(|open| (open.scope, open.day) == (scope, day));
    let known = known.filter(|open| open.stamp == Stamp::of(&papers.root.lines(scope, day)));
    let known = known.map_or_else(|| OpenDay::load(papers, scope, day), Ok)?;
    Ok(open.insert(known))
}

/// Returns what is known of a day, read from the disk since it last changed.
pub(super) fn read_back<'a>(
    open: &'a mut Option<OpenDay>,
    papers: &Papers,
    scope: AuditScope,
    day: NaiveDate,
) -> Result<&'a mut OpenDay, ArchiveError> {
    let kept = open.take().filter(|open| open.read_back);
    *open = kept;
    opened(open, papers, scope, day)
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self { inode: found.ino(), bytes: found.len(), changed: (found.ctime(), found.ctime_nsec()) })
    }
}

impl OpenDay {
    fn load(papers: &Papers, scope: AuditScope, day: NaiveDate) -> Result<Self, ArchiveError> {
        papers.recover(scope, day)?;
        let path = papers.root.lines(scope, day);
        let stamp = Stamp::of(&path);
        let Some(manifest) = papers.manifest(scope, day)? else {
            let (sha256, events) = (Sha256::new(), HashMap::new());
            return Ok(Self { scope, day, manifest: None, sha256, events, read_back: true, stamp });
        };
        let (mut events, mut totals) = (HashMap::new(), None);
        let sha256 = lines::read(&path, manifest.bytes, |archived_at, line| {
            let Some(line) = line else { return Ok(()) };
            let facts = lines::facts(&line).ok_or_else(|| damaged(&path, "a line is not an event"))?;
            if (facts.scope, facts.at.date_naive()) != (scope, day) {
                return Err(damaged(&path, format!("event {} belongs elsewhere", facts.event_id)));
            }
            totals = Some(Totals::add(totals, &facts));
            let kept = Kept { archived_at, digest: body_digest(&line) };
            match events.insert(facts.event_id, kept) {
                Some(_) => Err(damaged(&path, format!("event {} is there twice", facts.event_id))),
                None => Ok(()),
            }
        })?;
        check_lines(&path, &manifest, totals.as_ref(), sha256.clone())?;
        Ok(Self { scope, day, manifest: Some(manifest), sha256, events, read_back: true, stamp })
    }

    pub(super) fn find(&self, event_id: EventId) -> Option<ArchivedEvent> {
        let Kept { archived_at, digest } = *self.events.get(&event_id)?;
        Some(ArchivedEvent { event_id, archived_at, digest })
    }

    /// Adds the lines of events that are not there yet, and returns how many that were.
    pub(super) fn append(
        &mut self,
        papers: &Papers,
        mut lines: Vec<(Facts, Bytes)>,
        now: DateTime<Utc>,
    ) -> Result<u64, ArchiveError> {
        lines.retain(|(facts, _)| !self.events.contains_key(&facts.event_id));
        if lines.is_empty() {
            return Ok(0);
        }
        papers.ensure_scope(self.scope)?;
        papers.set_pending(self.scope, self.day)?;
        let mut added = 0;
        let mut rest = lines.into_iter().peekable();
        while rest.peek().is_some() {
            let (mut member, mut bytes) = (Vec::new(), 0);
            while let Some((facts, line)) = rest.next_if(|_| bytes < MAX_MEMBER) {
                bytes += line.len();
                member.push((facts, line));
            }
            self.append_member(papers, &member, now)?;
            added += u64::try_from(member.len()).unwrap_or(u64::MAX);
        }
        Ok(added)
    }

    /// Adds one gzip member: its bytes first, and the manifest that covers them when they are safe.
    fn append_member(
        &mut self,
        papers: &Papers,
        member: &[(Facts, Bytes)],
        now: DateTime<Utc>,
    ) -> Result<(), ArchiveError> {
        let (place, path) = ((self.scope, self.day), papers.root.lines(self.scope, self.day));
        let failed = |error| at(&path, error);
        let texts: Vec<_> = member.iter().map(|(_, line)| line.clone()).collect();
        let packed = lines::pack(&texts, now).map_err(failed)?;
        let before = self.manifest.as_ref().map_or(0, |manifest| manifest.bytes);

        let mut file = open_for_writing(&path)?;
        let written = file.set_len(before).and_then(|()| {
            file.seek(SeekFrom::Start(before))?;
            file.write_all(&packed)?;
            file.sync_all()
        });
        if let Err(error) = written {
            // A full disk has room for what others write when this is gone; the next start would cut it off as well.
            let _ = file.set_len(before);
            return Err(failed(error));
        }
        if before == 0 {
            sync_folder(&papers.root.folder(self.scope))?;
        }

        let mut totals = self.manifest.as_ref().map(Totals::of);
        for (facts, _) in member {
            totals = Some(Totals::add(totals, facts));
        }
        let Some(totals) = totals else { return Ok(()) };
        self.sha256.update(&packed);
        let bytes = before + u64::try_from(packed.len()).unwrap_or(u64::MAX);
        let number = self.manifest.as_ref().map_or(0, |manifest| manifest.number) + 1;
        let archived_at = self.manifest.as_ref().map_or(now, |manifest| manifest.archived_at.max(now));
        let manifest = next_manifest(place, number, &totals, (bytes, self.sha256.clone()), archived_at);
        papers.write_manifest(self.scope, &manifest)?;
        self.manifest = Some(manifest);
        (self.read_back, self.stamp) = (false, Stamp::of(&path));
        let archived_at = now.trunc_subsecs(0);
        let kept = |line: &Bytes| Kept { archived_at, digest: body_digest(line) };
        self.events.extend(member.iter().map(|(facts, line)| (facts.event_id, kept(line))));
        Ok(())
    }
}
