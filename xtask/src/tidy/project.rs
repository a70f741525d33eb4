use std::fmt;

use super::tokens::Token;
use crate::workspace::{self, Workspace};

/// One breach of a rule: where it is, what it is, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    path: String,
    line: usize,
    message: String,
}

impl Fault {
    /// Names a fault at a line (from 1) of a file.
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// One text file of the project; Rust files come with their tokens.
pub(crate) struct File {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
    /// The tokens of a Rust file; empty for every other file.
    pub(crate) tokens: Vec<Token>,
    /// Why the Rust lexer refused the file, with the line.
    refusal: Option<(usize, String)>,
}

impl File {
    fn new(path: &str, text: String) -> Self {
        let (tokens, refusal) = if path.ends_with(".rs") {
            match super::tokens::tokenize(&text) {
                Ok(tokens) => (tokens, None),
                Err(refusal) => (Vec::new(), Some(refusal)),
            }
        } else {
            (Vec::new(), None)
        };
        Self { path: path.to_owned(), text, tokens, refusal }
    }

    /// True for a Rust source file.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// True where tests live: a `tests.rs` file or anything under a `tests/` folder.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.split('/').any(|part| part == "tests")
    }

    /// Returns a line (from 1), empty when there is none.
    pub(crate) fn line(&self, number: usize) -> &str {
        self.text.lines().nth(number.saturating_sub(1)).unwrap_or("")
    }

    /// Returns the first line (from 1) that holds `needle`, or 1.
    pub(crate) fn line_of(&self, needle: &str) -> usize {
        self.text.lines().position(|line| line.contains(needle)).map_or(1, |index| index + 1)
    }
}

/// Everything the rules read: the files, and what cargo says about the packages.
pub(crate) struct Project {
    files: Vec<File>,
    workspace: Option<Workspace>,
}

impl Project {
    /// Reads the checkout. Files that are not UTF-8 are left out: no rule reads them.
    pub(crate) fn load() -> Result<Self, String> {
        let root = workspace::root();
        let mut files = Vec::new();
        for path in workspace::files()? {
            let bytes = std::fs::read(root.join(&path)).map_err(|error| format!("{path}: {error}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File::new(&path, text));
            }
        }
        Ok(Self { files, workspace: Some(Workspace::load()?) })
    }

    /// Builds a project from pairs of path and text, without packages.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self {
            files: files.iter().map(|(path, text)| File::new(path, (*text).to_owned())).collect(),
            workspace: None,
        }
    }

    /// Adds packages, given as the JSON that cargo would print.
    #[cfg(test)]
    pub(crate) fn with_metadata(mut self, json: &str) -> Self {
        self.workspace = Some(serde_json::from_str(json).unwrap());
        self
    }

    /// Returns one file by path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Iterates over every text file.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// Iterates over the Rust files.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// Returns the packages as cargo sees them.
    pub(crate) fn workspace(&self) -> Option<&Workspace> {
        self.workspace.as_ref()
    }

    /// Returns a fault for each Rust file that cannot be split into tokens, and would escape the other rules.
    pub(crate) fn unreadable(&self) -> Vec<Fault> {
        self.files
            .iter()
            .filter_map(|file| {
                let (line, why) = file.refusal.as_ref()?;
                Some(Fault::new(&file.path, *line, format!("not readable as Rust: {why} (mend the syntax)")))
            })
            .collect()
    }

    /// Returns how many files were read.
    pub(crate) fn file_count(&self) -> usize {
        self.files.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_like_a_compiler_message() {
        assert_eq!(Fault::new("a/b.rs", 7, "no (yes)").to_string(), "a/b.rs:7: no (yes)");
    }

    #[test]
    fn a_rust_file_that_does_not_lex_is_a_fault() {
        let project = Project::of(&[("src/a.rs", "fn a() {}\n"), ("src/b.rs", "fn a() {\n")]);
        let faults = project.unreadable();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].to_string().starts_with("src/b.rs:"), "{}", faults[0]);
    }

    #[test]
    fn test_files_are_known_by_their_place() {
        for (path, expected) in [
            ("axess/core/src/a/tests.rs", true),
            ("axess/core/tests/flow.rs", true),
            ("axess/testing/src/lib.rs", false),
            ("axess/core/src/contests.rs", false),
        ] {
            assert_eq!(File::new(path, String::new()).is_test(), expected, "{path}");
        }
    }
}
