//! Compliance reports: figures of an audit log beside the controls they support.
//!
//! 1. A [`Tally`] is fed one [`Fact`] after the other, in the order of the log. What it keeps does not grow with the log.
//! 2. [`Report::of`] turns it into figures, each with the controls of a [`Standard`] that it supports, and names the head of the
//!    chain that they were computed from.
//! 3. A report is written as JSON, as CSV or as PDF/A-2u. The same report is the same bytes.
//!
//! Does not know about: how a log is kept or read, who may read it, the time.
#![forbid(unsafe_code)]

mod csv;
mod fact;
mod pdf;
mod printable;
mod report;
mod standard;
mod tally;

pub use fact::{Decision, Fact, What};
pub use pdf::PdfFault;
pub use report::{Chain, Column, Figure, Head, Item, Period, Report, Scope, Section, Shape, Unit, Value};
pub use standard::{Control, Standard};
pub use tally::Tally;
