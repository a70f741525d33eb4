//! Cutting off a torn end, and saying so in the log.

use super::{
    LogError,
    core::Core,
    disk,
    entry::{ChainKey, NewEntry},
    segment::Segment,
    state::State,
};
use crate::chain::{Heads, Link, seal};
use axess_core::audit::EventContext;
use axess_events::{AuthEvent, trail::AuditLogRepaired};
use axess_rng::random_array;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

const CHUNK_BYTES: usize = 64 * 1024;

/// The record of a torn end, sealed.
pub(super) struct Repair {
    entry: NewEntry,
    line: Vec<u8>,
    link: Link,
}

impl Core {
    /// Replaces a segment that has nothing but a torn first line by one that records this.
    pub(super) fn rebuild(&self, heads: &Heads, number: u64) -> Result<(Heads, Segment, Repair), LogError> {
        let path = self.folder.segment_path(number);
        let torn = File::open(&path).map_err(LogError::io("open", &path))?;
        let length = torn.metadata().map_err(LogError::io("look at", &path))?.len();
        let mut heads = heads.clone();
        let header = heads.begin_segment(number);
        let repair = self.repair_entry(&heads, number, &torn, &path, (0, length))?;
        let segment = Segment::create(&self.folder, number, &header, &repair.line)?;
        Ok((heads, segment, repair))
    }

    pub(super) fn take_rebuilt(&self, state: &mut State, repair: &Repair) {
        state.advance(&repair.entry, repair.link, repair.line.len());
    }

    /// Writes the record of a torn end over that end.
    ///
    /// The record replaces what it tells of in one write, so that no crash leaves the end cut off and unrecorded.
    pub(super) fn repair(&self, state: &mut State, at: u64, end: u64) -> Result<(), LogError> {
        state.book.catch_up()?;
        state.book.check(&state.heads)?;
        let Segment { number, path, file, .. } = &state.segment;
        let repair = self.repair_entry(&state.heads, *number, file, path, (at, end))?;
        let length = at + repair.line.len() as u64;
        disk::write_at(file, &repair.line, at)
            .and_then(|()| disk::cut(file, length))
            .and_then(|()| disk::sync(file))
            .map_err(LogError::io("repair", path))?;
        tracing::warn!(segment = number, torn_bytes = end - at, "a torn end was cut off the audit log");
        state.advance(&repair.entry, repair.link, repair.line.len());
        Ok(())
    }

    fn repair_entry(
        &self,
        heads: &Heads,
        segment: u64,
        file: &File,
        path: &Path,
        (at, end): (u64, u64),
    ) -> Result<Repair, LogError> {
        let digest = digest(file, at, end).map_err(LogError::io("read", path))?;
        let torn_digest = URL_SAFE_NO_PAD.encode(digest).as_str().into();
        let event = AuditLogRepaired { segment, torn_bytes: end - at, torn_digest };
        let entry = self.own_entry(None, event.into())?;
        let head = heads.head(entry.scope);
        let (line, link) =
            seal(self.id, entry.scope, head, &entry.event, random_array(&self.rng), &self.keys);
        Ok(Repair { entry, line, link })
    }

    /// Makes an entry of an event of the log's own.
    pub(super) fn own_entry(&self, tenant: ChainKey, event: AuthEvent) -> Result<NewEntry, LogError> {
        let context = EventContext { tenant_id: tenant, ..EventContext::system() };
        let envelope = context.wrap(event, self.clock.now(), &self.rng);
        NewEntry::of(&envelope).map_err(|error| LogError::Refused {
            event_id: envelope.event_id.to_string(),
            reason: error.to_string(),
        })
    }
}

fn digest(file: &File, start: u64, end: u64) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = start;
    while at < end {
        let wanted = usize::try_from(end - at).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        let part = chunk.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(part, at)?;
        digest.update(&*part);
        at += wanted as u64;
    }
    Ok(digest.finalize().into())
}
