//! What two patterns have in common.

use std::collections::HashSet;

use super::{Glob, Token, covers_within};

/// How many patterns an intersection may need.
const MAX_PARTS: usize = 64;

/// Tells whether some string is in both sets. Exact.
pub(crate) fn intersects(a: &Glob, b: &Glob) -> bool {
    if a.is_literal() {
        return b.matches(&a.to_string());
    }
    if b.is_literal() {
        return a.matches(&b.to_string());
    }
    match between_ends(a.tokens(), b.tokens(), a.folds()) {
        Some((a_rest, b_rest)) => Table::new(a_rest, b_rest, a.folds()).is_open(0, 0),
        None => false,
    }
}

/// Returns what is left of both when the single characters at their ends are laid over each other, or nothing when those
/// differ. Most patterns have long ends in common, and the table grows with the product of the lengths.
fn between_ends<'a>(
    mut a: &'a [Token],
    mut b: &'a [Token],
    fold: bool,
) -> Option<(&'a [Token], &'a [Token])> {
    while let ([x, a_rest @ ..], [y, b_rest @ ..]) = (a, b) {
        if x.many || y.many {
            break;
        }
        x.class.and(y.class, fold)?;
        (a, b) = (a_rest, b_rest);
    }
    while let ([a_rest @ .., x], [b_rest @ .., y]) = (a, b) {
        if x.many || y.many {
            break;
        }
        x.class.and(y.class, fold)?;
        (a, b) = (a_rest, b_rest);
    }
    Some((a, b))
}

/// Returns patterns whose union is exactly what both sets have in common, or nothing when there are too many or the
/// effort is used up.
pub(crate) fn intersection(a: &Glob, b: &Glob, left: &mut usize) -> Option<Vec<Glob>> {
    if !intersects(a, b) {
        return Some(Vec::new());
    }
    if covers_within(std::slice::from_ref(b), a, left) == Some(true) {
        return Some(vec![a.clone()]);
    }
    if covers_within(std::slice::from_ref(a), b, left) == Some(true) {
        return Some(vec![b.clone()]);
    }
    let table = Table::new(a.tokens(), b.tokens(), a.folds());
    let mut walk = Walk { table, left, found: HashSet::new(), path: Vec::new() };
    walk.follow(0, 0)?;
    let found = walk.found.into_iter().collect();
    reduced(found, left)
}

/// Keeps the patterns that no other one contains, in a fixed order.
fn reduced(mut globs: Vec<Glob>, left: &mut usize) -> Option<Vec<Glob>> {
    globs.sort_by_cached_key(|glob| (glob.len(), glob.to_string()));
    let mut kept: Vec<Glob> = Vec::new();
    for (at, glob) in globs.iter().enumerate() {
        let mut is_inside = |inner: &Glob, outer: &Glob| {
            let inside = covers_within(std::slice::from_ref(outer), inner, left);
            // Without the effort to compare, which of them stay would be left to chance.
            (*left > 0).then_some(inside == Some(true))
        };
        let mut is_needed = true;
        for other in &kept {
            is_needed &= !is_inside(glob, other)?;
        }
        // Of two patterns for one set, the first stays.
        for other in globs.iter().skip(at + 1) {
            is_needed &= !is_inside(glob, other)? || is_inside(other, glob)?;
        }
        if is_needed {
            kept.push(glob.clone());
        }
    }
    (kept.len() <= MAX_PARTS).then_some(kept)
}

/// For each pair of places whether the rests of both patterns have a string in common.
struct Table<'a> {
    a: &'a [Token],
    b: &'a [Token],
    fold: bool,
    open: Vec<bool>,
}

impl<'a> Table<'a> {
    fn new(a: &'a [Token], b: &'a [Token], fold: bool) -> Self {
        let mut table = Self { a, b, fold, open: vec![false; (a.len() + 1) * (b.len() + 1)] };
        for i in (0..=a.len()).rev() {
            for j in (0..=b.len()).rev() {
                let is_open = table.is_open_from(i, j);
                let at = table.index(i, j);
                if let Some(cell) = table.open.get_mut(at) {
                    *cell = is_open;
                }
            }
        }
        table
    }

    fn index(&self, i: usize, j: usize) -> usize {
        i * (self.b.len() + 1) + j
    }

    fn is_open(&self, i: usize, j: usize) -> bool {
        self.open.get(self.index(i, j)) == Some(&true)
    }

    fn is_open_from(&self, i: usize, j: usize) -> bool {
        match (self.a.get(i), self.b.get(j)) {
            (None, None) => true,
            (Some(x), None) => x.many && self.is_open(i + 1, j),
            (None, Some(y)) => y.many && self.is_open(i, j + 1),
            (Some(x), Some(y)) => {
                x.many && self.is_open(i + 1, j)
                    || y.many && self.is_open(i, j + 1)
                    || !(x.many && y.many)
                        && x.class.and(y.class, self.fold).is_some()
                        && self.is_open(i + usize::from(!x.many), j + usize::from(!y.many))
            }
        }
    }
}

/// Collects the pattern of each way through both.
struct Walk<'a> {
    table: Table<'a>,
    left: &'a mut usize,
    found: HashSet<Glob>,
    path: Vec<Token>,
}

impl Walk<'_> {
    fn follow(&mut self, i: usize, j: usize) -> Option<()> {
        *self.left = self.left.checked_sub(1)?;
        if self.found.len() > MAX_PARTS * 8 {
            return None;
        }
        if !self.table.is_open(i, j) {
            return Some(());
        }
        match (self.table.a.get(i).copied(), self.table.b.get(j).copied()) {
            (None, None) => self.keep(),
            (Some(_), None) => self.follow(i + 1, j)?,
            (None, Some(_)) => self.follow(i, j + 1)?,
            (Some(x), Some(y)) => self.both(i, j, x, y)?,
        }
        Some(())
    }

    fn both(&mut self, i: usize, j: usize, x: Token, y: Token) -> Option<()> {
        let class = x.class.and(y.class, self.table.fold);
        if x.many && y.many {
            let length = self.path.len();
            self.path.extend(class.map(|class| Token { class, many: true }));
            self.follow(i + 1, j)?;
            self.follow(i, j + 1)?;
            self.path.truncate(length);
            return Some(());
        }
        if x.many {
            self.follow(i + 1, j)?;
        }
        if y.many {
            self.follow(i, j + 1)?;
        }
        if let Some(class) = class {
            self.path.push(Token { class, many: false });
            self.follow(i + usize::from(!x.many), j + usize::from(!y.many))?;
            self.path.pop();
        }
        Some(())
    }

    fn keep(&mut self) {
        let glob = Glob::new(self.path.clone(), self.table.fold);
        // Two spellings of one set: the smaller one stays, whatever the order they were found in.
        match self.found.take(&glob) {
            Some(other) if other.to_string() < glob.to_string() => self.found.insert(other),
            _ => self.found.insert(glob),
        };
    }
}
