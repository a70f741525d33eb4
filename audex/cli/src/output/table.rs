use super::shortened;
use std::fmt;

/// Lays out rows in columns.
///
/// Cells are made [printable](super::printable) and cut at the width of their column.
///
/// ```
/// use audex_cli::output::Table;
/// let mut table = Table::new([("ID", 8), ("COMMAND", 10)]);
/// table.row(["a1b2c3d4", "aws s3 cp a b"]);
/// assert_eq!(table.to_string(), "ID        COMMAND\na1b2c3d4  aws s3 cp…\n");
/// ```
#[derive(Debug)]
pub struct Table {
    table: comfy_table::Table,
    widths: Vec<usize>,
}

impl Table {
    /// Begins a table of columns, each with its heading and how many characters a cell may have.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let (headings, widths): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
        table.set_header(headings);
        Self { table, widths }
    }

    /// Adds a row.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells.into_iter().zip(&self.widths).map(|(cell, width)| shortened(cell.as_ref(), *width));
        self.table.add_row(cells.collect::<Vec<_>>());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.table.lines() {
            // The columns are padded on both sides; a line neither begins nor ends with blanks.
            writeln!(f, "{}", line.strip_prefix(' ').unwrap_or(&line).trim_end())?;
        }
        Ok(())
    }
}
