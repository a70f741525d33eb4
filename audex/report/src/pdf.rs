//! A report on pages of A4.
//!
//! 1. `body` lays a report out from top to bottom: text is measured, lines and pages are broken, and nothing is drawn yet.
//! 2. What comes of it is a list of boxes and texts for each page, to which the feet are added once their number is known.
//! 3. `draw` hands them to krilla.

mod body;
mod chart;
mod draw;
mod letters;
mod sheets;
mod table;

use crate::Report;

/// Says why a report is no PDF.
///
/// ```
/// use audex_report::PdfFault;
/// assert_eq!(PdfFault::Font.to_string(), "a font that comes along cannot be read");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PdfFault {
    /// A font that comes along cannot be read.
    #[error("a font that comes along cannot be read")]
    Font,
    /// What was written is no PDF/A-2u.
    #[error("what was written does not pass as PDF/A-2u: {0}")]
    Refused(String),
}

/// Writes a report.
pub(crate) fn write(report: &Report) -> Result<Vec<u8>, PdfFault> {
    let letters = letters::Letters::new().ok_or(PdfFault::Font)?;
    let (pages, marks) = body::lay_out(report, &letters);
    draw::draw(report, &letters, &pages, &marks)
}
