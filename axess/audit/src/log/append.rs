//! Appending: one write and one sync for a batch.

use super::{
    FsyncPolicy, LogError, LogPosition, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_CHAINS, NewEntry,
    cache::Saved,
    core::Core,
    disk,
    entry::{ChainKey, delta, key_of},
    recent::Recent,
    segment::{ScanEnd, Segment},
    state::State,
};
use crate::chain::{CheckpointReason, Link, seal};
use axess_rng::random_array;
use std::{
    collections::{BTreeMap, HashSet},
    os::unix::fs::FileExt,
};

const CHUNK_BYTES: u64 = 1024 * 1024;

/// A batch with its links, to be written at the end of a segment.
struct Sealed {
    bytes: Vec<u8>,
    /// How long each line is, and what it leaves as its chain's head.
    lines: Vec<(usize, Link)>,
}

impl Core {
    /// Appends a batch: all of it or, with an error, none of it.
    pub(super) fn append(&self, entries: &[NewEntry]) -> Result<Vec<LogPosition>, LogError> {
        self.check_batch(entries)?;
        let (positions, due) = self.exclusive(|state| {
            let positions = self.append_locked(state, entries)?;
            Ok((positions, self.is_due(state)))
        })?;
        self.checkpoint_if(due);
        Ok(positions)
    }

    /// Appends those entries of a batch whose ids are not among the last ones.
    pub(super) fn append_once(&self, entries: &[NewEntry]) -> Result<Vec<Option<LogPosition>>, LogError> {
        self.check_batch(entries)?;
        let (positions, due) = self.exclusive(|state| {
            if state.recent.is_none() {
                state.recent = Some(Recent::read(&self.folder, state.bytes)?);
            }
            let mut seen = HashSet::new();
            let mut is_new = |entry: &&NewEntry| {
                let known = state.recent.as_ref().is_some_and(|recent| recent.contains(entry.event_id));
                !known && seen.insert(entry.event_id)
            };
            let fresh: Vec<Option<NewEntry>> =
                entries.iter().map(|entry| Some(entry).filter(&mut is_new).cloned()).collect();
            let batch: Vec<NewEntry> = fresh.iter().flatten().cloned().collect();
            let mut positions = self.append_locked(state, &batch)?.into_iter();
            let positions = fresh.into_iter().map(|entry| entry.and_then(|_| positions.next())).collect();
            Ok((positions, self.is_due(state)))
        })?;
        self.checkpoint_if(due);
        Ok(positions)
    }

    /// Appends what waited together; each entry has its own outcome. Says too whether a checkpoint is due.
    pub(super) fn append_each(&self, entries: &[NewEntry]) -> (Vec<Result<LogPosition, LogError>>, bool) {
        let mut refused = BTreeMap::new();
        let outcome = self.exclusive(|state| {
            let mut begun = HashSet::new();
            let mut batch = Vec::with_capacity(entries.len());
            for (index, entry) in entries.iter().enumerate() {
                match admit(state, entry, &mut begun) {
                    Ok(()) => batch.push(entry.clone()),
                    Err(error) => drop(refused.insert(index, error)),
                }
            }
            let positions = self.append_locked(state, &batch)?;
            Ok((positions, self.is_due(state)))
        });
        let due = matches!(outcome, Ok((_, true)));
        let mut positions = outcome.map(|(positions, _)| positions.into_iter());
        let outcome_of = |index| match (refused.remove(&index), &mut positions) {
            (Some(error), _) => Err(error),
            (None, Ok(positions)) => positions.next().ok_or(LogError::Closed),
            (None, Err(error)) => Err(error.clone()),
        };
        ((0..entries.len()).map(outcome_of).collect(), due)
    }

    fn check_batch(&self, entries: &[NewEntry]) -> Result<(), LogError> {
        if self.is_closed() {
            return Err(LogError::Closed);
        }
        let bytes = entries.iter().map(|entry| entry.event.len()).sum();
        if entries.len() > MAX_BATCH_ENTRIES || bytes > MAX_BATCH_BYTES {
            return Err(LogError::BatchTooLarge { entries: entries.len(), bytes });
        }
        entries.iter().try_for_each(NewEntry::check)
    }

    /// Appends checked entries. The lock must be held.
    pub(super) fn append_locked(
        &self,
        state: &mut State,
        entries: &[NewEntry],
    ) -> Result<Vec<LogPosition>, LogError> {
        let mut begun = HashSet::new();
        entries.iter().try_for_each(|entry| admit(state, entry, &mut begun))?;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        if state.sync_failed {
            self.write_again(state)?;
        }
        let sealed = self.seal(state, entries);
        let full = state.bytes.saturating_add(sealed.bytes.len() as u64) > self.config.segment_bytes;
        if full && state.entries > 0 {
            self.rotate(state)?;
        }
        self.write(state, &sealed.bytes)?;
        let mut positions = Vec::with_capacity(entries.len());
        for (entry, (length, link)) in entries.iter().zip(sealed.lines) {
            state.advance(entry, link, length);
            positions.push(state.position());
        }
        if self.config.fsync == FsyncPolicy::Always {
            state.synced = state.bytes;
        }
        if let Err(error) = self.folder.publish(state.mark()) {
            // The entries are in the log; readers learn of them with the next append.
            tracing::warn!(%error, "readers of the audit log could not be told of new entries");
        }
        Ok(positions)
    }

    fn seal(&self, state: &State, entries: &[NewEntry]) -> Sealed {
        let mut heads: BTreeMap<ChainKey, Link> = BTreeMap::new();
        let mut sealed = Sealed { bytes: Vec::new(), lines: Vec::with_capacity(entries.len()) };
        for NewEntry { scope, event, .. } in entries {
            let key = key_of(*scope);
            let head = heads.get(&key).copied().or_else(|| state.heads.head(*scope));
            let salt = random_array(&self.rng);
            let (line, link) = seal(self.id, *scope, head, event, salt, &self.keys);
            heads.insert(key, link);
            sealed.lines.push((line.len(), link));
            sealed.bytes.extend_from_slice(&line);
        }
        sealed
    }

    /// Writes at the end, and takes it back when that does not work.
    fn write(&self, state: &State, bytes: &[u8]) -> Result<(), LogError> {
        let Segment { file, path, .. } = &state.segment;
        let mut doing = "append to";
        let mut result = disk::write_at(file, bytes, state.bytes);
        if result.is_ok() && self.config.fsync == FsyncPolicy::Always {
            doing = "force to disk";
            result = disk::sync(file);
        }
        let Err(error) = result else { return Ok(()) };
        // After a failed sync nobody knows what the disk holds of these pages, so they go. When even that fails, the
        // next writer finds a torn end, or whole entries that nobody was told of.
        if let Err(error) = disk::cut(file, state.bytes).and_then(|()| disk::sync(file)) {
            tracing::error!(%error, "what was half written to the audit log could not be taken back");
        }
        Err(LogError::io(doing, path)(error))
    }

    /// Writes again what a failed sync left in doubt, and forces it to the disk.
    ///
    /// It was acknowledged under a policy that does not wait for the disk, so it must not go; and no more is
    /// acknowledged until it is safe.
    fn write_again(&self, state: &mut State) -> Result<(), LogError> {
        let Segment { file, path, first, .. } = &state.segment;
        let mut at = state.synced.max(*first);
        let whole = state.segment.scan(at, state.bytes, |_, _, _| Ok(()))?;
        if let ScanEnd::Torn { at } = whole {
            return Err(LogError::damaged(
                path,
                format!("what the disk refused to keep is gone from byte {at}"),
            ));
        }
        while at < state.bytes {
            let length = usize::try_from((state.bytes - at).min(CHUNK_BYTES)).unwrap_or_default();
            let mut chunk = vec![0; length];
            file.read_exact_at(&mut chunk, at).map_err(LogError::io("read", path))?;
            disk::write_at(file, &chunk, at).map_err(LogError::io("append to", path))?;
            at += length as u64;
        }
        disk::sync(file).map_err(LogError::io("force to disk", path))?;
        state.synced = state.bytes;
        state.sync_failed = false;
        Ok(())
    }

    /// Ends the active segment and begins the next one. The lock must be held.
    pub(super) fn rotate(&self, state: &mut State) -> Result<(), LogError> {
        self.force(state)?;
        if let Err(error) = self.sign(state, CheckpointReason::Rotation) {
            tracing::warn!(%error, "no checkpoint at the end of a segment of the audit log");
        }
        let number = state.segment.number.saturating_add(1);
        let mut heads = state.heads.clone();
        let header = heads.begin_segment(number);
        let segment = Segment::create(&self.folder, number, &header, &[])?;
        state.heads = heads;
        state.enter(segment);
        state.synced = state.bytes;
        self.folder.publish(state.mark())?;
        self.keep_heads(state);
        Ok(())
    }

    /// Forces everything that was written to the disk. The lock must be held.
    pub(super) fn force(&self, state: &mut State) -> Result<(), LogError> {
        if state.sync_failed {
            return self.write_again(state);
        }
        if let Err(error) = disk::sync(&state.segment.file) {
            state.sync_failed = state.synced < state.bytes;
            return Err(LogError::io("force to disk", &state.segment.path)(error));
        }
        state.synced = state.bytes;
        Ok(())
    }

    /// Learns what others signed. Checkpoints that were tampered with are not built upon, nor is the log any more.
    fn read_book(&self, state: &mut State) -> Result<(), LogError> {
        state.book.catch_up().inspect_err(|error| self.refuse_from_now_on(error))
    }

    /// Signs checkpoints. The lock must be held.
    pub(super) fn sign(&self, state: &mut State, reason: CheckpointReason) -> Result<usize, LogError> {
        self.read_book(state)?;
        self.force(state)?;
        state.book.sign(&state.heads, &self.keys.signing, self.clock.now(), reason)
    }

    /// Signs checkpoints and keeps where the log stands.
    pub(super) fn checkpoint(&self, reason: CheckpointReason) -> Result<usize, LogError> {
        self.exclusive(|state| {
            let signed = self.sign(state, reason)?;
            self.keep_heads(state);
            Ok(signed)
        })
    }

    /// Signs checkpoints if it is time to.
    pub(super) fn tick(&self) -> Result<usize, LogError> {
        self.exclusive(|state| {
            if !self.is_due(state) {
                return Ok(0);
            }
            // Another process may have signed meanwhile.
            self.read_book(state)?;
            if !self.is_due(state) {
                return Ok(0);
            }
            let signed = self.sign(state, CheckpointReason::Schedule)?;
            self.keep_heads(state);
            Ok(signed)
        })
    }

    /// Keeps the schedule after an append, whose entries are safe whatever comes of it.
    pub(super) fn checkpoint_if(&self, due: bool) {
        if due && let Err(error) = self.tick() {
            tracing::warn!(%error, "no checkpoint of the audit log though it was due");
        }
    }

    fn is_due(&self, state: &State) -> bool {
        let every = &self.config.checkpoint_every;
        let (signed, at) = state.book.attested().unwrap_or((0, self.opened_at));
        let fresh = state.heads.entries().saturating_sub(signed);
        let now = self.clock.now();
        // A clock that was set back makes a checkpoint due once, instead of never.
        let late = now < at || now.signed_duration_since(at) >= delta(every.interval);
        fresh >= every.entries.max(1) || (fresh > 0 && late)
    }

    /// Keeps where the log stands, so that the next open need not read everything.
    pub(super) fn keep_heads(&self, state: &State) {
        let place = (state.segment.number, state.bytes, state.entries, state.last);
        if let Err(error) = Saved::new(place, &state.heads, &state.book).write(&self.folder, &self.keys) {
            tracing::warn!(%error, "the heads of the audit log were not kept; the next open reads the whole log");
        }
    }
}

/// Refuses an entry that would begin a chain more than the log can hold.
fn admit(state: &State, entry: &NewEntry, begun: &mut HashSet<ChainKey>) -> Result<(), LogError> {
    let key = key_of(entry.scope);
    if state.heads.head(entry.scope).is_none()
        && !begun.contains(&key)
        && (state.chains + begun.len() >= MAX_CHAINS || !begun.insert(key))
    {
        return Err(LogError::TooManyChains);
    }
    Ok(())
}
