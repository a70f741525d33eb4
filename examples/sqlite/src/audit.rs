//! The audit trail: one line of JSON for each event, in a file that is only ever appended to. The file is the evidence;
//! the same events go into the database a moment later, to be searched.

use crate::logs::chain;
use axess::{
    UserId,
    audit::{AuditError, AuditFuture, AuditPayload, AuditSink, AuthEventEnvelope},
    backends::sqlite,
    store::{AuditRow, AuditStore},
};
use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;

/// How many events may wait for the database.
const MAX_WAITING: usize = 10_000;
/// How many events go into it at once.
const BATCH: usize = 200;

struct Trail {
    file: Mutex<File>,
    index: mpsc::Sender<AuditRow>,
}

/// Puts events into the database.
pub(crate) struct Indexer {
    waiting: mpsc::Receiver<AuditRow>,
    store: sqlite::AuditStore,
}

/// Opens the trail; a new file can be read by this user alone.
pub(crate) fn open(path: &Path, store: sqlite::AuditStore) -> io::Result<(Arc<dyn AuditSink>, Indexer)> {
    let file = File::options().append(true).create(true).mode(0o600).open(path)?;
    let (index, waiting) = mpsc::channel(MAX_WAITING);
    Ok((Arc::new(Trail { file: Mutex::new(file), index }), Indexer { waiting, store }))
}

impl AuditSink for Trail {
    /// Hands the line to the operating system before the operation it is about is answered: it survives the end of this
    /// process, however that comes.
    fn record(&self, event: AuthEventEnvelope) -> AuditFuture<'_> {
        Box::pin(async move {
            let row = row(&event)?;
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(&row.body).map_err(AuditError::new)?;
            drop(file);
            if self.index.try_send(row).is_err() {
                tracing::error!("the database is behind: an event is in the audit file alone");
            }
            Ok(())
        })
    }
}

impl Indexer {
    /// Works until the application is gone and nothing waits any more.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::new();
        while self.waiting.recv_many(&mut batch, BATCH).await > 0 {
            if let Err(error) = self.store.append(std::mem::take(&mut batch)).await {
                tracing::error!(error = chain(&error), "events are in the audit file alone");
            }
        }
    }
}

fn row(event: &AuthEventEnvelope) -> Result<AuditRow, AuditError> {
    let json = serde_json::to_value(event).map_err(AuditError::new)?;
    let user_id = json.get("user_id").and_then(|id| serde_json::from_value::<UserId>(id.clone()).ok());
    Ok(AuditRow {
        event_id: event.event_id,
        tenant_id: event.tenant_id,
        user_id,
        event_type: event.payload.event_type().into_owned(),
        at: event.occurred_at,
        body: format!("{json}\n").into(),
    })
}
