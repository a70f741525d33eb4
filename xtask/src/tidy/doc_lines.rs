//! The first line of a public item's documentation is one whole sentence that says what the item is or does.

use proc_macro2::Delimiter;

use super::{
    Fault, Project,
    project::File,
    tokens::{Token, item_end, matches_at},
};

const ITEMS: [&str; 10] = ["fn", "struct", "enum", "trait", "mod", "const", "static", "type", "union", "use"];
const QUALIFIERS: [&str; 4] = ["async", "const", "unsafe", "extern"];

/// Ends of words after which a full stop does not end the sentence.
const ABBREVIATIONS: [&str; 5] = ["e.g", "i.e", "vs", "cf", "etc"];

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in project.rust_files().filter(|file| !file.is_test()) {
        let mut trait_end = 0;
        for (at, token) in file.tokens.iter().enumerate().filter(|(_, token)| !token.in_test) {
            let public = token.is_ident("pub") && is_public_item(&file.tokens, at);
            if public && matches_at(&file.tokens, at + 1, &["trait"]) {
                trait_end = item_end(&file.tokens, at);
            }
            let method = at < trait_end && token.is_ident("fn");
            if !public && !method {
                continue;
            }
            let Some(line) = first_doc_line(file, at) else {
                continue;
            };
            if let Some(fault) = fault_of(file.line(line)) {
                faults.push(Fault::new(&file.path, line, fault));
            }
        }
    }
    faults
}

/// `pub` in front of an item; not `pub(crate)`, and not a field.
fn is_public_item(tokens: &[Token], at: usize) -> bool {
    let Some(next) = tokens.get(at + 1).and_then(Token::ident) else {
        return false;
    };
    ITEMS.contains(&next) || QUALIFIERS.contains(&next)
}

/// Walks back over the attributes of the item at `at` to the first line of its documentation.
fn first_doc_line(file: &File, at: usize) -> Option<usize> {
    let mut first = None;
    let mut end = at;
    while let Some((hash, open)) = attribute_before(&file.tokens, end) {
        if matches_at(&file.tokens, open + 1, &["doc", "="]) {
            let line = file.tokens.get(hash)?.line;
            // `#[doc = include_str!(..)]` and the like have no sentence here.
            if file.line(line).trim_start().starts_with("///") {
                first = Some(line);
            }
        }
        end = hash;
    }
    first
}

/// Finds the attribute that ends just before `end`: the indices of its `#` and its `[`.
fn attribute_before(tokens: &[Token], end: usize) -> Option<(usize, usize)> {
    let close = end.checked_sub(1)?;
    let mut open = close.checked_sub(1)?;
    while tokens.get(open)?.opens(Delimiter::Bracket) != Some(close) {
        open = open.checked_sub(1)?;
    }
    let hash = open.checked_sub(1)?;
    tokens.get(hash)?.is_punct('#').then_some((hash, open))
}

fn fault_of(line: &str) -> Option<&'static str> {
    let text = line.trim().trim_start_matches("///").trim();
    let first = text.chars().next()?;
    if first.is_lowercase() {
        return Some("the first line starts in lower case (start a sentence)");
    }
    if text.starts_with("This ") {
        return Some("the first line starts with \"This\" (start with the verb or the thing itself)");
    }
    if !text.ends_with('.') {
        return Some("the first line is no whole sentence (one line, ended with a full stop)");
    }
    if has_inner_stop(text) {
        return Some("the first line is more than one sentence (start the next one on a new line)");
    }
    None
}

fn has_inner_stop(text: &str) -> bool {
    text.match_indices(". ").any(|(at, _)| {
        let (before, after) = text.split_at(at);
        let word = before.rsplit([' ', '(']).next().unwrap_or("");
        let next = after.trim_start_matches(['.', ' ']).chars().next();
        !ABBREVIATIONS.contains(&word) && next.is_some_and(char::is_uppercase)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        check(&Project::of(&[("axess/a/src/a.rs", text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_fault_of_a_first_line_is_found() {
        for (line, expected) in [
            ("Returns the name.", ""),
            ("`Clock` is a thing, e.g. A.", ""),
            ("A limit of 8.5 s (RFC 6238, section 4).", ""),
            ("returns the name.", "lower case"),
            ("This returns the name.", "\"This\""),
            ("Returns the name", "no whole sentence"),
            ("Returns the name:", "no whole sentence"),
            ("Returns the name. Never fails.", "more than one sentence"),
        ] {
            let found = faults(&format!("/// {line}\n///\n/// more\npub fn a() {{}}\n"));
            assert_eq!(found.len(), usize::from(!expected.is_empty()), "{line}: {found:?}");
            assert!(
                found
                    .iter()
                    .all(|fault| fault.starts_with("axess/a/src/a.rs:1:") && fault.contains(expected))
            );
        }
    }

    #[test]
    fn public_items_of_every_kind_are_read() {
        for item in [
            "pub fn a() {}",
            "#[must_use]\npub const fn a() {}",
            "pub async fn a() {}",
            "#[derive(Debug)]\npub struct A;",
            "pub enum A {}",
            "pub trait A {}",
            "pub const A: u8 = 1;",
            "pub type A = u8;",
        ] {
            assert_eq!(faults(&format!("/// bad\n{item}\n")).len(), 1, "{item}");
            assert_eq!(faults(&format!("macro! {{\n/// bad\n{item}\n}}")).len(), 1, "{item} in a macro");
        }
        assert_eq!(faults("/// Good.\npub trait A {\n    /// bad\n    fn a();\n}\n").len(), 1);
    }

    #[test]
    fn private_items_fields_and_tests_are_free() {
        for text in [
            "/// bad\nfn a() {}",
            "/// bad\npub(crate) fn a() {}",
            "/// Good.\npub struct A {\n    /// bad\n    pub a: u8,\n}",
            "#[cfg(test)]\nmod tests {\n    /// bad\n    pub fn a() {}\n}",
            "pub fn undocumented() {}",
        ] {
            assert_eq!(faults(text), [""; 0], "{text}");
        }
    }
}
