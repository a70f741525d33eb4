//! Rust source as a flat list of tokens, so that a rule is a short scan.
//!
//! Comments are gone and strings are single literals; doc comments are `#[doc = "..."]` as the compiler sees them.
//! Tokens inside macro calls are there too, which a syntax tree would hide.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Ident(String),
    Punct(char),
    Literal,
    /// An opening bracket and the index of its closing one.
    Open(Delimiter, usize),
    Close,
}

/// One token with its place.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Line, from 1.
    pub(crate) line: usize,
    /// Inside an item under `#[cfg(test)]`.
    pub(crate) in_test: bool,
}

impl Token {
    /// True for this identifier or keyword.
    pub(crate) fn is_ident(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Ident(ident) if ident == name)
    }

    /// True for this punctuation character.
    pub(crate) fn is_punct(&self, ch: char) -> bool {
        self.kind == Kind::Punct(ch)
    }

    /// Returns the closing index if this opens the given kind of bracket.
    pub(crate) fn opens(&self, delimiter: Delimiter) -> Option<usize> {
        match self.kind {
            Kind::Open(found, close) if found == delimiter => Some(close),
            _ => None,
        }
    }

    /// Returns the identifier's text.
    pub(crate) fn ident(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ident(name) => Some(name),
            _ => None,
        }
    }
}

/// Splits a source text into tokens, or says at which line it stops being Rust.
pub(crate) fn tokenize(text: &str) -> Result<Vec<Token>, (usize, String)> {
    let stream: TokenStream = text
        .parse()
        .map_err(|error: proc_macro2::LexError| (error.span().start().line, error.to_string()))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    mark_tests(&mut tokens);
    Ok(tokens)
}

/// Returns true if the tokens from `start` are these words: identifiers, or single punctuation characters.
pub(crate) fn matches_at(tokens: &[Token], start: usize, words: &[&str]) -> bool {
    words.iter().enumerate().all(|(offset, word)| {
        tokens.get(start + offset).is_some_and(|token| match &token.kind {
            Kind::Ident(name) => name == word,
            Kind::Punct(ch) => word.chars().eq([*ch]),
            _ => false,
        })
    })
}

/// Returns the index of the last token of the item that starts at `start`: its `;` or its closing brace.
pub(crate) fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        match token.kind {
            Kind::Open(Delimiter::Brace, close) => return close,
            Kind::Open(_, close) => at = close + 1,
            Kind::Punct(';') | Kind::Close => return at,
            _ => at += 1,
        }
    }
    tokens.len()
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let plain = |kind| Token { kind, line, in_test: false };
        match tree {
            TokenTree::Ident(ident) => tokens.push(plain(Kind::Ident(ident.to_string()))),
            TokenTree::Punct(punct) => tokens.push(plain(Kind::Punct(punct.as_char()))),
            TokenTree::Literal(_) => tokens.push(plain(Kind::Literal)),
            TokenTree::Group(group) => {
                let open = tokens.len();
                tokens.push(plain(Kind::Open(group.delimiter(), open)));
                flatten(group.stream(), tokens);
                let close = tokens.len();
                let close_line = group.span_close().end().line;
                tokens.push(Token { kind: Kind::Close, line: close_line, in_test: false });
                if let Some(token) = tokens.get_mut(open) {
                    token.kind = Kind::Open(group.delimiter(), close);
                }
            }
        }
    }
}

/// Marks every item under `#[cfg(test)]`, and the whole file under `#![cfg(test)]`.
fn mark_tests(tokens: &mut [Token]) {
    let mut at = 0;
    while at < tokens.len() {
        let inner = matches_at(tokens, at, &["#", "!"]);
        let bracket = if inner { at + 2 } else { at + 1 };
        let attribute =
            matches_at(tokens, at, &["#"]).then(|| tokens.get(bracket)?.opens(Delimiter::Bracket)).flatten();
        let Some(close) = attribute else {
            at += 1;
            continue;
        };
        if is_cfg_test(tokens, bracket + 1) {
            let last =
                if inner { tokens.len() } else { item_end(tokens, after_attributes(tokens, close + 1)) };
            for token in tokens.iter_mut().take(last + 1).skip(at) {
                token.in_test = true;
            }
        }
        at = close + 1;
    }
}

fn after_attributes(tokens: &[Token], mut at: usize) -> usize {
    while matches_at(tokens, at, &["#"]) {
        match tokens.get(at + 1).and_then(|token| token.opens(Delimiter::Bracket)) {
            Some(close) => at = close + 1,
            None => break,
        }
    }
    at
}

/// `cfg(test)` and `cfg(all(test, ...))`; `any(test, ...)` also compiles outside tests and does not count.
fn is_cfg_test(tokens: &[Token], at: usize) -> bool {
    matches_at(tokens, at, &["cfg"])
        && (matches_at(tokens, at + 2, &["test"])
            || (matches_at(tokens, at + 2, &["all"]) && matches_at(tokens, at + 4, &["test"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested(text: &str, name: &str) -> bool {
        let tokens = tokenize(text).unwrap();
        tokens.iter().find(|token| token.is_ident(name)).unwrap().in_test
    }

    #[test]
    fn only_items_under_cfg_test_are_tests() {
        for (text, expected) in [
            ("#[cfg(test)]\nmod tests { fn x() {} }", true),
            ("#[cfg(test)] #[allow(dead_code)] fn f() { x }", true),
            ("#[cfg(test)] use a::x;", true),
            ("#[cfg(all(test, unix))] fn f([a]: [u8; 1]) { x }", true),
            ("#![cfg(test)]\nfn x() {}", true),
            ("#[cfg(test)] mod tests {}\nfn x() {}", false),
            ("#[cfg(test)] mod tests;\nfn x() {}", false),
            ("#[cfg(any(test, feature = \"f\"))] fn x() {}", false),
            ("#[test] fn x() {}", false),
            ("fn x() {}", false),
        ] {
            assert_eq!(tested(text, "x"), expected, "{text}");
        }
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        let tokens = tokenize("// now()\n/* now() */ const A: &str = \"now()\"; fn b() {}").unwrap();
        assert!(!tokens.iter().any(|token| token.is_ident("now")));
        assert_eq!(tokens.iter().find(|token| token.is_ident("b")).unwrap().line, 2);
    }

    #[test]
    fn brackets_know_their_mate() {
        let tokens = tokenize("fn a() {\n  b([1]);\n}\n").unwrap();
        let open = tokens.iter().position(|token| token.opens(Delimiter::Brace).is_some()).unwrap();
        let close = tokens[open].opens(Delimiter::Brace).unwrap();
        assert_eq!((tokens[open].line, tokens[close].line, close), (1, 3, tokens.len() - 1));
        assert_eq!(item_end(&tokens, 0), close);
    }
}
