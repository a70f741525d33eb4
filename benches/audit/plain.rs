//! What a user would write a trail with otherwise: JSON lines through `tracing-appender`.

use axess_core::audit::{AuditError, AuditFuture, AuditSink};
use axess_events::AuthEventEnvelope;
use std::{
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

/// A writer that hands lines to a thread, and loses none while the program lives.
///
/// A line is in the memory of this process when `write` returns, and nobody is told when it reaches the disk.
pub(crate) struct Plain {
    writer: NonBlocking,
    _guard: WorkerGuard,
}

impl Plain {
    pub(crate) fn open(folder: &Path) -> Self {
        let file = tracing_appender::rolling::never(folder, "plain.jsonl");
        let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(file);
        Self { writer, _guard: guard }
    }

    pub(crate) fn writer(&self) -> NonBlocking {
        self.writer.clone()
    }
}

/// Records events as such lines.
pub(crate) struct PlainSink {
    plain: Mutex<Plain>,
}

impl PlainSink {
    pub(crate) fn open(folder: &Path) -> Self {
        Self { plain: Mutex::new(Plain::open(folder)) }
    }
}

impl AuditSink for PlainSink {
    fn record(&self, event: AuthEventEnvelope) -> AuditFuture<'_> {
        Box::pin(async move {
            let mut line = serde_json::to_vec(&event).map_err(AuditError::new)?;
            line.push(b'\n');
            let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
            plain.writer.write_all(&line).map_err(AuditError::new)
        })
    }
}
