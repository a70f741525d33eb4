//! Deleting whole segments, and rewriting entries in place.

use super::{
    AuditLog, LogError, MAX_BATCH_ENTRIES,
    core::Core,
    disk,
    entry::{ChainKey, key_of},
    segment::{self, Segment},
    state::State,
};
use crate::{
    JsonPayload,
    chain::{CheckpointReason, Entry, Link},
};
use axess_events::{
    AuthEventEnvelope,
    trail::{AuditEventsDeleted, AuditTier},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use std::{collections::BTreeMap, fs};

/// What a segment holds of one chain.
struct Share {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    events: u64,
    last: Link,
}

impl AuditLog {
    /// Deletes the segments before `before` all of whose events are older than `limit`, and of those only the ones of the
    /// oldest `span`; returns how many.
    pub(crate) fn retire_aged(
        &self,
        before: u64,
        limit: DateTime<Utc>,
        span: TimeDelta,
    ) -> Result<u64, LogError> {
        let mut end = None;
        self.0.core.retire_while(before, |newest| {
            let Some(newest) = newest else { return true };
            let end = *end.get_or_insert(newest.checked_add_signed(span).unwrap_or(limit));
            newest < limit && newest <= end
        })
    }
}

impl Core {
    /// Deletes the segments before `before`, the oldest first; returns how many.
    ///
    /// Each goes on its own: first an entry of each of its chains says what is deleted, then a checkpoint attests that,
    /// then the file goes. After a crash in between the log verifies, with the file and without it.
    pub(super) fn retire(&self, before: u64) -> Result<u64, LogError> {
        self.retire_while(before, |_| true)
    }

    /// Deletes segments as long as `may_go` says so of the time of a segment's newest event.
    fn retire_while(
        &self,
        before: u64,
        mut may_go: impl FnMut(Option<DateTime<Utc>>) -> bool,
    ) -> Result<u64, LogError> {
        let mut deleted = 0;
        loop {
            let gone = self.exclusive(|state| {
                let first = self.folder.segments()?.first().copied();
                match first.filter(|first| *first < before && *first < state.segment.number) {
                    Some(first) => self.retire_one(state, first, &mut may_go),
                    None => Ok(false),
                }
            })?;
            if !gone {
                return Ok(deleted);
            }
            deleted += 1;
        }
    }

    fn retire_one(
        &self,
        state: &mut State,
        number: u64,
        may_go: &mut impl FnMut(Option<DateTime<Utc>>) -> bool,
    ) -> Result<bool, LogError> {
        let path = self.folder.segment_path(number);
        let Some(segment) = Segment::open(&self.folder, number)? else {
            return Err(LogError::damaged(&path, "its first line is torn, and later segments follow"));
        };
        let shares = shares(&segment)?;
        if !may_go(shares.values().map(|share| share.until).max()) {
            return Ok(false);
        }
        let mut vouchers = Vec::new();
        for (key, share) in shares {
            let event = AuditEventsDeleted {
                tier: AuditTier::Log,
                from: share.from,
                until: share.until,
                events: share.events,
                last_sequence: Some(share.last.seq),
                chain_head: Some(URL_SAFE_NO_PAD.encode(share.last.hash).as_str().into()),
            };
            vouchers.push(self.own_entry(key, event.into())?);
        }
        for batch in vouchers.chunks(MAX_BATCH_ENTRIES) {
            self.append_locked(state, batch)?;
        }
        // A verifier believes what a checkpoint attests.
        self.sign(state, CheckpointReason::Request)?;
        // What is kept of the heads must not name the segment that goes.
        self.keep_heads(state);
        fs::remove_file(&path).map_err(LogError::io("delete", &path))?;
        disk::sync_folder(self.folder.path()).map_err(LogError::io("delete from", self.folder.path()))?;
        Ok(true)
    }

    /// Hands every entry to `change`, and puts the line it returns in the entry's place; returns how many.
    pub(super) fn rewrite<E: From<LogError>>(
        &self,
        mut change: impl FnMut(&Entry<'_>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<u64, E> {
        // The active segment is never rewritten: its writers go by its length.
        let active = self.exclusive(|state| {
            if state.entries > 0 {
                self.rotate(state)?;
            }
            // A verifier believes the events that vouch for the new lines when a checkpoint attests them.
            self.sign(state, CheckpointReason::Request)?;
            Ok(state.segment.number)
        })?;
        let mut rewritten = 0;
        let mut number = self.folder.segments()?.first().copied().unwrap_or(active);
        while number < active {
            let mut failed = None;
            rewritten += self.exclusive(|_| {
                let outcome = self.rewrite_one(number, &mut change);
                outcome.unwrap_or_else(|error| {
                    failed = Some(error);
                    Ok(0)
                })
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
            number += 1;
        }
        Ok(rewritten)
    }

    /// Rewrites one segment; the outer result is that of `change`.
    fn rewrite_one<E>(
        &self,
        number: u64,
        change: &mut impl FnMut(&Entry<'_>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Result<u64, LogError>, E> {
        match segment::exists(&self.folder, number) {
            Ok(true) => {}
            // Retention was faster.
            Ok(false) => return Ok(Ok(0)),
            Err(error) => return Ok(Err(error)),
        }
        let segment = match Segment::open(&self.folder, number) {
            Ok(Some(segment)) => segment,
            Ok(None) => return Ok(Ok(0)),
            Err(error) => return Ok(Err(error)),
        };
        let mut content = segment.header.to_line();
        let mut count = 0;
        let mut failed = None;
        let scanned = segment.scan_sealed(segment.first, |_, line, entry| {
            if failed.is_some() {
                return Ok(());
            }
            match change(entry) {
                Ok(None) => {
                    content.extend_from_slice(line);
                    content.push(b'\n');
                }
                Ok(Some(new)) => {
                    check_same_place(entry, &new)?;
                    content.extend_from_slice(new.trim_ascii_end());
                    content.push(b'\n');
                    count += 1;
                }
                Err(error) => failed = Some(error),
            }
            Ok(())
        });
        match (scanned, failed) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => Ok(Err(error)),
            (Ok(_), None) if count == 0 => Ok(Ok(0)),
            (Ok(_), None) => {
                let replaced = disk::replace(&segment.path, &content);
                Ok(replaced.map(|()| count).map_err(LogError::io("rewrite", &segment.path)))
            }
        }
    }
}

/// Refuses a line that would break the chain.
fn check_same_place(entry: &Entry<'_>, line: &[u8]) -> Result<(), LogError> {
    let refused = |reason: &str| LogError::Refused {
        event_id: entry.event_id().to_string(),
        reason: reason.to_owned(),
    };
    let new = Entry::parse(line.trim_ascii_end()).map_err(|error| refused(&error.to_string()))?;
    let same = new.scope() == entry.scope()
        && new.link() == entry.link()
        && new.prev() == entry.prev()
        && new.key() == entry.key()
        && new.event_id() == entry.event_id();
    if same { Ok(()) } else { Err(refused("the line that replaces it is of another entry")) }
}

/// Returns what a segment holds of each chain.
fn shares(segment: &Segment) -> Result<BTreeMap<ChainKey, Share>, LogError> {
    let mut shares: BTreeMap<ChainKey, Share> = BTreeMap::new();
    segment.scan_sealed(segment.first, |at, _, entry| {
        let envelope: AuthEventEnvelope<JsonPayload> =
            serde_json::from_slice(entry.event()).map_err(|_| {
                LogError::damaged(&segment.path, format!("the entry at byte {at} holds no event"))
            })?;
        let time = envelope.occurred_at;
        let share = shares.entry(key_of(entry.scope())).or_insert(Share {
            from: time,
            until: time,
            events: 0,
            last: entry.link(),
        });
        share.from = share.from.min(time);
        share.until = share.until.max(time);
        share.events += 1;
        share.last = entry.link();
        Ok(())
    })?;
    Ok(shares)
}
