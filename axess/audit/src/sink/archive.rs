use super::{EventSink, SinkError, SinkFuture, check_name, store::row};
use crate::{
    AuditRecord,
    archive::{ArchiveBatch, ArchiveError, AuditArchiver},
};
use axess_clock::Clock;
use axess_core::store::{AuditRow, AuditScope};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Writes events to an [`AuditArchiver`] as they happen.
///
/// The archive keeps the log's entry where there is a log, else the event, and keeps an event once. An archive that fails
/// gets the batch again. An event it cannot keep is reported as [`SinkError::Refused`].
///
/// A retention loop may have the same archive: it finds there what it would have brought.
///
/// ```
/// # fn example(archive: impl axess_audit::archive::AuditArchiver) {
/// use axess_audit::sink::{ArchiveSink, EventSink};
/// use axess_clock::SystemClock;
/// use std::sync::Arc;
/// let sink = ArchiveSink::new("archive", archive, Arc::new(SystemClock)).unwrap();
/// assert_eq!(sink.name(), "archive");
/// # }
/// ```
pub struct ArchiveSink<A> {
    name: String,
    archive: A,
    clock: Arc<dyn Clock>,
}

impl<A: AuditArchiver> ArchiveSink<A> {
    /// Makes a sink of an archive; the clock says when an event was archived.
    ///
    /// # Errors
    ///
    /// What is wrong with the name.
    pub fn new(name: impl Into<String>, archive: A, clock: Arc<dyn Clock>) -> Result<Self, &'static str> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self { name, archive, clock })
    }

    /// Returns the archive.
    pub fn archive(&self) -> &A {
        &self.archive
    }

    async fn add(&self, batch: &[AuditRecord]) -> Result<(), SinkError> {
        let (mut part, mut refused) = (batch, None);
        loop {
            match self.add_all(part).await {
                Ok(()) => return refused.map_or(Ok(()), Err),
                Err(ArchiveError::NotAnEvent { event_id }) => {
                    let place = part.iter().position(|record| record.event_id() == event_id);
                    let Some(index) = place else {
                        return Err(SinkError::retry(ArchiveError::NotAnEvent { event_id }));
                    };
                    // Those before it are to be delivered, whatever becomes of it.
                    part = part.get(..index).unwrap_or_default();
                    let reason = ArchiveError::NotAnEvent { event_id }.to_string();
                    refused = Some(SinkError::Refused { index, reason });
                }
                Err(error) => return Err(SinkError::retry(error)),
            }
        }
    }

    async fn add_all(&self, batch: &[AuditRecord]) -> Result<(), ArchiveError> {
        let mut scopes: BTreeMap<AuditScope, Vec<AuditRow>> = BTreeMap::new();
        for record in batch {
            scopes.entry(record.scope()).or_default().push(row(record));
        }
        for (scope, rows) in scopes {
            self.archive.archive_batch(ArchiveBatch { scope, rows, at: self.clock.now() }).await?;
        }
        Ok(())
    }
}

impl<A: AuditArchiver> EventSink for ArchiveSink<A> {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
        Box::pin(self.add(batch))
    }
}

impl<A> fmt::Debug for ArchiveSink<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveSink").field("name", &self.name).finish_non_exhaustive()
    }
}
