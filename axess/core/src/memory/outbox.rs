use super::table::{Shared, count, room_for};
use crate::store::{AuditOutbox, OutboxDepth, OutboxEntry, OutboxRecord, StoreError};
use std::collections::BTreeMap;

/// Keeps audit events in memory until every sink has them.
///
/// Clones share them.
///
/// ```
/// use axess_core::memory::MemoryAuditOutbox;
/// let outbox = MemoryAuditOutbox::new();
/// # let _ = outbox;
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryAuditOutbox {
    queue: Shared<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    last: u64,
    records: BTreeMap<u64, OutboxRecord>,
}

impl MemoryAuditOutbox {
    /// Creates an empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl AuditOutbox for MemoryAuditOutbox {
    async fn append(&self, records: Vec<OutboxRecord>) -> Result<(), StoreError> {
        let mut queue = self.queue.lock();
        room_for(queue.records.len(), records.len())?;
        for record in records {
            if queue.records.values().all(|known| known.event_id != record.event_id) {
                queue.last += 1;
                let sequence = queue.last;
                queue.records.insert(sequence, record);
            }
        }
        Ok(())
    }

    async fn peek(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        let queue = self.queue.lock();
        let entry = |(sequence, record): (&u64, &OutboxRecord)| OutboxEntry {
            sequence: *sequence,
            record: record.clone(),
        };
        Ok(queue.records.iter().map(entry).take(limit).collect())
    }

    async fn complete(&self, sequences: Vec<u64>) -> Result<(), StoreError> {
        let mut queue = self.queue.lock();
        sequences.iter().for_each(|sequence| drop(queue.records.remove(sequence)));
        Ok(())
    }

    async fn depth(&self) -> Result<OutboxDepth, StoreError> {
        let queue = self.queue.lock();
        let oldest = queue.records.values().map(|record| record.at).min();
        Ok(OutboxDepth { records: count(queue.records.len()), oldest })
    }
}
