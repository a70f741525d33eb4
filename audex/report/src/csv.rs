//! A report as records of RFC 4180, safe to open in a spreadsheet.

use crate::{Figure, Report, Shape, Unit, printable::escaped};
use chrono::SecondsFormat;

/// The columns, in order: they do not change.
const COLUMNS: [&str; 7] = ["section", "figure", "controls", "name", "column", "value", "unit"];

/// What a spreadsheet takes for the beginning of a formula, in every width.
const FORMULA: &[char] = &['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹢', '﹣', '﹦', '﹫', '−'];

/// Writes a report.
pub(crate) fn write(report: &Report) -> String {
    let mut out = String::new();
    record(&mut out, COLUMNS.map(str::to_owned));
    about(&mut out, report);
    for section in &report.sections {
        for figure in &section.figures {
            write_figure(&mut out, section.id, figure);
        }
    }
    out
}

/// Writes what the report is of.
fn about(out: &mut String, report: &Report) {
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let mut say = |name: &str, column: &str, value: String, unit: &str| {
        let texts = ["report", "about", "", name, column].map(str::to_owned);
        let [section, figure, controls, name, column] = texts;
        record(out, [section, figure, controls, name, column, value, unit.to_owned()]);
    };
    say("standard", "", report.standard.name().to_owned(), "");
    say("subject", "", report.subject.clone(), "");
    say("from", "", time(report.period.from), "time");
    say("to", "", time(report.period.to), "time");
    say("generated_at", "", time(report.generated_at), "time");
    say("events", "", report.evidence.events.to_string(), "count");
    if let Some(log) = &report.evidence.head.log {
        say("log", "", log.clone(), "");
    }
    for chain in &report.evidence.head.chains {
        say("chain", &chain.chain, chain.sequence.to_string(), "sequence");
        say("chain", &chain.chain, chain.hash.clone(), "hash");
    }
}

fn write_figure(out: &mut String, section: &str, figure: &Figure) {
    let controls = figure.controls.join(" ");
    let mut say = |name: &str, column: &str, value: Option<u64>, unit: Unit| {
        let value = value.map(|value| value.to_string()).unwrap_or_default();
        let [section, id, name, column] = [section, figure.id, name, column].map(str::to_owned);
        record(out, [section, id, controls.clone(), name, column, value, unit.name().to_owned()]);
    };
    match &figure.shape {
        Shape::Numbers { items } | Shape::Distribution { items } => {
            items.iter().for_each(|item| say(item.label, "", item.value.amount, item.value.unit));
        }
        Shape::Table { columns, rows, more, rest, is_exact } => {
            let numbers = || columns.iter().skip(1);
            for (name, counts) in rows {
                numbers()
                    .zip(counts)
                    .for_each(|(column, count)| say(name, column, Some(*count), Unit::Count));
            }
            if *more > 0 {
                let names =
                    if *is_exact { format!("({more} more)") } else { format!("(at least {more} more)") };
                numbers()
                    .zip(rest)
                    .for_each(|(column, count)| say(&names, column, Some(*count), Unit::Count));
            }
        }
    }
}

fn record(out: &mut String, cells: [String; COLUMNS.len()]) {
    for (at, cell) in cells.iter().enumerate() {
        out.push_str(if at == 0 { "\"" } else { ",\"" });
        let cell = escaped(cell, is_unseen);
        // A reader shows it as text then, with the mark.
        if is_formula(&cell) {
            out.push('\'');
        }
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    }
    out.push_str("\r\n");
}

/// Tells whether a character would break a line or a cell, or turn the text around it.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Tells whether a cell could be taken for a formula: also behind what a reader may strip.
fn is_formula(cell: &str) -> bool {
    let is_stripped = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    cell.trim_start_matches(is_stripped).starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        let mut cells: [String; COLUMNS.len()] = Default::default();
        for (name, written) in [
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            (" \"@SUM(1)", "\"' \"\"@SUM(1)\""),
            ("\t=1", "\"\\u{9}=1\""),
            ("a\",\"=1\r\n", "\"a\"\",\"\"=1\\u{d}\\u{a}\""),
            ("\u{202e}=1", "\"\\u{202e}=1\""),
            ("alice@example.com", "\"alice@example.com\""),
        ] {
            cells[3] = name.to_owned();
            let mut out = String::new();
            record(&mut out, cells.clone());
            assert_eq!(out, format!("\"\",\"\",\"\",{written},\"\",\"\",\"\"\r\n"));
        }
    }
}
