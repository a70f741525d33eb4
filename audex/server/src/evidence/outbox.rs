use crate::store::Store;
use axess::{
    backends::sqlite::AuditOutbox as SqlOutbox,
    store::{AuditOutbox, OutboxDepth, OutboxEntry, OutboxRecord, StoreError, StoreErrorKind},
};

/// The outbox of the store's database.
///
/// What was moved is taken out by the task that writes everything else, so that the two do not wait for each other's locks.
pub(super) struct Outbox {
    store: Store,
    rows: SqlOutbox,
}

impl Outbox {
    pub(super) fn new(store: Store) -> Self {
        Self { rows: SqlOutbox::new(store.db().clone()), store }
    }
}

impl AuditOutbox for Outbox {
    async fn append(&self, records: Vec<OutboxRecord>) -> Result<(), StoreError> {
        AuditOutbox::append(&self.rows, records).await
    }

    async fn peek(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        AuditOutbox::peek(&self.rows, limit).await
    }

    async fn complete(&self, sequences: Vec<u64>) -> Result<(), StoreError> {
        let sequences = sequences.into_iter().filter_map(|sequence| i64::try_from(sequence).ok()).collect();
        let done = self.store.complete_events(sequences).await;
        done.map_err(|fault| StoreError::new(StoreErrorKind::Unavailable, fault))
    }

    async fn depth(&self) -> Result<OutboxDepth, StoreError> {
        let depth = AuditOutbox::depth(&self.rows).await?;
        self.store.note_backlog(depth.records, depth.oldest);
        Ok(depth)
    }
}
