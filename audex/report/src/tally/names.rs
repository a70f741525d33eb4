use std::collections::HashMap;

/// How many names are counted each; those that come later are counted together.
pub(crate) const MAX_NAMES: usize = 2_000;

/// The longest name that is kept, in bytes; the middle of a longer one is left out.
const MAX_NAME: usize = 160;

/// Counts by name, of a bounded number of names.
#[derive(Clone)]
pub(crate) struct Names<const N: usize> {
    counts: HashMap<String, [u64; N]>,
    others: [u64; N],
}

/// The names with the greatest counts, and the rest together.
pub(crate) struct Top<'a, const N: usize> {
    pub(crate) rows: Vec<(&'a str, [u64; N])>,
    /// How many names there are beside; at least, when not each was counted.
    pub(crate) more: u64,
    pub(crate) rest: [u64; N],
    /// Whether each name was counted for itself.
    pub(crate) is_exact: bool,
}

impl<const N: usize> Names<N> {
    pub(crate) fn new() -> Self {
        Self { counts: HashMap::new(), others: [0; N] }
    }

    /// Counts one in a column.
    pub(crate) fn count(&mut self, name: &str, column: usize) {
        let name = shortened(name);
        let is_new = !self.counts.contains_key(&*name);
        let counts = if is_new && self.counts.len() >= MAX_NAMES {
            &mut self.others
        } else {
            self.counts.entry(name.into_owned()).or_insert([0; N])
        };
        if let Some(count) = counts.get_mut(column) {
            *count += 1;
        }
    }

    /// Returns the first of the names, by the sum of their counts and then by name.
    pub(crate) fn top(&self, most: usize) -> Top<'_, N> {
        let mut rows: Vec<(&str, [u64; N])> =
            self.counts.iter().map(|(name, counts)| (name.as_str(), *counts)).collect();
        let sum = |counts: &[u64; N]| counts.iter().sum::<u64>();
        rows.sort_unstable_by(|(one, counts), (other, others)| {
            sum(others).cmp(&sum(counts)).then_with(|| one.cmp(other))
        });
        let rest = rows.iter().skip(most).fold(self.others, |mut rest, (_, counts)| {
            rest.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
            rest
        });
        let more = rows.len().saturating_sub(most);
        rows.truncate(most);
        let is_exact = sum(&self.others) == 0;
        let more = u64::try_from(more).unwrap_or(u64::MAX) + u64::from(!is_exact);
        Top { rows, more, rest, is_exact }
    }
}

/// Leaves the middle of a long name out, where names that differ mostly do not.
fn shortened(name: &str) -> std::borrow::Cow<'_, str> {
    if name.len() <= MAX_NAME {
        return name.into();
    }
    let half = MAX_NAME / 2 - 2;
    let start = name.floor_char_boundary(half);
    let end = name.ceil_char_boundary(name.len() - half);
    let (start, end) = (name.get(..start).unwrap_or_default(), name.get(end..).unwrap_or_default());
    format!("{start}…{end}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_are_shown_and_none_is_forgotten() {
        let mut names = Names::<2>::new();
        for _ in 0..3 {
            names.count("b", 0);
        }
        names.count("a", 0);
        names.count("c", 1);
        let top = names.top(2);
        assert_eq!(top.rows, [("b", [3, 0]), ("a", [1, 0])]);
        assert_eq!((top.more, top.rest, top.is_exact), (1, [0, 1], true));
    }

    #[test]
    fn names_are_bounded_in_number_and_length() {
        let mut names = Names::<1>::new();
        for number in 0..3 * MAX_NAMES {
            names.count(&format!("{number:>2000}é"), 0);
        }
        let top = names.top(5);
        assert_eq!(names.counts.len(), MAX_NAMES);
        assert!(top.rows.iter().all(|(name, _)| name.len() <= MAX_NAME), "{:?}", top.rows);
        assert!(!top.is_exact);
        assert_eq!(top.rest[0] + 5, 3 * MAX_NAMES as u64);
        assert_eq!(shortened(&"é".repeat(200)), format!("{0}…{0}", "é".repeat(39)));
    }
}
