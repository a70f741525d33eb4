//! Refuses policies that are nested too deep.
//!
//! The engine evaluates by recursion and stops, as a failed evaluation, when the stack runs low. Such a policy would
//! pass every check and then deny every request, so it is refused when it is loaded.

use super::{PolicyFault, PolicyInfo};
use cedar_policy::{
    Policy, PolicyId, PolicySet,
    pst::{Clause, Expr},
};
use std::collections::BTreeMap;

/// How deep conditions may be nested: what is decided on a stack of 2 MiB even when nothing is optimised.
const MAX_DEPTH: usize = 32;
/// The most expressions in one policy.
const MAX_EXPRESSIONS: usize = 4_096;

/// Finds the policies that are too deep or too large.
pub(super) fn faults(set: &PolicySet, index: &BTreeMap<String, PolicyInfo>) -> Vec<PolicyFault> {
    index.values().filter_map(|info| fault(set.policy(&PolicyId::new(&info.id))?, info)).collect()
}

fn fault(policy: &Policy, info: &PolicyInfo) -> Option<PolicyFault> {
    let expressions = policy.as_ref().condition().subexpressions().take(MAX_EXPRESSIONS + 1).count();
    let message = if expressions > MAX_EXPRESSIONS {
        format!("more than {MAX_EXPRESSIONS} expressions: write several policies, or look into a set")
    } else if deepest(policy) > MAX_DEPTH {
        format!(
            "nested more than {MAX_DEPTH} deep (each && and || of a chain counts): write several policies, or a set"
        )
    } else {
        return None;
    };
    Some(PolicyFault::new(&info.file, message).at(info.line).of_policy(&info.id))
}

/// A policy that cannot be looked at counts as too deep.
fn deepest(policy: &Policy) -> usize {
    let Ok(policy) = policy.to_pst() else { return usize::MAX };
    let clauses = policy.body().clauses().iter();
    clauses.map(|(Clause::When(expr) | Clause::Unless(expr))| depth(expr)).max().unwrap_or(0)
}

fn depth(expr: &Expr) -> usize {
    let inner = match expr {
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. }
        | Expr::Is { expr, in_expr: None, .. } => depth(expr),
        Expr::BinaryOp { left, right, .. } => depth(left).max(depth(right)),
        Expr::Is { expr, in_expr: Some(within), .. } => depth(expr).max(depth(within)),
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            depth(cond).max(depth(then_expr)).max(depth(else_expr))
        }
        Expr::Set(items) => items.iter().map(|item| depth(item)).max().unwrap_or(0),
        Expr::Record(fields) => fields.values().map(|field| depth(field)).max().unwrap_or(0),
        // Literals, variables, and what only partial evaluation makes.
        _ => 0,
    };
    inner + 1
}
