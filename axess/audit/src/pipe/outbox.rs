use super::{
    PipeError,
    dead::{DeadLetter, DeadLetters},
    feed::Feed,
    folder,
    log_feed::LogFeed,
    worker::{Context, Stop, describe},
};
use crate::{AuditRecord, JsonPayload, chain, log::NewEntry};
use axess_core::store::{DynAuditOutbox, DynLeaderLock, OutboxEntry, OutboxRecord};
use axess_events::{Actor, AuditPayload, AuthEvent, AuthEventEnvelope, trail::AuditEventDeadLettered};
use axess_identity::EventId;
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, watch};

/// How many records are moved at once.
const BATCH: usize = 512;
/// The name that unreadable records of the outbox have among the dead letters.
pub(super) const OUTBOX: &str = "outbox";
/// The lease of the process that empties the outbox.
const LEASE: &str = "axess-audit-outbox";
const LEASE_FOR: TimeDelta = TimeDelta::seconds(30);
/// A lease that ends so soon is not acted on: the work must be done before it ends.
const LEASE_MARGIN: TimeDelta = TimeDelta::seconds(10);

/// Writes an event as a record of the outbox, for an operation that adds it in its own transaction.
///
/// ```
/// use axess_audit::pipe::outbox_record;
/// use axess_events::{AuthEvent, AuthEventEnvelope, account::PasswordChanged};
/// use axess_identity::{EventId, UserId};
/// let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) });
/// let envelope = AuthEventEnvelope::new(EventId::from_parts(0, [2; 10]), chrono::DateTime::UNIX_EPOCH, event);
/// assert_eq!(outbox_record(&envelope).unwrap().event_id, envelope.event_id);
/// ```
///
/// # Errors
///
/// [`PipeError::Event`] for an event that cannot be written down.
pub fn outbox_record<P: AuditPayload>(envelope: &AuthEventEnvelope<P>) -> Result<OutboxRecord, PipeError> {
    Ok(OutboxRecord {
        event_id: envelope.event_id,
        tenant_id: envelope.tenant_id,
        at: envelope.occurred_at,
        body: chain::canonical(envelope).map_err(PipeError::Event)?,
    })
}

/// Moves events from a database into the log, in order. A crash between the two steps leaves an event in both, and the
/// log takes it once.
pub(super) struct Mover {
    pub(super) outbox: Arc<dyn DynAuditOutbox>,
    pub(super) feed: Arc<LogFeed>,
    pub(super) context: Arc<Context>,
    pub(super) arrived: Arc<Notify>,
    pub(super) lock: Option<Arc<dyn DynLeaderLock>>,
    /// Names this process to the lock.
    pub(super) holder: String,
}

impl Mover {
    /// Moves until it is told to end; when the pipe drains, until the outbox is empty.
    pub(super) async fn run(&self, mut stop: watch::Receiver<Stop>) {
        let mut failures = 0;
        while *stop.borrow() != Stop::Abort {
            let drains = *stop.borrow() == Stop::Drain;
            let pause = match self.step().await {
                Ok(moved) if moved > 0 => {
                    failures = 0;
                    continue;
                }
                Ok(_) if drains => break,
                Ok(_) => {
                    failures = 0;
                    self.context.poll
                }
                Err(error) => {
                    failures += 1;
                    tracing::error!(error = describe(&error), "events stay in the audit outbox");
                    self.context.gauges.iter().for_each(|gauge| gauge.failed(&describe(&error)));
                    self.context.retry.pause(failures, None, &*self.context.rng)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.arrived.notified(), if failures == 0 => {}
                _ = stop.changed() => {}
            }
        }
        if let Some(lock) = &self.lock {
            _ = lock.release(LEASE.to_owned(), self.holder.clone()).await;
        }
        self.feed.complete();
    }

    async fn step(&self) -> Result<usize, PipeError> {
        if !self.may_move().await? {
            return Ok(0);
        }
        let entries = self.outbox.peek(BATCH).await.map_err(PipeError::Outbox)?;
        if entries.is_empty() {
            return Ok(0);
        }
        let mut events = Vec::with_capacity(entries.len());
        for entry in &entries {
            match read(&entry.record) {
                Ok(event) => events.push(event),
                Err(error) => self.write_off(entry, &error).await?,
            }
        }
        // Held while the log has events that the gate does not know of.
        let entering = self.context.gate.enter_own();
        let mut appended = 0;
        if !events.is_empty() {
            let log = self.feed.log().clone();
            let places = folder::blocking(move || log.append_once(events).map_err(PipeError::Log)).await?;
            appended = places.iter().flatten().count();
        }
        self.context.gate.moved_downstream(0, appended);
        drop(entering);
        self.feed.announce();
        let sequences = entries.iter().map(|entry| entry.sequence).collect();
        self.outbox.complete(sequences).await.map_err(PipeError::Outbox)?;
        self.context.gate.moved_downstream(entries.len(), 0);
        Ok(entries.len())
    }

    /// Tells whether this process is the one of all hosts.
    async fn may_move(&self) -> Result<bool, PipeError> {
        let Some(lock) = &self.lock else { return Ok(true) };
        let now = self.context.clock.now();
        let asked = lock.acquire(LEASE.to_owned(), self.holder.clone(), LEASE_FOR, now).await;
        let lease = asked.map_err(PipeError::Outbox)?;
        Ok(lease.is_some_and(|lease| self.context.clock.now() + LEASE_MARGIN < lease.until))
    }

    /// Puts what is no event to the dead letters, and records that.
    async fn write_off(&self, entry: &OutboxEntry, error: &PipeError) -> Result<(), PipeError> {
        let now = self.context.clock.now();
        let reason = describe(error);
        let id = EventId::generate(now, &*self.context.rng);
        let letter = DeadLetter {
            at: now,
            sink: OUTBOX.to_owned(),
            event_id: entry.record.event_id,
            reason: reason.clone(),
            notice: Some(id),
            line: String::from_utf8_lossy(&entry.record.body).into_owned(),
        };
        let (folder, most) = (self.feed.folder().join("dead"), self.context.max_dead_letter_bytes);
        let add = move || {
            let mut dead = DeadLetters::open(&folder, OUTBOX, most)?;
            match dead.find(letter.event_id) {
                Some(known) => Ok(known.unwrap_or(id)),
                None => dead.add(&letter).map(|()| id),
            }
        };
        let id = folder::blocking(add).await?;
        let event = AuthEvent::from(AuditEventDeadLettered {
            sink: OUTBOX.into(),
            refused_event_id: entry.record.event_id,
            failure_reason: reason.as_str().into(),
        });
        let mut envelope = AuthEventEnvelope::new(id, now, event).with_actor(Actor::System);
        envelope.tenant_id = entry.record.tenant_id;
        self.feed.note(envelope).await
    }
}

fn read(record: &OutboxRecord) -> Result<NewEntry, PipeError> {
    let read = AuditRecord::from_event(record.body.clone()).map_err(PipeError::NotAnEvent)?;
    let envelope: &AuthEventEnvelope<JsonPayload> = &read.envelope;
    if envelope.event_id != record.event_id {
        return Err(PipeError::Config("the record is of another event than its bytes".to_owned()));
    }
    NewEntry::of(envelope).map_err(PipeError::Event)
}

/// Keeps the count of what waits in the database, in every process.
pub(super) async fn count(outbox: &Arc<dyn DynAuditOutbox>, context: &Context) {
    if let Ok(depth) = outbox.depth().await {
        context.gate.set_upstream(depth.records);
    }
}

/// How often the database is asked how much waits.
pub(super) const COUNT_EVERY: Duration = Duration::from_secs(1);
