//! One event as a record of RFC 4180, safe to open in a spreadsheet.

use super::search::user_of;
use crate::AuditRecord;
use axess_events::Actor;
use serde_json::Value;

/// The columns of a CSV export, in order.
///
/// They do not change; what has no column of its own is in `fields`, as JSON.
pub const CSV_COLUMNS: [&str; 12] = [
    "event_id",
    "occurred_at",
    "tenant_id",
    "event_type",
    "user_id",
    "actor_kind",
    "actor_id",
    "client_ip",
    "user_agent",
    "request_id",
    "trace_id",
    "fields",
];

/// What a spreadsheet takes for the beginning of a formula, in every width.
const FORMULA: &[char] = &['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹢', '﹣', '﹦', '﹫', '−'];
/// What it takes for the beginning of another cell.
const CELL_BREAK: &[char] = &['\t', '\r', '\n'];

/// Writes the line of the columns' names.
pub(super) fn header(out: &mut String) {
    write_record(out, CSV_COLUMNS.map(str::to_owned));
}

/// Writes the last line, by which a whole export is told from one that was cut off.
pub(super) fn trailer(out: &mut String, events: u64, unreadable: u64) {
    let mut cells: [String; CSV_COLUMNS.len()] = Default::default();
    let [first, .., last] = &mut cells;
    *first = "END".to_owned();
    *last = match unreadable {
        0 => format!("{{\"events\":{events}}}"),
        missing => format!("{{\"events\":{events},\"unreadable\":{missing}}}"),
    };
    write_record(out, cells);
}

/// Writes one event.
pub(super) fn record(out: &mut String, record: &AuditRecord) {
    let envelope = &record.envelope;
    let user_id = user_of(record);
    let mut fields = envelope.payload.fields.clone();
    if user_id.is_some() {
        fields.remove("user_id");
    }
    // By name, whatever the order of the map is.
    fields.sort_keys();
    let (kind, id) = actor(envelope.actor.as_ref());
    let text =
        |text: &Option<axess_events::AuditText>| text.as_ref().map_or("", |text| text.as_str()).to_owned();
    write_record(
        out,
        [
            envelope.event_id.to_string(),
            envelope.occurred_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            envelope.tenant_id.map_or_else(String::new, |id| id.to_string()),
            envelope.payload.event_type.clone(),
            user_id.map_or_else(String::new, |id| id.to_string()),
            kind,
            id,
            envelope.client_ip.map_or_else(String::new, |ip| ip.to_string()),
            text(&envelope.user_agent),
            text(&envelope.request_id),
            text(&envelope.trace_id),
            if fields.is_empty() { "{}".to_owned() } else { Value::Object(fields).to_string() },
        ],
    );
}

fn actor(actor: Option<&Actor>) -> (String, String) {
    let (kind, id) = match actor {
        None => return Default::default(),
        Some(Actor::System) => ("system", String::new()),
        Some(Actor::User(id)) => ("user", id.to_string()),
        Some(Actor::Workload(id)) => ("workload", id.to_string()),
        Some(Actor::Operator(name)) => ("operator", name.as_str().to_owned()),
    };
    (kind.to_owned(), id)
}

fn write_record(out: &mut String, cells: [String; CSV_COLUMNS.len()]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_cell(out, cell);
    }
    out.push_str("\r\n");
}

/// Quotes every cell, so that none can end early, and puts `'` before one that a spreadsheet would run.
fn write_cell(out: &mut String, cell: &str) {
    out.push('"');
    if is_dangerous(cell) {
        out.push('\'');
    }
    for c in cell.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push('"');
}

/// Tells whether a cell could be taken for a formula: also behind what a reader may strip, as spaces, quotes and marks that
/// cannot be seen.
fn is_dangerous(cell: &str) -> bool {
    let stripped = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '\'' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    cell.starts_with(CELL_BREAK) || cell.trim_start_matches(stripped).starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut out = String::new();
        write_cell(&mut out, text);
        out
    }

    #[test]
    fn formulas_become_text() {
        for start in FORMULA {
            for before in ["", " ", "\t", "\r\n", "\u{a0}\u{3000}", "\"", "'\" ", "\u{feff}", "\u{200b}"] {
                let text = format!("{before}{start}SUM(1)");
                assert!(cell(&text).starts_with("\"'"), "{text:?}");
            }
        }
        assert!(cell("\tx").starts_with("\"'"));
        for harmless in ["", "x=1", "a@b", "2026-01-01", "{\"a\":\"=1\"}", "::1"] {
            assert_eq!(cell(harmless), format!("\"{}\"", harmless.replace('"', "\"\"")));
        }
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(cell("a\",\"=1+1"), "\"a\"\",\"\"=1+1\"");
    }
}
