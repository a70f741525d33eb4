//! Where events go: one interface, and the sinks that are shipped.
//!
//! | Sink | Feature | Twice? | `Ok` means |
//! |---|---|---|---|
//! | [`JsonlSink`] | | no: it knows the last 65 536 events of its files | written and flushed to disk |
//! | [`StoreSink`] | | no: the store keeps an event once | committed |
//! | [`ArchiveSink`] | | no: an archive keeps an event once | durable in the archive |
//! | `S3Sink` | `s3` | the same batch overwrites itself | the store answered 200 |
//! | `WebhookSink` | `webhook` | after a lost answer; `Idempotency-Key` and `event_id` tell | the receiver answered 2xx |
//! | `SyslogSink` | `syslog` | after a broken connection; `event` tells | handed to the network: syslog has no answer |
mod archive;
mod jsonl;
mod store;

#[cfg(any(feature = "s3", feature = "webhook"))]
mod http;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "syslog")]
mod syslog;
#[cfg(feature = "webhook")]
mod webhook;

pub use archive::ArchiveSink;
pub use jsonl::{JsonlConfig, JsonlError, JsonlSink};
pub use store::StoreSink;

#[cfg(any(feature = "s3", feature = "webhook"))]
pub use http::HttpConfigError;
#[cfg(feature = "s3")]
pub use s3::{S3Config, S3Credentials, S3Error, S3LockMode, S3Retention, S3Sink, S3Style};
#[cfg(feature = "syslog")]
pub use syslog::{
    SyslogConfig, SyslogConfigError, SyslogFacility, SyslogSeverity, SyslogSink, SyslogTls, SyslogTransport,
};
#[cfg(feature = "webhook")]
pub use webhook::{MAX_WEBHOOK_KEYS, WebhookConfig, WebhookSignature, WebhookSignatureError, WebhookSink};

use crate::AuditRecord;
use std::{error::Error, pin::Pin, time::Duration};

/// The most bytes of a sink's name.
const MAX_NAME: usize = 64;

/// The outcome of a delivery, to be awaited.
///
/// ```
/// use axess_audit::sink::{SinkError, SinkFuture};
/// let done: SinkFuture<'static> = Box::pin(async { Ok::<(), SinkError>(()) });
/// # drop(done);
/// ```
pub type SinkFuture<'a> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>>;

/// Takes events to one place.
///
/// A batch holds events in the order of their chains. The same batch, or a part of it, may be delivered again after a
/// crash or a failure: where the receiver can tell, a sink is idempotent by event id. `Ok` means that every event of the
/// batch is safe with the receiver.
///
/// ```
/// use axess_audit::{AuditRecord, sink::{EventSink, SinkFuture}};
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// #[derive(Default)]
/// struct Counter(AtomicUsize);
/// impl EventSink for Counter {
///     fn name(&self) -> &str {
///         "counter"
///     }
///     fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
///         self.0.fetch_add(batch.len(), Ordering::Relaxed);
///         Box::pin(async { Ok(()) })
///     }
/// }
/// assert_eq!(Counter::default().name(), "counter");
/// ```
pub trait EventSink: Send + Sync + 'static {
    /// Returns the name of the sink: of its cursor, its metrics and its dead letters.
    ///
    /// It is unique within a pipe and has 1 to 64 of `a-z`, `0-9` and `-`.
    fn name(&self) -> &str;

    /// Delivers a batch.
    ///
    /// # Errors
    ///
    /// [`SinkError`]; dropping the future leaves open how much of the batch has arrived.
    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a>;
}

/// Says what to do with a batch that was not delivered whole.
///
/// ```
/// use axess_audit::sink::SinkError;
/// let error = SinkError::Refused { index: 0, reason: "larger than 64 KiB".into() };
/// assert_eq!(error.to_string(), "the sink refuses event 0 of the batch: larger than 64 KiB");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Nothing is wrong with the events: deliver the same batch again later.
    #[error("the sink cannot take events now")]
    Retry {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
        /// How long the receiver asked to be left alone, if it did.
        after: Option<Duration>,
    },
    /// This event will never be taken. Those before it were delivered, those after it were not.
    #[error("the sink refuses event {index} of the batch: {reason}")]
    Refused {
        /// The place of the event in the batch, from 0.
        index: usize,
        /// Why, without secrets.
        reason: String,
    },
}

impl SinkError {
    /// Makes an error after which the batch is delivered again.
    #[must_use]
    pub fn retry(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Retry { source: source.into(), after: None }
    }
}

/// Refuses a name that cannot be the name of a sink.
fn check_name(name: &str) -> Result<(), &'static str> {
    let is_fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_fine) {
        return Err("the name of a sink has 1 to 64 of a-z, 0-9 and -");
    }
    Ok(())
}

/// Returns the place of the first event that is not one line, and therefore cannot stand in a file of lines.
fn first_broken_line(batch: &[AuditRecord]) -> Option<usize> {
    batch.iter().position(|record| record.body().contains(&b'\n'))
}

const BROKEN_LINE: &str = "the event holds a line feed";
