//! What the server keeps, in SQLite or PostgreSQL: people, tokens, keys, requests, sessions, answers, who is to be told.
//!
//! Each write is one transaction together with the events that tell of it, and is on the disk when its call returns. All writes
//! go through one task that shares transactions among them; reads go their own way. Several servers may share a database:
//! limits hold across them, and of two that change the same thing one is told that it was too late.

mod answers;
mod fault;
mod handovers;
mod keys;
mod limits;
mod notices;
mod open;
mod pages;
mod people;
mod probe;
mod requests;
mod schema;
mod sessions;
mod sql;
mod sweep;
mod tokens;
mod tx;
mod writer;

pub use answers::{AnswerKey, AnswerState};
pub use fault::StoreFault;
pub use notices::{HeldNotice, NewNotice};
pub(crate) use open::connect_to_file;
pub use requests::RequestFilter;
pub use sessions::{SessionFilter, SqlHold};

use crate::{handover::HandoverSeal, telemetry::span};
use audex_core::{Requester, audit::BrokerEvent};
use axess::{
    audit::{Actor, AuthEventEnvelope, pipe::outbox_record},
    backends::sqlite::Db,
    clock::Clock,
    identity::EventId,
    rng::SecureRng,
    store::OutboxRecord,
};
use chrono::{DateTime, TimeDelta, Utc};
use handovers::Keyed;
use probe::Probed;
use sql::{Pool, args};
use std::{fmt, sync::Arc};
use tracing::Instrument;
use writer::{Work, Writer};

/// The largest event, in bytes: what the outbox takes.
const MAX_EVENT: usize = 256 * 1_024;

/// What the server keeps.
///
/// Clones share the connections and the task that writes.
///
/// ```
/// # use std::sync::Arc;
/// # use axess::{clock::SystemClock, rng::SystemRng};
/// use audex_server::{handover::HandoverSeal, settings::ServerSettings, store::Store};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let data = tempfile::tempdir().unwrap();
/// let settings = ServerSettings::new(data.path());
/// let seal = HandoverSeal::new([7; 32], Arc::new(SystemRng)).unwrap();
/// let store = Store::open(&settings, seal, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap();
/// assert!(store.person_by_email("alice@example.com").await.unwrap().is_none());
/// store.close().await;
/// # });
/// ```
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    db: Db,
    writer: Writer,
    seal: HandoverSeal,
    keyed: Keyed,
    /// How many requests of one identity may wait at once.
    most_waiting: u32,
    probed: Probed,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
}

impl Store {
    /// Returns the database for axess's own stores: they share its connections.
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// Writes what waits, and closes the connections.
    ///
    /// Every clone is closed.
    pub async fn close(&self) {
        self.writer.close().await;
        self.pool.close().await;
    }

    /// Tells whether several servers on different machines may share the database.
    pub(crate) const fn is_shared(&self) -> bool {
        !self.pool.is_sqlite()
    }

    /// Tells whether nothing was kept yet.
    pub(crate) async fn is_empty(&self) -> Result<bool, StoreFault> {
        let select = "SELECT 1 AS one FROM audex_people UNION ALL SELECT 1 FROM audex_sessions
            UNION ALL SELECT 1 FROM audex_requests UNION ALL SELECT 1 FROM axess_audit_outbox LIMIT 1";
        Ok(self.pool.fetch_optional(select, args![]).await?.is_none())
    }

    /// Notes how many events wait for the audit log: beyond a million nothing that leaves evidence is done.
    pub(crate) fn note_backlog(&self, events: u64, oldest: Option<DateTime<Utc>>) {
        self.writer.note_backlog(events, oldest);
    }

    /// Returns when the oldest event happened that waits for the audit log, as of a second ago.
    pub(crate) fn oldest_waiting(&self) -> Option<DateTime<Utc>> {
        self.writer.oldest_waiting()
    }

    /// Returns the number of the newest event in the outbox, if there is one.
    pub(crate) async fn newest_event(&self) -> Result<Option<i64>, StoreFault> {
        let select = "SELECT MAX(sequence) AS newest FROM axess_audit_outbox";
        self.pool.fetch_optional(select, args![]).await?.map_or(Ok(None), |row| row.maybe_int("newest"))
    }

    /// Tells whether an event of this number, or one before it, is in the outbox.
    pub(crate) async fn has_events_until(&self, sequence: i64) -> Result<bool, StoreFault> {
        let select = "SELECT 1 AS one FROM axess_audit_outbox WHERE sequence <= $1 LIMIT 1";
        Ok(self.pool.fetch_optional(select, args![sequence]).await?.is_some())
    }

    /// Takes moved events out of the outbox.
    pub(crate) async fn complete_events(&self, sequences: Vec<i64>) -> Result<(), StoreFault> {
        self.writer.write(Moved { sequences }).await
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Out, StoreFault> {
        // As in `sessions::Begin`.
        let name = std::any::type_name::<W>();
        let name = name.strip_prefix("audex_server::store::").unwrap_or(name);
        self.writer.write(work).instrument(span::database(name)).await
    }

    /// Writes events down, as they will be in the log. Nobody in particular did what nobody is named for.
    fn events(
        &self,
        who: Option<&Requester>,
        events: impl IntoIterator<Item = BrokerEvent>,
    ) -> Result<Vec<OutboxRecord>, StoreFault> {
        written(self.clock.now(), &*self.rng, events.into_iter().map(|event| (who, event)))
    }
}

/// Writes down who did what, as it will be in the log.
fn written<'a>(
    now: DateTime<Utc>,
    rng: &dyn SecureRng,
    told: impl IntoIterator<Item = (Option<&'a Requester>, BrokerEvent)>,
) -> Result<Vec<OutboxRecord>, StoreFault> {
    let one = |(after, (who, event)): (i64, (Option<&Requester>, BrokerEvent))| {
        // Those that happen at once have an order as well.
        let now = now + TimeDelta::microseconds(after);
        let actor = who.map_or(Actor::System, |who| Actor::Operator(who.to_string().as_str().into()));
        let id = EventId::generate(now, rng);
        let record = outbox_record(&AuthEventEnvelope::new(id, now, event).with_actor(actor));
        let record = record.map_err(|error| StoreFault::Refused(error.into()))?;
        match record.body.len() {
            0..=MAX_EVENT => Ok(record),
            _ => Err(StoreFault::Refused("an event is too long".into())),
        }
    };
    (0..).zip(told).map(one).collect()
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("db", &self.db).finish_non_exhaustive()
    }
}

/// Takes moved events out of the outbox.
struct Moved {
    sequences: Vec<i64>,
}

impl Work for Moved {
    type Out = ();

    fn is_evidence(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut tx::Tx) -> Result<(), StoreFault> {
        // They are almost always one run of numbers.
        let mut runs: Vec<(i64, i64)> = Vec::new();
        for &sequence in &self.sequences {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == sequence => *last = sequence,
                _ => runs.push((sequence, sequence)),
            }
        }
        for (first, last) in runs {
            let delete = "DELETE FROM axess_audit_outbox WHERE sequence BETWEEN $1 AND $2";
            tx.execute(delete, args![first, last]).await?;
        }
        Ok(())
    }
}
