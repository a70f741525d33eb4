//! One event as a record of RFC 4180, safe to open in a spreadsheet.

use super::{AuditEntry, entry::written};
use serde_json::Value;

/// The columns, in order: they do not change.
const COLUMNS: [&str; 10] = [
    "timestamp",
    "event_type",
    "user",
    "action",
    "ttl",
    "provider",
    "status",
    "session_id",
    "event_id",
    "detail",
];

/// What a spreadsheet takes for the beginning of a formula, in every width.
const FORMULA: &[char] = &['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹢', '﹣', '﹦', '﹫', '−'];
/// What it takes for the beginning of another cell.
const CELL_BREAK: &[char] = &['\t', '\r', '\n'];

/// Writes the names of the columns.
pub(super) fn header(out: &mut String) {
    write(out, COLUMNS.map(str::to_owned));
}

/// Writes one event.
pub(super) fn record(out: &mut String, entry: &AuditEntry) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let detail = match entry.detail.is_empty() {
        true => String::new(),
        false => Value::Object(entry.detail.clone()).to_string(),
    };
    let cells = [
        written(entry.timestamp),
        entry.event_type.clone(),
        entry.user.clone(),
        text(&entry.action),
        text(&entry.ttl),
        text(&entry.provider),
        text(&entry.status),
        text(&entry.session_id),
        entry.event_id.clone(),
        detail,
    ];
    write(out, cells);
}

fn write(out: &mut String, cells: [String; COLUMNS.len()]) {
    for (at, cell) in cells.iter().enumerate() {
        out.push_str(if at == 0 { "\"" } else { ",\"" });
        // A reader shows it as text then, with the mark.
        if is_dangerous(cell) {
            out.push('\'');
        }
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    }
    out.push_str("\r\n");
}

/// Tells whether a cell could be taken for a formula: also behind what a reader may strip.
fn is_dangerous(cell: &str) -> bool {
    let is_stripped = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '\'' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    cell.starts_with(CELL_BREAK) || cell.trim_start_matches(is_stripped).starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(user: &str) -> String {
        let mut cells: [String; COLUMNS.len()] = Default::default();
        cells[2] = user.to_owned();
        let mut out = String::new();
        write(&mut out, cells);
        out
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for start in FORMULA {
            for before in ["", " ", "\t", "\r\n", "\u{a0}\u{3000}", "\"", "'\" ", "\u{feff}", "\u{200b}"] {
                let text = format!("{before}{start}cmd|' /C calc'!A0");
                assert!(cells(&text).starts_with("\"\",\"\",\"'"), "{text:?}");
            }
        }
        for harmless in ["alice@example.com", "s3:GetObject", "x=1"] {
            assert!(cells(harmless).contains(&format!("\"{harmless}\"")));
        }
        assert!(cells("a\",\"=1+1").contains("\"a\"\",\"\"=1+1\""));
    }
}
