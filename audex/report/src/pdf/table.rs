//! The greatest of many, with a bar behind each.

use super::sheets::{INK, LINE, MARGIN, MEASURE, MUTED, Sheets, TINT, bold, regular};
use crate::Column;

const ROW: f32 = 16.5;

/// How wide a column of numbers is.
const NUMBERS: f32 = 74.0;

/// How high the head and the first rows are, which stay together.
pub(super) const LEAST: f32 = 4.0 * ROW;

/// What a table shows.
pub(super) struct Table<'a> {
    pub(super) columns: &'a [Column],
    pub(super) rows: &'a [(String, Vec<u64>)],
    pub(super) more: u64,
    pub(super) rest: &'a [u64],
    pub(super) is_exact: bool,
}

impl Table<'_> {
    pub(super) fn draw(&self, sheets: &mut Sheets<'_>) {
        self.head(sheets);
        if self.rows.is_empty() {
            sheets.text(MARGIN + 6.0, sheets.y + 11.5, "none in this period", regular(9.0, MUTED));
            sheets.y += ROW;
        }
        let greatest = self.rows.iter().map(|(_, counts)| counts.iter().sum::<u64>()).max().unwrap_or(1);
        for (name, counts) in self.rows {
            if sheets.need(ROW) {
                self.head(sheets);
            }
            let share = counts.iter().sum::<u64>() as f32 / greatest.max(1) as f32;
            sheets.rounded(MARGIN, sheets.y + 1.5, (self.names() * share).max(1.5), ROW - 3.0, 1.5, TINT);
            sheets.text_within(MARGIN + 6.0, sheets.y + 11.5, name, regular(9.0, INK), self.names() - 12.0);
            self.numbers(sheets, counts, true);
            self.line(sheets);
        }
        if self.more > 0 {
            if sheets.need(ROW) {
                self.head(sheets);
            }
            let least = if self.is_exact { "" } else { "at least " };
            let text = format!("and {least}{} more", self.more);
            sheets.text(MARGIN + 6.0, sheets.y + 11.5, &text, regular(9.0, MUTED));
            self.numbers(sheets, self.rest, false);
            self.line(sheets);
        }
        sheets.y += 4.0;
    }

    fn head(&self, sheets: &mut Sheets<'_>) {
        for (at, column) in self.columns.iter().enumerate() {
            let y = sheets.y + 10.0;
            match at {
                0 => sheets.text(MARGIN + 6.0, y, column, regular(8.0, MUTED)),
                at => sheets.text_up_to(self.right_of(at), y, column, regular(8.0, MUTED)),
            }
        }
        sheets.rect(MARGIN, sheets.y + 14.5, MEASURE, 0.8, MUTED);
        sheets.y += 16.0;
    }

    fn numbers(&self, sheets: &mut Sheets<'_>, counts: &[u64], is_row: bool) {
        for (at, count) in counts.iter().enumerate() {
            let text = crate::Value { amount: Some(*count), unit: crate::Unit::Count }.to_string();
            let ink = if is_row && *count > 0 { bold(9.0, INK) } else { regular(9.0, MUTED) };
            sheets.text_up_to(self.right_of(at + 1), sheets.y + 11.5, &text, ink);
        }
    }

    fn line(&self, sheets: &mut Sheets<'_>) {
        sheets.y += ROW;
        sheets.rect(MARGIN, sheets.y - 0.2, MEASURE, 0.4, LINE);
    }

    /// Returns how wide the names are.
    fn names(&self) -> f32 {
        MEASURE - NUMBERS * (self.columns.len().saturating_sub(1)) as f32
    }

    fn right_of(&self, column: usize) -> f32 {
        MARGIN + self.names() + NUMBERS * column as f32 - 6.0
    }
}
