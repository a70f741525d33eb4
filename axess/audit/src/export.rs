//! Searching the trail, and streams of it as CSV, JSON and NDJSON.
//!
//! [`AuditSearch`] says what is looked for. [`AuditSearch::page`] answers with pages; [`export_csv`], [`export_json`] and
//! [`export_ndjson`] answer with streams that hold one page at a time, over an `AuditStore` ([`AuditSearch::over_store`]) or
//! over the log itself ([`AuditSearch::over_log`]).
//!
//! A stream that fails yields an `Err` and ends; one that was cut off on its way can be told by its missing end. An event that
//! cannot be read is an `Err` as well ([`ExportError::Unreadable`]): who polls the stream on gets what follows, and a CSV or
//! NDJSON end that counts those that are missing (`"unreadable":N`, and `"complete":false`). A page lists them beside its
//! events.
//!
//!
//! | Format | Its last line |
//! |---|---|
//! | CSV | a record whose first column is `END` and whose last is `{"events":N}` |
//! | JSON | `]` |
//! | NDJSON | `{"export":{"complete":true,"events":N}}` |

mod body;
mod csv;
mod page;
mod search;
mod source;
mod stream;

pub(crate) use body::record_of;
pub use csv::CSV_COLUMNS;
pub use page::{AuditPage, InvalidPageToken, MAX_PAGE, MAX_SCANNED, PageToken};
pub use search::AuditSearch;
pub use source::{EventSource, LogSource, StoreSource};
pub use stream::{export_csv, export_json, export_ndjson};

use axess_core::store::StoreError;
use axess_identity::EventId;

/// Says why a search or an export did not get to its end.
///
/// ```
/// use axess_audit::export::ExportError;
/// use axess_identity::EventId;
/// let error = ExportError::Unreadable { event_id: EventId::from_parts(0, [1; 10]), source: "not JSON".into() };
/// assert!(error.to_string().starts_with("event 00000000-0000-7"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store failed.
    #[error("the events could not be read from the store")]
    Store(#[source] StoreError),
    /// The log failed.
    #[error("the events could not be read from the log")]
    Log(#[source] crate::log::LogError),
    /// What the store keeps of an event is not an event.
    #[error("event {event_id} cannot be read")]
    Unreadable {
        /// The event.
        event_id: EventId,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The page token is not one of this search.
    #[error("the page token cannot be used")]
    Token(#[source] InvalidPageToken),
    /// The runtime is shutting down.
    #[error("the reader was stopped")]
    Stopped,
}
