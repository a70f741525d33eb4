use crate::{chain::CanonicalError, log::LogError};
use axess_core::{audit::AuditError, store::StoreError};
use std::{io, path::PathBuf, time::Duration};

/// How long a caller who was refused because the buffer is full is asked to wait.
pub const RETRY_WHEN_FULL: Duration = Duration::from_secs(5);

/// Says why an event was not taken, or why the pipe cannot do something.
///
/// ```
/// use axess_audit::pipe::PipeError;
/// use axess_core::audit::AuditError;
/// let refused = AuditError::from(PipeError::Closed);
/// assert!(refused.retry_after().is_some(), "a full buffer is a matter of time: 503, not 500");
/// assert!(AuditError::from(PipeError::ShutDown).retry_after().is_none());
/// ```
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    /// The configuration contradicts itself.
    #[error("the audit pipe is configured wrongly: {0}")]
    Config(String),
    /// Another pipe uses this folder.
    #[error("another audit pipe uses {}", .0.display())]
    InUse(PathBuf),
    /// No room was made within the time the configuration allows.
    #[error("the audit buffer is full")]
    Full,
    /// Nothing new is begun until the buffer has drained.
    #[error("nothing new begins until the audit buffer has drained")]
    Closed,
    /// The pipe takes no more events.
    #[error("the audit pipe is shut down")]
    ShutDown,
    /// The event cannot be written down.
    #[error("the event cannot be written down")]
    Event(#[source] CanonicalError),
    /// Bytes that should be an event are none.
    #[error("these bytes are not an event")]
    NotAnEvent(#[source] serde_json::Error),
    /// The log failed.
    #[error("the audit log failed")]
    Log(#[source] LogError),
    /// The outbox failed.
    #[error("the audit outbox failed")]
    Outbox(#[source] StoreError),
    /// A file of the pipe cannot be used.
    #[error("cannot use {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The dead letters of a sink take as much room as they may.
    #[error("the dead letters of {0} take as much room as they may")]
    DeadLettersFull(String),
    /// The pipe has no such sink.
    #[error("the audit pipe has no sink called {0}")]
    UnknownSink(String),
    /// Another process delivers the events of this log.
    #[error("another process delivers the events of this log")]
    NotDispatching,
}

impl PipeError {
    /// Names the file of an I/O error.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

impl From<PipeError> for AuditError {
    fn from(error: PipeError) -> Self {
        match error {
            PipeError::Full | PipeError::Closed => Self::full(RETRY_WHEN_FULL),
            other => Self::new(other),
        }
    }
}
