use super::DecisionTable;
use crate::{AuthzDecision, EntityError, PolicyStore};
use std::fmt;

/// Who gains and who loses when one set of policies replaces another, over the cases of a table.
///
/// It says nothing about questions that are not in the table.
///
/// ```
/// use axess_authz::{DecisionTable, PolicyDiff, PolicyStore};
/// let table = DecisionTable::from_json(r#"{ "entities": [], "contexts": {}, "cases": [] }"#).unwrap();
/// let (old, new) = (PolicyStore::base().unwrap(), PolicyStore::base().unwrap());
/// let diff = PolicyDiff::between(&old, &new, &table).unwrap();
/// assert!(diff.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDiff {
    /// What is denied today and would be allowed.
    pub gains: Vec<DecisionChange>,
    /// What is allowed today and would be denied.
    pub losses: Vec<DecisionChange>,
}

/// One question that two sets of policies answer differently.
///
/// ```
/// use axess_authz::{AuthzDecision, DecisionChange, DenyReason};
/// let change = DecisionChange {
///     question: "alice read doc-1".into(),
///     old: AuthzDecision::Deny { reason: DenyReason::NoPermit, policies: vec![] },
///     new: AuthzDecision::Allow { policies: vec!["readers".into()] },
/// };
/// assert_eq!(change.to_string(), "alice read doc-1: deny: no policy permits it -> allow [readers]");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionChange {
    /// The question, as its table writes it.
    pub question: String,
    /// Today's answer.
    pub old: AuthzDecision,
    /// Tomorrow's answer.
    pub new: AuthzDecision,
}

impl PolicyDiff {
    /// Decides every case of a table by both sets of policies.
    ///
    /// # Errors
    ///
    /// [`EntityError`] when the entities of the table do not fit one of the two schemas.
    pub fn between(old: &PolicyStore, new: &PolicyStore, table: &DecisionTable) -> Result<Self, EntityError> {
        let mut diff = Self { gains: Vec::new(), losses: Vec::new() };
        let (before, after) = (table.decide(old)?, table.decide(new)?);
        for ((case, old), new) in table.cases.iter().zip(before).zip(after) {
            let list = match (old.is_allow(), new.is_allow()) {
                (false, true) => &mut diff.gains,
                (true, false) => &mut diff.losses,
                (true, true) | (false, false) => continue,
            };
            list.push(DecisionChange { question: case.question(), old, new });
        }
        Ok(diff)
    }

    /// Tells whether nobody gains and nobody loses.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gains.is_empty() && self.losses.is_empty()
    }
}

impl fmt::Display for PolicyDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.gains.iter().try_for_each(|change| writeln!(f, "gains  {change}"))?;
        self.losses.iter().try_for_each(|change| writeln!(f, "loses  {change}"))
    }
}

impl fmt::Display for DecisionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.question, self.old, self.new)
    }
}
