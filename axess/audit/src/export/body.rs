//! What stores and archives keep of an event: the log's line, or the event alone.

use crate::{AuditRecord, chain::Entry};
use bytes::Bytes;

/// How every line of a log begins; no event does.
const LINE_START: &[u8] = b"{\"v\":";

/// Says why a body is no event.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadableBody {
    /// It is not a line of a log.
    #[error("the line of the log cannot be read")]
    Line(#[source] crate::chain::LineError),
    /// It is not an event.
    #[error("the event cannot be read")]
    Event(#[source] serde_json::Error),
}

/// Reads what is kept of an event.
pub(crate) fn record_of(body: &Bytes) -> Result<AuditRecord, UnreadableBody> {
    let body = body.slice(..body.trim_ascii_end().len());
    if !body.starts_with(LINE_START) {
        let body = if body.contains(&b'\n') { on_one_line(&body)? } else { body };
        return AuditRecord::from_event(body).map_err(UnreadableBody::Event);
    }
    let entry = Entry::parse(&body).map_err(UnreadableBody::Line)?;
    let event = body.slice_ref(entry.event());
    let record = AuditRecord::from_event(event).map_err(UnreadableBody::Event)?;
    Ok(AuditRecord { line: Some(body.clone()), ..record })
}

fn on_one_line(event: &[u8]) -> Result<Bytes, UnreadableBody> {
    let value: serde_json::Value = serde_json::from_slice(event).map_err(UnreadableBody::Event)?;
    Ok(value.to_string().into())
}
