//! What will be rewritten, and the record of it.

use super::{
    AuditErasure, ErasureError,
    scrub::{ScrubError, Subjects},
};
use crate::{
    chain::{Entry, commitment},
    log::{AuditLog, LogPosition, NewEntry},
};
use axess_core::{audit::EventContext, store::AuditScope};
use axess_events::{
    Actor, AuthEvent,
    trail::{AuditSubjectErased, ErasedEntry, MAX_ERASED_ENTRIES},
};
use axess_identity::UserId;
use axess_rng::{SecureRng, random_array};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What an entry of the chain will hold.
#[derive(Debug, Clone, Copy)]
struct Planned {
    salt: [u8; 16],
    commitment: [u8; 32],
    pseudonym: UserId,
    /// The place of the event that vouches for it.
    voucher: u64,
}

/// Everything that will be rewritten: entries of the chain by their place, in whichever tier they are; and whether there are
/// events without a place.
#[derive(Debug, Default)]
pub(super) struct Plan {
    entries: BTreeMap<u64, Planned>,
    loose: BTreeSet<UserId>,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.loose.is_empty()
    }

    pub(super) fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// Plans for one line or event, in whichever tier it is.
    pub(super) fn take(
        &mut self,
        body: &[u8],
        subjects: &Subjects,
        rng: &dyn SecureRng,
    ) -> Result<(), Unplanned> {
        let entry = as_entry(body)?;
        let event = entry.as_ref().map_or(body, Entry::event);
        let Some(scrubbed) = subjects.scrub(event).map_err(Unplanned::Event)? else { return Ok(()) };
        let Some(entry) = entry else {
            self.loose.insert(scrubbed.pseudonym);
            return Ok(());
        };
        let pseudonym = scrubbed.pseudonym;
        let Some(known) = self.entries.get(&entry.seq()) else {
            let salt = random_array(rng);
            let commitment = commitment(&salt, &scrubbed.event);
            self.entries.insert(entry.seq(), Planned { salt, commitment, pseudonym, voucher: 0 });
            return Ok(());
        };
        match commitment(&known.salt, &scrubbed.event) == known.commitment {
            true => Ok(()),
            false => Err(Unplanned::Differs(entry.seq())),
        }
    }

    /// Plans for the column of a row whose body names nobody.
    pub(super) fn take_column(&mut self, pseudonym: UserId) {
        self.loose.insert(pseudonym);
    }

    /// Returns what takes the place of a line or an event, without a line feed; `None` when it stays.
    pub(super) fn rewritten(&self, body: &[u8], subjects: &Subjects) -> Result<Option<Bytes>, Unplanned> {
        match as_entry(body)? {
            Some(entry) => self.entry_rewritten(&entry, subjects),
            None => Ok(subjects.scrub(body).map_err(Unplanned::Event)?.map(|scrubbed| scrubbed.event)),
        }
    }

    /// Returns what takes the place of an entry. One that was erased by a run that was cut off gets the same line as the
    /// others that hold it.
    pub(super) fn entry_rewritten(
        &self,
        entry: &Entry<'_>,
        subjects: &Subjects,
    ) -> Result<Option<Bytes>, Unplanned> {
        let Some(planned) = self.entries.get(&entry.seq()) else { return Ok(None) };
        let scrubbed = subjects.scrub(entry.event()).map_err(Unplanned::Event)?;
        let event = scrubbed.map_or_else(|| Bytes::copy_from_slice(entry.event()), |scrubbed| scrubbed.event);
        if commitment(&planned.salt, &event) != planned.commitment {
            return Err(Unplanned::Differs(entry.seq()));
        }
        let mut line = entry.rewritten(&event, planned.salt, planned.voucher);
        line.truncate(line.trim_ascii_end().len());
        Ok(Some(line.into()))
    }
}

/// Says why nothing can be planned for a line.
#[derive(Debug)]
pub(super) enum Unplanned {
    /// It cannot be read.
    Line,
    Event(ScrubError),
    Differs(u64),
}

fn as_entry(body: &[u8]) -> Result<Option<Entry<'_>>, Unplanned> {
    if !body.starts_with(b"{\"v\":") {
        return Ok(None);
    }
    Entry::parse(body).map(Some).map_err(|_| Unplanned::Line)
}

impl AuditErasure {
    /// Records what will be rewritten, at most [`MAX_ERASED_ENTRIES`] in one event; returns how many events that were.
    pub(super) async fn record(
        &self,
        scope: AuditScope,
        plan: &mut Plan,
        operator: &str,
        reason: &str,
    ) -> Result<u64, ErasureError> {
        let mut subjects: BTreeMap<UserId, Vec<u64>> =
            plan.loose.iter().map(|user| (*user, Vec::new())).collect();
        for (sequence, planned) in &plan.entries {
            subjects.entry(planned.pseudonym).or_default().push(*sequence);
        }
        let mut recorded = 0;
        for (pseudonym, sequences) in subjects {
            let mut chunks: Vec<_> = sequences.chunks(MAX_ERASED_ENTRIES).collect();
            if chunks.is_empty() {
                chunks.push(&[]);
            }
            for chunk in chunks {
                let entries = chunk.iter().filter_map(|sequence| {
                    let commitment = URL_SAFE_NO_PAD.encode(plan.entries.get(sequence)?.commitment);
                    Some(ErasedEntry { sequence: *sequence, commitment: commitment.as_str().into() })
                });
                let (operator_principal, reason) = (operator.into(), reason.into());
                let entries = entries.collect();
                let event = AuditSubjectErased { pseudonym, operator_principal, reason, entries };
                let voucher = self.record_one(scope, event.into(), operator).await?;
                recorded += 1;
                for sequence in chunk {
                    let Some(planned) = plan.entries.get_mut(sequence) else { continue };
                    planned.voucher = voucher.ok_or(ErasureError::NoLog)?;
                }
            }
        }
        Ok(recorded)
    }

    /// Records one event, and returns its place in the chain; there is none without a log.
    async fn record_one(
        &self,
        scope: AuditScope,
        event: AuthEvent,
        operator: &str,
    ) -> Result<Option<u64>, ErasureError> {
        let actor = Some(Actor::Operator(operator.into()));
        let tenant_id = if let AuditScope::Tenant(id) = scope { Some(id) } else { None };
        let context = EventContext { tenant_id, actor, ..EventContext::default() };
        let Some(log) = self.log.clone() else {
            self.emitter.emit(&context, event).await.map_err(ErasureError::Trail)?;
            return Ok(None);
        };
        let envelope = self.emitter.envelope(&context, event);
        let entry = NewEntry::of(&envelope).map_err(|source| ErasureError::Event {
            event_id: envelope.event_id,
            source: Box::new(source),
        })?;
        let task = tokio::task::spawn_blocking(move || append(&log, entry));
        task.await.map_err(|_| ErasureError::Stopped)?.map(Some)
    }
}

/// Appends an entry, durably, and returns its place in its chain.
fn append(log: &AuditLog, entry: NewEntry) -> Result<u64, ErasureError> {
    let event_id = entry.event_id;
    let lost = || ErasureError::Event { event_id, source: "it is not where the log has put it".into() };
    let position = *log.append(vec![entry])?.first().ok_or_else(lost)?;
    log.sync()?;
    let before = LogPosition { offset: position.offset.saturating_sub(1), ..position };
    let found = log.read(before, 1, usize::MAX)?;
    let line = found.first().and_then(|entry| entry.record.line.as_deref()).ok_or_else(lost)?;
    let entry = Entry::parse(line).map_err(|_| lost())?;
    if entry.event_id() == event_id { Ok(entry.seq()) } else { Err(lost()) }
}
