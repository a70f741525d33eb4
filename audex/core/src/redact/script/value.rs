//! Where a value ends.

use super::{ends_command, ends_word};

/// What a value reaches to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The end of its word.
    Word,
    /// The end of its line, command or quote: a header.
    Rest,
    /// The end of the item of a list or map.
    Item,
}

/// A quote, with or without a backslash before it, which is a quote for a script in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    sign: char,
    is_escaped: bool,
}

impl Quote {
    /// Returns how many bytes it has.
    pub(super) const fn length(self) -> usize {
        if self.is_escaped { 2 } else { 1 }
    }
}

/// The quotes that are open, the innermost last.
#[derive(Debug, Clone, Default)]
pub(super) struct Quotes(Vec<Quote>);

impl Quotes {
    /// Says whether none is open.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the quote that stands here.
    pub(super) fn token(&self, rest: &str) -> Option<Quote> {
        let mut chars = rest.chars();
        let is_quote = |c: &char| matches!(c, '"' | '\'');
        match chars.next()? {
            '\\' if !self.0.is_empty() => {
                chars.next().filter(is_quote).map(|sign| Quote { sign, is_escaped: true })
            }
            sign => is_quote(&sign).then_some(Quote { sign, is_escaped: false }),
        }
    }

    /// Says whether this one ends one that is open, with those in it.
    pub(super) fn ends_with(&self, token: Quote) -> bool {
        self.0.contains(&token)
    }

    /// Says whether an open one ends here.
    pub(super) fn ends_here(&self, rest: &str) -> bool {
        self.token(rest).is_some_and(|token| self.ends_with(token))
    }

    /// Opens it, or ends it and those in it.
    pub(super) fn turn(&mut self, token: Quote) {
        match self.0.iter().rposition(|open| *open == token) {
            Some(at) => self.0.truncate(at),
            None => self.0.push(token),
        }
    }

    /// Passes over a text.
    pub(super) fn pass(&mut self, mut text: &str) {
        while let Some(c) = text.chars().next() {
            let token = self.token(text);
            if let Some(token) = token {
                self.turn(token);
            }
            text = text.get(token.map_or(c.len_utf8(), Quote::length)..).unwrap_or("");
        }
    }
}

/// Returns where the value ends that begins at `begin`.
///
/// What a shell would run inside is never part of it.
pub(super) fn end_of_value(text: &str, begin: usize, quotes: &mut Quotes, extent: Extent) -> usize {
    let mut open = quotes.clone();
    let depth = open.0.len();
    let (mut at, mut first) = (begin, None);
    while let Some(rest) = text.get(at..)
        && let Some(c) = rest.chars().next()
    {
        // Single quotes of the value's own keep a shell from running what is in them.
        let is_plain = depth == 0 && open.0.first().is_some_and(|open| open.sign == '\'');
        if (c == '`' || rest.starts_with("$(")) && !is_plain {
            *quotes = open;
            return at;
        }
        if let Some(token) = open.token(rest) {
            let closes = open.0.iter().rposition(|open| *open == token);
            if closes.is_some_and(|at| at < depth) {
                return trimmed(text, begin, at, extent);
            }
            open.turn(token);
            at += token.length();
            if open.0.len() == depth && extent == Extent::Item {
                return at;
            }
            continue;
        }
        let ends = match extent {
            Extent::Word => ends_word(rest),
            Extent::Item => ends_word(rest) || matches!(c, ',' | '}' | ']'),
            Extent::Rest => matches!(c, '\n' | '\r') || (depth == 0 && ends_command(rest)),
        };
        if ends {
            first.get_or_insert(at);
            if open.0.len() == depth {
                return trimmed(text, begin, at, extent);
            }
        }
        let escaped = if c == '\\' && !is_plain { rest.chars().nth(1).map_or(0, char::len_utf8) } else { 0 };
        at += c.len_utf8() + escaped;
    }
    // A quote that is never closed is a character like others.
    let end = if open.0.len() > depth { first.unwrap_or(text.len()) } else { text.len() };
    trimmed(text, begin, end, extent)
}

/// Leaves out the spaces before what ends a header.
fn trimmed(text: &str, begin: usize, end: usize, extent: Extent) -> usize {
    match (extent, text.get(begin..end)) {
        (Extent::Rest, Some(value)) => begin + value.trim_end().len(),
        _ => end,
    }
}
