//! Conditions on the columns of one row, with the three truth values of SQL.

use super::{Column, SqlParam};
use std::{cmp::Ordering, collections::BTreeSet};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Predicate {
    Const(bool),
    Not(Box<Predicate>),
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    /// The column is not NULL.
    Present(Column),
    /// A column of truth values is true.
    Holds(Column),
    /// The column compares so with a value.
    Value(Column, Compare, SqlParam),
    /// Two columns compare so.
    Columns(Column, Compare, Column),
    /// The column is one of these; never empty.
    In(Column, Vec<SqlParam>),
    /// The column has this form.
    Like(Column, Vec<LikePart>),
    /// The column holds no NUL character, which some databases take for the end of a text.
    NoNul(Column),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Eq,
    Less,
    LessEq,
}

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LikePart {
    Char(char),
    Any,
}

impl Predicate {
    pub(super) fn not(inner: Self) -> Self {
        match inner {
            Self::Const(value) => Self::Const(!value),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    pub(super) fn and(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, true)
    }

    pub(super) fn or(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, false)
    }

    /// Joins by AND when `and`, else by OR; `and` is also the value that changes nothing.
    fn join(parts: impl IntoIterator<Item = Self>, and: bool) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::Const(value) if value == and => {}
                Self::Const(value) => return Self::Const(value),
                Self::And(inner) if and => kept.extend(inner),
                Self::Or(inner) if !and => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match (kept.pop(), kept.is_empty()) {
            (None, _) => Self::Const(and),
            (Some(only), true) => only,
            (Some(last), false) => {
                kept.push(last);
                if and { Self::And(kept) } else { Self::Or(kept) }
            }
        }
    }

    /// Counts what is compared.
    pub(super) fn atoms(&self) -> usize {
        match self {
            Self::Const(_) => 0,
            Self::Not(inner) => inner.atoms(),
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::atoms).sum(),
            Self::In(_, values) => values.len(),
            Self::Present(_)
            | Self::Holds(_)
            | Self::Value(..)
            | Self::Columns(..)
            | Self::Like(..)
            | Self::NoNul(_) => 1,
        }
    }

    /// Leaves out rows for which the conditions could not be trusted: a required column is NULL, or a text that is
    /// matched against a pattern holds a NUL.
    pub(super) fn of_legal_rows(self) -> Self {
        if matches!(self, Self::Const(_)) {
            return self;
        }
        let (mut used, mut matched) = (BTreeSet::new(), BTreeSet::new());
        self.columns(&mut used, &mut matched);
        let present = used.into_iter().filter(|column| !column.nullable).map(Self::Present);
        let whole = matched.into_iter().map(Self::NoNul);
        let guards: Vec<Self> = present.chain(whole).collect();
        Self::and([self].into_iter().chain(guards))
    }

    fn columns(&self, used: &mut BTreeSet<Column>, matched: &mut BTreeSet<Column>) {
        match self {
            Self::Const(_) => {}
            Self::Not(inner) => inner.columns(used, matched),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.columns(used, matched)),
            Self::Like(column, _) => {
                used.insert(column.clone());
                matched.insert(column.clone());
            }
            Self::Columns(left, _, right) => used.extend([left.clone(), right.clone()]),
            Self::Present(column)
            | Self::Holds(column)
            | Self::NoNul(column)
            | Self::Value(column, ..)
            | Self::In(column, _) => {
                used.insert(column.clone());
            }
        }
    }

    /// Evaluates as SQL does; `None` is NULL.
    pub(super) fn evaluate(&self, value: &impl Fn(&str) -> Option<SqlParam>) -> Option<bool> {
        let of = |column: &Column| value(&column.name);
        match self {
            Self::Const(value) => Some(*value),
            Self::Not(inner) => inner.evaluate(value).map(|value| !value),
            Self::And(parts) => kleene(parts, false, value),
            Self::Or(parts) => kleene(parts, true, value),
            Self::Present(column) => Some(of(column).is_some()),
            Self::Holds(column) => of(column).map(|value| matches!(value, SqlParam::Bool(true))),
            Self::Value(column, compare, other) => of(column).map(|value| compare.holds(&value, other)),
            Self::Columns(left, compare, right) => Some(compare.holds(&of(left)?, &of(right)?)),
            Self::In(column, values) => of(column).map(|value| values.contains(&value)),
            Self::Like(column, pattern) => of(column).map(|value| match value {
                SqlParam::Text(text) => like(&text.chars().collect::<Vec<_>>(), pattern),
                SqlParam::Long(_) | SqlParam::Bool(_) => false,
            }),
            Self::NoNul(column) => Some(match of(column) {
                Some(SqlParam::Text(text)) => !text.contains('\0'),
                Some(SqlParam::Long(_) | SqlParam::Bool(_)) | None => true,
            }),
        }
    }
}

impl Compare {
    fn holds(self, left: &SqlParam, right: &SqlParam) -> bool {
        let order = left.cmp(right);
        match self {
            Self::Eq => order == Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessEq => order != Ordering::Greater,
        }
    }
}

/// `decisive` in one part decides; otherwise one NULL makes NULL.
fn kleene(parts: &[Predicate], decisive: bool, value: &impl Fn(&str) -> Option<SqlParam>) -> Option<bool> {
    let mut result = Some(!decisive);
    for part in parts {
        match part.evaluate(value) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

/// Matches a text against a pattern, in time proportional to the product of their lengths.
fn like(text: &[char], pattern: &[LikePart]) -> bool {
    // reached[i]: the pattern so far matches the first i characters.
    let mut reached = vec![false; text.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for part in pattern {
        reached = match part {
            LikePart::Any => reached
                .iter()
                .scan(false, |seen, here| {
                    *seen |= here;
                    Some(*seen)
                })
                .collect(),
            LikePart::Char(wanted) => {
                let steps = reached.iter().zip(text).map(|(here, c)| *here && c == wanted);
                std::iter::once(false).chain(steps).collect()
            }
        };
    }
    reached.last() == Some(&true)
}
