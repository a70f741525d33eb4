mod compose;
mod value;

pub use value::{Unit, Value};

use crate::{Control, Standard, Tally};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// From when until when: the end is not part of it.
///
/// ```
/// use chrono::{DateTime, TimeDelta};
/// let from = DateTime::UNIX_EPOCH;
/// let period = audex_report::Period { from, to: from + TimeDelta::days(90) };
/// assert_eq!(serde_json::to_value(period).unwrap()["to"], "1970-04-01T00:00:00Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    /// The beginning.
    pub from: DateTime<Utc>,
    /// The end.
    pub to: DateTime<Utc>,
}

/// What a report is of.
///
/// ```
/// use audex_report::{Head, Scope};
/// let scope = Scope { subject: "https://audex.example.com".into(), at: chrono::DateTime::UNIX_EPOCH, head: Head::default() };
/// assert!(scope.head.chains.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Which server.
    pub subject: String,
    /// When the report is made.
    pub at: DateTime<Utc>,
    /// Where the log stood.
    pub head: Head,
}

/// Where a log stood: the head of each of its chains.
///
/// ```
/// assert_eq!(audex_report::Head::default().log, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Head {
    /// The log's id, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The chains, of those that have an entry that was read.
    pub chains: Vec<Chain>,
}

/// The head of one chain.
///
/// ```
/// let chain = audex_report::Chain { chain: "system".into(), sequence: 12, hash: "q83v".into() };
/// assert_eq!(chain.sequence, 12);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Its name: `system`, or that of a tenant.
    pub chain: String,
    /// How many entries it had.
    pub sequence: u64,
    /// The hash of the last one, which commits to all before it, as the log writes it.
    pub hash: String,
}

/// Figures of an audit log, with the controls that they support.
///
/// ```
/// use audex_report::{Head, Period, Report, Scope, Standard, Tally};
/// use chrono::{DateTime, TimeDelta};
/// let from = DateTime::UNIX_EPOCH;
/// let tally = Tally::new(Period { from, to: from + TimeDelta::days(90) });
/// let scope = Scope { subject: "https://audex.example.com".into(), at: from, head: Head::default() };
/// let report = Report::of(Standard::Soc2, scope, &tally);
/// assert!(report.to_pdf()?.starts_with(b"%PDF-1.7"));
/// # Ok::<(), audex_report::PdfFault>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The standard.
    pub standard: Standard,
    /// What it is called.
    pub title: String,
    /// Which server it is of.
    pub subject: String,
    /// The period.
    pub period: Period,
    /// When it was made.
    pub generated_at: DateTime<Utc>,
    /// What it was computed from.
    pub evidence: Evidence,
    /// The figures.
    pub sections: Vec<Section>,
    /// The controls that the figures support.
    pub controls: Vec<Control>,
    /// What has to be known to read it.
    pub notes: Vec<&'static str>,
}

/// What a report was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// How many events of the period there were.
    pub events: u64,
    /// When the first one happened.
    pub first: Option<DateTime<Utc>>,
    /// When the last one did.
    pub last: Option<DateTime<Utc>>,
    /// Where the log stood.
    #[serde(flatten)]
    pub head: Head,
}

/// Figures about one thing.
///
/// ```
/// fn ids(section: &audex_report::Section) -> Vec<&str> {
///     section.figures.iter().map(|figure| figure.id).collect()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// Its name, for programs.
    pub id: &'static str,
    /// Its name, for people.
    pub title: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// The figures.
    pub figures: Vec<Figure>,
}

/// A figure, with the controls that it supports.
///
/// ```
/// fn supports(figure: &audex_report::Figure, control: &str) -> bool {
///     figure.controls.contains(&control)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Its name, for programs.
    pub id: &'static str,
    /// Its name, for people.
    pub title: &'static str,
    /// The controls, by their numbers.
    pub controls: &'static [&'static str],
    /// What it says.
    #[serde(flatten)]
    pub shape: Shape,
    /// What has to be known to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

/// What a figure says.
///
/// ```
/// use audex_report::{Item, Shape, Unit, Value};
/// let shape = Shape::Numbers { items: vec![Item { label: "Begun", value: Value { amount: Some(3), unit: Unit::Count } }] };
/// assert_eq!(serde_json::to_value(shape).unwrap()["items"][0]["amount"], 3);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "shape", rename_all = "lowercase")]
pub enum Shape {
    /// Some numbers.
    Numbers {
        /// The numbers.
        items: Vec<Item>,
    },
    /// How many there are of each size.
    Distribution {
        /// The sizes in order.
        items: Vec<Item>,
    },
    /// The greatest of many.
    Table {
        /// What the columns are; the first one holds the names.
        columns: Vec<Column>,
        /// The names, and a number for each other column.
        rows: Vec<(String, Vec<u64>)>,
        /// How many names are not shown; at least, where `is_exact` is false.
        more: u64,
        /// What they have together.
        rest: Vec<u64>,
        /// Whether each name was counted for itself. The first 2000 are.
        is_exact: bool,
    },
}

/// What a column of a table is called.
///
/// ```
/// let column: audex_report::Column = "Sessions";
/// assert_eq!(column, "Sessions");
/// ```
pub type Column = &'static str;

/// One number.
///
/// ```
/// use audex_report::{Item, Unit, Value};
/// let item = Item { label: "Median", value: Value { amount: Some(90), unit: Unit::Seconds } };
/// assert_eq!(item.value.to_string(), "1 min 30 s");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What it is of.
    pub label: &'static str,
    /// The number.
    #[serde(flatten)]
    pub value: Value,
}

impl Report {
    /// Makes the report of what was counted.
    pub fn of(standard: Standard, scope: Scope, tally: &Tally) -> Self {
        let Scope { subject, at, head } = scope;
        Self {
            standard,
            title: format!("{} access report", standard.title()),
            subject,
            period: tally.period,
            generated_at: at,
            evidence: Evidence { events: tally.facts, first: tally.first, last: tally.last, head },
            sections: compose::sections(standard, tally),
            controls: standard.controls().to_vec(),
            notes: compose::NOTES.to_vec(),
        }
    }

    /// Returns it as JSON.
    ///
    /// # Errors
    ///
    /// What serde_json says; nothing in a report makes it.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Returns it as CSV (RFC 4180): one number in each record, safe to open in a spreadsheet.
    pub fn to_csv(&self) -> String {
        crate::csv::write(self)
    }

    /// Returns it as PDF/A-2u, on pages of A4.
    ///
    /// # Errors
    ///
    /// [`PdfFault`](crate::PdfFault).
    pub fn to_pdf(&self) -> Result<Vec<u8>, crate::PdfFault> {
        crate::pdf::write(self)
    }

    /// Returns the name of a file for it, without its ending.
    pub fn file_name(&self) -> String {
        format!("{}-report", self.standard.name())
    }
}
