use super::{
    PipeError,
    dead::{DeadLetter, DeadLetters},
    feed::Feed,
    folder,
    log_feed::LogFeed,
    worker::{Context, Stop, describe},
};
use crate::{
    AuditRecord, JsonPayload, chain,
    log::{LogError, MAX_BATCH_BYTES, NewEntry},
};
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
                Ok(event) => events.push((entry, event)),
                Err(error) => self.write_off(entry, &error).await?,
            }
        }
        for batch in batches(events) {
            self.append(batch).await?;
        }
        // What goes from the database must be on the disk, whatever the log's fsync policy.
        let log = self.feed.log().clone();
        folder::blocking(move || log.sync_acknowledged().map_err(PipeError::Log)).await?;
        let sequences = entries.iter().map(|entry| entry.sequence).collect();
        self.outbox.complete(sequences).await.map_err(PipeError::Outbox)?;
        self.context.gate.left_upstream(entries.len());
        Ok(entries.len())
    }

    /// Appends events; those that the log will never take are put to the dead letters, alone.
    async fn append(&self, batch: Vec<(&OutboxEntry, NewEntry)>) -> Result<(), PipeError> {
        let events = batch.iter().map(|(_, event)| event.clone()).collect();
        match self.put(events).await {
            Err(PipeError::Log(error)) if is_final(&error) => {}
            outcome => return outcome,
        }
        for (entry, event) in batch {
            match self.put(vec![event]).await {
                Err(PipeError::Log(error)) if is_final(&error) => {
                    self.write_off(entry, &PipeError::Log(error)).await?;
                }
                outcome => outcome?,
            }
        }
        Ok(())
    }

    async fn put(&self, events: Vec<NewEntry>) -> Result<(), PipeError> {
        let (log, arriving) = (self.feed.log().clone(), self.context.gate.arrive(events.len()));
        let places = folder::blocking(move || log.append_once(events).map_err(PipeError::Log)).await?;
        arriving.arrived(places.iter().flatten().count());
        self.feed.announce();
        Ok(())
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
        match self.feed.note(envelope.clone()).await {
            Err(PipeError::Log(LogError::TooManyChains)) => {}
            told => return told,
        }
        // The log has no room for a chain of this tenant; the chain of nobody tells of it.
        envelope.tenant_id = None;
        match self.feed.note(envelope).await {
            Err(PipeError::Log(LogError::TooManyChains)) => {
                tracing::error!(event_id = %entry.record.event_id, reason, "only the dead letters have this event");
                Ok(())
            }
            told => told,
        }
    }
}

/// Splits events into batches that the log takes at once.
fn batches(events: Vec<(&OutboxEntry, NewEntry)>) -> Vec<Vec<(&OutboxEntry, NewEntry)>> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for event in events {
        let length = event.1.event.len();
        if bytes + length > MAX_BATCH_BYTES {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += length;
        batch.push(event);
    }
    batches.push(batch);
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// Tells whether the log will not take these events later either.
fn is_final(error: &LogError) -> bool {
    matches!(error, LogError::Refused { .. } | LogError::BatchTooLarge { .. } | LogError::TooManyChains)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chain::AuditKeys,
        log::{AuditLog, AuditLogConfig, FsyncPolicy},
        pipe::{AuditPipe, AuditPipeConfig, BufferStrategy},
        sink::{EventSink, SinkFuture},
    };
    use axess_clock::MockClock;
    use axess_core::{
        memory::MemoryAuditOutbox,
        store::{AuditOutbox, OutboxDepth, StoreError},
    };
    use axess_events::account::PasswordChanged;
    use axess_identity::{TenantId, UserId};
    use axess_rng::{MockRng, SystemRng};
    use std::sync::Mutex;

    type Taken = Arc<Mutex<Vec<(EventId, String, Option<TenantId>)>>>;

    struct Sink(Taken);

    impl EventSink for Sink {
        fn name(&self) -> &str {
            "s"
        }

        fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
            let each = batch.iter().map(|record| {
                let envelope = &record.envelope;
                (record.event_id(), envelope.payload.event_type.clone(), envelope.tenant_id)
            });
            self.0.lock().unwrap().extend(each);
            Box::pin(async { Ok(()) })
        }
    }

    fn open(folder: &std::path::Path, fsync: FsyncPolicy) -> AuditLog {
        let (keys, clock) = (AuditKeys::generate(&MockRng::new(1)), Arc::new(MockClock::default()));
        let settings = AuditLogConfig { fsync, ..AuditLogConfig::new(folder) };
        AuditLog::open(settings, keys, clock, Arc::new(SystemRng)).unwrap()
    }

    fn event(n: u8, of: Option<TenantId>) -> AuthEventEnvelope<AuthEvent> {
        let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [7; 10]) });
        let id = EventId::from_parts(1, [n; 10]);
        let mut envelope = AuthEventEnvelope::new(id, chrono::DateTime::UNIX_EPOCH, event);
        envelope.tenant_id = of;
        envelope
    }

    /// An outbox that notes how much of the log the disk does not have when records are deleted.
    #[derive(Clone)]
    struct Watching {
        outbox: MemoryAuditOutbox,
        log: AuditLog,
        unforced: Arc<Mutex<Vec<u64>>>,
    }

    impl AuditOutbox for Watching {
        async fn append(&self, records: Vec<OutboxRecord>) -> Result<(), StoreError> {
            AuditOutbox::append(&self.outbox, records).await
        }

        async fn peek(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
            AuditOutbox::peek(&self.outbox, limit).await
        }

        async fn complete(&self, sequences: Vec<u64>) -> Result<(), StoreError> {
            self.unforced.lock().unwrap().push(self.log.unforced().unwrap());
            AuditOutbox::complete(&self.outbox, sequences).await
        }

        async fn depth(&self) -> Result<OutboxDepth, StoreError> {
            AuditOutbox::depth(&self.outbox).await
        }
    }

    #[tokio::test]
    async fn nothing_leaves_the_database_before_the_disk_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path(), FsyncPolicy::Never);
        let (outbox, unforced) = (MemoryAuditOutbox::new(), Arc::<Mutex<Vec<u64>>>::default());
        let watching = Watching { outbox, log: log.clone(), unforced: Arc::clone(&unforced) };
        let buffer = BufferStrategy::Database { outbox: Arc::new(watching), log };
        let config = AuditPipeConfig::new(buffer);
        let pipe = AuditPipe::start(config, Arc::new(MockClock::default()), Arc::new(SystemRng));
        let pipe = pipe.await.unwrap();
        pipe.emit(event(1, None)).await.unwrap();
        pipe.shutdown(Duration::from_secs(20)).await.unwrap();
        assert_eq!(*unforced.lock().unwrap(), [0]);
    }

    #[tokio::test]
    async fn an_event_that_the_log_has_no_chain_for_stops_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path(), FsyncPolicy::Always);
        let outbox = MemoryAuditOutbox::new();
        let id = |n: u8| EventId::from_parts(1, [n; 10]);
        let tenant = |n: u8| TenantId::from_parts(0, [n; 10]);
        for envelope in [event(1, None), event(2, Some(tenant(1)))] {
            log.append(vec![NewEntry::of(&envelope).unwrap()]).unwrap();
        }
        log.fill_chains().unwrap();
        let of = [Some(tenant(1)), Some(tenant(9)), Some(tenant(1))];
        let records = (3..6).zip(of).map(|(n, of)| outbox_record(&event(n, of)).unwrap()).collect();
        AuditOutbox::append(&outbox, records).await.unwrap();

        let taken = Taken::default();
        let buffer = BufferStrategy::Database { outbox: Arc::new(outbox.clone()), log };
        let config = AuditPipeConfig::new(buffer).with_sink(Arc::new(Sink(Arc::clone(&taken))));
        let pipe = AuditPipe::start(config, Arc::new(MockClock::default()), Arc::new(SystemRng));
        let report = pipe.await.unwrap().shutdown(Duration::from_secs(20)).await.unwrap();
        assert_eq!((report.waiting, AuditOutbox::depth(&outbox).await.unwrap().records), (0, 0));
        let taken = taken.lock().unwrap();
        let of_axess: Vec<_> = taken.iter().filter(|(_, name, _)| name == "PasswordChanged").collect();
        assert_eq!(of_axess.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [1, 2, 3, 5].map(id));
        let told = taken.iter().find(|(_, name, _)| name == "AuditEventDeadLettered").unwrap();
        assert_eq!(told.2, None, "in the chain of nobody");
        let dead = std::fs::read_to_string(folder.path().join("dead/outbox.jsonl")).unwrap();
        assert!(dead.contains("chains") && dead.lines().count() == 1, "{dead}");
    }
}
