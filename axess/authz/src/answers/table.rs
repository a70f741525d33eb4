use crate::{
    ActionUid, AuthzDecision, AuthzQuery, EntityError, EntitySet, PolicyStore, ResourceUid,
    StandardRequestContext, Verdict,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most cases in one table.
const MAX_CASES: usize = 100_000;

/// Entities, contexts and questions with the answers they should get: the tests of a set of policies.
///
/// ```
/// use axess_authz::{DecisionTable, PolicyStore};
/// let table = DecisionTable::from_json(r#"{
///     "entities": [{ "uid": "User::\"alice\"", "attrs": { "tenant_id": "t1" } }],
///     "contexts": { "office": { "now": "2026-01-01T09:00:00Z", "ip": "10.0.0.1", "mfa": true } },
///     "cases": [
///         { "principal": "User::\"alice\"", "action": "Action::\"read\"", "resource": "User::\"alice\"",
///           "context": "office", "expect": "deny" }
///     ]
/// }"#).unwrap();
/// let store = PolicyStore::base().unwrap();
/// table.check(&store).unwrap();
/// assert!(table.golden(&store).unwrap().starts_with(r#"User::"alice" | Action::"read" | User::"alice" | office | deny"#));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionTable {
    /// The facts, the same for every case.
    pub entities: EntitySet,
    /// The contexts, by the names that cases use.
    pub contexts: BTreeMap<String, StandardRequestContext>,
    /// The questions.
    pub cases: Vec<DecisionCase>,
}

/// One question of a table and its answer.
///
/// ```
/// use axess_authz::{DecisionCase, ResourceUid, Verdict};
/// let case = DecisionCase {
///     principal: ResourceUid::new("User", "alice").unwrap(),
///     action: "read".into(),
///     resource: ResourceUid::new("Document", "doc-1").unwrap(),
///     context: "office".into(),
///     expect: Some(Verdict::Allow),
/// };
/// assert_eq!(case.question(), r#"User::"alice" | Action::"read" | Document::"doc-1" | office"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionCase {
    /// Who asks.
    pub principal: ResourceUid,
    /// For what.
    pub action: ActionUid,
    /// On what.
    pub resource: ResourceUid,
    /// The name of the context.
    pub context: String,
    /// The right answer; without one the case only appears in the golden text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Verdict>,
}

/// Says what is wrong with a table, or with the policies it tests.
///
/// ```
/// use axess_authz::{DecisionTable, TableError};
/// assert!(matches!(DecisionTable::from_json("{}"), Err(TableError::Json(_))));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The text is not a table.
    #[error("not a decision table")]
    Json(#[source] serde_json::Error),
    /// There are too many cases.
    #[error("more than {MAX_CASES} cases")]
    TooLarge,
    /// A case names a context that the table does not have.
    #[error("the context {0:?} is not in the table")]
    UnknownContext(String),
    /// The entities do not fit the schema.
    #[error("the entities of the table cannot be used")]
    Entities(#[from] EntityError),
    /// Some answers are wrong; never empty. Each line has the question, the answer and the expected one.
    #[error("wrong decisions:\n  {}", .0.join("\n  "))]
    Wrong(Vec<String>),
    /// The golden text is not what the policies answer.
    #[error("line {line} of the golden text differs\n  golden: {golden}\n  now:    {now}")]
    Golden {
        /// The first line that differs, from 1.
        line: usize,
        /// What it says in the golden text.
        golden: String,
        /// What it should say by these policies.
        now: String,
    },
}

impl DecisionTable {
    /// Reads a table.
    ///
    /// # Errors
    ///
    /// [`TableError`] for text that is no table, too many cases, or a context that is not there.
    pub fn from_json(text: &str) -> Result<Self, TableError> {
        let table: Self = serde_json::from_str(text).map_err(TableError::Json)?;
        if table.cases.len() > MAX_CASES {
            return Err(TableError::TooLarge);
        }
        match table.cases.iter().find(|case| !table.contexts.contains_key(&case.context)) {
            Some(case) => Err(TableError::UnknownContext(case.context.clone())),
            None => Ok(table),
        }
    }

    /// Decides every case, in order.
    ///
    /// A case whose context is not in the table is decided without any: nothing is known but the epoch.
    ///
    /// # Errors
    ///
    /// [`EntityError`] when the entities do not fit the schema.
    pub fn decide(&self, policies: &PolicyStore) -> Result<Vec<AuthzDecision>, EntityError> {
        let graph = policies.graph(&self.entities)?;
        let unknown = StandardRequestContext::new(chrono::DateTime::UNIX_EPOCH);
        let decide = |case: &DecisionCase| {
            let context = self.contexts.get(&case.context).unwrap_or(&unknown);
            let DecisionCase { principal, action, resource, .. } = case;
            policies.decide(AuthzQuery { principal, action, resource, context }, &graph)
        };
        Ok(self.cases.iter().map(decide).collect())
    }

    /// Compares every case with its expected answer.
    ///
    /// # Errors
    ///
    /// [`TableError::Wrong`] with every case that differs, and [`TableError::Entities`].
    pub fn check(&self, policies: &PolicyStore) -> Result<(), TableError> {
        let decisions = self.decide(policies)?;
        let differs = |(case, decision): (&DecisionCase, AuthzDecision)| {
            let expected = case.expect.filter(|expected| *expected != decision.verdict())?;
            Some(format!("{} | {decision} (expected {expected})", case.question()))
        };
        let wrong: Vec<String> = self.cases.iter().zip(decisions).filter_map(differs).collect();
        if wrong.is_empty() { Ok(()) } else { Err(TableError::Wrong(wrong)) }
    }

    /// Writes every question with its answer and the policies that determine it, one per line.
    ///
    /// Kept in a file, it shows in review what a change of policies changes.
    ///
    /// # Errors
    ///
    /// As [`decide`](Self::decide).
    pub fn golden(&self, policies: &PolicyStore) -> Result<String, EntityError> {
        let decisions = self.decide(policies)?;
        let line = |(case, decision): (&DecisionCase, AuthzDecision)| {
            format!("{} | {} | {}\n", case.question(), decision.verdict(), decision.determining().join(", "))
        };
        Ok(self.cases.iter().zip(decisions).map(line).collect())
    }

    /// Compares the golden text of an earlier run with what the policies answer now.
    ///
    /// # Errors
    ///
    /// [`TableError::Golden`] with the first line that differs, and [`TableError::Entities`].
    pub fn check_golden(&self, policies: &PolicyStore, golden: &str) -> Result<(), TableError> {
        let now = self.golden(policies)?;
        let (mut before, mut after) = (golden.lines(), now.lines());
        let mut line = 0;
        loop {
            line += 1;
            match (before.next(), after.next()) {
                (None, None) => return Ok(()),
                (golden, now) if golden != now => {
                    let text = |line: Option<&str>| line.unwrap_or("(no line)").to_owned();
                    return Err(TableError::Golden { line, golden: text(golden), now: text(now) });
                }
                _ => {}
            }
        }
    }
}

impl DecisionCase {
    /// Returns the question on one line.
    #[must_use]
    pub fn question(&self) -> String {
        format!("{} | {} | {} | {}", self.principal, self.action, self.resource, self.context)
    }
}
