mod diff;
mod shadow;
mod table;
mod who;

#[cfg(test)]
mod tests;

pub use diff::{DecisionChange, PolicyDiff};
pub use shadow::{Shadow, ShadowDifference, ShadowReport};
pub use table::{DecisionCase, DecisionTable, TableError};
