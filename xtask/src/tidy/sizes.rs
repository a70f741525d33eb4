//! A file fits a screen or ten, a function one and a half; `xtask/sizes.toml` names the exceptions.

use proc_macro2::Delimiter;
use serde::Deserialize;

use super::{Fault, Project, project::File};

/// Lines a Rust file may have.
const MAX_FILE_LINES: usize = 400;
/// Lines a function may have, from `fn` to its closing brace.
const MAX_FUNCTION_LINES: usize = 70;

const LIST: &str = "xtask/sizes.toml";

/// The exceptions as written in `sizes.toml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    #[serde(default)]
    file: Vec<Exception>,
    #[serde(default)]
    function: Vec<Exception>,
}

/// A larger limit for one file, or for one function of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    path: String,
    #[serde(default)]
    name: Option<String>,
    max: usize,
    reason: String,
}

struct Measured {
    line: usize,
    name: String,
    lines: usize,
}

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let sizes: Sizes = match project.file(LIST).map(|list| toml::from_str(&list.text)) {
        None => Sizes::default(),
        Some(Ok(sizes)) => sizes,
        Some(Err(error)) => return vec![Fault::new(LIST, 1, format!("not understood: {error}"))],
    };
    let mut faults = Vec::new();
    for file in project.rust_files() {
        let lines = file.text.lines().count();
        let excused = sizes.file.iter().find(|entry| entry.path == file.path);
        if lines > excused.map_or(MAX_FILE_LINES, |entry| entry.max) {
            let message = format!(
                "{lines} lines, more than {MAX_FILE_LINES} (split it by verb, or move its tests out)"
            );
            faults.push(Fault::new(&file.path, 1, message));
        }
        for function in functions(file) {
            let of_it =
                |entry: &&Exception| entry.path == file.path && entry.name.as_ref() == Some(&function.name);
            let excused = sizes.function.iter().find(of_it);
            if function.lines > excused.map_or(MAX_FUNCTION_LINES, |entry| entry.max) {
                let Measured { line, name, lines } = function;
                let message =
                    format!("`{name}` has {lines} lines, more than {MAX_FUNCTION_LINES} (name its parts)");
                faults.push(Fault::new(&file.path, line, message));
            }
        }
    }
    exceptions(project, &sizes, &mut faults);
    faults
}

/// An exception has a reason and is still needed.
fn exceptions(project: &Project, sizes: &Sizes, faults: &mut Vec<Fault>) {
    let at = |entry: &Exception| project.file(LIST).map_or(1, |list| list.line_of(&entry.path));
    let all = sizes.file.iter().chain(&sizes.function);
    for entry in all.filter(|entry| entry.reason.trim().is_empty()) {
        faults.push(Fault::new(LIST, at(entry), "an exception without a reason (say why, or split it)"));
    }
    for entry in &sizes.file {
        let lines = project.file(&entry.path).map_or(0, |file| file.text.lines().count());
        if lines <= MAX_FILE_LINES {
            let message = format!("`{}` no longer needs an exception (take it out)", entry.path);
            faults.push(Fault::new(LIST, at(entry), message));
        }
    }
    for entry in &sizes.function {
        let longest = project
            .file(&entry.path)
            .map(functions)
            .unwrap_or_default()
            .into_iter()
            .filter(|function| entry.name.as_ref() == Some(&function.name))
            .map(|function| function.lines)
            .max();
        if longest.unwrap_or(0) <= MAX_FUNCTION_LINES {
            let name = entry.name.as_deref().unwrap_or("?");
            let message = format!("`{name}` in `{}` no longer needs an exception (take it out)", entry.path);
            faults.push(Fault::new(LIST, at(entry), message));
        }
    }
}

/// Measures every function with a body, wherever it stands: free, in an impl, in a macro call.
fn functions(file: &File) -> Vec<Measured> {
    let tokens = &file.tokens;
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.is_ident("fn")) {
        let Some(name) = tokens.get(at + 1).and_then(|next| next.ident()) else {
            continue;
        };
        let end = super::tokens::item_end(tokens, at);
        let has_body = tokens.iter().any(|open| open.opens(Delimiter::Brace) == Some(end));
        if let Some(last) = tokens.get(end).filter(|_| has_body) {
            found.push(Measured {
                line: token.line,
                name: name.to_owned(),
                lines: last.line + 1 - token.line,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        check(&Project::of(files)).iter().map(ToString::to_string).collect()
    }

    fn function_of(lines: usize) -> String {
        format!("impl A {{\n    fn long(&self) {{\n{}    }}\n}}\n", "        b();\n".repeat(lines - 2))
    }

    #[test]
    fn a_file_over_the_limit_fails() {
        assert_eq!(faults(&[("a.rs", &"//\n".repeat(MAX_FILE_LINES))]), [""; 0]);
        let found = faults(&[("a.rs", &"//\n".repeat(MAX_FILE_LINES + 1))]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.rs:1: 401 lines"), "{found:?}");
    }

    #[test]
    fn a_function_over_the_limit_fails() {
        assert_eq!(faults(&[("a.rs", &function_of(MAX_FUNCTION_LINES))]), [""; 0]);
        let found = faults(&[("a.rs", &function_of(MAX_FUNCTION_LINES + 1))]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.rs:2: `long` has 71 lines"), "{found:?}");
    }

    #[test]
    fn a_declaration_without_a_body_has_no_length() {
        let text =
            format!("trait A {{\n    fn a();\n{}    fn b() {{}}\n}}\n", "\n".repeat(MAX_FUNCTION_LINES));
        assert_eq!(faults(&[("a.rs", &text)]), [""; 0]);
    }

    #[test]
    fn an_exception_raises_the_limit_to_its_own() {
        let list = "[[function]]\npath = \"a.rs\"\nname = \"long\"\nmax = 80\nreason = \"one table\"\n";
        assert_eq!(faults(&[("a.rs", &function_of(80)), (LIST, list)]), [""; 0]);
        assert_eq!(faults(&[("a.rs", &function_of(81)), (LIST, list)]).len(), 1);
        let list = "[[file]]\npath = \"a.rs\"\nmax = 500\nreason = \"one table\"\n";
        assert_eq!(faults(&[("a.rs", &"//\n".repeat(500)), (LIST, list)]), [""; 0]);
        assert_eq!(faults(&[("a.rs", &"//\n".repeat(501)), (LIST, list)]).len(), 1);
    }

    #[test]
    fn an_exception_without_need_or_reason_fails() {
        let list = "[[file]]\npath = \"a.rs\"\nmax = 500\nreason = \"once\"\n[[function]]\npath = \"a.rs\"\nname = \"f\"\nmax = 80\nreason = \"once\"\n";
        assert_eq!(faults(&[("a.rs", "fn f() {}\n"), (LIST, list)]).len(), 2);
        let list = "[[file]]\npath = \"a.rs\"\nmax = 500\nreason = \"\"\n";
        assert_eq!(faults(&[("a.rs", &"//\n".repeat(450)), (LIST, list)]).len(), 1);
    }
}
