//! Whether a union of patterns contains another pattern.

use std::collections::{BTreeSet, HashSet};

use super::{Class, Glob, Token};

/// How many situations one question may take before it stays without an answer.
const MAX_SITUATIONS: usize = 4_000;

/// How much work all questions of one operation on sets may take together.
pub(crate) const EFFORT: usize = 50_000;

/// A character that no pattern names.
const STRANGER: char = '\u{10FFFF}';

/// Places in the patterns of the union: which pattern, and where in it.
type Places = BTreeSet<(usize, usize)>;

/// Tells whether each string of `inner` is in one of the `union`, or nothing when that takes too long to find out.
///
/// Exact otherwise: `inner` is followed character by character, together with every place of the union that the same
/// characters lead to.
pub(crate) fn covers(union: &[Glob], inner: &Glob) -> Option<bool> {
    covers_within(union, inner, &mut { MAX_SITUATIONS })
}

/// Does the same with what is left of an effort that many questions share.
pub(crate) fn covers_within(union: &[Glob], inner: &Glob, left: &mut usize) -> Option<bool> {
    if union.iter().any(|glob| glob.is_any() || glob == inner) {
        return Some(true);
    }
    if inner.is_literal() {
        let text = inner.to_string();
        return Some(union.iter().any(|glob| glob.matches(&text)));
    }
    if *left == 0 {
        return None;
    }
    // A pattern that has nothing in common contributes nothing.
    let near: Vec<&Glob> = union.iter().filter(|glob| super::intersects(glob, inner)).collect();
    let fold = inner.folds();
    match near.as_slice() {
        [] => Some(false),
        [one] => match without_ends(one.tokens(), inner.tokens(), fold) {
            Rest::Decided(answer) => Some(answer),
            Rest::Open(outer, inner) => Search::new(vec![outer], inner, fold).run(left),
        },
        _ => {
            let union = near.iter().map(|glob| glob.tokens()).collect();
            Search::new(union, inner.tokens(), fold).run(left)
        }
    }
}

/// What is left of two patterns to compare.
enum Rest<'a> {
    Decided(bool),
    Open(&'a [Token], &'a [Token]),
}

/// Takes away the single characters at both ends, which lie over each other in every string.
fn without_ends<'a>(mut outer: &'a [Token], mut inner: &'a [Token], fold: bool) -> Rest<'a> {
    let is_single = |x: &Token, y: &Token| !x.many && !y.many;
    while let ([x, outer_rest @ ..], [y, inner_rest @ ..]) = (outer, inner) {
        if !is_single(x, y) {
            break;
        }
        if !contains(x.class, y.class, fold) {
            return Rest::Decided(false);
        }
        (outer, inner) = (outer_rest, inner_rest);
    }
    while let ([outer_rest @ .., x], [inner_rest @ .., y]) = (outer, inner) {
        if !is_single(x, y) {
            break;
        }
        if !contains(x.class, y.class, fold) {
            return Rest::Decided(false);
        }
        (outer, inner) = (outer_rest, inner_rest);
    }
    match (outer, inner) {
        ([only], _) if *only == Token::ANY => Rest::Decided(true),
        (_, []) => Rest::Decided(outer.iter().all(|token| token.many)),
        _ => Rest::Open(outer, inner),
    }
}

/// Tells whether each character that `inner` accepts is accepted by `outer`.
fn contains(outer: Class, inner: Class, fold: bool) -> bool {
    match (outer, inner) {
        (_, Class::Only(c)) => outer.accepts(c, fold),
        (Class::Only(_), Class::Except(_)) => false,
        (Class::Except(out), Class::Except(inside)) => out.is_none() || out == inside,
    }
}

struct Search<'a> {
    union: Vec<&'a [Token]>,
    inner: &'a [Token],
    fold: bool,
    letters: Vec<char>,
}

impl<'a> Search<'a> {
    fn new(union: Vec<&'a [Token]>, inner: &'a [Token], fold: bool) -> Self {
        let letters = letters(&union, inner, fold);
        Self { union, inner, fold, letters }
    }

    fn run(&self, left: &mut usize) -> Option<bool> {
        let allowed = (*left).min(MAX_SITUATIONS);
        let start = self.skipped((0..self.union.len()).map(|pattern| (pattern, 0)).collect());
        let mut seen = HashSet::new();
        let mut open = vec![(0, start)];
        while let Some((at, places)) = open.pop() {
            if !seen.insert((at, places.clone())) {
                continue;
            }
            if seen.len() > allowed {
                return None;
            }
            *left = left.saturating_sub(1);
            let Some(token) = self.inner.get(at) else {
                if !self.is_accepted(&places) {
                    return Some(false);
                }
                continue;
            };
            if token.many {
                open.push((at + 1, places.clone()));
            }
            let to = if token.many { at } else { at + 1 };
            for c in self.accepted_by(token.class) {
                let next = self.step(&places, c);
                // Whatever follows in `inner`, some string of it is left that nobody in the union has.
                if next.is_empty() {
                    return Some(false);
                }
                open.push((to, next));
            }
        }
        Some(true)
    }

    fn accepted_by(&self, class: Class) -> Vec<char> {
        match class {
            Class::Only(c) => vec![c],
            Class::Except(_) => {
                self.letters.iter().copied().filter(|&c| class.accepts(c, self.fold)).collect()
            }
        }
    }

    fn step(&self, places: &Places, c: char) -> Places {
        let moved = places.iter().filter_map(|&(pattern, at)| {
            let token = self.union.get(pattern)?.get(at)?;
            let to = if token.many { at } else { at + 1 };
            token.class.accepts(c, self.fold).then_some((pattern, to))
        });
        self.skipped(moved.collect())
    }

    /// Adds the places behind tokens that may stand for nothing.
    fn skipped(&self, mut places: Places) -> Places {
        let mut open: Vec<(usize, usize)> = places.iter().copied().collect();
        while let Some((pattern, at)) = open.pop() {
            let token = self.union.get(pattern).and_then(|tokens| tokens.get(at));
            if token.is_some_and(|token| token.many) && places.insert((pattern, at + 1)) {
                open.push((pattern, at + 1));
            }
        }
        places
    }

    fn is_accepted(&self, places: &Places) -> bool {
        places.iter().any(|&(pattern, at)| self.union.get(pattern).is_some_and(|tokens| tokens.len() == at))
    }
}

/// Returns one character of each sort that the patterns can tell apart.
fn letters(union: &[&[Token]], inner: &[Token], fold: bool) -> Vec<char> {
    let mut letters = BTreeSet::from([STRANGER]);
    for token in union.iter().copied().flatten().chain(inner) {
        match token.class {
            Class::Only(c) if fold => letters.insert(c.to_ascii_lowercase()),
            Class::Only(c) | Class::Except(Some(c)) => letters.insert(c),
            Class::Except(None) => false,
        };
    }
    letters.into_iter().collect()
}
