//! Translates what partial evaluation leaves of a policy into conditions on columns.
//!
//! Only what cannot fail at run time and has an exact counterpart is translated: a policy that fails denies, and no
//! condition of SQL says that.

use super::{
    Column, ColumnKind, FilterError, RowMapping, SqlParam,
    predicate::{Compare, LikePart, Predicate},
};
use crate::{EntityGraph, ResourceUid};
use cedar_policy::{
    Policy,
    pst::{
        ActionConstraint, BinaryOp, Clause, EntityUID, Expr, Literal, PatternElem, PrincipalConstraint,
        ResourceConstraint, UnaryOp, Var,
    },
};
use std::collections::BTreeSet;

pub(super) struct Translator<'a> {
    pub(super) rows: &'a RowMapping,
    pub(super) graph: &'a EntityGraph,
}

/// One side of a comparison.
enum Term<'a> {
    Column(&'a Column),
    Text(&'a str),
    Long(i64),
    Bool(bool),
    Entity(&'a EntityUID),
}

/// The optional attributes that are known to be there.
type Guards<'a> = BTreeSet<&'a str>;

type Translated = Result<Predicate, String>;

impl<'a> Translator<'a> {
    pub(super) fn policy(&self, policy: &Policy) -> Result<Predicate, FilterError> {
        let refuse = |what: String| FilterError::Untranslatable { policy: policy.id().to_string(), what };
        let pst = policy.to_pst().map_err(|error| refuse(error.to_string()))?;
        let body = pst.body();
        // Partial evaluation moves the scope into the conditions.
        if !matches!(
            (&body.principal, &body.action, &body.resource),
            (PrincipalConstraint::Any, ActionConstraint::Any, ResourceConstraint::Any)
        ) {
            return Err(refuse("a scope that is left over".to_owned()));
        }
        let clauses = body.clauses().iter().map(|clause| match clause {
            Clause::When(expr) => self.condition(expr, &Guards::new()),
            Clause::Unless(expr) => self.condition(expr, &Guards::new()).map(Predicate::not),
        });
        Ok(Predicate::and(clauses.collect::<Result<Vec<_>, _>>().map_err(refuse)?))
    }

    fn condition<'e>(&self, expr: &'e Expr, guards: &Guards<'e>) -> Translated {
        match expr {
            Expr::Literal(Literal::Bool(value)) => Ok(Predicate::Const(*value)),
            Expr::UnaryOp { op: UnaryOp::Not, expr } => self.condition(expr, guards).map(Predicate::not),
            Expr::BinaryOp { op: BinaryOp::And, left, right } => {
                let first = self.condition(left, guards)?;
                Ok(Predicate::and([first, self.condition(right, &with_guards(guards, left))?]))
            }
            Expr::BinaryOp { op: BinaryOp::Or, left, right } => {
                Ok(Predicate::or([self.condition(left, guards)?, self.condition(right, guards)?]))
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                let condition = self.condition(cond, guards)?;
                let then = self.condition(then_expr, &with_guards(guards, cond))?;
                let otherwise = self.condition(else_expr, guards)?;
                Ok(Predicate::or([
                    Predicate::and([condition.clone(), then]),
                    Predicate::and([Predicate::not(condition), otherwise]),
                ]))
            }
            Expr::HasAttr { expr: of, attrs } if attrs.tail.is_empty() => {
                match (&**of, self.rows.attrs.get(attrs.head.as_str())) {
                    (Expr::Var(Var::Resource), Some(column)) => Ok(Predicate::Present(column.clone())),
                    _ => Err(format!("`{expr}`")),
                }
            }
            Expr::BinaryOp { op, left, right } => self.comparison(expr, *op, left, right, guards),
            Expr::Like { expr: of, pattern } => self.like(expr, of, pattern, guards),
            Expr::Is { expr: of, entity_type, in_expr: None } => match self.term(of, guards)? {
                Term::Column(Column { kind: ColumnKind::Entity(kind), .. }) => {
                    Ok(Predicate::Const(*kind == entity_type.to_string()))
                }
                _ => Err(format!("`{expr}`")),
            },
            Expr::GetAttr { .. } => match self.term(expr, guards)? {
                Term::Column(column) if column.kind == ColumnKind::Bool => {
                    Ok(Predicate::Holds(column.clone()))
                }
                _ => Err(format!("`{expr}`")),
            },
            _ => Err(format!("`{expr}`")),
        }
    }

    fn comparison<'e>(
        &self,
        whole: &Expr,
        op: BinaryOp,
        left: &'e Expr,
        right: &'e Expr,
        guards: &Guards<'e>,
    ) -> Translated {
        let refuse = || format!("`{whole}`");
        match op {
            BinaryOp::Eq => {
                self.equal(self.term(left, guards)?, self.term(right, guards)?).ok_or_else(refuse)
            }
            BinaryOp::NotEq => {
                let equal = self.equal(self.term(left, guards)?, self.term(right, guards)?);
                equal.map(Predicate::not).ok_or_else(refuse)
            }
            BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Greater | BinaryOp::GreaterEq => {
                order(op, self.term(left, guards)?, self.term(right, guards)?).ok_or_else(refuse)
            }
            BinaryOp::In => self.within(left, right, guards),
            BinaryOp::Contains => {
                let Expr::Set(items) = left else { return Err(refuse()) };
                let member = |item: &'e std::sync::Arc<Expr>| {
                    self.equal(self.term(item, guards)?, self.term(right, guards)?).ok_or_else(refuse)
                };
                Ok(Predicate::or(items.iter().map(member).collect::<Result<Vec<_>, _>>()?))
            }
            // Arithmetic, tags and extension functions have values, and may fail.
            _ => Err(refuse()),
        }
    }

    fn term<'e>(&self, expr: &'e Expr, guards: &Guards<'e>) -> Result<Term<'e>, String>
    where
        'a: 'e,
    {
        match expr {
            Expr::Literal(Literal::Bool(value)) => Ok(Term::Bool(*value)),
            Expr::Literal(Literal::Long(value)) => Ok(Term::Long(*value)),
            // Not every database can hold a NUL, and those that can disagree on what it means.
            Expr::Literal(Literal::String(value)) if !value.contains('\0') => Ok(Term::Text(value)),
            Expr::Literal(Literal::EntityUID(uid)) if !uid.eid.contains('\0') => Ok(Term::Entity(uid)),
            Expr::Var(Var::Resource) => Ok(Term::Column(&self.rows.id)),
            Expr::GetAttr { expr: of, attr } if matches!(**of, Expr::Var(Var::Resource)) => {
                match self.rows.attrs.get(attr.as_str()) {
                    Some(column) if column.nullable && !guards.contains(attr.as_str()) => {
                        Err(format!("`{expr}` may be absent"))
                    }
                    Some(column) => Ok(Term::Column(column)),
                    None => Err(format!("`{expr}` has no column")),
                }
            }
            _ => Err(format!("`{expr}`")),
        }
    }

    fn equal(&self, left: Term<'_>, right: Term<'_>) -> Option<Predicate> {
        match (left, right) {
            (Term::Column(left), Term::Column(right)) => Some(match (&left.kind, &right.kind) {
                (ColumnKind::Entity(one), ColumnKind::Entity(other)) if one != other => {
                    Predicate::Const(false)
                }
                // Truth values may be any number but zero.
                (ColumnKind::Bool, _) | (_, ColumnKind::Bool) => return None,
                (one, other) if one == other => Predicate::Columns(left.clone(), Compare::Eq, right.clone()),
                _ => return None,
            }),
            (Term::Column(column), value) | (value, Term::Column(column)) => equals(column, &value),
            // Two values are decided by partial evaluation.
            _ => None,
        }
    }

    /// `left in right`.
    fn within<'e>(&self, left: &'e Expr, right: &'e Expr, guards: &Guards<'e>) -> Translated {
        if let Expr::Set(items) = right {
            let parts = items.iter().map(|item| self.within(left, item, guards));
            return Ok(Predicate::or(parts.collect::<Result<Vec<_>, _>>()?));
        }
        let refuse = || format!("`{left} in {right}`");
        match (self.term(left, guards)?, self.term(right, guards)?) {
            (Term::Column(_), Term::Entity(uid)) if matches!(left, Expr::Var(Var::Resource)) => {
                self.row_within(uid).ok_or_else(refuse)
            }
            (Term::Entity(uid), Term::Column(column)) => self.known_within(uid, column).ok_or_else(refuse),
            _ => Err(refuse()),
        }
    }

    /// The row is, or lies in, a known entity.
    fn row_within(&self, uid: &EntityUID) -> Option<Predicate> {
        let kind = uid.ty.to_string();
        let ancestor = match self.rows.ancestors.get(&kind)? {
            Some(column) => {
                Predicate::and([Predicate::Present(column.clone()), equals(column, &Term::Entity(uid))?])
            }
            None => Predicate::Const(false),
        };
        Some(Predicate::or([equals(&self.rows.id, &Term::Entity(uid))?, ancestor]))
    }

    /// A known entity is, or lies in, what a column refers to.
    fn known_within(&self, uid: &EntityUID, column: &Column) -> Option<Predicate> {
        let ColumnKind::Entity(kind) = &column.kind else { return None };
        let uid = ResourceUid::new(&uid.ty.to_string(), &uid.eid).ok()?;
        // None for an entity that was not loaded: what it lies in is not known.
        let ancestors = self.graph.entities.ancestors(uid.cedar())?;
        let ids: BTreeSet<SqlParam> = ancestors
            .chain([uid.cedar()])
            .filter(|uid| uid.type_name().to_string() == *kind)
            .map(|uid| SqlParam::from(uid.id().unescaped()))
            .collect();
        if ids.iter().any(|id| matches!(id, SqlParam::Text(id) if id.contains('\0'))) {
            return None;
        }
        if ids.is_empty() {
            Some(Predicate::Const(false))
        } else {
            Some(Predicate::In(column.clone(), ids.into_iter().collect()))
        }
    }

    fn like<'e>(
        &self,
        whole: &Expr,
        of: &'e Expr,
        pattern: &[PatternElem],
        guards: &Guards<'e>,
    ) -> Translated {
        let parts: Vec<LikePart> = pattern
            .iter()
            .map(|part| match part {
                PatternElem::Char(c) => LikePart::Char(*c),
                PatternElem::Wildcard => LikePart::Any,
            })
            .collect();
        match self.term(of, guards)? {
            Term::Column(column)
                if column.kind == ColumnKind::Text && !parts.contains(&LikePart::Char('\0')) =>
            {
                Ok(Predicate::Like(column.clone(), parts))
            }
            _ => Err(format!("`{whole}`")),
        }
    }
}

fn equals(column: &Column, value: &Term<'_>) -> Option<Predicate> {
    let compare = |value: SqlParam| Predicate::Value(column.clone(), Compare::Eq, value);
    Some(match (&column.kind, value) {
        (ColumnKind::Text, Term::Text(text)) => compare((*text).into()),
        (ColumnKind::Long, Term::Long(number)) => compare(SqlParam::Long(*number)),
        (ColumnKind::Bool, Term::Bool(true)) => Predicate::Holds(column.clone()),
        (ColumnKind::Bool, Term::Bool(false)) => Predicate::not(Predicate::Holds(column.clone())),
        (ColumnKind::Entity(kind), Term::Entity(uid)) if *kind == uid.ty.to_string() => {
            compare(uid.eid.as_str().into())
        }
        (ColumnKind::Entity(_), Term::Entity(_)) => Predicate::Const(false),
        _ => return None,
    })
}

fn order(op: BinaryOp, left: Term<'_>, right: Term<'_>) -> Option<Predicate> {
    let is_long = |column: &Column| column.kind == ColumnKind::Long;
    let value =
        |column: &Column, compare, number| Predicate::Value(column.clone(), compare, SqlParam::Long(number));
    Some(match (left, op, right) {
        (left, BinaryOp::Greater, right) => return order(BinaryOp::Less, right, left),
        (left, BinaryOp::GreaterEq, right) => return order(BinaryOp::LessEq, right, left),
        (Term::Column(left), _, Term::Column(right)) if is_long(left) && is_long(right) => {
            Predicate::Columns(left.clone(), compare(op), right.clone())
        }
        (Term::Column(column), _, Term::Long(number)) if is_long(column) => {
            value(column, compare(op), number)
        }
        // number < column is not (column <= number), and so on.
        (Term::Long(number), BinaryOp::Less, Term::Column(column)) if is_long(column) => {
            Predicate::not(value(column, Compare::LessEq, number))
        }
        (Term::Long(number), BinaryOp::LessEq, Term::Column(column)) if is_long(column) => {
            Predicate::not(value(column, Compare::Less, number))
        }
        _ => return None,
    })
}

fn compare(op: BinaryOp) -> Compare {
    if matches!(op, BinaryOp::Less) { Compare::Less } else { Compare::LessEq }
}

/// Adds the attributes whose presence `condition` implies.
fn with_guards<'e>(guards: &Guards<'e>, condition: &'e Expr) -> Guards<'e> {
    guards.union(&implied(condition)).copied().collect()
}

/// Returns the attributes that are there wherever an expression holds, as the validator works it out. Where one of them
/// is NULL, the translated condition is false and not NULL, so what follows it does no harm.
fn implied(expr: &Expr) -> Guards<'_> {
    match expr {
        Expr::BinaryOp { op: BinaryOp::And, left, right } => with_guards(&implied(left), right),
        Expr::BinaryOp { op: BinaryOp::Or, left, right } => {
            implied(left).intersection(&implied(right)).copied().collect()
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            with_guards(&implied(cond), then_expr).intersection(&implied(else_expr)).copied().collect()
        }
        Expr::HasAttr { expr, attrs }
            if attrs.tail.is_empty() && matches!(**expr, Expr::Var(Var::Resource)) =>
        {
            Guards::from([attrs.head.as_str()])
        }
        _ => Guards::new(),
    }
}
