//! The lines of one day's file: gzip members, one for each batch, whose time is when the batch was archived.

use super::{
    disk::{at, damaged},
    signed::{Head, Manifest},
};
use crate::{
    archive::ArchiveError,
    chain::{Entry, Link},
};
use axess_core::store::AuditScope;
use axess_identity::{EventId, TenantId};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::{Compression, GzBuilder, bufread::GzDecoder};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Take, Write},
    path::Path,
};

/// The longest line.
const MAX_LINE: u64 = 512 * 1024;
/// How much is read from the disk at once.
const READ_BYTES: usize = 128 * 1024;
/// How every line of a log begins.
const LOG_LINE: &[u8] = b"{\"v\":";

/// What a line says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) event_id: EventId,
    pub(super) scope: AuditScope,
    pub(super) at: DateTime<Utc>,
    /// The link of the entry, and the hash of the one before it.
    pub(super) link: Option<(Link, [u8; 32])>,
}

/// What a manifest says of all lines together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Totals {
    pub(super) events: u64,
    pub(super) first: DateTime<Utc>,
    pub(super) last: (DateTime<Utc>, EventId),
    pub(super) before: Option<Link>,
    pub(super) after: Option<Link>,
}

/// A reader that hashes what passes through it.
struct Hashing<R> {
    inner: R,
    sha256: Sha256,
    bytes: u64,
}

/// Reads what a line says of itself; `None` when it is not an event.
pub(super) fn facts(line: &[u8]) -> Option<Facts> {
    #[derive(Deserialize)]
    struct Named {
        event_id: EventId,
        #[serde(default)]
        tenant_id: Option<TenantId>,
        occurred_at: DateTime<Utc>,
    }
    let entry = if line.starts_with(LOG_LINE) { Some(Entry::parse(line).ok()?) } else { None };
    let named: Named = serde_json::from_slice(entry.as_ref().map_or(line, Entry::event)).ok()?;
    let scope = AuditScope::of(named.tenant_id);
    if entry.is_some_and(|entry| entry.scope() != scope) {
        return None;
    }
    let link = entry.map(|entry| (entry.link(), entry.prev()));
    Some(Facts { event_id: named.event_id, scope, at: named.occurred_at, link })
}

impl Totals {
    /// Takes one line more into account.
    pub(super) fn add(totals: Option<Self>, facts: &Facts) -> Self {
        let before = facts.link.map(|(link, prev)| Link { seq: link.seq.saturating_sub(1), hash: prev });
        let after = facts.link.map(|(link, _)| link);
        let place = (facts.at, facts.event_id);
        let Some(totals) = totals else {
            return Self { events: 1, first: facts.at, last: place, before, after };
        };
        Self {
            events: totals.events + 1,
            first: totals.first.min(facts.at),
            last: totals.last.max(place),
            before: [totals.before, before].into_iter().flatten().min_by_key(|link| link.seq),
            after: [totals.after, after].into_iter().flatten().max_by_key(|link| link.seq),
        }
    }

    pub(super) fn of(manifest: &Manifest) -> Self {
        Self {
            events: manifest.events,
            first: manifest.first,
            last: (manifest.last, manifest.last_event),
            before: manifest.head_before.as_ref().and_then(Head::link),
            after: manifest.head_after.as_ref().and_then(Head::link),
        }
    }
}

/// Packs lines as one gzip member.
pub(super) fn pack(lines: &[Bytes], at: DateTime<Utc>) -> io::Result<Vec<u8>> {
    let seconds = u32::try_from(at.timestamp()).unwrap_or(u32::MAX);
    let mut gzip = GzBuilder::new().mtime(seconds).write(Vec::new(), Compression::default());
    for line in lines {
        gzip.write_all(line)?;
        gzip.write_all(b"\n")?;
    }
    gzip.finish()
}

/// Reads the lines of the first `length` bytes of a file, member by member, and returns the hash of those bytes.
///
/// `each` gets when a member was archived, and its lines one by one; after the last line of a member, `None`.
pub(super) fn read(
    path: &Path,
    length: u64,
    mut each: impl FnMut(DateTime<Utc>, Option<Bytes>) -> Result<(), ArchiveError>,
) -> Result<Sha256, ArchiveError> {
    let file = File::open(path).map_err(|error| at(path, error))?;
    let hashing = Hashing { inner: file.take(length), sha256: Sha256::new(), bytes: 0 };
    let mut packed = BufReader::with_capacity(READ_BYTES, hashing);
    while !packed.fill_buf().map_err(|error| at(path, error))?.is_empty() {
        let mut member = BufReader::new(GzDecoder::new(&mut packed));
        let seconds = member.get_ref().header().map_or(0, flate2::GzHeader::mtime);
        let archived_at = DateTime::from_timestamp(i64::from(seconds), 0).unwrap_or_default();
        while let Some(line) = next_line(&mut member).map_err(|error| unpacked(path, error))? {
            each(archived_at, Some(line))?;
        }
        each(archived_at, None)?;
    }
    let Hashing { sha256, bytes, .. } = packed.into_inner();
    if bytes < length {
        return Err(damaged(path, format!("it has {bytes} bytes of {length}")));
    }
    Ok(sha256)
}

fn next_line(member: &mut impl BufRead) -> io::Result<Option<Bytes>> {
    let mut line = Vec::new();
    let mut bounded: Take<&mut _> = member.take(MAX_LINE);
    if bounded.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line has no end"));
    }
    Ok(Some(line.into()))
}

/// Tells what cannot be unpacked from what cannot be read.
fn unpacked(path: &Path, error: io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            damaged(path, format!("it cannot be unpacked: {error}"))
        }
        _ => at(path, error),
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(room)?;
        self.sha256.update(room.get(..read).unwrap_or_default());
        self.bytes += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(read)
    }
}
