use super::{ExportError, csv, source::EventSource};
use crate::AuditRecord;
use bytes::Bytes;
use futures_util::{Stream, stream};
use std::fmt::Write;

/// Streams events as CSV.
///
/// That is RFC 4180, in UTF-8 without a byte order mark, with CRLF: the columns of [`CSV_COLUMNS`](super::CSV_COLUMNS), one
/// record for each event, and the record `END`.
///
/// Every cell is quoted. One that a spreadsheet could take for a formula begins with `'`; where the exact text matters, use
/// [`export_ndjson`].
///
/// ```
/// use axess_audit::export::{AuditSearch, export_csv};
/// use axess_core::{memory::MemoryAuditStore, store::AuditScope};
/// use futures_util::TryStreamExt;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let source = AuditSearch::new(AuditScope::System).over_store(MemoryAuditStore::new());
/// let chunks: Vec<_> = export_csv(source).try_collect().await.unwrap();
/// assert!(chunks.concat().starts_with(b"\"event_id\",\"occurred_at\","));
/// # });
/// ```
pub fn export_csv(source: impl EventSource) -> impl Stream<Item = Result<Bytes, ExportError>> + Send {
    export(source, Format::Csv)
}

/// Streams events as one JSON array, each event on a line of its own.
///
/// ```
/// use axess_audit::export::{AuditSearch, export_json};
/// use axess_core::{memory::MemoryAuditStore, store::AuditScope};
/// use futures_util::TryStreamExt;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let source = AuditSearch::new(AuditScope::System).over_store(MemoryAuditStore::new());
/// let chunks: Vec<_> = export_json(source).try_collect().await.unwrap();
/// assert_eq!(chunks.concat(), b"[\n]\n");
/// # });
/// ```
pub fn export_json(source: impl EventSource) -> impl Stream<Item = Result<Bytes, ExportError>> + Send {
    export(source, Format::Json)
}

/// Streams events as one JSON object a line, byte for byte as they were recorded, and a last line that counts them.
///
/// ```
/// use axess_audit::export::{AuditSearch, export_ndjson};
/// use axess_core::{memory::MemoryAuditStore, store::AuditScope};
/// use futures_util::TryStreamExt;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let source = AuditSearch::new(AuditScope::System).over_store(MemoryAuditStore::new());
/// let chunks: Vec<_> = export_ndjson(source).try_collect().await.unwrap();
/// assert_eq!(chunks.concat(), b"{\"export\":{\"complete\":true,\"events\":0}}\n");
/// # });
/// ```
pub fn export_ndjson(source: impl EventSource) -> impl Stream<Item = Result<Bytes, ExportError>> + Send {
    export(source, Format::Ndjson)
}

#[derive(Clone, Copy)]
enum Format {
    Csv,
    Json,
    Ndjson,
}

struct Export<S> {
    source: S,
    format: Format,
    events: u64,
    unreadable: u64,
    /// What comes before the first event and is not sent yet.
    begun: bool,
    ended: bool,
}

fn export<S: EventSource>(
    source: S,
    format: Format,
) -> impl Stream<Item = Result<Bytes, ExportError>> + Send {
    let export = Export { source, format, events: 0, unreadable: 0, begun: false, ended: false };
    stream::unfold(Some(export), |export| async move {
        let mut export = export?;
        match export.chunk().await {
            Ok(chunk) => chunk.map(|chunk| (Ok(chunk), Some(export))),
            Err(error @ ExportError::Unreadable { .. }) => {
                export.unreadable += 1;
                Some((Err(error), Some(export)))
            }
            Err(error) => Some((Err(error), None)),
        }
    })
}

impl<S: EventSource> Export<S> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, ExportError> {
        loop {
            if self.ended {
                return Ok(None);
            }
            let mut out = String::new();
            if !self.begun {
                self.begun = true;
                self.header(&mut out);
            } else if let Some(page) = self.source.page().await? {
                for record in &page {
                    self.event(&mut out, record);
                    self.events += 1;
                }
            } else {
                self.ended = true;
                self.trailer(&mut out);
            }
            if !out.is_empty() {
                return Ok(Some(out.into()));
            }
        }
    }

    fn header(&self, out: &mut String) {
        match self.format {
            Format::Csv => csv::header(out),
            Format::Json => out.push('['),
            Format::Ndjson => {}
        }
    }

    fn event(&self, out: &mut String, record: &AuditRecord) {
        // Canonical JSON is UTF-8 on one line.
        let json = || String::from_utf8_lossy(&record.event);
        match self.format {
            Format::Csv => csv::record(out, record),
            Format::Json => {
                out.push_str(if self.events == 0 { "\n" } else { ",\n" });
                out.push_str(&json());
            }
            Format::Ndjson => {
                out.push_str(&json());
                out.push('\n');
            }
        }
    }

    fn trailer(&self, out: &mut String) {
        match self.format {
            Format::Csv => csv::trailer(out, self.events, self.unreadable),
            Format::Json => out.push_str("\n]\n"),
            Format::Ndjson => {
                let missing = match self.unreadable {
                    0 => String::new(),
                    missing => format!(",\"unreadable\":{missing}"),
                };
                let (complete, events) = (self.unreadable == 0, self.events);
                // Writing to a string cannot fail.
                _ = writeln!(out, "{{\"export\":{{\"complete\":{complete},\"events\":{events}{missing}}}}}");
            }
        }
    }
}
