use super::{EventSink, SinkError, SinkFuture, check_name};
use crate::AuditRecord;
use axess_core::store::{AuditRow, AuditStore, StoreError, StoreErrorKind};
use axess_events::{Actor, AuditPayload as _};
use axess_identity::UserId;

/// Writes events to an [`AuditStore`]: SQLite, PostgreSQL or MySQL through `axess-sql`, where they can be searched.
///
/// The body of a row is the log's entry where there is a log, else the event. The user of a row is the `user_id` of the
/// event, else its actor. A batch is one transaction, and the store keeps an event once: exactly once, whatever
/// happens in between.
///
/// An event that the store refuses for what it is (a name longer than 128 bytes, more than 256 KiB) is found by halving
/// the batch and reported as [`SinkError::Refused`].
///
/// ```
/// use axess_audit::sink::{EventSink, StoreSink};
/// use axess_core::memory::MemoryAuditStore;
/// let sink = StoreSink::new("search", MemoryAuditStore::new()).unwrap();
/// assert_eq!(sink.name(), "search");
/// ```
#[derive(Debug)]
pub struct StoreSink<S> {
    name: String,
    store: S,
}

impl<S: AuditStore> StoreSink<S> {
    /// Makes a sink of a store.
    ///
    /// # Errors
    ///
    /// What is wrong with the name.
    pub fn new(name: impl Into<String>, store: S) -> Result<Self, &'static str> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self { name, store })
    }

    /// Returns the store.
    pub fn store(&self) -> &S {
        &self.store
    }

    async fn append(&self, batch: &[AuditRecord]) -> Result<(), SinkError> {
        let mut rest = vec![(0, batch)];
        while let Some((first, part)) = rest.pop() {
            let Err(error) = self.store.append(part.iter().map(row).collect()).await else { continue };
            if error.kind() != StoreErrorKind::Misuse {
                return Err(SinkError::retry(error));
            }
            if part.len() <= 1 {
                return Err(SinkError::Refused { index: first, reason: reason(&error) });
            }
            let half = part.len() / 2;
            let (left, right) = part.split_at(half);
            rest.push((first + half, right));
            rest.push((first, left));
        }
        Ok(())
    }
}

impl<S: AuditStore + 'static> EventSink for StoreSink<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
        Box::pin(self.append(batch))
    }
}

/// Returns the row a store or an archive keeps of an event.
pub(super) fn row(record: &AuditRecord) -> AuditRow {
    AuditRow {
        event_id: record.event_id(),
        tenant_id: record.envelope.tenant_id,
        user_id: user(record),
        event_type: record.envelope.payload.event_type().into_owned(),
        at: record.occurred_at(),
        body: record.body().clone(),
    }
}

/// Returns the user it is about, else the one who did it.
fn user(record: &AuditRecord) -> Option<UserId> {
    let about = record.envelope.payload.fields.get("user_id").and_then(|id| id.as_str()?.parse().ok());
    about.or(match record.envelope.actor {
        Some(Actor::User(user_id)) => Some(user_id),
        _ => None,
    })
}

/// What the store says, with its cause: there is nobody above who would print that.
fn reason(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
