//! A report from top to bottom.

use super::{
    chart,
    letters::Letters,
    sheets::{
        ACCENT, Bookmark, HAZE, HEIGHT, INK, Ink, LINE, MARGIN, MEASURE, MUTED, Mark, NIGHT, PALE, Sheets,
        TINT, WHITE, WIDTH, bold, regular,
    },
    table::{self, Table},
};
use crate::{Figure, Item, Report, Section, Shape, Unit, Value};
use chrono::{DateTime, Utc};

/// How many chains are named on paper; JSON names all.
const CHAINS: usize = 4;

/// Lays a report out; returns the pages, and where the sections begin.
pub(super) fn lay_out(report: &Report, letters: &Letters) -> (Vec<Vec<Mark>>, Vec<Bookmark>) {
    let mut sheets = Sheets::new(letters);
    cover(&mut sheets, report);
    sheets.begin_page();
    for section in &report.sections {
        write_section(&mut sheets, section);
    }
    notes(&mut sheets, report);
    feet(&mut sheets, report);
    (sheets.pages, sheets.bookmarks)
}

fn cover(sheets: &mut Sheets<'_>, report: &Report) {
    const BAND: f32 = 172.0;
    sheets.bookmark("Summary");
    sheets.rect(0.0, 0.0, WIDTH, BAND, NIGHT);
    sheets.rect(0.0, BAND, WIDTH, 3.0, ACCENT);
    sheets.text(MARGIN, 56.0, "audex", bold(11.0, HAZE));
    sheets.text(MARGIN, 96.0, &report.title, bold(28.0, WHITE));
    let period = format!("{}  –  {}", moment(report.period.from), moment(report.period.to));
    sheets.text(MARGIN, 121.0, &period, regular(11.0, WHITE));
    let made = format!("{}  ·  made {}", report.subject, moment(report.generated_at));
    sheets.text_within(MARGIN, 143.0, &made, regular(9.0, HAZE), MEASURE);
    sheets.y = BAND + 24.0;
    cards(sheets, report);
    evidence(sheets, report);
    controls(sheets, report);
}

/// Shows the most important numbers.
fn cards(sheets: &mut Sheets<'_>, report: &Report) {
    const PICKED: [(&str, usize, &str); 4] = [
        ("sessions", 0, "sessions begun"),
        ("approval_outcomes", 1, "approvals granted"),
        ("denials", 0, "requests denied by rules"),
        ("budgets", 1, "of budgets kept"),
    ];
    const GAP: f32 = 10.0;
    let width = (MEASURE - 3.0 * GAP) / 4.0;
    for (at, (id, place, label)) in PICKED.iter().enumerate() {
        let figures = || report.sections.iter().flat_map(|section| &section.figures);
        let value = figures().find(|figure| figure.id == *id).and_then(|figure| match &figure.shape {
            Shape::Numbers { items } => items.get(*place).map(|item| item.value),
            _ => None,
        });
        let x = MARGIN + (width + GAP) * at as f32;
        let (y, value) = (sheets.y, value.unwrap_or(Value { amount: None, unit: Unit::Count }));
        sheets.rounded(x, y, width, 62.0, 5.0, PALE);
        sheets.rounded(x, y, 3.0, 62.0, 1.5, ACCENT);
        sheets.text_within(x + 14.0, y + 31.0, &value.to_string(), bold(21.0, INK), width - 22.0);
        sheets.text_within(x + 14.0, y + 48.0, label, regular(8.5, MUTED), width - 20.0);
    }
    sheets.y += 62.0 + 26.0;
}

/// Says what the report was computed from.
fn evidence(sheets: &mut Sheets<'_>, report: &Report) {
    heading(sheets, "Computed from the audit log");
    let evidence = &report.evidence;
    let span = match (evidence.first, evidence.last) {
        (Some(first), Some(last)) => format!("{}  –  {}", moment(first), moment(last)),
        _ => "nothing happened in the period".to_owned(),
    };
    let events = Value { amount: Some(evidence.events), unit: Unit::Count };
    let mut rows = vec![("Events", format!("{events}   ({span})"))];
    rows.extend(evidence.head.log.iter().map(|log| ("Log", log.clone())));
    for (label, value) in rows {
        sheets.text(MARGIN, sheets.y + 10.0, label, regular(8.5, MUTED));
        sheets.text_within(MARGIN + 78.0, sheets.y + 10.0, &value, regular(8.5, INK), MEASURE - 78.0);
        sheets.y += 15.0;
    }
    for chain in evidence.head.chains.iter().take(CHAINS) {
        let place = format!("chain {}, entry {}", chain.chain, chain.sequence);
        sheets.text(MARGIN, sheets.y + 10.0, "Chain head", regular(8.5, MUTED));
        sheets.text_within(MARGIN + 78.0, sheets.y + 10.0, &chain.hash, bold(8.5, INK), MEASURE - 78.0);
        sheets.text_within(MARGIN + 78.0, sheets.y + 21.0, &place, regular(7.5, MUTED), MEASURE - 78.0);
        sheets.y += 26.0;
    }
    let more = evidence.head.chains.len().saturating_sub(CHAINS);
    if more > 0 {
        let text = format!("and {more} more chains, which the JSON form of this report names");
        sheets.text(MARGIN + 78.0, sheets.y + 10.0, &text, regular(8.5, MUTED));
        sheets.y += 15.0;
    }
    sheets.y += 14.0;
}

/// Lists the controls, each with the sections whose figures support it.
fn controls(sheets: &mut Sheets<'_>, report: &Report) {
    heading(sheets, "Controls that the figures support");
    sheets.text_up_to(WIDTH - MARGIN, sheets.y - 13.0, report.standard.catalogue(), regular(8.0, MUTED));
    for control in &report.controls {
        sheets.need(24.0);
        let supports =
            |section: &&Section| section.figures.iter().any(|figure| figure.controls.contains(&control.id));
        let titles: Vec<&str> =
            report.sections.iter().filter(supports).map(|section| section.title).collect();
        sheets.text(MARGIN, sheets.y + 10.0, control.id, bold(8.5, ACCENT));
        sheets.text(MARGIN + 44.0, sheets.y + 10.0, control.title, bold(8.5, INK));
        let titles = titles.join(" · ");
        sheets.text_within(MARGIN + 44.0, sheets.y + 20.0, &titles, regular(7.5, MUTED), MEASURE - 44.0);
        sheets.y += 24.0;
        sheets.rect(MARGIN, sheets.y - 1.0, MEASURE, 0.4, LINE);
    }
}

fn write_section(sheets: &mut Sheets<'_>, section: &Section) {
    sheets.need(190.0);
    if sheets.pages.last().is_some_and(|page| !page.is_empty()) {
        sheets.y += 16.0;
    }
    sheets.bookmark(section.title);
    sheets.rounded(MARGIN, sheets.y + 1.0, 4.0, 18.0, 1.5, ACCENT);
    sheets.text(MARGIN + 13.0, sheets.y + 16.0, section.title, bold(17.0, INK));
    sheets.y += 25.0;
    sheets.paragraph(MARGIN + 13.0, section.about, regular(9.0, MUTED), MEASURE - 13.0);
    sheets.y += 14.0;
    for figure in &section.figures {
        write_figure(sheets, figure);
    }
}

fn write_figure(sheets: &mut Sheets<'_>, figure: &Figure) {
    let least = match &figure.shape {
        Shape::Numbers { items } => items.len().div_ceil(columns(items.len())) as f32 * CELL,
        Shape::Distribution { .. } => chart::HEIGHT,
        Shape::Table { rows, .. } if rows.len() > 3 => table::LEAST,
        Shape::Table { .. } => table::LEAST + 18.0,
    };
    sheets.need(least + 40.0);
    let mut right = WIDTH - MARGIN;
    for control in figure.controls.iter().rev() {
        let width = sheets.width(control, bold(7.5, ACCENT)) + 10.0;
        sheets.rounded(right - width, sheets.y, width, 13.0, 6.5, TINT);
        sheets.text(right - width + 5.0, sheets.y + 9.2, control, bold(7.5, ACCENT));
        right -= width + 4.0;
    }
    sheets.text_within(MARGIN, sheets.y + 10.0, figure.title, bold(10.5, INK), right - MARGIN - 10.0);
    sheets.y += 19.0;
    match &figure.shape {
        Shape::Numbers { items } => numbers(sheets, items),
        Shape::Distribution { items } => chart::draw(sheets, items),
        Shape::Table { columns, rows, more, rest, is_exact } => {
            Table { columns, rows, more: *more, rest, is_exact: *is_exact }.draw(sheets);
        }
    }
    if let Some(note) = figure.note {
        sheets.y -= 2.0;
        sheets.paragraph(MARGIN, note, regular(8.0, MUTED), MEASURE);
    }
    sheets.y += 16.0;
}

/// How high a number and its label are.
const CELL: f32 = 42.0;

/// How many numbers are beside each other.
const fn columns(count: usize) -> usize {
    match count {
        0 => 1,
        1..=5 => count,
        6 => 3,
        _ => 4,
    }
}

fn numbers(sheets: &mut Sheets<'_>, items: &[Item]) {
    let columns = columns(items.len());
    let width = MEASURE / columns as f32;
    for row in items.chunks(columns) {
        for (at, item) in row.iter().enumerate() {
            let x = MARGIN + width * at as f32;
            if at > 0 {
                sheets.rect(x - 8.0, sheets.y + 3.0, 0.6, CELL - 12.0, LINE);
            }
            let ink: Ink = bold(15.0, if item.value.amount.is_some() { INK } else { MUTED });
            sheets.text_within(x, sheets.y + 16.0, &item.value.to_string(), ink, width - 14.0);
            let label = sheets.letters.lines(item.label, regular(8.0, MUTED).weight, 8.0, width - 14.0);
            for (line, text) in label.iter().take(2).enumerate() {
                sheets.text(x, sheets.y + 27.0 + 9.5 * line as f32, text, regular(8.0, MUTED));
            }
        }
        sheets.y += CELL;
    }
}

fn notes(sheets: &mut Sheets<'_>, report: &Report) {
    sheets.need(170.0);
    sheets.y += 10.0;
    sheets.bookmark("How to read this report");
    heading(sheets, "How to read this report");
    for (at, note) in report.notes.iter().enumerate() {
        sheets.need(26.0);
        sheets.text(MARGIN, sheets.y + 9.2, &format!("{}.", at + 1), bold(8.5, ACCENT));
        sheets.paragraph(MARGIN + 16.0, note, regular(8.5, INK), MEASURE - 16.0);
        sheets.y += 4.0;
    }
}

fn heading(sheets: &mut Sheets<'_>, text: &str) {
    sheets.text(MARGIN, sheets.y + 10.0, text, bold(12.0, INK));
    sheets.rect(MARGIN, sheets.y + 17.0, MEASURE, 0.8, LINE);
    sheets.y += 24.0;
}

/// Adds the foot of each page, now that it is known how many there are.
fn feet(sheets: &mut Sheets<'_>, report: &Report) {
    let pages = std::mem::take(&mut sheets.pages);
    let count = pages.len();
    for (at, page) in pages.into_iter().enumerate() {
        sheets.pages.push(page);
        let y = HEIGHT - 34.0;
        sheets.rect(MARGIN, y - 12.0, MEASURE, 0.5, LINE);
        let text = format!("{}  ·  {}", report.title, report.subject);
        sheets.text_within(MARGIN, y, &text, regular(7.5, MUTED), MEASURE - 80.0);
        sheets.text_up_to(WIDTH - MARGIN, y, &format!("page {} of {count}", at + 1), regular(7.5, MUTED));
    }
}

/// Writes a time to the minute.
fn moment(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y, %H:%M UTC").to_string()
}
