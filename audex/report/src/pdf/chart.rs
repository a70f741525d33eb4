//! Bars: how many there are of each size.

use super::sheets::{ACCENT, INK, LINE, MARGIN, MEASURE, MUTED, Sheets, TINT, bold, regular};
use crate::Item;

/// How high the greatest bar is.
const TALLEST: f32 = 84.0;

/// How high a chart is, with its labels.
pub(super) const HEIGHT: f32 = TALLEST + 46.0;

/// Draws a bar for each number.
pub(super) fn draw(sheets: &mut Sheets<'_>, items: &[Item]) {
    let amounts = || items.iter().map(|item| item.value.amount.unwrap_or_default());
    let (greatest, all) = (amounts().max().unwrap_or_default(), amounts().sum::<u64>());
    let (top, floor) = (sheets.y + 18.0, sheets.y + 18.0 + TALLEST);
    for part in [0.0_f32, 0.5] {
        sheets.rect(MARGIN, top + TALLEST * part, MEASURE, 0.4, LINE);
    }
    let step = MEASURE / (items.len().max(1) as f32);
    for (at, item) in items.iter().enumerate() {
        let amount = item.value.amount.unwrap_or_default();
        let left = MARGIN + step * at as f32;
        let middle = left + step / 2.0;
        // Wherever there is one, there is something to see.
        let height = match amount {
            0 => 0.0,
            amount => (amount as f32 / greatest.max(1) as f32 * TALLEST).max(2.0),
        };
        let width = step * 0.62;
        sheets.rect(middle - width / 2.0, top, width, TALLEST, TINT);
        if height > 0.0 {
            sheets.rect(middle - width / 2.0, floor - height, width, height, ACCENT);
        }
        let ink = if amount == 0 { regular(8.0, MUTED) } else { bold(8.5, INK) };
        sheets.text_around(middle, (floor - height - 4.0).max(top - 5.0), &item.value.to_string(), ink);
        sheets.text_around(middle, floor + 12.0, item.label, regular(8.0, MUTED));
    }
    sheets.rect(MARGIN, floor, MEASURE, 0.8, MUTED);
    if all == 0 {
        sheets.text_around(
            MARGIN + MEASURE / 2.0,
            top + TALLEST * 0.55,
            "none in this period",
            regular(9.0, MUTED),
        );
    }
    sheets.y += HEIGHT;
}
