//! Looks at the text of a file before it is parsed: whether a parser that recurses could run out of stack.

use super::PolicyFault;
use crate::{PolicyFile, SourceKind};

/// How deep brackets may be nested.
const MAX_BRACKETS: usize = 64;
/// The most characters that are part of an operator in one policy: as long may a chain be.
const MAX_OPERATORS: usize = 4_000;
/// The most `if`s in one policy: each may lie in the one before.
const MAX_IFS: usize = 64;

/// Finds the first place where a file passes a limit. JSON is left to its parser, which has a limit of its own.
pub(super) fn fault(file: &PolicyFile) -> Option<PolicyFault> {
    if file.kind() == Some(SourceKind::JsonSchema) {
        return None;
    }
    let schema = file.kind() == Some(SourceKind::CedarSchema);
    let (mut brackets, mut operators, mut ifs) = (0_usize, 0_usize, 0_usize);
    let mut chars = file.text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                // A backslash takes the next character with it.
                while let Some((_, inner)) = chars.next() {
                    match inner {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '/' if chars.peek().is_some_and(|(_, next)| *next == '/') => {
                chars.by_ref().find(|(_, c)| *c == '\n');
            }
            '(' | '[' | '{' => brackets += 1,
            '<' if schema => brackets += 1,
            ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
            '>' if schema => brackets = brackets.saturating_sub(1),
            ';' => (operators, ifs) = (0, 0),
            'i' if is_if(&file.text, at) => ifs += 1,
            '|' | '&' | '+' | '-' | '*' | '.' | '!' | '<' | '>' | '=' => operators += 1,
            _ => {}
        }
        let message = if brackets > MAX_BRACKETS {
            format!("brackets are nested more than {MAX_BRACKETS} deep")
        } else if operators > MAX_OPERATORS {
            format!("one policy has more than {MAX_OPERATORS} characters of operators")
        } else if ifs > MAX_IFS && !schema {
            format!("one policy has more than {MAX_IFS} ifs")
        } else {
            continue;
        };
        return Some(PolicyFault::new(&file.name, message).at(file.line_at(at)));
    }
    None
}

/// Tells whether the word `if` stands at a byte.
fn is_if(text: &str, at: usize) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let rest = text.get(at..).and_then(|text| text.strip_prefix("if"));
    !before.is_some_and(inner) && rest.is_some_and(|rest| !rest.chars().next().is_some_and(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(name: &str, text: &str) -> Option<usize> {
        fault(&PolicyFile { name: name.to_owned(), text: text.to_owned() }).and_then(|fault| fault.line)
    }

    #[test]
    fn brackets_and_chains_are_counted_outside_texts_and_comments() {
        let open = "(".repeat(MAX_BRACKETS);
        let many = "|".repeat(MAX_OPERATORS);
        for (text, line) in [
            (open.clone(), None),
            (format!("\n{open}("), Some(2)),
            (format!("{open})("), None),
            (format!("{open}\"((\\\"((\"\n// ((\n"), None),
            (format!("{open}\"\\\\\"\n("), Some(2)),
            (many.clone(), None),
            (format!("{many}\n|"), Some(2)),
            (format!("{many};\n|"), None),
            (format!("{many}\n\"|\" // |"), None),
            ("if ".repeat(MAX_IFS), None),
            (format!("{}verified ifs _if", "if ".repeat(MAX_IFS)), None),
            (format!("{}\nif", "if ".repeat(MAX_IFS)), Some(2)),
        ] {
            assert_eq!(look("a.cedar", &text), line, "{}", text.len());
        }
        let sets = "Set<".repeat(MAX_BRACKETS + 1);
        assert_eq!(look("a.cedarschema", &sets), Some(1));
        assert_eq!(look("a.cedarschema.json", &sets), None);
    }
}
