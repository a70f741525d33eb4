//! Sorted lines of embedded text, searched in place: nothing is parsed before it is asked for.

use std::cmp::Ordering;

/// A text of lines sorted by their first field without regard to case, below a header of lines that begin with `#`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    header: &'static str,
    body: &'static str,
}

impl Table {
    pub(super) fn new(text: &'static str) -> Self {
        let header: usize =
            text.split_inclusive('\n').take_while(|line| line.starts_with('#')).map(str::len).sum();
        let (header, body) = text.split_at_checked(header).unwrap_or(("", text));
        Self { header, body }
    }

    /// Returns what the header says about a name: `# name: value`.
    pub(super) fn about(&self, name: &str) -> &'static str {
        let value = |line: &'static str| {
            line.strip_prefix("# ")?.strip_prefix(name)?.strip_prefix(": ").map(str::trim_end)
        };
        self.header.lines().find_map(value).unwrap_or("")
    }

    /// Returns the line with this first field.
    pub(super) fn get(&self, key: &str) -> Option<Line> {
        self.from(key).next().filter(|line| line.key.eq_ignore_ascii_case(key))
    }

    /// Returns the lines whose first field begins with a text.
    pub(super) fn starting_with<'a>(&self, prefix: &'a str) -> impl Iterator<Item = Line> + use<'a> {
        let begins = move |line: &Line| {
            line.key.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        self.from(prefix).take_while(begins)
    }

    /// Returns the lines from the first one that is not before a text.
    pub(super) fn from(&self, key: &str) -> impl Iterator<Item = Line> + use<> {
        let (mut low, mut high) = (0, self.body.len());
        // `low` and `high` are always starts of lines, or the end.
        while low < high {
            let middle = self.line_start(low + (high - low) / 2);
            let Some(line) = self.line_at(middle) else { break };
            if compare(line.key, key) == Ordering::Less {
                low = middle + line.length;
            } else {
                high = middle;
            }
        }
        let rest = self.body.get(low..).unwrap_or("");
        rest.split_inclusive('\n').filter_map(Line::read)
    }

    fn line_start(&self, at: usize) -> usize {
        self.body.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
    }

    fn line_at(&self, at: usize) -> Option<Line> {
        self.body.get(at..)?.split_inclusive('\n').next().and_then(Line::read)
    }
}

/// A line of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) key: &'static str,
    pub(super) rest: &'static str,
    length: usize,
}

impl Line {
    fn read(text: &'static str) -> Option<Self> {
        let (key, rest) = text.trim_end().split_once('\t').unwrap_or((text.trim_end(), ""));
        (!key.is_empty()).then_some(Self { key, rest, length: text.len() })
    }
}

fn compare(a: &str, b: &str) -> Ordering {
    a.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# source: here\n# date: today\na:One\tR\na:two\tW\tx\nB:three\nc:four\n";

    fn keys(lines: impl Iterator<Item = Line>) -> Vec<&'static str> {
        lines.map(|line| line.key).collect()
    }

    #[test]
    fn lines_are_found_without_regard_to_case() {
        let table = Table::new(TEXT);
        assert_eq!(table.about("source"), "here");
        assert_eq!(table.about("licence"), "");
        for (key, rest) in [("A:ONE", Some("R")), ("a:two", Some("W\tx")), ("b:Three", Some("")), ("a", None)]
        {
            assert_eq!(table.get(key).map(|line| line.rest), rest, "{key}");
        }
        assert_eq!(keys(table.starting_with("A:")), ["a:One", "a:two"]);
        assert_eq!(keys(table.starting_with("d")), [""; 0]);
        assert_eq!(keys(table.from("a:p")), ["a:two", "B:three", "c:four"]);
        assert_eq!(keys(Table::new("").from("a")), [""; 0]);
    }
}
