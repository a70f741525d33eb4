//! Shows how a decision came about: every policy, its clauses and the facts they looked at.

use super::{AuthzDecision, AuthzQuery, EntityGraph, engine::with_causes};
use crate::{PolicyEffect, PolicyInfo, PolicyStore};
use cedar_policy::{
    EvalResult, Expression, PolicyId, Request, eval_expression,
    pst::{self, ActionConstraint, BinaryOp, Expr, PrincipalConstraint, ResourceConstraint},
};
use std::{collections::BTreeMap, fmt};

/// The most facts that are listed per policy.
const MAX_FACTS: usize = 256;

/// How a decision came about.
///
/// It prints as a short report.
///
/// ```
/// use axess_authz::*;
/// let alice = ResourceUid::new("User", "alice").unwrap();
/// let app = PolicyBundle::new("app").with_file("app.cedarschema", r#"
///     action "read" appliesTo { principal: [User], resource: [User], context: RequestContext };
/// "#);
/// let store = PolicyStore::compose(vec![PolicyBundle::base(), app]).unwrap();
/// let set = EntitySet::from_iter([Entity::new(alice.clone()).with_attr("tenant_id", "t1")]);
/// let context = StandardRequestContext::new(chrono::DateTime::UNIX_EPOCH);
/// let query = AuthzQuery { principal: &alice, action: &"read".into(), resource: &alice, context: &context };
/// let explanation = store.explain(query, &store.graph(&set).unwrap());
/// let isolation = &explanation.policies[0];
/// assert_eq!(isolation.outcome, PolicyOutcome::NotSatisfied);
/// assert_eq!(isolation.facts["principal.tenant_id"], r#""t1""#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub decision: AuthzDecision,
    /// Every policy whose scope takes in the request, and every one that failed, ordered by id.
    pub policies: Vec<PolicyExplanation>,
}

/// What one policy had to say.
///
/// ```
/// use axess_authz::{PolicyExplanation, PolicyOutcome};
/// fn silent(policy: &PolicyExplanation) -> bool {
///     policy.outcome == PolicyOutcome::NotSatisfied
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyExplanation {
    /// Which policy.
    pub policy: PolicyInfo,
    /// What came out.
    pub outcome: PolicyOutcome,
    /// Its conditions, in order; the policy is satisfied when all are true.
    pub clauses: Vec<Clause>,
    /// The attributes it may look at and their values, by path such as `principal.tenant_id`. What has no value here is
    /// left out.
    pub facts: BTreeMap<String, String>,
}

/// What came out of one policy.
///
/// ```
/// use axess_authz::PolicyOutcome;
/// assert_ne!(PolicyOutcome::Satisfied, PolicyOutcome::NotSatisfied);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyOutcome {
    /// It permits or forbids the request.
    Satisfied,
    /// It says nothing about the request.
    NotSatisfied,
    /// It could not be evaluated, which denies the request.
    Failed(String),
}

/// One condition of a policy.
///
/// ```
/// use axess_authz::{Clause, ClauseValue};
/// let clause = Clause { text: "context.mfa".into(), value: ClauseValue::False };
/// assert_eq!(clause.to_string(), "false   context.mfa");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Its source; an `unless` is written as a negation.
    pub text: String,
    /// What it comes to.
    pub value: ClauseValue,
}

/// What a condition comes to on its own.
///
/// ```
/// use axess_authz::ClauseValue;
/// assert_eq!(ClauseValue::True.to_string(), "true");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClauseValue {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It has no value. In a policy that fails earlier, or has an earlier false clause, it does no harm.
    Failed(String),
}

impl PolicyStore {
    /// Decides one question and shows how the decision came about.
    ///
    /// For people who write policies: it evaluates each policy and each clause on its own and shows values, so it
    /// belongs neither on the path of a request nor in an answer to the caller.
    #[must_use]
    pub fn explain(&self, query: AuthzQuery<'_>, graph: &EntityGraph) -> Explanation {
        let decision = self.decide(query, graph);
        let policies = match self.request(query, graph) {
            Ok(request) => self
                .policies()
                .filter_map(|info| self.explain_policy(info, &decision, &request, graph))
                .collect(),
            Err(_) => Vec::new(),
        };
        Explanation { decision, policies }
    }

    fn explain_policy(
        &self,
        info: &PolicyInfo,
        decision: &AuthzDecision,
        request: &Request,
        graph: &EntityGraph,
    ) -> Option<PolicyExplanation> {
        let policy = self.set.policy(&PolicyId::new(&info.id))?.to_pst().ok()?;
        let body = policy.body();
        let look = Look { request, graph };
        let in_scope = scope(body).iter().all(|text| look.clause(text.clone()).value == ClauseValue::True);
        let mut clauses = Vec::new();
        let mut facts = BTreeMap::new();
        for clause in body.clauses() {
            let (pst::Clause::When(expr) | pst::Clause::Unless(expr)) = clause;
            let mut texts = Vec::new();
            match clause {
                pst::Clause::When(expr) => conjuncts(expr, &mut texts),
                pst::Clause::Unless(expr) => texts.push(format!("!({expr})")),
            }
            clauses.extend(texts.into_iter().map(|text| look.clause(text)));
            look.facts(expr, &mut facts);
        }
        let failed = match decision {
            AuthzDecision::Deny { reason: super::DenyReason::EvaluationFailed { failures }, .. } => failures
                .iter()
                .find(|failure| failure.policy == info.id)
                .map(|failure| failure.message.clone()),
            _ => None,
        };
        let outcome = match failed {
            Some(message) => PolicyOutcome::Failed(message),
            None if !in_scope => return None,
            None if clauses.iter().all(|clause| clause.value == ClauseValue::True) => {
                PolicyOutcome::Satisfied
            }
            None => PolicyOutcome::NotSatisfied,
        };
        Some(PolicyExplanation { policy: info.clone(), outcome, clauses, facts })
    }
}

/// Writes the scope as conditions.
fn scope(body: &pst::Template) -> Vec<String> {
    let mut texts = Vec::new();
    if !matches!(body.principal, PrincipalConstraint::Any) {
        texts.push(format!("principal {}", body.principal));
    }
    if !matches!(body.action, ActionConstraint::Any) {
        texts.push(format!("action {}", body.action));
    }
    if !matches!(body.resource, ResourceConstraint::Any) {
        texts.push(format!("resource {}", body.resource));
    }
    texts
}

/// Splits at the outermost `&&`.
fn conjuncts(expr: &Expr, texts: &mut Vec<String>) {
    match expr {
        Expr::BinaryOp { op: BinaryOp::And, left, right } => {
            conjuncts(left, texts);
            conjuncts(right, texts);
        }
        _ => texts.push(expr.to_string()),
    }
}

struct Look<'a> {
    request: &'a Request,
    graph: &'a EntityGraph,
}

impl Look<'_> {
    fn value(&self, text: &str) -> Result<EvalResult, String> {
        let expression: Expression = text.parse().map_err(|error| with_causes(&error))?;
        eval_expression(self.request, &self.graph.entities, &expression).map_err(|error| with_causes(&error))
    }

    fn clause(&self, text: String) -> Clause {
        let value = match self.value(&text) {
            Ok(EvalResult::Bool(true)) => ClauseValue::True,
            Ok(_) => ClauseValue::False,
            Err(message) => ClauseValue::Failed(message),
        };
        Clause { text, value }
    }

    /// Collects the values of the longest attribute paths inside an expression.
    fn facts(&self, expr: &Expr, facts: &mut BTreeMap<String, String>) {
        if facts.len() >= MAX_FACTS {
            return;
        }
        match expr {
            Expr::GetAttr { expr: inner, .. } => {
                let text = expr.to_string();
                match self.value(&text) {
                    Ok(value) => {
                        facts.insert(text, value.to_string());
                    }
                    Err(_) => self.facts(inner, facts),
                }
            }
            Expr::UnaryOp { expr, .. } | Expr::HasAttr { expr, .. } | Expr::Like { expr, .. } => {
                self.facts(expr, facts)
            }
            Expr::Is { expr, in_expr, .. } => {
                self.facts(expr, facts);
                in_expr.iter().for_each(|expr| self.facts(expr, facts));
            }
            Expr::BinaryOp { left, right, .. } => {
                self.facts(left, facts);
                self.facts(right, facts);
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                [cond, then_expr, else_expr].into_iter().for_each(|expr| self.facts(expr, facts));
            }
            Expr::Set(items) => items.iter().for_each(|expr| self.facts(expr, facts)),
            Expr::Record(fields) => fields.values().for_each(|expr| self.facts(expr, facts)),
            // Literals, variables, and what only partial evaluation makes.
            _ => {}
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.decision)?;
        for policy in &self.policies {
            let info = &policy.policy;
            let outcome = match (&policy.outcome, info.effect) {
                (PolicyOutcome::Satisfied, PolicyEffect::Permit) => "permits",
                (PolicyOutcome::Satisfied, PolicyEffect::Forbid) => "forbids",
                (PolicyOutcome::NotSatisfied, _) => "says nothing",
                (PolicyOutcome::Failed(_), _) => "failed",
            };
            writeln!(f, "{} {} ({}:{}): {outcome}", info.effect, info.id, info.file, info.line)?;
            for clause in &policy.clauses {
                writeln!(f, "  {clause}")?;
            }
            for (path, value) in &policy.facts {
                writeln!(f, "  {path} = {value}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<7} {}", self.value.to_string(), self.text)
    }
}

impl fmt::Display for ClauseValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::True => "true",
            Self::False => "false",
            Self::Failed(_) => "failed",
        })
    }
}
