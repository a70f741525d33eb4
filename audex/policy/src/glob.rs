//! Wildcard patterns as sets of strings.

mod cover;
mod meet;
#[cfg(test)]
mod tests;

pub(crate) use cover::{EFFORT, covers, covers_within};
pub(crate) use meet::{intersection, intersects};

/// What one place of a pattern accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    /// This character.
    Only(char),
    /// Any character, or any but the separator that a wildcard does not cross.
    Except(Option<char>),
}

impl Class {
    pub(crate) fn accepts(self, c: char, fold: bool) -> bool {
        match self {
            Self::Only(own) => same(own, c, fold),
            Self::Except(separator) => separator != Some(c),
        }
    }

    /// Returns what both accept. Two different separators never meet: patterns of one kind use one separator.
    fn and(self, other: Self, fold: bool) -> Option<Self> {
        match (self, other) {
            (Self::Only(c), _) => other.accepts(c, fold).then_some(self),
            (_, Self::Only(c)) => self.accepts(c, fold).then_some(other),
            (Self::Except(None), _) => Some(other),
            (_, Self::Except(None)) => Some(self),
            (Self::Except(a), Self::Except(b)) => (a == b).then_some(self),
        }
    }
}

/// One place of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token {
    pub(crate) class: Class,
    /// Whether it stands for any number of characters, none included.
    pub(crate) many: bool,
}

impl Token {
    pub(crate) const ANY: Self = Self { class: Class::Except(None), many: true };

    pub(crate) const fn literal(c: char) -> Self {
        Self { class: Class::Only(c), many: false }
    }

    pub(crate) const fn except(separator: Option<char>, many: bool) -> Self {
        Self { class: Class::Except(separator), many }
    }
}

/// A set of strings, given by a sequence of characters and wildcards, in one spelling for each set.
///
/// Comparisons ignore the case of letters where `fold` is set; the spelling is kept for printing.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    tokens: Box<[Token]>,
    fold: bool,
}

impl Glob {
    pub(crate) fn new(tokens: Vec<Token>, fold: bool) -> Self {
        Self { tokens: normal(tokens).into(), fold }
    }

    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub(crate) const fn folds(&self) -> bool {
        self.fold
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(crate) fn token(&self, at: usize) -> Option<Token> {
        self.tokens.get(at).copied()
    }

    pub(crate) fn is_any(&self) -> bool {
        matches!(self.tokens.as_ref(), [token] if *token == Token::ANY)
    }

    pub(crate) fn is_literal(&self) -> bool {
        self.tokens.iter().all(|token| matches!(token.class, Class::Only(_)))
    }

    /// Returns the characters before the first wildcard.
    pub(crate) fn literal_prefix(&self) -> String {
        let only = |token: &Token| match token.class {
            Class::Only(c) => Some(c),
            Class::Except(_) => None,
        };
        self.tokens.iter().map_while(only).collect()
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        // Most texts that do not fit differ at an end.
        let fits = |token: Option<&Token>, c: Option<char>| match token {
            Some(Token { class: Class::Only(own), .. }) => c.is_some_and(|c| same(*own, c, self.fold)),
            _ => true,
        };
        if !fits(self.tokens.first(), text.chars().next())
            || !fits(self.tokens.last(), text.chars().next_back())
        {
            return false;
        }
        // The places of the pattern that the text so far leads to: few, and each once.
        let (mut places, mut next) = (Vec::with_capacity(8), Vec::with_capacity(8));
        self.reach(0, &mut places);
        for c in text.chars() {
            next.clear();
            for &at in &places {
                if let Some(token) = self.token(at).filter(|token| token.class.accepts(c, self.fold)) {
                    self.reach(if token.many { at } else { at + 1 }, &mut next);
                }
            }
            std::mem::swap(&mut places, &mut next);
            if places.is_empty() {
                return false;
            }
        }
        places.contains(&self.len())
    }

    /// Adds a place, and those behind it that are reached without a character.
    fn reach(&self, mut at: usize, places: &mut Vec<usize>) {
        while !places.contains(&at) {
            places.push(at);
            if !self.token(at).is_some_and(|token| token.many) {
                break;
            }
            at += 1;
        }
    }

    /// Returns what two equal sets have in common: the tokens, letters in one case where case does not count.
    fn key(&self) -> impl Iterator<Item = Token> + '_ {
        self.tokens.iter().map(|token| match token.class {
            Class::Only(c) if self.fold => Token::literal(c.to_ascii_lowercase()),
            _ => *token,
        })
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.fold == other.fold && self.key().eq(other.key())
    }
}

impl Eq for Glob {}

impl std::hash::Hash for Glob {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for token in self.key() {
            token.hash(state);
        }
    }
}

impl std::fmt::Display for Glob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut tokens = self.tokens.iter().peekable();
        while let Some(token) = tokens.next() {
            let text = match (token.class, token.many) {
                (Class::Only(c), _) => c,
                // One character that is no slash, then any number of them: one whole segment of a path.
                (Class::Except(Some('/')), false) => {
                    tokens.next_if_eq(&&Token::except(Some('/'), true));
                    '+'
                }
                (Class::Except(_), false) => '?',
                (Class::Except(_), true) => '*',
            };
            std::fmt::Write::write_char(f, text)?;
        }
        Ok(())
    }
}

fn same(a: char, b: char, fold: bool) -> bool {
    if fold { a.eq_ignore_ascii_case(&b) } else { a == b }
}

/// Puts single wildcards before repeated ones, and keeps one repeated wildcard of a row.
fn normal(tokens: Vec<Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let last = out.last().copied();
        match last {
            Some(last) if last.many && last.class == token.class => {
                if !token.many {
                    out.insert(out.len() - 1, token);
                }
            }
            _ => out.push(token),
        }
    }
    out
}
